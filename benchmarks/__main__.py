"""`python -m benchmarks NAME|all [--size N]`: print the figures of one benchmark, or of all."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import end_to_end, enqueue, idle, merge, pack, semaphore
from benchmarks.measure import Report
from manager.run.embedded import EmbeddedServers

BENCHMARKS: dict[str, Callable[[Report, EmbeddedServers, int], None]] = {
    "enqueue": enqueue.run,
    "pack": pack.run,
    "merge": merge.run,
    "semaphore": semaphore.run,
    "end_to_end": end_to_end.run,
    "idle": idle.run,
}
LEAST = 1_000


def main() -> None:
    """Run what was asked for, on servers of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, "all"])
    parser.add_argument(
        "--size", type=int, default=1_000_000,
        help="identifiers in the largest case; the others shrink with it (default: %(default)s)",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.size < LEAST:
        parser.error(f"--size: {LEAST} at least")
    for name in [name for name in os.environ if name.startswith("ENRICHD_")]:
        del os.environ[name]  # they would lead to other servers
    chosen = BENCHMARKS if arguments.name == "all" else {arguments.name: BENCHMARKS[arguments.name]}
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, size {arguments.size:,}")
    data_dir = Path(tempfile.mkdtemp(prefix="enrichd-benchmarks-"))
    with EmbeddedServers(data_dir, ephemeral=True) as servers:
        for run in chosen.values():
            run(Report(), servers, arguments.size)


if __name__ == "__main__":
    main()
