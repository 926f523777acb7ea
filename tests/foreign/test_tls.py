"""The documented URL against a Postgres that takes nothing but TLS."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from manager import Manager, Settings, UnavailableError
from manager.ledger import migrate
from manager.settings import load_settings
from tests.foreign.main_job import at
from tests.foreign.postgres import CHECKOUT, ForeignPostgres

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres")]


class Authority:
    """One that signs certificates, made by openssl."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.certificate = home / "ca.pem"
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=A private authority", "-keyout", "ca.key", "-out", "ca.pem",
        )  # fmt: skip

    def sign(self, name: str) -> tuple[Path, Path]:
        """A certificate for a host of that name, and its key."""
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
            "-keyout", "server.key", "-out", "server.csr",
        )  # fmt: skip
        self._openssl(
            "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-days", "2", "-copy_extensions", "copy", "-out", "server.pem",
        )  # fmt: skip
        return self._home / "server.pem", self._home / "server.key"

    def _openssl(self, *arguments: str) -> None:
        command = ["openssl", *arguments]
        subprocess.run(command, cwd=self._home, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Iterator[ForeignPostgres]:
    """A server named localhost that takes nothing but TLS, and asks for a password."""
    server = ForeignPostgres.made(15, ssl="on")
    for source, name in zip(authority.sign("localhost"), ("server.crt", "server.key"), strict=True):
        target = server.home / name
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(target, nobody.pw_uid, nobody.pw_gid)
    (server.home / "pg_hba.conf").write_text(
        "hostssl all postgres 127.0.0.1/32 trust\nhostssl all shop all scram-sha-256\n"
    )
    server.start()
    server.execute("CREATE ROLE shop LOGIN PASSWORD 'p@ss/word'")
    server.execute("CREATE DATABASE crm OWNER shop ENCODING 'UTF8' TEMPLATE template0")
    yield server
    server.remove()


def documented(server: ForeignPostgres, authority: Authority, host: str = "localhost") -> str:
    """The URL of config/production.toml for that server."""
    text = (CHECKOUT / "config/production.toml").read_text()
    [line] = [it for it in text.splitlines() if "ENRICHD_DATABASE_URL " in it]
    url = line.split()[-1]
    for word, value in {
        "USER": "shop", "PASSWORD": "p%40ss%2Fword", "HOST:5432": f"{host}:{server.port}",
        "DATABASE": "crm", "/etc/enrichd/postgres-ca.pem": str(authority.certificate),
    }.items():  # fmt: skip
        assert word in url
        url = url.replace(word, value)
    return url


def test_the_documented_url_verifies_and_works(
    tls: ForeignPostgres, authority: Authority, settings: Settings
) -> None:
    url = documented(tls, authority)
    assert load_settings(database_url=url).postgres == url
    there = at(settings, url)
    migrate.upgrade(there)
    assert Manager(there).enqueue("domains", ["a.com"]).total == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("localhost", "127.0.0.1"), 'certificate for "localhost".* does not match host name'),
        (("ca.pem", "server.pem"), "certificate verify failed"),
        (("ca.pem", "nowhere.pem"), "nowhere.pem.* does not exist"),
        (("verify-full", "disable"), "no encryption"),
    ],
)
def test_what_cannot_be_verified_is_told_in_a_sentence(
    tls: ForeignPostgres, authority: Authority, settings: Settings, change: tuple[str, str],
    said: str,
) -> None:  # fmt: skip
    there = at(settings, documented(tls, authority).replace(*change))
    with pytest.raises(UnavailableError, match=said) as caught:
        Manager(there).enqueue("domains", ["a.com"])
    assert "\n" not in str(caught.value)
    assert "p@ss" not in str(caught.value)
