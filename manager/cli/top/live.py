"""Live: the screen drawn again and again, until q or Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping
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
    """On a screen of its own, which fits the terminal however that is changed. However it ends or
    is stopped, the terminal is as it was.
    """
    told: set[int] = set()

    def leave(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    handlers: dict[int, Any] = {
        number: lambda it, _: told.add(it) for number in (signal.SIGWINCH, signal.SIGTSTP)
    }
    handlers |= dict.fromkeys((signal.SIGTERM, signal.SIGHUP), leave)
    with suppress(KeyboardInterrupt), _handled(handlers):
        while _show(look, interval, told):
            with _handled({signal.SIGTSTP: signal.SIG_DFL}):
                os.kill(os.getpid(), signal.SIGTSTP)


def _show(look: Callable[[], Now], interval: float, told: set[int]) -> bool:
    """Until it is left, or is to stop: then True."""
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            found = look()
            due = time.monotonic() + interval
            _draw(live, found)
            while (left := due - time.monotonic()) > 0:
                if pressed(min(left, 0.2)) in QUIT:
                    return False
                if signal.SIGTSTP in told:
                    told.clear()
                    return True
                if signal.SIGWINCH in told:
                    told.clear()
                    _draw(live, found)


@contextmanager
def _handled(handlers: Mapping[int, Any]) -> Iterator[None]:
    """These signals, so; and as before afterwards."""
    before = {number: signal.signal(number, it) for number, it in handlers.items()}
    try:
        yield
    finally:
        for number, it in before.items():
            signal.signal(number, it)


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
