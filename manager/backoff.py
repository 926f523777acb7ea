"""How long to wait after a failure: exponential, capped, with jitter."""

from __future__ import annotations

import random
from datetime import timedelta

from manager.settings import Settings


def backoff(settings: Settings, failures: int) -> timedelta:
    """The wait after `failures` failures in a row before this one.

    Half of it is random, so that what failed together is not tried together.
    """
    longest = min(settings.backoff_max, settings.backoff_base * 2 ** min(failures, 30))
    return timedelta(seconds=random.uniform(longest / 2, longest))  # noqa: S311 - not a secret
