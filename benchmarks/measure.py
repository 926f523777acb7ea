"""Measures times beside a yardstick's, and prints figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

_TITLE, _NUMBER, _UNIT = 44, 11, 14


class Pair(NamedTuple):
    """Seconds that the work took, and what it is compared with right after it."""

    work: float
    yardstick: float


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def pair(work: Callable[[], object], yardstick: Callable[[], object]) -> Pair:
    """One after the other, so that a noisy neighbour disturbs both alike."""
    return Pair(seconds(work), seconds(yardstick))


class Report:
    """Prints each figure as soon as it is known."""

    def begin(self, name: str) -> None:
        """The head of one benchmark's table."""
        numbers = "".join(f"{word:>{_NUMBER}}" for word in ("median", "min", "max"))
        print(f"\n{name:<{_TITLE}}{numbers}  {'unit':<{_UNIT}}ratio", flush=True)

    def rate(
        self, title: str, unit: str, count: int, pairs: Sequence[Pair], yardstick: str
    ) -> None:
        """How many a second, and how many times the yardstick's time that takes."""
        values = [count / work for work, _ in pairs]
        self.figure(title, unit, values, _cost(pairs, yardstick))

    def milliseconds(
        self, title: str, pairs: Sequence[Pair], yardstick: str, also: str = ""
    ) -> None:
        """How long one takes, and how many times the yardstick's time that is."""
        values = [work * 1000 for work, _ in pairs]
        ratio = _cost(pairs, yardstick)
        self.figure(title, "ms", values, f"{ratio}, {also}" if also else ratio)

    def figure(self, title: str, unit: str, values: Sequence[float], ratio: str = "") -> None:
        """Median, least and most of several runs."""
        numbers = (median(values), min(values), max(values))
        shown = "".join(f"{_shown(number):>{_NUMBER}}" for number in numbers)
        print(f"  {title:<{_TITLE - 2}}{shown}  {unit:<{_UNIT}}{ratio}".rstrip(), flush=True)


class Table:
    """A table whose lines are printed as soon as they are known."""

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        print(f"\n{name:<{_TITLE}}" + "".join(f"{it:>{_NUMBER}}" for it in columns), flush=True)

    def line(self, title: str, figures: Sequence[float | str]) -> None:
        """A line: numbers, or what is to stand there as it is."""
        shown = (it if isinstance(it, str) else _shown(it) for it in figures)
        print(f"  {title:<{_TITLE - 2}}" + "".join(f"{it:>{_NUMBER}}" for it in shown), flush=True)


def times(many: Sequence[float], one: Sequence[float], name: str) -> str:
    """How many times the one that the many are, by their medians."""
    return f"{median(many) / median(one):.2f} x {name}"


def _cost(pairs: Sequence[Pair], yardstick: str) -> str:
    return f"{median(work / base for work, base in pairs):.2f} x {yardstick}"


def _shown(number: float) -> str:
    decimals = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:,.{decimals}f}"
