"""Finding: one thing that was looked at, how it is, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from manager.operator.trouble import named

Level = Literal["ok", "warning", "problem"]
Area = Literal["configuration", "postgres", "redis", "vendor", "webhook", "spool", "processes"]

LEVELS: tuple[Level, ...] = ("ok", "warning", "problem")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    level: a problem keeps the daemon from working, or will cost money or data; a warning does not
    yet. means: what is so, and what follows from it. advice: what to do, "" where nothing is.
    account: whom it concerns, None for all. code: of the problem of `enrichd status` that it is, ""
    where it is none of these.
    """

    subject: str
    level: Level
    means: str
    advice: str = ""
    area: str = ""
    account: str | None = None
    code: str = ""


def ok(subject: str, means: str, account: str | None = None) -> Finding:
    """It is as it should be."""
    return Finding(subject, "ok", means, account=account)


def warning(
    subject: str, means: str, advice: str, account: str | None = None, code: str = ""
) -> Finding:
    """It works, and yet something should be done."""
    return Finding(subject, "warning", means, advice, account=account, code=code)


def problem(
    subject: str, means: str, advice: str, account: str | None = None, code: str = ""
) -> Finding:
    """It does not work, or will cost money or data."""
    return Finding(subject, "problem", means, advice, account=account, code=code)


def each(checks: Iterable[Callable[..., Iterable[Finding]]], *arguments: Any) -> Iterator[Finding]:
    """What the checks find, one after the other; one that fails is a finding itself."""
    for check in checks:
        try:
            yield from check(*arguments)
        except Exception as error:
            yield failed(check.__name__.strip("_").replace("_", " "), error)


def failed(subject: str, error: Exception) -> Finding:
    """A check that could not be carried out."""
    return warning(
        subject,
        f"could not be looked at: {named(error)}",
        "See what else is found here; the rest was looked at all the same.",
    )
