"""Finding: one thing that was looked at, how it is, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from manager.operator.status import named

Level = Literal["ok", "warning", "problem"]
Area = Literal["configuration", "postgres", "redis", "vendor", "webhook", "spool", "processes"]

LEVELS: tuple[Level, ...] = ("ok", "warning", "problem")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    level: a problem keeps the daemon from working, or will cost money or data; a warning does not
    yet. means: what is so, and what follows from it. advice: what to do, "" where nothing is.
    account: whom it concerns, None for all.
    """

    subject: str
    level: Level
    means: str
    advice: str = ""
    area: str = ""
    account: str | None = None


def ok(subject: str, means: str, account: str | None = None) -> Finding:
    """It is as it should be."""
    return Finding(subject, "ok", means, account=account)


def warning(subject: str, means: str, advice: str, account: str | None = None) -> Finding:
    """It works, and yet something should be done."""
    return Finding(subject, "warning", means, advice, account=account)


def problem(subject: str, means: str, advice: str, account: str | None = None) -> Finding:
    """It does not work, or will cost money or data."""
    return Finding(subject, "problem", means, advice, account=account)


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


def plural(count: int, thing: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def size(count: float) -> str:
    """Bytes, in a unit that makes a short number of them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds, in a unit that makes a short number of them."""
    if seconds < 0.001:
        return "less than 1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
