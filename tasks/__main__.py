"""`python -m tasks worker|beat`: a Celery process of the daemon.

Started by `enrichd worker`, `enrichd beat` and the supervisor of `enrichd up`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from manager import faultpoint
from manager.errors import EnrichdError
from manager.logs import configure
from manager.settings import load_settings
from tasks import listener
from tasks.app import MERGE, QUICK, make_app
from tasks.beat import Scheduler
from tasks.heartbeat import Heartbeat
from tasks.steps import register


def main() -> int:
    """Run until a signal; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tasks")
    parser.add_argument("process", choices=["worker", "beat"])
    parser.add_argument("--queues", default=f"{QUICK},{MERGE}")
    parser.add_argument("--concurrency", type=int)
    parser.add_argument("--name", default="worker")
    parser.add_argument("--heartbeat", type=Path)
    arguments = parser.parse_args()
    try:
        settings = load_settings()
        configure(settings, arguments.process)
        faultpoint.arm(settings.fault_points, settings.fault_points_once)
        app = make_app(settings)
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
    worker = app.Worker(
        hostname=f"{arguments.name}@%h",
        queues=arguments.queues.split(","),
        concurrency=arguments.concurrency or settings.worker_concurrency,
        without_gossip=True,
        without_mingle=True,
        loglevel=settings.log_level,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
