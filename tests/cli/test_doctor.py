"""`enrichd doctor`: what is wrong, for people and for programs, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from manager import Settings
from tests.cli.conftest import Call
from tests.steps.driver import closed_port

pytestmark = pytest.mark.integration

FINDING = {"area", "subject", "level", "means", "advice", "account", "code"}
SETTING = {"name", "account", "value", "origin", "place", "over"}


@pytest.fixture
def set_up(alone: Call, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Commands on a ledger with an account, whose vendor is not there."""
    monkeypatch.setenv("ENRICHD_VENDOR_URL", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("ENRICHD_VENDOR_API_KEY", "k3y-of-all")
    monkeypatch.setenv("ENRICHD_SPOOL_DIR", str(settings.spool_dir))
    return alone


def test_json_has_a_form_that_programs_can_rely_on(set_up: Call) -> None:
    done = set_up("doctor", "--json", "--area", "configuration", "--only", "spool")
    told = done.json
    assert (done.code, told["format"], told["worst"]) == (0, 1, "warning")
    assert told.keys() == {"format", "at", "host", "worst", "counts", "settings", "findings"}
    assert told["counts"].keys() == {"ok", "warning", "problem"}
    assert all(it.keys() == FINDING for it in told["findings"])
    assert all(it.keys() == SETTING for it in told["settings"])
    assert {it["area"] for it in told["findings"]} == {"configuration", "spool"}
    listed = {it["name"]: it for it in told["settings"]}
    assert listed["vendor_api_key"]["value"] == "set, hidden"
    assert listed["vendor_api_key"]["place"] == "ENRICHD_VENDOR_API_KEY"
    assert listed["linger"] == {
        "name": "linger",
        "account": None,
        "value": 10.0,
        "origin": "default",
        "place": "",
        "over": [],
    }


def test_the_exit_code_is_1_for_problems_and_with_strict_for_warnings(set_up: Call) -> None:
    assert set_up("doctor", "--area", "redis").code == 0
    assert set_up("doctor", "--area", "redis", "--strict").code == 0
    assert set_up("doctor", "--area", "configuration").code == 0
    assert set_up("doctor", "--area", "configuration", "--strict").code == 1
    done = set_up("doctor", "--area", "vendor")
    assert (done.code, done.err) == (1, "")


def test_people_are_told_in_lines_that_fit(set_up: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manager.cli.options.console.width", 80)
    done = set_up("doctor", "--area", "vendor", "--area", "spool")
    lines = done.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in done.out
    assert [line for line in lines if line in ("vendor", "spool")] == ["vendor", "spool"]
    assert "problem  account test, reached: 127.0.0.1" in done.out
    assert "         → " in done.out
    assert lines[-1].startswith("2 problems, ")


def test_brief_leaves_out_what_is_as_it_should_be(set_up: Call) -> None:
    done = set_up("doctor", "--area", "vendor", "--area", "spool", "--brief")
    assert not any(line.startswith("ok ") for line in done.out.splitlines())


def test_no_secret_is_shown(set_up: Call, settings: Settings) -> None:
    for arguments in (["doctor"], ["doctor", "--json"]):
        done = set_up(*arguments)
        assert "k3y-of-all" not in done.out + done.err
        assert settings.postgres.split(":")[2].split("@")[0] not in done.out + done.err


def test_a_wrong_configuration_is_found_rather_than_an_end(
    set_up: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENRICHD_LINGRE", "5")
    done = set_up("doctor", "--area", "configuration", "--area", "postgres", "--json")
    assert done.code == 1
    problems = [it for it in done.json["findings"] if it["level"] == "problem"]
    assert [it["subject"] for it in problems] == ["settings"]
    assert "linger?" in problems[0]["means"]


def test_a_data_directory_that_was_typed_is_told_from_one_of_the_environment(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "connection.json").write_text('{"linger": 3}')
    typed = call("doctor", "--json", "--area", "configuration", "--data-dir", str(tmp_path))
    monkeypatch.setenv("ENRICHD_DATA_DIR", str(tmp_path))
    found = call("doctor", "--json", "--area", "configuration")
    for done, origin in ((typed, "argument"), (found, "environment")):
        listed = {it["name"]: it for it in done.json["settings"]}
        assert (listed["data_dir"]["origin"], listed["data_dir"]["over"]) == (origin, [])
        assert listed["linger"]["place"] == str(tmp_path / "connection.json")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--area", "postgress"], "--area 'postgress' is none; there are: configuration, "),
        (["--account", "nobody"], "--account 'nobody' is not configured here; those that are: "),
    ],
)
def test_wrong_usage_ends_with_2(call: Call, arguments: list[str], error: str) -> None:
    done = call("doctor", *arguments)
    assert done.code == 2
    assert done.error.startswith(f"enrichd: {error}")


@pytest.mark.daemon
def test_a_daemon_at_work_has_no_problem(here: Call) -> None:
    done = here("doctor", "--json")
    assert done.code == 0, json.dumps(done.json, indent=1)
    named = {it["subject"] for it in done.json["findings"] if it["area"] == "processes"}
    assert {"worker-quick", "worker-merge", "beat", "web", "up", "sweep", "listener"} <= named
