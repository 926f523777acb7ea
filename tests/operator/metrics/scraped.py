"""What a scrape says, as Prometheus would keep it."""

from __future__ import annotations

from manager.operator.metrics import METRICS, scrape
from manager.steps.context import Context

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def series(context: Context) -> Series:
    """Each series by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in scrape(context).collect()
        for sample in family.samples
    }


def value(found: Series, name: str, **labels: str) -> float:
    """The sum of the series of `enrichd_NAME` that have these labels; there is one at least."""
    wanted = {(label.rstrip("_"), it) for label, it in labels.items()}
    values = [it for (n, ls), it in found.items() if n == f"enrichd_{name}" and wanted <= set(ls)]
    assert values, f"no series enrichd_{name} {labels}"
    return sum(values)


def growing(found: Series) -> Series:
    """Those that must never become less: counters, and what histograms consist of."""
    sums = tuple(
        f"{it.name}{end}"
        for it in METRICS.values()
        if it.kind == "histogram"
        for end in ("_bucket", "_sum", "_count")
    )
    counters = tuple(it.name for it in METRICS.values() if it.kind == "counter")
    return {key: it for key, it in found.items() if key[0] in (*counters, *sums)}
