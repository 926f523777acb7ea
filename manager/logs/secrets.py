"""The secrets that a process knows, which no line of it may show."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, SecretStr

# Of what is secret for a moment only, such as a webhook's token, the last ones.
_lately: deque[str] = deque(maxlen=64)


def remember(secret: str) -> None:
    """A secret that has just been made."""
    _lately.append(secret)


def known_secrets(settings: BaseModel) -> frozenset[str]:
    """All that settings hold as a secret, however deep; of a URL its password, too."""
    return frozenset(found for it in _secret_values(settings) for found in _parts(it))


def remembered() -> Iterable[str]:
    """The secrets that were made lately."""
    return tuple(_lately)


def _secret_values(value: Any) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            for name in type(value).model_fields:
                yield from _secret_values(getattr(value, name))
        case Mapping():
            for it in value.values():
                yield from _secret_values(it)
        case list() | tuple() | set() | frozenset():
            for it in value:
                yield from _secret_values(it)


def _parts(secret: str) -> Iterator[str]:
    yield secret
    if password := re.search(r"://[^/\s]*?:(.*)@", secret):
        yield password[1]
        yield unquote(password[1])
    for _, value in re.findall(r"[?&](password|sslpassword)=([^&]*)", secret):
        yield value
        yield unquote(value)
