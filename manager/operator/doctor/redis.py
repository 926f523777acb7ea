"""Redis: whether the daemon can work with it, and who else does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, get_args

from redis import Redis
from redis.exceptions import RedisError

from manager import semaphore
from manager.errors import ConfigurationError, UnavailableError
from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import Finding, each, ok, problem, warning
from manager.operator.trouble import TROUBLE
from manager.operator.words import counted, duration, size
from manager.semaphore import Server, queue_prefix
from manager.semaphore.redis import address_of
from manager.semaphore.server import SUPPORTED
from manager.settings import Settings
from manager.settings.hosts import is_loopback
from manager.settings.redis_url import RedisAddress
from manager.steps.registry import Queue

# Seconds that a round trip may take.
SLOW = 0.05
# Wake-ups that may wait in a queue before somebody should take them.
MANY = 100
# Seconds for which names are looked through for those of other ledgers.
LOOKING = 2.0
_OURS = re.compile(rb"enrichd:\{?([0-9a-f-]{36})[:}]")


def look(case: Case) -> Iterator[Finding]:
    """All of it."""
    try:
        address = address_of(case.settings)
        semaphore.ping(case.settings)
        ledger = _ledger_id(case)
        server = semaphore.look(case.settings, ledger)
    except UnavailableError as error:
        yield problem(
            "reached", str(error), "See that it runs, and that redis_url has its host and port."
        )
        return
    except ConfigurationError as error:
        yield problem("reached", str(error), "Without Redis enqueues go on, and all work rests.")
        return
    except ValueError as error:
        yield problem("redis_url", str(error), "Correct it.")
        return
    yield from _server(server, tried=ledger is not None)
    yield from _tls(address)
    yield from each((_latency, _names, _queues), case, ledger)


def _ledger_id(case: Case) -> str | None:
    """The ledger's own id; None where it cannot be had."""
    try:
        return case.ledger_id
    except TROUBLE:
        return None


def _server(server: Server, tried: bool) -> Iterator[Finding]:
    for text in server.problems:
        yield problem("server", text, "The daemon does not start with it.")
    for text in server.warnings:
        yield warning("server", text, "As it says.")
    if not server.problems:
        yield ok("server", f"{server}, one of {SUPPORTED}")
    if server.role in ("slave", "replica"):
        yield problem(
            "role",
            "it is a replica, which takes no writes",
            "Let redis_url lead to the primary, also after a failover.",
        )
    if server.policy is not None:
        most = size(server.maxmemory) if server.maxmemory else "no limit"
        used = f", {size(server.used)} used" if server.used else ""
        yield ok("memory", f"maxmemory {most}{used}, policy {server.policy}")
    if not tried:
        yield ok("rights", f"as user {server.user}; not tried, since there is no ledger yet")
    elif not server.missing:
        yield ok("rights", f"user {server.user} may do all that is needed")


def _tls(address: RedisAddress) -> Iterator[Finding]:
    local = bool(address.path) or is_loopback(address.host)
    if address.tls is None and not local:
        yield warning(
            "TLS",
            f"the connection to {address.host} is not encrypted: the password goes in clear",
            "Use rediss://, and ?ssl_ca_certs=/path/ca.pem for a CA of your own.",
        )
    elif address.tls is not None and address.tls.verify == "required":
        name = "" if address.tls.check_hostname else ", but not the host's name in it"
        yield ok("TLS", f"the certificate is verified{name}")
    elif local:
        yield ok("TLS", "not needed: it is on this machine")


def _latency(case: Case, _: str | None) -> Iterator[Finding]:
    took = []
    for _again in range(5):
        began = time.monotonic()
        case.redis.time()
        took.append(time.monotonic() - began)
    text = f"a round trip takes {duration(min(took))}"
    if min(took) > SLOW:
        yield warning("latency", text, "Run the daemon nearer to Redis.")
    else:
        yield ok("latency", text)


def _names(case: Case, ledger: str | None) -> Iterator[Finding]:
    """Other ledgers that use this Redis; they do not disturb each other."""
    others: set[str] = set()
    looked, deadline = 0, time.monotonic() + LOOKING
    try:
        cursor, size_of_all = -1, int(case.redis.dbsize())
        while cursor and time.monotonic() < deadline:
            cursor, names = case.redis.scan(max(cursor, 0), "enrichd:*", 1000)
            looked += len(names)
            found = [_OURS.match(name) for name in names if isinstance(name, bytes)]
            others |= {it[1].decode() for it in found if it} - {ledger or ""}
    except RedisError:
        yield ok("names", "our user may not list them, and need not")
        return
    strangers = max(size_of_all - looked, 0)
    beside = f"; {counted(strangers, 'name')} of others in this database" if strangers else ""
    if others:
        yield ok(
            "names",
            f"{counted(len(others), 'other ledger')} here, under names of their own: "
            f"{', '.join(sorted(others)[:3])}{beside}",
        )
    else:
        yield ok("names", f"{looked} of ours, none of another ledger{beside}")


def _queues(case: Case, ledger: str | None) -> Iterator[Finding]:
    if ledger is None:
        return
    lengths = {name: _length(case.redis, ledger, name) for name in _queue_names(case.settings)}
    full = {name: length for name, length in lengths.items() if length > MANY}
    if full:
        told = ", ".join(f"{name} has {length:,}" for name, length in full.items())
        yield warning(
            "queues",
            f"wake-ups wait: {told}. Nobody takes them, or not fast enough",
            "See that a worker runs for each queue (processes, below). They are worthless after a "
            "minute, so nothing needs to be done about the old ones.",
        )
    else:
        yield ok("queues", f"{counted(sum(lengths.values()), 'wake-up')} in {len(lengths)} queues")


def _queue_names(settings: Settings) -> list[str]:
    kinds = get_args(Queue)
    accounts = [f".{it.name}" for it in settings.served]
    return [f"enrichd.{kind}{of}" for kind in kinds for of in ("", *accounts)]


def _length(redis: Redis, ledger: str, name: str) -> int:
    length: Any = redis.llen(queue_prefix(ledger) + name)
    return int(length)
