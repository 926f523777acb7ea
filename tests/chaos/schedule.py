"""The schedule of a seed: what goes wrong, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One fault: `at` seconds after the start; `seed` decides its details."""

    at: float
    kind: str
    seed: int

    def __str__(self) -> str:
        return f"{self.at:7.1f} s  {self.kind} (seed {self.seed})"


def schedule(seed: int, seconds: float, kinds: list[str], mean_pause: float) -> list[Event]:
    """Events of all kinds, shuffled into rounds, so that none is left out by chance."""
    rng = random.Random(seed)
    events: list[Event] = []
    round_: list[str] = []
    at = rng.uniform(0, mean_pause)
    while at < seconds:
        if not round_:
            round_ = rng.sample(kinds, len(kinds))
        events.append(Event(at, round_.pop(), rng.randrange(2**31)))
        at += rng.uniform(0.2, 1.8) * mean_pause
    return events
