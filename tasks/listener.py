"""Listens in Postgres for what happened outside the workers, and sends the wake-up for it.

An enqueue's notification is part of the caller's transaction, so it comes when and if that
commits, and a caller needs neither Redis nor Celery. If it is lost the sweep finds the work.
"""

from __future__ import annotations

import logging
import threading

import psycopg
from celery import Celery

from manager.errors import UnavailableError
from manager.ledger.connect import Ledger
from manager.settings import Settings
from manager.steps.context import Wake
from manager.steps.registry import STEPS
from tasks.steps import send

log = logging.getLogger(__name__)

RETRY = 2.0


def start(app: Celery, settings: Settings) -> threading.Thread:
    """Listen in a background thread for as long as the process lives."""
    thread = threading.Thread(target=_listen, args=(app, settings), name="listener", daemon=True)
    thread.start()
    return thread


def _listen(app: Celery, settings: Settings) -> None:
    pause = threading.Event()
    while True:
        try:
            with Ledger(settings, "beat").connect() as connection:
                connection.execute("LISTEN enrichd_wake")
                for notification in connection.notifies():
                    for wake in wakes_of(settings, notification.payload):
                        send(app, wake)
        except (psycopg.OperationalError, UnavailableError) as error:
            log.warning("not listening for enqueues: %s", error)
        pause.wait(RETRY)


def wakes_of(settings: Settings, payload: str) -> list[Wake]:
    """The wake-ups that a notification asks for: SCHEMA STEP [ACCOUNT].

    Callers of the first release name no account; then it may be any of ours.
    """
    schema, _, rest = payload.partition(" ")
    step, _, account = rest.partition(" ")
    if schema != settings.database_schema or step not in STEPS or STEPS[step].per != "account":
        return []
    served = [it.name for it in settings.served]
    return [Wake(step, name) for name in served if account in ("", name)]
