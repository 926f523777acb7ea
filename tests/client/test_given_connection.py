"""A caller's own connection: in any state the enqueue works, or says in a sentence why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import ClientCursor, IsolationLevel, RawCursor
from psycopg.adapt import Dumper, Loader
from psycopg.rows import dict_row

from manager import ConfigurationError, InvalidRequestError, Manager, Settings, UnavailableError
from manager.client.enqueue import BATCH

pytestmark = pytest.mark.integration

LARGE = BATCH + 10


def domains(count: int) -> list[str]:
    return [f"company-{number}.example" for number in range(count)]


@pytest.fixture
def manager(settings: Settings) -> Iterator[Manager]:
    with Manager(settings) as made:
        yield made


@pytest.fixture
def plain(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.postgres) as connection:
        yield connection


SETTINGS = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "America/St_Johns",
    "client_encoding": "LATIN1",
    "statement_timeout": "50ms",
    "lock_timeout": "77ms",
    "search_path": 'pg_catalog, "a ""quoted"" schéma"',
    "extra_float_digits": "-3",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "enable_indexscan": "off",
    "default_transaction_isolation": "serializable",
    "idle_in_transaction_session_timeout": "20s",
}


@pytest.mark.parametrize("count", [1, LARGE])
def test_whatever_is_set_in_the_session_it_works_and_stays(
    manager: Manager, settings: Settings, count: int
) -> None:
    with psycopg.connect(settings.postgres) as connection:
        for name, value in SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        connection.commit()
        names = ["社会 ж", *(f"Company {number}" for number in range(count - 1))]
        request = manager.enqueue("names", names, connection=connection)
        after = {
            name: connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            for name in SETTINGS
        }
        connection.commit()
    assert after == {name: (value,) for name, value in SETTINGS.items()}
    assert manager.request(request.id).total == count
    assert next(request.results()).identifier == "社会 ж"


class Wrong(Loader):
    def load(self, data: Any) -> str:
        return "wrong"


class WrongWords(Dumper):
    def dump(self, obj: Any) -> bytes:
        return b"wrong"


def test_loaders_dumpers_rows_and_cursors_of_the_callers_own_do_not_reach_it(
    manager: Manager, settings: Settings
) -> None:
    for factory in (ClientCursor, RawCursor):
        with psycopg.connect(
            settings.postgres, row_factory=dict_row, cursor_factory=factory
        ) as connection:
            for kind in ("uuid", "int4", "int8", "text", "jsonb", "bytea", "timestamptz", "name"):
                connection.adapters.register_loader(kind, Wrong)
            connection.adapters.register_dumper(str, WrongWords)
            request = manager.enqueue(
                "domains",
                ["a.com"],
                connection=connection,
                metadata={"list": "crm"},
                fields=["headcount.total"],
                idempotency_key=factory.__name__,
            )
            again = manager.enqueue(
                "domains",
                ["a.com"],
                connection=connection,
                fields=["headcount.total"],
                idempotency_key=factory.__name__,
            )
            connection.commit()
        assert again.id == request.id
        assert manager.request(request.id).progress().metadata == {"list": "crm"}


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
@pytest.mark.parametrize("autocommit", [False, True])
def test_in_a_stronger_isolation(
    manager: Manager, settings: Settings, level: IsolationLevel, autocommit: bool
) -> None:
    with psycopg.connect(settings.postgres, autocommit=autocommit) as connection:
        connection.isolation_level = level
        with connection.transaction():
            connection.execute("SELECT 1")
            sweep(settings)  # as the daemon does every two seconds
            request = manager.enqueue("domains", ["a.com"], connection=connection)
    assert manager.request(request.id).total == 1


def sweep(settings: Settings) -> None:
    with psycopg.connect(settings.postgres) as daemon:
        query = f"UPDATE {settings.database_schema}.account SET swept_at = clock_timestamp()"
        daemon.execute(query.encode())


def test_a_snapshot_older_than_what_it_would_join_is_said_and_the_transaction_goes_on(
    manager: Manager, plain: psycopg.Connection[Any]
) -> None:
    manager.enqueue("domains", ["first.com"])
    plain.isolation_level = IsolationLevel.REPEATABLE_READ
    plain.execute("SELECT 1")
    manager.enqueue("domains", ["a.com"])
    with pytest.raises(UnavailableError, match="Roll the whole transaction back and run it again"):
        manager.enqueue("domains", ["a.com"], connection=plain)
    assert plain.execute("SELECT 1").fetchone() == (1,)
    plain.rollback()
    manager.enqueue("domains", ["a.com"], connection=plain)
    plain.commit()


def closed(connection: psycopg.Connection[Any]) -> None:
    connection.close()


def failed(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error):
        connection.execute("SELECT nonsense")


def read_only(connection: psycopg.Connection[Any]) -> None:
    connection.read_only = True


def two_phase(connection: psycopg.Connection[Any]) -> None:
    connection.tpc_begin(connection.xid(1, "theirs", "all"))


def without_rights(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SET ROLE pg_monitor")


@pytest.mark.parametrize(
    ("spoil", "refusal", "message"),
    [
        (closed, InvalidRequestError, "connection is closed"),
        (failed, InvalidRequestError, "has failed; roll it back"),
        (read_only, InvalidRequestError, "takes no writes.*READ WRITE"),
        (two_phase, InvalidRequestError, "two-phase"),
        (without_rights, ConfigurationError, "may not do that.*run GRANT USAGE ON SCHEMA"),
    ],
)
def test_a_connection_that_cannot_do_it_is_refused_in_a_sentence(
    manager: Manager,
    plain: psycopg.Connection[Any],
    spoil: Callable[[psycopg.Connection[Any]], None],
    refusal: type[Exception],
    message: str,
) -> None:
    spoil(plain)
    with pytest.raises(refusal, match=message):
        manager.enqueue("domains", ["a.com"], connection=plain)
    plain.close()


def test_a_busy_connection_is_refused_and_not_waited_for(
    manager: Manager, plain: psycopg.Connection[Any]
) -> None:
    stream = plain.cursor().stream("SELECT generate_series(1, 1000)")
    next(stream)
    with pytest.raises(InvalidRequestError, match="busy"):
        manager.enqueue("domains", ["a.com"], connection=plain)
    del stream
    plain.rollback()
    with plain.cursor().copy("COPY (SELECT generate_series(1, 1000)) TO STDOUT") as copy:
        copy.read()
        with pytest.raises(InvalidRequestError, match="busy"):
            manager.enqueue("domains", ["a.com"], connection=plain)
        while copy.read():
            pass
    with plain.pipeline(), pytest.raises(InvalidRequestError, match="pipeline"):
        manager.enqueue("domains", ["a.com"], connection=plain)
    manager.enqueue("domains", ["a.com"], connection=plain)
    plain.commit()


def test_another_database_than_the_ledgers_is_said(manager: Manager, settings: Settings) -> None:
    with (
        psycopg.connect(settings.postgres, dbname="postgres") as elsewhere,
        pytest.raises(ConfigurationError, match="no ledger of this release in schema test"),
    ):
        manager.enqueue("domains", ["a.com"], connection=elsewhere)


class TestIdentifiersReadOnTheSameConnection:
    @pytest.fixture
    def companies(self, plain: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
        """Theirs has the name of a table of ours."""
        plain.execute("CREATE TEMPORARY TABLE request (domain text)")
        plain.execute(
            "INSERT INTO request SELECT format('c-%%s.example', n) FROM generate_series(1, %s) n",
            [LARGE],
        )
        return plain

    def test_by_a_cursor(self, manager: Manager, companies: psycopg.Connection[Any]) -> None:
        rows = (domain for (domain,) in companies.execute("SELECT domain FROM request"))
        assert manager.enqueue("domains", rows, connection=companies).total == LARGE

    def test_by_a_cursor_on_the_server(
        self, manager: Manager, companies: psycopg.Connection[Any]
    ) -> None:
        with companies.cursor("theirs") as cursor:
            cursor.itersize = 300
            cursor.execute("SELECT domain FROM request")
            request = manager.enqueue("domains", (row[0] for row in cursor), connection=companies)
        assert request.total == LARGE

    def test_by_a_query_for_each(
        self, manager: Manager, companies: psycopg.Connection[Any]
    ) -> None:
        def values() -> Iterator[str]:
            for number in range(1, LARGE + 1):
                [found] = companies.execute(
                    "SELECT format('c-%%s.example', %s::int), current_setting('lock_timeout')",
                    [number],
                )
                assert found[1] == "0"
                yield found[0]

        assert manager.enqueue("domains", values(), connection=companies).total == LARGE
        companies.commit()

    def test_a_stream_that_ends_soon_enough(
        self, manager: Manager, companies: psycopg.Connection[Any]
    ) -> None:
        few = companies.cursor().stream("SELECT domain FROM request LIMIT 100")
        assert manager.enqueue("domains", (it for (it,) in few), connection=companies).total == 100
        many = companies.cursor().stream("SELECT domain FROM request")
        with pytest.raises(InvalidRequestError, match="busy"):
            manager.enqueue("domains", (it for (it,) in many), connection=companies)

    def test_one_that_enqueues_itself(
        self, manager: Manager, plain: psycopg.Connection[Any]
    ) -> None:
        def values(count: int) -> Iterator[str]:
            for value in domains(count):
                if value.endswith("7.example"):
                    manager.enqueue("names", [value], connection=plain)
                yield value

        assert manager.enqueue("domains", values(20), connection=plain).total == 20
        assert manager.enqueue("domains", values(LARGE), connection=plain).total == LARGE

        def nested() -> Iterator[str]:
            yield from domains(LARGE)
            manager.enqueue("names", domains(LARGE), connection=plain)

        with pytest.raises(InvalidRequestError, match="connection of their own"):
            manager.enqueue("domains", nested(), connection=plain)
        assert plain.execute("SELECT 1").fetchone() == (1,)

    @pytest.mark.parametrize("count", [10, LARGE])
    def test_one_that_raises(
        self, manager: Manager, plain: psycopg.Connection[Any], count: int
    ) -> None:
        def values() -> Iterator[str]:
            yield from domains(count)
            plain.execute("SELECT nonsense")

        plain.execute("CREATE TEMPORARY TABLE mine (n integer)")
        plain.commit()
        with pytest.raises(psycopg.errors.UndefinedColumn):  # theirs, as it is
            manager.enqueue("domains", values(), connection=plain)
        if count == 10:  # before anything of ours has begun
            plain.rollback()
        plain.execute("INSERT INTO mine VALUES (1)")
        plain.commit()

    @pytest.mark.parametrize("end", ["commit", "rollback"])
    def test_one_that_ends_the_transaction(
        self, manager: Manager, settings: Settings, plain: psycopg.Connection[Any], end: str
    ) -> None:
        def values() -> Iterator[str]:
            yield from domains(LARGE)
            getattr(plain, end)()

        with pytest.raises(InvalidRequestError, match="neither commit nor roll back"):
            manager.enqueue("domains", values(), connection=plain)
        plain.rollback()
        with psycopg.connect(settings.postgres) as look:
            query = f"SELECT count(*) FROM {settings.database_schema}.request"
            assert look.execute(query.encode()).fetchone() == (0,)
        manager.enqueue("domains", ["a.com"], connection=plain)
