"""CSV as foreign readers read it, and as no spreadsheet executes it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from manager import Manager, Settings
from manager.cli.results.csv import Writer
from manager.client.follow import Row
from manager.client.lines import inert
from manager.client.table import Table
from tests.cli.conftest import Call
from tests.client.settled import request_of

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
hard = st.sampled_from(
    ["", " ", "\r", "\n", "\r\n", "a\rb", '"', '""', "a,b", "\\", ";", "\t", "'", "null", "\x85"]
)


def written(values: list[Any], *, raw: bool, bom: bool = False) -> bytes:
    """The CSV of rows that have a field `v` of these values."""
    rows = [
        Row(n, f"id {n}", "fulfilled", "company/enrich", 1, json.dumps({"v": value}), None, None)
        for n, value in enumerate(values)
    ]
    file = io.BytesIO()
    table = Table("company/enrich", flatten=False, fields=["v"])
    Writer(raw=raw, bom=bom)(table, [rows], file)
    return file.getvalue()


@given(st.lists(texts | hard, max_size=5))
@example(["\r"])
@example([""])
def test_pythons_csv_reads_every_text_back(values: list[str]) -> None:
    content = written(values, raw=True).decode()
    read = list(csv.DictReader(io.StringIO(content, newline=""), strict=True))
    assert [row["v"] for row in read] == values


@given(st.lists(texts | hard, max_size=5))
def test_pandas_reads_every_text_back(values: list[str]) -> None:
    pandas = pytest.importorskip("pandas")
    content = io.BytesIO(written(values, raw=True))
    frame = pandas.read_csv(content, dtype=str, keep_default_na=False, engine="python")
    assert frame["v"].tolist() == values


@given(st.lists(texts | hard, max_size=5))
def test_polars_reads_every_text_back_and_tells_an_empty_one_from_none(values: list[str]) -> None:
    polars = pytest.importorskip("polars")
    content = written([*values, None, ""], raw=True)
    frame = polars.read_csv(content, infer_schema=False)
    assert frame["v"].to_list()[: len(values)] == values
    assert frame["v"].to_list()[len(values) :] == [None, ""]


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example","click")',
        "+1+1",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1)",
        "\t1",
        "\r1",
        "\n1",
        " =1+1",
        "\ufeff=1",
        "\u200b@x",
        "\u00a0=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "+1 415 555 2671",
        "-",
        "=",
    ],
)
def test_a_cell_that_a_spreadsheet_would_execute_has_an_apostrophe_before_it(text: str) -> None:
    assert inert(text) == f"'{text}"
    [row] = csv.DictReader(io.StringIO(written([text], raw=False).decode(), newline=""))
    assert row["v"] == f"'{text}"
    [row] = csv.DictReader(io.StringIO(written([text], raw=True).decode(), newline=""))
    assert row["v"] == text


@pytest.mark.parametrize(
    "text",
    [
        "-5",
        "+49",
        "-1.5",
        "1e-7",
        "a=b",
        "a-b",
        "x@y.example",
        "2024-01-31",
        "",
        "é",
        "https://x?a=b",
        "'",
    ],
)
def test_numbers_and_what_only_has_such_a_character_inside_stay(text: str) -> None:
    assert inert(text) == text


def test_numbers_of_a_record_stay_numbers() -> None:
    values = [-5, -1.5, True, 10**30]
    [*rows] = csv.DictReader(io.StringIO(written(values, raw=False).decode()))
    assert [row["v"] for row in rows] == ["-5", "-1.5", "true", str(10**30)]


@pytest.mark.parametrize("separator", [";", "\t", "|", "\n", "\r"])
@pytest.mark.parametrize("quote", ["", '"', " "])
def test_a_formula_is_inert_also_where_a_spreadsheet_splits_at_something_else(
    separator: str, quote: str
) -> None:
    """A German Excel splits at semicolons, so a quote that is not at its start ends nothing."""
    text = written([f"a{separator}{quote}=1+1"], raw=False).decode()
    for cell in text.replace('"', "").replace("\r", "\n").replace("\n", separator).split(separator):
        assert not cell.strip(" ,'").startswith("=") or "'" in cell


@given(texts)
def test_what_is_inert_begins_with_nothing_that_begins_a_formula(text: str) -> None:
    made = inert(text)
    assert made.replace("'", "") == text.replace("'", "")
    begins = made.lstrip(" \u00a0\u200b\ufeff\t\r\n")[:1]
    assert begins not in {*"=@＝＋－＠"} or begins == ""
    assert inert(made) == made


def test_identifiers_reasons_and_names_of_columns_are_cells_too(
    settings: Settings, alone: Call
) -> None:
    written = ["=cmd|' /C calc'!A0", "-@x"]
    request = Manager(settings).enqueue("names", written)
    inert = csv.DictReader(alone("results", str(request.id), "--format", "csv").out.splitlines())
    assert [row["identifier"] for row in inert] == [f"'{name}" for name in written]
    raw = alone("results", str(request.id), "--format", "csv", "--raw").out.splitlines()
    assert [row["identifier"] for row in csv.DictReader(raw)] == written

    request = request_of(settings, ['{"=1+1": 1, "a": {"@x": 2}}'])
    header = alone("results", str(request.id), "--format", "csv").out.splitlines()[0]
    assert header.endswith(",position,'=1+1,a.@x")


def test_chosen_fields_and_the_whole_record_can_be_columns(settings: Settings, alone: Call) -> None:
    request = request_of(settings, ['{"a": {"b": 1}, "c": "x"}', '{"a": 2}'])
    said = alone("results", str(request.id), "--format", "csv", "--fields", "c, a ,a.B")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [(row["c"], row["a"], row["a.B"]) for row in rows] == [
        ("x", '{"b": 1}', ""),
        ("", "2", ""),
    ]
    assert said.err == (
        "enrichd: fields: no record has 'a.B'; its column is empty. Did you mean 'a.b'?\n"
    )
    said = alone("results", str(request.id), "--format", "csv", "--no-flatten")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [json.loads(row["record"]) for row in rows] == [{"a": {"b": 1}, "c": "x"}, {"a": 2}]


def test_a_byte_order_mark_is_there_when_asked_for(settings: Settings, alone: Call) -> None:
    request = Manager(settings).enqueue("names", ["Müller"])
    assert alone("results", str(request.id), "--format", "csv", "--bom").out.startswith(
        "\ufeffidentifier,"
    )
    refused = alone("results", str(request.id), "--bom")
    assert (refused.code, refused.error) == (
        2,
        "enrichd: --raw and --bom are for CSV; the format is jsonl.",
    )


def test_jsonl_is_one_line_each_to_any_reader_and_exact(settings: Settings, alone: Call) -> None:
    number = "0.12345678901234567890123"
    record = f'{{"t": "a\u2028b\u2029c\u0085d", "n": {number}, "big": {10**30}}}'
    request = request_of(settings, [record])
    [line] = alone("results", str(request.id)).out.splitlines()
    assert r"a\u2028b\u2029c\u0085d" in line
    assert f'"n": {number}' in line
    assert json.loads(line)["record"]["t"] == "a\u2028b\u2029c\u0085d"
    [line] = alone("results", str(request.id), "--flatten").out.splitlines()
    assert list(json.loads(line))[6:] == ["big", "n", "t"]
    [line] = alone("results", str(request.id), "--fields", "t,nope").out.splitlines()
    assert {"t", "nope"} < set(json.loads(line))


@pytest.mark.parametrize(
    ("fields", "error"),
    [("a..b", "fields: 'a..b' is not a dotted path"), ('"a', "fields: '\"a' is not a dotted path")],
)
def test_what_is_no_path_is_named(settings: Settings, alone: Call, fields: str, error: str) -> None:
    request = Manager(settings).enqueue("names", ["Stripe"])
    done = alone("results", str(request.id), "--fields", fields)
    assert done.code == 2
    assert error in done.error
