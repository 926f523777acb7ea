"""A real Prometheus reads a real `enrichd web`, and finds no alert that it should not."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from manager import Manager, Settings
from manager.run.processes import free_port
from manager.steps.context import Context
from manager.web.app import make_app
from tests.steps.patience import until

PROMETHEUS = shutil.which("prometheus")
CONFIG = Path(__file__).parents[2] / "config" / "prometheus"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not on this machine"),
]


@contextmanager
def web(settings: Settings) -> Iterator[int]:
    """The web application on a port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(make_app(Context(settings, "web")), log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def prometheus(directory: Path, target: int) -> Iterator[str]:
    """A Prometheus with our configuration that reads that port each second; its URL."""
    text = (CONFIG / "prometheus.yml").read_text()
    text = text.replace("127.0.0.1:8460", f"127.0.0.1:{target}").replace("15s", "1s")
    (directory / "prometheus.yml").write_text(text)
    shutil.copy(CONFIG / "alerts.yml", directory)
    port = free_port()
    assert PROMETHEUS
    process = subprocess.Popen(
        [
            PROMETHEUS,
            f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def asked(url: str, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers; nothing while it does not."""
    try:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False)
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return found
    except httpx.HTTPError:
        return []


def test_it_reads_what_waits(settings: Settings, tmp_path: Path) -> None:
    Manager(settings).enqueue("domains", ["stripe.com", "adyen.com"])
    with web(settings) as port, prometheus(tmp_path, port) as url:
        until(lambda: asked(url, "enrichd_up == 1"))
        [waiting] = asked(url, "enrichd_identifiers_waiting")
        assert waiting["value"][1] == "2"
        assert waiting["metric"]["account"] == settings.account
        rules = httpx.get(f"{url}/api/v1/rules", trust_env=False).json()["data"]["groups"][0]
        assert {rule["health"] for rule in rules["rules"]} <= {"ok", "unknown"}
        assert not asked(url, 'ALERTS{alertstate="firing"}')
