"""What of the sandbox's behaviour can be set, at its start and while it runs."""

from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

Route = Literal["submit", "status", "list", "download"]

_Count = Annotated[int, Meta(ge=0)]
_Seconds = Annotated[float, Meta(ge=0, le=1e9)]


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
    pending_seconds: Annotated[_Seconds, Meta(description="how long a job stays pending")] = 0.1
    processing_seconds: Annotated[
        _Seconds, Meta(description="how long any job is processing, at least")
    ] = 0.2
    seconds_per_1000: Annotated[
        _Seconds, Meta(description="processing time added per 1,000 identifiers")
    ] = 0.1
    speed: Annotated[
        float, Meta(gt=0, le=1e6, description="the three durations above are divided by this")
    ] = 1.0
    list_lag_seconds: Annotated[
        _Seconds, Meta(description="a new job appears in the list only after this")
    ] = 0.0
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
    price: Annotated[float, Meta(ge=0, description="credits per record delivered")] = 1.0
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
    accepted_status: Annotated[
        int, Meta(ge=200, le=299, description="status code of an accepted job [unknown]")
    ] = 200
    frozen: Annotated[
        bool, Meta(description="the clock stands still and moves only when advanced")
    ] = False

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

    def durations(self, identifier_count: int) -> tuple[float, float]:
        """Seconds a job of that size stays pending, and then processing."""
        processing = self.processing_seconds + self.seconds_per_1000 * identifier_count / 1_000
        return self.pending_seconds / self.speed, processing / self.speed
