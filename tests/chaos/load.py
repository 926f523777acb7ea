"""A steady load of overlapping requests, in lanes of each account; some of them are cancelled."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

import psycopg

from manager import EnrichdError, Manager, Settings
from manager.identifiers import IdentifierType

# Identifiers are drawn from a pool, so that requests share them; it grows with time, so that
# there is always something left to buy.
OVERLAP = 0.3


class Kind(NamedTuple):
    """What a request asks for: a lane of any account."""

    endpoint: str
    identifier_type: IdentifierType
    fields: tuple[str, ...] = ()


KINDS = (
    Kind("company/enrich", "domains"),
    Kind("company/enrich", "domains", ("headcount.total",)),
    Kind("company/enrich", "names"),
    Kind("company/enrich", "professional_network_profile_urls"),
    Kind("company/enrich", "crustdata_company_ids", ("funding",)),
    Kind("person/enrich", "professional_network_profile_urls"),
    Kind("person/enrich", "business_emails", ("skills.names",)),
    Kind(
        "person/contact/enrich",
        "professional_network_profile_urls",
        ("business_email", "personal_contact_info.phone_numbers"),
    ),
)


class Load:
    """Enqueues from a thread until it is stopped; `accepted` are the requests that committed."""

    def __init__(
        self, settings: Settings, accounts: Sequence[str], seed: int, per_second: float
    ) -> None:
        self._manager = Manager(settings)
        self._lanes = [(account, kind) for account in accounts for kind in KINDS]
        self._random = random.Random(seed)
        self._pause = 1 / per_second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._next = [0] * len(self._lanes)
        self._keys = 0
        self.accepted: dict[UUID, int] = {}
        self.cancelled = 0
        self.refused = 0

    @property
    def identifiers(self) -> int:
        """How many identifiers the accepted requests have."""
        return sum(self.accepted.values())

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, with the request that is under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            self._enqueue()
            self._stop.wait(max(0.0, self._pause - (time.monotonic() - began)))

    def _enqueue(self) -> None:
        """One request; a call whose commit is in doubt is repeated with its idempotency key."""
        rng = self._random
        lane = rng.randrange(len(self._lanes))
        account, kind = self._lanes[lane]
        size = rng.choice((1, 3, 20, 100, 300))
        values = [value_of(kind.identifier_type, number, kind.endpoint)
                  for number in self._numbers(lane, size)]  # fmt: skip
        priority, cancel = rng.choice((-10, 0, 0, 0, 20)), rng.random() < 0.05
        tag = rng.choice((None, "crm", "sales"))
        self._keys += 1
        while True:
            try:
                request = self._manager.enqueue(
                    kind.identifier_type,
                    values,
                    endpoint=kind.endpoint,
                    account=account,
                    fields=kind.fields,
                    priority=priority,
                    tag=tag,
                    idempotency_key=f"chaos-{self._keys}",
                )
                self.accepted[request.id] = request.total
                if cancel:
                    request.cancel()
                    self.cancelled += 1
                return
            except (EnrichdError, psycopg.OperationalError):
                self.refused += 1
                if self._stop.wait(0.2) and self.refused > 1_000:
                    return

    def _numbers(self, lane: int, size: int) -> Iterator[int]:
        for _ in range(size):
            if self._next[lane] and self._random.random() < OVERLAP:
                yield self._random.randrange(self._next[lane])
            else:
                yield self._next[lane]
                self._next[lane] += 1


def value_of(identifier_type: IdentifierType, number: int, endpoint: str = "company/enrich") -> str:
    """The identifier of the sandbox's fictional company, or person, of that number."""
    match identifier_type, endpoint:
        case "domains", _:
            return f"company-{number:07d}.example"
        case "names", _:
            return f"Company {number:07d}"
        case "crustdata_company_ids", _:
            return str(10_000_000 + number)
        case "business_emails", _:
            return f"person-{number:07d}@company-{number // 10:07d}.example"
        case _, "company/enrich":
            return f"https://www.linkedin.com/company/company-{number:07d}"
        case _:
            return f"https://www.linkedin.com/in/person-{number:07d}"
