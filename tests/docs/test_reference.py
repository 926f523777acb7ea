"""The reference has everything that the code declares."""

from __future__ import annotations

from typing import get_args

import manager
from docs.reference import PAGES
from docs.reference.commands import program, walk
from docs.reference.lines import found
from manager.ledger import models
from manager.operator.metrics import METRICS
from manager.operator.problems import CODES
from manager.settings.fields import Fields
from manager.settings.names import variable
from manager.targets.events import EVENTS, MEANS, Event


def page(name: str) -> str:
    return PAGES[f"reference/{name}.md"]()


def test_all_public_names_are_there_with_their_arguments() -> None:
    text = page("python")
    assert [it for it in manager.__all__ if f"\n### {it}\n" not in text] == []
    for said in ("#### Manager.enqueue()", "idempotency_key: str | None = None", "- `tag`: whose"):
        assert said in text
    assert " object at 0x" not in text


def test_all_commands_are_there_with_their_options() -> None:
    text = page("commands")
    for path, _ in walk(program()):
        if len(path) > 1 and path[-1] != "show":
            assert f"# {' '.join(path)}\n" in text
    assert "--retry-failed" not in text
    assert "Adopt" in text or "--adopt" in text


def test_all_settings_are_there_with_their_variables() -> None:
    text = page("settings")
    for name, field in Fields.model_fields.items():
        assert f"</a>`{name}` | `{variable(name)}`" in text
        assert field.description
        assert " ".join(field.description.split()).replace("|", "\\|") in text


def test_metrics_problems_events_and_exit_codes_are_there() -> None:
    assert [it for it in METRICS if f"`{it}`" not in page("metrics")] == []
    assert [it for it in CODES if f"[`{it}`](../runbook/{it}.md)" not in page("problems")] == []
    assert set(MEANS) == set(EVENTS) == set(get_args(Event))
    assert [it for it in EVENTS if f"`{it}`" not in page("events")] == []
    assert [it for it in (0, 1, 2, 3, 4, 130) if f"| `{it}` |" not in page("exit-codes")] == []


def test_all_tables_of_the_ledger_are_there_and_say_what_they_are() -> None:
    text = page("ledger")
    tables = models.LedgerModel.metadata.tables
    assert len(tables) > 20
    for name in tables:
        assert f"\n## {name}\n\n" in text
        assert f"\n## {name}\n\n\n" not in text


def test_log_lines_are_found_however_the_code_says_them() -> None:
    lines = found()
    for name in ("job.accepted", "process.ended", "job.STATE", "notice.told", "budget.reached"):
        assert name in lines
    assert lines["job.merged"].levels == {"info", "warning"}
    assert "batch" in lines["job.accepted"].fields
