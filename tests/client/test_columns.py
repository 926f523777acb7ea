"""What a caller may hand over: a column of any library; and what is no column, refused."""

from __future__ import annotations

import array
import hashlib
import io
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy

from manager import InvalidIdentifier, InvalidRequestError
from manager.client.staging import Staging, check_identifiers
from manager.identifiers import IdentifierType

IDS: IdentifierType = "crustdata_company_ids"
GAPS = [1, None, 3]
TEXTS = ["a.com", None, "b.com"]
FRAME = pd.DataFrame({"company": ["a.com"], "size": [1]})
TABLE = pa.table({"company": ["a.com"], "size": [1]})


def staged(identifier_type: IdentifierType, column: Any) -> tuple[list[str], dict[int, str]]:
    """What is written of it in the ledger, and what is refused: where, and why."""
    check_identifiers(identifier_type, column)
    staging = Staging(identifier_type, column, hashlib.sha256())
    written = [value for _, _, _, value in staging.rows()]
    return written, {bad.position: bad.reason for bad in staging.invalid}


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pd.Series(GAPS), id="pandas float64"),
        pytest.param(pd.Series(GAPS, dtype="Int64"), id="pandas Int64"),
        pytest.param(pd.Series(GAPS, dtype="int64[pyarrow]"), id="pandas on Arrow"),
        pytest.param(pd.Series(GAPS, dtype=object), id="pandas object"),
        pytest.param(pd.Series(GAPS, dtype="category"), id="pandas category"),
        pytest.param(pd.Index(GAPS), id="pandas Index"),
        pytest.param(pd.array(GAPS), id="pandas array"),
        pytest.param(np.array([1, np.nan, 3]), id="numpy"),
        pytest.param(np.array(GAPS, dtype=object), id="numpy object"),
        pytest.param(
            np.ma.masked_array([1, 2, 3], mask=np.array([False, True, False])), id="numpy masked"
        ),
        pytest.param(pl.Series(GAPS), id="polars"),
        pytest.param(pl.Series([1.0, float("nan"), 3.0]), id="polars float"),
        pytest.param(pa.array(GAPS), id="Arrow"),
        pytest.param(pa.chunked_array([[1], [None, 3]]), id="Arrow, chunked"),
        pytest.param(pa.array(GAPS).dictionary_encode(), id="Arrow, of a dictionary"),
        pytest.param([np.int64(1), pd.NaT, np.float32(3)], id="a list of scalars"),
        pytest.param([Decimal(1), Decimal("nan"), Decimal("3.0")], id="a list of decimals"),
        pytest.param(((it,) for it in GAPS), id="rows of one value"),
    ],
)
def test_whole_numbers_are_ids_and_gaps_are_missing(column: Any) -> None:
    assert staged(IDS, column) == (["1", "3"], {1: "is missing"})


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pd.Series(TEXTS), id="pandas"),
        pytest.param(pd.Series(TEXTS, dtype="string"), id="pandas string"),
        pytest.param(pd.Series(TEXTS, dtype="string[pyarrow]"), id="pandas on Arrow"),
        pytest.param(pd.Series(["a.com", pd.NA, "b.com"], dtype=object), id="pandas NA"),
        pytest.param(pd.Series(TEXTS, dtype="category"), id="pandas category"),
        pytest.param(np.array(TEXTS, dtype=object), id="numpy object"),
        pytest.param(pl.Series(TEXTS), id="polars"),
        pytest.param(pl.Series(TEXTS, dtype=pl.Categorical), id="polars categorical"),
        pytest.param(pa.array(TEXTS), id="Arrow"),
        pytest.param(pa.array(TEXTS, pa.large_string()), id="Arrow large"),
        pytest.param(pa.table({"d": TEXTS})["d"], id="Arrow column"),
        pytest.param(pd.DataFrame({"d": TEXTS}).itertuples(index=False), id="pandas rows"),
        pytest.param(pl.DataFrame({"d": TEXTS}).iter_rows(), id="polars rows"),
        pytest.param(deque(TEXTS), id="deque"),
        pytest.param({1: "a.com", 2: None, 3: "b.com"}.values(), id="values of a dict"),
    ],
)
def test_texts_are_taken_and_gaps_are_missing(column: Any) -> None:
    assert staged("domains", column) == (["a.com", "b.com"], {1: "is missing"})


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(np.array(["a.com", "b.com"]), id="numpy"),
        pytest.param(np.array([("a.com",), ("b.com",)], dtype=[("d", "U5")])["d"], id="a field"),
        pytest.param(io.StringIO("a.com\r\nb.com\n"), id="lines of an open file"),
        pytest.param({"b.com", "a.com"}, id="a set, sorted"),
        pytest.param({"a.com": 1, "b.com": 2}.keys(), id="keys of a dict"),
        pytest.param([["a.com"], ["b.com"]], id="lists of one"),
    ],
)
def test_what_else_holds_texts_is_a_column(column: Any) -> None:
    assert staged("domains", column) == (["a.com", "b.com"], {})


def test_rows_of_a_database_are_a_column() -> None:
    connection = sqlite3.connect(":memory:")
    assert staged("domains", connection.execute("SELECT 'a.com'")) == (["a.com"], {})
    connection.row_factory = sqlite3.Row
    assert staged("domains", connection.execute("SELECT 'a.com'")) == (["a.com"], {})
    with sqlalchemy.create_engine("sqlite://").connect() as other:
        assert staged("domains", other.execute(sqlalchemy.text("SELECT 'a.com'"))) == (
            ["a.com"],
            {},
        )


async def asynchronous() -> AsyncIterator[str]:
    yield "a.com"


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        (FRAME, "must be one column, not DataFrame; pass one: df['company'] (of company, size)"),
        (FRAME[["company"]], "must be one column, not DataFrame; pass one: df['company']"),
        (pl.DataFrame({"company": ["a.com"]}), "pass one: df['company']"),
        (pl.LazyFrame({"company": ["a.com"]}), "pass one: df.collect()['company']"),
        (TABLE, "must be one column, not Table; pass one: df['company']"),
        (TABLE.to_batches()[0], "must be one column, not RecordBatch"),
        (TABLE.to_reader(), "must be one column, not RecordBatchReader"),
        (np.array([["a.com"]]), "must be one column, not a 2-dimensional ndarray"),
        (np.array([("a.com", 1)], dtype=[("d", "U5"), ("n", "i4")]), "pass one: df['d']"),
        (pd.MultiIndex.from_tuples([("a", "b")]), "pass one: index.get_level_values(0)"),
        (FRAME.groupby("company"), "must be one column"),
        (np.array(5), "not ndarray"),
        (np.int64(5), "not int64"),
        (pa.scalar("a.com"), "not StringScalar"),
        ({"a.com": 1}, "not dict; pass list(d) or d.values()"),
        ("a.com", "not str; pass one as a list: ['a.com']"),
        (b"a.com", "not bytes; decode it"),
        (bytearray(b"a.com"), "not bytearray; decode it"),
        (Path("a.txt"), "not a path; open the file and pass it, or use `enrichd enqueue FILE`"),
        (io.BytesIO(b"a.com"), "open it without 'b'"),
        (5, "not int"),
        (None, "not NoneType"),
        (list, "not type"),
        (asynchronous(), "collect them first: [it async for it in …]"),
    ],
)
def test_what_is_no_column_is_refused_with_the_sentence_that_helps(
    value: Any, refusal: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_identifiers("domains", value)
    assert refusal in str(refused.value)
    assert str(refused.value).startswith("identifiers must ")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (3.5, "is not a positive integer"),
        (np.float64(3.5), "is not a positive integer"),
        (True, "must be a positive integer, not bool"),
        (np.bool_(True), "must be a positive integer, not bool"),
        (date(2026, 1, 1), "must be a positive integer, not a date or time"),
        (pd.Timestamp("2026-01-01"), "must be a positive integer, not a date or time"),
        (np.datetime64("2026-01-01"), "must be a positive integer, not a date or time"),
        (b"5", "must be a positive integer, not bytes; decode it first"),
        ((5, 6), "a row of 2 values"),
        ({"id": 5}, "not a mapping"),
        (pl.Series([5, 6]), "a row of 2 values"),
        (object(), "must be a positive integer, not object"),
    ],
)
def test_a_value_that_cannot_be_an_id_is_refused_with_the_reason(value: Any, reason: str) -> None:
    written, refused = staged(IDS, [7, value])
    assert written == ["7"]
    assert reason in refused[1]


def test_a_column_is_read_one_by_one() -> None:
    def values() -> Iterable[str]:
        yield "a.com"
        raise AssertionError("nobody has asked for a second")

    rows = Staging("domains", values(), hashlib.sha256()).rows()
    assert next(rows)[3] == "a.com"


def test_arrays_of_the_standard_library_are_columns() -> None:
    assert staged(IDS, array.array("q", [5, 6])) == (["5", "6"], {})


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([5, 16_777_218], dtype="float32"),
        pd.Series([5, 16_777_218], dtype="Float32"),
        pd.Series([5.0, 16_777_218.0], dtype="float[pyarrow]"),
        pl.Series([5, 16_777_218], dtype=pl.Float32),
        pa.array([5.0, 16_777_218.0], pa.float32()),
        np.array([5, 16_777_218], np.float32),
        np.array([5, 2_050], np.float16),
        list(np.array([5, 16_777_218], np.float32)),
    ],
    ids=lambda it: type(it).__name__,
)
def test_an_id_that_a_narrow_float_has_rounded_is_refused(column: Any) -> None:
    written, refused = staged(IDS, column)
    assert written == ["5"]
    assert "too large to be exact" in refused[1]


@pytest.mark.parametrize("type", ["float32", "Float32", "float64", "Float64", "float[pyarrow]"])
def test_ids_that_any_float_has_exactly_are_taken(type: str) -> None:
    column = pd.Series([5.0, 2.0**24 if "64" not in type else 2.0**53], dtype=type)
    assert staged(IDS, column)[1] == {}


def test_a_value_that_cannot_be_written_is_named_by_its_type() -> None:
    with pytest.raises(ValueError, match="digits"):
        repr(10**5_000)
    _, refused = staged(IDS, [10**5_000])
    assert str(InvalidIdentifier(0, 10**5_000, refused[0])).startswith(
        "position 0: a value of type int is "
    )
