"""`enrichd enqueue --dry-run`: what would be bought."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime

from manager.cli.files import IdentifierFiles
from manager.cli.options import print_json, print_line
from manager.cli.told import as_objects, files_as_objects, said, say_files
from manager.client.estimate import Estimate
from manager.errors import amount
from manager.operator.words import counted

SHOWN_INVALID = 20


def say_estimate(
    estimate: Estimate, source: IdentifierFiles, *, skip_invalid: bool, as_json: bool
) -> None:
    """Print it."""
    if as_json:
        told = asdict(estimate) | {
            "to_buy": estimate.to_buy,
            "missing": estimate.missing,
            "credits": estimate.credits,
            "leaves": estimate.leaves,
            "refused_by": estimate.refused_by and estimate.refused_by.name,
            "waits_for": estimate.waits_for and estimate.waits_for.name,
            "invalid": as_objects(estimate.invalid, source),
            "files": files_as_objects(source),
            "refused": (bool(estimate.invalid) and not skip_invalid)
            or estimate.refused_by is not None,
        }
        print_json(told)
        return
    say_files(source)
    print_line(
        f"{counted(estimate.total, 'identifier')}: an enqueue would buy "
        f"{counted(estimate.to_buy, 'record')}{_credits(estimate)}"
        f"{_jobs(estimate)}."
    )
    _say(
        "Bought",
        (estimate.new, "never asked for"),
        (estimate.stale, "too old by now"),
        (estimate.unsuccessful, "failed or cancelled before"),
    )
    _say(
        "Not bought",
        (estimate.fresh, f"fresh{_age(estimate)}"),
        (estimate.pending, "waiting for a job already"),
        (estimate.in_job, "in a job already"),
        (estimate.duplicates, "repeated in the call"),
        (estimate.missing, "missing"),
        (len(estimate.invalid) - estimate.missing, "impossible to look up"),
    )
    if estimate.lingers:
        print_line(
            f"It may wait up to {estimate.lingers:g} s for more, to fill a job; --now does not."
        )
    for bad in estimate.invalid[:SHOWN_INVALID]:
        print(said(bad, source), file=sys.stderr)
    if (more := len(estimate.invalid) - SHOWN_INVALID) > 0:
        print(f"… and {more:,} more", file=sys.stderr)
    if estimate.invalid and not skip_invalid:
        print_line("It would be refused as a whole: correct these, or use --skip-invalid.")
    _say_budgets(estimate)
    print_line("Nothing was enqueued.")


def _say(what: str, *counts: tuple[int, str]) -> None:
    said = [f"{count:,} {kind}" for count, kind in counts if count]
    if said:
        print_line(f"{what}: {', '.join(said)}.")


def _credits(estimate: Estimate) -> str:
    if estimate.credits is None:
        return " (no price is configured)"
    return f" for at most {amount(estimate.credits)} credits"


def _say_budgets(estimate: Estimate) -> None:
    for it in estimate.budgets:
        for unit in it.capped:
            cap, left = it.cap(unit), it.unasked(unit)
            print_line(
                f"Budget {it.name}: {amount(left or 0)} of {amount(cap or 0)} {unit} left, "
                f"until {it.turns}."
            )
    if (hard := estimate.refused_by) is not None:
        print_line(f"It would be refused: it may pass the budget {hard.name}.")
    elif (soft := estimate.waits_for) is not None:
        print_line(f"Some of it would wait for the budget {soft.name}, until {soft.turns}.")


def _age(estimate: Estimate) -> str:
    if estimate.oldest is None or estimate.newest is None:
        return ""
    now = datetime.now(UTC)
    times = (estimate.newest, estimate.oldest)
    youngest, eldest = (_span((now - it).total_seconds()) for it in times)
    return f" ({youngest} old)" if youngest == eldest else f" ({youngest} to {eldest} old)"


def _jobs(estimate: Estimate) -> str:
    if not estimate.jobs:
        return ""
    jobs = counted(estimate.jobs, "job")
    if estimate.seconds is None:
        return f", in {jobs}; how long such jobs take is not known yet"
    return f", in {jobs}, in about {_span(estimate.seconds)} if they take as long as the last ones"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return counted(seconds / size, unit)
    return counted(max(seconds, 0), "second")
