"""Every Postgres that is supported does the main job; an older one is refused before it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager import ConfigurationError, Manager, Settings
from manager.ledger import migrate, session
from manager.ledger.execute import copy, execute
from manager.steps.staging import REFUSED
from manager.steps.staging import SQL as STAGING
from manager.vendor.envelope import BadEnvelope, decode, storable
from tests.foreign.main_job import Drive, at, main_job
from tests.foreign.postgres import ForeignPostgres, Servers
from tests.revision import check_revision
from tests.steps.results_file import envelope

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres")]


def test_the_main_job_runs(
    any_postgres: ForeignPostgres, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = drive(any_postgres.url(any_postgres.database()))
    major = driver.value("SELECT current_setting('server_version_num')::int / 10000")
    assert major == any_postgres.version
    main_job(driver, monkeypatch)


def test_migrations_go_down_and_up_again(any_postgres: ForeignPostgres, settings: Settings) -> None:
    there = at(settings, any_postgres.url(any_postgres.database()))
    migrate.upgrade(there)
    migrate.downgrade(there, "base")
    migrate.upgrade(there)
    check_revision(there)


TEXTS = st.one_of(
    st.from_regex(r'\{"x": (-?[0-9]{1,3}(\.[0-9]+)?([eE][+-]?[0-9]{1,7})?|[0-9]{1,9})\}'),
    st.from_regex(r'\{"(\\u[0-9a-f]{4}){0,3}": "(\\u[dD][89abcdAB][0-9a-f]{2}){0,3}"\}'),
    st.builds(lambda depth: '{"x":' + "[" * depth + "]" * depth + "}", st.integers(0, 8_000)),
    st.text(),
)


@pytest.mark.parametrize("version", [15, 18])
@hypothesis.settings(max_examples=40)
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_the_record_that_postgres_refuses_is_found_whichever_it_is(
    postgres_servers: Servers, version: int, texts: list[str]
) -> None:
    texts = [text for text in texts if "\x00" not in text]
    with psycopg.connect(postgres_servers.get(version).url()) as connection:
        refused = {number for number, text in enumerate(texts) if is_refused(connection, text)}
        execute(connection, STAGING.create)
        rows = [(number, None, True, None, text, None) for number, text in enumerate(texts)]
        copy(connection, STAGING.fill, rows)
        execute(connection, STAGING.drop_unstorable)
        query = "SELECT line FROM enrichd_merge WHERE record IS NULL AND reason IS NOT NULL"
        assert {line for (line,) in connection.execute(query)} == refused
        connection.rollback()


@pytest.mark.parametrize("version", [15, 18])
@hypothesis.settings(max_examples=40)
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_what_we_take_for_storable_postgres_takes_too(
    postgres_servers: Servers, version: int, texts: list[str]
) -> None:
    with psycopg.connect(postgres_servers.get(version).url()) as connection:
        for text in texts:
            try:
                record = storable(bytes(decode(envelope("a.com", text.encode())).data))
            except BadEnvelope:
                continue
            assert not is_refused(connection, record), record[:200]


def is_refused(connection: psycopg.Connection[Any], text: str) -> bool:
    """Whether Postgres cannot make jsonb of it."""
    try:
        with connection.transaction():
            connection.execute("SELECT %s::text::jsonb IS NULL", [text])
    except REFUSED:
        return True
    return False


@pytest.mark.parametrize("how", ["upgrade", "check", "enqueue"])
def test_an_older_version_is_refused_before_anything_is_bought(
    postgres_15: ForeignPostgres, settings: Settings, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    there = at(settings, postgres_15.url(postgres_15.database()))
    if how != "upgrade":
        migrate.upgrade(there)
    # there is no older one that we could start
    monkeypatch.setattr(session, "OLDEST", 16)
    calls: dict[str, Callable[[], object]] = {
        "upgrade": lambda: migrate.upgrade(there),
        "check": lambda: check_revision(there),
        "enqueue": lambda: Manager(there).enqueue("domains", ["a.com"]),
    }
    with pytest.raises(ConfigurationError, match=r"is version 15; the ledger needs 16 or newer"):
        calls[how]()
