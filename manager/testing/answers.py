"""What becomes of identifiers at the fake manager, as a test tells it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from manager.identifiers import NORMALISERS
from manager.ledger.states import Outcome
from manager.testing.memory import End

NOT_FOUND: Final = Outcome.NOT_FOUND
UNTOLD = "the fake manager was told to fail it"


@dataclass(frozen=True, slots=True)
class Failed:
    """The identifier was given up, for that reason."""

    reason: str = UNTOLD


Answer = Mapping[str, Any] | Literal[Outcome.NOT_FOUND] | Failed
"""The vendor's record, NOT_FOUND, or Failed."""

Default = Answer | Callable[[str], Answer] | None
"""The answer for all others, or a function of the identifier as it is sent; None: they wait."""

Answers = Mapping[Any, Answer]
"""Answers by identifier, a string or an integer, in any spelling."""


def end_of(answer: Answer, now: datetime, job_id: UUID) -> End:
    """The end that it means, in that job. Raises TypeError for what is no answer."""
    if isinstance(answer, Failed):
        return End(Outcome.FAILED, None, answer.reason, now, job_id)
    if isinstance(answer, Mapping):
        record = json.dumps(dict(answer), allow_nan=False)
        return End(Outcome.FULFILLED, record, None, now, job_id)
    if answer is NOT_FOUND:
        return End(Outcome.NOT_FOUND, None, None, now, job_id)
    raise TypeError(
        f"{answer!r} is no answer; give the record (a mapping), NOT_FOUND or Failed(reason)."
    )


def by_key(answers: Answers, identifier_type: str) -> dict[str, Answer]:
    """The answers for identifiers of that type, by the key that all spellings share."""
    normalise = NORMALISERS[identifier_type]
    found: dict[str, Answer] = {}
    for identifier, answer in answers.items():
        with suppress(ValueError):  # it is of another type
            found[normalise(identifier).key] = answer
    return found
