"""Serves one completed job and its results file, as the vendor would, over real HTTP."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BATCH_ID = "11111111-2222-4333-8444-555555555555"
_WORDS = ("analytics", "berlin", "cloud", "delivery", "energy", "freight", "growth", "health")
_SHAPES = 50


def write_results(path: Path, identifiers: Iterable[str], record_bytes: int) -> None:
    """A results file whose records have about that many bytes."""
    records = [_record(random.Random(shape), record_bytes) for shape in range(_SHAPES)]
    with gzip.open(path, "wb", compresslevel=6) as file:
        for number, identifier in enumerate(identifiers):
            head = f'{{"original_identifier":"{identifier}","internal_id":{number + 1},"data":'
            file.write(f"{head}{records[number % _SHAPES]}}}\n".encode())


@contextmanager
def serving(file: Path, count: int) -> Iterator[str]:
    """The base URL of a vendor that has the one job."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(file, count)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _handler(file: Path, count: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/results":
                self.send_response(200)
                self.send_header("content-length", str(file.stat().st_size))
                self.end_headers()
                with file.open("rb") as content:
                    shutil.copyfileobj(content, self.wfile)
                return
            body = json.dumps(
                {
                    "batch_id": BATCH_ID,
                    "status": "completed",
                    "entity": "company",
                    "action": "enrich",
                    "identifier_count": count,
                    "result_count": count,
                    "download_url": f"http://{self.headers['host']}/results",
                }
            ).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def _record(chance: random.Random, size: int) -> str:
    """JSON as a company's: groups of numbers, words and lists, until it is long enough."""
    record: dict[str, object] = {"basic_info": {"name": "Example", "year_founded": 1998}}
    text = ""
    while len(text) < size:
        record[f"group_{len(record)}"] = {
            "total": chance.randrange(10**6),
            "share": chance.random(),
            "words": " ".join(chance.choices(_WORDS, k=8)),
            "history": [chance.randrange(10**4) for _ in range(8)],
        }
        text = json.dumps(record, separators=(",", ":"))
    return text
