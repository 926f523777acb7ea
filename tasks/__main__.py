"""`python -m tasks worker|beat`: a Celery process of the daemon.

Started by `enrichd worker`, `enrichd beat` and the supervisor of `enrichd up`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import get_args

import celery.apps.worker

from manager import faultpoint
from manager.errors import ConfigurationError, EnrichdError, UnavailableError
from manager.ledger.connect import Ledger
from manager.logs import Event, configure
from manager.logs.output import say_at_a_signal
from manager.settings import Settings, load_settings
from manager.steps.registry import Queue as Kind
from tasks import listener, names
from tasks.app import App, queue_names
from tasks.beat import Scheduler
from tasks.heartbeat import Heartbeat
from tasks.steps import register

KINDS = get_args(Kind)
# Processes of one worker, however many accounts there are.
MOST = 24
# Seconds that a process waits for Postgres at its start.
REACHABLE_WITHIN = 60.0


def ledger_id(settings: Settings) -> str:
    """The ledger's own name, as soon as Postgres answers. Raises ConfigurationError, also where the
    daemon cannot work on it.
    """
    deadline = time.monotonic() + REACHABLE_WITHIN
    while True:
        try:
            ledger = Ledger(settings, "start")
            ledger.check_for_daemon()
            return ledger.id()
        except UnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def concurrency(settings: Settings, kinds: list[str]) -> int:
    """How many processes a worker has. One of the quick queue has as many more as an account can
    keep waiting for a vendor that hangs, with its slots and a look, for each account but one.
    """
    if kinds == ["tell"]:  # threads tell, in one process for each account
        return min(len(settings.served), MOST)
    if "quick" not in kinds:
        return min(settings.worker_concurrency * len(settings.served), MOST)
    others = sorted(it.cap + 1 for it in settings.served)[1:]
    return min(settings.worker_concurrency + sum(others), max(MOST, settings.worker_concurrency))


def _say(said: str, *_: object) -> None:
    """What Celery says when it is stopped, as a line of the logs."""
    say_at_a_signal(__name__, Event("worker.stopping", {"said": said.strip()}))


def main() -> int:
    """Run until a signal; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tasks")
    parser.add_argument("process", choices=["worker", "beat"])
    parser.add_argument("--queues", default=",".join(KINDS))
    parser.add_argument("--concurrency", type=int)
    parser.add_argument("--heartbeat", type=Path)
    arguments = parser.parse_args()
    try:
        settings = load_settings()
        configure(settings, arguments.process)
        faultpoint.arm(settings.fault_points, settings.fault_points_once)
        kinds = [kind.removeprefix("enrichd.") for kind in arguments.queues.split(",")]
        if unknown := set(kinds) - set(KINDS):
            raise ConfigurationError(
                f"--queues: {', '.join(sorted(unknown))}: the queues are {', '.join(KINDS)}."
            )
        app = App(settings, ledger_id(settings))
        app.is_daemon = True
    except EnrichdError as error:
        print(f"enrichd: {error}", file=sys.stderr)
        return 2
    heartbeat = Heartbeat(arguments.heartbeat)
    if arguments.process == "beat":
        Scheduler.heartbeat = heartbeat
        listener.start(app, settings)
        app.Beat(loglevel=settings.log_level, quiet=True, redirect_stdouts=False).run()
        return 0
    register(app, settings, heartbeat)
    celery.apps.worker.safe_say = _say  # or it prints to standard error, whatever the format is
    worker = app.Worker(
        hostname=names.claim(kinds, app.ledger_id),
        queues=[name for kind in kinds for name in queue_names(settings, kind)],
        concurrency=arguments.concurrency or concurrency(settings, kinds),
        without_gossip=True,
        without_mingle=True,
        loglevel=settings.log_level,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
