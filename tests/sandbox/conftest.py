"""One sandbox with a standing clock for all tests, cleared before each, and a plain caller."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox import Sandbox

KEY = "key-of-the-tests"
VERSION = "2025-11-01"


class Caller:
    """Calls the vendor's routes as any HTTP client would."""

    def __init__(self, url: str, key: str = KEY, timeout: float = 10) -> None:
        headers = {"authorization": f"Bearer {key}", "x-api-version": VERSION}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=timeout, trust_env=False)

    def post(self, endpoint: str = "company/enrich", **body: Any) -> httpx.Response:
        return self.http.post(f"/batch/{endpoint}", json=body)

    def submit(self, endpoint: str = "company/enrich", **body: Any) -> str:
        """Submit a job that must be accepted; returns its batch_id."""
        response = self.post(endpoint, **body)
        assert response.is_success, response.text
        batch_id: str = response.json()["batch_id"]
        return batch_id

    def status(self, batch_id: str) -> dict[str, Any]:
        response = self.http.get(f"/batch/{batch_id}")
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def jobs(self, **query: Any) -> dict[str, Any]:
        response = self.http.get("/batch", params=query)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def download(self, link: str, **headers: str) -> httpx.Response:
        """Follow a link as it must be followed: without the API key."""
        return httpx.get(link, headers=headers, timeout=10, trust_env=False)

    def envelopes(self, batch_id: str) -> list[dict[str, Any]]:
        """The whole results file of a completed job."""
        content = self.download(self.status(batch_id)["download_url"]).content
        return [json.loads(line) for line in gzip.decompress(content).splitlines()]


@pytest.fixture(scope="session")
def _running() -> Iterator[Sandbox]:
    with Sandbox(
        api_key=KEY,
        frozen=True,
        pending_seconds=1,
        processing_seconds=10,
        unresolved_share=0,
        calls_per_minute=None,
    ) as running:
        yield running


@pytest.fixture
def sandbox(_running: Sandbox) -> Sandbox:
    """A cleared sandbox: 1 s pending, 10 s processing and 0.1 s per 1,000 identifiers."""
    _running.reset()
    return _running


@pytest.fixture
def caller(sandbox: Sandbox) -> Iterator[Caller]:
    made = Caller(sandbox.url)
    with made.http:
        yield made
