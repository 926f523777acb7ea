"""Waits for what happens a moment later, in another thread or in Postgres."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg

from manager import Settings
from manager.ledger.connect import Ledger


def until(condition: Callable[[], Any], timeout: float = 20) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


class PatientLedger(Ledger):
    """A ledger that waits until a job's lock is free, so that the next step never comes too early.

    Closing the connection frees it, but a moment later; the daemon would wait for the next sweep.
    """

    def __init__(self, settings: Settings, role: str, rows: Callable[..., list[Any]]) -> None:
        super().__init__(settings, role)
        self._rows = rows

    @contextmanager
    def lock_job(self, job_id: UUID) -> Iterator[psycopg.Connection[Any] | None]:
        holder = 0
        try:
            with super().lock_job(job_id) as connection:
                holder = connection.info.backend_pid if connection else 0
                yield connection
        finally:
            query = "SELECT FROM pg_locks WHERE pid = %(pid)s AND locktype = 'advisory'"
            until(lambda: not self._rows(query, pid=holder))
