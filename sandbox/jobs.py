"""A batch job and its life: `pending -> processing -> completed | failed`.

A job's end is decided when it is accepted, so its status is a function of the time alone.
"""

import zlib
from typing import Any, Literal

import msgspec

from sandbox import companies
from sandbox.clock import iso
from sandbox.companies import IdentifierType

Status = Literal["pending", "processing", "completed", "failed"]
Flaw = Literal["duplicate_envelope", "foreign_envelope", "bad_line"]


class Identifiers(msgspec.Struct, frozen=True):
    """The identifiers of a job, compressed, with one byte each: 1 if it resolves."""

    packed: bytes
    resolved: bytes

    @classmethod
    def pack(
        cls, identifier_type: IdentifierType, values: list[str] | list[int], share: float
    ) -> "Identifiers":
        """Look every identifier up; takes some 20 ms for 10,000."""
        found = (companies.resolve(identifier_type, value, share) for value in values)
        return cls(
            packed=zlib.compress(msgspec.json.encode(values), 1),
            resolved=bytes(company is not None for company in found),
        )

    def values(self) -> list[str | int]:
        """The identifiers as they were submitted."""
        return msgspec.json.decode(zlib.decompress(self.packed), type=list[str | int])


class Job(msgspec.Struct, kw_only=True):
    """An accepted job. Times are in seconds since 1970, by the sandbox's clock.

    `flaws` are lines that its results file has too many; `error_message` makes it fail.
    """

    batch_id: str
    identifier_type: IdentifierType
    identifiers: Identifiers
    fields: tuple[str, ...]
    chunk_size: int
    part_lines: int
    created: float
    starts: float
    ends: float
    webhook_url: str | None = None
    error_message: str | None = None
    flaws: list[Flaw] = []
    foreign: bool = False
    entity: str = "company"
    action: str = "enrich"

    @property
    def identifier_count(self) -> int:
        """How many identifiers were submitted."""
        return len(self.identifiers.resolved)

    def status(self, now: float) -> Status:
        """Where in its life the job is at that time."""
        if now < self.starts:
            return "pending"
        if now < self.ends:
            return "processing"
        return "completed" if self.error_message is None else "failed"

    def active(self, now: float) -> bool:
        """Whether it takes part of the cap: pending or processing."""
        return now < self.ends

    def fulfilled(self, now: float) -> int:
        """Records there are so far; it grows by whole chunks while the job is processing."""
        status = self.status(now)
        if status == "completed":
            return self.identifiers.resolved.count(1)
        if status != "processing" or self.error_message is not None:
            return 0
        done = self.identifier_count * (now - self.starts) / (self.ends - self.starts)
        whole_chunks = int(done // self.chunk_size) * self.chunk_size
        return self.identifiers.resolved.count(1, 0, whole_chunks)

    def result_count(self, now: float) -> int:
        """Lines of the results file so far, faulty extra ones included."""
        fulfilled = self.fulfilled(now)
        if self.status(now) != "completed":
            return fulfilled
        return fulfilled + sum(flaw != "duplicate_envelope" or fulfilled > 0 for flaw in self.flaws)

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
        return {
            **self.accepted(),
            "status": self.status(now),
            "result_count": self.result_count(now),
            "entities_fulfilled": self.fulfilled(now),
            "created_at": iso(self.created),
            "completed_at": None if self.active(now) else iso(self.ends),
        }
