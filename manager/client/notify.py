"""Whom an enqueue call lets be told of what becomes of its request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from manager.errors import InvalidRequestError
from manager.ledger.execute import Execute
from manager.ledger.script import Script, ask
from manager.ledger.sql import Statements
from manager.settings import Settings
from manager.targets import Event, Guard, Named, Webhook, checked_events, parse

SQL = Statements("targets")
MOST = 10

Notify: TypeAlias = str | Sequence[str] | None
"""A target, or several."""


@dataclass(frozen=True, slots=True)
class WantedTargets:
    """Targets by their addresses, sorted, and the events that they are told; none: all."""

    addresses: list[str]
    hosts: list[str]
    events: list[str]


def checked_targets(
    settings: Settings, notify: Notify, events: Sequence[Event]
) -> WantedTargets | None:
    """Those that are meant; None for none. Raises InvalidRequestError, RefusedTargetError."""
    told = checked_events(events)
    if others := [it for it in told if not it.startswith("request.")]:
        raise InvalidRequestError(
            f"notify_events: {', '.join(others)} is nothing of a request; it is told to the "
            "account's targets, which the daemon's settings name (notify)."
        )
    if notify is not None and not isinstance(notify, str | Iterable):
        raise InvalidRequestError(f"notify must be a target or a list of them, not {notify!r}.")
    addresses = sorted({notify} if isinstance(notify, str) else set(notify or ()))
    if not addresses:
        return None
    if len(addresses) > MOST:
        raise InvalidRequestError(
            f"notify: {len(addresses):,} targets; a request tells {MOST} at most."
        )
    guard = Guard(settings.notify_allow)
    hosts = []
    for text in addresses:
        address = parse(text)
        if isinstance(address, Webhook):
            guard.check(address)
        if isinstance(address, Named) and settings.notify_targets:
            _check_known(settings, address)
        hosts.append(address.place)
    return WantedTargets(addresses, hosts, told)


def target_ids(wanted: WantedTargets) -> Script[list[int]]:
    """The targets' ids in the ledger; those that it does not have yet are made."""
    parameters = {
        "addresses": wanted.addresses,
        "hosts": wanted.hosts,
        "events": wanted.events,
    }
    found = yield from ask(SQL.ids, int, parameters)
    if len(found) < len(wanted.addresses):
        yield Execute(SQL.make, parameters)
        found = yield from ask(SQL.ids, int, parameters)
    return found


def _check_known(settings: Settings, named: Named) -> None:
    """A process that has no targets of its own cannot know those of the daemon."""
    if named.name not in settings.notify_targets:
        raise InvalidRequestError(
            f"notify: there is no target {named.name!r} in notify_targets; those that are: "
            f"{', '.join(sorted(settings.notify_targets))}."
        )
