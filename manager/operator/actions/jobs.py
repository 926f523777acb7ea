"""Actions on jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from manager.errors import InvalidRequestError
from manager.operator.actions.action import Action, Argument
from manager.operator.actions.on_set import SQL, Acting, OnSet
from manager.operator.actions.one_by_one import One, OneByOne
from manager.operator.actions.retry import retry_failed
from manager.operator.record import Record
from manager.steps.context import Context

MAX_BATCH_ID = 200
GIVE_UP_RISK = (
    "Its slot is freed though the vendor may still be at work on it: a job too many may be active "
    "then, and be refused with 429. Its identifiers fail; whoever retries or enqueues them again "
    "pays again if the vendor delivers both. What the vendor delivers later is merged all the same."
)


def _cancel(acting: Acting) -> dict[str, int]:
    by = f"cancelled by {acting.actor.who}" + (f": {acting.actor.why}" if acting.actor.why else "")
    acting.run(SQL.cancel_jobs, why=by)
    acting.run(SQL.unpack)
    acting.run(SQL.cancel_enrichments)
    return {}


def _give_up(context: Context, job_id: UUID, values: dict[str, Any], record: Record) -> One:
    from manager.operator import job  # loads the vendor's client, which lists do without

    job.give_up(context, job_id, record)
    return One(f"Job {job_id} is given up. To buy its identifiers anew, retry it.")


def _merge(context: Context, job_id: UUID, values: dict[str, Any], record: Record) -> One:
    from manager.operator import job

    path = Path(values["file"]).expanduser() if values["file"] else None
    done = job.merge_again(context, job_id, path, record)
    said = f"{done.fulfilled:,} fulfilled, {done.not_found:,} not found."
    doubt = f"\nWhat stays in doubt: {done.doubt}" if done.doubt else ""
    counts = {"fulfilled": done.fulfilled, "not_found": done.not_found}
    return One(f"Merged from {done.source}: {said}{doubt}", counts)


def _adopt(context: Context, job_id: UUID, values: dict[str, Any], record: Record) -> One:
    from manager.operator import resolution

    batch_id = values["batch_id"]
    resolution.adopt(context, job_id, batch_id, force=values["force"], record=record)
    return One(f"Job {job_id} is {batch_id}.")


def _send_again(context: Context, job_id: UUID, values: dict[str, Any], record: Record) -> One:
    from manager.operator import resolution

    resolution.send_again(context, job_id, force=values["force"], record=record)
    return One(f"Job {job_id} is submitted again.")


def _batch_id(text: str) -> str:
    text = text.strip()
    if not text or len(text) > MAX_BATCH_ID:
        raise InvalidRequestError(
            f"batch_id must be 1 to {MAX_BATCH_ID} printable characters, not {text[:80]!r}."
        )
    return text


_FORCE = Argument(
    "force", "against signs to the contrary, never against proof", "flag", default=False
)

JOB_ACTIONS = (
    Action(
        "job",
        "retry",
        "Retry what has failed",
        "Asked for again",
        "spends",
        retry_failed(SQL.failed_of_jobs),
        note="Requests that wanted it are open again, and show what the new purchase brings.",
        unless="Nothing of it has failed that is still wanted.",
    ),
    Action(
        "job",
        "cancel",
        "Cancel before it is submitted",
        "Cancelled",
        "safe",
        OnSet(
            SQL.packed_jobs,
            (SQL.lock_enrichments, SQL.lock_jobs),
            _cancel,
            still=SQL.not_packed,
        ),
        note=(
            "Its identifiers wait for another job: pause their lane, or cancel their requests, to "
            "keep them from it."
        ),
        unless=(
            "Only a job that is packed can be cancelled. The vendor cancels none that it has: "
            "`enrichd jobs give-up` frees the slot of one that does not end."
        ),
    ),
    Action(
        "job",
        "give-up",
        "Give up",
        "Given up",
        "discards",
        OneByOne(SQL.jobs_to_give_up, _give_up),
        note=GIVE_UP_RISK,
    ),
    Action(
        "job",
        "merge",
        "Merge again",
        "Merged again",
        "safe",
        OneByOne(SQL.jobs_to_merge, _merge),
        (Argument("file", "the results, as a file of this machine"),),
        note="What has failed and is in the results becomes fulfilled; nothing is bought.",
    ),
    Action(
        "job",
        "adopt",
        "Resolve: the vendor has it",
        "Resolved",
        "safe",
        OneByOne(SQL.jobs_to_resolve, _adopt),
        (
            Argument("batch_id", "as which the vendor has it", required=True, check=_batch_id),
            _FORCE,
        ),
    ),
    Action(
        "job",
        "send-again",
        "Resolve: the vendor does not have it",
        "Resolved",
        "spends",
        OneByOne(SQL.jobs_to_resolve, _send_again),
        (_FORCE,),
        note="If the vendor has it after all, it is paid twice.",
    ),
)
"""What can be done to jobs."""
