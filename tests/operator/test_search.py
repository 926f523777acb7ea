"""Search: one word, and all that is called so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from manager.errors import InvalidRequestError, NotFoundError
from manager.ledger.connect import Ledger
from manager.operator.ids import whole_id
from manager.operator.search import Found, search
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration


@pytest.fixture
def connection(driver: Driver) -> Iterator[Connection[Any]]:
    with Ledger(driver.context.settings, "test").connect() as made:
        yield made


def hits(found: Found) -> set[tuple[str, str, str]]:
    return {(it.kind, it.id, it.by) for it in found.hits}


def test_whatever_a_caller_or_the_vendor_has_called_it_is_found(
    driver: Driver, connection: Connection[Any]
) -> None:
    kept = {"ticket": {"id": "T-17"}, "n": 42}
    request = driver.enqueue(2, idempotency_key="night run", tag="crm", metadata=kept)
    job = driver.completed()
    batch = driver.job(job).batch_id
    request_id, job_id = str(request.id), str(job)
    for word, by in (
        (request_id, "id"),
        (request_id.upper(), "id"),
        (request_id[:20], "beginning of its id"),
        ("night run", "idempotency key"),
        ("crm", "tag"),
        ("T-17", "metadata"),
        ("42", "metadata"),
        ("ticket.id=T-17", "metadata ticket.id"),
    ):
        assert ("request", request_id, by) in hits(search(connection, word)), word
    assert ("job", job_id, "id") in hits(search(connection, f" {job_id}\n"))
    assert hits(search(connection, batch)) == {
        ("vendor_job", batch, "batch id"),
        ("job", job_id, "batch id"),
    }
    assert hits(search(connection, "test")) == {("account", "test", "name")}
    lane = str(driver.job(job).lane_id)
    assert ("lane", lane, "number") in hits(search(connection, f"lane {lane}"))
    assert ("job", job_id, "beginning of its id") in hits(search(connection, f"job:{job_id[:13]}"))
    assert hits(search(connection, "never heard of")) == set()


def test_what_happened_to_a_company_is_told_in_any_spelling(
    driver: Driver, connection: Connection[Any]
) -> None:
    driver.enqueue(1)
    driver.drain()
    driver.enqueue(1, max_age=0)
    waits = driver.packed()
    found = search(connection, "https://www.COMPANY-0000000.example/about")
    [known] = found.known
    assert known.record is not None
    assert known.age is not None
    assert known.waiting
    assert known.history is not None
    assert [it.event for it in known.history].count("requested") == 2
    assert waits in {it.job_id for it in known.history}
    [hit] = found.hits
    assert (hit.kind, hit.by) == ("enrichment", "identifier")
    assert hit.sentence.startswith("company-0000000.example: packed, company/enrich")


@pytest.mark.parametrize("word", ["", "  ", "a\0b", "x" * 2_001, "\ud800"])
def test_what_cannot_be_searched_for_is_refused(connection: Connection[Any], word: str) -> None:
    with pytest.raises(InvalidRequestError, match="Search for 1 to 2,000 characters"):
        search(connection, word)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.text(min_size=1, max_size=60))
def test_any_word_is_searched_for_or_refused(connection: Connection[Any], word: str) -> None:
    try:
        assert isinstance(search(connection, word), Found)
    except InvalidRequestError:
        assert not word.strip() or "\0" in word or not word.isprintable()


def test_the_beginning_of_an_id_stands_for_it_unless_it_begins_several(
    driver: Driver, connection: Connection[Any]
) -> None:
    first, second = driver.enqueue(1), driver.enqueue(1, first=10)
    one, two = str(first.id), str(second.id)
    same = next(n for n in range(36) if one[n] != two[n])
    assert whole_id(connection, "request", one[: same + 1]) == one
    assert whole_id(connection, "request", two.upper().replace("-", "")) == two
    with pytest.raises(InvalidRequestError) as error:
        whole_id(connection, "request", one[:4])
    assert one in str(error.value)
    assert two in str(error.value)
    for nothing in ("ffffffff", "stripe.com", "", f"{one},{two}", "\0"):
        with pytest.raises(NotFoundError, match="There is no request"):
            whole_id(connection, "request", nothing)
