"""The vendor's Batch API: submit a job, ask how it is, list the account's jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TypeVar, get_args
from urllib.parse import quote

import httpx
import msgspec

from manager import faultpoint
from manager.endpoints import Endpoint
from manager.errors import ConfigurationError
from manager.identifiers import submitted
from manager.redact import redact
from manager.settings import Settings
from manager.vendor.account import Account
from manager.vendor.answer import Answer, budget, error_of, retry_after
from manager.vendor.calls import Gate, Route, Worth
from manager.vendor.errors import NotSent, RateLimited, Unclear, UnknownJob
from manager.vendor.read import read_job, read_page
from manager.vendor.times import read_time
from manager.vendor.transport import TimeLimit, exchange, new_client
from manager.vendor.types import JobPage, VendorJob

T = TypeVar("T")

MAX_BODY = 16 * 2**20
MAX_PAGE = 100
POINTS = {route: faultpoint.point(f"vendor.{route}") for route in get_args(Route)}
# Raised before the connection stands; whatever httpx raises later may have been sent.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class VendorClient:
    """The vendor's API with one account's key; safe to share between threads.

    Every method raises an error of `manager.vendor.errors`, and ends within the `call_limit`
    seconds. Before a call the gate is asked; it raises NotYourTurn, and nothing is sent. `who`
    is the name under which it keeps a reservation, from one attempt of a caller to the next.
    """

    def __init__(
        self,
        settings: Settings,
        account: Account,
        gate: Gate,
        called: Callable[[Route, str, float], None] = lambda *_: None,
    ) -> None:
        """For an account. Raises ConfigurationError without a usable key.

        called: is told of each call its route, the status of the answer or why there was none,
        and how many seconds it took.
        """
        self._settings = settings
        self._account = account
        self._gate = gate
        self._called = called
        self._headers = _headers(settings, account)
        self._http = new_client(settings, account.vendor_url)

    def submit(
        self,
        endpoint: Endpoint,
        identifier_type: str,
        identifiers: Sequence[str],
        fields: Sequence[str] = (),
        webhook_url: str | None = None,
        *,
        who: str = "submit",
        admitted: bool = False,
    ) -> VendorJob:
        """Submit one job of 1 to `endpoint.job_size` identifiers; this may cost money.

        Lists are sent, never comma-separated strings, so a comma in a name splits nothing.
        admitted: the caller has asked the gate already.
        Raises Unclear when the job may have been accepted all the same.
        """
        body = self._body(identifier_type, identifiers, fields, webhook_url)
        call = f"the submission of {len(identifiers)} {identifier_type} to {endpoint.name}"
        request = self._request("POST", endpoint.path, content=msgspec.json.encode(body))
        if not admitted:
            self._gate.take("submit", who, Worth.SUBMIT)
        answer = self._call("submit", call, request, _parts(webhook_url))
        return _read(read_job, answer, call)

    def status(
        self, batch_id: str, *, who: str | None = None, worth: Worth = Worth.LINKS
    ) -> VendorJob:
        """How the job is; when it is completed, with links to its results.

        Raises UnknownJob when the account has no such job.
        """
        call = f"the question about job {redact(batch_id, limit=80)}"
        if batch_id in ("", ".", ".."):  # would be another route
            raise UnknownJob(f"{call} was not asked: that is no batch_id.")
        request = self._request("GET", f"/batch/{quote(batch_id, safe='')}")
        self._gate.take("status", who or f"status:{batch_id}", worth)
        return _read(read_job, self._call("status", call, request), call)

    def list_jobs(
        self,
        limit: int = MAX_PAGE,
        status: str | None = None,
        cursor: str | None = None,
        *,
        who: str = "list",
        worth: Worth = Worth.LOOK,
    ) -> JobPage:
        """One page of the account's jobs, newest first, without links [docs].

        limit: 1 to 100. status: pending, processing, completed or failed. cursor: the
        `next_cursor` of the page before.
        """
        limit = min(max(limit, 1), MAX_PAGE)
        query = {"limit": limit, "status": status, "cursor": cursor}
        given = {name: value for name, value in query.items() if value is not None}
        call = "the question for the list of jobs"
        request = self._request("GET", "/batch", params=given)
        self._gate.take("list", who, worth)
        answer = self._call("list", call, request)
        date = read_time(answer.headers.get("date"))
        return _read(lambda content: read_page(content, limit, date), answer, call)

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
        body: dict[str, Any] = {
            identifier_type: [submitted(identifier_type, value) for value in identifiers]
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
            method, self._account.vendor_url + path, headers=headers, **content
        )

    def _call(
        self, route: Route, call: str, request: httpx.Request, secrets: tuple[str, ...] = ()
    ) -> Answer:
        """Make the call and give its good answer."""
        secrets += (self._account.api_key,)
        with faultpoint.around(POINTS[route]):
            answer = self._timed(route, call, request, secrets)
        error = None if answer.ok else error_of(answer, call, route, secrets)
        self._gate.answered(route, *budget(answer.headers), _blocked(answer, error))
        if error is not None:
            raise error
        return answer

    def _timed(
        self, route: Route, call: str, request: httpx.Request, secrets: tuple[str, ...]
    ) -> Answer:
        """Make the call, and tell how long it took."""
        outcome, began = "unanswered", monotonic()
        try:
            answer = self._send(call, request, secrets)
            outcome = str(answer.status) if 100 <= answer.status < 600 else "unanswered"
            return answer
        except NotSent:
            outcome = "unreachable"
            raise
        finally:
            self._called(route, outcome, monotonic() - began)

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


def _read(reader: Callable[[object], T], answer: Answer, call: str) -> T:
    try:
        return reader(msgspec.json.decode(answer.body))
    except (ValueError, RecursionError) as error:
        message = f"The vendor's answer to {call} cannot be read: {error}"
        raise Unclear(redact(message)) from None


def _blocked(answer: Answer, error: Exception | None) -> float | None:
    if isinstance(error, RateLimited):
        return error.wait
    return retry_after(answer.headers) if answer.status == 503 else None


def _parts(webhook_url: str | None) -> tuple[str, ...]:
    """What of a webhook's URL is secret: the whole, and the token at its end."""
    return (webhook_url, webhook_url.rpartition("/")[2]) if webhook_url else ()


def _headers(settings: Settings, account: Account) -> dict[str, str]:
    key = account.api_key.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigurationError(
            f"The vendor_api_key of account {account.name} has a character that no API key can "
            "have, for example a line break. Set it anew."
        )
    return {
        "authorization": f"Bearer {key}",
        "x-api-version": settings.vendor_api_version,
        "accept": "application/json",
        "accept-encoding": "identity",
    }
