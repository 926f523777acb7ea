"""Downloads of results files, as an object store answers: errors are XML, links are signed."""

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import links, results
from sandbox.faults import CONTENT
from sandbox.guard import Guard
from sandbox.vendor import Vendor

_DENIED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>{code}</Code><Message>{message}</Message></Error>"
)


def routes(vendor: Vendor) -> list[BaseRoute]:
    """The one route; it needs a valid link, and no key."""

    async def download(request: Request) -> Response:
        query, path, clock = request.query_params, request.url.path, vendor.account.clock
        if not links.valid(path, query, now=clock.now(), secret=vendor.account.secret):
            return _denied(403, "AccessDenied", "The link is not valid or has expired.")
        job = vendor.account.jobs.get(request.path_params["batch_id"])
        name = request.path_params["name"]
        # With no records the file is never written, though the link is given [docs].
        written = job and job.result_count(clock.now())
        file = await vendor.results.file(job, name) if job and written else None
        if job is None or file is None:
            return _denied(404, "NoSuchKey", "The specified key does not exist.")
        fault = vendor.faults.take("download", CONTENT)
        if fault is None:
            return _file(file)
        file = await vendor.results.altered(file, job, fault.kind)
        return _file(file, BackgroundTask(file.path.unlink))

    return [Route("/download/{batch_id}/{name}", Guard(vendor).faulty("download", download))]


def _file(file: results.File, after: BackgroundTask | None = None) -> Response:
    headers = {"etag": file.etag}
    return FileResponse(file.path, headers=headers, media_type="application/gzip", background=after)


def _denied(status: int, code: str, message: str) -> Response:
    body = _DENIED.format(code=code, message=message)
    return Response(body, status, media_type="application/xml")
