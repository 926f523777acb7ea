"""The tasks: each runs one step of `manager` and sends the wake-ups that it returns."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from manager import faultpoint
from manager.errors import ConfigurationError, UnavailableError
from manager.ledger.connect import BROKEN_OFF
from manager.settings import Settings
from manager.steps.context import Context, Wake
from manager.steps.registry import STEPS, run
from tasks.app import queue_name
from tasks.heartbeat import Heartbeat

log = logging.getLogger(__name__)

SEND = faultpoint.point("wake.send")
# A wake-up older than this is worthless: a sweep has sent another since.
EXPIRES = 60.0

# A wake-up that comes a moment before its time finds nothing due.
LATE = 0.05

# Postgres or Redis is away, or was asked for too long.
_PASSING = (UnavailableError, *BROKEN_OFF, RedisError)


def register(app: Celery, settings: Settings, heartbeat: Heartbeat) -> None:
    """Register one task for each step."""
    context = Context(settings, "worker")

    def add(name: str) -> None:
        @app.task(name=f"enrichd.{name}", ignore_result=True)  # type: ignore[untyped-decorator]
        def task(account: str = "", job_id: str | None = None) -> None:
            wake = Wake(name, account, UUID(job_id) if job_id else None)
            try:
                with heartbeat.working():
                    wakes = run(context, wake)
            except _PASSING as error:  # the next sweep finds what is left to do
                log.warning("%s was cut off: %s", name, " ".join(str(error).split()))
                return
            except ConfigurationError as error:
                log.error("%s: %s", name, error)
                return
            for wake in wakes:
                send(app, wake)

    for name in STEPS:
        add(name)


def send(app: Celery, wake: Wake) -> None:
    """Send a wake-up; one that cannot be sent is made up for by the next sweep."""
    if wake.delay > EXPIRES:  # a sweep finds it at its time
        return
    arguments = [wake.account, str(wake.job_id)] if wake.job_id else [wake.account]
    step = STEPS[wake.step]
    try:
        with faultpoint.around(SEND):
            app.send_task(
                f"enrichd.{step.name}",
                arguments,
                queue=queue_name(step.queue, wake.account),
                countdown=wake.delay + LATE if wake.delay else None,
                expires=EXPIRES + wake.delay,
                ignore_result=True,
                retry=False,
            )
    except OperationalError as error:
        log.warning("wake-up %s not sent: %s", wake.step, error)
