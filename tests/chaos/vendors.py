"""The vendor of one account: a sandbox of its own."""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from manager.run.processes import free_port
from sandbox import SandboxControl, SandboxError
from tests.chaos.guarded import start_guarded

# Above ours, so that a sixth job of ours would be seen and not refused.
SANDBOX_CAP = 50
LIST_LAG = 1.0
UNRESOLVED_SHARE = 0.02
SETTINGS: dict[str, Any] = {
    "cap": SANDBOX_CAP,
    "calls_per_minute": 6000,
    "limit_headers": True,
    "pending_seconds": 0.2,
    "processing_seconds": 0.8,
    "seconds_per_1000": 2.0,
    "list_lag_seconds": LIST_LAG,
    "link_ttl_seconds": 432_000.0,
    "webhook_mode": "normal",
    "part_lines": 60,
    "unresolved_share": UNRESOLVED_SHARE,
    "credits": None,
    "forbidden_endpoints": [],
    "clock_skew_seconds": 0.0,
}
# Seconds that a vendor's clock may be ahead of ours, or behind.
MOST_AHEAD = 40.0


def shared(rng: random.Random) -> dict[str, Any]:
    """Settings of an account that another tool uses all the time, whose jobs are as large as ours
    and take as long; and its vendor's clock is wrong.
    """
    return {
        "foreign_every_seconds": [0.5, 3.0],
        "foreign_seconds": [0.5, 1.5],
        "foreign_size": "last",
        "clock_skew_seconds": rng.uniform(-MOST_AHEAD, MOST_AHEAD),
        "seed": rng.randrange(2**31),
    }


class Vendor:
    """Runs from its making until `close`; `control` steers it."""

    def __init__(self, account: str, directory: Path, settings: Mapping[str, Any]) -> None:
        """settings: those that differ from SETTINGS."""
        self.account = account
        self.port = free_port()
        self.api_key = f"chaos-{account}-{secrets.token_hex(12)}"
        self.control = SandboxControl(f"http://127.0.0.1:{self.port}", self.api_key)
        self.poisoned = 0
        self._settings = SETTINGS | dict(settings)
        self._process = self._start(directory / f"sandbox-{account}.log")

    def close(self) -> None:
        """End it."""
        self.control.close()
        self._process.kill()

    @contextmanager
    def setting(self, **settings: object) -> Iterator[None]:
        """With these settings for the block."""
        self.control.set(**settings)
        try:
            yield
        finally:
            self.control.set(**{name: self._settings[name] for name in settings})

    def end_all(self) -> None:
        """End the jobs that would never end."""
        for job in self.control.record()["jobs"]:
            if job["seconds"] is None:
                with contextlib.suppress(SandboxError):
                    self.control.end(job["batch_id"])

    def clear(self) -> None:
        """Nothing goes wrong any more; the other tool goes on."""
        self.control.clear_faults()
        self.control.set(**self._settings)
        self.end_all()

    def _start(self, log: Path) -> subprocess.Popen[bytes]:
        options = [
            f"--{name.replace('_', '-')}={json.dumps(value)}"
            for name, value in self._settings.items()
        ]
        command = [sys.executable, "-P", "-m", "sandbox", "--port", str(self.port)]
        command += ["--api-key", self.api_key, *options]
        process, self._line = start_guarded(command, log)
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{self.control.url}/_sandbox/settings", trust_env=False)
                return process
            except httpx.HTTPError:
                if time.monotonic() > deadline or process.poll() is not None:
                    process.send_signal(signal.SIGKILL)
                    raise
                time.sleep(0.05)
