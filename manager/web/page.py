"""The status page: plain HTML that renews itself; no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from manager.ledger.states import ACTIVE
from manager.operator.status import Status, age

STYLE = files("manager.web").joinpath("page.css").read_text()
RENEW = 3  # seconds


class Ledger(NamedTuple):
    """The rows that the page shows; see operator.sql."""

    slots: Sequence[Any]
    jobs: Sequence[Any]
    requests: Sequence[Any]


def render(found: Status, ledger: Ledger | None) -> str:
    """The page as HTML; without the ledger, which cannot be read then, only the problems."""
    state = "ok" if found.ok else "bad"
    body = "<p>Nothing more can be shown until the ledger can be read.</p>"
    if ledger is not None:
        body = (
            _overview(found)
            + _section("Slots", f'<ol class="slots">{"".join(map(_slot, ledger.slots))}</ol>')
            + _section("Requests", _table(_REQUEST_COLUMNS, ledger.requests))
            + _section("Jobs", _table(_JOB_COLUMNS, ledger.jobs))
        )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{RENEW}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{"" if found.ok else "⚠ "}enrichd: {escape(found.account)}</title>
<style>{STYLE}</style></head><body>
<header class="{state}"><h1>Enrichment: account {escape(found.account)}</h1>
<p>{"The daemon can work." if found.ok else "The daemon cannot work."}</p></header>
{_notes("problem", found.problems)}{_notes("warning", found.warnings)}
{body}
<footer>{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC; renews itself every {RENEW} seconds</footer>
</body></html>"""


def _notes(kind: str, notes: Iterable[str]) -> str:
    return "".join(f'<p class="note {kind}"><b>{kind}</b> {escape(note)}</p>' for note in notes)


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _overview(found: Status) -> str:
    others = f"{found.foreign_active} of others" if found.foreign_active else ""
    swept = "never" if found.swept_seconds_ago is None else f"{found.swept_seconds_ago:.0f} s ago"
    waiting = found.identifiers.get("waiting", 0)
    figures = [
        ("slots held", f"{found.slots_held} of {found.cap}", others),
        ("open requests", f"{found.open_requests:,}", ""),
        ("identifiers waiting", f"{waiting:,}", f"{found.in_jobs:,} in jobs"),
        ("fulfilled", f"{found.identifiers.get('fulfilled', 0):,}", ""),
        ("not found", f"{found.identifiers.get('not_found', 0):,}", ""),
        ("failed", f"{found.identifiers.get('failed', 0):,}", ""),
        ("last minute", f"{found.settled_last_minute:,}", f"swept {swept}"),
    ]
    return '<dl class="figures">{}</dl>'.format(
        "".join(
            f"<div><dt>{name}</dt><dd>{figure}<small>{more}</small></dd></div>"
            for name, figure, more in figures
        )
    )


def _slot(slot: Any) -> str:
    if slot.job_id is None:
        return f"<li><b>{slot.slot}</b> free</li>"
    return (
        f'<li class="held" title="job {slot.job_id}"><b>{slot.slot}</b> {escape(slot.state)}'
        f"<small>{slot.identifier_count:,} identifiers, {age(slot.held_since)}</small></li>"
    )


_Column = tuple[str, str, Callable[[Any], str]]


def _table(columns: Sequence[_Column], listed: Sequence[Any]) -> str:
    """A table; each column is its title, its class, and the HTML of its cell."""
    if not listed:
        return '<p class="none">none yet</p>'
    head = "".join(f'<th class="{kind}">{title}</th>' for title, kind, _ in columns)
    rows = "".join(
        f"<tr>{''.join(f'<td class={kind!r}>{cell(row)}</td>' for _, kind, cell in columns)}</tr>"
        for row in listed
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _what(row: Any) -> str:
    fields = ", ".join(row.fields)
    more = f"<small>{escape(fields)}</small>" if fields else ""
    return escape(row.identifier_type.replace("_", " ")) + more


def _bar(request: Any) -> str:
    """How far a request is, by outcome."""
    if not request.total:
        return ""
    parts = "".join(
        f'<i class="{name}" style="width:{100 * count / request.total:.2f}%"></i>'
        for name in ("fulfilled", "not_found", "failed", "cancelled")
        if (count := getattr(request, name))
    )
    settled = request.fulfilled + request.not_found + request.failed + request.cancelled
    return f'<span class="bar" title="{settled:,} of {request.total:,} settled">{parts}</span>'


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _state(job: Any) -> str:
    kind = "active" if job.state in ACTIVE else job.state
    return f'<span class="state {kind}">{escape(job.state)}</span>'


def _why(job: Any) -> str:
    why = job.why if job.error is None or job.error == job.why else f"{job.why}; {job.error}"
    return f'<span title="{escape(why)}">{escape(why)}</span>'


_REQUEST_COLUMNS: tuple[_Column, ...] = (
    ("request", "id", lambda row: str(row.id)),
    ("identifiers", "", _what),
    ("progress", "", _bar),
    ("total", "number", lambda row: _number(row.total)),
    ("fulfilled", "number", lambda row: _number(row.fulfilled)),
    ("not found", "number", lambda row: _number(row.not_found)),
    ("failed", "number", lambda row: _number(row.failed)),
    ("cancelled", "number", lambda row: _number(row.cancelled)),
    ("age", "number", lambda row: age(row.created_at)),
)
_JOB_COLUMNS: tuple[_Column, ...] = (
    ("job", "id", lambda row: str(row.id)),
    ("identifiers", "", _what),
    ("state", "", _state),
    ("slot", "number", lambda row: _number(row.slot)),
    ("size", "number", lambda row: _number(row.identifier_count)),
    ("results", "number", lambda row: _number(row.result_count)),
    ("age", "number", lambda row: age(row.created_at)),
    ("why", "why", _why),
)
