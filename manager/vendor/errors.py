"""What can go wrong at the vendor, named by what the caller has to do about it.

    VendorError
    ├── NotSent                the connection was never made: certainly not accepted
    ├── Refused                a definite no: certainly not accepted
    │   ├── BadRequest         400: the content is at fault; `available_fields` if fields are
    │   ├── Unauthorized       401, 403: an operator must act
    │   ├── NoCredits          402: an operator must act
    │   ├── UnknownJob         404 for a batch_id
    │   ├── TooLarge           413: fewer identifiers
    │   └── TooManyRequests    429, kind unknown: ask the list of jobs
    │       ├── CapReached     429: wait for a slot
    │       └── RateLimited    429, or the gate's own no: wait `wait` seconds
    └── Unclear                a submission may have been accepted; anything else is just retried

    DownloadError
    ├── DownloadFailed         try again later
    ├── LinksExpired           fresh links did not help either
    ├── DownloadRefused        the link leads where we do not go
    ├── ResultsTooLarge        over a limit, which the message names
    └── ResultsCorrupt         not whole, or not gzip

Messages are short and hold no API key, no webhook token and no pre-signed URL.
"""

from __future__ import annotations

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
    """401 or 403: the API key is wrong or lacks a right; an operator must act."""


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
    """Too many calls in too little time; `wait` is how many seconds to wait.

    Also raised by a gate before anything is sent; then `status` is None.
    """

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
    """The results are not whole, or not gzip; the message names the file and the offset."""
