"""The daemon's own tracer: spans whose ids follow from the ledger's, so that any process can add to
the trace of a job or a request; sent by OTLP in the background.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

from opentelemetry.context import Context as Surroundings
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from manager.logs.lines import clean
from manager.logs.secrets import known_secrets
from manager.settings import Settings
from manager.traces import ADDRESSES, root_of
from manager.traces.sender import Sender

PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_forced: ContextVar[tuple[int, int] | None] = ContextVar("forced", default=None)

Place = SpanContext
"""A span that others are children of, or link to."""


class Tracer:
    """Makes spans of what has happened; thread-safe, and to be made after a fork.

    exporter: None sends them to the configured address.
    """

    def __init__(self, settings: Settings, exporter: SpanExporter | None = None) -> None:
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "enrichd"}
        self._provider = TracerProvider(
            resource=Resource.create(named), id_generator=_Ids(), shutdown_on_exit=True
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(Sender(exporter or _exporter(settings)))
        )
        self._tracer = self._provider.get_tracer("enrichd")
        self._secrets = known_secrets(settings)

    def job(self, job_id: UUID) -> Place:
        """The first span of a job's trace."""
        return self._own(job_id)

    def request(self, request_id: UUID, traceparent: str | None) -> Place:
        """The span of a request in the daemon: in the caller's trace, or the first of its own."""
        caller = parent_of(traceparent)
        if caller is None:
            return self._own(request_id)
        return SpanContext(caller.trace_id, root_of(request_id)[1], True, caller.trace_flags)

    def span(
        self,
        name: str,
        began: datetime | int,
        ended: datetime | int,
        *,
        parent: Place | None = None,
        itself: Place | None = None,
        links: Iterable[Place] = (),
        attributes: Mapping[str, Any] | None = None,
        events: Sequence[tuple[int, str, Mapping[str, Any]]] = (),
        kind: SpanKind = SpanKind.INTERNAL,
        failed: bool = False,
    ) -> None:
        """A span that has ended. itself: the place that it is. Times: moments, or nanoseconds."""
        if itself is not None and not itself.trace_flags.sampled:
            return
        around = Surroundings() if parent is None else set_span_in_context(NonRecordingSpan(parent))
        with _forcing(itself):
            span: Span = self._tracer.start_span(
                name,
                context=around,
                kind=kind,
                links=[Link(it) for it in links],
                attributes=self._shown(attributes or {}),
                start_time=_nanoseconds(began),
            )
        for at, event, fields in events:
            span.add_event(event, self._shown(fields), at)
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end(max(_nanoseconds(began), _nanoseconds(ended)))

    def flush(self) -> None:
        """Send what waits."""
        self._provider.force_flush(5_000)

    def close(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()

    def _own(self, id_: UUID) -> Place:
        trace_id, span_id = root_of(id_)
        decided = self._provider.sampler.should_sample(None, trace_id, "root").decision
        sampled = decided is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT
        return SpanContext(trace_id, span_id, True, TraceFlags(flags))

    def _shown(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes: no secret is among them."""
        return {
            f"enrichd.{name}": it
            if isinstance(it, bool | int | float)
            else clean(str(it), self._secrets)
            for name, it in fields.items()
            if it is not None
        }


def parent_of(traceparent: str | None) -> Place | None:
    """The caller's span; None when there is none, or it is none that the W3C knows."""
    found = PARENT.fullmatch(traceparent or "")
    if found is None:
        return None
    flags = TraceFlags(int(found[3], 16))
    parent = SpanContext(int(found[1], 16), int(found[2], 16), True, flags)
    return parent if parent.is_valid else None


class _Ids(IdGenerator):
    """Random ones, but where a span is a certain place."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        forced = _forced.get()
        return forced[0] if forced else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        forced = _forced.get()
        return forced[1] if forced else self._random.generate_span_id()


@contextmanager
def _forcing(itself: Place | None) -> Any:
    token = _forced.set((itself.trace_id, itself.span_id) if itself else None)
    try:
        yield
    finally:
        _forced.reset(token)


def _exporter(settings: Settings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    if settings.traces_url is None or any(os.environ.get(it) for it in ADDRESSES):
        return OTLPSpanExporter()  # as OTEL_… says
    return OTLPSpanExporter(endpoint=f"{settings.traces_url}/v1/traces")


def _nanoseconds(moment: datetime | int) -> int:
    return moment if isinstance(moment, int) else round(moment.timestamp() * 1e9)
