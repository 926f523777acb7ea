"""Where things stand in a chart: shares of its width and height, for SVG made by a template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ROW = 26  # pixels
BEHIND, AHEAD = timedelta(hours=1), timedelta(minutes=12)
EDGE = 2  # percent of the width that a tick's text needs beside it
STEP = 10  # seconds: a timeline moves on no more often, so that it is sent no more often


@dataclass(frozen=True, slots=True)
class Stay:
    """A job's time in a slot, or in another row. until: None while it is there; expected: its end
    then, if known.
    """

    row: str
    since: datetime
    until: datetime | None
    expected: datetime | None
    kind: str
    label: str
    told: str
    href: str | None


@dataclass(frozen=True, slots=True)
class Box:
    """A stay in the chart, in percent of the width; `tail`: from now to its expected end."""

    stay: Stay
    x: float
    width: float
    y: int
    tail: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment on the axis."""

    at: datetime
    x: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The slots of an hour, and what is expected of the next minutes."""

    rows: Sequence[str]
    boxes: Sequence[Box]
    ticks: Sequence[Tick]
    now: float
    height: int


def timeline(names: Sequence[str], stays: Iterable[Stay], moment: datetime) -> Timeline:
    """The chart of these stays as of that moment."""
    now = moment.replace(microsecond=0, second=moment.second - moment.second % STEP)
    begin, end = now - BEHIND, now + AHEAD
    rows = {name: row for row, name in enumerate(names)}

    def x(at: datetime) -> float:
        return round(100 * (min(max(at, begin), end) - begin) / (end - begin), 3)

    boxes = []
    for stay in stays:
        left, right = x(min(stay.since, now)), x(stay.until or now)
        if stay.row in rows and (stay.until is None or stay.until > begin):
            expected = x(stay.expected) if stay.until is None and stay.expected else right
            width = max(right - left, 0.25)
            boxes.append(Box(stay, left, width, rows[stay.row] * ROW, max(expected - right, 0.0)))
    first = begin.replace(minute=begin.minute - begin.minute % 10, second=0)
    moments = [first + timedelta(minutes=10 * step) for step in range(1, 8)]
    ticks = [Tick(at, x(at)) for at in moments if EDGE < x(at) < 100 - EDGE]
    return Timeline(names, boxes, ticks, x(now), ROW * len(names))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What came out within a stretch of time."""

    since: datetime
    counts: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar, in percent of the chart."""

    kind: str
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars over time, each of pieces that stand on each other."""

    buckets: Sequence[Bucket]
    pieces: Sequence[Piece]
    most: int


def bars(buckets: Sequence[Bucket]) -> Bars:
    """The chart of these buckets, which are of one length and in order."""
    most = max((bucket.total for bucket in buckets), default=0)
    width = 100 / max(1, len(buckets))
    pieces = []
    for number, bucket in enumerate(buckets):
        top = 100.0
        for kind, amount in bucket.counts.items():
            height = 100 * amount / most if most else 0
            if height:
                top -= height
                pieces.append(
                    Piece(kind, round(number * width + width * 0.1, 3), round(width * 0.8, 3),
                          round(top, 3), round(height, 3))
                )  # fmt: skip
    return Bars(buckets, pieces, most)
