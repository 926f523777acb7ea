"""Lines: what becomes of a record, ours or another package's, before it is written.

Each function is a processor of structlog. Together they see every event whole: what was said, its
fields, the text of an exception and of a stack, the logger's name.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from manager.logs import Event, bound_fields
from manager.logs.secrets import remembered
from manager.redact import HIDDEN, hide, names_secret

# Bounds of one line, so that no object of anybody's makes one without end.
MAX_TEXT, MAX_ITEMS, MAX_DEPTH = 16_000, 100, 6
MAX_NUMBER = 10**30

# Where a record carries what it says: structlog would make text of it.
SAID = "said"

EventDict = MutableMapping[str, Any]
_SAFE_LINES = frozenset("\n\t")


def said(record: logging.LogRecord) -> Event | str:
    """What a record says; never raises."""
    if isinstance(record.msg, Event):
        return record.msg
    try:
        return record.getMessage()
    except Exception:  # its arguments do not fit, or cannot be shown
        return f"{_safely(lambda: str(record.msg))} {_safely(lambda: repr(record.args))}"


def with_fields(_: Any, __: str, event: EventDict) -> EventDict:
    """The event's name and fields, and those that are bound here."""
    message = getattr(event["_record"], SAID)
    more = bound_fields()
    if isinstance(message, Event):
        event["event"] = message.name
        more = more | message.fields
    else:
        event["event"] = message
    for name, value in more.items():
        event[name if name not in event and name != "_record" else f"{name}_"] = value
    return event


def with_origin(process: str) -> Callable[[Any, str, EventDict], EventDict]:
    """Which logger of which process says it."""

    def processor(_: Any, __: str, event: EventDict) -> EventDict:
        record = event["_record"]
        event["logger"] = record.name
        event["process"], event["pid"] = process, record.process
        return event

    return processor


def with_exception(_: Any, __: str, event: EventDict) -> EventDict:
    """An exception's and a stack's text as fields."""
    info = event.pop("exc_info", None)
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = _safely(lambda: "".join(traceback.format_exception(*info)).rstrip())
    if stack := event.pop("stack_info", None):
        event["stack"] = stack
    return event


def without_secrets(secrets: Iterable[str]) -> Callable[[Any, str, EventDict], EventDict]:
    """Plain values alone, without a secret, and without what could forge a line."""
    known = frozenset(secrets)

    def processor(_: Any, __: str, event: EventDict) -> EventDict:
        secret = known.union(remembered())
        return {
            _text(name, secret): (
                clean(str(value), secret, lines=True)
                if name in ("exception", "stack")
                else _field(name, value, secret)
            )
            for name, value in event.items()
        }

    return processor


def clean(text: str, secrets: Iterable[str] = (), *, lines: bool = False) -> str:
    """The text without secrets, with what is no plain character written out.

    lines: it may have several.
    """
    if len(text) > 4 * MAX_TEXT:  # a secret is not cut in two where the text is cut
        text = text[: 4 * MAX_TEXT]
        secrets = tuple(secrets)
        longest = max((len(it) for it in secrets), default=0)
        text = hide(text, secrets)[: -6 * longest or None] + "…"
    else:
        text = hide(text, secrets)
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    if text.isprintable():
        return text
    kept = _SAFE_LINES if lines else frozenset()
    return "".join(it if it.isprintable() or it in kept else _written_out(it) for it in text)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def _field(name: object, value: Any, secrets: frozenset[str], depth: int = 0) -> Any:
    if isinstance(name, str) and names_secret(name) and value is not None:
        return HIDDEN
    return _value(value, secrets, depth)


def _value(value: Any, secrets: frozenset[str], depth: int) -> Any:
    try:
        return _plain(value, secrets, depth)
    except Exception as error:  # anybody's own class may do anything
        return f"<{_name(type(value))}, which cannot be shown: {_name(type(error))}>"


def _plain(value: Any, secrets: frozenset[str], depth: int) -> Any:
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is int:
        if abs(value) <= MAX_NUMBER and str(value) not in secrets:
            return value
        return _text(value, secrets)
    if kind is float:
        return value if value - value == 0 else str(value)  # neither infinite nor no number
    if isinstance(value, bytes | bytearray | memoryview):
        return _text(bytes(value[: 4 * MAX_TEXT]).decode(errors="backslashreplace"), secrets)
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        pairs = list(value.items())[:MAX_ITEMS]
        made = {_text(name, secrets): _field(name, it, secrets, depth + 1) for name, it in pairs}
        return made | ({"…": f"{len(value) - MAX_ITEMS} more"} if len(value) > MAX_ITEMS else {})
    if (
        isinstance(value, Sequence | set | frozenset)
        and not isinstance(value, str)
        and depth < MAX_DEPTH
    ):
        items = [_value(it, secrets, depth + 1) for it in list(value)[:MAX_ITEMS]]
        return items + ([f"… {len(value) - MAX_ITEMS} more"] if len(value) > MAX_ITEMS else [])
    return _text(value, secrets)


def _text(value: object, secrets: Iterable[str]) -> str:
    return clean(_safely(lambda: str(value)), secrets)


def _safely(make: Callable[[], str]) -> str:
    try:
        return str(make())
    except Exception as error:
        return f"<cannot be shown: {_name(type(error))}>"


def _name(kind: type) -> str:
    return str(getattr(kind, "__name__", "an object"))
