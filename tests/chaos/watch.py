"""Watches what each account waits for, so that a long recovery can be explained."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from typing import NamedTuple

import psycopg

from manager import Settings

EVERY = 1.0
WAITS = """
SELECT a.name, 'account paused: ' || a.paused_reason FROM {schema}.account a
WHERE a.paused_reason IS NOT NULL
UNION ALL
SELECT a.name, p.endpoint || ' paused: ' || p.reason
FROM {schema}.endpoint_pause p JOIN {schema}.account a ON a.id = p.account_id
UNION ALL
SELECT a.name, 'look waits for: ' || coalesce(a.look_waits_for, a.look_error)
FROM {schema}.account a WHERE coalesce(a.look_waits_for, a.look_error) IS NOT NULL
UNION ALL
SELECT a.name, 'nobody has swept' FROM {schema}.account a WHERE a.swept_at < now() - interval '5 s'
UNION ALL
SELECT a.name, j.state || ': ' || coalesce('waits for ' || j.waits_for, j.why)
FROM {schema}.job j JOIN {schema}.account a ON a.id = j.account_id
WHERE j.state IN ('packed', 'submitting', 'pending', 'processing')
"""
_NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d[\d.:T+-]*")


class Sample(NamedTuple):
    """What an account waited for at that time, in seconds since 1970."""

    at: float
    account: str
    text: str


class Watcher(threading.Thread):
    """At work for as long as the run lasts, through outages of Postgres."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._stop_asked = threading.Event()
        self._samples: list[Sample] = []

    def run(self) -> None:
        """Look every second."""
        sql = WAITS.format(schema=self._settings.database_schema).encode()
        while not self._stop_asked.wait(EVERY):
            try:
                with psycopg.connect(self._settings.postgres, connect_timeout=5) as connection:
                    found = {(row[0], _plain(row[1])) for row in connection.execute(sql)}
            except psycopg.Error:
                found = {("", "Postgres cannot be reached")}
            now = time.time()
            self._samples += [Sample(now, *it) for it in found]

    def stop(self) -> None:
        """End it."""
        self._stop_asked.set()
        self.join()

    def between(self, account: str, begin: float, end: float, most: int = 4) -> list[str]:
        """What the account waited for in that time, the most frequent first, with the seconds."""
        seen = Counter(
            it.text for it in self._samples if begin <= it.at <= end and it.account in ("", account)
        )
        return [f"{count * EVERY:.0f} s {text}" for text, count in seen.most_common(most)]


def _plain(text: str) -> str:
    """Without the numbers and ids, in which the same differs from job to job."""
    return _NUMBERS.sub("N", text)[:200]
