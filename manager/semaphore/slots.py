"""The numbered slots of an account's semaphore, each held by a job.

The vendor's job goes on when our worker dies, so there is no lease that runs out: a slot is
freed by facts, when the ledger says that its job is no longer active. A semaphore that Redis
has lost grants nothing until it was rebuilt from the ledger. And should Redis be wrong all the
same, the ledger's own unique index refuses the job.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from redis import Redis

from manager import faultpoint
from manager.semaphore.names import Owner
from manager.semaphore.redis import lua

ACQUIRE = faultpoint.point("semaphore.acquire")
RELEASE = faultpoint.point("semaphore.release")
REBUILD = faultpoint.point("semaphore.rebuild")


class NotReadyError(Exception):
    """Redis has lost the semaphore; it must be rebuilt from the ledger."""


class Holder(NamedTuple):
    """Who holds a slot: a job, and which of its attempts. The attempt fences off earlier ones."""

    job_id: UUID
    attempt: int

    def __str__(self) -> str:
        return f"{self.job_id}:{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> Holder | None:
        """The holder that a Redis value names; None when it names none."""
        job_id, _, attempt = text.rpartition(":")
        try:
            return cls(UUID(job_id), int(attempt))
        except ValueError:
            return None


class Change(NamedTuple):
    """A slot that a rebuild has changed."""

    slot: int
    before: Holder | None
    after: Holder | None


class Slots:
    """One account's semaphore."""

    def __init__(self, redis: Redis, owner: Owner) -> None:
        self._redis = redis
        self._key = owner.slots
        self._acquire = redis.register_script(lua("acquire"))
        self._release = redis.register_script(lua("release"))
        self._rebuild = redis.register_script(lua("rebuild"))

    def acquire(self, holder: Holder, cap: int) -> int | None:
        """A slot, the same one if the holder has one; None when none is free.

        Raises NotReadyError, RedisError.
        """
        with faultpoint.around(ACQUIRE):
            slot = int(self._acquire(keys=[self._key], args=[str(holder), cap]))
        if slot < 0:
            raise NotReadyError
        return slot or None

    def release(self, holder: Holder, slot: int) -> bool:
        """Free the holder's slot; False when it does not hold it (any more)."""
        with faultpoint.around(RELEASE):
            return bool(self._release(keys=[self._key], args=[str(holder), slot]))

    def rebuild(
        self, holders: Iterable[tuple[int, Holder]], foreign: int, grace: float
    ) -> list[Change]:
        """Make the semaphore what the ledger says.

        Holders that the ledger has never named keep their slot for `grace` seconds after they
        took it.
        """
        named = [str(part) for slot, holder in holders for part in (slot, holder)]
        with faultpoint.around(REBUILD):
            changed = self._rebuild(keys=[self._key], args=[grace, foreign, *named])
        return [
            Change(int(slot), Holder.parse(before.decode()), Holder.parse(after.decode()))
            for slot, before, after in changed
        ]

    def ready(self) -> bool:
        """Whether the semaphore grants slots."""
        return bool(self._redis.hget(self._key, "ready") == b"1")

    def holders(self) -> dict[int, Holder | None]:
        """Who holds which slot, as Redis sees it."""
        content: dict[bytes, bytes] = self._redis.hgetall(self._key)  # type: ignore[assignment]
        slots = {int(name): value for name, value in content.items() if name.isdigit()}
        return {slot: Holder.parse(slots[slot].decode()) for slot in sorted(slots)}
