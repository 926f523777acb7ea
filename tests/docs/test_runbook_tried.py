"""What the runbook, and the guides for whoever is on call, have one look at can be looked at."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pytest_enrichd import Enrichd
from tests.docs.commands import commands
from tests.docs.pages import DOCS, RUNBOOK, blocks

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

PAGES = [*sorted(RUNBOOK.glob("*.md")), DOCS / "how-to" / "incidents.md", DOCS / "how-to/watch.md"]
SHOWN = [line for page in PAGES for it in blocks(page, "sh") for line in commands(it.text)]
# They change something, or call a stranger; the doctor's areas have tests of their own.
NOT_HERE = ("enrichd drain", "enrichd resume", "enrichd notices test", "enrichd doctor")
LOOKS = sorted({it for it in SHOWN if not it.startswith(NOT_HERE)})


def test_each_look_shows_something(enrichd: Enrichd, monkeypatch: pytest.MonkeyPatch) -> None:
    from manager.cli import make_app

    for variable, value in enrichd.environment.items():
        monkeypatch.setenv(variable, value)
    request = enrichd.manager.enqueue(
        "domains", ["stripe.com", "nobody.example"], notify="pg:enriched"
    )
    enrichd.settle()
    runner = CliRunner()

    def run(*words: str) -> Any:
        return runner.invoke(make_app(words[0]), [*words])

    def first(*words: str) -> str:
        shown = run(*words, "--format", "csv").stdout
        return str(shown.splitlines()[1].partition(",")[0])

    notices = run("notices", "list", "--json").stdout
    stands_for = {
        "JOB_ID": first("jobs"),
        "REQUEST_ID": str(request.id),
        "NAME": "default",
        "NOTICE_ID": re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", notices)[0],
        "LANE": "1",
        "URL": "https://hooks.example.com/enrichd",
    }
    assert len(LOOKS) > 30
    wrong = []
    for line in LOOKS:
        arguments = [stands_for.get(it, it) for it in shlex.split(line)[1:]]
        done = run(*arguments)
        told = done.exception is None or isinstance(done.exception, SystemExit | typer.Exit)
        if done.exit_code not in (0, 1) or not told or not done.output.strip():
            wrong.append((line, done.exit_code, done.output[-300:], repr(done.exception)))
    assert wrong == []
