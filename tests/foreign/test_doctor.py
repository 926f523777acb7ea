"""`enrichd doctor` on servers that nobody here built."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from manager import Settings
from manager.ledger import migrate
from sandbox import Sandbox
from tests.foreign.main_job import at
from tests.foreign.pgbouncer import PgBouncer
from tests.foreign.postgres import ForeignPostgres, Servers
from tests.foreign.redis import NAMES, WITH_TLS, Certificates, running
from tests.operator.doctor.looking import look, only, troubles

pytestmark = pytest.mark.integration


def test_every_version_of_postgres_is_looked_at(
    any_postgres: ForeignPostgres, settings: Settings
) -> None:
    there = at(settings, any_postgres.url(any_postgres.database()))
    assert troubles(look(there, "postgres")) == [
        ("warning", "durability"),  # the tests' own
        ("problem", "migrations"),
    ]
    migrate.upgrade(there)
    found = look(there, "postgres")
    assert troubles(found) == [("warning", "durability")]
    assert only(found, "version").means.startswith(str(any_postgres.version))


def test_a_database_in_another_encoding_is_a_problem(
    postgres_15: ForeignPostgres, settings: Settings
) -> None:
    there = at(settings, postgres_15.url(postgres_15.database(encoding="SQL_ASCII")))
    problem = only(look(there, "postgres"), "version")
    assert (problem.level, "SQL_ASCII" in problem.means) == ("problem", True)


def test_on_a_standby_everything_is_looked_at(settings: Settings, sandbox: Sandbox) -> None:
    server = ForeignPostgres.made(15)
    server.start()
    try:
        migrate.upgrade(at(settings, server.url()))
        standby = server.standby()
        try:
            there = at(settings, standby.url()).model_copy(update={"vendor_url": sandbox.url})
            assert ("problem", "role") in troubles(look(there, "postgres"))
            assert only(look(there, "postgres"), "migrations").level == "ok"
            assert "It took one call of the list" in only(look(there, "vendor"), "key").means
            assert troubles(look(there, "processes")) == [
                ("warning", "daemon"),
                ("warning", "sweep"),
            ]
            assert "could not be looked at" not in repr(look(there, "spool"))
        finally:
            standby.remove()
    finally:
        server.remove()


@pytest.mark.parametrize(("mode", "level"), [("session", "ok"), ("transaction", "problem")])
def test_a_pooler_is_noticed_and_its_mode_told(
    mode: str,
    level: str,
    postgres_servers: Servers,
    pgbouncer: Callable[..., PgBouncer],
    settings: Settings,
) -> None:
    server = postgres_servers.get(15)
    database = server.database()
    migrate.upgrade(at(settings, server.url(database)))
    there = at(settings, pgbouncer(server, mode).url(database))
    found = look(there, "postgres")
    assert (only(found, "pooler").level, mode in only(found, "pooler").means) == (level, True)
    assert only(found, "migrations").level == "ok"


@pytest.mark.parametrize("name", NAMES)
def test_every_redis_is_looked_at(name: str, settings: Settings) -> None:
    with running(name) as server:
        found = look(settings.model_copy(update={"redis_url": SecretStr(server.url)}), "redis")
        assert troubles(found) == []
        assert server.run("DBSIZE") == 0


def test_a_replica_is_a_problem(settings: Settings) -> None:
    with running("redis-7.0") as primary, running("redis-7.0") as replica:
        replica.run("REPLICAOF", "127.0.0.1", primary.port)
        there = settings.model_copy(update={"redis_url": SecretStr(replica.url)})
        found = look(there, "redis")
        assert [level for level, _ in troubles(found)] == ["problem"]


def test_a_redis_with_tls_is_looked_at(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    certificates = Certificates.make(tmp_path_factory.mktemp("certificates"))
    with running(WITH_TLS, tls=certificates) as server:
        url = f"rediss://{server.where}/0?ssl_ca_certs={certificates.ca}"
        found = look(settings.model_copy(update={"redis_url": SecretStr(url)}), "redis")
        assert troubles(found) == []
        assert only(found, "TLS").means == "the certificate is verified"
        url = f"rediss://{server.where}/0"
        found = look(settings.model_copy(update={"redis_url": SecretStr(url)}), "redis")
        assert troubles(found) == [("problem", "reached")]
