"""Live: the screen drawn again and again, until q or Ctrl-C."""

from __future__ import annotations

import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Group
from rich.live import Live

from manager.cli.options import console
from manager.cli.top.screen import screen
from manager.operator.now import Now

QUIT = ("q", "Q", "\x03", "\x04")


def print_once(found: Now) -> None:
    """All of it, as wide as the output is."""
    for line in screen(found, console.width):
        console.print(line, soft_wrap=not console.is_terminal)


def run(look: Callable[[], Now], interval: float) -> None:
    """On a screen of its own, which fits the terminal however that is changed."""
    resized = False

    def note(*_: Any) -> None:
        nonlocal resized
        resized = True

    before = signal.signal(signal.SIGWINCH, note)
    try:
        with (
            suppress(KeyboardInterrupt),
            _keys() as pressed,
            Live(console=console, screen=True, auto_refresh=False) as live,
        ):
            while True:
                found = look()
                due = time.monotonic() + interval
                _draw(live, found)
                while (left := due - time.monotonic()) > 0:
                    if pressed(min(left, 0.2)) in QUIT:
                        return
                    if resized:
                        resized = False
                        _draw(live, found)
    finally:
        signal.signal(signal.SIGWINCH, before)


def _draw(live: Live, found: Now) -> None:
    width, height = console.size
    live.update(Group(*screen(found, width, height)), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Tells which key was pressed within so many seconds; "" for none, or without a keyboard."""
    if not sys.stdin.isatty():

        def nothing(seconds: float) -> str:
            time.sleep(seconds)
            return ""

        yield nothing
        return
    number = sys.stdin.fileno()
    saved = termios.tcgetattr(number)

    def pressed(seconds: float) -> str:
        with suppress(InterruptedError):
            if select.select([number], [], [], seconds)[0]:
                return sys.stdin.read(1) or "q"
        return ""

    try:
        tty.setcbreak(number)
        yield pressed
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, saved)
