"""First look: when the daemon starts each account's list of jobs is asked, which costs nothing, so
that a key that is refused is known before money is at stake.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from manager.operator.status import status
from manager.operator.trouble import TROUBLE
from manager.settings import Settings
from manager.steps.context import Context
from manager.steps.schedule import hint

log = logging.getLogger(__name__)

# Seconds in which it should have been asked, and between two looks whether it was.
PATIENCE, TICK = 30.0, 1.0


def order(context: Context) -> None:
    """Let the first sweep look at each account that is served here. Raises UnavailableError."""
    with context.ledger.connect() as connection:
        for account in context.accounts():
            hint(connection, account.standing(connection).id)


def tell(settings: Settings, stop: threading.Event) -> threading.Thread:
    """Say in the log what the first look at each account was answered, if that is a refusal."""
    arguments = (settings, stop)
    thread = threading.Thread(target=_tell, args=arguments, name="first look", daemon=True)
    thread.start()
    return thread


def _tell(settings: Settings, stop: threading.Event) -> None:
    context = Context(settings, "up")
    asked: set[str] = set()
    for _ in range(int(PATIENCE / TICK)):
        if stop.wait(TICK):
            return
        with suppress(*TROUBLE):
            found = status(context)
            for it in found.problems:
                if it.code in ("key-refused", "no-credits") and it.account not in asked:
                    asked.add(it.account or "")
                    log.warning("%s", it)
