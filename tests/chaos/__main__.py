"""`python -m tests.chaos`: run one seed or many; the exit code is 1 when an invariant broke."""

from __future__ import annotations

import argparse
import random
import sys

from tests.chaos.faults import FAULTS
from tests.chaos.run import run
from tests.chaos.schedule import schedule


def main() -> int:
    """Run until the seeds are used up, or one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one; default: a random one")
    parser.add_argument("--seconds", type=float, default=60.0, help="of faults in a run")
    parser.add_argument("--runs", type=int, default=1, help="seeds to run, one after the other")
    parser.add_argument("--daemons", type=int, default=2, help="as on so many machines")
    parser.add_argument("--pause", type=float, default=1.5, help="mean seconds between two faults")
    parser.add_argument("--load", type=float, default=3.0, help="requests a second")
    parser.add_argument(
        "--only", nargs="+", metavar="FAULT", choices=sorted(FAULTS), default=sorted(FAULTS),
        help="of these kinds; default: all",
    )  # fmt: skip
    parser.add_argument("--show", action="store_true", help="only print the seed's schedule")
    parser.add_argument("--keep", action="store_true", help="keep the logs of good runs, too")
    arguments = parser.parse_args()
    first = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    if arguments.show:
        events = schedule(first, arguments.seconds, sorted(arguments.only), arguments.pause)
        print("\n".join(map(str, events)))
        return 0
    for seed in range(first, first + arguments.runs):
        report = run(
            seed,
            arguments.seconds,
            daemons=arguments.daemons,
            mean_pause=arguments.pause,
            per_second=arguments.load,
            keep=arguments.keep,
            kinds=arguments.only,
        )
        print("\n".join(report.lines()), flush=True)
        if report.violations:
            only = (
                "" if len(arguments.only) == len(FAULTS) else f" --only {' '.join(arguments.only)}"
            )
            print(
                f"replay: python -m tests.chaos --seed {seed} --seconds {arguments.seconds:g} "
                f"--pause {arguments.pause:g} --load {arguments.load:g}{only}"
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
