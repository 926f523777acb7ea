"""Logging of the daemon's processes: one line an event, on standard error."""

from __future__ import annotations

import logging
import sys

from manager.settings import Settings


def configure(settings: Settings, process: str) -> None:
    """Log to standard error from the configured level on.

    httpx would log whole URLs, pre-signed ones among them, so it is silenced below warnings.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter(f"%(asctime)s %(levelname)s {process}[%(process)d] %(name)s: %(message)s")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for chatty in (
        "alembic",  # it would speak at every look
        "httpx",
        "httpcore",
        "celery.app.trace",
        "celery.worker.strategy",
        "celery.beat",
    ):
        logging.getLogger(chatty).setLevel(logging.WARNING)
