"""Lines as a process of the daemon writes them, read back."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from manager import Settings
from manager.logs.output import formatter
from manager.settings import AccountTable

KEY = "sk-live-3f9A8b7C6d5E4f3G"
PASSWORD = "p@ss/w0rd?x#y'\"\\ü-9"
REDIS = "redis-geheim-77"
OTHER_KEY = "other-account-key-42"
# URLs hold a password percent-encoded; lines may show it either way
SETTINGS = Settings(
    vendor_api_key=KEY,
    database_url="postgresql://me:p%40ss%2Fw0rd%3Fx%23y%27%22%5C%C3%BC-9@db/x",
    redis_url=f"redis://:{REDIS}@cache",
    accounts={"beta": AccountTable(vendor_api_key=OTHER_KEY)},
)
SECRETS = (KEY, PASSWORD, REDIS, OTHER_KEY)


class Written(io.StringIO):
    """What was written, as lines and as objects."""

    @property
    def lines(self) -> list[str]:
        """Each line."""
        return self.getvalue().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Each line as the object that it is."""
        return [json.loads(line) for line in self.getvalue().split("\n") if line]

    @property
    def event(self) -> dict[str, Any]:
        """The only one."""
        [event] = self.events
        return event


@contextmanager
def written(log_format: str = "json", level: int = logging.DEBUG) -> Iterator[Written]:
    """What all loggers write within the block."""
    stream = Written()
    handler = logging.StreamHandler(stream)
    settings = SETTINGS.model_copy(update={"log_format": log_format})
    handler.setFormatter(formatter(settings, "worker", stream))
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(level)
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)
