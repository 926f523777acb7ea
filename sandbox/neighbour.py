"""Another tool on the same account, which starts jobs of its own for as long as it is set to."""

import functools
import math
import random

from sandbox import rules
from sandbox.companies import FICTIONAL
from sandbox.endpoints import COMPANY, Endpoint
from sandbox.jobs import Identifiers, Job
from sandbox.rules import Submission
from sandbox.settings import Settings

_MEMORY = 600.0
"""After a leap of the clock, only what it would have started in the last 10 minutes is."""

_SHORTEST = 0.1


class Neighbour:
    """Draws when its jobs start and how long they take; seeded, by the sandbox's clock."""

    def __init__(self) -> None:
        self._every: tuple[float, float] | None = None
        self._random = random.Random()  # noqa: S311
        self.due = math.inf
        """When it starts its next job; infinity if it is off."""

    def begin(self, settings: Settings, now: float) -> None:
        """Begin anew, or stop, as the settings say."""
        self._every = settings.foreign_every_seconds
        self._random = random.Random(settings.seed)  # noqa: S311
        self.due = math.inf
        if self._every is not None:
            self.due = now + self._random.uniform(*self._every)

    def catch_up(self, now: float) -> None:
        """Forget what it would have started long ago."""
        self.due = max(self.due, now - _MEMORY)

    def seconds(self, settings: Settings) -> float:
        """How long the job takes that it starts now; the next one is due later."""
        assert self._every is not None
        self.due += max(self._random.uniform(*self._every), _SHORTEST)
        return self._random.uniform(*settings.foreign_seconds)


def submission_like(last: Job | None, size: int | None) -> Submission | None:
    """What it submits: as our last job, of that size or (None) its own, naming others.

    None, if it is to be as large as our last and there is none yet.
    """
    if last is None:
        return submission_of(COMPANY, "domains", size) if size else None
    count = min(size or last.identifier_count, last.endpoint.most)
    return submission_of(last.endpoint, last.identifier_type, count, last.fields)


@functools.lru_cache(maxsize=16)
def submission_of(
    endpoint: Endpoint, identifier_type: str, count: int, fields: tuple[str, ...] = ()
) -> Submission:
    """A submission of which only the size matters: its identifiers are the last fictional ones."""
    if not 1 <= count <= endpoint.most:
        raise ValueError(f"identifier_count is {count}; a job takes 1 to {endpoint.most}")
    fictional = endpoint.universe.fictional
    first = FICTIONAL - count
    values = [fictional(first + i).identifier(identifier_type) for i in range(count)]
    if endpoint.fields_required and not fields:
        fields = endpoint.catalogue.selectable
    return Submission(
        endpoint,
        identifier_type,
        rules.identifiers(endpoint, identifier_type, values),
        fields,
    )


@functools.lru_cache(maxsize=16)
def identifiers_of(submission: Submission, unresolved_share: float) -> Identifiers:
    """Its identifiers, looked up once: the other tool submits the same again and again."""
    return submission.looked_up(unresolved_share)
