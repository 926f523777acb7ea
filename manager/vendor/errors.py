"""What can go wrong at the vendor, named by what the caller has to do about it.

    VendorError
    ├── NotYourTurn            the gate's: not sent, come again in `wait` seconds; no failure
    ├── NotSent                the connection was never made: certainly not accepted
    ├── Refused                a definite no: certainly not accepted
    │   ├── BadRequest         400: the content is at fault; `available_fields` if fields are
    │   ├── Unauthorized       401: the key is wrong; an operator must act
    │   ├── Forbidden          403: the account may not call that route; the key may be good
    │   ├── NoCredits          402: an operator must act
    │   ├── UnknownJob         404 for a batch_id
    │   ├── TooLarge           413: fewer identifiers
    │   └── TooManyRequests    429, kind unknown: ask the list of jobs
    │       ├── CapReached     429: wait for a slot
    │       └── RateLimited    429: wait `wait` seconds
    └── Unclear                a submission may have been accepted; anything else is just retried

    DownloadError
    ├── DownloadFailed         try again later
    ├── LinksExpired           fresh links did not help either
    ├── DownloadRefused        the link leads where we do not go
    ├── ResultsTooLarge        over a limit, which the message names
    └── ResultsCorrupt         not whole, or no JSON lines, packed or plain

Messages are short and hold no API key, no webhook token and no pre-signed URL.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from manager.errors import EnrichdError


class VendorError(EnrichdError):
    """A call to the vendor that did not end in an answer.

    status: the HTTP status, None when there was none. retry_after: seconds the vendor asked
    to wait, None when it did not.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class NotYourTurn(VendorError):
    """The gate has no call left for now: nothing was sent, and nothing has failed.

    wait: seconds after which to come again; the call is kept for the caller until then.
    """

    def __init__(self, route: str, wait: float) -> None:
        turn = datetime.now(UTC) + timedelta(seconds=wait)
        super().__init__(f"waits for its turn until {turn:%H:%M:%S} UTC (calls to {route})")
        self.route = route
        self.wait = wait

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.route, self.wait), {"args": self.args}


class NotSent(VendorError):
    """The connection was never made, so the vendor certainly has not accepted anything."""


class Refused(VendorError):
    """The vendor said no: it certainly has not accepted anything."""


class BadRequest(Refused):
    """400: the content of the call is at fault.

    available_fields: every selectable field when an unsupported one was asked for [seed].
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        available_fields: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(message, status=status, retry_after=retry_after)
        self.available_fields = available_fields


class Unauthorized(Refused):
    """401: the API key is wrong; an operator must act."""


class Forbidden(Refused):
    """403: the account may not make that call, since a plan may lack a route [docs].

    It says nothing of the key or of the other routes; an operator must act.
    """


class NoCredits(Refused):
    """402: the account has no credits left [docs]; an operator must act."""


class UnknownJob(Refused):
    """404: no such job on this account [docs]."""


class TooLarge(Refused):
    """413: the body is too large; send fewer identifiers."""


class TooManyRequests(Refused):
    """429 of a kind that cannot be told: the cap or the rate; the list of jobs will tell."""


class CapReached(TooManyRequests):
    """429 because as many jobs are active as the account may have [seed]: wait for a slot."""


class RateLimited(TooManyRequests):
    """429 for too many calls in too little time; `wait` is how many seconds to wait."""

    DEFAULT_WAIT = 30.0

    def __init__(
        self,
        message: str,
        *,
        wait: float = DEFAULT_WAIT,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, retry_after=retry_after)
        self.wait = wait


class Unclear(VendorError):
    """Sent, but what became of it is not known: a time-out, a reset, 5xx, an unreadable answer.

    A submission that ends so may have been accepted and must not be repeated until the list of
    jobs has been asked. Any other call may just be made again.
    """


class DownloadError(EnrichdError):
    """The results of a job could not be had."""


class DownloadFailed(DownloadError):
    """The download broke off; what is there is kept, so try again later."""


class LinksExpired(DownloadError):
    """The vendor's links do not work, and neither did fresh ones."""


class DownloadRefused(DownloadError):
    """A link leads to a place that results are not fetched from."""


class ResultsTooLarge(DownloadError):
    """The results are over a limit; the message names the setting."""


class ResultsCorrupt(DownloadError):
    """The results are not whole, or no JSON lines; the message names the file and why."""
