"""Keep: a results file that left a doubt is kept, within bounds, and no other."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from uuid import UUID

import pytest

from manager.steps import keep
from manager.steps.merge import FILE_TRIES
from manager.steps.tidy import tidy
from tests.steps.driver import Driver

pytestmark = pytest.mark.integration


def doubtful(driver: Driver, first: int = 0) -> UUID:
    """A merged job whose file has a line less than the vendor says."""
    driver.enqueue(2, first=first)
    job_id = driver.completed()
    driver.rewrite(job_id, lambda lines: lines[1:])
    for _ in range(FILE_TRIES):
        driver.hasten()
        driver.merge(job_id)
    assert driver.job(job_id).state == "merged"
    return job_id


def kept(driver: Driver, *job_ids: UUID) -> list[bool]:
    return [bool(keep.files(driver.context, job_id)) for job_id in job_ids]


def grow_old(driver: Driver, job_id: UUID, days: float) -> None:
    long_ago = time.time() - days * keep.DAY
    os.utime(keep.folder(driver.context, job_id), (long_ago, long_ago))


def test_a_doubtful_file_is_kept_as_it_came(driver: Driver) -> None:
    job_id = doubtful(driver)
    [path] = keep.files(driver.context, job_id)
    assert len(gzip.decompress(path.read_bytes()).splitlines()) == 1
    assert not (driver.context.spool_dir / str(job_id)).exists()


def test_one_with_lines_that_tell_nothing_is_kept(driver: Driver) -> None:
    driver.sandbox.fault("submit", "bad_line")
    driver.enqueue(2)
    job_id = driver.completed()
    driver.merge(job_id)
    assert kept(driver, job_id) == [True]


def test_one_beyond_a_limit_is_kept(driver: Driver) -> None:
    driver = driver.another(merge_max_line=1024)
    driver.enqueue(2)
    job_id = driver.completed()
    driver.replace(job_id, lambda _: gzip.compress(b"x" * 2048))
    driver.merge(job_id)
    assert driver.job(job_id).state == "failed"
    assert kept(driver, job_id) == [True]


def test_a_file_without_doubt_is_not_kept(driver: Driver) -> None:
    driver.enqueue(2, unknown=1)
    job_id = driver.completed()
    driver.merge(job_id)
    assert kept(driver, job_id) == [False]


def test_the_newest_so_many_are_kept(driver: Driver) -> None:
    driver = driver.another(keep_files=2)
    jobs = [doubtful(driver, first=10 * number) for number in range(3)]
    assert kept(driver, *jobs) == [False, True, True]


def test_none_are_kept_if_the_operator_wants_none(driver: Driver) -> None:
    driver = driver.another(keep_files=0)
    job_id = doubtful(driver)
    assert kept(driver, job_id) == [False]
    assert not (driver.context.spool_dir / str(job_id)).exists()


def test_no_more_bytes_are_kept_than_allowed(driver: Driver) -> None:
    first = doubtful(driver)
    [path] = keep.files(driver.context, first)
    bounded = driver.another(keep_bytes=path.stat().st_size * 3 // 2)
    second = doubtful(bounded, first=10)
    assert kept(driver, first, second) == [False, True]


def test_what_is_too_old_goes(driver: Driver) -> None:
    old, new = doubtful(driver), doubtful(driver, first=10)
    grow_old(driver, old, driver.context.settings.keep_days + 1)
    grow_old(driver, new, driver.context.settings.keep_days - 1)
    tidy(driver.context)
    assert kept(driver, old, new) == [False, True]


def test_tidying_the_spool_spares_what_is_kept(driver: Driver) -> None:
    job_id = doubtful(driver)
    tidy(driver.context)
    assert kept(driver, job_id) == [True]


def test_a_spool_in_which_nothing_can_be_kept_hinders_no_merge(
    driver: Driver, tmp_path: Path
) -> None:
    driver.context.spool_dir.mkdir(parents=True)
    (driver.context.spool_dir / keep.FOLDER).write_bytes(b"no directory")
    job_id = doubtful(driver)
    assert kept(driver, job_id) == [False]
