"""Listens in Postgres for what happened outside the workers, and sends the wake-up for it.

An enqueue's notification is part of the caller's transaction, so it comes when and if that
commits, and a caller needs neither Redis nor Celery. If it is lost the sweep finds the work.
"""

from __future__ import annotations

import threading

from celery import Celery

from manager.ledger.connect import Ledger
from manager.logs import get_logger
from manager.redact import without_passwords
from manager.settings import Settings
from manager.steps.context import Wake
from manager.steps.registry import STEPS
from tasks.steps import send

log = get_logger(__name__)

# Seconds until it listens again, and in which it notices that it is to end.
RETRY = 1.0
TURN = 5.0


def start(app: Celery, settings: Settings) -> threading.Thread:
    """Listen in a background thread for as long as the process lives."""
    thread = threading.Thread(target=listen, args=(app, settings), name="listener", daemon=True)
    thread.start()
    return thread


def listen(app: Celery, settings: Settings, stop: threading.Event | None = None) -> None:
    """Listen until `stop`, through restarts and fail-overs of Postgres."""
    stop = stop or threading.Event()
    ledger = Ledger(settings, "beat")
    while not stop.is_set():
        try:
            _hear(app, settings, ledger, stop)
        except Exception as error:  # whatever it is: nobody would notice that the thread has ended
            log.warning("listener.cut_off", error=without_passwords(error))
            stop.wait(RETRY)


def _hear(app: Celery, settings: Settings, ledger: Ledger, stop: threading.Event) -> None:
    with ledger.connect() as connection:
        connection.execute("LISTEN enrichd_wake")
        log.info("listener.listens")
        while not stop.is_set():
            for notification in connection.notifies(timeout=TURN):
                for wake in wakes_of(settings, notification.payload):
                    send(app, wake)


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
