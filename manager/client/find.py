"""Find requests again: by whether they are open, by account, tag, metadata and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from manager.client.arguments import as_json, checked_key, checked_tag
from manager.client.follow import SQL, Progress
from manager.client.lookup import check_account
from manager.errors import InvalidRequestError
from manager.ledger.script import Script, ask

PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests are asked for; see `Manager.requests`."""

    parameters: Mapping[str, Any]

    def page(self, before: UUID | None) -> Script[list[Progress]]:
        """Some of them, the newest first, from before that one on; empty after the last."""
        parameters = {**self.parameters, "before": before, "limit": PAGE}
        ids = yield from ask(SQL.find, UUID, parameters)
        if not ids:
            if before is None and parameters["account"] is not None:
                yield from check_account(parameters["account"])
            return []
        return (yield from ask(SQL.progress, Progress, {"ids": ids}))


def wanted(
    *,
    open: bool | None,
    account: str | None,
    tag: str | None,
    metadata: Mapping[str, Any] | None,
    idempotency_key: str | None,
    since: datetime | timedelta | None,
) -> Wanted:
    """What is asked for, checked. Raises InvalidRequestError."""
    if open is not None and not isinstance(open, bool):
        raise InvalidRequestError(f"open: {open!r} is neither True, False nor None.")
    if isinstance(since, datetime) and since.tzinfo is None:
        raise InvalidRequestError(
            f"since: {since!r} has no time zone, so it is no moment; give it one: "
            "datetime(…, tzinfo=UTC)."
        )
    if since is not None and not isinstance(since, datetime | timedelta):
        raise InvalidRequestError(f"since: {since!r} is neither a datetime nor a timedelta.")
    return Wanted(
        {
            "open": open,
            "account": account,
            "tag": checked_tag(tag),
            "metadata": as_json(metadata),
            "idempotency_key": checked_key(idempotency_key),
            "since": since if isinstance(since, datetime) else None,
            "within": since if isinstance(since, timedelta) else None,
        }
    )
