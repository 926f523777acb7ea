"""Whatever word the vendor has for a job's status, it means one of five things."""

from __future__ import annotations

import pytest

from manager.vendor.read import read_job
from manager.vendor.stage import Stage
from manager.vendor.types import VendorJob

MEANT = {
    Stage.PENDING: ["pending", "Queued", "created", "ACCEPTED", "scheduled", "waiting"],
    Stage.PROCESSING: ["processing", "running", "In Progress", "in-progress", "inProgress",
                       "started", "active", "working", " Working ", "cancelling"],
    Stage.COMPLETED: ["completed", "Complete", "SUCCEEDED", "success", "done", "finished"],
    Stage.FAILED: ["failed", "error", "Errored", "failure"],
    Stage.STOPPED: ["cancelled", "canceled", "Expired", "aborted", "stopped", "terminated",
                    "TIMED-OUT", "timed_out", "timeout", "deleted", "rejected", "partial",
                    "partially_completed", "completed_with_errors", "Completed with errors"],
}  # fmt: skip
WORDS = [(word, stage) for stage, words in MEANT.items() for word in words]


@pytest.mark.parametrize(("word", "stage"), WORDS)
def test_words_that_mean_the_same_are_one_stage(word: str, stage: Stage) -> None:
    assert VendorJob(batch_id="1", status=word).stage is stage


@pytest.mark.parametrize(("word", "stage"), WORDS)
def test_a_word_that_is_known_is_believed_whatever_else_is_said(word: str, stage: Stage) -> None:
    job = read_job({"batch_id": "1", "status": word, "completed_at": 1767355200})
    assert job.stage is stage


@pytest.mark.parametrize("word", ["hibernating", "", None, 5, "???"])
def test_what_has_a_word_that_nobody_knows_is_at_work_until_something_shows_its_end(
    word: object,
) -> None:
    """What may still run must not be bought again."""
    said = {"batch_id": "1", "status": word}
    assert read_job(said | {"completed_at": None, "download_urls": []}).stage is Stage.PROCESSING
    for evidence in (
        {"completed_at": "2026-01-02T12:00:00Z"},
        {"download_url": "https://files.example/1"},
        {"download_urls": ["https://files.example/1"]},
    ):
        assert read_job(said | evidence).stage is Stage.STOPPED


@pytest.mark.parametrize("stage", Stage)
def test_a_job_counts_towards_the_cap_until_it_has_ended(stage: Stage) -> None:
    job = VendorJob(batch_id="1", status=stage)
    assert job.stage is stage
    assert job.active is (stage in (Stage.PENDING, Stage.PROCESSING))
    assert job.ended is not job.active


def test_the_word_is_kept_for_people_and_fit_to_be_shown() -> None:
    assert (
        read_job({"batch_id": "1", "status": " In\x1b[31m\nProgress"}).status == "In [31m Progress"
    )
    assert len(read_job({"batch_id": "1", "status": "x" * 10_000}).status) == 60
