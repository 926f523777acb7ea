"""What a gate does, in plain Python: one route's window, queue, and what is known of the vendor."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

AGEING = 30_000
PATIENCE = 10_000
UNRESERVED = 3


@dataclass
class Waiter:
    place: int
    turn: int


@dataclass
class GateModel:
    """Times are milliseconds."""

    assumed: int
    window: int
    now: int = 1_000_000_000_000
    ours: list[tuple[int, str]] = field(default_factory=list)  # when it leaves, whose; as made
    others: list[int] = field(default_factory=list)
    queue: dict[str, Waiter] = field(default_factory=dict)
    said: int | None = None
    learnt: tuple[int, int] | None = None
    blocked_until: int = 0

    def limit(self) -> int:
        limit = self.said or self.assumed
        if self.learnt:
            level, since = self.learnt
            limit = min(limit, level + (self.now - since) * limit // (10 * self.window))
        return limit

    def room(self, at: int) -> int:
        """Calls that the window has room for at a time, if none is made until then."""
        inside = [leaves for leaves in self.leaving() if leaves > at]
        return self.limit() - len(inside)

    def leaving(self) -> list[int]:
        return sorted([leaves for leaves, _ in self.ours] + self.others)

    def pass_time(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    def tidy(self) -> None:
        self.ours = [call for call in self.ours if call[0] > self.now]
        self.others = [leaves for leaves in self.others if leaves > self.now]
        late = [who for who, it in self.queue.items() if it.turn + PATIENCE < self.now]
        for who in late:
            del self.queue[who]

    def take(self, who: str, worth: int) -> int:
        """Milliseconds to wait; 0 is granted."""
        self.tidy()
        place = self.now - worth * AGEING
        if who in self.queue:
            place = min(place, self.queue[who].place)
        mine = (place, who.encode())
        before = [
            waiter
            for other, waiter in self.queue.items()
            if other != who and (waiter.place, other.encode()) < mine
        ]
        limit = self.limit()
        low = self.now < place + UNRESERVED * AGEING
        reserve = max(1, limit // 4) if low and limit > 2 else 0
        times = [self.now, *(max(waiter.turn, self.now) for waiter in before)]
        enough = all(
            self.room(at) >= 1 + reserve + sum(waiter.turn <= at for waiter in before)
            for at in times
        )
        if enough and self.blocked_until <= self.now:
            self.queue.pop(who, None)
            self.ours.append((self.now + self.window, who))
            return 0
        turn = max(self.free(len(before) + 1 + reserve), self.blocked_until)
        self.queue[who] = Waiter(place, turn)
        return turn - self.now

    def free(self, nth: int) -> int:
        """When the nth call from now on can be made."""
        limit, leaving = self.limit(), self.leaving()
        free = [self.now] * max(self.room(self.now), 0) + leaving[max(len(leaving) - limit, 0) :]
        while len(free) < nth:
            free.append(free[-limit] + self.window)
        return free[nth - 1]

    def answered(
        self, limit: int | None, remaining: int | None, reset: float | None, blocked: float | None
    ) -> None:
        self.tidy()
        if remaining is not None:
            self.others = []
        if limit is not None:
            self.said, self.learnt = limit, None
        if blocked is not None:
            self.blocked_until = max(self.blocked_until, self.now + round(blocked * 1000))
            if remaining is None:
                made = len(self.ours) + len(self.others)
                self.learnt = (max(min(self.limit(), made) - 1, 1), self.now)
        if remaining is None:
            return
        distance = self.window / self.limit()
        leaves: float = self.now + math.ceil(distance if reset is None else reset * 1000)
        if remaining == 0:
            self.ours = [(max(call, int(leaves)), who) for call, who in self.ours]
        if self.ours and min(self.ours)[0] <= leaves + 1000:
            leaves += distance
        count = self.limit() - remaining - len(self.ours)
        self.others = [
            math.ceil(min(leaves + n * distance, self.now + self.window)) for n in range(count)
        ]

    def give_back(self, who: str) -> None:
        self.tidy()
        for n in reversed(range(len(self.ours))):
            if self.ours[n][1] == who:
                del self.ours[n]
                return
