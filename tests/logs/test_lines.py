"""A line: one event, with what it is about as fields, whoever says it."""

from __future__ import annotations

import json
import logging
import math
import subprocess
import sys
import threading
import warnings
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.logs import bound, get_logger, held_until_committed
from tests.logs.lines import SETTINGS, written

log = get_logger("manager.test")
JOB = UUID("0198c3aa-0011-7000-8000-000000000001")


def test_an_event_is_an_object_with_its_fields() -> None:
    with written() as lines:
        log.info("job.accepted", account="default", job=JOB, batch="b-1", identifiers=10)
    event = lines.event
    assert event.pop("timestamp").endswith("Z")
    assert event.pop("pid") > 0
    assert event == {
        "level": "info",
        "event": "job.accepted",
        "account": "default",
        "job": str(JOB),
        "batch": "b-1",
        "identifiers": 10,
        "logger": "manager.test",
        "process": "worker",
    }
    assert list(lines.event)[:3] == ["timestamp", "level", "event"]


def test_on_a_terminal_it_is_a_line_to_be_read() -> None:
    with written("console") as lines:
        log.warning("job.merged", account="default", lines=10)
    [line] = lines.lines
    assert "[warning  ] job.merged" in line
    assert "account=default lines=10" in line


def test_auto_is_json_where_there_is_no_terminal() -> None:
    with written("auto") as lines:
        log.info("job.merged")
    assert lines.event["event"] == "job.merged"


def test_all_lines_of_a_step_have_its_fields_others_lines_too() -> None:
    with written() as lines:
        with bound(account="alpha", step="merge", job=JOB, batch=None):
            log.info("job.merged", lines=10)
            logging.getLogger("another.library").info("HTTP Request: GET %s", "https://h/x?sig=1")
            with bound(step="look"):
                log.info("job.completed")
        log.info("after")
    merged, foreign, inner, after = lines.events
    for event in (merged, foreign):
        assert (event["account"], event["step"], event["job"]) == ("alpha", "merge", str(JOB))
    assert "batch" not in merged
    assert foreign["event"] == "HTTP Request: GET https://h/x?…"
    assert inner["step"] == "look"
    assert not {"account", "step", "job"} & after.keys()


def test_fields_of_one_thread_are_not_anothers() -> None:
    with written() as lines, bound(account="alpha"):
        other = threading.Thread(target=lambda: log.info("other.said"))
        other.start()
        other.join()
    assert "account" not in lines.event


def test_a_field_never_takes_the_place_of_what_every_line_has() -> None:
    with written() as lines:
        log.info("x.y", level="forged", logger="forged", timestamp="forged", pid=-1)
    event = lines.event
    assert event["level"] == "info"
    assert event["logger"] == "manager.test"
    assert event["level_"] == event["logger_"] == event["timestamp_"] == "forged"


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "forged",
    [
        "x\nWARNING forged",
        "x\r\nforged",
        "x\x1b[2K\x1b[1A",
        "x\u2028forged",
        "x\x85y",
        "\x9b31m",
        "\x00\x7f\u202e",
    ],
)
def test_what_is_said_forges_no_line_and_moves_no_cursor(log_format: str, forged: str) -> None:
    with written(log_format) as lines:
        log.info("x.y", note=forged, deep={forged: [forged]})
        log.info(forged)
        logging.getLogger("celery").info("foreign %s", forged)
        logging.getLogger(forged).info("x")
    shown = lines.getvalue()
    assert len(shown.splitlines()) == 4
    assert all(character.isprintable() for character in shown.replace("\n", ""))


def test_an_exceptions_text_forges_no_line_either() -> None:
    for log_format in ("json", "console"):
        with written(log_format) as lines:
            try:
                raise ValueError("x\n2026-01-01 [info] forged")
            except ValueError as error:
                log.error("x.failed", exc_info=error)
        first, *others = lines.lines
        assert "x.failed" in first
        assert all(line.startswith("    | ") for line in others)
        assert not (log_format == "json" and others)


class Hostile:
    """An object that shows nothing of itself without a fight."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


class Endless(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")


def loop() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


STRANGE = [
    Hostile(),
    [Hostile()],
    {"a": Hostile()},
    Endless(a=1),
    loop(),
    math.nan,
    math.inf,
    10**5000,
    b"\xff\x00",
    "\udc80",
    {1: {2: {3: {4: {5: {6: {7: {8: 9}}}}}}}},
    list(range(1000)),
    {str(n): n for n in range(1000)},
    "x" * 1_000_000,
    object,
    Hostile,
    lambda: None,
    memoryview(b"abc"),
    {Hostile.__name__: {1, 2}},
]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("value", STRANGE, ids=lambda it: type(it).__name__)
def test_no_object_loses_a_line(log_format: str, value: Any) -> None:
    foreign = logging.getLogger("celery")
    with written(log_format) as lines:
        log.info("x.y", note=value)
        foreign.info("foreign %s", value)
        foreign.info("foreign %d %s", value)
        foreign.info(value)
        with bound(note=value):
            foreign.info("bound")
    assert len(lines.lines) == 5
    assert "x.y" in lines.lines[0]
    assert len(lines.getvalue()) < 100_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda it: st.lists(it) | st.dictionaries(st.text(), it) | st.tuples(it, it),
)


@settings(max_examples=25)
@given(name=st.text(), fields=st.dictionaries(st.text(), JSON))
def test_any_event_is_one_object_in_one_line(name: str, fields: dict[str, Any]) -> None:
    with written() as lines:
        log.info(name, **{f"f{key}": value for key, value in fields.items()})
    assert lines.getvalue().count("\n") == 1
    assert lines.event["level"] == "info"
    assert json.loads(lines.getvalue(), parse_constant=pytest.fail)


def test_warnings_of_python_are_lines_too() -> None:
    from manager.logs import configure

    logging.captureWarnings(False)  # as in a new process, whatever was configured in this one
    with written() as lines:
        handlers = logging.getLogger().handlers[:]
        configure(SETTINGS, "worker")
        logging.getLogger().handlers[:] = handlers
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert "old" in lines.event["event"]


def test_what_a_transaction_has_done_is_said_when_it_has_committed() -> None:
    with written() as lines:
        with held_until_committed():
            log.once_committed("request.finished", request=1)
            log.info("said.at_once")
            assert [it["event"] for it in lines.events] == ["said.at_once"]
            with held_until_committed():
                log.once_committed("job.merged", warn=True)
        assert [(it["level"], it["event"]) for it in lines.events] == [
            ("info", "said.at_once"),
            ("info", "request.finished"),
            ("warning", "job.merged"),
        ]


def _rolled_back(event: str) -> None:
    with held_until_committed():
        log.once_committed(event)
        raise ValueError("no")


def test_what_was_rolled_back_is_not_said() -> None:
    with written() as lines:
        with pytest.raises(ValueError, match="no"):
            _rolled_back("job.merged")
        with held_until_committed():
            with pytest.raises(ValueError, match="no"):
                _rolled_back("job.failed")
            log.once_committed("job.rejected")
    assert lines.event["event"] == "job.rejected"


def test_outside_of_a_transaction_it_is_said_at_once() -> None:
    with written() as lines:
        log.once_committed("job.merged")
        assert lines.event["event"] == "job.merged"


def test_a_callers_own_logging_shows_it_as_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "manager.test"):
        log.info("job.accepted", job=JOB, note=Hostile())
    assert caplog.messages == [f"job.accepted job={JOB} note=<Hostile>"]
    assert caplog.records[0].funcName == "test_a_callers_own_logging_shows_it_as_text"


def test_a_callers_process_loads_no_structlog() -> None:
    code = "import manager.logs, manager, sys; assert 'structlog' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
