"""The Celery application.

A message is a wake-up call, never a fact: it may be lost, doubled, late or out of order. So
nothing is kept of it (no results), it is short-lived (expires), and it is acknowledged early:
a wake-up that dies with its worker is made up for by the next sweep. (Late acknowledgement
would have Redis deliver it again after its visibility time-out, to no use.) And none is sent to
a queue that is full of them, as it is when nobody has worked for long.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from manager import semaphore
from manager.settings import Settings

log = logging.getLogger(__name__)

# Steps that end within moments, and those that download results: these must not delay those.
QUICK, MERGE = "enrichd.quick", "enrichd.merge"
# Sweeps show that a worker of the quick queue works; a worker of merges may have none for hours.
PULSE_INTERVAL = 10.0
# Seconds after which a task that hangs is killed, and its process replaced.
QUICK_LIMIT, MERGE_LIMIT = 900, 4 * 3600
# Wake-ups that may wait in a queue. An expired one stays there until a worker takes it, so without
# a limit they would fill Redis while no worker runs.
MAX_WAITING = 1_000


class App(Celery):  # type: ignore[misc]
    """Celery, but for wake-ups to a queue that is full: those are not sent."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("enrichd", broker=settings.redis, set_as_current=True)
        self._redis = semaphore.connect(settings)

    def send_task(self, name: str, *args: Any, **options: Any) -> Any:
        """Send it; None when it was not sent. Raises OperationalError, as Celery does."""
        queue = self.conf.task_routes.get(name, {}).get("queue", QUICK)
        try:
            waiting = self.waiting(queue)
        except RedisError as error:  # then it cannot be sent either
            raise OperationalError(str(error)) from None
        if waiting >= MAX_WAITING:
            log.debug("wake-up %s not sent: %s wait in %s already", name, MAX_WAITING, queue)
            return None
        return super().send_task(name, *args, **options)

    def waiting(self, queue: str) -> int:
        """How many wake-ups wait in the queue. Raises RedisError."""
        prefix = self.conf.broker_transport_options["global_keyprefix"]
        return int(self._redis.llen(prefix + queue))


def make_app(settings: Settings) -> App:
    """The application for these settings."""
    app = App(settings)
    app.conf.update(
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=QUICK,
        task_queues=[Queue(QUICK), Queue(MERGE)],
        task_routes={f"enrichd.{step}": {"queue": MERGE} for step in ("merge", "resolve", "pulse")},
        task_acks_late=False,
        task_time_limit=QUICK_LIMIT,
        task_annotations={
            f"enrichd.{step}": {"time_limit": MERGE_LIMIT} for step in ("merge", "resolve")
        },
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.worker_concurrency,
        worker_max_tasks_per_child=1000,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "global_keyprefix": f"enrichd:{settings.database_schema}:",
        },
        beat_scheduler="tasks.beat:Scheduler",
        beat_max_loop_interval=1,
        beat_schedule={
            "sweep": _every(settings.sweep_interval, "enrichd.sweep"),
            "reconcile": _every(settings.reconcile_interval, "enrichd.reconcile"),
            "pulse": _every(PULSE_INTERVAL, "enrichd.pulse"),
        },
    )
    return app


def _every(seconds: float, task: str) -> dict[str, object]:
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds * 3, 5)}}
