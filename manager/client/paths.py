"""Field paths: how a place in a record is written, and what stands there.

A path is the names of the members on the way, joined by dots: `headcount.total`. A name that would
not stand so for itself (it is empty, has a dot, a comma, a quote, white space at an end, or what
cannot be printed) is written as a JSON string: `labels."a.b"`. So each place has one path, and
each path one place. Values stay the text that they are in the record.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec

from manager.client.record import members
from manager.errors import InvalidRequestError, quoted

MAX_PATH = 1_000
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_PLAIN = re.compile(r'[^".,\s](?:[^".,]*[^".,\s])?')


@lru_cache(10_000)
def written(name: str) -> str:
    """One member's name as a path has it."""
    if _PLAIN.fullmatch(name) and name.isprintable():
        return name
    return json.dumps(name, ensure_ascii=not name.isprintable())


def names(path: str) -> tuple[str, ...]:
    """The names on the way of a path. Raises InvalidRequestError."""
    found = []
    place = 0
    while len(path) <= MAX_PATH:
        part = _QUOTED.match(path, place) or _PLAIN.match(path, place)
        if part is None:
            break
        text = part.group()
        try:
            found.append(json.loads(text) if text.startswith('"') else text)
        except ValueError:
            break
        place = part.end()
        if place == len(path):
            return tuple(found)
        if path[place] != ".":
            break
        place += 1
    raise InvalidRequestError(
        f"fields: {path[:80]!r} is not a dotted path such as 'headcount.total'; a name with a dot, "
        "a comma or a space at its end stands in double quotes."
    )


def split(text: str) -> list[str]:
    """The paths of a comma-separated list; a comma inside double quotes separates nothing."""
    parts = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^",]|")+', text)
    return [part.strip() for part in parts if part.strip()]


def canonical(paths: Sequence[str]) -> list[str]:
    """The paths, each once and as `written` has it. Raises InvalidRequestError."""
    if (
        isinstance(paths, str)
        or not isinstance(paths, Iterable)
        or not all(isinstance(path, str) for path in paths)
    ):
        raise InvalidRequestError(f"fields must be a list of dotted paths, not {quoted(paths)}.")
    return list(dict.fromkeys(".".join(map(written, names(path))) for path in paths))


def leaves(record: bytes, path: str = "") -> Iterator[tuple[str, bytes]]:
    """The path and value of all that is no object with members; of no object at all, path ""."""
    found = members(record)
    if not found:
        yield path, record
        return
    for name, raw in found.items():
        value = bytes(raw)
        below = f"{path}.{written(name)}" if path else written(name)
        if value.startswith(b"{"):
            yield from leaves(value, below)
        else:
            yield below, value


def values(record: bytes, places: Sequence[tuple[str, ...]]) -> list[bytes | None]:
    """What stands at each place: an object as its JSON, None where nothing does."""
    opened: dict[tuple[str, ...], dict[str, msgspec.Raw]] = {(): members(record) or {}}
    return [_value(place, opened) for place in places]


def _value(
    place: tuple[str, ...], opened: dict[tuple[str, ...], dict[str, msgspec.Raw]]
) -> bytes | None:
    """Each object is opened once, however many places are in it."""
    for depth in range(1, len(place)):
        way = place[:depth]
        if way not in opened:
            raw = opened[way[:-1]].get(way[-1])
            opened[way] = (members(raw) if raw is not None else None) or {}
    value = opened[place[:-1]].get(place[-1])
    return None if value is None else bytes(value)


def is_below(path: str, group: str) -> bool:
    """Whether the path is this one, or leads through the object there."""
    return path == group or path.startswith(f"{group}.")


def groups_of(path: str) -> Iterator[str]:
    """The path itself, and those of the objects that it leads through."""
    way: list[str] = []
    for name in names(path):
        way.append(written(name))
        yield ".".join(way)


def nearest(path: str, known: Collection[str]) -> str | None:
    """The known path that the writer of an unknown one may have meant."""
    close = difflib.get_close_matches(path.casefold(), {it.casefold(): it for it in known}, n=1)
    if close:
        return next(it for it in known if it.casefold() == close[0])
    last = path.rpartition(".")[2]
    return next((it for it in sorted(known) if it.rpartition(".")[2] == last), None)
