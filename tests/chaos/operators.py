"""The operator of a run: resumes accounts and endpoints that were paused, once he has seen it."""

from __future__ import annotations

import contextlib
import threading

import psycopg

from manager import Settings

# Seconds after which he has bought credits, set the key, or ordered the endpoint.
REACTION = 3
RESUME = (
    """
    UPDATE {schema}.account SET paused_reason = NULL, paused_for = NULL, paused_at = NULL
    WHERE paused_at < now() - make_interval(secs => %s)
    """,
    "DELETE FROM {schema}.endpoint_pause WHERE paused_at < now() - make_interval(secs => %s)",
)


class Operator(threading.Thread):
    """At work for as long as the run lasts, through outages of Postgres."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Look every second."""
        statements = [it.format(schema=self._settings.database_schema).encode() for it in RESUME]
        while not self._stop_asked.wait(1):
            with (
                contextlib.suppress(psycopg.Error),
                psycopg.connect(self._settings.postgres, connect_timeout=5) as connection,
            ):
                for statement in statements:
                    connection.execute(statement, [REACTION])

    def stop(self) -> None:
        """End it."""
        self._stop_asked.set()
        self.join()
