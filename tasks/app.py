"""The Celery application.

A message is a wake-up call, never a fact: it may be lost, doubled, late or out of order. So
nothing is kept of it (no results), it is short-lived (expires), and it is acknowledged early:
a wake-up that dies with its worker is made up for by the next sweep. (Late acknowledgement
would have Redis deliver it again after its visibility time-out, to no use.) And none is sent to
a queue that is full of them, as it is when nobody has worked for long. Each account has queues of
its own, so that a worker is sent no wake-up of an account that it does not serve.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from manager import semaphore
from manager.semaphore import queue_prefix
from manager.settings import Settings
from manager.steps.registry import STEPS

log = logging.getLogger(__name__)

# Wake-ups that may wait in a queue. An expired one stays there until a worker takes it, so without
# a limit they would fill Redis while no worker runs.
MAX_WAITING = 1_000


class App(Celery):  # type: ignore[misc]
    """Celery, but for wake-ups to a queue that is full: those are not sent."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("enrichd", broker=settings.redis, set_as_current=True)
        self._redis = semaphore.connect(settings)

    def send_task(self, name: str, *args: Any, queue: str, **options: Any) -> Any:
        """Send it; None when it was not sent. Raises OperationalError, as Celery does."""
        try:
            waiting = self.waiting(queue)
        except RedisError as error:  # then it cannot be sent either
            raise OperationalError(str(error)) from None
        if waiting >= MAX_WAITING:
            log.debug("wake-up %s not sent: %s wait in %s already", name, MAX_WAITING, queue)
            return None
        return super().send_task(name, *args, queue=queue, **options)

    def waiting(self, queue: str) -> int:
        """How many wake-ups wait in the queue. Raises RedisError."""
        prefix = self.conf.broker_transport_options["global_keyprefix"]
        return int(self._redis.llen(prefix + queue))


def make_app(settings: Settings, ledger_id: str) -> App:
    """The application for these settings; what it keeps in Redis is named after the ledger."""
    app = App(settings)
    kinds = sorted({step.queue for step in STEPS.values()})
    app.conf.update(
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=queue_name("quick"),
        task_queues=[Queue(name) for kind in kinds for name in queue_names(settings, kind)],
        task_acks_late=False,
        task_time_limit=max(step.time_limit for step in STEPS.values()),
        task_annotations={
            f"enrichd.{step.name}": {"time_limit": step.time_limit} for step in STEPS.values()
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
            "global_keyprefix": queue_prefix(ledger_id),
        },
        beat_scheduler="tasks.beat:Scheduler",
        beat_max_loop_interval=1,
        beat_schedule=dict(_periodic(settings)),
    )
    return app


def queue_name(kind: str, account: str = "") -> str:
    """The queue of a kind: the account's, or the machines'."""
    return f"enrichd.{kind}.{account}" if account else f"enrichd.{kind}"


def queue_names(settings: Settings, kind: str) -> list[str]:
    """The queues of that kind that a worker takes from: the machines', and its accounts'."""
    return [queue_name(kind), *(queue_name(kind, it.name) for it in settings.served)]


def _periodic(settings: Settings) -> Iterator[tuple[str, dict[str, object]]]:
    """What beat wakes, and how often."""
    for step in STEPS.values():
        if step.every is None:
            continue
        seconds = step.every(settings)
        accounts = [""] if step.per == "machine" else [it.name for it in settings.served]
        for account in accounts:
            options = {
                "queue": queue_name(step.queue, account),
                "expires": max(seconds * 3, 5),
            }
            yield (
                f"{step.name} {account}".strip(),
                {
                    "task": f"enrichd.{step.name}",
                    "schedule": seconds,
                    "args": [account],
                    "options": options,
                },
            )
