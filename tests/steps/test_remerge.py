"""Merge again: what only could not be read becomes fulfilled; twice is once."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from manager.errors import ConflictError, InvalidRequestError, UnavailableError
from manager.faultpoint import FaultPointError
from manager.operator.job import Merged, merge_again
from manager.steps import keep, merge
from tests.steps.driver import MISCOUNTED, Driver, armed, domains
from tests.steps.results_file import envelope

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is made do with at once."""
    monkeypatch.setattr(merge, "PATIENCE", 0.0)
    monkeypatch.setattr(merge, "FILE_TRIES", 1)


def half_read(driver: Driver) -> UUID:
    """A merged job of four, of which two failed since their lines could not be read."""
    job_id = driver.completed(4)
    driver.rewrite(job_id, lambda lines: [*lines[:2], *(b"?" + line for line in lines[2:])])
    driver.merge(job_id)
    assert outcomes(driver) == {"fulfilled": 2, "failed": 2}
    return job_id


def mend_at_the_vendor(driver: Driver, job_id: UUID) -> None:
    """Its results can be read now."""
    driver.rewrite(job_id, lambda lines: [line.lstrip(b"?") for line in lines])


def outcomes(driver: Driver) -> dict[str, int]:
    """How many results have which outcome; the requests' counters say the same."""
    assert driver.rows(MISCOUNTED) == []
    return dict(driver.rows("SELECT outcome, count(*)::int FROM result GROUP BY outcome"))


def everything(driver: Driver) -> list[Any]:
    """All that a merge changes."""
    return [
        driver.rows("SELECT * FROM result ORDER BY enrichment_id, cycle"),
        driver.rows("SELECT id, state, cycle, settled_at, reason FROM enrichment ORDER BY id"),
        driver.rows("SELECT id, fulfilled, not_found, failed, finished_at FROM request"),
    ]


def written(tmp_path: Path, *lines: bytes) -> Path:
    """A file that the operator has."""
    path = tmp_path / "results.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    return path


def all_but_one_that_failed(driver: Driver) -> list[str]:
    """Of the four."""
    sql = "SELECT identifier FROM enrichment ORDER BY state <> 'failed', id"
    return [row.identifier for row in driver.rows(sql)][1:]


def forget_kept(driver: Driver, job_id: UUID) -> None:
    for path in keep.files(driver.context, job_id):
        path.unlink()


def test_what_left_a_doubt_is_kept_and_merged_again_from_there(driver: Driver) -> None:
    """As after a release that reads more shapes of files."""
    job_id = half_read(driver)
    [path] = keep.files(driver.context, job_id)
    lines = gzip.decompress(path.read_bytes()).splitlines()
    path.write_bytes(gzip.compress(b"\n".join(line.lstrip(b"?") for line in lines)))
    calls = driver.calls("status"), driver.calls("download")
    done = merge_again(driver.context, job_id)
    assert done == Merged("the file that was kept", 2, 0, None)
    assert (driver.calls("status"), driver.calls("download")) == calls
    assert outcomes(driver) == {"fulfilled": 4}
    assert driver.states() == {"fulfilled": 4}
    assert driver.job(job_id).why == "merged again: of what had failed 2 fulfilled, 0 not found"


def test_without_a_kept_file_fresh_links_are_asked_for(driver: Driver) -> None:
    job_id = half_read(driver)
    forget_kept(driver, job_id)
    mend_at_the_vendor(driver, job_id)
    assert merge_again(driver.context, job_id) == Merged("the vendor, with fresh links", 2, 0, None)
    assert outcomes(driver) == {"fulfilled": 4}
    assert driver.sandbox.record()["duplicates"]["count"] == 0


def test_an_operators_file_is_merged(driver: Driver, tmp_path: Path) -> None:
    job_id = half_read(driver)
    path = written(tmp_path, *(envelope(name, b'{"by": "hand"}') for name in domains(4)))
    assert merge_again(driver.context, job_id, path) == Merged(f"the file {path}", 2, 0, None)
    assert outcomes(driver) == {"fulfilled": 4}
    by_hand = 'SELECT count(*) FROM result WHERE record @> \'{"by": "hand"}\''
    assert driver.value(by_hand) == 2, "what was fulfilled is left as it is"


def test_twice_changes_nothing(driver: Driver) -> None:
    job_id = half_read(driver)
    forget_kept(driver, job_id)
    mend_at_the_vendor(driver, job_id)
    merge_again(driver.context, job_id)
    once = everything(driver)
    done = merge_again(driver.context, job_id)
    assert (done.fulfilled, done.not_found) == (0, 0)
    assert everything(driver) == once


def test_of_a_job_without_failures_nothing_changes(driver: Driver) -> None:
    job_id = driver.completed(3, unknown=1)
    driver.merge(job_id)
    before = everything(driver)
    merge_again(driver.context, job_id)
    assert everything(driver) == before


def test_what_is_not_in_a_whole_file_was_not_found(driver: Driver, tmp_path: Path) -> None:
    job_id = half_read(driver)
    driver.execute("UPDATE job SET result_count = 3")
    path = written(tmp_path, *(envelope(name) for name in all_but_one_that_failed(driver)))
    done = merge_again(driver.context, job_id, path)
    assert (done.fulfilled, done.not_found, done.doubt) == (1, 1, None)
    assert outcomes(driver) == {"fulfilled": 3, "not_found": 1}


def test_what_is_not_in_a_file_that_leaves_a_doubt_stays_failed(
    driver: Driver, tmp_path: Path
) -> None:
    job_id = half_read(driver)
    path = written(tmp_path, *(envelope(name) for name in all_but_one_that_failed(driver)))
    done = merge_again(driver.context, job_id, path)
    assert (done.fulfilled, done.not_found) == (1, 0)
    assert done.doubt == "the results file has 3 lines, the vendor says 4"
    assert outcomes(driver) == {"fulfilled": 3, "failed": 1}
    path = written(tmp_path, *(envelope(name) for name in domains(4)))
    assert merge_again(driver.context, job_id, path).fulfilled == 1
    assert outcomes(driver) == {"fulfilled": 4}


def test_what_a_stopped_job_did_not_deliver_is_not_not_found(driver: Driver) -> None:
    driver = driver.another(max_attempts=1)
    driver.sandbox.fault("submit", "ends_as", word="cancelled", delivered_share=0.5)
    driver.enqueue(4)
    driver.drain()
    assert outcomes(driver) == {"fulfilled": 2, "failed": 2}
    merge_again(driver.context, driver.value("SELECT id FROM job"))
    assert outcomes(driver) == {"fulfilled": 2, "failed": 2}


def test_a_newer_cycle_is_never_touched(driver: Driver, tmp_path: Path) -> None:
    job_id = half_read(driver)
    again = driver.enqueue(4)  # what has failed is bought anew
    newer = driver.packed()
    path = written(tmp_path, *(envelope(name, b'{"by": "hand"}') for name in domains(4)))
    assert merge_again(driver.context, job_id, path).fulfilled == 2
    assert driver.states() == {"fulfilled": 2, "packed": 2}
    driver.drain()
    assert driver.job(newer).state == "merged"
    assert again.progress().fulfilled == 4
    merge_again(driver.context, job_id, path)
    newest = 'SELECT count(*) FROM result WHERE cycle = 2 AND record @> \'{"by": "hand"}\''
    assert driver.value(newest) == 0
    assert driver.rows(MISCOUNTED) == []


def test_a_cancelled_request_is_not_counted_again(driver: Driver, tmp_path: Path) -> None:
    wanted, cancelled = driver.enqueue(4), driver.enqueue(4)
    job_id = driver.completed()
    cancelled.cancel()
    driver.rewrite(job_id, lambda lines: [*lines[:2], *(b"?" + line for line in lines[2:])])
    driver.merge(job_id)
    path = written(tmp_path, *(envelope(name) for name in domains(4)))
    merge_again(driver.context, job_id, path)
    assert (wanted.progress().fulfilled, wanted.progress().failed) == (4, 0)
    assert (cancelled.progress().fulfilled, cancelled.progress().cancelled) == (0, 4)
    assert driver.rows(MISCOUNTED) == []


@pytest.mark.parametrize(
    ("point", "fulfilled"),
    [("before remerge.commit", 2), ("before act.commit", 2), ("after act.commit", 4)],
)
def test_it_can_be_cut_off_and_repeated(
    driver: Driver, tmp_path: Path, point: str, fulfilled: int
) -> None:
    job_id = half_read(driver)
    path = written(tmp_path, *(envelope(name) for name in domains(4)))
    with pytest.raises(FaultPointError), armed(point):
        merge_again(driver.context, job_id, path)
    assert outcomes(driver)["fulfilled"] == fulfilled
    merge_again(driver.context, job_id, path)
    assert outcomes(driver) == {"fulfilled": 4}


def test_expired_results_that_an_operator_has_are_merged(driver: Driver, tmp_path: Path) -> None:
    job_id = driver.completed(2)
    driver.sandbox.fault("download", "status", status=403, times=None)
    driver.merge(job_id)
    assert (driver.job(job_id).state, outcomes(driver)) == ("expired", {"failed": 2})
    path = written(tmp_path, *(envelope(name) for name in domains(2)))
    merge_again(driver.context, job_id, path)
    assert (driver.job(job_id).state, outcomes(driver)) == ("merged", {"fulfilled": 2})


def test_a_job_that_waits_for_its_merge_is_merged_from_a_file(
    driver: Driver, tmp_path: Path
) -> None:
    job_id = driver.completed(2, unknown=1)
    driver.sandbox.fault("download", "status", status=500, times=None)
    path = written(tmp_path, *(envelope(name) for name in domains(2)))
    done = merge_again(driver.context, job_id, path)
    assert (done.fulfilled, done.not_found) == (2, 1)
    assert driver.job(job_id).state == "merged"


def test_a_file_that_is_none_or_cannot_be_read_changes_nothing(
    driver: Driver, tmp_path: Path
) -> None:
    job_id = half_read(driver)
    before = everything(driver)
    with pytest.raises(InvalidRequestError, match="is no file"):
        merge_again(driver.context, job_id, tmp_path / "nowhere")
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"{}")[:8])
    with pytest.raises(InvalidRequestError, match="Nothing was merged from the file"):
        merge_again(driver.context, job_id, broken)
    assert everything(driver) == before


def test_results_that_cannot_be_had_are_said_to_be(driver: Driver) -> None:
    job_id = half_read(driver)
    forget_kept(driver, job_id)
    driver.sandbox.fault("status", "status", status=503, times=None)
    with pytest.raises(UnavailableError, match="If you have them, add --file FILE"):
        merge_again(driver.context, job_id)


def test_a_job_at_work_has_no_results_yet(driver: Driver) -> None:
    job_id = driver.accepted(2)
    with pytest.raises(ConflictError, match="is pending: its results are not there yet"):
        merge_again(driver.context, job_id)
    driver.give_up(job_id)
    said = "was given up, and ends at the vendor later, if at all: its results are not there yet"
    with pytest.raises(ConflictError, match=said):
        merge_again(driver.context, job_id)
    assert outcomes(driver) == {"failed": 2}


def test_kept_files_are_bounded_in_number(driver: Driver) -> None:
    driver = driver.another(keep_files=1)
    jobs = []
    for number in range(2):
        job_id = driver.completed(2, first=10 * number)
        driver.rewrite(job_id, lambda lines: [b"?" + line for line in lines])
        driver.merge(job_id)
        jobs.append(job_id)
    assert [bool(keep.files(driver.context, job_id)) for job_id in jobs] == [False, True]
