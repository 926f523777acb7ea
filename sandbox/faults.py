"""Faults that tests order: what goes wrong, on which route, how often."""

import random
from collections.abc import Callable, Collection
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from sandbox.jobs import Ending, Fate, Flaw
from sandbox.shapes import Shape

FaultRoute = Literal["submit", "status", "list", "download", "webhook"]
Wire = Literal["status", "delay", "reset_before", "reset_after", "hang", "html", "garbage", "cut"]
Content = Literal["truncate", "corrupt", "wrong_count"] | Flaw | Shape
Acceptance = Literal["fail_job", "ends_as", "never_ends", "slow_job"] | Flaw | Shape
Kind = Wire | Content | Acceptance | Literal["poison"]

WIRE: frozenset[str] = frozenset(get_args(Wire))
_FLAWS: tuple[Flaw, ...] = get_args(Flaw)
_SHAPES: tuple[Shape, ...] = get_args(Shape)
CONTENT = frozenset({"truncate", "corrupt", "wrong_count", *_FLAWS, *_SHAPES})
ACCEPTANCE = frozenset({"fail_job", "ends_as", "never_ends", "slow_job", *_FLAWS, *_SHAPES})

_KINDS: dict[FaultRoute, frozenset[str]] = {
    "submit": WIRE | ACCEPTANCE | {"poison"},
    "status": WIRE | {"wrong_count"},
    "list": WIRE,
    "download": WIRE | CONTENT,
    "webhook": frozenset({"delay", "reset_before", "garbage"}),
}


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One order. Every kind's own arguments have defaults:

    - `status`: answer with `status`, `body` (any JSON; a string is sent as it is), `headers`
    - `delay`: answer `seconds` later (the sandbox's clock); `slow_job`: take `factor` as long
    - `reset_before`, `reset_after`: reset the connection before or after carrying it out
    - `hang`: never answer; `html`: an HTML error page; `garbage`: 200 and invalid JSON
    - `after`: whether `status`, `hang`, `html` and `garbage` carry the request out first;
      by default only `garbage` does
    - `cut`: close the connection midway through the body
    - `truncate`, `corrupt`: a results file cut short, or with bytes flipped, in transfer
    - `wrong_count`: on download a line too few, on status a `result_count` one too high
    - `duplicate_envelope`, `foreign_envelope`, `bad_line`: a line too many. On download it is
      in that transfer only and so contradicts `result_count`; on submit it is in the file of
      the next accepted job for good, and counted
    - `members`, `gzip_twice`, `plain`, `bom`, `crlf`, `blank_lines`, `no_last_newline`: a file
      in another shape (`sandbox.shapes.Shape`). On download in that transfer only, on submit
      all files of the next accepted job for good
    - `fail_job`: the next accepted job ends `failed` with `error_message`
    - `ends_as`: the next accepted job ends with the status `word`, whatever it is, with
      `links` or without (then nothing is billed), with `completed_at` or without (null), with
      the results of the first `delivered_share` of its identifiers only, and with the
      `error_message` if that is given
    - `never_ends`: the next accepted job stays `processing`, until `SandboxControl.end`
    - `poison`: 400 for a submission that contains the identifier `match`
    - on webhook: `delay`, `reset_before` (lost) and `garbage` (a body that is no JSON)

    It fires `times` times (null: until removed), each time with that `probability`, drawn
    from a generator with that `seed`.
    """

    route: FaultRoute
    kind: Kind
    times: Annotated[int, Meta(ge=1)] | None = 1
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seed: int = 0
    status: Annotated[int, Meta(ge=200, le=599)] = 503
    body: Any = None
    headers: dict[str, str] = {}
    seconds: Annotated[float, Meta(ge=0, le=1e9)] = 1.0
    factor: Annotated[float, Meta(gt=0, le=1e6)] = 10.0
    error_message: Annotated[str, Meta(min_length=1)] | None = None
    word: Annotated[str, Meta(min_length=1)] = "cancelled"
    links: bool = True
    completed_at: bool = True
    delivered_share: Annotated[float, Meta(ge=0, le=1)] = 1.0
    match: str | int | None = None
    after: bool | None = None

    def __post_init__(self) -> None:
        """Refuse a kind that its route doesn't have, as a `ValueError`."""
        if self.kind not in _KINDS[self.route]:
            kinds = ", ".join(sorted(_KINDS[self.route]))
            raise ValueError(f"{self.route} has no fault {self.kind!r}; it has {kinds}")
        if self.kind == "poison" and self.match is None:
            raise ValueError("a poison fault needs `match`, the identifier that is poisoned")

    @property
    def carries_out(self) -> bool:
        """Whether the request is carried out although its answer goes wrong."""
        if self.kind in ("reset_after", "delay", "cut"):
            return True
        if self.kind == "reset_before":
            return False
        return self.kind == "garbage" if self.after is None else self.after


def fate(faults: Collection[Fault], shapes: tuple[Shape, ...]) -> Fate:
    """What those acceptance faults make of a job, whose files have those shapes anyway."""
    orders = {fault.kind: fault for fault in faults}
    return Fate(
        ending=_ending(orders.get("fail_job"), orders.get("ends_as")),
        never_ends="never_ends" in orders,
        factor=orders["slow_job"].factor if "slow_job" in orders else 1.0,
        flaws=tuple(flaw for flaw in _FLAWS if flaw in orders),
        shapes=tuple(shape for shape in _SHAPES if shape in orders or shape in shapes),
    )


def _ending(fails: Fault | None, ends: Fault | None) -> Ending:
    if fails:
        message = fails.error_message or "The job failed in the sandbox."
        return Ending("failed", share=0.0, links=False, error_message=message)
    if ends:
        return Ending(
            ends.word,
            share=ends.delivered_share,
            links=ends.links,
            dated=ends.completed_at,
            error_message=ends.error_message,
        )
    return Ending()


class Ordered:
    """A fault that was ordered, and how often it has fired."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.fault = fault
        self.fired = 0
        self._random = random.Random(fault.seed)  # noqa: S311

    @property
    def left(self) -> bool:
        """Whether it may fire again."""
        return self.fault.times is None or self.fired < self.fault.times

    def fires(self) -> bool:
        """Draw whether it fires this time, and count it if so."""
        if self._random.random() >= self.fault.probability:
            return False
        self.fired += 1
        return True

    def shown(self) -> dict[str, Any]:
        """The order as JSON."""
        return {"id": self.number, "fired": self.fired, **msgspec.to_builtins(self.fault)}


class Faults:
    """The orders, oldest first; a used-up one is dropped."""

    def __init__(self, first: Collection[dict[str, Any]] = ()) -> None:
        """Order the first ones; a bad one is a `ValueError`."""
        self._ordered: list[Ordered] = []
        self._numbers = 0
        self._first = first
        self.reset()

    def reset(self) -> None:
        """Back to the orders of the start."""
        self.clear()
        for values in self._first:
            self.order(values)

    def order(self, values: dict[str, Any]) -> dict[str, Any]:
        """Add a fault; an unknown or bad value is a `ValueError`."""
        self._numbers += 1
        ordered = Ordered(self._numbers, msgspec.convert(values, Fault))
        self._ordered.append(ordered)
        return ordered.shown()

    def take(
        self,
        route: FaultRoute,
        kinds: Collection[str],
        applies: Callable[[Fault], bool] = lambda _: True,
    ) -> Fault | None:
        """The oldest fault of those kinds that fires now, used once by this."""
        for ordered in self._ordered:
            fault = ordered.fault
            if fault.route != route or fault.kind not in kinds or not applies(fault):
                continue
            if ordered.fires():
                self._ordered = [other for other in self._ordered if other.left]
                return fault
        return None

    def take_all(self, route: FaultRoute, kinds: Collection[str]) -> list[Fault]:
        """One fault of each of those kinds, as far as they fire now."""
        taken = (self.take(route, {kind}) for kind in sorted(kinds))
        return [fault for fault in taken if fault]

    def shown(self) -> list[dict[str, Any]]:
        """The orders as JSON."""
        return [ordered.shown() for ordered in self._ordered]

    def clear(self) -> None:
        """Remove all faults."""
        self._ordered.clear()
