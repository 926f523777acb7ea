"""Problems, events and metrics: what the code declares of each, in tables."""

from __future__ import annotations

from docs.reference.text import code, table
from manager.operator.metrics import METRICS
from manager.operator.problems import CODES
from manager.targets.events import MEANS


def problems() -> str:
    """The page."""
    rows = [(f"[{code(it)}](../runbook/{it}.md)", means) for it, means in CODES.items()]
    return (
        "# Problems\n\nWhat `enrichd status`, the console, `/health`, `enrichd top` and the metric "
        "`enrichd_problems` can name. A code is stable. Each has a page in the runbook.\n\n"
        + table(("code", "means"), rows)
    )


def events() -> str:
    """The page."""
    rows = [(code(it), means) for it, means in MEANS.items()]
    return (
        "# Events\n\nWhat targets can be told. How: [Be told, instead of asking]"
        "(../how-to/notices.md), which also shows a message.\n\n"
        + table(("event", "told when, to whom"), rows)
    )


def metrics() -> str:
    """The page."""
    rows = [
        (code(it.name), it.kind, ", ".join(code(label) for label in it.labels), it.help)
        for it in METRICS.values()
    ]
    bounds = sorted({it.bounds for it in METRICS.values() if it.bounds})
    buckets = "".join(
        "- "
        + ", ".join(code(it.name) for it in METRICS.values() if it.bounds == these)
        + ": "
        + ", ".join(f"{it:g}" for it in these)
        + "\n"
        for these in bounds
    )
    return (
        "# Metrics\n\nWhat `/metrics` and `enrichd metrics` have. How to read them: "
        "[Prometheus, Grafana, logs, traces](../how-to/observe.md).\n\n"
        + table(("metric", "kind", "labels", "meaning"), rows)
        + f"\n## Buckets\n\nUpper bounds in seconds:\n\n{buckets}"
    )
