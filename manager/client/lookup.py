"""Lookup: what the ledger knows of identifiers already, without a request. It buys nothing, and its
transactions cannot write.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from manager.client.arguments import check_type, checked_account, field_selection, time_span
from manager.client.history import HistoryEvent, histories
from manager.client.known import Known, Lane, Standing, moment
from manager.client.record import decoded, vendor_id
from manager.client.staging import Staging, check_identifiers
from manager.endpoints import endpoint as known_endpoint
from manager.errors import ConfigurationError, InvalidIdentifier, quoted
from manager.identifiers import IdentifierType
from manager.ledger.execute import Execute
from manager.ledger.script import Script, ask
from manager.ledger.sql import Statements
from manager.ledger.states import EnrichmentState, Outcome

SQL = Statements("lookup")
# Identifiers that are looked up at once; so many records are in memory.
CHUNK = 500
NEVER = "never asked for"


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one enrichment."""

    enrichment_id: int
    internal_id: int | None
    record: str


class Lookup:
    """One call of `Manager.lookup`: what was asked for, checked. Raises InvalidRequestError."""

    def __init__(
        self,
        identifier_type: IdentifierType,
        identifiers: Iterable[str | int],
        *,
        account: str | None = None,
        endpoint: str | None = None,
        fields: Sequence[str] | None = None,
        max_age: timedelta | float | None = None,
        history: bool = False,
    ) -> None:
        check_type(identifier_type)
        check_identifiers(identifier_type, identifiers)
        self._fields = field_selection(fields or ())
        if endpoint is not None:
            known_endpoint(endpoint).check(identifier_type, self._fields or ["any"])
        self._type: IdentifierType = identifier_type
        self._identifiers = identifiers
        self._account = checked_account(account)
        self._endpoint = endpoint
        self._max_age = None if max_age is None else time_span(max_age)
        self._history = history

    def chunks(self) -> Iterator[Script[list[Known]]]:
        """A script for each part of the identifiers, in the caller's order."""
        staging = Staging(self._type, self._identifiers, hashlib.sha256())
        wanted: list[tuple[int, str, str]] = []
        for position, key, _, written in staging.rows():
            wanted.append((position, key, written))
            if len(wanted) + len(staging.invalid) >= CHUNK:
                yield self._known(wanted, staging.invalid)
                wanted, staging.invalid = [], []
        if wanted or staging.invalid:
            yield self._known(wanted, staging.invalid)

    def _known(
        self, wanted: Sequence[tuple[int, str, str]], invalid: Sequence[InvalidIdentifier]
    ) -> Script[list[Known]]:
        yield Execute(SQL.read_only)
        lanes = yield from self._lanes()
        parameters = {"keys": list({key for _, key, _ in wanted}), "lanes": list(lanes)}
        standings: dict[str, list[Standing]] = defaultdict(list)
        for row in (yield from ask(SQL.known, Standing, parameters)):
            standings[row.key].append(row)
        chosen = [it for rows in standings.values() if (it := self._newest(rows))]
        of_records = {
            "ids": [it.enrichment_id for it in chosen],
            "cycles": [it.record_cycle for it in chosen],
        }
        records = yield from ask(SQL.records, Record, of_records)
        by_id = {it.enrichment_id: it for it in records}
        events: dict[int, list[HistoryEvent]] = {}
        if self._history:
            ids = {it.enrichment_id: it for rows in standings.values() for it in rows}
            events = yield from histories({id: (lanes[it.lane_id], it) for id, it in ids.items()})
        found = [
            self._of(position, written, standings[key], lanes, by_id, events)
            for position, key, written in wanted
        ]
        found += [self._invalid(bad) for bad in invalid]
        return sorted(found, key=lambda it: it.position)

    def _lanes(self) -> Script[dict[int, Lane]]:
        if self._account is not None:
            yield from check_account(self._account)
        parameters = {
            "identifier_type": self._type,
            "account": self._account,
            "endpoint": self._endpoint,
        }
        lanes = yield from ask(SQL.lanes, Lane, parameters)
        return {lane.id: lane for lane in lanes if lane.covers(self._fields)}

    def _newest(self, rows: Sequence[Standing]) -> Standing | None:
        """The one with the newest record, if it is new enough."""
        having = [
            it for it in rows if it.record_at is not None and self._is_fresh(it, it.record_at)
        ]
        return max(having, key=lambda it: it.record_at or it.now, default=None)

    def _is_fresh(self, row: Standing, at: datetime) -> bool:
        return self._max_age is None or row.now - at <= self._max_age

    def _of(
        self,
        position: int,
        written: str,
        rows: Sequence[Standing],
        lanes: dict[int, Lane],
        records: dict[int, Record],
        events: dict[int, list[HistoryEvent]],
    ) -> Known:
        history = None
        if self._history:
            history = tuple(
                sorted((it for row in rows for it in events[row.enrichment_id]), key=_order)
            )
        told: dict[str, Any] = {
            "position": position,
            "identifier": written,
            "identifier_type": self._type,
            "waiting": any(it.waiting for it in rows),
            "history": history,
        }
        newest = self._newest(rows)
        if newest is not None and (record := records.get(newest.enrichment_id)) is not None:
            lane = lanes[newest.lane_id]
            return Known(
                **told,
                **lane.told(),
                outcome=Outcome.FULFILLED,
                why=_since(newest, rows),
                vendor_id=vendor_id(lane.endpoint, record.record, record.internal_id),
                record=decoded(record.record),
                fetched_at=newest.record_at,
                age=newest.age(newest.record_at),
                job_id=newest.record_job,
            )
        if not rows:
            return Known(**told, outcome=None, why=f"{NEVER}{self._narrowed()}")
        last = max(rows, key=lambda it: (it.waiting, it.settled_at or it.due_at))
        return Known(**told, **lanes[last.lane_id].told(), **self._without_record(last, rows))

    def _without_record(self, last: Standing, rows: Sequence[Standing]) -> dict[str, Any]:
        """How it ended last, unless that is too long ago, or it goes on."""
        at, why, outcome = last.settled_at, last.words(), None
        aged = [it.record_at for it in rows if it.record_at is not None]
        if aged:
            why = f"{why}; the newest record is of {moment(max(aged))}, older than max_age"
        elif at is not None and not self._is_fresh(last, at):
            why = f"{why}, longer ago than max_age"
        elif at is not None and last.state != EnrichmentState.FULFILLED:
            outcome = Outcome(last.state)
        return {
            "outcome": outcome,
            "why": why,
            "fetched_at": at,
            "age": last.age(at),
            "job_id": last.job_id,
        }

    def _narrowed(self) -> str:
        parts = (
            f"on account {self._account}" if self._account else "",
            f"of {self._endpoint}" if self._endpoint else "",
            f"with {', '.join(self._fields)}" if self._fields else "",
        )
        return "".join(f" {part}" for part in parts if part)

    def _invalid(self, bad: InvalidIdentifier) -> Known:
        why = f"cannot be looked up: it {bad.reason}"
        return Known(bad.position, str(bad.value), self._type, None, why)


def _since(newest: Standing, rows: Sequence[Standing]) -> str | None:
    """What has come after the record, in its lane or another."""
    waiting = [it for it in rows if it.waiting]
    if waiting:
        return f"a newer one {waiting[0].words()}"
    later = [
        (it.settled_at, it.words())
        for it in rows
        if it.settled_at and newest.record_at and it.settled_at > newest.record_at
        if it.state != EnrichmentState.FULFILLED
    ]
    return f"since then {max(later)[1]}" if later else None


def _order(event: HistoryEvent) -> tuple[bool, datetime]:
    return event.at is not None, event.at or datetime.min.replace(tzinfo=UTC)


def check_account(name: str) -> Script[None]:
    """Raise ConfigurationError for an account that the ledger has never had."""
    names = yield from ask(SQL.accounts, str, {})
    if name not in names:
        raise ConfigurationError(
            f"The ledger has no account named {quoted(name)}; it has: {', '.join(names) or 'none'}."
        )
