"""Whatever the URL says, the semaphore and Celery go to the same place, with the same trust."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from manager import Settings
from manager.errors import ConfigurationError, UnavailableError
from manager.semaphore import connect, look, ping, queue_prefix
from manager.semaphore.trouble import WrongServerError
from manager.steps.context import Wake
from tasks.app import App, queue_name
from tasks.steps import send
from tests.foreign.redis import WITH_TLS, Certificates, ForeignRedis, running

pytestmark = pytest.mark.integration
QUEUE = queue_name("quick", "default")
Start = Callable[..., AbstractContextManager[ForeignRedis]]


def at(url: str) -> Settings:
    return Settings(redis_url=url, vendor_api_key="k")


def where_both_go(server: ForeignRedis, url: str) -> tuple[str, str]:
    """The databases in which the semaphore and Celery have left something."""
    settings = at(url)
    ping(settings)
    with connect(settings) as redis:
        redis.hset("semaphore", "f", "v")
    send(App(settings, "a-ledger"), Wake("sweep", "default"))
    left: dict[str, str] = {}
    with server.admin() as admin:
        for db in range(16):
            admin.execute_command("SELECT", db)  # type: ignore[no-untyped-call]
            left |= {key.decode(): str(db) for key in admin.scan_iter()}
    return left["semaphore"], left[queue_prefix("a-ledger") + QUEUE]


@pytest.mark.parametrize(
    ("url", "db"),
    [
        ("redis://{where}", "0"),
        ("redis://{where}/2", "2"),
        ("redis://{where}?db=2", "2"),
        ("unix://{socket}", "0"),
        ("unix://{socket}?db=3", "3"),
        ("redis://user:p%40%3A%2F%3F%23@{where}/4", "4"),
        ("redis://{where}/5?username=user&password=p%40%3A%2F%3F%23", "5"),
        ("unix://user:p%40%3A%2F%3F%23@{socket}?db=6", "6"),
    ],
)
def test_both_go_to_the_same_database(url: str, db: str) -> None:
    with running("valkey-9") as server:
        server.run("ACL", "SETUSER", "user", "on", ">p@:/?#", "~*", "&*", "+@all")
        assert where_both_go(server, url.format(where=server.where, socket=server.socket)) == (
            db,
            db,
        )


def test_an_address_of_version_6_is_reached() -> None:
    with running("valkey-9", bind="::1") as server:
        assert where_both_go(server, f"redis://[::1]:{server.port}/1") == ("1", "1")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[ForeignRedis]:
    with running(WITH_TLS, tls=certificates) as started:
        yield started


def test_a_server_with_a_trusted_certificate_is_believed_by_both(
    server: ForeignRedis, certificates: Certificates
) -> None:
    url = f"rediss://{server.where}?ssl_ca_certs={certificates.ca}"
    assert where_both_go(server, url) == ("0", "0")
    assert look(at(url), None).tls == "required"


def refused_by_both(url: str) -> str:
    """What the semaphore says; Celery must say the same."""
    settings = at(url)
    with pytest.raises(WrongServerError) as semaphores, connect(settings) as redis:
        redis.ping()
    connection: Any = App(settings, "a-ledger").connection_for_write()
    with pytest.raises(OperationalError) as celerys:
        connection.ensure_connection(max_retries=1)
    assert str(celerys.value) == str(semaphores.value)
    with pytest.raises(ConfigurationError):
        ping(settings)
    return str(semaphores.value)


@pytest.mark.parametrize("more", ["", "?ssl_cert_reqs=CERT_REQUIRED", "?ssl_cert_reqs=optional"])
def test_a_server_whose_certificate_nobody_knows_is_believed_by_neither(
    server: ForeignRedis, more: str
) -> None:
    said = refused_by_both(f"rediss://:secret@{server.where}{more}")
    assert said.startswith(
        f"The certificate of Redis at {server.where} is not trusted: self-signed"
    )
    assert "secret" not in said


@pytest.mark.parametrize("word", ["none", "CERT_NONE"])
def test_who_asks_to_believe_anybody_is_warned(server: ForeignRedis, word: str) -> None:
    url = f"rediss://{server.where}?ssl_cert_reqs={word}"
    assert where_both_go(server, url) == ("0", "0")
    [warning] = look(at(url), None).warnings
    assert "is not verified (ssl_cert_reqs=none)" in warning


def test_a_certificate_of_another_host_is_believed_only_on_demand(
    certificates: Certificates,
) -> None:
    certificate, key = certificates.pair("wrong")
    with running(WITH_TLS, tls=certificates, tls_cert_file=certificate, tls_key_file=key) as server:
        url = f"rediss://{server.where}?ssl_ca_certs={certificates.ca}"
        assert "is not valid for" in refused_by_both(url)
        assert where_both_go(server, f"{url}&ssl_check_hostname=false") == ("0", "0")


def test_a_server_may_ask_for_our_certificate(certificates: Certificates) -> None:
    certificate, key = certificates.pair("client")
    with running(WITH_TLS, tls=certificates, tls_auth_clients="yes") as server:
        url = f"rediss://{server.where}?ssl_ca_certs={certificates.ca}"
        ours = f"{url}&ssl_certfile={certificate}&ssl_keyfile={key}"
        assert where_both_go(server, ours) == ("0", "0")
        with pytest.raises(UnavailableError, match="If it asks for a client's certificate"):
            ping(at(url))


def test_a_port_that_speaks_tls_is_told(server: ForeignRedis) -> None:
    with pytest.raises(UnavailableError, match="If it speaks TLS on this port, its URL must"):
        ping(at(f"redis://{server.where}"))


@pytest.mark.slow
def test_a_port_that_does_not_speak_tls_is_told() -> None:
    with running("valkey-9") as plain, pytest.raises(UnavailableError, match="not speak TLS on"):
        ping(at(f"rediss://{plain.where}"))


def test_a_file_that_cannot_be_read_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    url = f"rediss://127.0.0.1:1?ssl_ca_certs={tmp_path}/none.pem"
    with pytest.raises(ConfigurationError, match=r"ssl_ca_certs: .*/none.pem cannot be read"):
        connect(at(url))
