"""What a test holds: the manager, its vendor, and the daemon that works when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Self

from manager import AsyncManager, Manager
from manager.operator import accounts
from manager.settings import Settings
from manager.testing.daemon import DAY, Daemon
from pytest_enrichd.session import environment

if TYPE_CHECKING:
    from sandbox import SandboxControl

# Real seconds between two looks for work in the background.
PAUSE = 0.01


class Enrichd:
    """A ledger that looks new, its vendor, and the daemon between them.

    settings: what the manager and the daemon are configured by. sandbox: the vendor; it is told
    of faults (`sandbox.fault("submit", "status", status=503)`) and asked what it was sent and
    what that cost (`sandbox.record()`).
    """

    def __init__(self, settings: Settings, sandbox: SandboxControl) -> None:
        self.settings = settings
        self.sandbox = sandbox
        self._daemon = Daemon(settings, sandbox)

    def __enter__(self) -> Self:
        """Use it in a `with` statement, or call `close`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        self._daemon.close()
        if "manager" in self.__dict__:
            self.manager.close()

    @cached_property
    def manager(self) -> Manager:
        """The manager of this ledger."""
        return Manager(self.settings)

    @cached_property
    def async_manager(self) -> AsyncManager:
        """The same for asyncio."""
        return AsyncManager(self.settings)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which another process, or `Manager()`, finds this ledger."""
        return environment(self.settings)

    def settle(self, within: timedelta = DAY) -> None:
        """Let the daemon work until all that was enqueued has its outcome.

        It works here and now; instead of waiting it moves the clock, by `within` at most. Raises
        UnsettledError, which says what waits and for what, when something cannot settle.
        """
        self._daemon.settle(within)

    def work(self) -> None:
        """Let the daemon do what is due now, and no more: what it submits is at the vendor then."""
        self._daemon.work()

    def advance(self, time: timedelta | float) -> None:
        """Let time pass (seconds or a timedelta) for the ledger and the vendor; nobody works."""
        self._daemon.advance(time.total_seconds() if isinstance(time, timedelta) else time)

    def resume(self, account: str | None = None) -> None:
        """Lift the pause of an account, as `enrichd resume` does."""
        accounts.resume(self.settings, account or self.settings.account)

    @contextmanager
    def settling(self) -> Iterator[None]:
        """Settle in the background, for code that enqueues and waits in one call.

        What cannot settle is cancelled, so that nobody waits for it, and the block ends with
        the UnsettledError.
        """
        ended = threading.Event()
        errors: list[Exception] = []

        def work() -> None:
            while not ended.wait(PAUSE):
                try:
                    if errors:
                        self._daemon.cancel_all()
                    else:
                        self._daemon.settle()
                except Exception as error:
                    errors.append(error)

        thread = threading.Thread(target=work, name="enrichd", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            if errors:
                raise errors[0]
