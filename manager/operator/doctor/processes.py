"""Processes: who is at work, on which machines, of which version, for which accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import get_args

from manager.ledger.execute import rows
from manager.ledger.sql import Statements
from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import Finding, each, ok, problem, warning
from manager.operator.status.pauses import pause_of
from manager.operator.status.pulse import pulse_limit, stalled
from manager.operator.trouble import TROUBLE, named
from manager.operator.words import counted, duration
from manager.semaphore import Presences, Seen
from manager.steps.registry import Queue
from manager.vendor.agent import our_version

SQL = Statements("doctor")
# Seconds by which the clocks of two machines may differ.
SKEW = 2.0


@dataclass(frozen=True, slots=True)
class Work:
    """An account of the ledger: when it was swept, in seconds ago, and whether it has work."""

    name: str
    swept_ago: float | None
    paused_reason: str | None
    paused_for: str | None
    live_jobs: int
    open_requests: int

    @property
    def has_work(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self.live_jobs or self.open_requests)


@dataclass(frozen=True, slots=True)
class Known:
    """What Redis and the ledger know of processes. listeners: names of connections.

    redis: whether Redis could be asked.
    """

    seen: list[Seen]
    accounts: list[Work]
    listeners: list[str]
    redis: bool = True

    @property
    def alive(self) -> list[Seen]:
        """Those that were heard of lately."""
        return [it for it in self.seen if it.alive]

    def of(self, role: str) -> list[Seen]:
        """Those of a role."""
        return [it for it in self.alive if it.presence.role == role]


def look(case: Case) -> Iterator[Finding]:
    """All of it."""
    try:
        with case.ledger() as connection:
            accounts = rows(connection, SQL.work, Work, {})
            listeners = rows(connection, SQL.listeners, str, {})
    except TROUBLE as error:
        yield warning(
            "ledger",
            f"cannot be asked who works on it: {named(error)}",
            "See what is found of Postgres.",
        )
        return
    try:
        seen = Presences(case.redis, case.ledger_id).seen()
    except TROUBLE as error:
        yield warning(
            "Redis",
            f"cannot be asked which processes there are: {named(error)}",
            "See what is found of Redis.",
        )
        yield from each((_swept, _paused), case, Known([], accounts, listeners, redis=False))
        return
    checks = (
        _alive,
        _dead,
        _needed,
        _swept,
        _paused,
        _served,
        _listening,
        _versions,
        _clocks,
        _supervisors,
    )
    yield from each(checks, case, Known(seen, accounts, listeners))


def _alive(_: Case, known: Known) -> Iterator[Finding]:
    for it in known.alive:
        said = it.presence
        serves = f", serves {', '.join(said.accounts)}" if said.accounts else ""
        takes = f", takes {', '.join(said.queues)}" if said.queues else ""
        up = max(said.clock - said.started, 0)
        text = f"on {said.host}, pid {said.pid}, {said.version}, up for {duration(up)}"
        if said.restarts:
            yield warning(
                said.name,
                f"{text}{takes}; it had to be started again {counted(said.restarts, 'time')}",
                "See its log for why it ended, or hung.",
            )
        else:
            yield ok(said.name, f"{text}{takes}{serves}")


def _dead(_: Case, known: Known) -> Iterator[Finding]:
    for it in known.seen:
        if not it.alive and not it.presence.ended:
            yield warning(
                it.presence.name,
                f"on {it.presence.host}, pid {it.presence.pid}: last heard of {duration(it.ago)} "
                "ago, and has not said that it ended: it was killed, hangs, or has lost Redis",
                "See its log. If another has taken its place, nothing; it is forgotten in a day.",
            )


def _needed(_: Case, known: Known) -> Iterator[Finding]:
    """Which of the processes are missing altogether."""
    if not known.alive:
        say = problem if any(it.has_work for it in known.accounts) else warning
        waits = "work waits, and " if say is problem else ""
        text = f"{waits}no process is at work"
        yield say("daemon", text, "Start `enrichd up`.", code="daemon-stopped")
        return
    for queue in get_args(Queue):
        if not any(queue in it.presence.queues for it in known.of("worker")):
            yield problem(
                "workers",
                f"none takes from the queue enrichd.{queue}",
                f"Start `enrichd up`, or `enrichd worker --queues enrichd.{queue}`.",
                code="worker-missing",
            )
    if not known.of("beat"):
        text = "none is at work: nothing is swept"
        yield problem("beat", text, "Start `enrichd beat`.", code="beat-missing")
    if not known.of("web"):
        yield warning(
            "web",
            "none is at work: no page, no /health, and webhooks are refused",
            "Start `enrichd web`, if you want them.",
        )


def _swept(case: Case, known: Known) -> Iterator[Finding]:
    """By the ledger, which knows it whatever Redis says."""
    late = pulse_limit(case.settings)
    for it in known.accounts:
        if it.paused_for == "no_key":
            continue
        if it.swept_ago is not None and it.swept_ago <= late:
            yield ok("sweep", f"{duration(it.swept_ago)} ago", it.name)
        else:
            ago = "not yet" if it.swept_ago is None else f"last {duration(it.swept_ago)} ago"
            say = problem if it.has_work else warning
            code, text, way_out = _at_fault(case, known, it.name)
            yield say("sweep", f"{ago}{text}", way_out, it.name, code=code)


def _at_fault(case: Case, known: Known, account: str) -> tuple[str, str, str]:
    """For whom an account is not swept: a code, what follows when it was, and what to do."""
    if not known.redis:
        return "sweep-late", "", "See what is found of Redis."
    crew = [it.presence for it in known.of("worker") + known.of("beat")]
    ours = [it for it in crew if account in it.accounts]
    if found := stalled(ours, case.settings):
        return found.code, f": {found.text}", found.way_out
    if any(it.role == "beat" for it in ours) and any("quick" in it.queues for it in ours):
        text = ", though a worker and beat are at work"
        return "sweep-late", text, "Read their logs; one just started sweeps within seconds."
    return "sweep-late", ": nobody works for it", "Start `enrichd up`."


def _paused(_: Case, known: Known) -> Iterator[Finding]:
    """On which nothing is submitted, whoever is at work."""
    for it in known.accounts:
        if it.paused_reason is not None:
            code, way_out = pause_of(it.paused_for, f" --account {it.name}")
            yield problem("pause", f"paused: {it.paused_reason}", way_out, it.name, code)


def _served(_: Case, known: Known) -> Iterator[Finding]:
    if not known.of("worker"):
        return
    for it in known.accounts:
        lacks = [
            queue
            for queue in get_args(Queue)
            if not any(
                it.name in seen.presence.accounts and queue in seen.presence.queues
                for seen in known.of("worker")
            )
        ]
        beats = any(it.name in seen.presence.accounts for seen in known.of("beat"))
        missing = [f"worker of the queue enrichd.{queue}" for queue in lacks]
        missing += [] if beats or not known.of("beat") else ["beat"]
        if missing:
            say = problem if it.has_work else warning
            yield say(
                "served",
                f"the ledger has it, and no {', and no '.join(missing)} knows it",
                f"Configure it there, [accounts.{it.name}], and restart; or `enrichd accounts "
                f"remove {it.name}`.",
                it.name,
                code="account-not-served",
            )


def _listening(_: Case, known: Known) -> Iterator[Finding]:
    if known.listeners:
        yield ok("listener", f"{', '.join(known.listeners)} hears of enqueues at once")
    elif known.of("beat"):
        yield warning(
            "listener",
            "no connection listens for enqueues: they are found by the next sweep, seconds later. "
            "Or the daemon uses another role of Postgres, whose statements ours may not see",
            "See beat's log; it reconnects by itself.",
        )


def _versions(_: Case, known: Known) -> Iterator[Finding]:
    versions = Counter(it.presence.version for it in known.alive)
    ours = our_version()
    if len(versions) > 1:
        told = ", ".join(f"{count} of {version}" for version, count in sorted(versions.items()))
        yield warning(
            "versions",
            f"processes of several releases are at work: {told}",
            "Restart the older ones, once `enrichd db upgrade` has run.",
        )
    elif versions and ours not in versions:
        yield warning(
            "versions",
            f"the daemon is {next(iter(versions))}, this command {ours}",
            "Use the command of the same installation, or restart the daemon.",
        )


def _clocks(_: Case, known: Known) -> Iterator[Finding]:
    """Each machine's clock against Redis's, by what its processes said."""
    ahead = {it.presence.host: it.ahead for it in known.alive}
    for host, seconds in sorted(ahead.items()):
        if abs(seconds) > SKEW:
            yield warning(
                "clock",
                f"that of {host} is {duration(abs(seconds))} "
                f"{'ahead of' if seconds > 0 else 'behind'} that of Redis's machine",
                "Let the clocks of all machines be set (NTP). The daemon goes by Postgres's and "
                "Redis's, so this costs punctuality alone.",
            )


def _supervisors(_: Case, known: Known) -> Iterator[Finding]:
    hosts = Counter(it.presence.host for it in known.of("up"))
    several = [f"{count} on {host}" for host, count in sorted(hosts.items()) if count > 1]
    if several:
        yield warning(
            "supervisors",
            f"more than one `enrichd up` on one machine: {', '.join(several)}. That does no harm, "
            "but is seldom meant",
            "Stop the one that was forgotten.",
        )
    elif len(hosts) > 1:
        yield ok("supervisors", f"{counted(len(hosts), 'machine')}: {_list(hosts)}")


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
