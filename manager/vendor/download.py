"""Download: the results file of a job, in parts, into a spool directory.

Each part is loaded into `part-NNN.jsonl.gz.partial` and renamed when it is whole. Its ETag is
kept beside it, so that a part that was cut off goes on where it stopped, and one that is
there already is not loaded twice, also after a crash and with fresh links.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from time import monotonic

import httpx

from manager import faultpoint
from manager.redact import redact
from manager.settings import Settings
from manager.vendor.account import Account
from manager.vendor.errors import (
    DownloadError,
    DownloadFailed,
    DownloadRefused,
    LinksExpired,
    ResultsCorrupt,
    ResultsTooLarge,
)
from manager.vendor.links import allowed, checked
from manager.vendor.part import Part
from manager.vendor.results import lines
from manager.vendor.transport import TimeLimit, exchange, new_client
from manager.vendor.types import VendorJob

__all__ = [
    "DownloadError",
    "DownloadFailed",
    "DownloadRefused",
    "LinksExpired",
    "ResultsCorrupt",
    "ResultsTooLarge",
    "allowed",
    "fetch",
    "lines",
]

DOWNLOAD = faultpoint.point("vendor.download")
# For all parts of one file together.
TIME_LIMIT = 3600.0
MAX_PARTS = 10_000
MAX_REDIRECTS = 5
# Failures in a row without a byte in between.
FAILURES = 4
FIRST_PAUSE = 0.25
_GONE = frozenset({400, 401, 403, 404, 410})
_PASSING = frozenset({408, 425, 429})
# Those that change nothing, or that the content itself shows; others are not asked for.
_ENCODINGS = frozenset({"", "identity", "aws-chunked", "gzip", "x-gzip"})


def fetch(
    job: VendorJob,
    directory: Path,
    settings: Settings,
    account: Account,
    refresh: Callable[[], VendorJob],
    *,
    parts: int | None = None,
) -> list[Path]:
    """Download the results of a completed job; the paths of its parts, in order.

    refresh: asks the vendor for the job again, for fresh links; called once at most, when the
    job has no links or they have expired. Its errors pass through.
    parts: only the first so many.
    Raises DownloadFailed when it may work later (what is there is kept), LinksExpired when
    fresh links do not work either, DownloadRefused for a link that leads elsewhere, and
    ResultsTooLarge when the compressed results have more than `merge_max_bytes`.
    """
    if job.result_count == 0:  # a link may then point to a file that was never written [docs]
        return []
    directory.mkdir(parents=True, exist_ok=True)
    with _Spool(job.batch_id, directory, settings, account.vendor_url) as spool:
        if job.links:
            try:
                return spool.load(job.links[:parts])
            except LinksExpired:
                pass
        fresh = refresh().links
        if not fresh:
            raise DownloadFailed(f"The vendor gives no link to the results of job {job.batch_id}.")
        return spool.load(fresh[:parts])


class _Broken(Exception):
    """An attempt that may go better at once."""


class _Spool:
    """One call of `fetch`: what its parts share."""

    def __init__(self, batch_id: str, directory: Path, settings: Settings, vendor_url: str) -> None:
        self._batch_id = batch_id
        self._directory = directory
        self._settings = settings
        self._vendor_url = vendor_url
        self._http = new_client(settings, vendor_url)
        self._ends = monotonic() + TIME_LIMIT
        self._stop = threading.Event()
        self._sizes: dict[Path, int] = {}

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def load(self, links: tuple[str, ...]) -> list[Path]:
        """Load all parts; the first failure stops the others."""
        if len(links) > MAX_PARTS:
            raise DownloadRefused(
                f"The results of job {self._batch_id} come in {len(links)} parts; "
                f"{MAX_PARTS} are too many already."
            )
        parts = [Part(self._directory / f"part-{n:03}.jsonl.gz") for n in range(len(links))]
        self._stop.clear()
        self._sizes = dict.fromkeys((part.path for part in parts), 0)
        with ThreadPoolExecutor(min(self._settings.download_parts, len(links))) as pool:
            loads = [pool.submit(self._load, *it) for it in zip(parts, links, strict=True)]
            try:
                for load in wait(loads, return_when=FIRST_EXCEPTION).done:
                    load.result()
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise DownloadFailed(
                    f"The results of job {self._batch_id} cannot be written: {reason}."
                ) from None
            finally:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
        return [part.path for part in parts]

    def _load(self, part: Part, link: str) -> None:
        """Load one part, going on where an attempt broke off."""
        failures = 0
        while True:
            before = part.size
            try:
                return self._attempt(part, link)
            except (_Broken, httpx.HTTPError) as error:
                failures = 0 if part.size > before else failures + 1
                if failures >= FAILURES or monotonic() >= self._ends:
                    reason = redact(f"{type(error).__name__.lstrip('_')}: {error}")
                    raise DownloadFailed(f"{self._name(part)} broke off: {reason}") from None
            if self._stop.wait(min(FIRST_PAUSE * 2**failures, max(self._ends - monotonic(), 0))):
                raise DownloadFailed(f"{self._name(part)} was stopped.")

    def _attempt(self, part: Part, link: str) -> None:
        """Ask once, following redirects by hand; each of them is checked.

        gzip is asked for, and whatever comes is kept as it comes, since the file shows by its
        content how often it is packed: by the vendor, by a proxy on top, or not any more.
        """
        url = checked(link, self._settings, self._vendor_url)
        headers = {"accept-encoding": "gzip"} | part.conditions()
        with TimeLimit(max(self._ends - monotonic(), 0.0)) as limit:
            for _ in range(MAX_REDIRECTS + 1):
                request = self._http.build_request("GET", url, headers=headers)
                with (
                    faultpoint.around(DOWNLOAD),
                    exchange(self._http, request, limit) as response,
                ):
                    if not response.has_redirect_location:
                        return self._answered(part, response, limit)
                    location = response.headers["location"]
                    url = checked(location, self._settings, self._vendor_url, base=url)
        raise DownloadRefused(f"{self._name(part)} is behind more than {MAX_REDIRECTS} redirects.")

    def _answered(self, part: Part, response: httpx.Response, limit: TimeLimit) -> None:
        status, etag = response.status_code, response.headers.get("etag")
        if status == 304 and part.path.exists():
            self._count(part, part.size)
        elif status == 200:
            part.begin(etag, self._encoding(part, response))
            self._take(part, response, limit)
        elif status == 206:
            _check_range(part, response, self._encoding(part, response))
            self._take(part, response, limit)
        elif status in _GONE:
            raise LinksExpired(f"{self._name(part)} is gone: the link's host answered {status}.")
        elif status == 416:
            part.begin(None)
            raise _Broken("the server cannot go on where it stopped")
        elif status in _PASSING or status >= 500:
            raise _Broken(f"the link's host answered {status}")
        else:
            raise DownloadFailed(f"{self._name(part)}: the link's host answered {status}.")

    def _encoding(self, part: Part, response: httpx.Response) -> str:
        encoding: str = response.headers.get("content-encoding", "").lower().replace(" ", "")
        if not _ENCODINGS.issuperset(encoding.split(",")):
            raise DownloadFailed(
                f"{self._name(part)}: the link's host sends it packed with "
                f"{redact(encoding, limit=40)}, though gzip was asked for."
            )
        return encoding

    def _take(self, part: Part, response: httpx.Response, limit: TimeLimit) -> None:
        size = part.size
        with part.append() as file:
            for chunk in response.iter_raw():
                size += len(chunk)
                self._count(part, size)
                file.write(chunk)
                if self._stop.is_set():
                    raise _Broken("another part failed")
        if limit.passed:  # then the end may be our own doing
            raise _Broken(f"it took more than {TIME_LIMIT:g} s")
        whole = response.headers.get("content-range", "").rpartition("/")[2]
        if whole.isdecimal() and size != int(whole):
            part.begin(None)
            raise _Broken(f"{size} of {whole} bytes came")
        part.finish()

    def _count(self, part: Part, size: int) -> None:
        self._sizes[part.path] = size
        if sum(self._sizes.values()) > self._settings.merge_max_bytes:
            raise ResultsTooLarge(
                f"The compressed results of job {self._batch_id} have more than "
                f"merge_max_bytes = {self._settings.merge_max_bytes} bytes."
            )

    def _name(self, part: Part) -> str:
        return f"{part.path.name} of the results of job {self._batch_id}"


def _check_range(part: Part, response: httpx.Response, encoding: str) -> None:
    """A server that goes on elsewhere, or in another file, is asked for the whole."""
    unit, _, span = response.headers.get("content-range", "").partition(" ")
    start = span.partition("-")[0]
    told = (response.headers.get("etag", part.etag), encoding)
    if (unit, start) != ("bytes", str(part.size)) or told != (part.etag, part.encoding):
        part.begin(None)
        raise _Broken("the server went on at another place than it stopped")
