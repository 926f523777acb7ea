"""What hurts the vendor of one account, and the network to it."""

from __future__ import annotations

import contextlib
import random
import time
import uuid

import httpx

from sandbox import SandboxError
from tests.chaos.faults.registry import fault
from tests.chaos.world import World


@fault
def vendor_network_cut(world: World, rng: random.Random) -> None:
    """One machine can't reach an account's vendor; what is under way is reset."""
    proxy = world.some_daemon(rng).vendors[world.some_vendor(rng).account]
    proxy.cut()
    time.sleep(rng.uniform(0.5, 4))
    proxy.mend()


@fault
def rate_limited(world: World, rng: random.Random) -> None:
    """The vendor's rate limits are hard for a while (429 with headers)."""
    with world.some_vendor(rng).setting(calls_per_minute=rng.choice((20, 60))):
        time.sleep(rng.uniform(2, 5))


@fault
def rate_limited_silently(world: World, rng: random.Random) -> None:
    """The same, and no header tells."""
    hard = rng.choice((20, 60))
    with world.some_vendor(rng).setting(calls_per_minute=hard, limit_headers=False):
        time.sleep(rng.uniform(2, 5))


@fault
def no_credits(world: World, rng: random.Random) -> None:
    """402 until credits are bought; the operator resumes the account then."""
    with world.some_vendor(rng).setting(credits=0):
        time.sleep(rng.uniform(1, 4))


@fault
def key_refused(world: World, rng: random.Random) -> None:
    """401; the operator resumes the account then."""
    world.some_vendor(rng).control.fault("submit", "status", times=1, status=401)


@fault
def list_forbidden(world: World, rng: random.Random) -> None:
    """403 on the list of jobs; the operator resumes the account then."""
    world.some_vendor(rng).control.fault("list", "status", times=1, status=403)


@fault
def endpoint_forbidden(world: World, rng: random.Random) -> None:
    """403 on one endpoint for a while; the others go on, and the operator resumes it then."""
    endpoint = rng.choice(("company/enrich", "person/enrich", "person/contact/enrich"))
    with world.some_vendor(rng).setting(forbidden_endpoints=[endpoint]):
        time.sleep(rng.uniform(2, 6))


@fault
def poison_identifier(world: World, rng: random.Random) -> None:
    """400 for each submission that has a certain identifier."""
    vendor = world.some_vendor(rng)
    for number in range(vendor.poisoned, vendor.poisoned + 40):
        match = f"company-{number:07d}.example"
        vendor.control.fault("submit", "poison", times=9, match=match)
    vendor.poisoned += 400


@fault
def cap_lowered(world: World, rng: random.Random) -> None:
    """The vendor allows fewer active jobs for a while (429 of the cap)."""
    with world.some_vendor(rng).setting(cap=rng.randint(1, 3)):
        time.sleep(rng.uniform(2, 6))


@fault
def foreign_jobs(world: World, rng: random.Random) -> None:
    """Yet another tool with the same key has jobs of sizes that ours have, too."""
    vendor = world.some_vendor(rng)
    for _ in range(rng.randint(1, 4)):
        size = rng.choice((1, 100, 199, 200, 200))
        with contextlib.suppress(SandboxError):
            vendor.control.foreign(identifier_count=size, seconds=rng.uniform(1, 6))


@fault
def job_never_ends(world: World, rng: random.Random) -> None:
    """A job stays at work for a while, far longer than any other."""
    vendor = world.some_vendor(rng)
    vendor.control.fault("submit", "never_ends")
    time.sleep(rng.uniform(5, 15))
    vendor.end_all()


@fault
def links_expire_at_once(world: World, rng: random.Random) -> None:
    """Links are valid for a moment only."""
    with world.some_vendor(rng).setting(link_ttl_seconds=0.01):
        time.sleep(rng.uniform(1, 3))


@fault
def list_lags(world: World, rng: random.Random) -> None:
    """New jobs appear late in the list."""
    with world.some_vendor(rng).setting(list_lag_seconds=3.0):
        time.sleep(rng.uniform(2, 6))


@fault
def webhooks_lost(world: World, rng: random.Random) -> None:
    """No webhook comes."""
    with world.some_vendor(rng).setting(webhook_mode="lost"):
        time.sleep(rng.uniform(2, 5))


@fault
def webhooks_doubled(world: World, rng: random.Random) -> None:
    """Each webhook comes twice."""
    with world.some_vendor(rng).setting(webhook_mode="doubled"):
        time.sleep(rng.uniform(2, 5))


@fault
def webhooks_forged(world: World, rng: random.Random) -> None:
    """Strangers call the webhook receiver with tokens of their own."""
    for _ in range(20):
        url = f"http://127.0.0.1:{world.web_port}/webhooks/{uuid.uuid4()}/{rng.random()}"
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(url, json={"status": "completed"}, timeout=2, trust_env=False)


@fault
def vendor_clock_jumps(world: World, rng: random.Random) -> None:
    """The vendor's clock jumps ahead for good: what is active there ends at once."""
    world.some_vendor(rng).control.advance(rng.uniform(10, 300))


@fault
def vendor_clock_wrong(world: World, rng: random.Random) -> None:
    """The vendor's clock is wrong for a while, in its answers and in the jobs that it accepts."""
    with world.some_vendor(rng).setting(clock_skew_seconds=rng.uniform(-90, 90)):
        time.sleep(rng.uniform(3, 8))
