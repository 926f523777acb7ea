"""What an operator can do: by console and command alike, to one object or to all that a filter
chooses; shown before it is done, and written down with what it has touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manager.errors import InvalidRequestError
from manager.operator.actions.accounts import ACCOUNT_ACTIONS
from manager.operator.actions.action import Action, Actor, Argument, Ask, Choice, Done, Preview
from manager.operator.actions.forget import FORGET
from manager.operator.actions.jobs import JOB_ACTIONS
from manager.operator.actions.lanes import LANE_ACTIONS, STRAY_ACTIONS
from manager.operator.actions.named import ChosenAccount, ChosenOne
from manager.operator.actions.notices import NOTICE_ACTIONS
from manager.operator.actions.refresh import REFRESH_ACTIONS
from manager.operator.actions.requests import REQUEST_ACTIONS
from manager.operator.actions.retry import ENRICHMENT_RETRY
from manager.steps.context import Context

__all__ = [
    "ACTIONS",
    "Action",
    "Actor",
    "Argument",
    "Choice",
    "ChosenAccount",
    "ChosenOne",
    "Done",
    "Preview",
    "perform",
    "preview",
]

ACTIONS: Mapping[str, Action] = {
    it.name: it
    for it in (
        *ACCOUNT_ACTIONS,
        *LANE_ACTIONS,
        *REQUEST_ACTIONS,
        *JOB_ACTIONS,
        ENRICHMENT_RETRY,
        *REFRESH_ACTIONS,
        FORGET,
        *STRAY_ACTIONS,
        *NOTICE_ACTIONS,
    )
}
"""All of them by name, such as `job.retry`."""


def preview(
    context: Context, action: str, chosen: Choice, arguments: Mapping[str, Any] | None = None
) -> Preview:
    """What the action would do to what is chosen; nothing is changed.

    Raises InvalidRequestError, NotFoundError, UnavailableError.
    """
    which = _action(action, chosen)
    return which.body.preview(which, Ask(context, chosen, which.read(arguments or {})))


def perform(
    context: Context,
    action: str,
    chosen: Choice,
    arguments: Mapping[str, Any] | None,
    actor: Actor,
) -> Done:
    """Do it, and write down who did it, why, and to what.

    Raises InvalidRequestError, NotFoundError, ConflictError, UnavailableError; nothing was done
    then.
    """
    which = _action(action, chosen)
    return which.body.perform(which, Ask(context, chosen, which.read(arguments or {})), actor)


def _action(name: str, chosen: Choice) -> Action:
    action = ACTIONS.get(name)
    if action is None:
        raise InvalidRequestError(
            f"There is no action {name[:80]!r}; there are {', '.join(ACTIONS)}."
        )
    if action.kind != chosen.kind:
        raise InvalidRequestError(f"{name} is done to a {action.kind}, not to a {chosen.kind}.")
    return action
