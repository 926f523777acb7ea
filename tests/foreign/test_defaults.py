"""Whatever a database or a role has for defaults, our sessions work, and mean the same."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import psycopg
import pytest

from manager import AsyncManager, ConfigurationError, Manager, Request, Settings
from manager.ledger import migrate
from manager.ledger.connect import Ledger, connect
from tests.foreign.main_job import Drive, at, main_job
from tests.foreign.postgres import ForeignPostgres
from tests.steps.driver import LONG, domains
from tests.steps.results_file import envelope

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres")]

HOSTILE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "America/St_Johns",
    "client_encoding": "latin1",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "row_security": "off",
    "search_path": "nowhere",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "statement_timeout": "1s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "1s",
    "idle_session_timeout": "1s",
}
NEWER = {"transaction_timeout": "1s"}
SHOWN = (
    "DateStyle", "TimeZone", "client_encoding", "default_transaction_isolation",
    "default_transaction_read_only", "transaction_isolation", "transaction_read_only",
    "synchronous_commit", "statement_timeout", "idle_session_timeout", "search_path",
)  # fmt: skip
NEEDED = {
    "DateStyle": "ISO, DMY",
    "TimeZone": "UTC",
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "transaction_isolation": "read committed",
    "transaction_read_only": "off",
    "synchronous_commit": "on",
    "statement_timeout": "0",
    "idle_session_timeout": "0",
    "search_path": '"test", pg_temp',
}


def hostile(server: ForeignPostgres) -> dict[str, str]:
    return HOSTILE | (NEWER if server.version >= 17 else {})


def shown(connection: psycopg.Connection[object]) -> dict[str, str]:
    query = "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name"
    return dict(connection.execute(query, [list(SHOWN)]).fetchall())  # type: ignore[arg-type]


@pytest.mark.parametrize("whose", ["database", "role"])
def test_the_main_job_runs_whatever_the_defaults_are(
    postgres: ForeignPostgres, drive: Drive, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    if whose == "database":
        url = postgres.url(postgres.database(**hostile(postgres)))
    else:
        name = postgres.database()
        role = postgres.role(f"hostile_{name}", **hostile(postgres))
        postgres.execute(f"ALTER DATABASE {name} OWNER TO {role}")
        url = postgres.url(name, role)
    driver = drive(url)
    main_job(driver, monkeypatch)
    with driver.context.ledger.connect() as connection:
        assert shown(connection) == NEEDED
        with connection.transaction():
            assert shown(connection) == NEEDED


def test_what_is_written_in_any_script_comes_back_as_it_was(
    postgres: ForeignPostgres, drive: Drive
) -> None:
    driver = drive(postgres.url(postgres.database(**hostile(postgres))))
    names = ["トヨタ自動車", "Ærø Öl", "ЛУКОЙЛ", "🚀 Labs"]
    request = driver.manager.enqueue("names", names)
    assert [it.identifier for it in request.results()] == names
    assert request.progress().created_at.utcoffset() == timedelta(0)
    bought = driver.enqueue(len(names))
    driver.run(*driver.sweep())
    driver.sandbox.advance(LONG)
    driver.look_now()
    job_id = driver.value(
        "SELECT job_id FROM enrichment WHERE identifier = %(it)s", it=domains(1)[0]
    )
    records = [json.dumps({"name": it}, ensure_ascii=False).encode() for it in names]
    lines = [envelope(domain, record) for domain, record in zip(domains(4), records, strict=True)]
    driver.rewrite(job_id, lambda _: lines)
    driver.merge(job_id)
    assert [it.record for it in bought.results()] == [{"name": it} for it in names]


def test_a_caller_on_asyncio_meets_no_default_either(
    postgres: ForeignPostgres, drive: Drive
) -> None:
    settings = drive(postgres.url(postgres.database(**hostile(postgres)))).context.settings

    async def story() -> int:
        request = await AsyncManager(settings).enqueue("names", ["トヨタ自動車"])
        return (await request.progress()).total

    assert asyncio.run(story()) == 1


def test_an_enqueue_and_a_merge_may_take_longer_than_a_statement_may(
    postgres_15: ForeignPostgres, drive: Drive
) -> None:
    driver = drive(postgres_15.url(postgres_15.database(statement_timeout="200ms")))
    request = driver.enqueue(20_000)
    driver.drain()
    assert request.progress().fulfilled == 20_000


def test_a_request_that_joins_during_a_merge_is_finished_by_it(
    postgres: ForeignPostgres, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.url(postgres.database(default_transaction_isolation="serializable"))
    driver = drive(url)
    first = driver.enqueue(1)
    job_id = driver.completed()
    joined: list[Request] = []

    def join(*_: object) -> None:
        if not joined:
            joined.append(driver.enqueue(1))

    monkeypatch.setattr("manager.steps.settle.lock", join)
    driver.merge(job_id)
    assert first.progress().finished
    assert joined[0].progress().finished


def test_what_the_url_says_of_time_outs_and_commits_stays(
    postgres: ForeignPostgres, settings: Settings
) -> None:
    options = "-c statement_timeout=7s -csynchronous_commit=off --work-mem=8MB"
    url = postgres.url(postgres.database(), options=options, application_name="shop")
    with Ledger(at(settings, url), "test").connect() as connection:
        query = "SELECT current_setting('statement_timeout'), current_setting('work_mem')"
        assert connection.execute(query).fetchone() == ("7s", "8MB")
        assert shown(connection)["synchronous_commit"] == "off"
        [name] = connection.execute("SELECT current_setting('application_name')").fetchone() or []
        assert name.startswith("enrichd:test ")
        assert name.endswith(" shop")


def test_a_stronger_commit_than_ours_stays(postgres: ForeignPostgres, settings: Settings) -> None:
    url = postgres.url(postgres.database(synchronous_commit="remote_apply"))
    with Ledger(at(settings, url), "test").connect() as connection:
        assert shown(connection)["synchronous_commit"] == "remote_apply"


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_database_that_cannot_hold_every_name_is_refused(
    postgres: ForeignPostgres, settings: Settings, encoding: str
) -> None:
    there = at(settings, postgres.url(postgres.database(encoding=encoding)))
    for refused in (
        lambda: migrate.upgrade(there),
        lambda: Manager(there).enqueue("domains", ["a.com"]),
        lambda: connect(there, "test"),
    ):
        with pytest.raises(ConfigurationError, match=f"is encoded in {encoding}.*needs UTF8"):
            refused()
