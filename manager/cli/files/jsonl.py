"""JSON: a value a line, or one array of values; of objects, one member of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from manager.cli.files.decode import MAX_RECORD, Text
from manager.cli.files.options import Found, Options
from manager.client.staging import Unusable
from manager.errors import InvalidRequestError

_DECODER = json.JSONDecoder()
SHOWN_MEMBERS = 20


def read(text: Text, options: Options, found: Found) -> Iterator[tuple[int, object]]:
    """(line, identifier) of each value. A member that an object lacks is missing."""
    found.column = options.column
    seen, values = False, 0
    for number, value in _values(text):
        values += 1
        if isinstance(value, dict):
            value, known = _member(value, options, text, number)
            seen |= known
        elif isinstance(value, list) and len(value) != 1:
            value = _element(value, options, text, number)
        else:
            seen = True
        yield number, value
    if values and not seen and options.column is not None and not options.column.isdigit():
        raise InvalidRequestError(
            f"{text.name}: no object has a member {options.column!r}; nothing was done."
        )


def _values(text: Text) -> Iterator[tuple[int, object]]:
    lines = (line for line in text.lines(MAX_RECORD) if line.strip())
    for line in lines:
        number = text.number
        if not line.lstrip().startswith("["):
            yield number, _parsed(line, text)
            for line in lines:
                yield text.number, _parsed(line, text)
            return
        try:
            value = json.loads(line)
        except json.JSONDecodeError:  # an array of several lines
            yield from _elements(chain([line], lines), text)
            return
        except RecursionError as error:
            raise text.error(f"is not JSON ({error})") from None
        second = next(lines, None)
        if second is None:  # an array of one line
            yield from ((number, it) for it in value)
            return
        yield number, value
        yield text.number, _parsed(second, text)
        for line in lines:
            yield text.number, _parsed(line, text)


def _parsed(line: str, text: Text) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise text.error(f"is not JSON ({error})") from None


def _elements(lines: Iterator[str], text: Text) -> Iterator[tuple[int, object]]:
    """The elements of an array, one by one, however it is spread over lines."""
    rest = next(lines).lstrip()[1:]
    number, after = text.number, False
    while True:
        rest = rest.lstrip()
        if not rest:
            line = next(lines, None)
            if line is None:
                raise text.error("is not JSON (the array does not end)")
            rest, number = line, text.number
            continue
        if rest.startswith("]"):
            if rest[1:].strip() or next(lines, None) is not None:
                raise text.error("is not JSON (something follows the array)")
            return
        if after:
            if not rest.startswith(","):
                raise text.error("is not JSON (a comma is missing)")
            rest, after = rest[1:], False
            continue
        try:
            value, end = _DECODER.raw_decode(rest)
        except RecursionError as error:
            raise text.error(f"is not JSON ({error})") from None
        except json.JSONDecodeError as error:
            line = next(lines, None) if not rest[error.pos :].strip() else None
            if line is None or len(rest) > MAX_RECORD:
                raise text.error(f"is not JSON ({error.msg})") from None
            rest += line
            continue
        yield number, value
        rest, after, number = rest[end:], True, text.number


def _member(item: dict[str, Any], options: Options, text: Text, number: int) -> tuple[object, bool]:
    """The member, and whether it is there; of one inside of others, the path is dotted."""
    if options.column in item:
        return item[options.column], True
    if options.column is not None:
        found: Any = item
        for name in options.column.split("."):
            if not isinstance(found, dict) or name not in found:
                return None, False
            found = found[name]
        return found, True
    shown = ", ".join(list(item)[:SHOWN_MEMBERS])
    raise text.error(f"is an object; name its member with --column: {shown}", number)


def _element(item: list[object], options: Options, text: Text, number: int) -> object:
    column = options.column
    if column is None:
        raise text.error(f"is an array of {len(item)}; number its element with --column 1", number)
    if not column.isdigit() or not 0 < int(column) <= len(item):
        return Unusable(item, f"is an array of {len(item)}, without an element {column}")
    return item[int(column) - 1]
