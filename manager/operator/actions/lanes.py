"""Actions on lanes, and on strays."""

from __future__ import annotations

from datetime import timedelta

from manager.operator.actions.action import Action, Argument
from manager.operator.actions.on_set import SQL, Acting, OnSet


def _pause(acting: Acting) -> dict[str, int]:
    reason = acting.values["reason"]
    acting.run(SQL.pause_lanes)
    return {"jobs": acting.run(SQL.jobs_wait, waits_for=f"its lane, which is paused: {reason}")}


def _resume(acting: Acting) -> dict[str, int]:
    acting.run(SQL.resume_lanes)
    return {"jobs": acting.run(SQL.jobs_wait, waits_for=None)}


def _prune(acting: Acting) -> dict[str, int]:
    return {"strays": acting.run(SQL.prune_strays)}


LANE_ACTIONS = (
    Action(
        "lane",
        "pause",
        "Pause",
        "Paused",
        "safe",
        OnSet(SQL.lanes_to_pause, (SQL.lock_lanes,), _pause),
        (Argument("reason", "shown to whoever asks why", default="by an operator"),),
        note="Nothing of it is packed or submitted. Jobs that the vendor has go on and are merged.",
    ),
    Action(
        "lane",
        "resume",
        "Resume",
        "Resumed",
        "safe",
        OnSet(SQL.lanes_to_resume, (SQL.lock_lanes,), _resume),
    ),
)
"""What can be done to lanes."""

STRAY_ACTIONS = (
    Action(
        "stray",
        "prune",
        "Remove",
        "Removed",
        "discards",
        OnSet(SQL.old_strays, (), _prune),
        (
            Argument(
                "older_than", "how long ago it was kept, such as 90d", "span", default=timedelta(0)
            ),
        ),
    ),
)
"""What can be done to strays."""
