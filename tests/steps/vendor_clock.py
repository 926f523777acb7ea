"""The vendor's clock, as its answers show it, kept with the ledger's.

A test moves the sandbox's clock, so that its jobs end, and lets jobs of the ledger grow older: each
by itself. Neither is to look as if the two clocks had drifted apart.
"""

from __future__ import annotations

import time

from sandbox import Sandbox


class VendorClock:
    """Shows the time of the ledger, and `ahead` seconds more."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.ahead = 0.0
        self._sandbox = sandbox
        self._passed = 0.0

    def pass_by(self, seconds: float) -> None:
        """So much time has passed for the ledger's jobs, and any at the sandbox."""
        self._passed += seconds
        now = self._sandbox.advance(0)
        shown = time.time() + self._passed + self.ahead
        self._sandbox.set(clock_skew_seconds=shown - now)
