"""Beat: sends the periodic wake-ups."""

from __future__ import annotations

from typing import Any

from celery import beat
from kombu.exceptions import OperationalError

from manager.logs import get_logger
from tasks.heartbeat import Heartbeat

log = get_logger(__name__)


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """Celery's scheduler, in memory: the ledger knows what is due. Beats with each wake-up sent."""

    heartbeat = Heartbeat(None)

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        """Send it, then say so; one that cannot be sent is made up for by the next."""
        try:
            sent = super().send_task(*args, **kwargs)
        except OperationalError as error:
            log.warning("wake.not_sent", task=args[0], error=error)
            return None
        self.heartbeat.touch()
        return sent
