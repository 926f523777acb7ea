"""`enrichd resolve`: an operator says what became of a submission."""

from __future__ import annotations

import pytest

from manager import Manager, Settings
from sandbox import Sandbox
from tests.cli.conftest import Call, run_sql


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
    settings: Settings, alone: Call, submitting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(api_key="test-key") as sandbox:
        monkeypatch.setenv("ENRICHD_VENDOR_URL", sandbox.url)
        monkeypatch.setenv("ENRICHD_VENDOR_API_KEY", "test-key")
        none = alone("resolve", submitting, "--adopt", "none-such")
        assert (none.code, none.error) == (
            1,
            f"enrichd: The vendor has no job none-such on account {settings.account}.",
        )
        send_again(alone, submitting)


def send_again(alone: Call, submitting: str) -> None:
    shown = alone("resolve", submitting, "--send-again", "--dry-run")
    assert shown.code == 0
    assert "1 job, 1 identifier. It buys 1 record at most; prices are not set." in shown.out
    assert alone("jobs", submitting, "--json").json["state"] == "submitting"
    done = alone("resolve", submitting, "--send-again", "--yes")
    assert (done.code, done.out.splitlines()[-1]) == (0, f"Job {submitting} is submitted again.")
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
        ("--adopt b", 2, "The vendor's API key of account "),
        ("--adopt \udcff", 2, "batch_id must be 1 to 500 printable characters, not '\\udcff'."),
        ("--adopt " + "b" * 201, 2, "batch_id must be 1 to 200 printable characters"),
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
