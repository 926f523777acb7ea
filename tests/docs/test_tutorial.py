"""The tutorial's transcript is what one sees who follows it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks
from tests.testing.foreign_project import documented

pytestmark = [pytest.mark.daemon, pytest.mark.slow, pytest.mark.timeout(300)]

PAGE = DOCS / "tutorial.md"
BIN = Path(sys.executable).parent
# What differs from run to run: ids, times, durations, ports, counts of what was looked at.
DIFFERS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}(?:-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?"
    r"|\d{4}-\d\d-\d\d[T ][\d:.+]+|\b\d+(?:\.\d+)? (?:s|min|seconds?|minutes?)\b"
    r"|127\.0\.0\.1:\d+|\b\d+ ok\b|(?:submit|status|list) \d+ of \d+"
)
SHOWN_WHILE_IT_WAITS = re.compile(r"^settled .*\n", re.MULTILINE)


def transcript() -> Iterator[tuple[str, str]]:
    """Each command, and what is printed."""
    for block in blocks(PAGE, "console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed


def plain(text: str) -> list[str]:
    """What does not differ, whatever the width of columns."""
    text = SHOWN_WHILE_IT_WAITS.sub("", text)
    return [" ".join(DIFFERS.sub("…", it).split()) for it in text.splitlines() if it.strip()]


def test_whoever_follows_it_sees_what_it_shows(tmp_path: Path) -> None:
    for name, content in documented(PAGE).items():
        (tmp_path / name).write_text(content)
    environment = os.environ | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ENRICHD_DATA_DIR": "trial",
        "ENRICHD_WEB_PORT": "0",
        "COLUMNS": "200",
    }
    [up] = [line for it in blocks(PAGE, "text") for line in it.text.splitlines() if " up " in line]
    with (tmp_path / "up.log").open("w") as log:
        daemon = subprocess.Popen(
            shlex.split(up), cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        _until_it_works(tmp_path, environment)
        request = ""
        for command, expected in transcript():
            if command.startswith(("source", "export")):
                continue
            command = re.sub(r"(?<=enrichd results )\S+", request, command)
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            shown = done.stdout + done.stderr
            if found := re.search(r"^Request ([0-9a-f-]{36})", shown, re.MULTILINE):
                request = found[1][:18]
            assert plain(shown) == plain(expected), command
    finally:
        daemon.terminate()
        daemon.wait(60)


def _until_it_works(directory: Path, environment: dict[str, str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        status = subprocess.run(
            ["enrichd", "status"], cwd=directory, env=environment, capture_output=True, check=False
        )
        if status.returncode == 0 and b"none yet" not in status.stdout:
            return
        time.sleep(1)
    pytest.fail((directory / "up.log").read_text())
