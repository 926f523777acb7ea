"""Faults as a client meets them on the wire and in files."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox import Sandbox, companies

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

pytestmark = pytest.mark.integration

ROUTES = ["submit", "status", "list", "download"]


Calls = dict[str, Callable[[], httpx.Response]]


@pytest.fixture
def calls(caller: Caller, sandbox: Sandbox) -> Calls:
    """One call of each route, all of which work."""
    batch_id = caller.submit(domains=[companies.fictional(index).domain for index in range(50)])
    sandbox.advance(60)
    link = caller.status(batch_id)["download_url"]
    return {
        "submit": lambda: caller.post(names=["FedEx"]),
        "status": lambda: caller.http.get(f"/batch/{batch_id}"),
        "list": lambda: caller.http.get("/batch"),
        "download": lambda: caller.download(link),
    }


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_reset_is_no_answer_at_all(calls: Calls, sandbox: Sandbox, route: str, kind: str) -> None:
    sandbox.fault(route, kind)
    with pytest.raises(httpx.ReadError):
        calls[route]()
    assert calls[route]().is_success
    assert sandbox.record()["calls"][route][kind] == 1


def test_reset_before_accepts_nothing_and_reset_after_accepts_the_job(
    calls: Calls, sandbox: Sandbox
) -> None:
    accepted = sandbox.record()["submissions_accepted"]
    sandbox.fault("submit", "reset_before")
    with pytest.raises(httpx.ReadError):
        calls["submit"]()
    assert sandbox.record()["submissions_accepted"] == accepted
    sandbox.fault("submit", "reset_after")
    with pytest.raises(httpx.ReadError):
        calls["submit"]()
    assert sandbox.record()["submissions_accepted"] == accepted + 1


@pytest.mark.parametrize("route", ROUTES)
def test_an_ordered_status_is_answered(calls: Calls, sandbox: Sandbox, route: str) -> None:
    sandbox.fault(route, "status", status=429, body="busy", headers={"retry-after": "7"})
    response = calls[route]()
    assert (response.status_code, response.text) == (429, "busy")
    assert response.headers["retry-after"] == "7"
    assert calls[route]().is_success


@pytest.mark.parametrize("after", [False, True])
def test_an_error_may_be_answered_although_the_job_was_accepted(
    calls: Calls, sandbox: Sandbox, after: bool
) -> None:
    before = sandbox.record()["submissions_accepted"]
    sandbox.fault("submit", "status", status=500, body={"detail": "x"}, after=after)
    assert calls["submit"]().json() == {"detail": "x"}
    assert sandbox.record()["submissions_accepted"] - before == after


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/batch/company/enrich", "submit"),
        ("GET", "/batch/x", "status"),
        ("GET", "/batch", "list"),
        ("GET", "/download/x/y", "download"),
    ],
)
def test_a_hanging_call_never_answers(
    caller: Caller, sandbox: Sandbox, method: str, path: str, route: str
) -> None:
    sandbox.fault(route, "hang")
    with pytest.raises(httpx.ReadTimeout):
        caller.http.request(method, path, timeout=0.2)
    assert sandbox.record()["calls"] == {route: {"hang": 1}}


@pytest.mark.parametrize("route", ROUTES)
def test_html_and_garbage_are_no_json(calls: Calls, sandbox: Sandbox, route: str) -> None:
    sandbox.fault(route, "html")
    page = calls[route]()
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (502, "text/html")
    sandbox.fault(route, "garbage")
    garbage = calls[route]()
    assert garbage.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        garbage.json()


@pytest.mark.parametrize("route", ROUTES)
def test_a_cut_body_is_shorter_than_declared(calls: Calls, sandbox: Sandbox, route: str) -> None:
    sandbox.fault(route, "cut")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        calls[route]()
    assert calls[route]().is_success


def test_a_cut_download_can_be_resumed(calls: Calls, caller: Caller, sandbox: Sandbox) -> None:
    whole = calls["download"]()
    link = str(whole.request.url)
    sandbox.fault("download", "cut")
    received = bytearray()

    def receive() -> None:
        with httpx.stream("GET", link, trust_env=False) as response:
            for chunk in response.iter_raw():
                received.extend(chunk)

    with pytest.raises(httpx.RemoteProtocolError):
        receive()
    assert len(received) == len(whole.content) // 2
    rest = caller.download(link, Range=f"bytes={len(received)}-")
    assert received + rest.content == whole.content


def test_a_delayed_call_waits_for_the_sandbox_s_clock(sandbox: Sandbox, caller: Caller) -> None:
    sandbox.set(frozen=False)
    sandbox.fault("list", "delay", seconds=0.05)
    assert caller.http.get("/batch").elapsed.total_seconds() >= 0.05


@pytest.mark.parametrize("kind", ["truncate", "corrupt"])
def test_a_damaged_file_looks_whole_but_for_gzip(calls: Calls, sandbox: Sandbox, kind: str) -> None:
    whole = calls["download"]()
    sandbox.fault("download", kind)
    damaged = calls["download"]()
    assert int(damaged.headers["content-length"]) == len(damaged.content)
    assert damaged.headers["etag"] != whole.headers["etag"]
    with pytest.raises((EOFError, zlib.error, gzip.BadGzipFile)):
        gzip.decompress(damaged.content)
    assert calls["download"]().content == whole.content


@pytest.mark.parametrize(
    ("kind", "more"),
    [("wrong_count", -1), ("duplicate_envelope", 1), ("foreign_envelope", 1), ("bad_line", 1)],
)
def test_a_file_with_the_wrong_lines_is_right_again_the_next_time(
    calls: Calls, sandbox: Sandbox, kind: str, more: int
) -> None:
    whole = gzip.decompress(calls["download"]().content).splitlines()
    sandbox.fault("download", kind)
    lines = gzip.decompress(calls["download"]().content).splitlines()
    assert len(lines) == len(whole) + more
    extra = [line for line in lines if lines.count(line) > 1 or line not in whole]
    assert len(extra) == {"wrong_count": 0, "duplicate_envelope": 2}.get(kind, 1)
    assert gzip.decompress(calls["download"]().content).splitlines() == whole


def test_the_status_may_tell_the_wrong_count(calls: Calls, sandbox: Sandbox) -> None:
    sandbox.fault("status", "wrong_count")
    assert [calls["status"]().json()["result_count"] for _ in range(2)] == [51, 50]


@pytest.mark.parametrize("kind", ["duplicate_envelope", "foreign_envelope"])
def test_a_flaw_of_an_accepted_job_is_in_its_file_and_its_count(
    caller: Caller, sandbox: Sandbox, kind: str
) -> None:
    sandbox.fault("submit", kind)
    batch_id = caller.submit(domains=["fedex.com", "3m.com"])
    sandbox.advance(60)
    answer = caller.status(batch_id)
    assert (answer["result_count"], answer["entities_fulfilled"]) == (3, 2)
    assert len(caller.envelopes(batch_id)) == len(caller.envelopes(batch_id)) == 3
    assert sandbox.record()["billed"]["records"] == 2


def test_a_poisoned_identifier_spoils_every_job_it_is_in(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.fault("submit", "poison", match="3m.com", times=None)
    response = caller.post(domains=["fedex.com", "3m.com"])
    assert response.status_code == 400
    assert "3m.com" not in response.text
    assert caller.post(domains=["fedex.com"]).is_success


def test_faults_for_accepted_jobs_outlast_refused_ones(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(cap=0)
    sandbox.fault("submit", "fail_job")
    assert caller.post(names="FedEx").status_code == 429
    assert [fault["kind"] for fault in sandbox.faults()] == ["fail_job"]


def test_a_fault_fires_as_often_as_ordered(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.fault("list", "status", times=2)
    sandbox.fault("list", "html", times=None)
    codes = [caller.http.get("/batch").status_code for _ in range(4)]
    assert codes == [503, 503, 502, 502]
    assert [fault["fired"] for fault in sandbox.faults()] == [2]
    sandbox.clear_faults()
    assert caller.http.get("/batch").is_success


def test_a_probable_fault_fires_the_same_way_for_the_same_seed(
    caller: Caller, sandbox: Sandbox
) -> None:
    def codes() -> list[int]:
        sandbox.clear_faults()
        sandbox.fault("list", "status", times=None, probability=0.5, seed=7)
        return [caller.http.get("/batch").status_code for _ in range(20)]

    first: Any = codes()
    assert set(first) == {200, 503}
    assert codes() == first
