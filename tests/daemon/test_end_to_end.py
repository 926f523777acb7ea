"""The whole way: enqueue, real workers, a vendor that misbehaves, and the results."""

from __future__ import annotations

from typing import Any

import pytest

from manager import Manager, Outcome
from tests.chaos import check
from tests.chaos.load import value_of
from tests.chaos.world import CAP, World

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(240)]

FAULTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("submit", "status", {"status": 429, "headers": {"x-ratelimit-remaining": "0",
                                                     "x-ratelimit-reset": "1"}, "times": 2}),
    ("submit", "status", {"status": 503, "after": False}),
    ("submit", "status", {"status": 500, "after": True}),
    ("submit", "reset_before", {}),
    ("submit", "reset_after", {}),
    ("submit", "fail_job", {"error_message": "out of luck"}),
    ("status", "status", {"status": 502, "times": 2}),
    ("list", "reset_before", {}),
    ("download", "truncate", {}),
    ("download", "corrupt", {}),
    ("download", "status", {"status": 403, "times": 2}),
)  # fmt: skip


def test_everything_is_settled_once_although_the_vendor_misbehaves() -> None:
    with World(seed=0, daemons=1, pace={"JOB_SIZE": "1000"}) as world:
        for route, kind, arguments in FAULTS:
            world.sandbox.fault(route, kind, **arguments)
        world.sandbox.foreign(identifier_count=1000, seconds=4)
        manager = Manager(world.settings)
        domains = [value_of("domains", number) for number in range(6_000)]
        ids = [value_of("crustdata_company_ids", number) for number in range(2_500)]
        requests = [
            manager.enqueue("domains", domains),
            manager.enqueue("domains", [*domains[4_000:], *domains[:10], "no-such.example"]),
            manager.enqueue("domains", domains[:1_500], fields=["headcount.total"], priority=10),
            manager.enqueue("crustdata_company_ids", ids, fields=["funding"]),
        ]

        finished = [request.wait(timeout=120) for request in requests]

        assert not list(
            check.violations(world, {request.id: request.total for request in requests})
        )
        assert not world.sandbox.faults(), "every fault has fired"
        record = world.sandbox.record()
        bought = sum(job["fulfilled"] for job in record["jobs"] if not job["foreign"])
        assert record["highest_active_own"] <= CAP
        assert record["duplicates"]["count"] == 0
        assert record["billed"]["records"] == bought
        # the second request shares all but one of its identifiers with the first
        own = [requests[0], *requests[2:]]
        fulfilled = {r.identifier for r in requests[0].results() if r.outcome is Outcome.FULFILLED}
        assert bought == sum(request.progress().fulfilled for request in own)
        shared = list(requests[1].results())
        assert [result.identifier for result in shared[:2_000]] == domains[4_000:]
        assert all((r.outcome is Outcome.FULFILLED) == (r.identifier in fulfilled) for r in shared)
        assert shared[-1].outcome is Outcome.NOT_FOUND
        assert all(progress.failed == progress.cancelled == 0 for progress in finished)
