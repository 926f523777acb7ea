"""The daemon within a test's own process: it works when it is told to, and time passes then.

The steps are the daemon's own, on a real ledger and a real Redis. Nothing runs between the calls.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import ExitStack
from datetime import timedelta

from manager.client.sync import Manager
from manager.ledger.connect import Ledger
from manager.settings import Settings
from manager.steps.context import Context, Wake
from manager.steps.registry import run as run_step
from manager.testing.ledger_clock import LedgerClock
from manager.testing.unsettled import is_stuck, unsettled, waiting
from manager.testing.vendor_clock import Vendor, VendorClock

# Seconds that pass while there is nothing to do: longer than any of the vendor's windows of calls.
STEP = 60.0
# After a while more passes at a time, so that what takes days takes no more than moments.
GROWTH = 0.25
DAY = timedelta(days=1)
UNTOLD = "SELECT FROM notice WHERE state = 'waiting' LIMIT 1"
OPEN = "SELECT id FROM request WHERE finished_at IS NULL"


class Daemon:
    """The steps of the accounts that the settings serve, and the clock that they see.

    vendor: a sandbox whose clock stands still.
    """

    def __init__(self, settings: Settings, vendor: Vendor) -> None:
        self.context = Context(settings, "test")
        self.clock = VendorClock(vendor)
        self._vendor = vendor
        self._manager = Manager(settings)
        self._open = ExitStack()
        self._ledger = self._open.enter_context(Ledger(settings, "testing").connect())
        self._ledger_clock = LedgerClock(self._ledger)
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the connections."""
        self.context.close()
        self._open.close()

    def settle(self, within: timedelta = DAY) -> None:
        """Work, and let time pass, until every identifier has its outcome and every job its end.

        Raises UnsettledError, which says what waits and for what, when that takes longer than
        `within`, by the clock that is moved, or would take for ever.
        """
        limit = within.total_seconds()
        passed = 0.0
        with self._lock:
            self.clock.pass_by(0)
            self.work()
            while waiting(self._ledger):
                if passed >= limit or is_stuck(self._ledger):
                    raise unsettled(self._ledger, passed)
                step = min(max(STEP, passed * GROWTH), limit - passed)
                self.advance(step)
                passed += step
                self.work()

    def work(self) -> None:
        """Do all that is due now, and what follows from it at once."""
        with self._lock:
            for account in self.context.accounts():
                self.run(Wake("sweep", account.name))
                if self._ledger.execute(UNTOLD).rowcount or account.settings.notify:
                    self.run(Wake("tell", account.name))

    def advance(self, seconds: float) -> None:
        """Let so much time pass, for the ledger and for the vendor, in which nobody works."""
        with self._lock:
            self._vendor.advance(seconds)
            self.clock.pass_by(seconds)
            self._ledger_clock.pass_by(seconds)
            for account in self.context.accounts():
                account.gate.forget()

    def cancel_all(self) -> None:
        """Cancel every request that is not finished, so that nobody waits for it any longer."""
        with self._lock:
            open_requests = self._ledger.execute(OPEN).fetchall()
        for (request_id,) in open_requests:
            self._manager.request(request_id).cancel()

    def run(self, *wakes: Wake) -> None:
        """Run these steps and those that they wake, but for further sweeps."""
        todo = deque(wakes)
        while todo:
            todo.extend(it for it in self.only(todo.popleft()) if it.step != "sweep")

    def only(self, wake: Wake) -> list[Wake]:
        """Run this step alone; what it wakes at once."""
        return [it for it in run_step(self.context, wake) if it.delay == 0]
