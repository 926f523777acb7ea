"""Acknowledge: what has failed until now is known, and no warning any more.

Redis remembers it, so an empty one brings the warnings back, until they are old.
"""

from __future__ import annotations

from datetime import UTC, datetime

from manager.operator.accounts import standing
from manager.operator.record import Record, unrecorded
from manager.semaphore import Owner
from manager.steps.context import Context

# Seconds; longer than anything is shown.
REMEMBERED = 7 * 86_400


def acknowledge(context: Context, name: str, record: Record = unrecorded) -> None:
    """End the warnings of the account's failures until now.

    record: in the transaction that does it. Raises NotFoundError, UnavailableError, RedisError.
    """
    ledger_id = context.ledger_id
    with context.ledger.connect() as connection, connection.transaction():
        key = Owner(ledger_id, standing(connection, name).id).acknowledged
        record(connection)
        context.redis.set(key, datetime.now(UTC).isoformat(), ex=REMEMBERED)


def acknowledged(context: Context, account_id: int) -> datetime | None:
    """Until when failures are known; None where nobody has said so. Raises RedisError."""
    said = context.redis.get(Owner(context.ledger_id, account_id).acknowledged)
    return datetime.fromisoformat(said.decode()) if isinstance(said, bytes) else None
