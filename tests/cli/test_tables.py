"""Tables: in whatever width there is, numbers, states and times are whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.cli.tables import show_one, table
from manager.cli.width import beginnings, cells, cut, folded, packed

COLUMNS = (
    "job_id", "endpoint", "type", "state", "slot", "identifier_count", "result_count",
    "created_at", "why",
)  # fmt: skip


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    made = {
        "job_id": UUID(int=0x01A218C022B870198ABC000000000000 + (number << 80)),
        "endpoint": "company/enrich",
        "type": "domains",
        "state": "processing",
        "slot": 3,
        "identifier_count": 200_000,
        "result_count": 199_999,
        "created_at": datetime.now(UTC) - timedelta(hours=3),
        "why": "the vendor works on it",
    }
    return made | changes


LONG = "the vendor does not answer: 502 Bad Gateway, a page of HTML that a proxy has written " * 4


def test_into_a_pipe_nothing_is_cut() -> None:
    head, line = table([row(why=LONG)], COLUMNS, None)
    assert head.split() == [
        "job",
        "endpoint",
        "type",
        "state",
        "slot",
        "size",
        "results",
        "age",
        "why",
    ]
    assert line.endswith(LONG.strip())
    assert str(row()["job_id"]) in line


def test_one_long_reason_makes_nothing_else_vanish() -> None:
    head, line, short = table([row(why=LONG), row(2)], COLUMNS, 120)
    for value in ("company/enrich", "domains", "processing", " 3 ", "200,000", "199,999", "3 h"):
        assert value in line
        assert value in short
    assert line.endswith("…")
    assert short.endswith("the vendor works on it")
    assert max(map(cells, (head, line, short))) <= 120


def test_at_80_columns_the_reason_stands_below() -> None:
    head, *lines = table([row(why=LONG), row(2)], COLUMNS, 80)
    assert head.split() == ["job", "state", "slot", "size", "results", "age"]
    assert lines[0].split() == ["01a218c0-22b9", "processing", "3", "200,000", "199,999", "3", "h"]
    assert lines[1].startswith("    company/enrich  domains")
    assert [it for it in lines if it.startswith("01a218c0-22ba")]
    assert max(map(cells, lines)) <= 80


def test_at_40_columns_each_has_a_paragraph() -> None:
    lines = table([row(why=LONG)], COLUMNS, 40)
    text = "\n".join(lines)
    for value in ("job 01a218c0-22b9", "processing", "slot 3", "size 200,000", "results 199,999"):
        assert value in text
    assert max(map(cells, lines)) <= 40


def test_where_numbers_do_not_fit_each_has_its_title_and_the_row_its_name() -> None:
    names = ("period", "requests", "not_found", "fill", "wait_median", "size", "frees")
    values = ("2026-11-26", 3, 123, "92%", "4 s", "304.0 kB", None)
    lines = table([dict(zip(names, values, strict=True))], names, 40)
    assert " ".join("  ".join(lines).split()) == (
        "period 2026-11-26 requests 3 not found 123 fill 92% wait median 4 s size 304.0 kB"
    )


texts = st.text(max_size=60)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "job_id": st.uuids(),
            "endpoint": texts,
            "state": st.sampled_from(["merged", "processing", "submitting"]),
            "identifier_count": st.none() | st.integers(0, 10**9),
            "why": texts,
        }
    ),
    min_size=1,
    max_size=5,
)


@given(rows, st.integers(20, 200))
def test_no_line_is_too_wide_and_no_number_or_state_is_cut(
    listed: list[dict[str, Any]], width: int
) -> None:
    columns = ("job_id", "endpoint", "state", "identifier_count", "why")
    lines = table(listed, columns, width)
    text = "\n".join(lines)
    for it in listed:
        assert it["state"] in text
        if it["identifier_count"] is not None:
            assert f"{it['identifier_count']:,}" in text
    assert max(map(cells, lines)) <= width


@given(st.lists(st.uuids(), min_size=1, max_size=9, unique=True))
def test_shortened_ids_are_distinct_beginnings(ids: list[UUID]) -> None:
    whole = list(map(str, ids))
    short = beginnings(whole, 13)
    assert len(set(short)) == len(whole)
    assert all(long.startswith(it) for long, it in zip(whole, short, strict=True))


@given(st.text(), st.integers(2, 30))
def test_folding_leaves_nothing_out(text: str, width: int) -> None:
    lines = folded(text, width)
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")
    assert all(cells(it) <= width for it in lines)


@given(st.text(max_size=50), st.integers(2, 30))
def test_what_is_cut_fits_and_says_so(text: str, width: int) -> None:
    made = cut(text, width)
    assert cells(made) <= width
    assert made == text or made.endswith("…")


def test_wide_characters_take_two_columns() -> None:
    assert cells("企業") == 4
    assert cut("企業名", 5) == "企業…"
    assert packed(["a", "b", "ccc"], 4) == ["a  b", "ccc"]


def test_one_object_is_shown_without_what_it_has_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {"state": "merged", "error": None, "looks": 0, "why": LONG.strip()}
    monkeypatch.setenv("COLUMNS", "60")
    show_one(shown, as_json=False, notes={"looks": "in a row"})
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["state  merged", "looks  0  (in a row)"]
    assert all(cells(it) <= 60 for it in lines)
    monkeypatch.setenv("COLUMNS", "20")
    show_one({"a_long_name": "value"}, as_json=False)
    assert capsys.readouterr().out == "a_long_name\n    value\n"
