"""The status page: plain HTML that renews itself; no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from manager.ledger.states import ACTIVE
from manager.operator.slots import Slot
from manager.operator.status import AccountStatus, Status, age, waits
from manager.web.rows import AccountRows, JobRow, RequestRow

STYLE = files("manager.web").joinpath("page.css").read_text()
RENEW = 3  # seconds


def render(found: Status, listed: Mapping[str, AccountRows] | None) -> str:
    """The page as HTML; without the ledger, which cannot be read then, only the problems.

    listed: of each account its slots, requests and jobs.
    """
    state = "ok" if found.ok else "bad"
    several = len(found.accounts) > 1
    title = f"{len(found.accounts)} accounts" if several else _only(found)
    body = "<p>Nothing more can be shown until the ledger can be read.</p>"
    if listed is not None:
        body = "".join(
            _account(account, listed[account.account], several)
            for account in found.accounts
            if account.account in listed
        )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{RENEW}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{"" if found.ok else "⚠ "}enrichd: {escape(title)}</title>
<style>{STYLE}</style></head><body>
<header class="{state}"><h1>Enrichment: {escape(title)}</h1>
<p>{"The daemon can work." if found.ok else "The daemon cannot work."}</p></header>
{_notes("problem", found.problems)}{_notes("warning", found.warnings)}
{body}
<footer>{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC; renews itself every {RENEW} seconds</footer>
</body></html>"""


def _only(found: Status) -> str:
    return f"account {found.accounts[0].account}" if found.accounts else "no account"


def _notes(kind: str, notes: Iterable[str]) -> str:
    return "".join(f'<p class="note {kind}"><b>{kind}</b> {escape(note)}</p>' for note in notes)


def _account(account: AccountStatus, listed: AccountRows, several: bool) -> str:
    """The section of an account; alone it needs no heading of its own."""
    slots = f'<ol class="slots">{"".join(map(_slot, listed.slots))}</ol>'
    content = (
        _overview(account)
        + _section("Slots", slots)
        + _section("Requests", _table(_REQUEST_COLUMNS, listed.requests))
        + _section("Jobs", _table(_JOB_COLUMNS, listed.jobs))
    )
    heading = f"<h2>Account {escape(account.account)}</h2>" if several else ""
    return f'<article class="account">{heading}{content}</article>'


def _section(title: str, content: str) -> str:
    return f"<section><h3>{title}</h3>{content}</section>"


class _Figure(NamedTuple):
    name: str
    figure: str
    more: str = ""


def _overview(account: AccountStatus) -> str:
    others = f"{account.foreign_active} taken by others" if account.foreign_active else ""
    identifiers = account.identifiers
    figures = [
        _Figure("slots held", f"{account.slots_held} of {account.cap}", others),
        _Figure("open requests", f"{account.open_requests:,}"),
        _Figure(
            "identifiers waiting",
            f"{identifiers.get('waiting', 0):,}",
            f"{account.in_jobs:,} in jobs",
        ),
        _Figure("fulfilled", f"{identifiers.get('fulfilled', 0):,}"),
        _Figure("not found", f"{identifiers.get('not_found', 0):,}"),
        _Figure("failed", f"{identifiers.get('failed', 0):,}"),
        _Figure("last minute", f"{account.settled_last_minute:,}", _ago("swept", account)),
        *(
            _Figure(f"{route} calls", f"{calls.used} of {calls.allowed}", "a minute")
            for route, calls in account.calls.items()
        ),
    ]
    overview = '<dl class="figures">{}</dl>'.format(
        "".join(
            f"<div><dt>{escape(it.name)}</dt><dd>{it.figure}<small>{it.more}</small></dd></div>"
            for it in figures
        )
    )
    if account.waits_for:
        overview += (
            f'<p class="waits">The look at the vendor {escape(waits(account.waits_for))}</p>'
        )
    return overview


def _ago(what: str, account: AccountStatus) -> str:
    seconds = account.swept_seconds_ago
    return f"{what} never" if seconds is None else f"{what} {seconds:.0f} s ago"


def _slot(slot: Slot) -> str:
    if slot.job_id is None or slot.held_since is None:
        kind = ' class="others"' if slot.taken_by_others else ""
        return f"<li{kind}><b>{slot.slot}</b> {slot.standing}</li>"
    return (
        f'<li class="held" title="job {slot.job_id}"><b>{slot.slot}</b> {escape(slot.standing)}'
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


def _what(row: JobRow | RequestRow) -> str:
    """The lane: what is bought, by what, with which fields."""
    more = ", ".join([row.endpoint, *row.fields])
    return f"{escape(row.identifier_type.replace('_', ' '))}<small>{escape(more)}</small>"


def _bar(request: RequestRow) -> str:
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


def _state(job: JobRow) -> str:
    kind = "active" if job.state in ACTIVE else job.state
    return f'<span class="state {kind}">{escape(job.state)}</span>'


def _why(job: JobRow) -> str:
    why = job.why if job.waits_for is None else waits(job.waits_for)
    if job.error is not None and job.error != why:
        why = f"{why}; {job.error}"
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
