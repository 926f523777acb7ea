"""Through a real PgBouncer: in session mode all works, in transaction mode the callers' side."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from manager import ConfigurationError, Manager, Settings
from manager.ledger import migrate, revision
from manager.ledger.connect import Ledger
from manager.operator.status import status
from manager.steps.context import Context
from tests.foreign.main_job import Drive, at, main_job
from tests.foreign.pgbouncer import PgBouncer
from tests.foreign.postgres import ForeignPostgres

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres")]

Pooler = Callable[..., PgBouncer]


def test_in_session_mode_the_daemon_works(
    postgres: ForeignPostgres, pgbouncer: Pooler, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = pgbouncer(postgres, "session").url(postgres.database())
    driver = drive(url)
    main_job(driver, monkeypatch)
    driver.context.ledger.check_for_daemon()


def test_in_transaction_mode_callers_work_and_the_daemon_refuses(
    postgres: ForeignPostgres, pgbouncer: Pooler, drive: Drive
) -> None:
    name = postgres.database()
    direct = drive(postgres.url(name))
    pooled = at(direct.context.settings, pgbouncer(postgres, "transaction").url(name))
    for _ in range(10):  # as often as psycopg would prepare
        request = Manager(pooled).enqueue("domains", ["company-0000001.example"])
    direct.drain()
    assert request.wait(timeout=20).finished
    assert [it.outcome for it in request.results()] == ["fulfilled"]
    with pytest.raises(ConfigurationError, match=r"pooler in transaction mode.*session mode"):
        Ledger(pooled, "test").check_for_daemon()
    with (
        pytest.raises(ConfigurationError, match="pooler in transaction mode"),
        Ledger(pooled, "test").lock_job(request.id),
    ):
        pass


def test_in_transaction_mode_nothing_of_ours_is_left_in_another_clients_session(
    postgres: ForeignPostgres, pgbouncer: Pooler, settings: Settings
) -> None:
    name = postgres.database()
    migrate.upgrade(at(settings, postgres.url(name)))
    pooled = at(settings, pgbouncer(postgres, "transaction", default_pool_size="1").url(name))
    for ledger in (Ledger(pooled, "a"), Ledger(pooled, "b")):
        with ledger.connect() as connection:
            [path] = connection.execute("SELECT current_setting('search_path')").fetchone() or []
            assert path == '"test", pg_temp'
    assert migrate.current(pooled) == revision.newest()
    with psycopg.connect(pooled.postgres, autocommit=True) as other:
        [path] = other.execute("SELECT current_setting('search_path')").fetchone() or []
        assert path == '"$user", public'
        assert other.execute("SELECT * FROM pg_listening_channels()").fetchall() == []


def test_what_an_operator_looks_at_is_shown_in_transaction_mode_too(
    postgres: ForeignPostgres, pgbouncer: Pooler, settings: Settings
) -> None:
    pooled = at(settings, pgbouncer(postgres, "transaction").url(postgres.database()))
    migrate.upgrade(pooled)
    found = status(Context(pooled, "test"))
    assert [account.account for account in found.accounts] == [settings.account]


def test_statement_mode_is_refused(
    postgres: ForeignPostgres, pgbouncer: Pooler, settings: Settings
) -> None:
    pooled = at(settings, pgbouncer(postgres, "statement").url(postgres.database()))
    for call in (
        lambda: migrate.upgrade(pooled),
        lambda: Manager(pooled).enqueue("domains", ["a.com"]),
        lambda: Ledger(pooled, "test").check_for_daemon(),
    ):
        with pytest.raises(ConfigurationError, match="pooler in statement mode"):
            call()


def test_options_that_the_pooler_refuses_are_named(
    postgres: ForeignPostgres, pgbouncer: Pooler, settings: Settings
) -> None:
    pooler = pgbouncer(postgres, "session")
    url = pooler.url(postgres.database(), "?options=-c%20work_mem%3D8MB")
    with pytest.raises(ConfigurationError, match=r"options of database_url.*ignore_startup_param"):
        Manager(at(settings, url)).enqueue("domains", ["a.com"])
