"""Logs: one line an event, named `object.verb`, with what it is about as fields.

    log = get_logger(__name__)
    log.info("job.accepted", job=job.id, batch=batch_id)

Lines go through the standard library's logging, so that in a caller's process they obey the caller;
a process of the daemon calls `configure`. Nothing else loads structlog.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from manager.settings import Settings

# What every line has for as long as a block runs.
_bound: ContextVar[dict[str, Any]] = ContextVar("bound", default={})  # noqa: B039 - never changed
# Lines of a transaction that has not committed yet.
_held: ContextVar[list[tuple[Logger, int, Event]] | None] = ContextVar("held", default=None)


# Who hears of each event, whether it is written or not.
_listener: ContextVar[Callable[[int, Event], None] | None] = ContextVar("listener", default=None)


class Event:
    """What a line says: the event's name, and its fields."""

    __slots__ = ("fields", "name")

    def __init__(self, name: str, fields: dict[str, Any]) -> None:
        self.name = name
        self.fields = fields

    def __str__(self) -> str:
        """As handlers other than ours show it."""
        return " ".join([self.name, *(f"{name}={_shown(it)}" for name, it in self.fields.items())])


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:  # anybody's own class may do anything
        return f"<{type(value).__name__}>"


class Logger:
    """Writes lines in the name of a module. The field `exc_info` is what it is in logging."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        """What only somebody who looks for a fault wants to know."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """What happened as it should."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """What went wrong, and is tried again or made up for."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """What went wrong, and stays so until somebody acts."""
        self._write(logging.ERROR, event, fields)

    def once_committed(self, event: str, *, warn: bool = False, **fields: Any) -> None:
        """`info`, or `warning`, when and if the transaction that is open commits."""
        level = logging.WARNING if warn else logging.INFO
        held = _held.get()
        if held is None:
            self._write(level, event, fields)
        else:
            held.append((self, level, Event(event, fields)))

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        listener = _listener.get()
        if listener is None and not self._logger.isEnabledFor(level):
            return
        error = fields.pop("exc_info", None)
        self._tell(level, Event(event, fields), error)

    def _tell(self, level: int, event: Event, error: Any = None) -> None:
        if (listener := _listener.get()) is not None:
            listener(level, event)
        self._logger.log(level, event, exc_info=error, stacklevel=4)


def get_logger(name: str) -> Logger:
    """The logger of a module: `get_logger(__name__)`."""
    return Logger(name)


def configure(settings: Settings, process: str) -> None:
    """Write the lines of everybody in this process on standard error, from the configured level on.

    process: what the process is: up, worker, beat, web.
    """
    from manager.logs.output import write_to_stderr  # here: only the daemon needs structlog

    write_to_stderr(settings, process)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Every line within the block has these fields, others' lines, too; None is left out."""
    more = {name: it for name, it in fields.items() if it is not None}
    token = _bound.set(_bound.get() | more)
    try:
        yield
    finally:
        _bound.reset(token)


@contextmanager
def listening(listener: Callable[[int, Event], None]) -> Iterator[None]:
    """Let it hear of each event of ours within the block, with its level."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def bound_fields() -> dict[str, Any]:
    """The fields that every line has here and now."""
    return _bound.get()


@contextmanager
def held_until_committed() -> Iterator[None]:
    """Hold the lines of `once_committed` until the block has ended well; else drop them.

    Within another such block they are held until that one's end.
    """
    outer = _held.get()
    held: list[tuple[Logger, int, Event]] = []
    token = _held.set(held)
    try:
        yield
    finally:
        _held.reset(token)
    if outer is not None:
        outer.extend(held)
        return
    for logger, level, event in held:
        logger._tell(level, event)
