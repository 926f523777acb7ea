"""Another tool on the same account, which goes on starting jobs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Sandbox, SandboxError, companies, people

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

pytestmark = pytest.mark.integration

DOMAINS = [companies.fictional(index).domain for index in range(30)]


def foreign(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [job for job in sandbox.record()["jobs"] if job["foreign"]]


def test_it_starts_jobs_as_large_as_our_last_that_name_others(
    caller: Caller, sandbox: Sandbox
) -> None:
    sandbox.set(foreign_every_seconds=[4, 12], foreign_seconds=[1, 3])
    sandbox.advance(60)
    assert foreign(sandbox) == [], "there was none of ours yet"
    caller.submit(domains=DOMAINS, fields=["headcount"])
    sandbox.advance(120)
    jobs = foreign(sandbox)
    assert 10 <= len(jobs) <= 30
    assert all(1 <= job["seconds"] <= 3 for job in jobs)
    assert {(job["identifier_count"], *job["fields"]) for job in jobs} == {(30, "headcount")}
    found = caller.envelopes(jobs[0]["batch_id"])
    assert len(found) == 30
    assert not {line["original_identifier"] for line in found} & set(DOMAINS)
    listed = [job["batch_id"] for job in caller.jobs(limit=100)["jobs"]]
    assert {job["batch_id"] for job in jobs} < set(listed)
    created = [job["created_at"] for job in caller.jobs(limit=100)["jobs"]]
    assert created == sorted(created, reverse=True)


def test_it_goes_on_until_it_is_switched_off(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(foreign_every_seconds=[4, 12], foreign_size=7)
    counts = []
    for _ in range(5):
        sandbox.advance(300)
        counts.append(len(foreign(sandbox)))
    grown = [later - earlier for earlier, later in itertools.pairwise(counts)]
    assert min(grown) >= 25
    assert {job["identifier_count"] for job in foreign(sandbox)} == {7}
    sandbox.set(foreign_every_seconds=None)
    sandbox.advance(300)
    assert len(foreign(sandbox)) == counts[-1]


def test_it_does_the_same_for_the_same_seed(caller: Caller, sandbox: Sandbox) -> None:
    def drawn(seed: int) -> list[float]:
        sandbox.reset()
        sandbox.set(foreign_every_seconds=[4, 12], foreign_size=1, seed=seed)
        sandbox.advance(100)
        return [round(job["seconds"], 3) for job in foreign(sandbox)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_it_submits_where_we_do(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(foreign_every_seconds=[5, 5])
    caller.submit("person/enrich", business_emails=[people.fictional(0).email])
    sandbox.advance(6)
    (job,) = foreign(sandbox)
    assert (job["endpoint"], job["identifier_type"]) == ("person/enrich", "business_emails")


def test_it_takes_part_of_the_cap_and_heeds_it(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(cap=2, foreign_every_seconds=[5, 5], foreign_seconds=[1000, 1000], foreign_size=1)
    sandbox.advance(5)
    caller.submit(domains=DOMAINS)
    assert caller.post(domains=DOMAINS).status_code == 429
    sandbox.advance(5)
    assert len(foreign(sandbox)) == 1
    assert sandbox.record()["highest_active"] == 2


def test_it_may_be_outside_the_cap(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(
        cap=1,
        foreign_every_seconds=[5, 5],
        foreign_seconds=[1000, 1000],
        foreign_size=1,
        foreign_in_cap=False,
    )
    sandbox.advance(20)
    assert len(foreign(sandbox)) == 4
    caller.submit(domains=DOMAINS)
    assert sandbox.record()["highest_active"] == 1


def test_it_starts_jobs_by_itself_when_the_clock_runs(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(frozen=False, foreign_every_seconds=[0.1, 0.1], foreign_size=1, cap=100)
    sandbox.fault("list", "delay", seconds=0.35)
    caller.jobs()
    assert len(foreign(sandbox)) >= 3


def test_a_leap_of_the_clock_starts_only_the_latest_of_them(sandbox: Sandbox) -> None:
    sandbox.set(foreign_every_seconds=[4, 12], foreign_size=1)
    sandbox.advance(1e6)
    assert len(foreign(sandbox)) <= 150


def test_a_range_must_be_one(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="foreign_every_seconds"):
        sandbox.set(foreign_every_seconds=[12, 4])
