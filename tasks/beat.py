"""Beat: sends the periodic wake-ups."""

from __future__ import annotations

import logging
from typing import Any

from celery import beat
from kombu.exceptions import OperationalError

from tasks.heartbeat import Heartbeat

log = logging.getLogger(__name__)


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """Celery's scheduler, in memory: the ledger knows what is due. Beats with each wake-up sent."""

    heartbeat = Heartbeat(None)

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        """Send it, then say so; one that cannot be sent is made up for by the next."""
        try:
            sent = super().send_task(*args, **kwargs)
        except OperationalError as error:
            log.warning("wake-up %s not sent: %s", args[0], error)
            return None
        self.heartbeat.touch()
        return sent
