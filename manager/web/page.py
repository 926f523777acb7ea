"""The status page: plain HTML that renews itself, and needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from manager.status import Status

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 2rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; vertical-align: top; }
td, th { border-bottom: 1px solid #8884; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.slots { display: flex; gap: .6rem; flex-wrap: wrap; }
.slot { border: 1px solid #8886; border-radius: .4rem; padding: .5rem .8rem; min-width: 8rem; }
.slot.held { background: #2a82; border-color: #2a8; }
.ok { color: #2a8; } .problem { color: #c33; }
.quiet { opacity: .65; font-size: .85rem; }
"""


def render(
    found: Status,
    slots: Sequence[dict[str, object]],
    jobs: Sequence[dict[str, object]],
    requests: Sequence[dict[str, object]],
) -> str:
    """The page as HTML."""
    state = (
        '<p class="ok">The daemon can work.</p>'
        if found.ok
        else "".join(f'<p class="problem">{escape(problem)}</p>' for problem in found.problems)
    )
    counts: dict[str, object] = {
        f"{name} enrichments": n for name, n in sorted(found.enrichments.items())
    }
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width">
<title>enrichd: {escape(found.account)}</title><style>{STYLE}</style></head><body>
<h1>Enrichment manager: account {escape(found.account)}</h1>
{state}
<p>{found.slots_held} of {found.cap} slots held; {found.foreign_active} active jobs of others;
{found.open_requests:,} open requests; {found.settled_last_minute:,} identifiers settled in the
last minute.</p>
<h2>Slots</h2><div class="slots">{"".join(map(_slot, slots))}</div>
<h2>Enrichments</h2>{_table([counts] if counts else [])}
<h2>Last jobs</h2>{_table(jobs)}
<h2>Last requests</h2>{_table(requests)}
</body></html>"""


def _slot(slot: dict[str, object]) -> str:
    if slot["job_id"] is None:
        return f'<div class="slot">{slot["slot"]}<br><span class="quiet">free</span></div>'
    return (
        f'<div class="slot held">{slot["slot"]}: {escape(str(slot["state"]))}<br>'
        f'<span class="quiet">{slot["identifier_count"]:,} identifiers</span></div>'
    )


def _table(listed: Sequence[dict[str, object]]) -> str:
    if not listed:
        return '<p class="quiet">none</p>'
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in listed[0])
    body = "".join(f"<tr>{''.join(map(_cell, row.values()))}</tr>" for row in listed)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: object) -> str:
    match value:
        case None:
            return "<td></td>"
        case int():
            return f'<td class="number">{value:,}</td>'
        case datetime():
            return f"<td>{value:%Y-%m-%d %H:%M:%S}</td>"
        case _:
            return f"<td>{escape(str(value))}</td>"
