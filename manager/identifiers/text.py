"""Text as people paste it, made clean: what cannot be seen must not decide sameness."""

from __future__ import annotations

import re
import unicodedata

from manager.identifiers.values import plain, refusal

MAX_CHARACTERS = 2_000

# Unicode's Default_Ignorable_Code_Point, but for the two joiners, and for what selects a variant:
# some addresses have one.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"
# Scripts that have no use for a joiner: there it is left over from a web page.
_UNJOINED = ("LATIN", "GREEK", "CYRILLIC")
_WIDE = re.compile("[\uff01-\uff9f\uffe0-\uffee]+")


def text_of(value: object) -> str:
    """The text composed, without what cannot be seen, and without white space around it.

    Raises ValueError.
    """
    if type(value) is not str:
        value = plain(value)
        if not isinstance(value, str):
            raise refusal(value, "a string")
        value = str(value)
    text = value.strip()
    if not (text.isascii() and text.isprintable()):
        text = visible(text)
    if not text:
        raise ValueError("is empty")
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"is longer than {MAX_CHARACTERS:,} characters")
    return text


def visible(text: str) -> str:
    """The text composed, and without what cannot be seen. Raises ValueError."""
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\t\n\r\v\f\x85":
            raise ValueError(f"contains the character U+{ord(character):04X}")
    text = unicodedata.normalize("NFC", _narrow(_INVISIBLE.sub("", text)))
    if any(joiner in text for joiner in _JOINERS):
        text = unicodedata.normalize("NFC", _joined(text))
    return text.strip()


def _narrow(text: str) -> str:
    """Full-width letters and digits, as East Asian input methods write them, as usual ones."""
    return _WIDE.sub(lambda wide: unicodedata.normalize("NFKC", wide[0]), text)


def _joined(text: str) -> str:
    """Joiners are kept between two characters that they join: they spell words of some scripts."""
    kept: list[str] = []
    after = [it for it in text if it not in _JOINERS]
    for character in text:
        if character not in _JOINERS:
            kept.append(character)
            after.pop(0)
        elif kept and after and _may_join(kept[-1]) and _may_join(after[0]):
            kept.append(character)
    return "".join(kept)


def _may_join(character: str) -> bool:
    return (
        not character.isascii()
        and unicodedata.category(character)[0] in "LMS"
        and not unicodedata.name(character, "").startswith(_UNJOINED)
    )
