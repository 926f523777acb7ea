"""Pulse: whether anybody works for an account, and else which process is at fault.

The ledger knows when an account was swept last, Redis which processes live. A sweep takes a worker
and beat, so what is blamed is who is missing, then who has not worked for longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from manager.operator.problems import Problem, problem
from manager.operator.status.account import Looked
from manager.operator.words import duration
from manager.semaphore import Presence, Seen
from manager.settings import Settings

# Seconds in which an `up` that was just started has its processes at work.
STARTING = 30.0


def pulse_limit(settings: Settings) -> float:
    """Seconds since the last sweep after which nobody is taken to be at work."""
    return settings.sweep_interval * 3 + 10


def problems(looked: Looked) -> Iterator[Problem]:
    """That nobody sweeps, or soon nobody will have."""
    row, seen = looked.row, looked.known.seen
    if row.paused_for == "no_key" or seen is None:  # Redis is away, and that is told
        return
    late = row.swept_ago is None or row.swept_ago > pulse_limit(looked.settings)
    alive = [it.presence for it in seen if it.alive]
    supervised = {it.host for it in alive if it.role == "up"}  # others end with their supervisor
    crew = [it for it in alive if it.role in ("worker", "beat") and it.host in supervised]
    if late and (starting := _starting(alive)):
        yield starting
    elif not crew:
        if late or any(it.presence.role == "up" and not it.alive for it in seen):
            yield _nobody(looked, seen, alive)
    elif late:
        yield _at_fault(looked, [it for it in crew if row.name in it.accounts], crew)
    elif stopped := _missing(crew) if _is_overdue(looked) else None:
        yield stopped


def _starting(alive: Sequence[Presence]) -> Problem | None:
    """That one who was just started will sweep soon."""
    for it in alive:
        if it.role == "up" and it.clock - it.started < STARTING:
            text = f"the daemon is starting ({_who(it)}); nothing was swept yet"
            return problem("daemon-starting", text, "Wait for some seconds.")
    return None


def _nobody(looked: Looked, seen: Sequence[Seen], alive: Sequence[Presence]) -> Problem:
    """No worker and no beat: do they not stay, was it stopped, or killed?"""
    if ups := [it for it in alive if it.role == "up"]:
        return problem(
            "worker-missing",
            f"{_who(ups[0])} is at work, but none of its workers, and no beat",
            "See their logs: they end at once, or cannot be started.",
        )
    swept = looked.row.swept_ago
    last = "nothing was ever swept" if swept is None else f"the last sweep was {_ago(swept)}"
    way_out = "Start `enrichd up`; it goes on where it was."
    gone = sorted((it for it in seen if not it.alive), key=lambda it: it.ago)
    if ended := next((it for it in gone if it.presence.role == "up"), None):
        how = "was stopped" if ended.presence.ended else "is gone without having been stopped"
        text = f"nobody is at work: {_who(ended.presence)} {how}, it was heard of {_ago(ended.ago)}"
        return problem("daemon-stopped", f"{text}; {last}", way_out)
    return problem("daemon-stopped", f"nobody is at work: {last}", way_out, looked.row.name)


def _at_fault(looked: Looked, ours: Sequence[Presence], crew: Sequence[Presence]) -> Problem:
    """The process for which the account is not swept."""
    row, settings = looked.row, looked.settings
    if not ours:
        known = ", ".join(sorted({name for it in crew for name in it.accounts}))
        return problem(
            "account-not-served",
            f"the processes at work do not know the account; they serve {known or 'none'}",
            f"Configure it there ([accounts.{row.name}]) and restart them, or `enrichd accounts "
            f"remove {row.name}`.",
            row.name,
        )
    if missing := _missing(ours):
        return missing
    swept = "never swept" if row.swept_ago is None else f"swept last {_ago(row.swept_ago)}"
    if found := stalled(ours, settings):
        return problem(found.code, f"{found.text}; the account was {swept}", found.way_out)
    return problem(
        "sweep-late",
        f"{swept}, though workers and beat are at work",
        "See their logs; `enrichd doctor --area processes --area redis` says more.",
        row.name,
    )


@dataclass(frozen=True, slots=True)
class Stalled:
    """A process that lives and does not work."""

    code: str
    text: str
    way_out: str


def stalled(crew: Sequence[Presence], settings: Settings) -> Stalled | None:
    """Who keeps those that are at work from sweeping: beat, for which workers wait, or a worker."""
    limit = pulse_limit(settings)
    kinds: tuple[tuple[str, str, str], ...] = (
        ("beat", "beat-stalled", "sends no wake-ups"),
        ("worker", "worker-stalled", "takes no wake-ups"),
    )
    for role, code, does in kinds:
        some = [it for it in crew if it.role == role and (role == "beat" or "quick" in it.queues)]
        if some and all(it.idle is not None and it.idle > limit for it in some):
            it = some[0]
            return Stalled(
                code,
                f"{_who(it)} lives, but {does} for {duration(it.idle or 0)}",
                f"Wait: its supervisor replaces it after {settings.stalled_after:.0f} s. If it "
                f"does not, `kill -9 {it.pid}` on {it.host}.",
            )
    return None


def _missing(crew: Sequence[Presence]) -> Problem | None:
    """The kind of process that nobody has started."""
    if not any(it.role == "worker" and "quick" in it.queues for it in crew):
        return problem(
            "worker-missing",
            "no worker takes from the queue enrichd.quick: nothing is swept or submitted",
            "Start `enrichd worker --queues enrichd.quick`, or `enrichd up`.",
        )
    if not any(it.role == "beat" for it in crew):
        text = "no beat is at work: nothing is swept"
        return problem("beat-missing", text, "Start `enrichd beat`, or `enrichd up`.")
    return None


def _is_overdue(looked: Looked) -> bool:
    """A process that was replaced is at work again by then."""
    return (looked.row.swept_ago or 0) > looked.settings.sweep_interval + 5


def _who(presence: Presence) -> str:
    name = "`enrichd up`" if presence.role == "up" else presence.name
    return f"{name} (pid {presence.pid} on {presence.host})"


def _ago(seconds: float) -> str:
    """With the time of day, which is what logs go by."""
    at = datetime.fromtimestamp(datetime.now(UTC).timestamp() - seconds, UTC)
    return f"{duration(seconds)} ago ({at:%H:%M:%S} UTC)"
