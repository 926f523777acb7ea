"""Spans in memory, as a receiver would see them."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from manager.steps.context import Context
from manager.traces.tracer import Tracer


class Spans:
    """What a daemon with this context traces."""

    def __init__(self, context: Context) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = Tracer(context.settings, self._exporter)
        context.__dict__["tracer"] = self.tracer

    @property
    def all(self) -> list[ReadableSpan]:
        """Those that have ended."""
        self.tracer.flush()
        return list(self._exporter.get_finished_spans())

    def of(self, trace_id: int) -> dict[str, list[ReadableSpan]]:
        """Those of a trace, by name."""
        found: dict[str, list[ReadableSpan]] = {}
        for it in self.all:
            if it.context and it.context.trace_id == trace_id:
                found.setdefault(it.name, []).append(it)
        return found

    def close(self) -> None:
        """End."""
        self.tracer.close()


def links(span: ReadableSpan) -> set[int]:
    """The traces that it links to."""
    return {it.context.trace_id for it in span.links}


def said(spans: list[ReadableSpan]) -> str:
    """All that is written of them, for those who look for a secret."""
    return "\n".join(it.to_json() for it in spans)
