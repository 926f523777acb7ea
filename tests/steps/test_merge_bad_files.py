"""Merge: a results file that is not what it should be harms nothing but what is wrong in it."""

from __future__ import annotations

import gzip
import json
from uuid import UUID

import pytest

from manager.steps import merge as merging
from manager.steps import staging
from manager.steps.backoff import waited
from manager.steps.merge import FILE_TRIES
from tests.steps.driver import Driver, domains
from tests.steps.results_file import envelope, outcomes, reasons, strays

pytestmark = pytest.mark.integration


# How often a broken file is fetched within the time that it is waited for a whole one.
BROKEN_TRIES = FILE_TRIES + 3


@pytest.fixture(autouse=True)
def _short_patience(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    patience = waited(driver.context.settings, BROKEN_TRIES - 1)
    monkeypatch.setattr(merging, "PATIENCE", patience)


def merge_at_last(driver: Driver, job_id: UUID) -> int:
    """Merge until the job has ended; how many tries it took."""
    for tries in range(1, 2 * BROKEN_TRIES):
        driver.hasten()
        driver.merge(job_id)
        if driver.job(job_id).ended_at:
            return tries
    raise AssertionError(driver.job(job_id))


# In one transfer only


@pytest.mark.parametrize(
    "fault",
    [
        "truncate",
        "corrupt",
        "wrong_count",
        "duplicate_envelope",
        "foreign_envelope",
        "bad_line",
    ],
)
def test_a_file_that_was_spoilt_on_its_way_is_fetched_again(driver: Driver, fault: str) -> None:
    request = driver.enqueue(4, unknown=1)
    job_id = driver.completed()
    driver.sandbox.fault("download", fault)
    driver.merge(job_id)
    job = driver.job(job_id)
    assert (job.state, job.bad_files) == ("completed", 1)
    assert "corrupt" in job.error or "cut off" in job.error or "the vendor says 4" in job.error
    assert outcomes(driver, request) == ["None"] * 5, "readers see nothing of it"
    assert merge_at_last(driver, job_id) == 1
    assert outcomes(driver, request) == ["fulfilled"] * 4 + ["not_found"]
    assert strays(driver, job_id) == []
    assert driver.sandbox.record()["calls"]["download"] == {"200": 2}, "the whole, not the rest"


# For good


@pytest.mark.parametrize("fault", ["truncate", "corrupt"])
def test_a_file_that_is_whole_again_within_the_hour_loses_nothing(
    driver: Driver, fault: str
) -> None:
    request = driver.enqueue(3)
    job_id = driver.completed()
    driver.sandbox.fault("download", fault, times=BROKEN_TRIES - 1)
    assert merge_at_last(driver, job_id) == BROKEN_TRIES
    assert outcomes(driver, request) == ["fulfilled"] * 3


@pytest.mark.parametrize("fault", ["truncate", "corrupt"])
def test_a_file_that_stays_broken_fails_with_the_reason(driver: Driver, fault: str) -> None:
    request = driver.enqueue(3, unknown=1)
    job_id = driver.completed()
    driver.sandbox.fault("download", fault, times=None)
    assert merge_at_last(driver, job_id) == BROKEN_TRIES
    assert outcomes(driver, request) == ["failed"] * 4
    assert all(reason.startswith("the results file is corrupt: ") for reason in reasons(request))
    assert "corrupt" in driver.job(job_id).why
    assert driver.calls("submit") == 1, "it was paid for; only its owner may buy it again"


def test_of_a_file_that_stays_broken_the_whole_parts_are_kept(driver: Driver) -> None:
    driver.sandbox.set(part_lines=2)
    request = driver.enqueue(5, unknown=1)
    job_id = driver.completed()
    driver.replace(job_id, lambda data: data[:-9])
    assert merge_at_last(driver, job_id) == BROKEN_TRIES
    assert sorted(outcomes(driver, request)) == ["failed"] * 3 + ["fulfilled"] * 3


def test_a_record_with_flipped_bits_is_not_taken_for_what_the_vendor_wrote(
    driver: Driver,
) -> None:
    request = driver.enqueue(300)  # so many that the first are read before the checksum is
    job_id = driver.completed()

    def flip(data: bytes) -> bytes:
        uncompressed = gzip.compress(gzip.decompress(data), compresslevel=0)
        return uncompressed.replace(b'"Company 0', b'"Company 9', 1)

    driver.replace(job_id, flip)
    assert merge_at_last(driver, job_id) == BROKEN_TRIES
    assert outcomes(driver, request) == ["failed"] * 300
    assert "incorrect data check" in reasons(request)[0]


def test_what_is_no_file_of_results_fails_with_the_reason(driver: Driver) -> None:
    request = driver.enqueue(2)
    job_id = driver.completed()
    driver.replace(job_id, lambda _: b"<html>not here</html>")
    assert merge_at_last(driver, job_id) == BROKEN_TRIES
    assert outcomes(driver, request) == ["failed"] * 2


@pytest.mark.parametrize("content", [b"", gzip.compress(b""), gzip.compress(b"\n\n")])
def test_an_empty_file_is_not_taken_for_one_that_found_nothing(
    driver: Driver, content: bytes
) -> None:
    request = driver.enqueue(2)
    job_id = driver.completed()
    driver.replace(job_id, lambda _: content)
    assert merge_at_last(driver, job_id) == FILE_TRIES
    assert set(reasons(request)) == {"the results file has 0 lines, the vendor says 2"}


def test_a_line_too_few_leaves_open_what_was_delivered(driver: Driver) -> None:
    request = driver.enqueue(3, unknown=1)
    job_id = driver.completed()
    driver.rewrite(job_id, lambda lines: [line for line in lines if b"0000002" not in line])
    assert merge_at_last(driver, job_id) == FILE_TRIES
    assert outcomes(driver, request) == ["fulfilled", "fulfilled", "failed", "failed"]
    assert set(reasons(request)) == {"the results file has 2 lines, the vendor says 3"}


def test_a_count_that_is_too_high_leaves_open_what_was_delivered(driver: Driver) -> None:
    driver.sandbox.fault("status", "wrong_count", times=None)
    request = driver.enqueue(2, unknown=1)
    assert merge_at_last(driver, driver.completed()) == FILE_TRIES
    assert outcomes(driver, request) == ["fulfilled", "fulfilled", "failed"]
    assert reasons(request) == ["the results file has 2 lines, the vendor says 3"]


def test_a_count_that_was_wrong_once_does_no_harm(driver: Driver) -> None:
    driver.sandbox.fault("status", "wrong_count")
    request = driver.enqueue(2, unknown=1)
    job_id = driver.completed()
    assert merge_at_last(driver, job_id) == 2
    assert outcomes(driver, request) == ["fulfilled", "fulfilled", "not_found"]


# Lines that do not belong there


def test_a_second_envelope_for_an_identifier_is_kept_for_the_operator(driver: Driver) -> None:
    request = driver.enqueue(2)
    job_id = driver.completed()
    first, second = (envelope(domains(1)[0], b'{"n": %d}' % number) for number in (1, 2))
    driver.rewrite(job_id, lambda _: [first, second])
    driver.merge(job_id)
    assert next(request.results()).record == {"n": 1}
    reason = "a second envelope for the same identifier"
    assert strays(driver, job_id) == [(2, reason, second)]
    assert driver.job(job_id).why == "2 results, 1 stray"


def test_a_first_envelope_that_cannot_be_stored_gives_way_to_a_second_that_can(
    driver: Driver,
) -> None:
    request = driver.enqueue(1, unknown=1)
    job_id = driver.completed()
    bad = envelope(domains(1)[0], b'{"n": 1e999999}')
    driver.rewrite(job_id, lambda lines: [bad, envelope(domains(1)[0], b'{"n": 2}')])
    driver.sandbox.fault("status", "wrong_count", times=None)  # two lines, so it says
    driver.merge(job_id)
    assert outcomes(driver, request) == ["fulfilled", "not_found"]
    assert next(request.results()).record == {"n": 2}
    assert [(line, data) for line, _, data in strays(driver, job_id)] == [(1, bad)]


def test_an_envelope_that_nobody_asked_for_is_kept_for_the_operator(driver: Driver) -> None:
    driver.sandbox.fault("submit", "foreign_envelope")
    request = driver.enqueue(2, unknown=1)
    job_id = driver.completed()
    driver.merge(job_id)
    assert outcomes(driver, request) == ["fulfilled", "fulfilled", "not_found"]
    [(_, reason, content)] = strays(driver, job_id)
    assert reason == "the job did not ask for it"
    assert json.loads(content)["original_identifier"] == "company-9999999.example"


def test_an_unreadable_line_leaves_open_whose_it_was(driver: Driver) -> None:
    driver.sandbox.fault("submit", "bad_line")
    request = driver.enqueue(2, unknown=1)
    job_id = driver.completed()
    driver.merge(job_id)
    assert outcomes(driver, request) == ["fulfilled", "fulfilled", "failed"]
    assert reasons(request) == ["1 lines of the results file cannot be read"]
    [(_, reason, content)] = strays(driver, job_id)
    assert reason.startswith("the envelope cannot be read: ")
    assert content == b'{"original_identifier": "cut in the mid'


def test_what_is_kept_for_the_operator_is_bounded(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MAX_STRAYS", 2)
    monkeypatch.setattr(staging, "MAX_STRAY_BYTES", 100)
    driver.enqueue(5)
    job_id = driver.completed()
    driver.rewrite(job_id, lambda lines: [b"x" * 1_000 for _ in lines])
    driver.merge(job_id)
    assert [(line, content) for line, _, content in strays(driver, job_id)] == [
        (1, b"x" * 100),
        (2, b"x" * 100),
    ]


# Beyond the limits


MIB = 2**20
TOO_LARGE = {
    "a gzip bomb": (gzip.compress(b"\n" * (64 * MIB)), "merge_max_bytes"),
    "an endless line": (gzip.compress(b"x" * (MIB // 2)), "merge_max_line"),
    "a large file": (b"x" * (MIB + 1), "merge_max_bytes"),
}


@pytest.mark.parametrize("what", TOO_LARGE)
def test_what_is_beyond_a_limit_ends_the_job_with_the_reason_and_not_the_worker(
    driver: Driver, what: str
) -> None:
    content, limit = TOO_LARGE[what]
    driver = driver.another(merge_max_bytes=MIB, merge_max_line=MIB // 4)
    request = driver.enqueue(2)
    job_id = driver.completed()
    driver.replace(job_id, lambda _: content)
    assert driver.merge(job_id) == []
    job = driver.job(job_id)
    assert job.state == "failed"
    assert job.error.startswith("the results cannot be merged: ")
    assert limit in job.error
    assert outcomes(driver, request) == ["failed"] * 2
    assert set(reasons(request)) == {job.error}
    assert not (driver.context.spool_dir / str(job_id)).exists()
    driver.enqueue(1, first=10)
    driver.drain()
    assert driver.states() == {"failed": 2, "fulfilled": 1}
