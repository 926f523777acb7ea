"""The record: calls, what was active, what was billed, what was billed twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Sandbox, SandboxControl, SandboxError
from sandbox.account import Account
from sandbox.endpoints import COMPANY
from sandbox.jobs import Fate
from sandbox.journal import Journal
from sandbox.rules import Refusal, Submission
from sandbox.settings import Settings

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

TOKEN = "very-secret"


@pytest.mark.integration
def test_calls_are_counted_by_route_and_status(caller: Caller, sandbox: Sandbox) -> None:
    caller.submit(names="FedEx")
    caller.post(names=[])
    caller.jobs()
    caller.http.get("/batch", headers={"authorization": "x"})
    calls = sandbox.record()["calls"]
    assert calls == {"submit": {"200": 1, "400": 1}, "list": {"200": 1, "401": 1}}


@pytest.mark.integration
def test_records_are_billed_when_a_job_completes(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(credits=100, price=2.5)
    caller.submit(domains=["fedex.com", "3m.com", "never-heard-of.example"])
    sandbox.foreign(identifier_count=4, seconds=5)
    assert sandbox.record()["billed"] == {"records": 0, "credits": 0}
    sandbox.advance(60)
    record = sandbox.record()
    assert record["billed"] == {"records": 2, "credits": 5}
    assert record["billed_foreign"] == {"records": 4, "credits": 10}
    assert record["credits_left"] == sandbox.settings()["credits"] == 85


@pytest.mark.integration
def test_what_is_billed_twice_is_a_duplicate(caller: Caller, sandbox: Sandbox) -> None:
    caller.submit(domains=["fedex.com", "3m.com"], fields="headcount,taxonomy")
    caller.submit(domains=["3m.com"])
    caller.submit(names=["3M"], fields="headcount,taxonomy")
    sandbox.foreign(identifiers=["fedex.com"], seconds=1)
    sandbox.advance(60)
    assert sandbox.record()["duplicates"] == {"count": 0, "first": []}
    again = caller.submit(
        domains=["https://WWW.3M.com", "2k.com"], fields=["taxonomy", "headcount"]
    )
    sandbox.advance(60)
    assert sandbox.record()["duplicates"] == {
        "count": 1,
        "first": [
            {
                "endpoint": "company/enrich",
                "identifier_type": "domains",
                "fields": ["headcount", "taxonomy"],
                "identifier": "3m.com",
                "batch_id": again,
            }
        ],
    }


@pytest.mark.integration
def test_the_most_jobs_ever_active_are_remembered(caller: Caller, sandbox: Sandbox) -> None:
    for _ in range(2):
        caller.submit(names="FedEx")
    sandbox.foreign(seconds=1)
    sandbox.advance(60)
    caller.submit(names="FedEx")
    record = sandbox.record()
    assert (record["highest_active"], record["highest_active_own"]) == (3, 2)
    assert record["submissions_accepted"] == 3


@pytest.mark.integration
def test_a_job_is_shown_with_its_identifiers_but_not_its_webhook_s_secret(
    caller: Caller, sandbox: Sandbox
) -> None:
    url = f"http://user:{TOKEN}@127.0.0.1:1/hook/{TOKEN}?token={TOKEN}"
    batch_id = caller.submit(names=["FedEx"], fields="headcount", webhook_url=url)
    shown = sandbox.job(batch_id)
    assert shown["identifiers"] == ["FedEx"]
    assert shown["webhook_host"] == "127.0.0.1:1"
    assert TOKEN not in str(shown)
    (listed,) = sandbox.record()["jobs"]
    assert listed["batch_id"] == batch_id
    assert listed["fields"] == ["headcount"]


@pytest.mark.integration
def test_control_refuses_what_it_does_not_know(sandbox: Sandbox) -> None:
    before = sandbox.settings()
    refused: list[Callable[[], object]] = [
        lambda: sandbox.set(capp=1),
        lambda: sandbox.set(cap=-1),
        lambda: sandbox.set(cap=2, webhook_mode="sometimes"),
        lambda: sandbox.fault("submit", "explode"),
        lambda: sandbox.fault("list", "truncate"),
        lambda: sandbox.fault("submit", "poison"),
        lambda: sandbox.fault("submit", "hang", times=0),
        lambda: sandbox.fault("submit", "hang", probability=1.5),
        lambda: sandbox.advance(-1),
        lambda: sandbox.foreign(identifier_type="people"),
        lambda: sandbox.foreign(identifier_count=10_001),
        lambda: sandbox.foreign(identifiers=[1]),
        lambda: sandbox.job("x"),
    ]
    for call in refused:
        with pytest.raises(SandboxError):
            call()
    assert sandbox.settings() == before
    assert sandbox.faults() == []


@pytest.mark.integration
def test_reset_clears_everything(caller: Caller, sandbox: Sandbox) -> None:
    fresh, settings = sandbox.record(), sandbox.settings()
    sandbox.set(cap=1, credits=7)
    sandbox.fault("list", "hang", times=None)
    caller.submit(names="FedEx")
    later = sandbox.advance(1000)
    sandbox.reset()
    assert sandbox.record() == fresh
    assert sandbox.settings() == settings
    assert sandbox.faults() == []
    assert sandbox.advance(0) < later


@pytest.mark.integration
def test_a_sandbox_is_steered_over_http_alone(sandbox: Sandbox, caller: Caller) -> None:
    with SandboxControl(sandbox.url) as control:
        control.fault("list", "status", status=500)
        assert caller.http.get("/batch").status_code == 500
        assert control.record() == sandbox.record()


def test_the_key_is_in_no_repr() -> None:
    assert TOKEN not in repr(Sandbox(api_key=TOKEN))


def test_a_bad_setting_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="price"):
        Sandbox(price=-1)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(1, 30)),
        st.tuples(st.just("foreign"), st.integers(1, 30)),
        st.tuples(st.just("advance"), st.integers(0, 4)),
    ),
    max_size=40,
)


@given(STEPS)
def test_the_cap_and_the_credits_hold_whatever_happens(steps: list[tuple[str, int]]) -> None:
    settings = Settings(frozen=True, cap=3, credits=100, processing_seconds=3)
    account = Account(settings, Journal(None))
    refused = set()
    for step, number in steps:
        submission = Submission(
            COMPANY, "names", [f"Company {index:07d}" for index in range(number)]
        )
        account.settle()
        try:
            if step == "submit":
                account.accept(submission, submission.looked_up(0))
            elif step == "foreign":
                account.accept_foreign(submission, number / 10, now=account.clock.now())
            else:
                account.advance(number)
        except Refusal as refusal:
            refused.add(refusal.status)
    assert refused <= {402, 429}
    account.advance(100)
    account.settle()
    shown = account.shown()
    assert shown["highest_active"] <= 3
    assert shown["billed"]["credits"] <= 100
    billed = shown["billed"]["records"] + shown["billed_foreign"]["records"]
    assert billed == sum(job["fulfilled"] for job in shown["jobs"])
    assert shown["credits_left"] == 100 - billed


@given(steps=STEPS)
def test_a_journal_gives_the_same_account_again(
    steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path: Path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    settings = Settings(frozen=True, cap=3, processing_seconds=3)
    account = Account(settings, Journal(path))
    for step, number in steps:
        submission = Submission(
            COMPANY, "domains", [f"company-{index:07d}.example" for index in range(9)]
        )
        account.settle()
        account.called(step, str(number))
        if step == "advance":
            account.advance(number)
        elif account.shown()["highest_active"] < 3:
            account.accept(submission, submission.looked_up(0), Fate(flaws=("bad_line",)))
    account.settle()
    account.close()
    with path.open("ab") as file:
        file.write(b'{"type":"called","rou')  # cut off by a crash
    again = Account(settings, Journal(path))
    again.settle()
    assert again.secret == account.secret
    assert again.shown() == account.shown()
    again.close()
    assert path.read_bytes().endswith(b"\n")
