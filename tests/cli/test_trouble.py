"""What every command says without a schema, without servers, and without a configuration."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from manager import Manager, Settings
from tests.cli.conftest import ENRICHD, Call, environment


@pytest.mark.daemon
def test_the_schema_is_at_its_newest_revision_and_an_upgrade_may_be_repeated(here: Call) -> None:
    current = here("db", "current", "--json")
    assert (current.code, current.json["schema"]) == (0, "enrichment")
    assert current.json["revision"] == current.json["newest"]
    assert here("db", "upgrade", "--json").json == current.json


@pytest.mark.integration
@pytest.mark.parametrize(
    "command", ["requests", "jobs", "slots", "vendor-jobs", "accounts", "pause"]
)
def test_a_ledger_without_its_schema_asks_for_db_upgrade(
    settings: Settings, alone: Call, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("ENRICHD_DATABASE_SCHEMA", f"{settings.database_schema}_models")
    done = alone(command)
    assert done.code == 2
    assert "schema is missing or of another version" in done.error
    assert "Run `enrichd db upgrade`" in done.error
    [problem, *_] = alone("status", "--json").json["problems"]
    assert "is at revision none" in problem["text"]
    assert alone("db", "current", "--json").code == 1
    assert alone("db", "upgrade").code == 0
    assert alone(command).code == 0


JOB_ID = "01a20eff-d380-735e-a13e-eab9483946d5"
EVERY = ["requests", "jobs", "slots", "vendor-jobs", "pause", "resume", "db current", "db upgrade",
         "accounts", "accounts rename a b", "accounts remove a --yes",
         f"jobs give-up {JOB_ID} --yes", f"jobs merge {JOB_ID}",
         f"resolve {JOB_ID} --send-again --yes", "enqueue -", f"results {JOB_ID}"]  # fmt: skip


@pytest.mark.parametrize("command", EVERY)
def test_without_postgres_every_command_ends_with_3_and_one_line(
    call: Call, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("ENRICHD_DATABASE_URL", "postgresql://user:hunter2@127.0.0.1:1/enrichd")
    monkeypatch.setenv("ENRICHD_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")
    done = call(*command.split(), "--json", stdin=b"stripe.com\n")
    assert done.code == 3
    assert "cannot be reached" in done.error
    assert done.error.endswith(" `enrichd doctor` says what to do.")
    assert "hunter2" not in done.err


def test_without_postgres_status_is_1_and_names_what_is_missing(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENRICHD_DATABASE_URL", "postgresql://user:hunter2@127.0.0.1:1/enrichd")
    monkeypatch.setenv("ENRICHD_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")
    done = call("status", "--json")
    assert (done.code, done.err) == (1, "")
    postgres, redis = done.json["problems"]
    assert postgres["text"].startswith("Postgres at 127.0.0.1:1/enrichd cannot be reached")
    assert redis["text"].startswith("Redis ")
    assert "hunter2" not in done.out
    assert json.loads(done.out)["ok"] is False


@pytest.mark.parametrize("command", [*EVERY, "up", "worker", "beat"])
def test_without_configuration_every_command_ends_with_2_and_says_what_to_set(
    call: Call, signals_restored: None, command: str
) -> None:
    done = call(*command.split(), stdin=b"stripe.com\n")
    assert done.code == 2
    assert "is not set. Set ENRICHD_" in done.error


def test_a_configuration_file_that_is_not_there_is_named(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENRICHD_CONFIG", str(tmp_path / "none.toml"))
    done = call("status")
    assert done.code == 2
    assert f"{tmp_path}/none.toml" in done.error


@pytest.mark.integration
@pytest.mark.parametrize("command", ["pause", "drain", "stats", "budgets", "slots", "status"])
def test_an_account_that_is_empty_or_unknown_is_never_the_default_one(
    alone: Call, command: str
) -> None:
    empty = alone(command, "--account", "")
    assert (empty.code, empty.error) == (
        2,
        "enrichd: --account is empty: say which, or leave it out.",
    )
    unknown = alone(command, "--account", "nobody")
    assert unknown.code == 1
    assert "here is no account 'nobody' in the ledger" in unknown.out + unknown.err


@pytest.mark.integration
def test_who_has_closed_standard_input_is_told_that_nobody_answers(settings: Settings) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"])
    variables = environment(
        ENRICHD_DATABASE_URL=settings.postgres,
        ENRICHD_REDIS_URL=settings.redis,
        ENRICHD_DATABASE_SCHEMA=settings.database_schema,
    )
    line = ["sh", "-c", '"$0" requests cancel --all <&-', str(ENRICHD)]
    done = subprocess.run(line, env=variables, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("Nothing was done: nobody answered. --yes does not ask.\n")
