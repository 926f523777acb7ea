"""What the ledger knows of an identifier, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from manager.cli.options import print_line
from manager.cli.tables import plain
from manager.client.history import HistoryEvent
from manager.client.known import Known
from manager.operator.words import age


def as_object(known: Known) -> dict[str, Any]:
    """For programs."""
    told = asdict(known)
    del told["position"]
    told["age"] = known.age and known.age.total_seconds()
    if known.history is None:
        del told["history"]
    return told


def show_known(known: Known) -> None:
    """A line that says it all, where it comes from, and the record."""
    what = [known.outcome.replace("_", " ")] if known.outcome and known.record is not None else []
    if known.record is not None and known.fetched_at is not None:
        what.append(f"{age(known.fetched_at)} ago, {_at(known.fetched_at)}")
    said = "; ".join([*([" ".join(what)] if what else []), *([known.why] if known.why else [])])
    print_line(plain(f"{known.identifier} ({known.identifier_type}): {said}"))
    if known.account is not None:
        fields = ", ".join(known.fields or ()) or "the default fields"
        job = f", job {known.job_id}" if known.job_id else ""
        id = f", id {known.vendor_id}" if known.vendor_id is not None else ""
        print_line(plain(f"  account {known.account}, {known.endpoint}, {fields}{job}{id}"))
    if known.record is not None:
        shown = json.dumps(known.record, ensure_ascii=False, indent=2, default=str)
        print_line(plain("\n".join(f"  {line}" for line in shown.splitlines())))
    for event in known.history or ():
        print_line(plain(f"  {_line(event)}"))
    print_line()


def _line(event: HistoryEvent) -> str:
    at = _at(event.at) if event.at else "at some time"
    of = f"request {event.request_id}" if event.request_id else ""
    of = f"job {event.job_id}" if event.job_id else of
    batch = f"batch_id {event.batch_id}" if event.batch_id and event.event == "accepted" else ""
    where = f"{event.account}, {event.endpoint}, {', '.join(event.fields) or 'default fields'}"
    parts = (f"cycle {event.cycle}", of, batch, event.detail, where)
    return f"{at:23}  {event.event:<10} {'; '.join(filter(None, parts))}"


def _at(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
