"""Beat: sends the periodic wake-ups."""

from __future__ import annotations

from typing import Any

from celery import beat

from tasks.heartbeat import Heartbeat


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """Celery's scheduler, in memory: the ledger knows what is due. Beats with each wake-up sent."""

    heartbeat = Heartbeat(None)

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        """Send it, then say so."""
        sent = super().send_task(*args, **kwargs)
        self.heartbeat.touch()
        return sent
