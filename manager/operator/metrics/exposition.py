"""Exposition: samples as Prometheus's client writes them, text or OpenMetrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from manager.operator.metrics.declared import METRICS

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family


@dataclass(slots=True)
class Collected:
    """What a scrape has found: for each metric its samples, by the values of its labels.

    A registry in the eyes of Prometheus's client, which `collect`s it.
    """

    values: dict[str, dict[tuple[str, ...], float]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    buckets: dict[str, dict[tuple[str, ...], dict[str, float]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def put(self, name: str, value: float | None, *labels: str) -> None:
        """The value of `enrichd_NAME`; None is not known."""
        if value is not None:
            self.values[f"enrichd_{name}"][labels] = float(value)

    def add(self, name: str, amount: float, *labels: str) -> None:
        """Add to the value of `enrichd_NAME`."""
        found = self.values[f"enrichd_{name}"]
        found[labels] = found.get(labels, 0) + amount

    def count(self, name: str, bound: str, amount: float, *labels: str) -> None:
        """So many of a histogram are below that bound, and not below the one before; or `sum`."""
        found = self.buckets[f"enrichd_{name}"].setdefault(labels, {})
        found[bound] = found.get(bound, 0) + amount

    def collect(self) -> Iterator[Family]:
        """Each family that has samples, in the order in which they are declared."""
        from prometheus_client.metrics_core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        for name, metric in METRICS.items():
            if metric.kind == "histogram":
                family = HistogramMetricFamily(name, metric.help, labels=metric.labels)
                for labels, found in self.buckets.get(name, {}).items():
                    total, cumulated = 0.0, []
                    for bound in metric.bounds:
                        total += found.get(f"{bound:g}", 0)
                        cumulated.append((str(float(bound)), total))
                    cumulated.append(("+Inf", total + found.get("+Inf", 0)))
                    family.add_metric(labels, cumulated, found.get("sum", 0) / 1000)
                if family.samples:
                    yield family
                continue
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            single = kind(name, metric.help, labels=metric.labels)
            for labels, value in self.values.get(name, {}).items():
                single.add_metric(labels, value)
            if single.samples:
                yield single


def render(collected: Collected, accept: str = "") -> tuple[bytes, str]:
    """The text in the format that the header asks for, and its content type."""
    from prometheus_client import exposition

    encode, content_type = exposition.choose_encoder(accept)
    return encode(collected), content_type
