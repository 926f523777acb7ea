"""People's business e-mail addresses."""

from __future__ import annotations

import re
import unicodedata

from manager.identifiers.hosts import plain_host
from manager.identifiers.text import text_of
from manager.identifiers.types import Identifier

MAX_MAILBOX_BYTES = 64
# Unquoted; a quoted one may have anything in it, but nobody's is.
_MAILBOX = re.compile(r"""[^\s.@"(),:;<>\[\]\\]+(?:\.[^\s.@"(),:;<>\[\]\\]+)*\Z""")


def email(value: object) -> Identifier:
    """Case is no difference to any mail server there is, but what is sent keeps it.

    Raises ValueError.
    """
    text = text_of(value)
    mailbox, at, host = text.partition("@")
    if not at or "@" in host:
        raise ValueError("is not an e-mail address (it has not exactly one @)")
    if not _MAILBOX.match(mailbox) or len(mailbox.encode()) > MAX_MAILBOX_BYTES:
        raise ValueError("is not an e-mail address (what stands before the @ cannot be a mailbox)")
    try:
        host = plain_host(host)
    except ValueError as error:
        raise ValueError(f"is not an e-mail address (what follows the @ {error})") from None
    key = unicodedata.normalize("NFC", mailbox.casefold())
    return Identifier(f"{key}@{host}", f"{mailbox}@{host}")
