"""A Redis that cannot serve, or is another, says so in a sentence; when it can, all goes on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from manager import Settings
from manager.errors import ConfigurationError, UnavailableError
from manager.run.processes import free_port
from manager.semaphore import Holder, Owner, Slots, check, connect, look, ping
from manager.semaphore.trouble import CannotServeError
from tasks.app import App, queue_name
from tests.foreign.redis import NAMES, ForeignRedis, running

pytestmark = pytest.mark.integration
QUEUE = queue_name("quick", "default")


def at(server: ForeignRedis) -> Settings:
    return Settings(redis_url=server.url, vendor_api_key="k")


def set_to(server: ForeignRedis, **options: str | int) -> None:
    for option, value in options.items():
        server.run("CONFIG", "SET", option.replace("_", "-"), value)


@contextmanager
def full(server: ForeignRedis) -> Iterator[None]:
    set_to(server, maxmemory=100_000)
    yield
    set_to(server, maxmemory=0)


@contextmanager
def replica(server: ForeignRedis) -> Iterator[None]:
    server.run("REPLICAOF", "127.0.0.1", 1)
    yield
    server.run("REPLICAOF", "NO", "ONE")


@contextmanager
def replica_without_its_primary(server: ForeignRedis) -> Iterator[None]:
    set_to(server, replica_serve_stale_data="no")
    with replica(server):
        yield


@contextmanager
def unable_to_save(server: ForeignRedis) -> Iterator[None]:
    """A folder stands where its file should be."""
    (server.folder / "dump.rdb").mkdir()
    set_to(server, save="1 1", stop_writes_on_bgsave_error="yes")
    with suppress(RedisError):  # it may have begun by itself
        server.run("BGSAVE")
    with server.admin() as admin:
        while admin.info("persistence")["rdb_last_bgsave_status"] != "err":
            time.sleep(0.02)
    yield
    set_to(server, save="", stop_writes_on_bgsave_error="no")


@contextmanager
def busy(server: ForeignRedis) -> Iterator[None]:
    set_to(server, lua_time_limit=10)

    def run_for_ever() -> None:
        with server.admin() as admin, pytest.raises(RedisError):
            admin.eval("while true do end", 0)

    script = threading.Thread(target=run_for_ever)
    script.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            server.run("PING")
        except RedisError:
            break
    yield
    server.run("SCRIPT", "KILL")
    script.join()


TROUBLES: list[tuple[Callable[[ForeignRedis], Any], str]] = [
    (full, "has reached its maxmemory and takes nothing new"),
    (replica, "is a read-only replica, as after a failover"),
    (replica_without_its_primary, "is a replica that has lost its primary|is a read-only replica"),
    (unable_to_save, "takes no writes because it could not save to disk"),
    (busy, "is busy with a script that somebody runs"),
]


@pytest.fixture(scope="module", params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[ForeignRedis]:
    with running(request.param) as started:
        yield started


@pytest.mark.parametrize(("trouble", "said"), TROUBLES, ids=[it.__name__ for it, _ in TROUBLES])
def test_who_cannot_serve_now_says_so_and_serves_again(
    server: ForeignRedis, trouble: Callable[[ForeignRedis], Any], said: str
) -> None:
    app = App(at(server), "a-ledger")
    holder = Holder(UUID(int=1), 1)
    with connect(at(server)) as redis:
        slots = Slots(redis, Owner("a-ledger", 1))
        slots.rebuild([], 0, 0)
        app.send_task("enrichd.sweep", ["default"])
        with trouble(server):
            for attempt in (
                lambda: slots.acquire(holder, 5),
                lambda: app.send_task("enrichd.sweep", ["default"], retry=False),
                lambda: ping(at(server)),
            ):
                with pytest.raises(
                    (CannotServeError, OperationalError, UnavailableError), match=said
                ):
                    attempt()
        ping(at(server))
        if not slots.ready():  # a replica forgets what it had
            slots.rebuild([], 0, 0)
        assert slots.acquire(holder, 5) == 1
        app.send_task("enrichd.sweep", ["default"])
        assert app.waiting(QUEUE) >= 1
        slots.release(holder, 1)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("", "asks for a password, and its URL has none"),
        (":wrong@", "refuses the default user with this password"),
        ("nobody:wrong@", "refuses the user 'nobody' with this password"),
    ],
)
def test_who_is_not_let_in_is_told_so_at_once(entry: str, said: str) -> None:
    with running("redis-6.2", requirepass="secret") as server:
        settings = Settings(redis_url=f"redis://{entry}{server.where}", vendor_api_key="k")
        with pytest.raises(ConfigurationError, match=said) as refused:
            check(settings)
        assert "wrong" not in str(refused.value)


def test_a_password_where_none_is_asked_for_is_told(server: ForeignRedis) -> None:
    settings = Settings(redis_url=f"redis://:unasked@{server.where}", vendor_api_key="k")
    if server.name == "redis-6.2":
        with pytest.raises(ConfigurationError, match="has no password for the default user"):
            check(settings)
    else:
        with pytest.raises(ConfigurationError, match="password"):
            check(settings)


def test_a_database_that_is_not_there_is_told(server: ForeignRedis) -> None:
    settings = Settings(redis_url=f"redis://{server.where}/99", vendor_api_key="k")
    with pytest.raises(ConfigurationError, match="has no database of that number"):
        check(settings)


def test_a_cluster_is_refused_by_name(server: ForeignRedis) -> None:
    port = next(port for port in iter(free_port, 0) if port < 50_000)  # it takes 10,000 more, too
    with (
        running(server.name, port=port, cluster_enabled="yes") as cluster,
        pytest.raises(ConfigurationError, match="is a Cluster, which is not supported"),
    ):
        check(at(cluster))


def test_a_warning_is_given_where_keys_are_dropped(server: ForeignRedis) -> None:
    set_to(server, maxmemory_policy="allkeys-lru")
    [warning] = look(at(server), None).warnings
    set_to(server, maxmemory_policy="noeviction")
    assert "maxmemory-policy allkeys-lru" in warning
    assert "no job too many is submitted" in warning


def test_a_server_that_still_loads_is_waited_for() -> None:
    loading = {"LPUSHX": "-LOADING Redis is loading the dataset in memory"}
    with (
        answering(loading) as settings,
        pytest.raises(UnavailableError, match="is still loading its data"),
    ):
        ping(settings)


INFO = "redis_version:{}\r\nredis_mode:standalone\r\nrole:master\r\n"


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (INFO.format("6.0.16"), "Redis 6.0.16 at .* is too old; Redis 6.2 to 8 and Valkey"),
        (INFO.format("3.2"), "Redis 3.2 at .* is too old"),
        (INFO.format("6.3.4") + "mvcc_depth:0\r\n", "KeyDB 6.3.4 at .* is not supported; Redis"),
        (INFO.format("7.4.0") + "dragonfly_version:df-v1.30.0\r\n", "Dragonfly df-v1.30.0 at"),
        (INFO.format("7.0") + "kvrocks_version:2.9\r\n", "Kvrocks 2.9 at"),
        ("redis_version:7.0.1\r\nredis_mode:sentinel\r\n", "is a Sentinel, which is not"),
    ],
)
def test_other_servers_are_refused_by_name_and_version(info: str, said: str) -> None:
    with answering({"INFO": info}) as settings, pytest.raises(ConfigurationError, match=said):
        check(settings)


@pytest.mark.parametrize(
    ("info", "kind", "version", "warned"),
    [
        (INFO.format("8.6.0"), "Redis", "8.6.0", 0),
        (INFO.format("9.0.0"), "Redis", "9.0.0", 1),
        (INFO.format("7.2.4") + "server_name:valkey\r\nvalkey_version:8.1.3", "Valkey", "8.1.3", 0),
        (INFO.format("7.2.4") + "valkey_version:10.0.0", "Valkey", "10.0.0", 1),
        ("-ERR unknown command 'INFO'", "Redis", None, 0),
        ("-NOPERM User u has no permissions to run the 'info' command", "Redis", None, 0),
        ("nonsense", "Redis", None, 0),
    ],
)
def test_a_server_is_believed_to_be_as_it_should_where_it_does_not_tell(
    info: str, kind: str, version: str | None, warned: int
) -> None:
    with answering({"INFO": info}) as settings:
        found = look(settings, None)
    assert (found.kind, found.version, found.problems) == (kind, version, [])
    assert len(found.warnings) == warned


def test_what_renames_its_commands_works(server: ForeignRedis) -> None:
    renamed = {"info": '""', "config": '""', "hello": '""', "acl": '""'}
    rename = "\nrename-command ".join(f"{name.upper()} {to}" for name, to in renamed.items())
    with running(server.name, rename_command=rename) as managed:
        found = look(at(managed), "a-ledger")
        assert (found.version, found.problems, found.warnings) == (None, [], [])
        check(at(managed), "a-ledger")


@contextmanager
def answering(answers: dict[str, str]) -> Iterator[Settings]:
    """A server that has these answers: errors begin with -. It knows no other command."""

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            while head := stream.readline():
                words = []
                for _ in range(int(head[1:])):
                    size = int(stream.readline()[1:])
                    words.append(stream.read(size + 2)[:-2].decode())
                answer = answers.get(words[0], "-ERR unknown command")
                if answer.startswith("-"):
                    stream.write(f"{answer}\r\n".encode())
                else:
                    stream.write(f"${len(answer.encode())}\r\n{answer}\r\n".encode())
                stream.flush()

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        where = f"127.0.0.1:{listening.getsockname()[1]}"
        yield Settings(redis_url=f"redis://{where}", vendor_api_key="k")
        listening.shutdown(socket.SHUT_RDWR)


def test_a_connection_to_a_primary_that_became_a_replica_is_made_anew(tmp_path: Path) -> None:
    """As after a failover behind one address: the old connection still leads to the old primary."""
    address = tmp_path / "address"
    settings = Settings(redis_url=f"unix://{address}", vendor_api_key="k")
    with running("valkey-9") as old, running("valkey-9") as new:
        address.symlink_to(old.socket)
        app = App(settings, "a-ledger")
        with connect(settings) as redis:
            redis.lpush("list", "a")
            app.send_task("enrichd.sweep", ["default"])
            address.unlink()
            address.symlink_to(new.socket)
            with replica(old):
                redis.lpush("list", "b")
                app.send_task("enrichd.sweep", ["default"], retry=False)
        assert new.run("LLEN", "list") == 1
        assert app.waiting(QUEUE) == 1
