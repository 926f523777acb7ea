"""Log lines beside an object's history: in fields, in order, whatever the form of the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from manager import Settings
from manager.web.console.log_lines import MOST, log_lines

ID = "01a2190b-093c-76fa-a561-2af3e64c40cf"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def said(second: int, event: str, **more: object) -> str:
    at = f"2026-11-26T18:00:{second:02}.5Z"
    return json.dumps({"timestamp": at, "level": "info", "event": event, "job": ID, **more}) + "\n"


def given(logs: Path) -> Settings:
    return Settings(data_dir=logs.parent)


def test_lines_of_all_processes_are_told_in_order_the_newest_first(logs: Path) -> None:
    (logs / "worker-merge.log").write_text(
        said(9, "job.merged") + said(1, "other").replace(ID, "x")
    )
    (logs / "worker-quick.log").write_text(said(2, "job.packed") + said(12, "job.looked"))
    found = log_lines(given(logs), ID)
    assert [(it.event, it.log) for it in found] == [
        ("job.looked", "worker-quick"),
        ("job.merged", "worker-merge"),
        ("job.packed", "worker-quick"),
    ]
    assert found[0].at == datetime(2026, 11, 26, 18, 0, 12, 500_000, UTC)


def test_of_a_line_is_shown_what_the_page_does_not_say_already(logs: Path) -> None:
    line = said(1, "job.merged", account="crm", pid=7, lines=3, doubt=None, batch="b-1")
    (logs / "worker.log").write_text(line)
    [found] = log_lines(given(logs), ID)
    assert (found.level, found.text) == ("info", "lines=3, batch=b-1")


@pytest.mark.parametrize(
    "line",
    [f"18:00:01 job.merged job={ID}", f'["{ID}"]', f'{{"event": "{ID}"}}', f"{{{ID}", "\0" + ID],
)
def test_what_is_no_json_of_ours_is_shown_as_it_is(logs: Path, line: str) -> None:
    (logs / "worker.log").write_text(line + "\n" + said(1, "job.packed"))
    newest, as_it_is = log_lines(given(logs), ID)
    assert newest.event == "job.packed"
    assert (as_it_is.at, as_it_is.text) == (None, line)


def test_no_more_than_the_newest_are_shown(logs: Path) -> None:
    (logs / "worker.log").write_text("".join(said(it % 60, "job.seen") for it in range(MOST + 9)))
    assert len(log_lines(given(logs), ID)) == MOST


def test_without_a_data_directory_there_are_none() -> None:
    assert log_lines(Settings(), ID) == []
