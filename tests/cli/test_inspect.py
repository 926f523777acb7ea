"""The commands that look at an installation, and those that steer it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from manager import Manager, Settings
from sandbox import Sandbox
from tests.cli.conftest import Call, Installation

JOB_KEYS = {"job_id", "type", "fields", "state", "slot", "batch_id", "identifier_count", "why"}


@pytest.fixture(scope="module")
def request_id(installation: Installation) -> str:
    """A finished request with one merged job."""
    done = installation.enrichd(
        "enqueue", "-", "--fields", "followers", "--wait", "--timeout", "60", "--json",
        stdin=b"stripe.com\nnasa.gov\n",
    )  # fmt: skip
    found: str = done.json["request_id"]
    return found


@pytest.mark.daemon
def test_status_is_0_while_the_daemon_can_work(here: Call) -> None:
    done = here("status", "--json")
    assert (done.code, done.json["ok"], done.json["problems"]) == (0, True, [])
    assert done.json["cap"] == 5
    assert here("status").out.startswith("the daemon can work\n")


@pytest.mark.daemon
def test_status_is_1_while_the_account_is_paused_and_tells_why(here: Call) -> None:
    assert here("pause", "--reason", "no [red]credits[/red]", "--json").json == {
        "account": "default",
        "paused_reason": "no [red]credits[/red]",
    }
    try:
        done = here("status", "--json")
        assert (done.code, done.json["ok"]) == (1, False)
        [problem] = done.json["problems"]
        assert problem == "the account is paused: no [red]credits[/red] (`enrichd resume`)"
        assert problem in here("status").out
    finally:
        assert here("resume").out == "Account default submits again.\n"
    assert here("status").code == 0


@pytest.mark.daemon
def test_requests_are_listed_newest_first_and_shown_one_by_one(here: Call, request_id: str) -> None:
    listed = here("requests", "--json").json
    assert [request["request_id"] for request in listed] == sorted(
        (request["request_id"] for request in listed), reverse=True
    )
    [mine] = [request for request in listed if request["request_id"] == request_id]
    assert (mine["type"], mine["fields"], mine["total"]) == ("domains", ["followers"], 2)
    assert datetime.fromisoformat(mine["finished_at"]) > datetime.fromisoformat(mine["created_at"])
    shown = here("requests", request_id, "--json").json
    assert mine.items() <= shown.items()
    assert len(here("requests", "--limit", "1", "--json").json) == 1
    assert request_id in here("requests").out
    assert request_id in here("requests", request_id).out


@pytest.mark.daemon
def test_jobs_are_listed_by_state_and_shown_with_their_history(here: Call, request_id: str) -> None:
    merged = here("jobs", "--state", "merged", "--json").json
    [job] = [job for job in merged if job["fields"] == ["followers"]]
    assert set(job) >= JOB_KEYS
    assert (job["state"], job["identifier_count"], job["slot"]) == ("merged", 2, None)
    assert here("jobs", "--state", "expired", "--json").json == []
    assert here("jobs", "--state", "expired").out == "none\n"
    shown = here("jobs", job["job_id"], "--json").json
    assert [event["to_state"] for event in shown["history"]][:3] == [
        "packed",
        "submitting",
        "pending",
    ]
    assert shown["history"][-1]["to_state"] == "merged"
    assert shown["strays"] == 0
    assert "token_hash" not in shown
    assert job["job_id"] in here("jobs").out
    assert "completed → merged" in here("jobs", job["job_id"]).out


@pytest.mark.daemon
def test_slots_show_who_holds_them(here: Call) -> None:
    slots = here("slots", "--json").json
    assert [slot["slot"] for slot in slots] == [1, 2, 3, 4, 5]
    assert {"job_id", "state", "batch_id", "identifier_count", "held_since"} <= set(slots[0])
    assert len(here("slots").out.splitlines()) == 6


@pytest.mark.daemon
def test_the_schema_is_at_its_newest_revision_and_an_upgrade_may_be_repeated(here: Call) -> None:
    current = here("db", "current", "--json")
    assert (current.code, current.json["schema"]) == (0, "enrichment")
    assert current.json["revision"] == current.json["newest"]
    assert here("db", "upgrade", "--json").json == current.json


@pytest.fixture
def alone(settings: Settings, call: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command on a ledger that no daemon works on."""
    monkeypatch.setenv("ENRICHD_DATABASE_URL", settings.postgres)
    monkeypatch.setenv("ENRICHD_REDIS_URL", settings.redis)
    monkeypatch.setenv("ENRICHD_DATABASE_SCHEMA", settings.database_schema)
    monkeypatch.setenv("ENRICHD_ACCOUNT", settings.account)
    return call


def run_sql(settings: Settings, sql: str) -> None:
    """As a worker would."""
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        connection.execute(sql)


@pytest.mark.integration
def test_status_is_1_without_a_worker_that_sweeps(settings: Settings, alone: Call) -> None:
    done = alone("status", "--json")
    assert (done.code, done.json["problems"]) == (
        1,
        ["no worker has swept yet; is `enrichd up` running?"],
    )
    run_sql(settings, "UPDATE account SET swept_at = now() - interval '40 s'")
    [problem] = alone("status", "--json").json["problems"]
    assert problem == "the last sweep was 40 seconds ago; no worker is at work"


@pytest.mark.integration
def test_status_is_1_while_results_wait_and_no_worker_merges(
    settings: Settings, alone: Call
) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"])
    run_sql(
        settings,
        """
        UPDATE account SET swept_at = now();
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, batch_id, due_at)
        SELECT gen_random_uuid(), account_id, id, 'completed', 'a test', 1, 'batch',
               now() - interval '90 s'
        FROM lane
        """,
    )
    waiting = "the results of 1 job(s) wait since 90 seconds; no worker of the queue enrichd.merge"
    assert alone("status", "--json").json["problems"][0].startswith(waiting)
    merging = "SELECT pg_advisory_lock(hashtextextended(current_schema() || id::text, 0)) FROM job"
    with psycopg.connect(settings.postgres) as connection:
        connection.execute(f"SET search_path = {settings.database_schema}")
        connection.execute(merging)
        problems = alone("status", "--json").json["problems"]
    assert problems == ["Redis has no semaphore yet; the next sweep makes it"]


@pytest.mark.integration
def test_status_warns_of_jobs_in_trouble(settings: Settings, alone: Call) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"])
    run_sql(
        settings,
        """
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, error)
        SELECT gen_random_uuid(), account_id, id, 'packed', 'a test', 1, '503 from the vendor'
        FROM lane
        """,
    )
    warnings = ["1 job(s) in state packed: 503 from the vendor"]
    assert alone("status", "--json").json["warnings"] == warnings
    assert "warning 1 job(s) in state packed: 503 from the vendor" in alone("status").out


@pytest.fixture
def submitting(settings: Settings) -> str:
    """A job that was begun to be submitted an hour ago."""
    Manager(settings).enqueue("domains", ["stripe.com"])
    job_id = "01a20eff-d380-735e-a13e-eab9483946d5"
    run_sql(
        settings,
        f"""
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, slot, submitting_at)
        SELECT '{job_id}', account_id, id, 'submitting', 'unresolved', 1, 1, now() - interval '1 h'
        FROM lane
        """,
    )
    return job_id


@pytest.mark.integration
def test_an_operator_can_have_an_unresolved_job_sent_again(
    alone: Call, submitting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(api_key="test-key") as sandbox:
        monkeypatch.setenv("ENRICHD_VENDOR_URL", sandbox.url)
        monkeypatch.setenv("ENRICHD_VENDOR_API_KEY", "test-key")
        none = alone("resolve", submitting, "--adopt", "none-such")
        assert (none.code, none.error) == (
            1,
            "enrichd: The vendor has no job none-such on this account.",
        )
        send_again(alone, submitting)


def send_again(alone: Call, submitting: str) -> None:
    done = alone("resolve", submitting, "--send-again", "--yes")
    assert (done.code, done.out) == (0, f"Job {submitting} is submitted again.\n")
    shown = alone("jobs", submitting, "--json").json
    assert (shown["state"], shown["slot"]) == ("packed", None)
    again = alone("resolve", submitting, "--send-again", "--yes", "--json")
    assert again.code == 1
    assert again.error == f"enrichd: Job {submitting} is packed: there is nothing to resolve."


@pytest.mark.integration
@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        ("", 2, "Say either --adopt BATCH_ID or --send-again."),
        ("--adopt b --send-again", 2, "Say either --adopt BATCH_ID or --send-again."),
        ("--send-again --json", 2, "--json asks no questions; add --yes."),
        ("--adopt b", 2, "the vendor's API key is not set."),
        ("--adopt \udcff", 2, "--adopt must be 1 to 200 printable characters, not '\\udcff'."),
        ("--adopt " + "b" * 201, 2, "--adopt must be 1 to 200 printable characters"),
    ],
)
def test_what_is_not_said_clearly_resolves_nothing(
    alone: Call, submitting: str, options: str, code: int, error: str
) -> None:
    done = alone("resolve", submitting, *options.split())
    assert done.code == code
    assert error in done.error
    assert alone("jobs", submitting, "--json").json["state"] == "submitting"


@pytest.mark.integration
def test_without_a_yes_nothing_is_sent_again(alone: Call, submitting: str) -> None:
    done = alone("resolve", submitting, "--send-again", stdin=b"n\n")
    assert done.code == 1
    assert "it is paid twice" in done.out
    assert alone("jobs", submitting, "--json").json["state"] == "submitting"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("job_id", "shown"),
    [
        ("nonsense", "nonsense"),
        ("01a20eff-0000-735e-a13e-eab9483946d5", "01a20eff-0000-735e-a13e-eab9483946d5"),
        ("\x1b[31mred", r"'\x1b[31mred'"),
        ("x" * 100_000, f"'{'x' * 80}'"),
    ],
)
def test_what_is_no_job_cannot_be_resolved(alone: Call, job_id: str, shown: str) -> None:
    done = alone("resolve", job_id, "--send-again", "--yes")
    assert (done.code, done.error) == (1, f"enrichd: There is no job {shown} in the ledger.")


@pytest.mark.integration
def test_what_others_wrote_cannot_steer_the_terminal(settings: Settings, alone: Call) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"])
    run_sql(
        settings,
        r"""
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count)
        SELECT gen_random_uuid(), account_id, id, 'packed', E'\x1b[2J[bold]no\nline', 1 FROM lane
        """,
    )
    done = alone("jobs")
    assert "\x1b" not in done.out
    assert "�[2J[bold]no line" in done.out


@pytest.mark.integration
@pytest.mark.parametrize("command", ["requests", "jobs", "slots", "pause"])
def test_a_ledger_without_its_schema_asks_for_db_upgrade(
    settings: Settings, alone: Call, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("ENRICHD_DATABASE_SCHEMA", f"{settings.database_schema}_models")
    done = alone(command)
    assert done.code == 2
    assert "schema is missing or of another version" in done.error
    assert "Run `enrichd db upgrade`" in done.error
    [problem, *_] = alone("status", "--json").json["problems"]
    assert "is at revision none" in problem
    assert alone("db", "current", "--json").code == 1
    assert alone("db", "upgrade").code == 0
    assert alone(command).code == 0


EVERY = ["requests", "jobs", "slots", "pause", "resume", "db current", "db upgrade",
         "resolve 01a20eff-d380-735e-a13e-eab9483946d5 --send-again --yes",
         "enqueue -", "results 01a20eff-d380-735e-a13e-eab9483946d5"]  # fmt: skip


@pytest.mark.parametrize("command", EVERY)
def test_without_postgres_every_command_ends_with_3_and_one_line(
    call: Call, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("ENRICHD_DATABASE_URL", "postgresql://user:hunter2@127.0.0.1:1/enrichd")
    monkeypatch.setenv("ENRICHD_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")
    done = call(*command.split(), "--json", stdin=b"stripe.com\n")
    assert done.code == 3
    assert "cannot be reached" in done.error
    assert "hunter2" not in done.err


def test_without_postgres_status_is_1_and_names_what_is_missing(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENRICHD_DATABASE_URL", "postgresql://user:hunter2@127.0.0.1:1/enrichd")
    monkeypatch.setenv("ENRICHD_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")
    done = call("status", "--json")
    assert (done.code, done.err) == (1, "")
    postgres, redis = done.json["problems"]
    assert postgres.startswith("Postgres at 127.0.0.1:1/enrichd cannot be reached")
    assert redis.startswith("Redis ")
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
