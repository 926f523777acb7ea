"""What Redis tells: calls, how long calls and steps took, processes, and wake-ups that wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

from manager.operator.metrics.exposition import Collected
from manager.semaphore import Presences, queue_prefix
from manager.steps.account import Account
from manager.steps.context import Context
from manager.steps.registry import Queue
from manager.vendor.calls import Route

QUEUES = get_args(Queue)
ROLES = ("up", "worker", "beat", "web")


def read(context: Context, found: Collected) -> None:
    """Read it all. Raises RedisError, and UnavailableError without a ledger that says its name."""
    _processes(context, found)
    for account in context.accounts():
        for route in get_args(Route):
            _calls(account, route, found)
        _measured(account.name, account.measures.read(), found)
        for kind in QUEUES:
            queue = f"{queue_prefix(context.ledger_id)}enrichd.{kind}.{account.name}"
            waiting = context.redis.llen(queue)
            found.put("wakes_waiting", int(waiting), account.name, kind)


def _processes(context: Context, found: Collected) -> None:
    alive: Counter[str] = Counter(dict.fromkeys(ROLES, 0))
    restarts: Counter[str] = Counter(dict.fromkeys(ROLES, 0))
    for seen in Presences(context.redis, context.ledger_id).seen():
        if seen.alive and seen.presence.role in ROLES:
            alive[seen.presence.role] += 1
            restarts[seen.presence.role] += seen.presence.restarts
    for role in ROLES:
        found.put("processes", alive[role], role)
        found.put("process_restarts", restarts[role], role)


def _calls(account: Account, route: Route, found: Collected) -> None:
    calls = account.gate.calls(route)
    until = calls.blocked_until
    blocked = max((until - datetime.now(UTC)).total_seconds(), 0) if until else 0
    found.put("vendor_calls_used", calls.used, account.name, route)
    found.put("vendor_calls_allowed", calls.allowed, account.name, route)
    found.put("vendor_calls_queued", calls.waiting, account.name, route)
    found.put("vendor_calls_blocked_seconds", blocked, account.name, route)


def _measured(account: str, sums: Mapping[str, int], found: Collected) -> None:
    for name, amount in sums.items():
        match name.split(" "):
            case ["calls", route, outcome]:
                found.put("vendor_calls_total", amount, account, route, outcome)
            case ["call", route, bound]:
                found.count("vendor_call_seconds", bound, amount, account, route)
            case ["step", step, bound]:
                found.count("step_seconds", bound, amount, account, step)
