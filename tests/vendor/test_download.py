"""A results file arrives whole, from where it may come, whatever the network does on the way."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from manager.settings import Settings
from manager.vendor import download
from manager.vendor.types import VendorJob

if TYPE_CHECKING:
    from .conftest import Account, Call, Server

pytestmark = pytest.mark.integration

FILES = {f"/{n}": gzip.compress(b'{"part":%d}\n' % n + bytes(range(256)) * 4000) for n in range(6)}


def etag(path: str) -> str:
    return f'"{len(FILES[path])}-{path}"'


def serve(call: Call, cut: int | None = None) -> None:
    """Serve a file as S3 does, with ranges and conditions; cut: hang up after so many bytes."""
    path = urlsplit(call.path).path
    content, tag = FILES[path], etag(path)
    if call.headers.get("if-none-match") == tag:
        return call.answer(304, etag=tag)
    start = 0
    if call.headers.get("if-range") == tag:
        start = int(call.headers["range"].removeprefix("bytes=").removesuffix("-"))
    whole = len(content)
    head = (
        f"HTTP/1.1 206 Partial\r\ncontent-range: bytes {start}-{whole - 1}/{whole}\r\n"
        if start
        else "HTTP/1.1 200 OK\r\n"
    )
    head += f"content-length: {whole - start}\r\netag: {tag}\r\n\r\n"
    end = whole if cut is None else min(start + cut, whole)
    return call.raw(head.encode() + content[start:end])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.001)


Fetch = Callable[..., list[bytes]]


@pytest.fixture
def fetch(server: Server, settings: Settings, account: Account, tmp_path: Path) -> Fetch:
    """Fetch the named parts and give their contents; fresh: what a refresh brings."""

    def run(*names: str, fresh: tuple[str, ...] = (), **limits: int) -> list[bytes]:
        def job(links: tuple[str, ...]) -> VendorJob:
            urls = tuple(it if ":" in it else server.url + it for it in links)
            return VendorJob(batch_id="b-1", status="completed", download_urls=urls)

        changed = settings.model_copy(update=limits)
        paths = download.fetch(job(names), tmp_path, changed, account, lambda: job(fresh))
        assert [path.name for path in paths] == [f"part-{n:03}.jsonl.gz" for n in range(len(paths))]
        return [path.read_bytes() for path in paths]

    return run


def test_all_parts_arrive_in_order(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.reply = serve
    assert fetch(*FILES) == list(FILES.values())
    assert not list(tmp_path.glob("*.partial"))


def test_the_whole_is_taken_when_there_are_no_parts(
    server: Server, settings: Settings, account: Account, tmp_path: Path
) -> None:
    server.reply = serve
    job = VendorJob(batch_id="b-1", download_url=f"{server.url}/3")
    [path] = download.fetch(job, tmp_path / "new", settings, account, lambda: job)
    assert path.read_bytes() == FILES["/3"]


def test_only_as_many_parts_as_are_wanted_are_asked_for(
    server: Server, settings: Settings, account: Account, tmp_path: Path
) -> None:
    server.reply = serve
    urls = tuple(server.url + name for name in FILES)
    job = VendorJob(batch_id="b-1", download_urls=urls)
    [path] = download.fetch(job, tmp_path, settings, account, lambda: job, parts=1)
    assert path.read_bytes() == FILES["/0"]
    assert [call.path for call in server.calls] == ["/0"]


def test_the_key_is_never_sent(server: Server, fetch: Fetch) -> None:
    def reply(call: Call) -> None:
        if call.path == "/moved":
            return call.answer(302, location="/0")
        return serve(call)

    server.reply = reply
    assert fetch("/moved") == [FILES["/0"]]
    assert [call.path for call in server.calls] == ["/moved", "/0"]
    assert not any("authorization" in call.headers for call in server.calls)


def test_parts_are_loaded_side_by_side_but_not_more_than_asked(
    server: Server, fetch: Fetch
) -> None:
    gate, running, most, lock = threading.Barrier(3), [0], [0], threading.Lock()

    def reply(call: Call) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        gate.wait(5)  # opens only when three are here at once
        with lock:
            running[0] -= 1
        serve(call)

    server.reply = reply
    assert fetch(*FILES, download_parts=3) == list(FILES.values())
    assert most[0] <= 3


def test_a_part_that_broke_off_goes_on_where_it_stopped(server: Server, fetch: Fetch) -> None:
    server.reply = lambda call: serve(call, cut=400)
    assert fetch("/0") == [FILES["/0"]]
    ranges = [call.headers.get("range") for call in server.calls]
    assert ranges[:3] == [None, "bytes=400-", "bytes=800-"]
    assert {call.headers.get("if-range") for call in server.calls[1:]} == {etag("/0")}


def test_a_later_call_goes_on_where_the_first_one_gave_up(server: Server, fetch: Fetch) -> None:
    def gives_up(call: Call) -> None:
        serve(call, cut=400) if len(server.calls) == 1 else call.answer(503)

    server.reply = gives_up
    with pytest.raises(download.DownloadFailed, match=r"part-000.*503"):
        fetch("/0")
    server.calls.clear()
    server.reply = serve
    assert fetch("/0") == [FILES["/0"]]
    assert [call.headers.get("range") for call in server.calls] == ["bytes=400-"]


def test_a_part_that_is_there_is_not_loaded_again(server: Server, fetch: Fetch) -> None:
    server.reply = serve
    fetch("/0", "/1")
    server.calls.clear()
    assert fetch("/0", "/2") == [FILES["/0"], FILES["/2"]]
    asked = {call.path: call.headers.get("if-none-match") for call in server.calls}
    assert asked == {"/0": etag("/0"), "/2": etag("/1")}


def test_content_that_changed_never_stands_under_the_name_of_the_old(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.reply = serve
    fetch("/0")
    other = gzip.compress(b"other" * 5000)
    monkeypatch.setitem(FILES, "/0", other)
    server.calls.clear()
    server.reply = lambda call: serve(call, cut=40) if len(server.calls) == 1 else call.answer(503)
    with pytest.raises(download.DownloadFailed):
        fetch("/0")
    server.reply = serve
    assert fetch("/0") == [other]


def test_a_server_without_ranges_starts_over(server: Server, fetch: Fetch) -> None:
    def reply(call: Call) -> None:
        call.headers.pop("if-range", None)
        serve(call, cut=400 if len(server.calls) == 1 else None)

    server.reply = reply
    assert fetch("/0") == [FILES["/0"]]


def test_content_that_changed_meanwhile_starts_over(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = gzip.compress(b"other" * 500)

    def reply(call: Call) -> None:
        serve(call, cut=400 if len(server.calls) == 1 else None)
        monkeypatch.setitem(FILES, "/0", other)

    server.reply = reply
    assert fetch("/0") == [other]


@pytest.mark.parametrize(
    ("content_range", "tag"),
    [
        ("bytes 0-405/406", etag("/0")),
        ("bytes 399-405/406", etag("/0")),
        ("lines 400-405/406", etag("/0")),
        ("bytes 400-404/405", etag("/0")),
        ("bytes 400-405/406", etag("/1")),
        ("bytes */406", etag("/0")),
        ("", etag("/0")),
    ],
)
def test_a_range_that_was_not_asked_for_is_not_taken(
    server: Server, fetch: Fetch, content_range: str, tag: str
) -> None:
    def reply(call: Call) -> None:
        if "range" in call.headers:
            return call.answer(206, b"wrong!", content_range=content_range, etag=tag)
        return serve(call, cut=400 if len(server.calls) == 1 else None)

    server.reply = reply
    assert fetch("/0") == [FILES["/0"]]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "identity", "aws-chunked,gzip"])
def test_content_is_kept_as_it_comes_whatever_a_proxy_calls_it(
    server: Server, fetch: Fetch, encoding: str
) -> None:
    """What it is shows when it is read: packed on top, or unpacked, or as it was written."""
    server.reply = lambda call: call.answer(200, b"as it comes", content_encoding=encoding)
    assert fetch("/0") == [b"as it comes"]
    assert server.calls[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, br"])
def test_what_was_packed_otherwise_than_asked_is_not_taken(
    server: Server, fetch: Fetch, encoding: str
) -> None:
    server.reply = lambda call: call.answer(200, b"whatever", content_encoding=encoding)
    with pytest.raises(download.DownloadFailed, match="though gzip was asked for"):
        fetch("/0")


def test_bytes_of_one_encoding_do_not_go_on_in_another(server: Server, fetch: Fetch) -> None:
    def reply(call: Call) -> None:
        if "range" in call.headers:
            size = len(FILES["/0"])
            other, span = b"x" * (size - 400), f"bytes 400-{size - 1}/{size}"
            return call.answer(
                206, other, content_range=span, etag=etag("/0"), content_encoding="gzip"
            )
        return serve(call, cut=400 if len(server.calls) == 1 else None)

    server.reply = reply
    assert fetch("/0") == [FILES["/0"]]
    assert [call.headers.get("range") for call in server.calls] == [None, "bytes=400-", None]


def test_a_server_that_cannot_go_on_is_asked_for_the_whole(server: Server, fetch: Fetch) -> None:
    def reply(call: Call) -> None:
        if "range" in call.headers:
            return call.answer(416)
        return serve(call, cut=400 if len(server.calls) == 1 else None)

    server.reply = reply
    assert fetch("/0") == [FILES["/0"]]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again_a_few_times(
    server: Server, fetch: Fetch, status: int
) -> None:
    server.reply = lambda call: call.answer(status) if len(server.calls) < 3 else serve(call)
    assert fetch("/0") == [FILES["/0"]]
    server.reply = lambda call: call.answer(status)
    with pytest.raises(download.DownloadFailed):
        fetch("/1")
    assert len(server.calls) == 3 + download.FAILURES


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_expired_links_are_replaced_by_fresh_ones(
    server: Server, fetch: Fetch, status: int
) -> None:
    def reply(call: Call) -> None:
        serve(call) if "fresh" in call.path else call.answer(status)

    server.reply = reply
    assert fetch("/0", "/1", fresh=("/0?fresh", "/1?fresh")) == [FILES["/0"], FILES["/1"]]


def test_links_that_expire_on_the_way_go_on_with_fresh_ones(server: Server, fetch: Fetch) -> None:
    def reply(call: Call) -> None:
        if "fresh" in call.path:
            return serve(call)
        return serve(call, cut=400) if len(server.calls) == 1 else call.answer(403)

    server.reply = reply
    assert fetch("/0", fresh=("/0?fresh",)) == [FILES["/0"]]
    assert server.calls[-1].headers["range"] == "bytes=400-"


def test_fresh_links_are_asked_for_once(server: Server, fetch: Fetch) -> None:
    server.reply = lambda call: call.answer(403)
    with pytest.raises(download.LinksExpired, match="403"):
        fetch("/0?sig=S3CRET", fresh=("/0?fresh",))
    assert [call.path for call in server.calls] == ["/0?sig=S3CRET", "/0?fresh"]


def test_a_job_without_links_is_asked_about_again(server: Server, fetch: Fetch) -> None:
    server.reply = serve
    assert fetch(fresh=("/0",)) == [FILES["/0"]]
    with pytest.raises(download.DownloadFailed, match="no link"):
        fetch()


def test_a_job_without_results_has_no_files(
    server: Server, settings: Settings, account: Account, tmp_path: Path
) -> None:
    """Its link may point to a file that was never written."""
    job = VendorJob(batch_id="b-1", result_count=0, download_url=f"{server.url}/0")
    assert download.fetch(job, tmp_path, settings, account, lambda: job) == []
    assert not server.calls


def test_a_redirect_to_elsewhere_is_not_followed(server: Server, fetch: Fetch) -> None:
    server.reply = lambda call: call.answer(302, location="https://evil.example/x?sig=S3CRET")
    with pytest.raises(download.DownloadRefused, match=r"evil\.example") as raised:
        fetch("/0")
    assert "S3CRET" not in str(raised.value)


def test_redirects_come_to_an_end(server: Server, fetch: Fetch) -> None:
    server.reply = lambda call: call.answer(302, location="/again")
    with pytest.raises(download.DownloadRefused, match="redirects"):
        fetch("/0")
    assert len(server.calls) == 6


def test_a_link_to_elsewhere_is_refused_before_anything_is_sent(fetch: Fetch) -> None:
    with pytest.raises(download.DownloadRefused):
        fetch("https://evil.example/x")


def test_all_parts_together_are_bounded(server: Server, fetch: Fetch) -> None:
    server.reply = serve
    total = sum(map(len, FILES.values()))
    assert len(fetch(*FILES, merge_max_bytes=total)) == len(FILES)
    with pytest.raises(download.ResultsTooLarge, match=f"merge_max_bytes = {total - 1} "):
        fetch(*FILES, merge_max_bytes=total - 1)


def test_one_failure_stops_the_other_parts(server: Server, fetch: Fetch) -> None:
    def reply(call: Call) -> None:
        if call.path == "/0":
            return call.answer(418)
        return server.drip(call, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")

    server.reply = reply
    begun = time.monotonic()
    with pytest.raises(download.DownloadFailed, match="418"):
        fetch(*FILES)
    assert time.monotonic() - begun < 2
    assert len(server.calls) <= 1 + 4


@pytest.mark.parametrize("head", [b"content-length: 500\r\n\r\n", b"\r\n", b"x-slow: xxxxx"])
def test_a_download_takes_only_so_long(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(download, "TIME_LIMIT", 0.4)
    server.reply = lambda call: server.drip(call, b"HTTP/1.1 200 OK\r\n" + head)
    with pytest.raises(download.DownloadFailed):
        fetch("/0")


def test_a_disk_that_cannot_be_written_is_a_failure_to_try_again(
    server: Server, fetch: Fetch, tmp_path: Path
) -> None:
    server.reply = serve
    (tmp_path / "part-000.jsonl.gz.partial").mkdir()
    with pytest.raises(download.DownloadFailed, match="cannot be written"):
        fetch("/0")
