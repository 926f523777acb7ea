"""Companies' names."""

from __future__ import annotations

import re
import unicodedata

from manager.identifiers.text import text_of
from manager.identifiers.types import Identifier

MAX_NAME_CHARACTERS = 500
# What selects a variant of the character before it, of an emoji mostly.
_VARIANTS = re.compile("[\ufe00-\ufe0f]")
# What spreadsheets write where a formula failed.
_ERRORS = {"#n/a", "#ref!", "#value!", "#name?", "#div/0!", "#null!", "#num!"}


def name(value: object) -> Identifier:
    """White space is one space, letter case is no difference; a final dot is. Raises ValueError."""
    text = text_of(value)
    if _VARIANTS.search(text):  # without them a joiner may have nothing to join
        text = text_of(_VARIANTS.sub("", text))
    text = " ".join(text.split())
    if len(text) > MAX_NAME_CHARACTERS:
        raise ValueError(f"is longer than {MAX_NAME_CHARACTERS} characters")
    key = unicodedata.normalize("NFC", text.casefold())
    if key in _ERRORS:
        raise ValueError("is a spreadsheet's error, not a name")
    return Identifier(key, text)
