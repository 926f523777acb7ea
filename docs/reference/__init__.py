"""The reference: pages that are made of the code whenever the site is built, so none can be old."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from docs.reference.commands import commands, exit_codes
from docs.reference.ledger import ledger
from docs.reference.lines import log_lines
from docs.reference.python import python
from docs.reference.settings import settings
from docs.reference.tables import events, metrics, problems


def index() -> str:
    """What there is."""
    return """# Reference

Made of the code itself: what is here is what this version does.

| page | made of |
|---|---|
| [Python](python.md) | `manager.__all__`: signatures and docstrings |
| [Commands](commands.md) | what each prints with `--help` |
| [Settings](settings.md) | name, variable, type, default of each |
| [Exit codes](exit-codes.md) | of all commands |
| [Problems](problems.md) | what `enrichd status` can name |
| [Events](events.md) | what targets can be told |
| [Metrics](metrics.md) | what `/metrics` has |
| [Log lines](log-lines.md) | the events that processes log |
| [Ledger](ledger.md) | tables, columns, constraints |
"""


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/index.md": index,
    "reference/python.md": python,
    "reference/commands.md": commands,
    "reference/settings.md": settings,
    "reference/exit-codes.md": exit_codes,
    "reference/problems.md": problems,
    "reference/events.md": events,
    "reference/metrics.md": metrics,
    "reference/log-lines.md": log_lines,
    "reference/ledger.md": ledger,
}
"""Each page's place in the site, and what makes it."""
