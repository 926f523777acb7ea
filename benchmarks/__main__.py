"""`python -m benchmarks NAME|all [--size N]`: print the figures of one benchmark, or of all.

`slots` and `unresolved` run in real time, for minutes each, and have options of their own; they are
no part of `all`.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    end_to_end,
    enqueue,
    first_post,
    idle,
    merge,
    pack,
    results,
    retain,
    semaphore,
    slots,
    tell,
    unresolved,
)
from benchmarks.measure import Report
from manager.run.embedded import EmbeddedServers

Run = Callable[[EmbeddedServers, argparse.Namespace], None]

BENCHMARKS: dict[str, Callable[[Report, EmbeddedServers, int], None]] = {
    "enqueue": enqueue.run,
    "pack": pack.run,
    "merge": merge.run,
    "results": results.run,
    "semaphore": semaphore.run,
    "end_to_end": end_to_end.run,
    "first_post": first_post.run,
    "idle": idle.run,
    "retain": retain.run,
    "tell": tell.run,
}
LEAST = 1_000


def main() -> None:
    """Run what was asked for, on servers of its own."""
    arguments = _parser().parse_args()
    for name in [name for name in os.environ if name.startswith("ENRICHD_")]:
        del os.environ[name]  # they would lead to other servers
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, size {arguments.size:,}")
    data_dir = Path(tempfile.mkdtemp(prefix="enrichd-benchmarks-"))
    with EmbeddedServers(data_dir, ephemeral=True) as servers:
        arguments.run(servers, arguments)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--size", type=_size, default=1_000_000,
        help="identifiers in the largest case; the others shrink with it (default: %(default)s)",
    )  # fmt: skip
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(dest="name", metavar="NAME", required=True)

    def add(name: str, run: Run, about: str | None) -> argparse.ArgumentParser:
        made = names.add_parser(name, parents=[common], description=about, help=about)
        made.set_defaults(run=run)
        return made

    for name, benchmark in BENCHMARKS.items():
        add(name, _one(benchmark), None)
    add("all", _all, "all of the above")
    slots.add_options(add("slots", slots.run, slots.__doc__))
    unresolved.add_options(add("unresolved", unresolved.run, unresolved.__doc__))
    return parser


def _one(benchmark: Callable[[Report, EmbeddedServers, int], None]) -> Run:
    return lambda servers, arguments: benchmark(Report(), servers, arguments.size)


def _all(servers: EmbeddedServers, arguments: argparse.Namespace) -> None:
    for benchmark in BENCHMARKS.values():
        benchmark(Report(), servers, arguments.size)


def _size(text: str) -> int:
    if int(text) < LEAST:
        raise argparse.ArgumentTypeError(f"{LEAST} at least")
    return int(text)


if __name__ == "__main__":
    main()
