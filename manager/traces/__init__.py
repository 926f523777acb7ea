"""Traces: one a request, from its enqueue to its being told; and one a job, linked to them.

Nothing here loads OpenTelemetry: a caller's process has it already where the caller uses it, and a
process of the daemon loads it where an address for traces is set (`tracer.py`).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

from manager.ledger.script import Script, T
from manager.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext

ADDRESSES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def wanted(settings: Settings) -> bool:
    """Whether an address is set that the daemon's traces are to be sent to."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return settings.traces_url is not None or any(os.environ.get(it) for it in ADDRESSES)


class Enqueueing:
    """The caller's span of an enqueue, a child of what the caller is at; none where the caller's
    process has not loaded OpenTelemetry.
    """

    def __init__(self, account: str, endpoint: str, identifier_type: str) -> None:
        self._span: Span | None = None
        trace = sys.modules.get("opentelemetry.trace")
        if trace is None:
            return
        self._span = trace.get_tracer("enrichd").start_span(
            "enqueue",
            kind=trace.SpanKind.PRODUCER,
            attributes={
                "enrichd.account": account,
                "enrichd.endpoint": endpoint,
                "enrichd.identifier_type": identifier_type,
            },
        )

    @property
    def traceparent(self) -> str | None:
        """The span, as the W3C writes it; it is kept with the request."""
        context = self._span and self._span.get_span_context()
        if not context or not context.is_valid:
            return None
        return written(context)

    def around(self, script: Script[T]) -> Script[T]:
        """The script; the span ends with it."""
        return script if self._span is None else _ending(self._span, script)


def _ending(span: Span, script: Script[Any]) -> Script[Any]:
    from opentelemetry.trace import StatusCode  # the caller has loaded it

    try:
        enqueued = yield from script
        span.set_attributes(
            {"enrichd.request": str(enqueued.id), "enrichd.identifiers": enqueued.total}
        )
        return enqueued
    except BaseException as error:
        span.set_status(StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        span.end()


def written(place: SpanContext) -> str:
    """The span, as the W3C writes it."""
    return f"00-{place.trace_id:032x}-{place.span_id:016x}-{place.trace_flags:02x}"


def root_of(id_: UUID) -> tuple[int, int]:
    """The ids of the trace and of the first span of a job, or of a request without a caller's: what
    any process finds without asking.
    """
    return id_.int, id_.int & (2**64 - 1) or 1
