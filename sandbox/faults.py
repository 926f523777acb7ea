"""Faults that tests order: what goes wrong, on which route, how often."""

import random
from collections.abc import Callable, Collection
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

FaultRoute = Literal["submit", "status", "list", "download", "webhook"]
Wire = Literal["status", "delay", "reset_before", "reset_after", "hang", "html", "garbage", "cut"]
Content = Literal[
    "truncate", "corrupt", "wrong_count", "duplicate_envelope", "foreign_envelope", "bad_line"
]
Acceptance = Literal["fail_job", "slow_job", "duplicate_envelope", "foreign_envelope", "bad_line"]
Kind = Literal[Wire, Content, Acceptance, "poison"]

WIRE: frozenset[str] = frozenset(get_args(Wire))
CONTENT: frozenset[str] = frozenset(get_args(Content))
ACCEPTANCE: frozenset[str] = frozenset(get_args(Acceptance))

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
    - `fail_job`: the next accepted job ends `failed` with `error_message`
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
    error_message: Annotated[str, Meta(min_length=1)] = "The job failed in the sandbox."
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

    def __init__(self) -> None:
        self._ordered: list[Ordered] = []
        self._numbers = 0

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
