"""Merge: results as they come, however they were packed and ended, are all merged."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.shapes import SHAPES
from tests.steps.driver import Driver
from tests.steps.results_file import outcomes, strays

pytestmark = pytest.mark.integration

SOME = [
    ["plain", "bom", "crlf"],
    ["gzip_twice", "bom", "blank_lines"],
    ["members", "crlf", "no_last_newline"],
    [*sorted(SHAPES - {"plain"})],
    [*sorted(SHAPES - {"gzip_twice"})],
]


@pytest.mark.parametrize("shape", [*([it] for it in sorted(SHAPES)), *SOME], ids="-".join)
def test_a_file_of_any_shape_is_merged_whole(driver: Driver, shape: list[str]) -> None:
    driver.sandbox.set(results_shape=shape, part_lines=2)
    request = driver.enqueue(5, unknown=1)
    job_id = driver.completed()
    driver.merge(job_id)
    assert outcomes(driver, request) == [*["fulfilled"] * 5, "not_found"]
    assert strays(driver, job_id) == []
    job = driver.job(job_id)
    assert (job.state, job.why, job.bad_files) == ("merged", "5 results", 0)


@pytest.mark.parametrize("shape", ["plain", "gzip_twice"])
def test_what_a_proxy_makes_of_one_transfer_does_no_harm(driver: Driver, shape: str) -> None:
    request = driver.enqueue(3, unknown=1)
    job_id = driver.completed()
    driver.sandbox.fault("download", shape)
    driver.merge(job_id)
    assert outcomes(driver, request) == [*["fulfilled"] * 3, "not_found"]
    assert strays(driver, job_id) == []


BOM = b"\xef\xbb\xbf"
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "three times": lambda data: gzip.compress(gzip.compress(data)),
    "a mark before each line": lambda data: gzip.compress(
        b"".join(BOM + line + b"\r\n" for line in gzip.decompress(data).splitlines())
    ),
    "a member a line": lambda data: b"".join(
        gzip.compress(line) for line in gzip.decompress(data).splitlines(keepends=True)
    ),
    "spaces around lines": lambda data: gzip.compress(
        b"".join(b" " + line + b" \n \n" for line in gzip.decompress(data).splitlines())
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_sandbox_does_not_make_is_merged_too(driver: Driver, change: str) -> None:
    request = driver.enqueue(3, unknown=1)
    job_id = driver.completed()
    driver.replace(job_id, CHANGES[change])
    driver.merge(job_id)
    assert outcomes(driver, request) == [*["fulfilled"] * 3, "not_found"]


def test_a_mark_spoils_neither_the_first_record_of_a_part_nor_what_was_not_found(
    driver: Driver,
) -> None:
    driver.sandbox.set(results_shape="bom", part_lines=1)
    request = driver.enqueue(3, unknown=3)
    driver.merge(driver.completed())
    found: list[Any] = [key for key, _ in itertools.groupby(outcomes(driver, request))]
    assert found == ["fulfilled", "not_found"]
