"""The demo's progress: a live picture in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from manager.cli.options import console, print_line
from manager.client.follow import Progress, progress
from manager.client.sync import Request
from manager.ledger.execute import rows
from manager.ledger.script import run
from manager.ledger.states import LIVE
from manager.operator.accounts import standing
from manager.operator.slots import Slot, slots
from manager.operator.status.account import SQL, JobCount
from manager.operator.words import age
from manager.run import demo
from manager.steps.context import Context

# Seconds between two lines where there is no terminal.
LINE_INTERVAL = 2.0


class Picture:
    """Shows the progress; on standard error with `quiet`, and then only what went wrong."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=True) if quiet else console
        self._quiet = quiet
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._began = time.monotonic()
        self._enqueued: float | None = None
        self._told = 0.0

    def __enter__(self) -> Self:
        """Take the terminal."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back as it was."""
        self._live.stop()

    def say(self, text: str) -> None:
        """What is done now."""
        line = f"{time.monotonic() - self._began:4.1f} s  {text}"
        if self._quiet:
            print(line, file=sys.stderr)
        elif self._console.is_terminal:
            self._console.print(line)
        else:
            print_line(line)

    def draw(self, context: Context, requests: list[tuple[demo.Part, Request]]) -> bool:
        """Show how things stand; True when all is settled."""
        now = time.monotonic()
        self._enqueued = self._enqueued or now
        with context.ledger.connect() as connection:
            held = slots(connection)
            account = standing(connection, context.settings.account)
            jobs = rows(connection, SQL.jobs_by_state, JobCount, {"account_id": account.id})
            seen = [(part, run(connection, progress(r.id))) for part, r in requests]
        total = sum(p.total for _, p in seen)
        settled = sum(p.settled for _, p in seen)
        in_jobs = sum(row.identifiers for row in jobs if row.state in LIVE)
        pace = _pace(settled, total, now - self._enqueued)
        states = _states(seen, in_jobs)
        made = ", ".join(f"{row.count} {row.state}" for row in jobs) or "none yet"
        if self._console.is_terminal:
            overview = Table.grid(padding=(0, 2))
            overview.add_row("settled", _bar(settled, total), pace)
            self._live.update(
                Group(
                    overview,
                    Text(f"identifiers  {states}\njobs         {made}\n"),
                    _slot_table(held),
                    Text(),
                    request_table(seen),
                )
            )
        elif now - self._told >= LINE_INTERVAL:
            self._told = now
            count = sum(slot.job_id is not None for slot in held)
            self.say(f"{count} of {len(held)} slots, jobs: {made}; {states}; {pace}")
        return settled == total


def request_table(seen: list[tuple[demo.Part, Progress]]) -> Table:
    """The requests with their counters."""
    table = Table(box=None, pad_edge=False)
    for name in ("request", "total", "fulfilled", "not found", "failed", "waiting"):
        table.add_column(name, justify="left" if name == "request" else "right")
    for part, now in seen:
        counts = (now.total, now.fulfilled, now.not_found, now.failed, now.waiting)
        table.add_row(part.title, *(f"{count:,}" for count in counts))
    return table


def _states(seen: list[tuple[demo.Part, Progress]], in_jobs: int) -> str:
    waiting = sum(p.waiting for _, p in seen)
    counts = {
        "fulfilled": sum(p.fulfilled for _, p in seen),
        "not found": sum(p.not_found for _, p in seen),
        "failed": sum(p.failed for _, p in seen),
        "in jobs": min(in_jobs, waiting),
        "pending": max(0, waiting - in_jobs),
    }
    return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n or name != "failed")


def _pace(settled: int, total: int, seconds: float) -> str:
    if not settled or not seconds:
        return f"0 of {total:,}"
    rate = settled / seconds
    left = f", about {(total - settled) / rate:.0f} s left" if settled < total else ""
    return f"{settled:,} of {total:,}, {rate:,.0f}/s{left}"


def _bar(settled: int, total: int) -> ProgressBar:
    return ProgressBar(total=total, completed=settled, width=20)


def _slot_table(slots: list[Slot]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("slot", "job", "state", "identifiers", "held"):
        table.add_column(name, justify="right" if name == "identifiers" else "left")
    for slot in slots:
        if slot.job_id is None or slot.held_since is None:
            table.add_row(str(slot.slot), slot.standing)
            continue
        cells = (str(slot.job_id)[-12:], slot.standing, f"{slot.identifier_count:,}")
        table.add_row(str(slot.slot), *cells, age(slot.held_since))
    return table
