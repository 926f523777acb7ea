"""The vendor's routes: authentication, limits and faults around each, and what each does."""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.routing import Route as Endpoint
from starlette.types import ASGIApp

from sandbox import links, results, rules, wire
from sandbox.account import Account
from sandbox.faults import ACCEPTANCE, CONTENT, WIRE, Fault, Faults
from sandbox.jobs import Identifiers, Job
from sandbox.journal import Journal
from sandbox.limits import Limits
from sandbox.results import Results
from sandbox.rules import Refusal, Submission
from sandbox.settings import Route, Settings
from sandbox.webhooks import Webhooks

_Handler = Callable[[Request], Awaitable[Response]]
_DENIED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>{code}</Code><Message>{message}</Message></Error>"
)


class Vendor:
    """The vendor as one object: an account, its key, and everything that can go wrong."""

    def __init__(self, api_key: str, settings: Settings, directory: Path, *, keep: bool) -> None:
        """Keep results files in `directory`, and the journal too if `keep`."""
        journal = Journal(directory / "journal.jsonl" if keep else None)
        self._authorization = f"Bearer {api_key}".encode()
        self.account = Account(settings, journal)
        self.faults = Faults()
        self.limits = Limits(self.account.clock)
        self.results = Results(directory / "results")
        self.webhooks = Webhooks(self.account, self.faults)

    def settle(self) -> None:
        """End what has come to its end, and say so."""
        for job in self.account.settle():
            self.webhooks.announce(job)

    def reset(self) -> None:
        """Clear everything: jobs, record, faults, limits, clock, files, changed settings."""
        self.account.reset()
        self.faults.clear()
        self.limits.clear()
        self.results.clear()

    def routes(self) -> list[BaseRoute]:
        """The vendor's routes."""
        return [
            Endpoint("/batch/company/enrich", self._api("submit", self._submit), methods=["POST"]),
            Endpoint("/batch/{batch_id}", self._api("status", self._status)),
            Endpoint("/batch", self._api("list", self._list)),
            Endpoint("/download/{batch_id}/{name}", self._faulty("download", self._download)),
        ]

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[dict[str, Any]]:
        """End jobs as their time comes, as long as the server runs."""
        ticking = asyncio.create_task(self._tick())
        try:
            yield {"closing": asyncio.Event()}
        finally:
            ticking.cancel()
            await self.webhooks.close()
            self.account.close()

    async def _tick(self) -> None:
        while True:
            self.settle()
            await self.account.clock.wait(self.account.next_end())

    def _faulty(self, route: Route, handler: _Handler) -> Callable[[Request], Awaitable[ASGIApp]]:
        """The handler with the wire faults of its route around it, and its calls counted."""

        async def endpoint(request: Request) -> ASGIApp:
            await request.body()  # a reset must not meet a client that is still sending
            fault = self.faults.take(route, WIRE)
            if fault and fault.kind == "delay":
                await wire.unless_closing(self.account.clock.sleep(fault.seconds), request.scope)
            response = await handler(request) if not fault or fault.carries_out else None
            answer = wire.disguise(fault, response) if fault else response
            assert answer is not None
            self.account.called(route, wire.outcome(fault, answer))
            return answer

        return endpoint

    def _api(self, route: Route, handler: _Handler) -> Callable[[Request], Awaitable[ASGIApp]]:
        """The handler behind the API key and the rate limit, its refusals as JSON."""

        async def guarded(request: Request) -> Response:
            limit = self.account.settings.limit(route)
            try:
                self._authorize(request)
                self.limits.take(route, limit)
                self.settle()
                response = await handler(request)
            except Refusal as refusal:
                response = refused(refusal)
            response.headers.update(self.limits.headers(route, limit))
            return response

        return self._faulty(route, guarded)

    def _authorize(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._authorization):
            raise Refusal(401, "unauthorized", "The API key is missing or not valid.")

    async def _submit(self, request: Request) -> Response:
        rules.check_version(request.headers.get("x-api-version"))
        body = await request.body()
        submission, identifiers = await asyncio.to_thread(self._read, body)
        self._refuse_poison(submission)
        self.settle()
        self.account.check_capacity(len(identifiers.resolved))
        orders = {order.kind: order for order in self.faults.take_all("submit", ACCEPTANCE)}
        job = self.account.accept(
            submission,
            identifiers,
            error_message=orders["fail_job"].error_message if "fail_job" in orders else None,
            factor=orders["slow_job"].factor if "slow_job" in orders else 1.0,
            flaws=[
                flaw
                for flaw in ("duplicate_envelope", "foreign_envelope", "bad_line")
                if flaw in orders
            ],
        )
        return JSONResponse(job.accepted(), self.account.settings.accepted_status)

    def _read(self, body: bytes) -> tuple[Submission, Identifiers]:
        submission = rules.submission(body)
        return submission, self.account.identifiers(submission)

    def _refuse_poison(self, submission: Submission) -> None:
        def contained(fault: Fault) -> bool:
            return str(fault.match) in map(str, submission.identifiers)

        if self.faults.take("submit", {"poison"}, contained):
            raise Refusal(400, "invalid_request", "An identifier could not be processed.")

    async def _status(self, request: Request) -> Response:
        job = self.account.jobs.get(request.path_params["batch_id"])
        if job is None:
            raise Refusal(404, "not_found", "No such batch job.")
        now = self.account.clock.now()
        answer = job.entry(now)
        if answer["status"] == "completed":
            if self.faults.take("status", {"wrong_count"}):
                answer["result_count"] += 1
            answer["download_url"] = self._link(request, job, results.WHOLE)
            answer["download_urls"] = [
                self._link(request, job, name) for name in results.names(job)
            ] or [self._link(request, job, results.part_name(0))]
        elif answer["status"] == "failed":
            answer["error_message"] = job.error_message
        return JSONResponse(answer)

    def _link(self, request: Request, job: Job, name: str) -> str:
        return links.signed(
            str(request.base_url),
            f"/download/{job.batch_id}/{name}",
            expires=self.account.clock.now() + self.account.settings.link_ttl_seconds,
            secret=self.account.secret,
        )

    async def _list(self, request: Request) -> Response:
        limit = _limit(request.query_params.get("limit", "20"))
        status = request.query_params.get("status")
        if status is not None and status not in rules.STATUSES:
            raise Refusal(400, "invalid_request", f"status must be one of {rules.STATUSES}.")
        jobs = _after(request.query_params.get("cursor"), self.account.listed())
        now = self.account.clock.now()
        chosen = [job for job in jobs if status in (None, job.status(now))]
        page, more = chosen[:limit], len(chosen) > limit
        return JSONResponse(
            {
                "jobs": [job.entry(now) for job in page],
                "next_cursor": page[-1].batch_id if more else None,
                "has_more": more,
            }
        )

    async def _download(self, request: Request) -> Response:
        """As an object store answers: errors are XML, ranges and entity tags are known."""
        query, path, clock = request.query_params, request.url.path, self.account.clock
        if not links.valid(path, query, now=clock.now(), secret=self.account.secret):
            return _denied(403, "AccessDenied", "The link is not valid or has expired.")
        job = self.account.jobs.get(request.path_params["batch_id"])
        name = request.path_params["name"]
        # With no records the file is never written, though the link is given [docs].
        file = await self.results.file(job, name) if job and job.result_count(clock.now()) else None
        if job is None or file is None:
            return _denied(404, "NoSuchKey", "The specified key does not exist.")
        fault = self.faults.take("download", CONTENT)
        if fault is None:
            return _file(file)
        file = await self.results.altered(file, job, fault.kind)
        return _file(file, BackgroundTask(file.path.unlink))


def refused(refusal: Refusal) -> Response:
    """A refusal as the vendor's error body."""
    return JSONResponse(refusal.body(), refusal.status, refusal.headers)


def _limit(text: str) -> int:
    try:
        return min(max(int(text), 1), 100)
    except ValueError:
        raise Refusal(400, "invalid_request", "limit must be an integer.") from None


def _after(cursor: str | None, jobs: list[Job]) -> list[Job]:
    """The jobs that come after the cursor's, which was the last one of its page."""
    if cursor is None:
        return jobs
    for position, job in enumerate(jobs):
        if job.batch_id == cursor:
            return jobs[position + 1 :]
    raise Refusal(400, "invalid_request", "cursor is not one of this list.")


def _file(file: results.File, after: BackgroundTask | None = None) -> Response:
    headers = {"etag": file.etag}
    return FileResponse(file.path, headers=headers, media_type="application/gzip", background=after)


def _denied(status: int, code: str, message: str) -> Response:
    body = _DENIED.format(code=code, message=message)
    return Response(body, status, media_type="application/xml")
