"""One trace a request, from the caller's span to its end, with links to its jobs; and one a job."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pydantic import SecretStr

from manager.steps.tell import tell
from manager.traces import root_of, wanted
from manager.traces.tracer import parent_of
from tests.steps.driver import Driver
from tests.steps.tell.receiver import Receiver as Target
from tests.traces.spans import Spans, links, said

pytestmark = pytest.mark.integration


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """A caller's process that traces by itself."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def test_a_request_is_one_trace_from_its_caller_to_its_end(
    driver: Driver, spans: Spans, caller: InMemorySpanExporter
) -> None:
    with trace.get_tracer("shop").start_as_current_span("checkout") as checkout:
        request = driver.enqueue(3, unknown=1)
    driver.drain()

    enqueue, _ = caller.get_finished_spans()
    assert enqueue.name == "enqueue"
    assert enqueue.parent
    assert enqueue.parent.span_id == checkout.get_span_context().span_id
    assert enqueue.attributes
    assert enqueue.attributes["enrichd.request"] == str(request.id)

    trace_id = checkout.get_span_context().trace_id
    found = spans.of(trace_id)
    assert set(found) == {"request", "job"}
    [whole], [job] = found["request"], found["job"]
    assert whole.parent
    assert whole.parent.span_id == enqueue.context.span_id
    assert whole.attributes
    assert whole.attributes["enrichd.fulfilled"] == 3
    assert job.parent
    assert job.parent.span_id == whole.context.span_id, "one tree"
    assert whole.start_time
    assert whole.end_time
    assert whole.start_time < whole.end_time

    [job_id] = [row.id for row in driver.rows("SELECT id FROM job")]
    assert links(job) == {job_id.int}


def test_a_job_is_one_trace_of_all_its_steps_with_links_to_the_requests(
    driver: Driver, spans: Spans
) -> None:
    requests = [driver.enqueue(2, first=first) for first in (0, 1)]
    driver.drain()
    [job_id] = [row.id for row in driver.rows("SELECT id FROM job")]
    found = spans.of(job_id.int)
    assert set(found) == {"pack", "submit", "look", "merge", "job"}
    [root] = found["job"]
    assert root.parent is None
    assert root.context.span_id == root_of(job_id)[1]
    for name in ("pack", "submit", "look", "merge"):
        for span in found[name]:
            assert span.parent
            assert span.parent.span_id == root.context.span_id
    wanted_links = {request.id.int for request in requests}
    assert links(root) == links(found["pack"][0]) == wanted_links
    events = [event.name for event in found["submit"][0].events]
    assert events == ["job.submitted", "vendor.called", "job.accepted"]
    for request in requests:
        of_request = spans.of(request.id.int)
        assert set(of_request) == {"request", "job"}
        assert links(of_request["job"][0]) == {job_id.int}
        assert of_request["request"][0].context.span_id == root_of(request.id)[1]


def test_what_failed_is_seen_to_have_failed(driver: Driver, spans: Spans) -> None:
    job_id = driver.accepted(2)
    driver.run(driver.wake("look"))
    from manager.operator.job import give_up
    from manager.steps.traced import traced

    with traced(driver.context, driver.wake("sweep", job_id)):
        give_up(driver.context, job_id)
    found = spans.of(job_id.int)
    assert found["job"][0].status.status_code is StatusCode.ERROR
    assert found["sweep"][0].status.status_code is StatusCode.ERROR


def test_a_caller_that_is_not_sampled_is_not_traced(driver: Driver, spans: Spans) -> None:
    request = driver.enqueue(1)
    driver.execute(
        "UPDATE request SET traceparent = '00-' || repeat('a', 32) || '-' || repeat('b', 16) "
        "|| '-00'"
    )
    driver.drain()
    assert spans.of(int("a" * 32, 16)) == {}
    assert spans.of(request.id.int) == {}


def test_links_are_bounded(driver: Driver, spans: Spans) -> None:
    for _ in range(40):
        driver.enqueue(1)
    driver.drain()
    [job_id] = [row.id for row in driver.rows("SELECT id FROM job")]
    [root] = spans.of(job_id.int)["job"]
    assert len(root.links) == 32


def test_a_step_that_moves_nothing_makes_no_span(driver: Driver, spans: Spans) -> None:
    for step in ("sweep", "pack", "look"):
        driver.hasten()
        driver.only(driver.wake(step))
    assert spans.all == []


def test_no_secret_is_in_a_span(driver: Driver, spans: Spans) -> None:
    key = driver.account.settings.api_key
    hooked = driver.another(webhook_url="https://hooks.example")
    other = Spans(hooked.context)
    hooked.enqueue(2)
    hooked.drain()
    written = said(other.all) + said(spans.all)
    other.close()
    assert "job.accepted" in written
    for secret in (key, "hooks.example", driver.context.settings.postgres):
        assert secret not in written


def test_the_vendor_is_not_told_of_traces(driver: Driver, spans: Spans) -> None:
    """Not even where somebody instruments httpx."""
    import httpx
    from opentelemetry import context

    seen: dict[str, bool] = {}
    send = httpx.Client.send

    def instrumented(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        if not context.get_value(context._SUPPRESS_HTTP_INSTRUMENTATION_KEY):
            request.headers["traceparent"] = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        seen[request.url.path] = "traceparent" in request.headers
        return send(self, request, **options)

    httpx.Client.send, before = instrumented, httpx.Client.send  # type: ignore[method-assign]
    try:
        job_id = driver.packed(1)
        driver.submit(job_id)
    finally:
        httpx.Client.send = before  # type: ignore[method-assign]
    assert seen.pop("/_sandbox/clock"), "others are left alone"
    ours = {path: it for path, it in seen.items() if not path.startswith("/_sandbox")}
    assert list(ours.values()) == [False], ours
    assert driver.job(job_id).state == "pending"


class Receiver(ThreadingHTTPServer):
    """An OTLP receiver, as far as traces go."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.paths: set[str] = set()
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                import gzip

                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                sent = ExportTraceServiceRequest.FromString(body)
                outer.paths.add(self.path)
                for resource in sent.resource_spans:
                    for scope in resource.scope_spans:
                        outer.spans += [(resource.resource, span) for span in scope.spans]
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


def test_a_real_receiver_gets_them_by_otlp(driver: Driver) -> None:
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        traced = driver.another(traces_url=receiver.url)
        assert wanted(traced.context.settings)
        request = traced.enqueue(2)
        traced.drain()
        traced.context.close()  # as a worker's process does at its end
        receiver.shutdown()
    assert receiver.paths == {"/v1/traces"}
    names = {span.name for _, span in receiver.spans}
    assert {"pack", "submit", "merge", "job", "request"} <= names
    resource, _ = receiver.spans[0]
    assert {it.key: it.value.string_value for it in resource.attributes}["service.name"]
    [whole] = [span for _, span in receiver.spans if span.name == "request"]
    assert whole.trace_id == request.id.bytes


def test_a_receiver_that_is_away_is_said_once_until_it_is_back(
    driver: Driver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
    caplog.set_level(logging.INFO)
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        traced = driver.another(traces_url=receiver.url)
        assert traced.context.tracer is not None
        receiver.status = 503
        for first in range(2):
            traced.enqueue(1, first=first)
            traced.drain()
            traced.context.tracer.flush()
        receiver.status = 200
        traced.enqueue(1, first=2)
        traced.drain()
        traced.context.tracer.flush()
        traced.context.close()
        receiver.shutdown()
    said = [it for it in caplog.messages if "traces." in it or "xport" in it or "Transient" in it]
    assert [it.split()[0] for it in said] == ["traces.not_sent", "traces.sent_again"], said
    assert "503" in said[0] or "Unavailable" in said[0]


def test_a_target_is_told_the_span_that_its_own_belong_under(
    driver: Driver, caller: InMemorySpanExporter
) -> None:
    secrets = {"default": [SecretStr("whsec_" + "c2VjcmV0" * 4)]}
    traced = driver.another(notify_secrets=secrets, notify_allow=["127.0.0.1"])
    spans = Spans(traced.context)
    with Target() as target, trace.get_tracer("shop").start_as_current_span("order") as order:
        traced.enqueue(1, notify=target.url, notify_events=["request.finished"])
        traced.drain()
        tell(traced.context, traced.context.account(traced.context.settings.account))
        [came] = target.received
    place = parent_of(came.headers["traceparent"])
    [whole] = spans.of(order.get_span_context().trace_id)["request"]
    assert whole.context
    assert place
    assert (place.trace_id, place.span_id) == (whole.context.trace_id, whole.context.span_id)
    spans.close()


def test_traces_are_off_unless_an_address_is_set(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = driver.context.settings
    assert not wanted(settings)
    assert driver.context.tracer is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert wanted(settings)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not wanted(settings)


def test_without_the_extra_the_daemon_says_so_and_works(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "manager.traces.tracer", None)
    plain = driver.another(traces_url="http://127.0.0.1:1")
    plain.enqueue(1)
    plain.drain()
    assert caplog.text.count("traces.off why=the extra otel is not installed") == 1


def test_a_process_without_traces_loads_nothing_of_them() -> None:
    """A caller's loads nothing at all; Redis's client loads something of it for itself."""
    for module, none in (
        ("manager", "opentelemetry"),
        ("manager.steps.registry", "manager.traces.tr"),
    ):
        code = (
            f"import {module}, sys\n"
            f"assert not [it for it in sys.modules if it.startswith({none!r})]"
        )
        subprocess.run([sys.executable, "-c", code], env=os.environ, check=True, timeout=60)


@given(st.text(max_size=60) | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"))
def test_any_traceparent_is_read_or_left_alone(text: str) -> None:
    found = parent_of(text)
    assert found is None or found.is_valid
