"""`enrichd up`: beside a live one, after a killed one, and its end."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from manager import load_settings
from manager.run import processes
from manager.run.embedded import EmbeddedServers
from sandbox import Sandbox
from tests.cli.conftest import (
    PACE,
    Call,
    Installation,
    empty_directory,
    environment,
    left_over,
    start,
)


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
        (
            {"DATABASE_URL": "postgresql://h/d"},
            [],
            "The vendor's API key of account default is not",
        ),
        ({"ACCOUNTS__CRM__CAP": "2"}, [], "The vendor's API key of account crm is not set. Set "),
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


TWO_ACCOUNTS = """
account = "crm"
vendor_url = "https://paid.example"
[accounts.crm]
vendor_api_key = "paid"
vendor_url = "https://paid.example"
[accounts.web]
vendor_api_key = "paid, too"
"""


def test_a_sandbox_is_all_that_its_daemon_and_their_callers_reach(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "two.toml").write_text(TWO_ACCOUNTS)
    monkeypatch.setattr(os, "environ", environment(ENRICHD_CONFIG=str(tmp_path / "two.toml")))
    monkeypatch.setenv("ENRICHD_ACCOUNTS__MORE__VENDOR_API_KEY", "paid as well")
    assert [account.name for account in load_settings().served] == ["crm", "more", "web"]
    servers = EmbeddedServers(tmp_path)
    settings, spec = processes.with_sandbox(servers, tmp_path)
    url = f"http://127.0.0.1:{spec.argv[spec.argv.index('--port') + 1]}"
    for found in (settings, load_settings()):  # the daemon's, and what its processes read
        [account] = found.served
        assert (account.name, account.vendor_url) == ("crm", url)
        assert account.api_key == processes.SANDBOX_KEY
    monkeypatch.setattr(os, "environ", environment(ENRICHD_CONFIG=str(tmp_path / "two.toml")))
    [account] = load_settings(data_dir=tmp_path).served
    assert (account.vendor_url, account.api_key) == (url, processes.SANDBOX_KEY)


def test_an_account_without_a_key_is_told_and_the_others_are_served(
    call: Call, monkeypatch: pytest.MonkeyPatch, signals_restored: None
) -> None:
    monkeypatch.setenv("ENRICHD_ACCOUNTS__CRM__VENDOR_API_KEY", "a-key")
    monkeypatch.setenv("ENRICHD_ACCOUNTS__WEB__CAP", "2")
    for command in ("up --no-web", "worker"):
        done = call(*command.split())
        told, error = done.err.splitlines()
        assert told.startswith("enrichd: The vendor's API key of account web is not set. Set ")
        assert told.endswith("Until then that account is paused.")
        assert "Postgres's URL is not set" in error  # the next that it needs
        assert done.code == 2


@pytest.mark.parametrize("queues", ["enrichd.quikc", "quick", "enrichd.quick,", ""])
def test_queues_that_are_not_there_are_named(
    call: Call, monkeypatch: pytest.MonkeyPatch, queues: str
) -> None:
    monkeypatch.setenv("ENRICHD_VENDOR_API_KEY", "a-key")
    done = call("worker", "--queues", queues)
    unknown = queues.split(",")[-1]
    assert (done.code, done.error) == (
        2,
        f"enrichd: --queues: {unknown!r}: the queues are enrichd.quick, enrichd.merge, "
        "enrichd.tell.",
    )


@pytest.mark.daemon
def test_one_up_serves_two_accounts_each_at_its_own_vendor() -> None:
    with ExitStack() as stack:
        crm = stack.enter_context(Sandbox(api_key="crm-key"))
        web = stack.enter_context(Sandbox(api_key="web-key"))
        data_dir = stack.enter_context(empty_directory())
        variables = PACE | {
            "ENRICHD_DATA_DIR": str(data_dir),
            "ENRICHD_ACCOUNTS__CRM__VENDOR_URL": crm.url,
            "ENRICHD_ACCOUNTS__CRM__VENDOR_API_KEY": "crm-key",
            "ENRICHD_ACCOUNTS__WEB__VENDOR_URL": web.url,
            "ENRICHD_ACCOUNTS__WEB__VENDOR_API_KEY": "web-key",
        }
        arguments = ("up", "--embedded", "--json")
        process = stack.enter_context(start(*arguments, variables=variables))
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        assert [(it["account"], it["vendor_url"]) for it in announced["accounts"]] == [
            ("crm", crm.url),
            ("web", web.url),
        ]
        ours = Installation(data_dir)
        for account, domain in (("crm", b"stripe.com\n"), ("web", b"nasa.gov\nikea.com\n")):
            done = ours.enrichd(
                "enqueue", "-", "--account", account, "--wait", "--timeout", "60", "--json",
                stdin=domain,
            )  # fmt: skip
            assert done.code == 0, done.err
        assert crm.record()["billed"]["records"] == 1
        assert web.record()["billed"]["records"] == 2
        page = httpx.get(announced["page"]).text
        assert "Account crm" in page
        assert "Account web" in page
        for sandbox in (crm, web):
            assert sandbox.record()["highest_active"] == 1


@pytest.mark.daemon
def test_a_signal_ends_it_at_once_while_it_waits_for_postgres(tmp_path: Path) -> None:
    variables = {
        "ENRICHD_DATABASE_URL": "postgresql://127.0.0.1:1/enrichd",
        "ENRICHD_REDIS_URL": "redis://127.0.0.1:1/0",
        "ENRICHD_VENDOR_API_KEY": "a-key",
    }
    with start("up", "--no-web", variables=variables) as process:
        assert process.stderr is not None
        assert "server.awaited" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=5)
    assert (process.returncode, out) == (0, "")
