"""The first release beside the second: what it sends works, what it must not do it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from manager import Manager, Settings
from manager.ledger import migrate
from manager.ledger.connect import connect
from manager.steps.context import Context, Wake
from manager.steps.pack import pack
from manager.steps.resolve import resolve
from manager.steps.sweep import sweep
from tests.ledger.first_release import unpack

pytestmark = pytest.mark.integration

STATEMENT = re.compile(r"^-- name: (\w+): .+$", re.MULTILINE)
PLANNED = re.compile(r"(--.*\n)*\s*(\(?SELECT|WITH|INSERT|UPDATE|DELETE)")


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("first-release"))


@pytest.fixture
def statements(code: Path) -> dict[str, str]:
    """Every statement of the first release, by FILE.NAME, its parameters numbered."""
    found = {}
    for file in sorted((code / "manager/ledger/sql").glob("*.sql")):
        _, *parts = STATEMENT.split(file.read_text())
        for name, sql in zip(parts[::2], parts[1::2], strict=True):
            numbers: dict[str, str] = {}
            for parameter in re.findall(r"%\((\w+)\)s", sql):
                numbers.setdefault(parameter, f"${len(numbers) + 1}")
            sql = sql.replace("%(cap)s", "%(cap)s::integer")  # as psycopg sends it
            for parameter, number in numbers.items():
                sql = sql.replace(f"%({parameter})s", number)
            found[f"{file.stem}.{name}"] = sql.strip()
    assert len(found) > 80
    return found


@pytest.fixture
def first(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A connection of a worker of the first release."""
    with connect(settings, "x", application_name="enrichd worker a:1") as connection:
        yield connection


def refused(connection: psycopg.Connection[Any], statements: dict[str, str]) -> dict[str, str]:
    """The statements that Postgres cannot plan, and why."""
    connection.execute(statements["enqueue.create_staging"].replace("ON COMMIT DROP", "").encode())
    connection.execute(statements["merge.create_staging"].replace("ON COMMIT DROP", "").encode())
    found = {}
    for name, sql in statements.items():
        if PLANNED.match(sql):
            try:
                with connection.transaction():
                    connection.execute(f"EXPLAIN (GENERIC_PLAN) {sql}".encode())
            except psycopg.Error as error:
                found[name] = str(error)
    return found


def test_every_statement_of_the_first_release_still_works(
    settings: Settings, first: psycopg.Connection[Any], statements: dict[str, str]
) -> None:
    assert refused(first, statements) == {}
    first.execute("ALTER TABLE request DROP CONSTRAINT request_idempotency_key")
    first.execute("DROP TABLE enrichd_enqueue, enrichd_merge")
    assert refused(first, statements).keys() == {"enqueue.insert_request"}, "it can be told"


def packed(settings: Settings, endpoint: str) -> UUID:
    """A job of a person, or of a company."""
    people = {"identifier_type": "business_emails", "identifiers": ["a@b.com"]}
    companies = {"identifier_type": "domains", "identifiers": ["a.com"]}
    wanted: Any = companies if endpoint == "company/enrich" else people
    Manager(settings).enqueue(**wanted, endpoint=endpoint)
    with closing(Context(settings, "test")) as context:
        job_id = pack(context, context.accounts()[0])[0].job_id
    assert job_id
    return job_id


BEGIN = """
UPDATE job SET state = 'submitting', slot = 1, attempts = attempts + 1, submitting_at = now()
WHERE id = %s RETURNING id
"""
ACCEPTED = "UPDATE job SET state = 'pending', batch_id = 'b' WHERE id = %s RETURNING id"
COMPLETED = "UPDATE job SET state = 'completed', slot = NULL WHERE id = %s RETURNING id"
MERGED = "UPDATE job SET state = 'merged', ended_at = now() WHERE id = %s RETURNING id"
POLLED = "UPDATE job SET due_at = now() + interval '1 minute' WHERE id = %s RETURNING id"
HEARD = "UPDATE job SET due_at = now(), webhook_at = now() WHERE id = %s RETURNING id"


def test_it_passes_over_jobs_of_endpoints_that_it_does_not_know(
    settings: Settings, first: psycopg.Connection[Any]
) -> None:
    job_id = packed(settings, "person/enrich")
    with connect(settings, "test") as second:
        assert first.execute(BEGIN, [job_id]).rowcount == 0
        assert second.execute(BEGIN, [job_id]).rowcount == 1
        assert first.execute(POLLED, [job_id]).rowcount == 0
        assert first.execute(HEARD, [job_id]).rowcount == 1
        assert second.execute(ACCEPTED, [job_id]).rowcount == 1
        assert first.execute(COMPLETED, [job_id]).rowcount == 0
        assert second.execute(COMPLETED, [job_id]).rowcount == 1
        with pytest.raises(psycopg.errors.LockNotAvailable, match="not for the first release"):
            first.execute(MERGED, [job_id])
        assert second.execute(MERGED, [job_id]).rowcount == 1


def test_it_packs_the_lanes_that_it_knows_and_no_others(
    settings: Settings, first: psycopg.Connection[Any], statements: dict[str, str]
) -> None:
    Manager(settings).enqueue("business_emails", ["a@b.com"], endpoint="person/enrich")
    Manager(settings).enqueue("domains", ["a.com"])
    claim = statements["pack.claim"]
    numbers = re.findall(r"\$\d", claim)
    assert max(numbers) == "$6"
    order = dict(zip(("lane_id", "job_size", "job_id", "account_id", "lingered", "linger"),
                     sorted(set(numbers)), strict=True))  # fmt: skip
    lanes = first.execute("SELECT id, endpoint, account_id FROM lane ORDER BY id").fetchall()
    made = {}
    for lane_id, endpoint, account_id in lanes:
        sql = claim
        values = {"lane_id": lane_id, "job_size": 10, "job_id": "gen_random_uuid()",
                  "account_id": account_id, "lingered": "'x'", "linger": "'0'"}  # fmt: skip
        for name, number in order.items():
            sql = sql.replace(number, str(values[name]))
        made[endpoint] = first.execute(sql.encode()).rowcount
    assert made == {"person/enrich": 0, "company/enrich": 1}


def test_an_attempt_that_it_begins_has_nothing_of_the_last_one(
    settings: Settings, first: psycopg.Connection[Any]
) -> None:
    job_id = packed(settings, "company/enrich")
    first.execute(
        "UPDATE job SET unresolved_at = now(), unresolved_looks = 9, waits_for = 'x' WHERE id = %s",
        [job_id],
    )
    assert first.execute(BEGIN, [job_id]).rowcount == 1
    noted = first.execute("SELECT unresolved_at, unresolved_looks, waits_for FROM job").fetchone()
    assert noted == (None, 0, None)


LEFT = """
UPDATE job SET submitting_at = now() - interval '1 hour', looks = 9, error = 'x', due_at = now()
WHERE id = %s
"""


def test_what_it_has_looked_for_is_not_sent_again_before_the_second_release_has_looked(
    settings: Settings, first: psycopg.Connection[Any]
) -> None:
    job_id = packed(settings, "company/enrich")
    first.execute(BEGIN, [job_id])
    first.execute(LEFT, [job_id])
    with closing(Context(settings, "test")) as context:
        resolve(context, context.accounts()[0], job_id)
    left = first.execute("SELECT state, why FROM job").fetchone()
    assert left == ("submitting", "unresolved: not on the vendor's list yet")


def test_what_it_has_submitted_is_looked_for_at_once(
    settings: Settings, first: psycopg.Connection[Any]
) -> None:
    job_id = packed(settings, "company/enrich")
    first.execute("UPDATE account SET look_at = now() + interval '1 hour'")
    first.execute(BEGIN, [job_id])
    with closing(Context(settings, "test")) as context:
        account = context.accounts()[0]
        assert Wake("look", account.name) not in sweep(context, account), "it plans that itself"
        first.execute(ACCEPTED, [job_id])
        assert Wake("look", account.name) in sweep(context, account)


INSERT = """
INSERT INTO request (id, lane_id, idempotency_key, content_hash, max_age, total)
SELECT gen_random_uuid(), id, %s, '', '0', 1 FROM lane
ON CONFLICT (idempotency_key) DO NOTHING RETURNING id
"""
EARLIER = "SELECT id FROM request WHERE idempotency_key = %s"


def test_a_key_is_one_request_whoever_of_the_releases_comes_first(
    settings: Settings, first: psycopg.Connection[Any], statements: dict[str, str]
) -> None:
    assert "idempotency_key = $1" in statements["enqueue.by_idempotency_key"]
    manager = Manager(settings)
    ours = manager.enqueue("domains", ["a.com"], idempotency_key="ours")
    assert first.execute(INSERT, ["ours"]).rowcount == 0
    assert first.execute(EARLIER, ["ours"]).fetchone() == (ours.id,)
    assert first.execute(INSERT, ["theirs"]).rowcount == 1
    assert first.execute(INSERT, ["theirs"]).rowcount == 0
    [(theirs,)] = first.execute(EARLIER, ["theirs"]).fetchall()
    with pytest.raises(Exception, match=str(theirs)):  # it has other content
        manager.enqueue("domains", ["a.com"], idempotency_key="theirs")


def test_what_was_enqueued_before_is_found_by_its_key(settings: Settings) -> None:
    manager = Manager(settings)
    request = manager.enqueue("domains", ["a.com"], idempotency_key="k")
    migrate.downgrade(settings, "0001")
    migrate.upgrade(settings)
    assert manager.enqueue("domains", ["a.com"], idempotency_key="k").id == request.id


def test_a_pause_that_it_lifts_leaves_no_reason_behind(
    settings: Settings, first: psycopg.Connection[Any]
) -> None:
    first.execute(
        "UPDATE account SET paused_at = now(), paused_reason = 'x', paused_for = 'no_key'"
    )
    first.execute("UPDATE account SET paused_at = NULL, paused_reason = NULL")
    first.execute("UPDATE account SET paused_at = now(), paused_reason = 'by an operator'")
    assert first.execute("SELECT paused_for FROM account").fetchone() == (None,)
