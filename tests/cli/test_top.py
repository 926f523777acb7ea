"""`enrichd top`: what is shown, on any terminal, and how it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from manager import Manager, Settings
from manager.cli.top.screen import screen
from manager.operator.now import AccountNow, Backlog, Forecast, Gap, Move, Now, Others, Period, Span
from manager.operator.now.timeline import Timeline
from manager.operator.problems import problem, warning
from manager.operator.status import AccountStatus, Status
from tests.cli.conftest import ENRICHD, Call, environment

NOW = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def crm(text: str = "x") -> AccountNow:
    standing = AccountStatus("crm", cap=3, slots_held=1, foreign_active=1, open_requests=2)
    span = Span(UUID(int=1), 1, "company/enrich", "domains", 10_000, None, "b", "processing", 1,
                ago(20), None, None, text)  # fmt: skip
    ended = Span(UUID(int=2), 1, "company/enrich", "domains", 9, 9, "c", "merged", 1,
                 ago(50), ago(30), "completed", text)  # fmt: skip
    other = Others("o", "company", "enrich", 5, "foreign", "processing", "", ago(5), None)
    line = Timeline(ago(60), NOW, 3, 1, [span, ended], [Gap(2, ago(60), None)], [other])
    lane = Backlog(1, "company/enrich", "domains", [text], 20_000, False, ago(12), ago(12), None,
                   0, 0, 1, 10_000, 0, 0, None, Forecast(ago(-20), 2))  # fmt: skip
    minutes = [Period(ago(60 - n), n, n * 10, n * 9, 0, 0) for n in range(61)]
    return AccountNow(standing, line, [lane], minutes, minutes[:25])


def found(text: str = "x") -> Now:
    status = Status(
        [problem("key-refused", f"paused: {text}", "Set the right key, then resume.", "crm")],
        [warning("slots-taken", "2 jobs wait", "Nothing need be done.", "crm")],
        [AccountStatus("crm")],
    )
    move = Move(ago(1), "crm", UUID(int=1), "packed", "submitting", text, "w", 9, "company/enrich")
    return Now(NOW, status, [crm(text)], [move])


def test_problems_come_first_with_their_way_out_and_the_rest_follows() -> None:
    lines = [line.plain for line in screen(found(), 100)]
    assert lines[0] == "enrichd 14:00:00 UTC  1 problem, 1 warning"
    assert lines[1] == "problem paused: x. Set the right key, then resume."
    text = "\n".join(lines)
    for shown in (
        "account crm", "1 of 3 slots held, 1 others'", "processing 10,000", "taken by others",
        "30,000", "done at about 14:20 UTC", "packed → submitting: x", "found",
    ):  # fmt: skip
        assert shown in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_way_out_is_never_cut_however_narrow_it_is(width: int) -> None:
    lines = [line.plain for line in screen(found("a reason " * 9), width)]
    problems = lines[1 : next(n for n, line in enumerate(lines) if line.startswith("warning"))]
    assert all(len(line) <= width for line in problems)
    assert " ".join(" ".join(problems).split()).endswith("Set the right key, then resume.")


@pytest.mark.parametrize("width", [1, 5, 15, 38])
def test_a_word_that_is_longer_than_a_line_is_broken(width: int) -> None:
    id = str(UUID(int=0x01A218C022B870198ABC000000000001))
    text = "".join("".join(line.plain.split()) for line in screen(found(id), width))
    assert f"paused:{id}.Settherightkey" in text


def test_it_never_has_more_lines_than_the_terminal() -> None:
    assert len(screen(found("long " * 400), 30, 10)) == 10


def test_others_words_are_no_control_sequences() -> None:
    text = "\n".join(line.plain for line in screen(found("\x1b[2J\x07[red]a[/red]"), 200))
    assert "\x1b" not in text
    assert "[red]a[/red]" in text


@pytest.mark.integration
def test_without_a_terminal_it_is_printed_once_with_the_exit_code_of_status(
    settings: Settings, alone: Call
) -> None:
    Manager(settings).enqueue("domains", ["stripe.com"])
    done = alone("top")
    assert done.code == 1
    assert "nobody is at work" in done.out
    assert "no forecast: " in done.out
    shown = alone("top", "--json")
    assert (shown.code, shown.json["ok"]) == (1, False)
    [account] = shown.json["accounts"]
    assert account["standing"]["account"] == settings.account
    assert account["backlog"][0]["waiting"] == 1


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize(
    ("key", "code"), [(b"q", 0), (b"\x03", 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_in_a_terminal_it_has_a_screen_of_its_own_until_it_is_left(
    settings: Settings, key: bytes | signal.Signals, code: int
) -> None:
    variables = environment(
        ENRICHD_DATABASE_URL=settings.postgres,
        ENRICHD_REDIS_URL=settings.redis,
        ENRICHD_DATABASE_SCHEMA=settings.database_schema,
        TERM="xterm-256color",
    )
    variables.pop("COLUMNS", None)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(ENRICHD, [str(ENRICHD), "top", "--interval", "0.5"], variables)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    written, left, deadline = b"", False, time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                if not (more := os.read(terminal, 65_536)):
                    break
            except OSError:  # it has ended
                break
            written += more
        if not left and b"enrichd " in written:
            left = True
            if isinstance(key, bytes):
                os.write(terminal, key)
            else:
                os.kill(pid, key)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
    assert b"\x1b[?1049h" in written
    assert b"\x1b[?1049l" in written


@pytest.mark.integration
def test_what_has_failed_is_acknowledged(settings: Settings, alone: Call) -> None:
    done = alone("acknowledge")
    assert done.out == f"What has failed on account {settings.account} until now is known.\n"
    assert alone("acknowledge", "--account", "nope").code == 1
