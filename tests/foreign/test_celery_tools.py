"""Celery's tools beside a daemon whose Redis speaks TLS and gives it only the documented rights."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from manager import Manager, Settings
from manager.run.processes import free_port
from manager.semaphore.trouble import RIGHTS
from tasks.app import App
from tests.chaos.guarded import start_guarded
from tests.chaos.vendors import Vendor
from tests.foreign.redis import WITH_TLS, Certificates, running

pytestmark = [pytest.mark.integration, pytest.mark.daemon, pytest.mark.timeout(400)]
PATIENCE = 90.0
WORKERS = {f"enrichd-{kind}@{socket.gethostname()}" for kind in ("quick", "merge", "tell")}


def until(what: Callable[[], Any], log: Path) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    return found


@pytest.fixture
def there(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a daemon's ledger, its Redis and its vendor."""
    certificates = Certificates.make(tmp_path)
    vendor = Vendor("default", tmp_path, {})
    with running(WITH_TLS, tls=certificates) as redis:
        redis.run("ACL", "SETUSER", "shop", "on", ">hunter2@", *RIGHTS.split())
        redis.run("ACL", "SETUSER", "default", "off")
        url = f"rediss://shop:hunter2%40@{redis.where}/5?ssl_ca_certs={certificates.ca}"
        yield settings.model_copy(
            update={
                "redis_url": SecretStr(url),
                "vendor_url": vendor.control.url,
                "vendor_api_key": SecretStr(vendor.api_key),
            }
        )
    vendor.close()


def environment(settings: Settings) -> dict[str, str]:
    assert settings.vendor_api_key is not None
    ours = {name: it for name, it in os.environ.items() if not name.startswith("ENRICHD_")}
    return ours | {
        "ENRICHD_DATABASE_URL": settings.postgres,
        "ENRICHD_DATABASE_SCHEMA": settings.database_schema,
        "ENRICHD_REDIS_URL": settings.redis,
        "ENRICHD_ACCOUNT": settings.account,
        "ENRICHD_VENDOR_URL": settings.vendor_url,
        "ENRICHD_VENDOR_API_KEY": settings.vendor_api_key.get_secret_value(),
        "ENRICHD_LINGER": "0",
        "ENRICHD_TASK_EVENTS": "true",
        "FLOWER_UNAUTHENTICATED_API": "true",
    }


def test_inspect_control_and_flower_work_and_what_they_do_loses_nothing(
    there: Settings, tmp_path: Path
) -> None:
    up, flower_log, port = tmp_path / "up.log", tmp_path / "flower.log", free_port()
    celery = str(Path(sys.executable).with_name("celery"))
    flower = [celery, "-A", "tasks.app", "flower", "--address=127.0.0.1", f"--port={port}"]
    flower.append("--inspect-timeout=10000")
    started = [
        start_guarded([sys.executable, "-m", "manager", "up", "--no-web"], up, environment(there)),
        start_guarded(flower, flower_log, environment(there)),
    ]
    try:
        app = App(there)
        inspect = app.control.inspect(timeout=15, limit=len(WORKERS))
        until(lambda: "enrichd is up" in up.read_text(), up)
        assert until(lambda: set(app.control.inspect(timeout=2).ping() or {}) == WORKERS, up)
        assert set(inspect.active() or {}) == WORKERS
        shown = [repr(inspect.stats()), repr(inspect.conf()), repr(inspect.report())]

        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            def workers() -> Any:
                try:
                    return client.get("/api/workers", params={"refresh": "1"}).json()
                except httpx.TransportError:
                    return {}

            until(lambda: set(workers()) == WORKERS, flower_log)
            until(lambda: client.get("/api/tasks", params={"limit": 5}).json(), flower_log)
            assert "enrichd.quick.test" in client.get("/broker").text
            pages = ["/", "/workers", "/tasks", "/broker", "/api/workers", "/api/queues/length"]
            shown += [client.get(page).text for page in pages]
        shown += [up.read_text(), flower_log.read_text()]
        assert not any("hunter2" in it or "vendor_api_key" in it for it in shown)

        request = Manager(there).enqueue("domains", ["stripe.com", "nobody.invalid"])
        for tasks in (inspect.active() or {}).values():
            for task in tasks:
                app.control.revoke(task["id"], terminate=True)
        app.control.purge()
        app.control.broadcast("pool_restart")
        app.control.shutdown()
        assert request.wait(timeout=PATIENCE).finished
        assert until(lambda: set(app.control.inspect(timeout=2).ping() or {}) == WORKERS, up)
        ended = '"event": "process.ended", "child": "worker-quick"'
        assert ended in up.read_text(), "it was started again"
    finally:
        for process, line in started:
            process.terminate()
            process.wait(40)
            line.close()
