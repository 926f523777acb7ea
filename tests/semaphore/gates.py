"""Words in which the tests of the gate speak."""

from __future__ import annotations

from manager.semaphore import RedisGate
from manager.vendor.calls import Route, Worth
from manager.vendor.errors import NotYourTurn

LIMIT = 4
WINDOW = 60.0


class Clock:
    """Stands still unless told."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


def wait_of(
    gate: RedisGate, who: str = "me", worth: Worth = Worth.LOOK, route: Route = "list"
) -> float:
    """Seconds that who has to wait; 0 when the call may be made."""
    try:
        gate.take(route, who, worth)
    except NotYourTurn as told:
        return told.wait
    return 0.0


def tell(
    gate: RedisGate,
    limit: int | None = None,
    remaining: int | None = None,
    reset: float | None = None,
    blocked: float | None = None,
) -> None:
    gate.answered("list", limit, remaining, reset, blocked)


def use_up(gate: RedisGate, calls: int = LIMIT) -> None:
    assert [wait_of(gate, worth=Worth.SUBMIT) for _ in range(calls)] == [0] * calls
