"""Sends spans, and says once that they do not arrive, however often it is tried."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from manager.logs import get_logger

log = get_logger(__name__)

# Where an exporter writes several lines a batch while its receiver is away.
NOISY = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)


class Sender(SpanExporter):
    """An exporter whose troubles are two lines: `traces.not_sent`, and `traces.sent_again`."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0
        self._heard = _Heard()
        for name in NOISY:
            logging.getLogger(name).addFilter(self._heard)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Whether they have arrived."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            if not self._lost:
                log.warning("traces.not_sent", spans=len(spans), error=self._heard.said)
            self._lost += len(spans)
        elif self._lost:
            log.info("traces.sent_again", lost=self._lost)
            self._lost = 0
        return result

    def shutdown(self) -> None:
        """End; nothing more is sent."""
        self._exporter.shutdown()
        for name in NOISY:
            logging.getLogger(name).removeFilter(self._heard)


class _Heard(logging.Filter):
    """Lets no line out, and keeps the last that told a cause."""

    said = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never."""
        text = record.getMessage()
        if not (self.said and "max retries or shutdown" in text):  # which only counts the tries
            self.said = text[:400]
        return False
