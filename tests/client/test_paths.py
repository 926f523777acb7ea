"""Field paths: each place in a record has one, and each path one place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager import InvalidRequestError
from manager.client import paths

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(
    ["", ".", "a.b", '"', "a,b", " a", "a ", "record", "0", "\u2028", "é", "a b", '"a"', "\\"]
)
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers() | floats | st.text()
records = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


def jsonb(value: Any) -> bytes:
    """As the ledger gives it: no NUL, no surrogates."""
    text = json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace")


@given(st.lists(names, min_size=1, max_size=4))
def test_a_path_is_written_and_read_back(way: list[str]) -> None:
    path = ".".join(map(paths.written, way))
    if len(path) <= paths.MAX_PATH:
        assert paths.names(path) == tuple(way)
        assert paths.canonical([path]) == [path]
        assert paths.split(f"a, {path},b.c") == ["a", path, "b.c"]
        assert [*paths.groups_of(path)][-1] == path


@given(st.dictionaries(names, records, max_size=5))
def test_the_leaves_hold_all_that_is_in_a_record(record: dict[str, Any]) -> None:
    found = list(paths.leaves(jsonb(record)))
    assert len({path for path, _ in found}) == len(found)
    rebuilt: Any = {}
    for path, value in found:
        place = rebuilt
        *way, last = paths.names(path) if path else [None]
        if last is None:
            rebuilt = json.loads(value)
            continue
        for name in way:
            place = place.setdefault(name, {})
        place[last] = json.loads(value)
    assert rebuilt == json.loads(jsonb(record))
    places = [paths.names(path) for path, _ in found if path]
    assert paths.values(jsonb(record), places) == [value for path, value in found if path]


def test_an_object_in_the_way_is_its_json_and_nothing_is_nothing() -> None:
    record = b'{"a": {"b": {"c": 1}}, "d": null, "e": [1], "f": "x"}'
    wanted = ["a", "a.b", "a.b.c", "a.x", "a.b.c.d", "d", "e", "e.f", "f.g", "x"]
    found = paths.values(record, [paths.names(path) for path in wanted])
    assert found == [
        b'{"b": {"c": 1}}', b'{"c": 1}', b"1", None, None, b"null", b"[1]", None, None, None
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", 'a"b', '"a', "a,b", "x" * 1_001])
def test_what_is_no_path_is_named(path: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a dotted path such as"):
        paths.canonical([path])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("headcount.totl", "headcount.total"),
        ("Headcount.Total", "headcount.total"),
        ("total", "headcount.total"),
        ("fundng", "funding"),
        ("zzz", None),
    ],
)
def test_a_misspelt_path_has_a_nearest_one(written: str, meant: str | None) -> None:
    known = {"headcount", "headcount.total", "funding", "funding.rounds"}
    assert paths.nearest(written, known) == meant
