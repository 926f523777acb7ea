"""Jobs that end in another way, with other results, or never."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import Sandbox, SandboxError, companies

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

pytestmark = pytest.mark.integration

DOMAINS = [companies.fictional(index).domain for index in range(10)]


@pytest.mark.parametrize("word", ["cancelled", "EXPIRED", "Succeeded", "aborted", "COMPLETED"])
@pytest.mark.parametrize("links", [True, False])
def test_a_job_ends_with_any_word(caller: Caller, sandbox: Sandbox, word: str, links: bool) -> None:
    sandbox.set(cap=1)
    sandbox.fault("submit", "ends_as", word=word, links=links)
    batch_id = caller.submit(domains=DOMAINS)
    sandbox.advance(5)
    assert caller.status(batch_id)["status"] == "processing"
    sandbox.advance(60)
    answer = caller.status(batch_id)
    assert answer["status"] == caller.jobs()["jobs"][0]["status"] == word
    assert ("download_url" in answer) is ("download_urls" in answer) is links
    assert sandbox.record()["billed"]["records"] == (10 if links else 0)
    if links:
        assert len(caller.envelopes(batch_id)) == 10
    caller.submit(domains=DOMAINS)  # its part of the cap is free, and the fault used up


def test_a_job_may_deliver_a_share_of_its_results(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.fault("submit", "ends_as", word="cancelled", delivered_share=0.4)
    batch_id = caller.submit(domains=DOMAINS)
    sandbox.advance(60)
    answer = caller.status(batch_id)
    assert (answer["result_count"], answer["entities_fulfilled"]) == (4, 4)
    found = {line["original_identifier"] for line in caller.envelopes(batch_id)}
    assert found == set(DOMAINS[:4])
    assert sandbox.record()["billed"]["records"] == 4


def test_what_was_not_delivered_is_no_duplicate_when_it_is_bought_again(
    caller: Caller, sandbox: Sandbox
) -> None:
    sandbox.fault("submit", "ends_as", delivered_share=0.4)
    sandbox.fault("submit", "ends_as", links=False)
    for bought in (DOMAINS, DOMAINS[4:], DOMAINS[4:]):
        caller.submit(domains=bought)
        sandbox.advance(60)
    assert sandbox.record()["duplicates"]["count"] == 0
    assert sandbox.record()["billed"]["records"] == 10


def test_an_ended_job_may_lack_its_time_and_give_a_reason(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.fault("submit", "ends_as", completed_at=False, error_message="someone stopped it")
    batch_id = caller.submit(domains=DOMAINS)
    sandbox.advance(60)
    answer = caller.status(batch_id)
    assert answer["completed_at"] is None
    assert answer["error_message"] == "someone stopped it"


def test_a_job_that_never_ends_holds_its_part_of_the_cap(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(cap=1)
    sandbox.fault("submit", "never_ends")
    batch_id = caller.submit(domains=DOMAINS)
    sandbox.advance(1e6)
    assert caller.status(batch_id)["status"] == "processing"
    assert caller.post(domains=DOMAINS).status_code == 429
    assert sandbox.end(batch_id)["status"] == "completed"
    assert caller.status(batch_id)["completed_at"] is not None
    assert len(caller.envelopes(batch_id)) == 10
    caller.submit(domains=DOMAINS)


def test_a_job_that_never_ends_may_have_another_end_ordered(
    caller: Caller, sandbox: Sandbox
) -> None:
    sandbox.fault("submit", "never_ends")
    sandbox.fault("submit", "ends_as", word="expired", links=False)
    batch_id = caller.submit(domains=DOMAINS)
    sandbox.advance(1e6)
    sandbox.end(batch_id)
    assert caller.status(batch_id)["status"] == "expired"


def test_only_an_active_job_can_be_ended(caller: Caller, sandbox: Sandbox) -> None:
    batch_id = caller.submit(domains=DOMAINS)
    assert sandbox.end(batch_id)["seconds"] == 0
    with pytest.raises(SandboxError, match="has ended already"):
        sandbox.end(batch_id)
    with pytest.raises(SandboxError, match="No such batch job"):
        sandbox.end("x")


def test_endings_are_remembered_and_faults_can_be_there_from_the_start(tmp_path: Path) -> None:
    from tests.sandbox.conftest import KEY, Caller

    faults = [{"route": "submit", "kind": "never_ends", "times": 2}]
    sandbox = Sandbox(api_key=KEY, data_dir=tmp_path, frozen=True, faults=faults)
    with sandbox:
        caller = Caller(sandbox.url)
        ended, active = caller.submit(domains=DOMAINS), caller.submit(domains=DOMAINS)
        sandbox.end(ended)
        before = sandbox.record()["jobs"]
    with sandbox:
        sandbox.advance(1000)
        states = {job["batch_id"]: job["status"] for job in sandbox.record()["jobs"]}
        assert states == {ended: "completed", active: "processing"}
        assert sandbox.record()["jobs"][0] == before[0]
        sandbox.fault("list", "html")
        sandbox.reset()
        assert [fault["kind"] for fault in sandbox.faults()] == ["never_ends"]
