"""A server that cannot be used, as a problem."""

from __future__ import annotations

from manager.errors import (
    ConfigurationError,
    EnrichdError,
    NoInstallationError,
    NotRunningError,
)
from manager.operator.problems import Problem, problem


def of_ledger(error: EnrichdError) -> Problem:
    """What a look at the ledger ended with."""
    return of_either(error) or problem(
        "postgres-unavailable", str(error), "Start it, or correct database_url."
    )


def of_redis(error: EnrichdError) -> Problem:
    """What a look at Redis ended with."""
    return of_either(error) or problem(
        "redis-unavailable", str(error), "Start it, or correct redis_url."
    )


def of_either(error: EnrichdError) -> Problem | None:
    """What has the same cause whichever of them was asked."""
    match error:
        case NoInstallationError():
            return problem("no-installation", *_parted(error))
        case NotRunningError():
            return problem("daemon-stopped", *_parted(error))
        case ConfigurationError():
            return problem("configuration-wrong", str(error), "`enrichd doctor` says more.")
    return None


def _parted(error: EnrichdError) -> tuple[str, str]:
    """What is so, and what to do: the message has both."""
    text, _, way_out = str(error).partition(". ")
    return text, way_out
