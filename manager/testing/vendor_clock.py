"""The vendor's clock, as its answers show it, kept with the ledger's.

A test moves the sandbox's clock, so that its jobs end, and lets jobs of the ledger grow older: each
by itself. Neither is to look as if the two clocks had drifted apart.
"""

from __future__ import annotations

import time
from typing import Any, Protocol


class Vendor(Protocol):
    """A sandbox whose clock stands still until it is advanced."""

    def advance(self, seconds: float) -> float:
        """Move its clock; returns its time (seconds since 1970)."""

    def set(self, **settings: Any) -> Any:
        """Change its settings, among them `clock_skew_seconds`."""


class VendorClock:
    """Shows the time of the ledger, and `ahead` seconds more."""

    def __init__(self, vendor: Vendor) -> None:
        self.ahead = 0.0
        self._vendor = vendor
        self._passed = 0.0

    def pass_by(self, seconds: float) -> None:
        """So much time has passed for the ledger's jobs, and any at the vendor."""
        self._passed += seconds
        now = self._vendor.advance(0)
        shown = time.time() + self._passed + self.ahead
        self._vendor.set(clock_skew_seconds=shown - now)
