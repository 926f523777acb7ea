"""The tasks: each calls one step of `manager` and sends the wake-ups that it returns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

import psycopg
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from manager import faultpoint
from manager.errors import UnavailableError
from manager.settings import Settings
from manager.steps.context import Context, Wake
from manager.steps.merge import merge
from manager.steps.pack import pack
from manager.steps.poll import poll
from manager.steps.reconcile import reconcile
from manager.steps.resolve import resolve
from manager.steps.submit import submit
from manager.steps.sweep import sweep
from manager.steps.tidy import tidy
from tasks.heartbeat import Heartbeat

log = logging.getLogger(__name__)

# A wake-up older than this is worthless: a sweep has sent another since.
EXPIRES = 60.0

# Postgres or Redis is away, or was asked for too long.
_PASSING = (UnavailableError, psycopg.OperationalError, RedisError)

ACCOUNT_STEPS: dict[str, Callable[[Context], list[Wake]]] = {
    "sweep": sweep,
    "reconcile": reconcile,
    "pack": pack,
    "poll": poll,
    "pulse": tidy,
}
JOB_STEPS: dict[str, Callable[[Context, UUID], list[Wake]]] = {
    "submit": submit,
    "resolve": resolve,
    "merge": merge,
}


def register(app: Celery, settings: Settings, heartbeat: Heartbeat) -> None:
    """Register one task for each step."""
    context = Context(settings, "worker")

    def add(name: str, step: Callable[..., list[Wake]]) -> None:
        @app.task(name=f"enrichd.{name}", ignore_result=True)  # type: ignore[untyped-decorator]
        def task(job_id: str | None = None) -> None:
            arguments = [UUID(job_id)] if job_id else []
            try:
                with heartbeat.working():
                    wakes = step(context, *arguments)
            except _PASSING as error:  # the next sweep finds what is left to do
                log.warning("%s was cut off: %s", name, " ".join(str(error).split()))
                return
            for wake in wakes:
                send(app, wake)

    for name, step in (ACCOUNT_STEPS | JOB_STEPS).items():
        add(name, step)


def send(app: Celery, wake: Wake) -> None:
    """Send a wake-up; one that cannot be sent is made up for by the next sweep."""
    arguments = [str(wake.job_id)] if wake.job_id else []
    try:
        with faultpoint.around("wake.send"):
            app.send_task(
                f"enrichd.{wake.step}", arguments, expires=EXPIRES, ignore_result=True, retry=False
            )
    except OperationalError as error:
        log.warning("wake-up %s not sent: %s", wake.step, error)
