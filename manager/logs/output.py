"""Where a process of the daemon writes its lines: on standard error, as JSON or for a terminal."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any

import structlog
from structlog.stdlib import ProcessorFormatter

from manager.logs import Event
from manager.logs.lines import (
    SAID,
    clean,
    said,
    with_exception,
    with_fields,
    with_origin,
    without_secrets,
)
from manager.logs.secrets import known_secrets
from manager.settings import Settings

# They would tell of each call and each wake-up.
CHATTY = (
    "alembic",
    "httpx",
    "httpcore",
    "celery.app.trace",
    "celery.worker.strategy",
    "celery.beat",
    "opentelemetry",
)


def write_to_stderr(settings: Settings, process: str) -> None:
    """Let all loggers of this process write there; see `configure`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings, process, sys.stderr))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(True)


def say_at_a_signal(logger: str, event: Event) -> None:
    """Write a line where a signal's handler runs: no lock is taken, no buffer entered twice."""
    root = logging.getLogger()
    if root.handlers and root.isEnabledFor(logging.INFO):
        record = logging.LogRecord(logger, logging.INFO, __file__, 0, event, None, None)
        with suppress(OSError):
            os.write(2, (root.handlers[0].format(record) + "\n").encode())


def formatter(settings: Settings, process: str, stream: IO[str]) -> logging.Formatter:
    """What makes a line of a record, for that stream."""
    terminal = _is_terminal(stream)
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not terminal)
    return _Formatter(
        known_secrets(settings), process, as_json=as_json, colours=terminal and not as_json
    )


class _Formatter(ProcessorFormatter):
    """structlog's, but one that loses no line: what cannot be made as it should is made shorter."""

    def __init__(
        self, secrets: Iterable[str], process: str, *, as_json: bool, colours: bool
    ) -> None:
        self._secrets = frozenset(secrets)
        self._process = process
        if as_json:
            render: list[Any] = [_in_order, _as_json]
        else:
            colours = colours and "NO_COLOR" not in os.environ
            terminal = structlog.dev.ConsoleRenderer(
                colors=colours, pad_event_to=24, sort_keys=False
            )
            render = [_in_order, _indented, terminal]
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp")
        super().__init__(
            foreign_pre_chain=[
                stamp,
                structlog.stdlib.add_log_level,
                with_origin(process),
                with_fields,
            ],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                with_exception,
                without_secrets(self._secrets),
                *render,
            ],
            keep_exc_info=False,
            keep_stack_info=False,
            use_get_message=False,
        )

    def format(self, record: logging.LogRecord) -> str:
        """One line; never raises."""
        try:
            own = {"msg": "", "args": None, "exc_text": None, SAID: said(record)}
            return super().format(logging.makeLogRecord(vars(record) | own))
        except Exception as error:
            return self._as_it_can(record, error)

    def _as_it_can(self, record: logging.LogRecord, error: Exception) -> str:
        event = {
            "level": record.levelname.lower(),
            "event": "line.unshown",
            "said": clean(type(record.msg).__name__, self._secrets),
            "error": type(error).__name__,
            "logger": clean(str(record.name), self._secrets),
            "process": self._process,
            "pid": record.process,
        }
        return json.dumps(event)


def _in_order(_: Any, __: str, event: Any) -> Any:
    """When and what first, by whom last."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    last = {name: event.pop(name) for name in ("logger", "process", "pid") if name in event}
    return first | event | last


def _as_json(_: Any, __: str, event: Any) -> str:
    return json.dumps(event, ensure_ascii=False)


def _indented(_: Any, __: str, event: Any) -> Any:
    """On a terminal the lines of an exception stand apart from those that begin an event."""
    for name in ("exception", "stack"):
        if name in event:
            event[name] = "\n".join(f"    | {it}" for it in event[name].split("\n"))
    return event


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False
