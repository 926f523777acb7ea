"""`web` and `web-token`: where the web may be served, to whom, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import tomllib
from http.client import HTTPConnection
from pathlib import Path

import pytest

from manager import Settings, load_settings
from manager.run.processes import free_port
from manager.web.access.tokens import whose
from tests.cli.conftest import Call, start


@pytest.mark.parametrize(("name", "role"), [("anna", "operator"), ("ben.b@example.com", "viewer")])
def test_a_token_is_printed_once_and_the_line_lets_its_user_in(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, role: str
) -> None:
    done = call("web-token", name, "--role", role)
    assert done.code == 0
    token, line = done.out.splitlines()
    assert token not in line
    assert token not in done.err
    file = tmp_path / "enrichd.toml"
    file.write_text(f'{line}\n[accounts.alpha]\nvendor_api_key = "k"\n')
    assert list(tomllib.loads(file.read_text())["web_users"]) == [name]
    monkeypatch.setenv("ENRICHD_CONFIG", str(file))
    [(loaded, value)] = load_settings().web_users.items()
    given, _, hash_ = value.get_secret_value().partition(":")
    assert (loaded, given, whose(token, {name: hash_})) == (name, role, name)


def test_programs_are_given_it_as_the_environment_wants_it(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = call("web-token", "anna", "--json").json
    monkeypatch.setenv("ENRICHD_WEB_USERS", json.dumps(made["web_users"]))
    [hash_] = (it.get_secret_value() for it in load_settings().web_users.values())
    assert hash_.startswith("viewer:sha256:")
    assert made["token"].startswith("enrichd_")
    assert call("web-token", "anna", "--json").json["token"] != made["token"]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "x" * 101])
def test_a_name_that_is_none_is_refused(call: Call, name: str) -> None:
    done = call("web-token", name)
    assert (done.code, done.out) == (2, "")
    assert "NAME: " in done.err


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ('{"anna": "enrichd_abcdefghijklmnopqrstuvwxyz"}', "never a token itself"),
        ('{"anna": "operator:hunter2"}', "must be a role and the hash of a token"),
        ('{"anna": "root:sha256:' + 32 * "0" + ":" + 64 * "0" + '"}', "must be a role"),
        ("anna", "must be JSON"),
    ],
)
def test_what_is_no_user_stops_the_start_and_is_not_shown(
    call: Call, monkeypatch: pytest.MonkeyPatch, value: str, error: str
) -> None:
    monkeypatch.setenv("ENRICHD_WEB_USERS", value)
    done = call("web")
    assert (done.code, done.out) == (2, "")
    assert "web_users (ENRICHD_WEB_USERS)" in done.err
    assert error in done.err
    for secret in ("hunter2", "abcdefghijkl"):
        assert secret not in done.err


USER = {"ENRICHD_WEB_USERS": json.dumps({"anna": f"viewer:sha256:{'0' * 32}:{'0' * 64}"})}


@pytest.mark.parametrize(
    ("arguments", "variables", "error"),
    [
        (["web", "--host", "0.0.0.0"], {}, "At 0.0.0.0 everybody who reaches this machine could"),
        (["web", "--host", "::"], {}, "At :: everybody"),
        (["web", "--host", "192.0.2.1", "--only", "metrics"], {}, "At 192.0.2.1 everybody"),
        (["web", "--host", "0.0.0.0", "--only", "webhooks,console"], {}, "At 0.0.0.0 everybody"),
        (["web"], {"ENRICHD_WEB_HOST": "0.0.0.0"}, "At 0.0.0.0 everybody"),
        (["up"], {"ENRICHD_WEB_HOST": "0.0.0.0"}, "At 0.0.0.0 everybody"),
        (["web"], {"ENRICHD_WEB_PROXY_HEADER": "Remote-User"}, "is believed of nobody"),
        (["web", "--only", "page"], {}, "--only: 'page': the parts are console, metrics, webhooks"),
        (["web"], {"ENRICHD_WEB_HOSTS": '["http://x/"]'}, "must be hosts as browsers name them"),
        (["web"], {"ENRICHD_WEB_PROXY_ADDRESSES": '["10.0.0.1/8"]'}, "must be addresses or"),
        (["web"], {"ENRICHD_WEB_SESSION_KEYS": '["short"]'}, "at least 32 characters"),
    ],
)
def test_where_everybody_could_enter_it_does_not_start(
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    signals_restored: None,
    arguments: list[str],
    variables: dict[str, str],
    error: str,
) -> None:
    monkeypatch.setenv("ENRICHD_VENDOR_API_KEY", "a-key")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = call(*arguments)
    assert (done.code, done.out) == (2, "")
    assert error in done.err


@pytest.fixture
def variables(settings: Settings) -> dict[str, str]:
    return {
        "ENRICHD_DATABASE_URL": settings.postgres,
        "ENRICHD_REDIS_URL": settings.redis,
        "ENRICHD_DATABASE_SCHEMA": settings.database_schema,
        "ENRICHD_ACCOUNT": settings.account,
        "ENRICHD_WEB_PORT": "0",
    }


@pytest.fixture
def free() -> int:
    return free_port()


def get(port: int, path: str, **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    return connection.getresponse().status


@pytest.mark.slow
@pytest.mark.integration
def test_webhooks_have_a_port_of_their_own_and_a_signal_ends_it_in_time(
    variables: dict[str, str], free: int
) -> None:
    variables |= {"ENRICHD_WEB_WEBHOOKS_PORT": str(free), **USER}
    with start("web", "--json", variables=variables) as process:
        assert process.stdout is not None
        page = json.loads(process.stdout.readline())["page"]
        port = int(page.rstrip("/").rpartition(":")[2])
        assert [get(it, "/healthz") for it in (port, free)] == [200, 200]
        assert [get(it, "/readyz") for it in (port, free)] == [200, 200]
        assert [get(it, "/login") for it in (port, free)] == [200, 404]
        assert [get(it, "/health") for it in (port, free)] == [401, 404]
        assert get(port, "/healthz", Host="evil.example") == 421
        idle = socket.create_connection(("127.0.0.1", port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        idle.close()
