"""Tell: notices a second, and what being told costs the merge that finishes the requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.ledgers import connected, domains, new_ledger
from benchmarks.measure import Report, seconds, times
from benchmarks.merge import COMPLETE
from benchmarks.results_server import BATCH_ID, serving, write_results
from manager import Manager, Settings
from manager.run.embedded import EmbeddedServers
from manager.steps.context import Context
from manager.steps.merge import merge
from manager.steps.notices import note
from manager.steps.pack import pack
from manager.steps.tell import tell

RUNS = 3
REQUESTS, RECORD_BYTES = 500, 500
SECRET = "whsec_" + "YmVuY2htYXJr" * 3


def run(report: Report, servers: EmbeddedServers, size: int) -> None:
    """Print the figures; a merge has `size` / 100 identifiers of 500 requests, 10,000 at most."""
    report.begin("tell")
    count = min(10_000, size // 100)
    requests = min(REQUESTS, count)
    _merges(report, servers, count, requests)
    notices = max(100, size // 1_000)
    with _receiver() as url:
        given = {"notify_allow": ["127.0.0.1"], "notify_secrets": {"default": [SECRET]}}
        for name, more in (
            ("webhooks to one host", {"notify": [url]}),
            ("webhooks, 32 at once", {"notify": [url], "notify_concurrency": 32}),
            ("channels of the database", {"notify": ["pg:benchmark"]}),
        ):
            with new_ledger(servers, **given, **more) as settings:
                taken = [_told(settings, notices) for _ in range(3)]
            report.figure(
                f"{notices:,} notices, {name}", "notices/s", [notices / it for it in taken]
            )


def _merges(report: Report, servers: EmbeddedServers, count: int, requests: int) -> None:
    file = servers.data_dir / "results-told.jsonl.gz"
    write_results(file, domains(count), RECORD_BYTES)
    taken: dict[str, list[float]] = {"no trigger": [], "nobody told": [], "each told": []}
    with serving(file, count) as url:
        for _ in range(RUNS):
            for name, them in taken.items():
                them.append(_merged(servers, url, count, requests, name))
    file.unlink()
    for name, them in taken.items():
        ratio = times(them, taken["no trigger"], "no trigger")
        title = f"merge of {count:,} for {requests:,} requests, {name}"
        report.figure(title, "ms", [it * 1000 for it in them], ratio)


def _merged(servers: EmbeddedServers, url: str, count: int, requests: int, name: str) -> float:
    with ExitStack() as stack:
        paces = {"vendor_calls_per_minute": 100_000, "pack_ahead": 0, "cap": 1}
        settings = stack.enter_context(new_ledger(servers, vendor_url=url, **paces))
        connection = stack.enter_context(connected(settings))
        if name == "no trigger":
            connection.execute("ALTER TABLE request DISABLE TRIGGER request_noted_update")
        notify = "pg:benchmark" if name == "each told" else None
        wanted, manager = list(domains(count)), Manager(settings)
        with connection.transaction():
            for number in range(requests):
                some = wanted[number::requests]
                manager.enqueue("domains", some, notify=notify, connection=connection)
        context = Context(settings, "benchmark")
        account = context.account(settings.account)
        wake, _ = pack(context, account)
        connection.execute(COMPLETE.format(batch_id=BATCH_ID))
        assert wake.job_id
        taken = seconds(partial(merge, context, account, wake.job_id))
        told = connection.execute("SELECT count(*) FROM notice").fetchone()
        assert told == (requests if notify else 0,)
        context.close()
        return taken


def _told(settings: Settings, count: int) -> float:
    context = Context(settings, "benchmark")
    account = context.account(settings.account)
    tell(context, account)
    with connected(settings) as connection:
        with connection.transaction():
            for number in range(count):
                note(connection, "budget.reached", account.id, None, {"number": number})
        connection.execute("ANALYZE notice, target")

        def all_of_them() -> None:
            while tell(context, account):
                pass

        taken = seconds(all_of_them)
        left = connection.execute("SELECT count(*) FROM notice WHERE state <> 'told'").fetchone()
        assert left == (0,)
        connection.execute("TRUNCATE notice, notice_attempt")
    context.close()
    return taken


@contextmanager
def _receiver() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
