"""How long to wait after a failure: exponential, capped, with jitter."""

from __future__ import annotations

import random
from datetime import timedelta

from manager.settings import Settings


def waited(settings: Settings, failures: int) -> float:
    """Seconds that `backoff` has waited at least, after so many failures in a row."""
    return sum(_longest(settings, earlier) for earlier in range(failures)) / 2


def backoff(settings: Settings, failures: int) -> timedelta:
    """The wait after `failures` failures in a row before this one.

    Half of it is random, so that what failed together is not tried together.
    """
    longest = _longest(settings, failures)
    return timedelta(seconds=random.uniform(longest / 2, longest))  # noqa: S311 - not a secret


def _longest(settings: Settings, failures: int) -> float:
    return min(settings.backoff_max, settings.backoff_base * 2.0 ** min(failures, 30))
