"""Ids of what is acted on, as people type them."""

from __future__ import annotations

from collections.abc import Sequence

from manager.operator.chosen import Kind
from manager.operator.ids import whole_id
from manager.steps.context import Context


def whole_ids(context: Context, kind: Kind, given: Sequence[str]) -> list[str]:
    """The ids that are meant. Raises NotFoundError for one that is of none, InvalidRequestError
    for one that begins several.
    """
    with context.ledger.connect() as connection:
        return [whole_id(connection, kind, it) for it in given]
