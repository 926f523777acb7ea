"""`enrichd jobs` and `vendor-jobs`: what became of each job, and what an operator can do."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from manager import Manager, Settings
from manager.client.sync import Request
from tests.cli.conftest import Call, Installation, run_sql

JOB_KEYS = {"job_id", "type", "fields", "state", "slot", "batch_id", "identifier_count", "why"}
JOB_ID = "01a20eff-d380-735e-a13e-eab9483946d5"
MakeFile = Callable[[str, "str | bytes"], str]


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


@pytest.fixture
def at_the_vendor(settings: Settings) -> Request:
    """A request of two identifiers in a job that the vendor has; its job is JOB_ID."""
    request = Manager(settings).enqueue("domains", ["stripe.com", "nasa.gov"])
    run_sql(
        settings,
        f"""
        INSERT INTO job (id, account_id, lane_id, state, why, identifier_count, slot, batch_id,
                         submitting_at, accepted_at)
        SELECT '{JOB_ID}', account_id, id, 'processing', 'a test', 2, 3, 'batch-1', now(), now()
        FROM lane;
        UPDATE enrichment SET state = 'packed', job_id = '{JOB_ID}';
        INSERT INTO vendor_job (account_id, batch_id, entity, action, endpoints, status, stage,
                                whose, job_id, judged_why)
        SELECT account_id, 'batch-1', 'company', 'enrich', ARRAY['company/enrich'], 'processing',
               'processing', 'ours', '{JOB_ID}', 'the ledger knows it' FROM lane
        """,
    )
    return request


@pytest.mark.integration
def test_why_a_job_waits_is_said_in_place_of_its_state(
    settings: Settings, alone: Call, at_the_vendor: Request
) -> None:
    assert "a test" in alone("jobs").out
    run_sql(settings, "UPDATE job SET waits_for = 'a slot: 2 of 5 are theirs'")
    told = alone("jobs").out
    assert "waits for a slot: 2 of 5 are theirs" in told
    assert "a test" not in told
    [listed] = alone("jobs", "--json").json
    assert (listed["why"], listed["waits_for"]) == ("a test", "a slot: 2 of 5 are theirs")
    shown = alone("jobs", JOB_ID, "--json").json
    assert (shown["account"], shown["endpoint"]) == (settings.account, "company/enrich")
    assert shown["waits_for"] == listed["waits_for"]


@pytest.mark.integration
def test_jobs_are_told_apart_by_account_and_endpoint(
    settings: Settings, alone: Call, at_the_vendor: Request, second: str
) -> None:
    assert second not in alone("jobs").out
    assert settings.account in alone("jobs").out
    assert len(alone("jobs", "--account", settings.account, "--json").json) == 1
    assert alone("jobs", "--account", second).out == "none\n"
    assert alone("jobs", "--endpoint", "person/enrich").out == "none\n"


@pytest.mark.integration
def test_a_job_is_given_up_only_after_a_yes_that_knows_the_risk(
    alone: Call, at_the_vendor: Request
) -> None:
    refused = alone("jobs", "give-up", JOB_ID, stdin=b"n\n")
    assert refused.code == 1
    for risk in ("a job too many may be active", "429", "pays again", "is merged all the same"):
        assert risk in refused.out
    assert alone("jobs", "give-up", JOB_ID, "--json").code == 2
    assert alone("jobs", JOB_ID, "--json").json["state"] == "processing"

    done = alone("jobs", "give-up", JOB_ID, "--by", "ada", "--why", "it hangs", stdin=b"1\n")
    assert done.code == 0
    assert f"Job {JOB_ID} is given up. To buy its identifiers anew, retry it." in done.out
    [recorded] = alone("actions", "--json").json
    assert (recorded["action"], recorded["who"], recorded["why"]) == (
        "job.give-up", "ada", "it hangs",
    )  # fmt: skip
    shown = alone("jobs", JOB_ID, "--json").json
    assert (shown["state"], shown["slot"]) == ("failed", None)
    assert shown["given_up_at"] is not None
    assert at_the_vendor.progress().failed == 2

    again = alone("jobs", "give-up", JOB_ID, "--yes", "--json")
    assert (again.code, again.error) == (
        1,
        f"enrichd: Job {JOB_ID} is failed: there is nothing to give up.",
    )


@pytest.mark.integration
def test_what_has_failed_is_merged_from_an_operators_file(
    alone: Call, at_the_vendor: Request, file: MakeFile
) -> None:
    record = {"crustdata_company_id": 602014, "basic_info": {"name": "Stripe"}}
    envelope = {"original_identifier": "stripe.com", "internal_id": 602014, "data": record}
    results = file("results.jsonl", json.dumps(envelope) + "\n")
    early = alone("jobs", "merge", JOB_ID, "--file", results)
    assert (early.code, early.error) == (
        1,
        f"enrichd: Job {JOB_ID} is processing: its results are not there yet.",
    )
    assert alone("jobs", "give-up", JOB_ID, "--yes", "--json").json["count"] == 1
    done = alone("jobs", "merge", JOB_ID, "--file", results, "--json").json
    assert done["counts"] == {"fulfilled": 1, "not_found": 0}
    assert f"the file {results}" in done["sentence"]
    assert at_the_vendor.progress().fulfilled == 1
    stripe, *_ = at_the_vendor.results()
    assert stripe.record == record
    again = alone("jobs", "merge", JOB_ID, "--file", results).out
    assert again == (
        f"Merged from the file {results}: 0 fulfilled, 0 not found.\n"
        "What stays in doubt: how many results there should be is not known; what is not among "
        "them stays failed\n"
    )
    assert at_the_vendor.progress().failed == 1


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ("give-up nonsense --yes", 1, "There is no job nonsense in the ledger."),
        ("give-up 01a20eff-0000-735e-a13e-eab9483946d5 --yes", 1, "There is no job 01a20eff-0000"),
        ("merge 01a20eff-0000-735e-a13e-eab9483946d5", 1, "There is no job 01a20eff-0000"),
        (f"merge {JOB_ID} --file /nowhere/results.jsonl", 2, "/nowhere/results.jsonl is no file"),
        (f"merge {JOB_ID} --file /etc", 2, "--file: /etc is no file"),
        ("give-down", 1, "There is no job give-down in the ledger."),
    ],
)
def test_what_cannot_be_given_up_or_merged_is_named(
    alone: Call, at_the_vendor: Request, arguments: str, code: int, error: str
) -> None:
    done = alone("jobs", *arguments.split())
    assert done.code == code
    assert error in done.error
    assert at_the_vendor.progress().settled == 0


@pytest.mark.integration
def test_the_jobs_on_the_vendors_list_are_shown_with_whose_they_are_and_why(
    settings: Settings, alone: Call, at_the_vendor: Request, second: str
) -> None:
    run_sql(
        settings,
        f"""
        INSERT INTO vendor_job (account_id, batch_id, entity, action, endpoints, status, stage,
                                whose, judged_why, created_at)
        SELECT id, 'theirs', 'person', 'enrich', '{{}}', 'failed', 'failed', 'foreign',
               'its results name others', now() - interval '1 hour'
        FROM account WHERE name = '{second}'
        """,
    )
    ours, theirs = alone("vendor-jobs", "--json").json
    assert (ours["batch_id"], ours["whose"], ours["job_id"]) == ("batch-1", "ours", JOB_ID)
    assert (ours["account"], theirs["account"]) == (settings.account, second)
    assert (theirs["whose"], theirs["why"]) == ("foreign", "its results name others")
    assert alone("vendor-jobs", "--whose", "foreign", "--json").json == [theirs]
    assert alone("vendor-jobs", "--account", settings.account, "--json").json == [ours]
    assert alone("vendor-jobs", "--limit", "1", "--json").json == [ours]
    assert alone("vendor-jobs", "--whose", "open").out == "none\n"
    told = alone("vendor-jobs").out
    assert "its results name others" in told
    assert JOB_ID in told
    wrong = alone("vendor-jobs", "--whose", "mine")
    assert (wrong.code, wrong.error) == (
        2,
        "enrichd: --whose: 'mine' is not one of ours, foreign, open, empty.",
    )
