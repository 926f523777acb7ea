"""The tasks: each runs one step of `manager` and sends the wake-ups that it returns."""

from __future__ import annotations

from uuid import UUID

from celery import Celery
from celery.signals import worker_process_shutdown
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from manager import faultpoint
from manager.errors import ConfigurationError, UnavailableError
from manager.ledger.connect import BROKEN_OFF
from manager.logs import get_logger
from manager.settings import Settings
from manager.steps.context import Context, Wake
from manager.steps.registry import STEPS, run
from tasks.app import queue_name
from tasks.heartbeat import Heartbeat

log = get_logger(__name__)

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
            whose = {"step": name, "account": account or None, "job": job_id}
            try:
                with heartbeat.working():
                    wakes = run(context, wake)
            except _PASSING as error:  # the next sweep finds what is left to do
                log.warning("step.cut_off", **whose, error=error)
                return
            except ConfigurationError as error:
                log.error("step.refused", **whose, error=error)
                return
            for wake in wakes:
                send(app, wake)

    for name in STEPS:
        add(name)

    @worker_process_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
    def close(**_: object) -> None:
        """What a process has measured and traced is not lost when it ends."""
        context.close()


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
        log.warning("wake.not_sent", task=wake.step, account=wake.account, error=error)
