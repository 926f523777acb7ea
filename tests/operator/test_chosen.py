"""Filters: what a URL's query or a command's options choose, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manager.errors import InvalidRequestError
from manager.operator.chosen import FILTERS, KINDS, SQL, Kind, choose
from tests.steps.driver import Driver

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ID = {"vendor_job": "batch_id"}


def ids(driver: Driver, kind: Kind, **asked: Any) -> list[Any]:
    """What a filter chooses, by its ids."""
    chosen = choose(kind, {name: str(value) for name, value in asked.items()})
    sql = f"SELECT c.{ID.get(kind, 'id')} FROM {getattr(SQL, kind)} c ORDER BY 1"
    return [row[0] for row in driver.rows(sql, **chosen.parameters)]


def metadata(**wanted: str) -> Mapping[str, Any]:
    """Such a filter, as the names of arguments cannot have dots."""
    return {f"metadata.{name}": value for name, value in wanted.items()}


def refused(kind: Kind, **asked: str) -> str:
    with pytest.raises(InvalidRequestError) as error:
        choose(kind, asked)
    return str(error.value)


@pytest.mark.integration
def test_jobs_by_each_filter(driver: Driver) -> None:
    kept = {"customer": {"id": 7}, "tags": ["night", "eu"]}
    request = driver.enqueue(2, tag="crm", metadata=kept)
    driver.drain()
    [merged] = ids(driver, "job")
    waiting = driver.packed(3, first=10, fields=("headcount.total",))
    lane = driver.job(merged).lane_id
    assert ids(driver, "job", state="merged") == [merged]
    assert ids(driver, "job", state="merged,packed") == sorted([merged, waiting])
    assert ids(driver, "job", account="test") == sorted([merged, waiting])
    assert ids(driver, "job", account="nobody") == []
    assert ids(driver, "job", endpoint="company/enrich", type="domains", lane=lane) == [merged]
    assert ids(driver, "job", type="names") == []
    assert ids(driver, "job", since="1h") == sorted([merged, waiting])
    assert ids(driver, "job", until="1h") == []
    assert ids(driver, "job", reason="LINGERED") == [waiting]
    assert ids(driver, "job", reason="%") == []
    assert ids(driver, "job", id=merged) == [merged]
    assert ids(driver, "job", id=str(waiting)[:20]) == [waiting]
    assert ids(driver, "job", id=f"{merged},{waiting}") == sorted([merged, waiting])
    assert ids(driver, "job", request=request.id) == [merged]
    assert ids(driver, "job", identifier="https://www.Company-0000001.example/about") == [merged]
    assert ids(driver, "job", identifier="company-0000010.example") == [waiting]
    assert ids(driver, "job", identifier="nobody.example") == []
    assert ids(driver, "job", **metadata(**{"customer.id": "7"}, tags="eu")) == [merged]
    assert ids(driver, "job", **metadata(tags="us")) == []
    assert ids(driver, "job", tag="crm") == [merged]


@pytest.mark.integration
def test_requests_by_each_filter(driver: Driver) -> None:
    done = driver.enqueue(2, metadata={"ticket": "A-1", "a.b": True})
    driver.drain()
    job = ids(driver, "job")[0]
    waiting = driver.enqueue(1, first=10, tag="crm")
    gone = driver.enqueue(1, first=20)
    gone.cancel()
    assert ids(driver, "request", open=1) == [waiting.id]
    assert ids(driver, "request", open=0) == sorted([done.id, waiting.id, gone.id])
    assert ids(driver, "request", state="open") == [waiting.id]
    assert ids(driver, "request", state="finished") == sorted([done.id, gone.id])
    assert ids(driver, "request", state="cancelled") == [gone.id]
    assert ids(driver, "request", state="failed") == []
    assert ids(driver, "request", account="test", endpoint="company/enrich", type="domains") == (
        sorted([done.id, waiting.id, gone.id])
    )
    assert ids(driver, "request", job=job) == [done.id]
    assert ids(driver, "request", identifier="company-0000010.example") == [waiting.id]
    assert ids(driver, "request", **metadata(ticket="A-1")) == [done.id]
    assert ids(driver, "request", **metadata(**{"a.b": "true"})) == [done.id]
    assert ids(driver, "request", **metadata(ticket="A-2")) == []
    assert ids(driver, "request", tag="crm") == [waiting.id]
    assert ids(driver, "request", since="1h", id=str(gone.id)[:23]) == [gone.id]


@pytest.mark.integration
def test_the_request_of_an_enrichment_that_is_bought_again_keeps_its_own_job(
    driver: Driver,
) -> None:
    first = driver.enqueue(1)
    driver.drain()
    [bought] = ids(driver, "job")
    again = driver.enqueue(1, max_age=0)
    waits_in = driver.packed()
    assert ids(driver, "job", request=first.id) == [bought]
    assert ids(driver, "job", request=again.id) == [waits_in]
    assert ids(driver, "job", identifier="company-0000000.example") == sorted([bought, waits_in])
    assert ids(driver, "request", job=bought) == [first.id]
    assert ids(driver, "request", job=waits_in) == [again.id]


@pytest.mark.integration
def test_enrichments_vendors_jobs_strays_and_lanes_by_their_filters(driver: Driver) -> None:
    request = driver.enqueue(2, unknown=1, metadata={"ticket": 5})
    job = driver.completed()
    driver.rewrite(job, lambda lines: [lines[0], lines[0]])
    driver.sandbox.foreign(identifier_count=7)
    driver.look_now()
    driver.drain()
    driver.enqueue(1, first=10, fields=("headcount.total",))
    assert len(ids(driver, "enrichment")) == 4
    assert len(ids(driver, "enrichment", job=job)) == 3
    assert len(ids(driver, "enrichment", request=request.id)) == 3
    assert len(ids(driver, "enrichment", **metadata(ticket="5"))) == 3
    assert len(ids(driver, "enrichment", state="not_found,pending")) == 3
    assert len(ids(driver, "enrichment", since="1h")) == 3
    assert len(ids(driver, "enrichment", identifier="STRANGER-0.example")) == 1
    some = ids(driver, "enrichment")[:2]
    assert ids(driver, "enrichment", id=",".join(map(str, some))) == some
    [ours] = ids(driver, "vendor_job", whose="ours")
    [other] = ids(driver, "vendor_job", whose="foreign,open", state="pending,processing")
    assert ids(driver, "vendor_job", job=job) == [ours]
    assert ids(driver, "vendor_job", id=other) == ids(driver, "vendor_job", id=other[:9]) == [other]
    assert ids(driver, "vendor_job", endpoint="person/enrich") == []
    [stray] = ids(driver, "stray", job=job)
    assert ids(driver, "stray", account="test", type="domains", since="1h", id=stray) == [stray]
    assert ids(driver, "stray", reason="no such reason") == []
    lanes = ids(driver, "lane", account="test", type="domains", endpoint="company/enrich")
    assert len(lanes) == 2
    assert ids(driver, "lane", id=lanes[1]) == lanes[1:]


def test_the_query_is_always_the_same_and_chooses_the_same() -> None:
    asked = {"reason": " no credits ", "metadata.b": "2", "state": "failed", "metadata.a": "1"}
    chosen = choose("job", asked | {"lane": ""}, NOW)
    assert chosen.query == "state=failed&reason=no+credits&metadata.a=1&metadata.b=2"
    assert choose("job", dict(parse_qsl(chosen.query)), NOW) == chosen
    assert chosen.but(state="", reason="").query == "metadata.a=1&metadata.b=2"


def test_a_span_of_time_can_be_held_to_its_moment() -> None:
    chosen = choose("request", {"since": "2h", "until": "30min"}, NOW)
    assert chosen.query == "since=2h&until=30min"
    assert chosen.parameters["since"] == NOW - timedelta(hours=2)
    fixed = choose("request", dict(parse_qsl(chosen.fixed.query)), NOW + timedelta(days=1))
    assert fixed.parameters == chosen.parameters


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("7d", NOW - timedelta(days=7)),
        ("2 w", NOW - timedelta(days=14)),
        ("2026-10-01", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01T08:30+02:00", datetime(2026, 10, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_times_are_spans_days_or_moments(written: str, meant: datetime) -> None:
    assert choose("job", {"since": written}, NOW).parameters["since"] == meant


def test_what_cannot_be_is_refused_by_name() -> None:
    assert refused("job", colour="red").startswith("'colour' is no filter of a job; there are: ")
    assert "metadata.KEY" in refused("job", colour="red")
    assert "is no filter of a stray" in refused("stray", **{"metadata.x": "1"})
    assert "is no filter of a job" in refused("job", **{"metadata.": "1"})
    assert refused("job", state="done").startswith("state: 'done' is not one of packed, ")
    assert refused("job", endpoint="company").startswith("endpoint: 'company' is not one of ")
    assert "neither a span such as" in refused("job", since="yesterday")
    assert "neither a span such as" in refused("job", until="999999999w")
    assert refused("job", id="stripe.com").startswith("id: 'stripe.com' is not an id")
    assert "each must be whole" in refused("job", id="0199,019a")
    assert "lane: " in refused("job", lane="4294967296")
    assert refused("enrichment", id="0").startswith("id: '0' is not a number")
    assert "without U+0000" in refused("job", reason="a\0b")
    assert refused("job", reason="\ud800") == "'reason': '\\ud800' is not text."
    assert refused("request", open="maybe") == "open: 'maybe' is neither 1 nor 0."


@given(st.sampled_from(KINDS), st.data())
def test_whatever_is_asked_is_read_or_refused_in_a_sentence(
    kind: Kind, data: st.DataObject
) -> None:
    names = [*FILTERS[kind], "metadata.k", "x"]
    asked = data.draw(st.dictionaries(st.sampled_from(names), st.text(max_size=40), max_size=3))
    try:
        chosen = choose(kind, asked)
    except InvalidRequestError:
        return
    assert choose(kind, dict(parse_qsl(chosen.query)), chosen.at) == chosen


@pytest.mark.integration
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.text(min_size=1))
def test_any_metadata_that_postgres_takes_is_found_again(
    driver: Driver, key: str, value: str
) -> None:
    try:
        chosen = choose("request", {f"metadata.{key}": value})
    except InvalidRequestError:
        return
    [(name, wanted)] = chosen.given.items()
    kept = json.dumps({name.removeprefix("metadata."): [wanted]})
    sql = "SELECT %(kept)s::jsonb @@ %(metadata)s::jsonpath"
    assert driver.value(sql, kept=kept, **chosen.parameters) is True
