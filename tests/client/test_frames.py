"""Results as Arrow tables and frames: every value as the record has it, whatever it is."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import warnings
from datetime import UTC
from typing import Any

import pytest

from manager import AsyncManager, ConfigurationError, InvalidRequestError, Manager, Settings
from manager.client import follow, frames
from tests.client.settled import INTERNAL, request_of, settle

pyarrow = pytest.importorskip("pyarrow", reason="the extra `arrow` is not installed")
pandas = pytest.importorskip("pandas", reason="the extra `pandas` is not installed")
polars = pytest.importorskip("polars", reason="the extra `polars` is not installed")

pytestmark = pytest.mark.integration
HEAD = ["identifier", "outcome", "company_id", "reason", "fetched_at", "position"]
HOSTILE = [
    '{"n": 1, "big": 9223372036854775808, "list": ["a"], "deep": {"x": {"y": true}}, "nil": null}',
    '{"n": 1.5, "big": 1, "list": [], "deep": {"x": "none"}, "nil": null, "day": "2024-01-31"}',
    '{"a.b": 1, "a": {"b": "2"}, "": 3, " x ": 4, "identifier": "me", "record": {"identifier": 5}}',
    '{"rounds": [{"usd": 1}, {"usd": 2.5}], "empty": {}, "mixed": 1, "position": -1}',
    '{"mixed": "1", "rounds": null, "n": null}',
    "[1, 2]",
    "null",
    "{}",
]


def test_the_record_is_one_column_of_json_text_with_a_stable_schema(settings: Settings) -> None:
    request = request_of(settings, HOSTILE)
    table = request.to_arrow()
    assert table.column_names == [*HEAD, "record"]
    assert [str(it) for it in table.schema.types] == [
        "string", "string", "int64", "string", "timestamp[us, tz=UTC]", "int64", "string",
    ]  # fmt: skip
    assert list(map(json.loads, table["record"].to_pylist())) == list(map(json.loads, HOSTILE))
    assert set(table["company_id"].to_pylist()) == {INTERNAL}
    results = list(request.results())
    assert table["position"].to_pylist() == [it.position for it in results]
    assert table["fetched_at"].to_pylist() == [
        it.fetched_at and it.fetched_at.astimezone(UTC) for it in results
    ]


@pytest.mark.filterwarnings("error")
def test_temporary_files_are_closed(settings: Settings) -> None:
    request = request_of(settings, HOSTILE)
    request.to_arrow(flatten=True)
    next(request.iter_arrow(fields=["n"]))


def test_flattened_every_path_of_any_record_is_a_column_that_loses_nothing(
    settings: Settings,
) -> None:
    table = request_of(settings, HOSTILE).to_arrow(flatten=True)
    found = {name: table[name].to_pylist() for name in table.column_names[len(HEAD) :]}
    types = {name: str(table.schema.field(name).type) for name in found}
    none = None
    assert found == {
        '""': [none, none, 3, *[none] * 5],
        '" x "': [none, none, 4, *[none] * 5],
        '"a.b"': [none, none, 1, *[none] * 5],
        "a.b": [none, none, "2", *[none] * 5],
        "big": ["9223372036854775808", "1", *[none] * 6],
        "day": [none, "2024-01-31", *[none] * 6],
        "deep.x": [none, "none", *[none] * 6],
        "deep.x.y": [True, *[none] * 7],
        "empty": [none, none, none, "{}", *[none] * 4],
        "list": [["a"], [], *[none] * 6],
        "mixed": [none, none, none, "1", '"1"', *[none] * 3],
        "n": [1.0, 1.5, *[none] * 6],
        "nil": [none] * 8,
        "record": [*[none] * 5, "[1, 2]", none, "{}"],
        "record.identifier": [none, none, "me", *[none] * 5],
        "record.position": [none, none, none, -1, *[none] * 4],
        "record.record.identifier": [none, none, 5, *[none] * 5],
        "rounds": [none, none, none, '[{"usd": 1}, {"usd": 2.5}]', *[none] * 4],
    }
    assert types["nil"] == "null"
    assert types["n"] == "double"
    assert types["list"] == "list<element: string>" or types["list"].startswith("list<")


def test_chosen_fields_are_columns_in_their_order_and_a_group_is_its_json(
    settings: Settings,
) -> None:
    table = request_of(settings, HOSTILE).to_arrow(fields=["deep.x.y", '"a.b"', "deep", "n", "n"])
    assert table.column_names == [*HEAD, "deep.x.y", '"a.b"', "deep", "n"]
    assert table["deep"].to_pylist()[:3] == ['{"x": {"y": true}}', '{"x": "none"}', None]
    assert table["n"].to_pylist()[:2] == [1.0, 1.5]


def test_both_flatten_what_is_below_the_chosen_fields(settings: Settings) -> None:
    table = request_of(settings, HOSTILE).to_arrow(flatten=True, fields=["deep", "a"])
    assert table.column_names == [*HEAD, "a.b", "deep.x", "deep.x.y"]


def test_a_field_that_no_record_has_is_empty_and_said_with_the_nearest_one(
    settings: Settings,
) -> None:
    request = request_of(settings, HOSTILE)
    with pytest.warns(UserWarning, match=r"no record has 'deep.x.z'.*Did you mean 'deep.x.y'\?"):
        table = request.to_arrow(fields=["deep.x.z", "n"])
    assert table["deep.x.z"].to_pylist() == [None] * len(HOSTILE)
    with pytest.warns(UserWarning, match="no record has 'nowhere'"):
        assert request.to_arrow(flatten=True, fields=["nowhere"]).column_names == HEAD


def test_pandas_keeps_integers_and_truth_values_beside_missing_ones(settings: Settings) -> None:
    frame = request_of(settings, ['{"n": 9007199254740993, "b": true, "t": "x"}', "{}"]).to_pandas(
        fields=["n", "b", "t"]
    )
    assert frame.dtypes[["company_id", "position", "n", "b"]].astype(str).to_dict() == {
        "company_id": "Int64", "position": "Int64", "n": "Int64", "b": "boolean",
    }  # fmt: skip
    assert frame["n"][0] == 9007199254740993
    assert frame["n"].isna().tolist() == [False, True]
    assert str(frame["fetched_at"].dt.tz) == "UTC"


def test_polars_has_the_types_that_arrow_has(settings: Settings) -> None:
    frame = request_of(settings, HOSTILE).to_polars(flatten=True)
    assert frame.schema["list"] == polars.List(polars.String)
    assert frame.schema["fetched_at"] == polars.Datetime("us", "UTC")
    assert frame["n"].to_list() == [1.0, 1.5, *[None] * 6]
    assert frame["deep.x.y"].to_list() == [True, *[None] * 7]


def test_what_has_no_record_says_why(settings: Settings) -> None:
    manager = Manager(settings)
    waiting = manager.enqueue("domains", ["waits.example", "waits.example"])
    assert waiting.to_arrow()["outcome"].to_pylist() == [None, None]
    waiting.cancel()
    frame = waiting.to_pandas(flatten=True)
    assert frame["outcome"].tolist() == ["cancelled"] * 2
    assert frame["reason"].tolist() == ["the request was cancelled"] * 2
    assert list(frame.columns) == HEAD


@pytest.mark.parametrize("options", [{}, {"flatten": True}, {"fields": ["a"]}])
def test_a_request_of_nothing_has_a_schema_all_the_same(
    settings: Settings, options: dict[str, Any]
) -> None:
    request = Manager(settings).enqueue("domains", [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        [batch] = request.iter_arrow(**options)
        assert request.to_polars(**options).columns[:6] == HEAD
    assert batch.num_rows == 0


def test_people_have_their_own_id(settings: Settings) -> None:
    people = ["https://www.linkedin.com/in/jo"]
    request = Manager(settings).enqueue(
        "professional_network_profile_urls", people, endpoint="person/enrich"
    )
    settle(settings, {"https://linkedin.com/in/jo": '{"crustdata_person_id": 5, "company_id": 6}'})
    table = request.to_arrow(flatten=True)
    assert table.column_names[2] == "person_id"
    assert table.column_names[6:] == ["company_id", "crustdata_person_id"]


@pytest.mark.parametrize("options", [{}, {"flatten": True}, {"fields": ["a", "b.c"]}])
def test_batches_are_bounded_and_pages_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    records = [json.dumps({"a": "x" * number, "b": {"c": number}}) for number in range(100)]
    request = request_of(settings, records)
    monkeypatch.setattr(frames, "ROWS", 7)
    monkeypatch.setattr(follow, "PAGE", 9)
    monkeypatch.setattr(follow, "PAGE_BYTES", 1_000)
    pages = list(request.pages())
    assert [row.position for page in pages for row in page] == list(range(100))
    assert max(map(len, pages)) == 9
    assert min(map(len, pages[:-1])) < 9
    batches = list(request.iter_arrow(**options))
    assert [batch.num_rows for batch in batches] == [7] * 14 + [2]
    table = pyarrow.Table.from_batches(batches)
    assert table["position"].to_pylist() == list(range(100))


def test_a_record_larger_than_a_page_may_be_comes_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of(settings, [json.dumps({"a": str(n) * 10_000}) for n in range(4)])
    monkeypatch.setattr(follow, "PAGE_BYTES", 1)
    assert [len(page) for page in request.pages()] == [1] * 4


def test_the_async_request_gives_the_same(settings: Settings) -> None:
    request = request_of(settings, HOSTILE)

    async def read() -> tuple[Any, Any, Any, list[Any]]:
        same = await AsyncManager(settings).request(request.id)
        return (
            await same.to_arrow(flatten=True),
            await same.to_pandas(fields=["n"]),
            await same.to_polars(),
            [batch async for batch in same.iter_arrow()],
        )

    arrow, pandas_frame, polars_frame, batches = asyncio.run(read())
    assert arrow.equals(request.to_arrow(flatten=True))
    assert pandas_frame.equals(request.to_pandas(fields=["n"]))
    assert polars_frame.equals(request.to_polars())
    assert pyarrow.Table.from_batches(batches).equals(request.to_arrow())


@pytest.mark.parametrize(
    ("method", "module", "extra"),
    [
        ("to_arrow", "pyarrow", "arrow"),
        ("iter_arrow", "pyarrow", "arrow"),
        ("to_pandas", "pandas", "pandas"),
        ("to_polars", "polars", "polars"),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_brings_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, method: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    request = Manager(settings).enqueue("domains", ["stripe.com"])
    with pytest.raises(ConfigurationError) as error:
        getattr(request, method)()
    assert f'python -m pip install "enrichment-manager[{extra}]"' in str(error.value)


def test_nothing_of_the_extras_is_loaded_before_it_is_asked_for() -> None:
    code = (
        "import sys, manager; "
        "sys.exit(any(name in sys.modules for name in ('pyarrow', 'pandas', 'polars', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("fields", ["a.b", [1], ["a..b"], [""]])
def test_what_is_no_field_path_is_refused_at_once(settings: Settings, fields: Any) -> None:
    request = Manager(settings).enqueue("domains", ["stripe.com"])
    with pytest.raises(InvalidRequestError, match=r"^fields"):
        request.iter_arrow(fields=fields)


def test_more_columns_than_a_table_may_have_are_refused_with_the_group_that_has_them(
    settings: Settings,
) -> None:
    wide = json.dumps({"by_day": {str(day): day for day in range(10_001)}, "n": 1})
    request = request_of(settings, [wide])
    with pytest.raises(InvalidRequestError, match="10,001 of them directly in 'by_day'"):
        request.to_arrow(flatten=True)
    assert request.to_arrow(fields=["n", "by_day"])["n"].to_pylist() == [1]


def test_numbers_that_python_cannot_hold_do_not_stop_the_reading(settings: Settings) -> None:
    huge, long = "1" + "0" * 5_000, "1" + "0" * 400 + ".5"
    request = request_of(settings, [f'{{"n": {huge}, "x": {long}}}'])
    [result] = request.results()
    assert result.record is not None
    assert (str(result.record["n"]), str(result.record["x"])) == (huge, long)
    assert request.to_arrow(flatten=True)["n"].to_pylist() == [huge]
