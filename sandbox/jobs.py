"""A batch job and its life: `pending -> processing -> completed | failed`, or another end.

A job's end is decided when it is accepted, so its status is a function of the time alone.
"""

import zlib
from typing import Any, Literal

import msgspec

from sandbox.clock import iso
from sandbox.endpoints import ENDPOINTS, Endpoint
from sandbox.shapes import Shape

Flaw = Literal["duplicate_envelope", "foreign_envelope", "bad_line"]


class Identifiers(msgspec.Struct, frozen=True):
    """The identifiers of a job, compressed, with a byte for each.

    `resolved` has 1 for each that has a line in the results, `worth` what the line is billed
    for; a line worth nothing is not fulfilled. None: each line is worth 1.
    """

    packed: bytes
    resolved: bytes
    worth: bytes | None = None

    @classmethod
    def pack(
        cls,
        endpoint: Endpoint,
        identifier_type: str,
        values: list[str] | list[int],
        fields: tuple[str, ...],
        unresolved_share: float,
    ) -> "Identifiers":
        """Look every identifier up; takes some 20 ms for 10,000."""
        resolve = endpoint.universe.resolve
        found = [resolve(identifier_type, value, unresolved_share) for value in values]
        worth = None
        if endpoint.bills == "value":
            worth = bytes(
                subject is not None and endpoint.worth(subject, fields) for subject in found
            )
        return cls(
            packed=zlib.compress(msgspec.json.encode(values), 1),
            resolved=bytes(subject is not None for subject in found),
            worth=worth,
        )

    def __len__(self) -> int:
        """How many there are."""
        return len(self.resolved)

    def values(self) -> list[str | int]:
        """The identifiers as they were submitted."""
        return msgspec.json.decode(zlib.decompress(self.packed), type=list[str | int])

    def lines(self, done: int) -> int:
        """Lines that the first `done` of them have."""
        return self.resolved.count(1, 0, done)

    def fulfilled(self, done: int) -> int:
        """Those of the first `done` whose line is worth something."""
        if self.worth is None:
            return self.lines(done)
        return done - self.worth.count(0, 0, done)

    def billed(self, done: int) -> int:
        """Records, or values, that the first `done` are billed for."""
        return self.lines(done) if self.worth is None else sum(self.worth[:done])


class Ending(msgspec.Struct, frozen=True):
    """How a job ends: the word that its status then shows, and what it leaves.

    `share`: of its identifiers, the first ones, whose results it delivers. `links`: whether
    the results can be fetched; if not, nothing is billed. `dated`: whether it has a
    `completed_at`.
    """

    word: str = "completed"
    share: float = 1.0
    links: bool = True
    dated: bool = True
    error_message: str | None = None


class Fate(msgspec.Struct, frozen=True):
    """What is ordered for a job when it is accepted.

    It takes `factor` as long as usual; `flaws` are lines that its results have too many.
    """

    ending: Ending = Ending()
    never_ends: bool = False
    factor: float = 1.0
    flaws: tuple[Flaw, ...] = ()
    shapes: tuple[Shape, ...] = ()


class Job(msgspec.Struct, kw_only=True):
    """An accepted job. Times are in seconds since 1970, by the sandbox's clock.

    The vendor's own clock, as its answers show it, is `skew` seconds ahead.
    """

    batch_id: str
    endpoint_name: str
    entity: str
    action: str
    identifier_type: str
    identifiers: Identifiers
    fields: tuple[str, ...]
    chunk_size: int
    part_lines: int
    created: float
    starts: float
    ends: float
    skew: float = 0.0
    webhook_url: str | None = None
    fate: Fate = Fate()
    foreign: bool = False
    in_cap: bool = True

    @property
    def endpoint(self) -> Endpoint:
        """Where it was submitted."""
        return ENDPOINTS[self.endpoint_name]

    @property
    def ending(self) -> Ending:
        """How it ends."""
        return self.fate.ending

    @property
    def identifier_count(self) -> int:
        """How many identifiers were submitted."""
        return len(self.identifiers)

    @property
    def delivered(self) -> int:
        """How many identifiers, from the first, are worked off at its end."""
        return round(self.identifier_count * self.ending.share)

    def status(self, now: float) -> str:
        """Where in its life the job is at that time."""
        if now < self.starts:
            return "pending"
        return "processing" if self.active(now) else self.ending.word

    def active(self, now: float) -> bool:
        """Whether it takes part of the cap: pending or processing."""
        return self.fate.never_ends or now < self.ends

    def end(self, now: float) -> None:
        """End now, as it was to end."""
        self.fate = msgspec.structs.replace(self.fate, never_ends=False)
        self.starts, self.ends = min(self.starts, now), now

    def done(self, now: float) -> int:
        """Identifiers worked off so far: whole chunks while the job is processing."""
        if not self.active(now):
            return self.delivered
        if now < self.starts:
            return 0
        part = (now - self.starts) / max(self.ends - self.starts, 1e-9)
        chunks = int(self.identifier_count * min(part, 1.0) // self.chunk_size)
        return min(chunks * self.chunk_size, self.delivered)

    def result_count(self, now: float) -> int:
        """Lines of the results file so far, faulty extra ones included."""
        lines = self.identifiers.lines(self.done(now))
        if self.active(now) or not self.ending.links:
            return lines
        return lines + sum(flaw != "duplicate_envelope" or lines > 0 for flaw in self.fate.flaws)

    def fulfilled(self, now: float) -> int:
        """Identifiers with a record, or a value, so far."""
        return self.identifiers.fulfilled(self.done(now))

    def accepted(self) -> dict[str, Any]:
        """The answer to a submission [seed]."""
        return {
            "batch_id": self.batch_id,
            "status": "pending",
            "entity": self.entity,
            "action": self.action,
            "identifier_count": self.identifier_count,
            "entities_requested": self.identifier_count,
            "status_url": f"/batch/{self.batch_id}",
        }

    def entry(self, now: float) -> dict[str, Any]:
        """The job as the list and the status answer show it, links and errors apart [docs]."""
        dated = self.ending.dated and not self.active(now)
        return {
            **self.accepted(),
            "status": self.status(now),
            "result_count": self.result_count(now),
            "entities_fulfilled": self.fulfilled(now),
            "created_at": iso(self.created + self.skew),
            "completed_at": iso(self.ends + self.skew) if dated else None,
        }
