"""Two daemons that know different accounts, on one ledger and one Redis."""

from __future__ import annotations

import pytest

from manager import Manager
from tests.chaos import check
from tests.chaos.load import value_of
from tests.chaos.world import World

pytestmark = [pytest.mark.daemon, pytest.mark.timeout(240)]


def test_each_serves_its_own_with_its_own_key() -> None:
    with World(seed=0, daemons=2, accounts={"alpha": {}, "beta": {}}, apart=True) as world:
        manager = Manager(world.settings)
        wanted = {
            name: [value_of("domains", 1_000 * offset + number) for number in range(500)]
            for offset, name in enumerate(world.vendors)
        }
        requests = {
            name: [
                manager.enqueue("domains", some, account=name, idempotency_key=f"part {part}")
                for part, some in enumerate((domains[:100], domains[100:]))
            ]
            for name, domains in wanted.items()
        }
        for name, vendor in world.vendors.items():
            assert all(request.wait(timeout=120).finished for request in requests[name])
            jobs = vendor.control.record()["jobs"]
            sent = {
                identifier
                for job in jobs
                for identifier in vendor.control.job(job["batch_id"])["identifiers"]
            }
            assert sent == set(wanted[name])
            assert vendor.control.record()["calls"]["submit"].keys() == {"200"}
        totals = {it.id: it.total for found in requests.values() for it in found}
        assert not list(check.violations(world, totals))
