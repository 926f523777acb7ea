"""Rekey: keys that an earlier release has written follow today's rules, where they can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from manager import IdentifierType, Manager, Settings
from manager.ledger import migrate, rekey
from manager.ledger.connect import Ledger
from manager.ledger.execute import execute, one

pytestmark = pytest.mark.integration

URLS: IdentifierType = "professional_network_profile_urls"
OLD = "https://uk.linkedin.com/company/Stripe/about"
NEW = "https://linkedin.com/company/stripe"
RESULT = "linkedin.com/company/stripe"


@pytest.fixture
def ledger(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """The ledger of an earlier release, whose rules have not been replaced yet."""
    with Ledger(settings, "test").connect() as connection:
        connection.execute("UPDATE ledger SET key_rules = 1")
        yield connection


def enrichments(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Each key, and what is sent."""
    found = connection.execute("SELECT key, identifier FROM enrichment ORDER BY id").fetchall()
    return [(key, identifier) for key, identifier in found]


def rules(connection: psycopg.Connection[Any]) -> int:
    """By which the keys are."""
    row = connection.execute("SELECT key_rules FROM ledger").fetchone()
    assert row
    return int(row[0])


def write(connection: psycopg.Connection[Any], identifier: str, was: str) -> None:
    """As an earlier release wrote it."""
    connection.execute(
        "UPDATE enrichment SET key = %s, identifier = %s WHERE identifier = %s",
        [identifier, identifier, was],
    )


@pytest.mark.parametrize("state", ["pending", "fulfilled", "not_found", "cancelled"])
def test_an_old_key_is_rewritten_and_found_again(
    settings: Settings, ledger: psycopg.Connection[Any], state: str
) -> None:
    manager = Manager(settings)
    manager.enqueue(URLS, [RESULT])
    write(ledger, OLD, NEW)
    if state != "pending":
        ledger.execute("SET session_replication_role TO replica")
        ledger.execute("UPDATE enrichment SET state = %s, settled_at = now()", [state])
    migrate.upgrade(settings)
    assert enrichments(ledger) == [(NEW, NEW)]
    assert rules(ledger) == rekey.RULES
    manager.enqueue(URLS, ["https://de.linkedin.com/company/STRIPE/"])
    assert len(enrichments(ledger)) == 1


def test_two_that_are_one_by_now_stay_two_and_the_newest_result_is_found(
    settings: Settings, ledger: psycopg.Connection[Any]
) -> None:
    Manager(settings).enqueue(URLS, [f"linkedin.com/company/{it}" for it in "abc"])
    for was, now in zip("abc", ["", "/posts", "/about"], strict=True):
        write(ledger, f"https://uk.linkedin.com/company/Stripe{now}", f"{NEW[:-6]}{was}")
    ledger.execute("SET session_replication_role TO replica")
    ledger.execute(
        "UPDATE enrichment SET state = 'fulfilled', settled_at = now() WHERE key LIKE '%%/posts'"
    )
    migrate.upgrade(settings)
    assert [key for key, _ in enrichments(ledger)] == [
        "https://uk.linkedin.com/company/Stripe",
        NEW,
        "https://uk.linkedin.com/company/Stripe/about",
    ]
    assert rules(ledger) == rekey.RULES


def test_a_key_that_is_taken_is_left_alone(
    settings: Settings, ledger: psycopg.Connection[Any]
) -> None:
    manager = Manager(settings)
    manager.enqueue(URLS, ["linkedin.com/company/a"])
    write(ledger, OLD, "https://linkedin.com/company/a")
    manager.enqueue(URLS, [RESULT])
    migrate.upgrade(settings)
    assert enrichments(ledger) == [(OLD, OLD), (NEW, NEW)]


def test_what_is_in_a_job_is_left_until_a_later_time(
    settings: Settings, ledger: psycopg.Connection[Any]
) -> None:
    manager = Manager(settings)
    manager.enqueue(URLS, [RESULT])
    write(ledger, OLD, NEW)
    ledger.execute("SET session_replication_role TO replica")
    ledger.execute(
        "UPDATE enrichment SET state = 'packed', job_id = '01a20eff-d380-735e-a13e-eab9483946d5'"
    )
    migrate.upgrade(settings)
    assert (enrichments(ledger), rules(ledger)) == ([(OLD, OLD)], 1)
    ledger.execute("UPDATE enrichment SET state = 'not_found', job_id = NULL, settled_at = now()")
    migrate.upgrade(settings)
    assert (enrichments(ledger), rules(ledger)) == ([(NEW, NEW)], rekey.RULES)


def test_what_was_packed_after_it_was_read_stays(
    settings: Settings, ledger: psycopg.Connection[Any]
) -> None:
    Manager(settings).enqueue(URLS, [RESULT])
    write(ledger, OLD, NEW)
    ledger.execute("SET session_replication_role TO replica")
    ledger.execute(
        "UPDATE enrichment SET state = 'packed', job_id = '01a20eff-d380-735e-a13e-eab9483946d5'"
    )
    read = {"ids": one(ledger, "SELECT ARRAY[id] FROM enrichment", list, {})}
    assert execute(ledger, rekey.SQL.rekey, read | {"keys": [NEW], "identifiers": [NEW]}) == 0
    assert enrichments(ledger) == [(OLD, OLD)]


def test_what_another_holds_is_left_until_a_later_time(
    settings: Settings, ledger: psycopg.Connection[Any]
) -> None:
    Manager(settings).enqueue(URLS, [RESULT])
    write(ledger, OLD, NEW)
    with psycopg.connect(settings.postgres) as holder:
        holder.execute(f"SELECT FROM {settings.database_schema}.enrichment FOR UPDATE".encode())
        rekey.rekey(ledger)
    assert (enrichments(ledger), rules(ledger)) == ([(OLD, OLD)], 1)
    rekey.rekey(ledger)
    assert (enrichments(ledger), rules(ledger)) == ([(NEW, NEW)], rekey.RULES)


def test_keys_that_follow_the_rules_are_not_touched(
    settings: Settings, ledger: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekey, "BATCH", 2)
    manager = Manager(settings)
    manager.enqueue(URLS, [f"linkedin.com/in/zoë-{number}" for number in range(5)])
    manager.enqueue("names", ["Société Générale", "Straße", "1&1"])
    manager.enqueue("domains", ["münchen.de"])
    before = ledger.execute("SELECT id, xmin::text FROM enrichment ORDER BY id").fetchall()
    migrate.upgrade(settings)
    after = ledger.execute("SELECT id, xmin::text FROM enrichment ORDER BY id").fetchall()
    assert (after, rules(ledger)) == (before, rekey.RULES)
