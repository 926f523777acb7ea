"""Actions that are done to one job after the other, since each asks the vendor, reads a file, or
needs the job for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection

from manager.errors import ConflictError, InvalidRequestError, NotFoundError, UnavailableError
from manager.ledger.execute import rows
from manager.operator.accounts import wake
from manager.operator.actions.action import Action, Actor, Ask, Done, Preview
from manager.operator.actions.on_set import SQL, find_parts, previewed, put_down
from manager.operator.actions.recorded import record, record_objects
from manager.operator.record import Record
from manager.operator.words import counted
from manager.steps.context import Context

REFUSALS = (ConflictError, InvalidRequestError, NotFoundError, UnavailableError)
# How many refusals are told; of a thousand jobs they have mostly the same reason.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class One:
    """What came of one job."""

    said: str
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OneByOne:
    """find: puts down which jobs. act: does it to one."""

    find: LiteralString
    act: Callable[[Context, UUID, dict[str, Any], Record], One]

    def preview(self, action: Action, ask: Ask) -> Preview:
        """What it would do."""
        with ask.context.ledger.connect() as connection:
            parts = find_parts(connection, ask, self.find, None)
        _check_file(ask, sum(it.objects for it in parts))
        return previewed(action, ask, parts)

    def perform(self, action: Action, ask: Ask, actor: Actor) -> Done:
        """Do it to each. One that is refused keeps none of the others from being done; a single
        one raises what refuses it: NotFoundError, ConflictError, UnavailableError.
        """
        jobs = self._jobs(ask)
        _check_file(ask, len(jobs))
        made: list[One] = []
        refused: list[str] = []
        for job_id in jobs:
            try:
                made.append(self._one(action, ask, actor, job_id))
            except REFUSALS as error:
                if len(jobs) == 1:
                    raise
                refused.append(str(error))
        several = f"{action.done}: {counted(len(made), 'job')}."
        sentence = made[0].said if len(jobs) == 1 else several
        if refused:
            sentence += f" Refused: {counted(len(refused), 'job')}; such as: {refused[0]}"
        counts: dict[str, int] = {}
        for it in made:
            counts |= {name: counts.get(name, 0) + count for name, count in it.counts.items()}
        return Done(len(made), sentence, counts, tuple(refused[:SHOWN]))

    def _jobs(self, ask: Ask) -> list[UUID]:
        """Those that it can be done to; a single one that it cannot be done to says so itself."""
        with (
            ask.context.ledger.connect() as connection,
            connection.transaction(force_rollback=True),
        ):
            put_down(connection, ask, self.find)
            jobs = rows(connection, SQL.found_jobs, UUID, {})
            if not jobs:
                jobs = list(map(UUID, rows(connection, SQL.two_jobs, str, ask.chosen.parameters)))
        if not jobs:
            raise NotFoundError(f"No job is chosen by {ask.chosen.query or 'that'}.")
        return jobs

    def _one(self, action: Action, ask: Ask, actor: Actor, job_id: UUID) -> One:
        from manager.operator.job import account_of

        def write_down(connection: Connection[Any]) -> None:
            action_id = record(connection, action, ask, actor, {"jobs": 1})
            record_objects(connection, action_id, [("job", job_id)])

        made = self.act(ask.context, job_id, ask.values, write_down)
        wake(ask.context.settings, account_of(ask.context, job_id).name)
        return made


def _check_file(ask: Ask, jobs: int) -> None:
    """Raise InvalidRequestError for a file that would be read for several jobs."""
    if jobs > 1 and ask.values.get("file"):
        raise InvalidRequestError(
            f"A file has the results of one job; {jobs:,} are chosen. Say which one by its id."
        )
