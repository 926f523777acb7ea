"""What of the sandbox's behaviour can be set, at its start and while it runs."""

from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from sandbox.durations import duration
from sandbox.endpoints import ENDPOINTS
from sandbox.shapes import Shape

Route = Literal["submit", "status", "list", "download"]

_Count = Annotated[int, Meta(ge=0)]
_Seconds = Annotated[float, Meta(ge=0, le=1e9)]
_Range = tuple[_Seconds, _Seconds]
_Price = Annotated[float, Meta(ge=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its default; the paces are quick ones, good for tests.

    Durations are in seconds of the sandbox's clock. Those of a job hold for jobs accepted
    after the change.
    """

    cap: Annotated[_Count, Meta(description="jobs an account may have active [seed]")] = 5
    calls_per_minute: Annotated[
        _Count | dict[Route, _Count | None] | None,
        Meta(
            description="calls a minute on each of submit, status and list; null: unlimited, "
            "and no x-ratelimit headers; an object sets single routes and leaves the others "
            "unlimited. The vendor's own are 10 to 30 [docs]"
        ),
    ] = 600
    limit_headers: Annotated[
        bool,
        Meta(
            description="tell the rate limits in headers; false: calls are limited, but neither "
            "x-ratelimit headers nor retry-after say so"
        ),
    ] = True
    forbidden_endpoints: Annotated[
        list[str],
        Meta(description='endpoints that answer 403, such as ["person/contact/enrich"]'),
    ] = []
    refused_identifier_types: Annotated[
        list[str],
        Meta(
            description='identifier types that are a 400, such as ["business_emails"], which a '
            "newer page of the vendor's names no longer [docs]"
        ),
    ] = []
    pending_seconds: Annotated[_Seconds, Meta(description="how long a job stays pending")] = 0.1
    processing_seconds: Annotated[
        _Seconds, Meta(description="how long any job is processing, at least")
    ] = 0.2
    seconds_per_1000: Annotated[
        _Seconds, Meta(description="processing time added per 1,000 identifiers")
    ] = 0.1
    job_seconds: Annotated[
        _Range | None,
        Meta(
            description="[low, high]: each accepted job takes a time drawn from there instead, "
            "seeded (sandbox.job_durations), and is processing at once"
        ),
    ] = None
    seed: Annotated[int, Meta(description="seed of job_seconds and of the other tool's jobs")] = 0
    speed: Annotated[
        float, Meta(gt=0, le=1e6, description="the first three durations above are divided by this")
    ] = 1.0
    list_lag_seconds: Annotated[
        _Seconds, Meta(description="a new job appears in the list only after this")
    ] = 0.0
    list_entity_suffix: Annotated[
        str, Meta(description="put behind each entity in the list, as in company_v2024 [docs]")
    ] = ""
    link_ttl_seconds: Annotated[
        _Seconds, Meta(description="how long a download link is valid; 5 days [docs]")
    ] = 5 * 86_400.0
    credits: Annotated[
        float | None,
        Meta(
            description="credits left from now on; null: unlimited. With a data directory, "
            "an account that it holds already keeps what it had left"
        ),
    ] = None
    price: Annotated[
        _Price | dict[str, _Price],
        Meta(
            description="credits per record delivered, or contact value; an object sets single "
            "endpoints and leaves the others at 1"
        ),
    ] = 1.0
    unresolved_share: Annotated[
        float,
        Meta(ge=0, le=1, description="share of the known companies that can't be resolved"),
    ] = 0.02
    webhook_mode: Annotated[
        Literal["normal", "lost", "doubled"],
        Meta(description="what becomes of webhooks: normal, lost or doubled"),
    ] = "normal"
    part_lines: Annotated[
        int, Meta(ge=1, description="lines of a results file in one of its parts")
    ] = 2_500
    results_shape: Annotated[
        Shape | list[Shape] | None,
        Meta(
            description="the shape of results files of jobs accepted from now on: one or a list "
            "of members, gzip_twice, plain, bom, crlf, blank_lines, no_last_newline; null: gzip, "
            "a member each part"
        ),
    ] = None
    accepted_status: Annotated[
        int, Meta(ge=200, le=299, description="status code of an accepted job [unknown]")
    ] = 200
    foreign_every_seconds: Annotated[
        _Range | None,
        Meta(
            description="[low, high]: another tool on the account starts a job so long after its "
            "last; null: there is none"
        ),
    ] = None
    foreign_seconds: Annotated[
        _Range, Meta(description="[low, high]: how long that tool's jobs take")
    ] = (1.0, 3.0)
    foreign_size: Annotated[
        Literal["last"] | Annotated[int, Meta(ge=1)],
        Meta(
            description='identifiers in that tool\'s jobs; "last": as many as in the last job '
            "that was submitted here; none is started before that"
        ),
    ] = "last"
    foreign_in_cap: Annotated[
        bool, Meta(description="whether that tool's jobs take part of the cap, and heed it")
    ] = True
    clock_skew_seconds: Annotated[
        Annotated[float, Meta(ge=-1e9, le=1e9)],
        Meta(
            description="how far the vendor's clock is ahead of the caller's, in the Date header "
            "and in the times of jobs accepted from now on"
        ),
    ] = 0.0
    frozen: Annotated[
        bool, Meta(description="the clock stands still and moves only when advanced")
    ] = False

    def __post_init__(self) -> None:
        """Refuse, as a `ValueError`, what the types let through."""
        prices = self.price if isinstance(self.price, dict) else {}
        for name in (*self.forbidden_endpoints, *prices):
            if name not in ENDPOINTS:
                raise ValueError(
                    f"no endpoint is called {name!r}; there are {', '.join(ENDPOINTS)}"
                )
        types = {name for endpoint in ENDPOINTS.values() for name in endpoint.identifier_types}
        for name in self.refused_identifier_types:
            if name not in types:
                raise ValueError(f"no endpoint has the identifier type {name!r}")
        for name in ("job_seconds", "foreign_every_seconds", "foreign_seconds"):
            seconds = getattr(self, name)
            if seconds and seconds[0] > seconds[1]:
                raise ValueError(f"{name} is {list(seconds)}; it must be [low, high]")

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Settings of these values and otherwise the defaults; a bad one is a `ValueError`."""
        return msgspec.convert(values, cls)

    def changed(self, changes: dict[str, Any]) -> Self:
        """A copy with these values instead; an unknown or bad one is a `ValueError`."""
        return type(self).of({**msgspec.to_builtins(self), **changes})

    def limit(self, route: Route) -> int | None:
        """Calls a minute allowed on that route; None is unlimited, as downloads always are."""
        if route == "download":
            return None
        if isinstance(self.calls_per_minute, dict):
            return self.calls_per_minute.get(route)
        return self.calls_per_minute

    def price_of(self, endpoint_name: str) -> float:
        """Credits that a record, or value, of that endpoint costs."""
        if isinstance(self.price, dict):
            return self.price.get(endpoint_name, 1.0)
        return self.price

    def shapes(self) -> tuple[Shape, ...]:
        """The shape of results files, as all that is different about it."""
        if self.results_shape is None:
            return ()
        return (
            (self.results_shape,)
            if isinstance(self.results_shape, str)
            else tuple(self.results_shape)
        )

    def durations(self, identifier_count: int, number: int) -> tuple[float, float]:
        """Seconds a job of that size stays pending, and then processing.

        `number` counts accepted jobs from 0.
        """
        if self.job_seconds:
            return 0.0, duration(self.job_seconds, self.seed, number)
        processing = self.processing_seconds + self.seconds_per_1000 * identifier_count / 1_000
        return self.pending_seconds / self.speed, processing / self.speed
