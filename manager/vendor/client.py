"""The vendor's Batch API: submit a job, ask how it is, list the account's jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from manager import faultpoint
from manager.errors import ConfigurationError
from manager.settings import Settings
from manager.vendor.answer import Answer, budget, error_of, retry_after
from manager.vendor.errors import NotSent, RateLimited, Unclear, UnknownJob
from manager.vendor.redact import redact
from manager.vendor.transport import TimeLimit, exchange, new_client
from manager.vendor.types import JobPage, VendorJob, read_job, read_page

Endpoint = Literal["submit", "status", "list"]
T = TypeVar("T")

MAX_BODY = 16 * 2**20
MAX_PAGE = 100
# Raised before the connection stands; whatever httpx raises later may have been sent.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class RateGate(Protocol):
    """Keeps the calls of all workers within the vendor's rate limits."""

    def before(self, endpoint: str) -> None:
        """Take one call from the endpoint's budget. Raises RateLimited when none is left."""

    def after(
        self,
        endpoint: str,
        limit: int | None,
        remaining: int | None,
        reset: float | None,
        blocked: float | None,
    ) -> None:
        """Learn from an answer: calls allowed and remaining, seconds until the window moves.

        blocked: seconds for which the vendor wants no call at all, None when it did not say so.
        """


class NoGate:
    """Lets every call through."""

    def before(self, endpoint: str) -> None:
        """Do nothing."""

    def after(
        self,
        endpoint: str,
        limit: int | None,
        remaining: int | None,
        reset: float | None,
        blocked: float | None,
    ) -> None:
        """Do nothing."""


class VendorClient:
    """The vendor's API with one account's key; safe to share between threads.

    Every method raises an error of `manager.vendor.errors`, and ends within the `call_limit`
    seconds. RateLimited with status None is the gate's: nothing was sent.
    """

    def __init__(self, http: httpx.Client, settings: Settings, gate: RateGate) -> None:
        self._http = http
        self._settings = settings
        self._gate = gate
        self._headers = _headers(settings)

    @classmethod
    def from_settings(cls, settings: Settings, gate: RateGate | None = None) -> VendorClient:
        """A client for the configured account. Raises ConfigurationError without a usable key."""
        return cls(new_client(settings), settings, gate or NoGate())

    def submit(
        self,
        identifier_type: str,
        identifiers: Sequence[str],
        fields: Sequence[str] = (),
        webhook_url: str | None = None,
        *,
        admitted: bool = False,
    ) -> VendorJob:
        """Submit one job of 1 to 10,000 identifiers [seed]; this may cost money.

        Lists are sent, never comma-separated strings, so a comma in a name splits nothing.
        admitted: the caller has asked the gate already.
        Raises Unclear when the job may have been accepted all the same.
        """
        body = self._body(identifier_type, identifiers, fields, webhook_url)
        call = f"the submission of {len(identifiers)} {identifier_type}"
        request = self._request("POST", "/batch/company/enrich", content=msgspec.json.encode(body))
        content = self._call("submit", call, request, _parts(webhook_url), admitted)
        return _read(read_job, content, call)

    def status(self, batch_id: str) -> VendorJob:
        """How the job is; when it is completed, with links to its results.

        Raises UnknownJob when the account has no such job.
        """
        call = f"the question about job {redact(batch_id, limit=80)}"
        if batch_id in ("", ".", ".."):  # would be another route
            raise UnknownJob(f"{call} was not asked: that is no batch_id.")
        request = self._request("GET", f"/batch/{quote(batch_id, safe='')}")
        return _read(read_job, self._call("status", call, request), call)

    def list_jobs(
        self, limit: int = MAX_PAGE, status: str | None = None, cursor: str | None = None
    ) -> JobPage:
        """One page of the account's jobs, newest first, without links [docs].

        limit: 1 to 100. status: pending, processing, completed or failed. cursor: the
        `next_cursor` of the page before.
        """
        query = {"limit": min(max(limit, 1), MAX_PAGE), "status": status, "cursor": cursor}
        given = {name: value for name, value in query.items() if value is not None}
        call = "the question for the list of jobs"
        request = self._request("GET", "/batch", params=given)
        return _read(read_page, self._call("list", call, request), call)

    def iter_jobs(
        self, created_since: datetime | None = None, max_pages: int = 10
    ) -> Iterator[VendorJob]:
        """The account's jobs, newest first, page by page as they are asked for.

        Ends at the first page with a job created before `created_since` (aware), or after
        `max_pages` pages. A job whose time the vendor does not say is not left out.
        """
        cursor = None
        for _ in range(max_pages):
            page = self.list_jobs(cursor=cursor)
            recent = [job for job in page.jobs if _since(job, created_since)]
            yield from recent
            if len(recent) < len(page.jobs) or not page.has_more or page.next_cursor == cursor:
                return
            cursor = page.next_cursor

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> VendorClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _body(
        self,
        identifier_type: str,
        identifiers: Sequence[str],
        fields: Sequence[str],
        webhook_url: str | None,
    ) -> dict[str, Any]:
        numeric = identifier_type == "crustdata_company_ids"
        body: dict[str, Any] = {
            identifier_type: [int(value) for value in identifiers] if numeric else list(identifiers)
        }
        if fields:
            body["fields"] = list(fields)
        if webhook_url:
            body["webhook_url"] = webhook_url
        if self._settings.vendor_chunk_size is not None:
            body[self._settings.vendor_chunk_size_name] = self._settings.vendor_chunk_size
        return body

    def _request(self, method: str, path: str, **content: Any) -> httpx.Request:
        headers = self._headers | ({"content-type": "application/json"} if method == "POST" else {})
        return self._http.build_request(
            method, self._settings.vendor_url + path, headers=headers, **content
        )

    def _call(
        self,
        endpoint: Endpoint,
        call: str,
        request: httpx.Request,
        secrets: tuple[str, ...] = (),
        admitted: bool = False,
    ) -> bytes:
        """Make the call and give the body of its good answer."""
        secrets += (self._settings.api_key,)
        if not admitted:
            self._gate.before(endpoint)
        with faultpoint.around(f"vendor.{endpoint}"):
            answer = self._send(call, request, secrets)
        error = None if answer.ok else error_of(answer, call, endpoint, secrets)
        self._gate.after(endpoint, *budget(answer.headers), _blocked(answer, error))
        if error is not None:
            raise error
        return answer.body

    def _send(self, call: str, request: httpx.Request, secrets: tuple[str, ...]) -> Answer:
        try:
            with (
                TimeLimit(self._settings.call_limit) as limit,
                exchange(self._http, request, limit) as response,
            ):
                body, broken = _bounded_body(response, limit)
                return Answer(response.status_code, response.headers, body, broken)
        except _NOT_SENT as error:
            reason = redact(f"{type(error).__name__}: {error}", secrets)
            message = f"The vendor could not be reached for {call}: {reason}"
            raise NotSent(message) from None
        except httpx.HTTPError as error:
            reason = redact(f"{type(error).__name__}: {error}", secrets)
            raise Unclear(f"The vendor did not answer {call}: {reason}") from None


def _bounded_body(response: httpx.Response, limit: TimeLimit) -> tuple[bytes, str | None]:
    """What could be read of the body, and why that is not all.

    The status stands whatever becomes of the body: a refusal that breaks off is a refusal.
    """
    body, broken = bytearray(), None
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BODY:
                broken = f"the body has more than {MAX_BODY} bytes"
                break
            if limit.passed:
                break
    except httpx.HTTPError as error:
        broken = f"the body broke off: {type(error).__name__}"
    if limit.passed:
        broken = f"the answer took more than {limit.seconds:g} s"
    return bytes(body[:MAX_BODY]), broken


def _read(reader: Callable[[object], T], body: bytes, call: str) -> T:
    try:
        return reader(msgspec.json.decode(body))
    except (ValueError, RecursionError) as error:
        message = f"The vendor's answer to {call} cannot be read: {error}"
        raise Unclear(redact(message)) from None


def _blocked(answer: Answer, error: Exception | None) -> float | None:
    if isinstance(error, RateLimited):
        return error.wait
    return retry_after(answer.headers) if answer.status == 503 else None


def _since(job: VendorJob, time: datetime | None) -> bool:
    return time is None or job.created_at is None or job.created_at >= time


def _parts(webhook_url: str | None) -> tuple[str, ...]:
    """What of a webhook's URL is secret: the whole, and the token at its end."""
    return (webhook_url, webhook_url.rpartition("/")[2]) if webhook_url else ()


def _headers(settings: Settings) -> dict[str, str]:
    key = settings.api_key
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigurationError(
            "vendor_api_key has a character that no API key can have, for example a line break. "
            "Set it anew (ENRICHD_VENDOR_API_KEY)."
        )
    return {
        "authorization": f"Bearer {key}",
        "x-api-version": settings.vendor_api_version,
        "accept": "application/json",
        "accept-encoding": "identity",
    }
