"""Retry: what has failed is wanted in its next cycle, by the requests that wanted it.

The items are of the new cycle, so results of the old one count no more: the requests are open
again, with true counters, until the new one ends. An item whose enrichment was asked for again
since joins that, and costs nothing; what was bought since counts at once. To retry twice is to
retry once: what waits has not failed.
"""

from __future__ import annotations

from typing import LiteralString

from manager.ledger.execute import rows
from manager.operator.actions.action import Action
from manager.operator.actions.on_set import SQL, Acting, OnSet
from manager.steps import settle


def retry_failed(find: LiteralString) -> OnSet:
    """Of all that the statement finds."""
    return OnSet(find, (SQL.lock_enrichments, SQL.lock_requests), _retry, still=SQL.not_failed)


def _retry(acting: Acting) -> dict[str, int]:
    acting.run(SQL.take_over)
    records = acting.run(SQL.begin_cycle)
    acting.run(SQL.follow_cycle)
    requests = acting.run(SQL.reopen)
    settle.tell(acting.connection, rows(acting.connection, SQL.count_found, settle.Tallied, {}))
    return {"records": records, "requests": requests}


ENRICHMENT_RETRY = Action(
    "enrichment",
    "retry",
    "Retry what has failed",
    "Asked for again",
    "spends",
    retry_failed(SQL.failed_of_enrichments),
    note="Requests that wanted it are open again, and show what the new purchase brings.",
    unless="Nothing of it has failed that is still wanted.",
)
