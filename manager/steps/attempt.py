"""Attempt: a submission under way, from the slot that it takes to what became of it.

The API has no idempotency key. So `begin` commits that the job may be at the vendor before the
call, and each of the others writes down what became of the call, for this attempt and no other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, LiteralString, Protocol
from uuid import UUID

from psycopg import Connection
from psycopg.errors import ForeignKeyViolation, UniqueViolation
from psycopg.pq import TransactionStatus

from manager.errors import UnavailableError
from manager.ledger.connect import BROKEN_OFF
from manager.ledger.execute import execute, first
from manager.ledger.sql import Statements
from manager.logs import get_logger
from manager.logs.secrets import remember
from manager.semaphore import Holder
from manager.steps.account import Account, Standing
from manager.steps.context import Context
from manager.steps.slots import acquire, release
from manager.steps.webhook_token import hash_token, new_token, webhook_key
from manager.vendor.calls import Worth
from manager.vendor.errors import NotYourTurn

log = get_logger(__name__)

SQL = Statements("attempt")
SIZE_TAKEN = "job_one_submission_per_size"
# How long the answer of the vendor is worth keeping while Postgres is away.
KEEP_ANSWER = 30.0


class Submitted(Protocol):
    """The job of an attempt, as the query that found it gives it."""

    @property
    def id(self) -> UUID: ...
    @property
    def identifier_count(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def identifier_type(self) -> str: ...
    @property
    def fields(self) -> list[str]: ...


class SizeTakenError(Exception):
    """A job of the same size is being submitted; two could not be told apart."""


@dataclass(slots=True)
class Attempt:
    """One submission of one job: its number, its slot, its webhook's token."""

    context: Context
    account: Account
    connection: Connection[Any]
    job: Submitted
    number: int
    slot: int
    token: str = field(default="", repr=False)
    begun: float = field(default_factory=time.monotonic)

    @classmethod
    def begin(
        cls,
        context: Context,
        account: Account,
        connection: Connection[Any],
        standing: Standing,
        job: Submitted,
        attempts: int,
    ) -> Attempt | None:
        """Take a slot and a call, and commit that the job is being submitted; None without a slot.

        Raises NotYourTurn when no call is granted now, SizeTakenError.
        """
        holder = Holder(job.id, attempts + 1)
        slot = acquire(connection, account, standing, holder)
        if slot is None:
            return None
        token = new_token(webhook_key(context.ledger_id), job.id, holder.attempt)
        remember(token)
        made = cls(context, account, connection, job, holder.attempt, slot, token)
        try:
            account.gate.take("submit", made.who, Worth.SUBMIT)
        except NotYourTurn:
            made.release()
            raise
        parameters = made._parameters | {
            "attempts": attempts,
            "slot": slot,
            "why": f"attempt {made.number} in slot {slot}",
            "token_hash": hash_token(token) if context.settings.webhook_url else None,
            "resolve_after": timedelta(seconds=context.settings.submission_limit),
        }
        try:
            begun = first(connection, SQL.begin, UUID, parameters)
        except (UniqueViolation, ForeignKeyViolation) as violation:
            # Another job of this size is being submitted, or Redis granted what the ledger knows
            # to be taken; the next sweep puts Redis right.
            made.forgo()
            if violation.diag.constraint_name == SIZE_TAKEN:
                raise SizeTakenError from None
            return None
        if begun is None:
            made.forgo()
            return None
        log.info(
            "job.submitted",
            job=job.id,
            attempt=made.number,
            slot=slot,
            identifiers=job.identifier_count,
        )
        return made

    @property
    def who(self) -> str:
        """Whose reservation of a call it is."""
        return f"submit:{self.job.id}"

    @property
    def late(self) -> bool:
        """Whether it must not call any more: a worker that was stopped in between must not wake
        up and send what others have given up.
        """
        return time.monotonic() - self.begun > self.context.settings.submit_deadline

    def accept(self, batch_id: str, entities_requested: int | None, why: str) -> bool:
        """The vendor has the job under that batch_id; False when it was written down before."""
        done = self._write_down(
            SQL.accept, batch_id=batch_id, entities_requested=entities_requested, why=why
        )
        if done:
            self._say("job.accepted", batch=batch_id)
        return done

    def put_back(self, why: str, wait: timedelta = timedelta(0), *, failed: bool = False) -> bool:
        """The vendor certainly does not have the job: it waits, and its slot is free."""
        done = self._write_down(SQL.put_back, why=why, error=why, failed=failed, wait=wait)
        if done:
            self.release()
            self._say("job.put_back", warn=failed, why=why)
        return done

    def leave_unresolved(self, why: str) -> None:
        """The vendor may have it; `resolve` finds out."""
        wait = timedelta(seconds=self.context.settings.look_min)
        if self._write_down(SQL.leave_unresolved, why=f"unresolved: {why}", error=why, wait=wait):
            self._say("job.unresolved", warn=True, why=why)

    def reject(self, why: str) -> bool:
        """The vendor has refused it for good; within the caller's transaction, slot not freed."""
        parameters = self._parameters | {"why": why, "error": why}
        rejected = execute(self.connection, SQL.reject, parameters) > 0
        if rejected:
            self._say("job.rejected", warn=True, why=why)
        return rejected

    def release(self) -> None:
        """Free the slot."""
        release(self.account, self._holder, self.slot)

    def forgo(self) -> None:
        """Free the slot, and give back the call that was granted and not made."""
        self.account.gate.give_back("submit", self.who)
        self.release()

    def _say(self, event: str, **fields: Any) -> None:
        log.once_committed(event, job=self.job.id, attempt=self.number, slot=self.slot, **fields)

    @property
    def _holder(self) -> Holder:
        return Holder(self.job.id, self.number)

    @property
    def _parameters(self) -> dict[str, Any]:
        return {
            "job_id": self.job.id,
            "account_id": self.account.id,
            "attempts": self.number,
        }

    def _write_down(self, sql: LiteralString, **answer: Any) -> bool:
        """Write the vendor's answer into the ledger, through a restart of Postgres if need be.

        The statement compares the attempt, so it is safe without the job's lock. If it cannot be
        written the job stays `submitting`, and `resolve` finds out what was answered.
        """
        parameters = self._parameters | answer
        deadline = time.monotonic() + KEEP_ANSWER
        within = self.connection.info.transaction_status != TransactionStatus.IDLE
        try:
            return execute(self.connection, sql, parameters) > 0
        except BROKEN_OFF:
            if within:  # a transaction of the caller's, which has failed as a whole
                raise
        while True:
            try:
                with self.context.ledger.connect() as another:
                    return execute(another, sql, parameters) > 0
            except (*BROKEN_OFF, UnavailableError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
