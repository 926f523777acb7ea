"""What can be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from manager.errors import InvalidRequestError

Event = Literal[
    "request.finished",
    "request.progress",
    "account.paused",
    "budget.reached",
    "job.needs_operator",
]
"""What is told: of a request to its targets and its account's, of all else to the account's."""

EVENTS: tuple[Event, ...] = get_args(Event)

MEANS: Mapping[Event, str] = {
    "request.finished": "Every identifier of a request has an outcome, a cancellation included; "
    "to the request's targets and its account's",
    "request.progress": "Another tenth of a request's identifiers has an outcome; to the same, and "
    "never after its end",
    "account.paused": "Nothing new is submitted on an account, or to one of its endpoints; to the "
    "account's targets",
    "budget.reached": "A budget keeps something of the account from being bought until its day or "
    "month turns; to the account's targets, once a day or month",
    "job.needs_operator": "A job will not end by itself: a submission stays unresolved, the vendor "
    "does not end it, or its results cannot be merged; to the account's targets, once a need",
}
"""What each means, and who is told."""


def checked_events(events: Iterable[str]) -> list[str]:
    """The events that are meant, each once, sorted; none: all. Raises InvalidRequestError."""
    if isinstance(events, str):
        raise InvalidRequestError(f"notify_events must be a list of events, not {events!r}.")
    given = set(events)
    if unknown := sorted(str(it)[:80] for it in given if it not in EVENTS):
        raise InvalidRequestError(
            f"notify_events: {', '.join(unknown)}: the events are {', '.join(EVENTS)}."
        )
    return sorted(given)
