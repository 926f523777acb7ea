"""`enrichd up`: beside a live one, after a killed one, and its end."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import httpx
import pytest

from manager.run.embedded import EmbeddedServers
from tests.cli.conftest import Call, Installation, empty_directory, left_over


@pytest.mark.daemon
def test_a_second_up_refuses_a_killed_one_is_adopted_and_sigterm_leaves_nothing() -> None:
    with empty_directory() as data_dir:
        ours = Installation(data_dir)
        with ours.up() as (killed, announced):
            assert announced["pid"] == killed.pid
            second = ours.enrichd("up", "--embedded", "--sandbox", "--json")
            assert second.code == 1
            assert f"{data_dir} is in use by process {killed.pid}." in second.err.splitlines()[-1]
            waiting = ours.enrichd("enqueue", "-", "--json", stdin=b"stripe.com\n").json
            addresses, pids = _servers(ours)
            killed.kill()
            killed.wait()

        with ours.up() as (process, announced):
            adopted = _servers(ours)
            assert adopted == (addresses, pids)
            ours.wait_until_ready()
            done = ours.enrichd(
                "enqueue", "-", "--wait", "--timeout", "60", "--json", stdin=b"stripe.com\n"
            )
            assert (done.code, done.json["fulfilled"]) == (0, 1)
            assert ours.enrichd("requests", waiting["request_id"], "--json").json["fulfilled"] == 1
            assert httpx.get(announced["page"]).status_code == 200
            assert httpx.get(f"{announced['page']}health").json()["ok"] is True

            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
            assert (process.returncode, out) == (0, "")

        assert left_over(data_dir) == []
        status = ours.enrichd("status", "--json")
        assert (status.code, status.json["ok"]) == (1, False)


def _servers(ours: Installation) -> tuple[list[str], dict[str, int | None]]:
    """Where Postgres and Redis are, and their processes."""
    addresses = [ours.connection["database_url"], ours.connection["redis_url"]]
    return addresses, EmbeddedServers(ours.data_dir).pids


@pytest.mark.parametrize(
    ("variables", "arguments", "error"),
    [
        ({}, ["--embedded"], "keeps its servers in a directory; name it with --data-dir"),
        (
            {"DATABASE_URL": "postgresql://h/d", "DATA_DIR": "/nowhere"},
            ["--embedded"],
            "brings its own servers, but ENRICHD_DATABASE_URL is set",
        ),
        ({"DATABASE_URL": "mysql://h/d"}, [], "must begin with postgresql://"),
        ({"DATABASE_URL": "postgresql://h/d"}, [], "the vendor's API key is not set"),
        ({"CAP": "none"}, [], "cap (ENRICHD_CAP)"),
    ],
)
def test_what_it_cannot_start_with_is_named(
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    signals_restored: None,
    variables: dict[str, str],
    arguments: list[str],
    error: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ENRICHD_{name}", value)
    done = call("up", *arguments)
    assert (done.code, done.out) == (2, "")
    assert error in done.err


def test_a_port_that_is_taken_is_named_before_anything_starts(
    call: Call, monkeypatch: pytest.MonkeyPatch, signals_restored: None
) -> None:
    monkeypatch.setattr("manager.cli.processes.PORT_PATIENCE", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("ENRICHD_WEB_PORT", str(port))
        monkeypatch.setenv("ENRICHD_VENDOR_API_KEY", "a-key")
        done = call("up")
        assert (done.code, done.out) == (2, "")
        assert f"cannot be served at http://127.0.0.1:{port}/: Address already in use" in done.err
        assert call("web", "--port", str(port)).code == 2


@pytest.mark.daemon
def test_a_signal_ends_it_at_once_while_it_waits_for_postgres(tmp_path: Path) -> None:
    from tests.cli.conftest import start

    variables = {
        "ENRICHD_DATABASE_URL": "postgresql://127.0.0.1:1/enrichd",
        "ENRICHD_REDIS_URL": "redis://127.0.0.1:1/0",
        "ENRICHD_VENDOR_API_KEY": "a-key",
    }
    with start("up", "--no-web", variables=variables) as process:
        assert process.stderr is not None
        assert "Waiting for Postgres" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=5)
    assert (process.returncode, out) == (0, "")
