"""Actions on requests."""

from __future__ import annotations

from datetime import timedelta

from manager.client.arguments import checked_priority
from manager.ledger.execute import rows
from manager.operator.actions.action import Action, Argument
from manager.operator.actions.on_set import SQL, Acting, OnSet
from manager.operator.actions.retry import retry_failed
from manager.steps import settle


def _cancel(acting: Acting) -> dict[str, int]:
    acting.run(SQL.cancel_items)
    settle.tell(acting.connection, rows(acting.connection, SQL.cancel_requests, settle.Tallied, {}))
    return {"enrichments": acting.run(SQL.cancel_enrichments)}


def _reprioritise(acting: Acting) -> dict[str, int]:
    acting.run(SQL.prioritise_requests)
    return {"enrichments": acting.run(SQL.prioritise_enrichments)}


def _prune(acting: Acting) -> dict[str, int]:
    items = acting.run(SQL.prune_items)
    acting.run(SQL.prune_requests)
    return {"items": items}


REQUEST_ACTIONS = (
    Action(
        "request",
        "cancel",
        "Cancel",
        "Cancelled",
        "discards",
        OnSet(
            SQL.requests_to_cancel,
            (SQL.lock_enrichments, SQL.lock_requests),
            _cancel,
            still=SQL.not_to_cancel,
        ),
        note=(
            "What waits is not bought, unless other requests want it too. What is in a job already "
            "is still bought, but no longer for these requests."
        ),
        unless="What is chosen is finished already, or nothing is.",
    ),
    Action(
        "request",
        "retry",
        "Retry what has failed",
        "Asked for again",
        "spends",
        retry_failed(SQL.failed_of_requests),
        note="The requests are open again, and show what the new purchase brings.",
        unless="Nothing of it has failed, or its caller has cancelled it.",
    ),
    Action(
        "request",
        "reprioritise",
        "Change the priority",
        "Reprioritised",
        "safe",
        OnSet(
            SQL.requests_to_reprioritise,
            (SQL.lock_enrichments, SQL.lock_requests),
            _reprioritise,
        ),
        (
            Argument(
                "priority",
                "the new one, from -100 to 100",
                "integer",
                required=True,
                check=checked_priority,
            ),
        ),
        note="What another open request wants more urgently stays as urgent.",
        unless="What is chosen is finished, or has that priority already.",
    ),
    Action(
        "request",
        "prune",
        "Remove",
        "Removed",
        "discards",
        OnSet(SQL.old_requests, (SQL.lock_requests,), _prune, still=SQL.not_finished),
        (
            Argument(
                "older_than",
                "how long ago it was finished, such as 90d",
                "span",
                default=timedelta(0),
            ),
        ),
        note="Finished ones, with their items. What was bought for them stays, for others to find.",
    ),
)
"""What can be done to requests."""
