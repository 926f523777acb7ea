"""The vendor's API: submit, status and list."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import links, results, rules
from sandbox.endpoints import ENDPOINTS, Endpoint
from sandbox.faults import ACCEPTANCE, Fault, fate
from sandbox.guard import Guard, Handler
from sandbox.jobs import Identifiers, Job
from sandbox.rules import Refusal, Submission
from sandbox.vendor import Vendor


def routes(vendor: Vendor) -> list[BaseRoute]:
    """The API's routes: one for each endpoint, and two for the jobs of them all."""
    api, guard = Api(vendor), Guard(vendor)
    return [
        *(
            Route(
                f"/batch/{endpoint.name}",
                guard.api("submit", api.submit(endpoint)),
                methods=["POST"],
            )
            for endpoint in ENDPOINTS.values()
        ),
        Route("/batch/{batch_id}", guard.api("status", api.status)),
        Route("/batch", guard.api("list", api.list)),
    ]


class Api:
    """The handlers; they refuse by raising `Refusal`."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._account = vendor.account
        self._faults = vendor.faults

    def submit(self, endpoint: Endpoint) -> Handler:
        """The handler of submissions to that endpoint."""

        async def handler(request: Request) -> Response:
            if endpoint.name in self._account.settings.forbidden_endpoints:
                message = f"This account's plan does not include {endpoint.name}."
                raise Refusal(403, "forbidden", message)
            rules.check_version(request.headers.get("x-api-version"))
            body = await request.body()
            submission, identifiers = await asyncio.to_thread(self._read, endpoint, body)
            self._refuse_poison(submission)
            self._vendor.settle()
            self._account.check_capacity(submission)
            orders = self._faults.take_all("submit", ACCEPTANCE)
            shapes = self._account.settings.shapes()
            job = self._account.accept(submission, identifiers, fate(orders, shapes))
            return JSONResponse(job.accepted(), self._account.settings.accepted_status)

        return handler

    def _read(self, endpoint: Endpoint, body: bytes) -> tuple[Submission, Identifiers]:
        settings = self._account.settings
        submission = rules.submission(endpoint, body, settings.refused_identifier_types)
        return submission, submission.looked_up(settings.unresolved_share)

    def _refuse_poison(self, submission: Submission) -> None:
        def contained(fault: Fault) -> bool:
            return str(fault.match) in map(str, submission.identifiers)

        if self._faults.take("submit", {"poison"}, contained):
            raise Refusal(400, "invalid_request", "An identifier could not be processed.")

    async def status(self, request: Request) -> Response:
        """One job, with links once it has ended."""
        job = self._account.jobs.get(request.path_params["batch_id"])
        if job is None:
            raise Refusal(404, "not_found", "No such batch job.")
        now = self._account.clock.now()
        answer = job.entry(now)
        if job.active(now):
            return JSONResponse(answer)
        if job.ending.links:
            if self._faults.take("status", {"wrong_count"}):
                answer["result_count"] += 1
            answer["download_url"] = self._link(request, job, results.WHOLE)
            answer["download_urls"] = [
                self._link(request, job, name) for name in results.names(job)
            ] or [self._link(request, job, results.part_name(0))]
        if job.ending.error_message is not None:
            answer["error_message"] = job.ending.error_message
        return JSONResponse(answer)

    def _link(self, request: Request, job: Job, name: str) -> str:
        return links.signed(
            str(request.base_url),
            f"/download/{job.batch_id}/{name}",
            expires=self._account.clock.now() + self._account.settings.link_ttl_seconds,
            secret=self._account.secret,
        )

    async def list(self, request: Request) -> Response:
        """The account's jobs, newest first, a page at a time."""
        limit = _limit(request.query_params.get("limit", "20"))
        status = request.query_params.get("status")
        if status is not None and status not in rules.STATUSES:
            raise Refusal(400, "invalid_request", f"status must be one of {rules.STATUSES}.")
        jobs = _after(request.query_params.get("cursor"), self._account.listed())
        now = self._account.clock.now()
        chosen = [job for job in jobs if status in (None, job.status(now))]
        suffix = self._account.settings.list_entity_suffix
        page, more = chosen[:limit], len(chosen) > limit
        return JSONResponse(
            {
                "jobs": [{**job.entry(now), "entity": job.entity + suffix} for job in page],
                "next_cursor": page[-1].batch_id if more else None,
                "has_more": more,
            }
        )


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
