"""`enrichd stats`: what was asked for, bought and waited for, by day, lane, tag or metadata."""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from manager.cli.account_column import check_account
from manager.cli.options import Account, DataDir, Json, examples, print_json, settings_for
from manager.cli.tables import show_list
from manager.errors import InvalidRequestError, amount
from manager.operator.stats import DIMENSIONS, Group, stats

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
NUMBERS = ("requests", "asked", "hits", "joined", "bought", "not_found", "failed", "credits")
OF_JOBS = ("jobs", "submitted", "fill")
WAITS = ("wait_median", "wait_p95", "wait_mean")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        "stats",
        epilog=examples(
            "enrichd stats",
            "enrichd stats --by month,account --since 2026-01-01",
            "enrichd stats --by day,tag --since 7d --csv > week.csv",
            "enrichd stats --metadata campaign --since 2026-11-01 --until 2026-12-01 --json",
        ),
    )(show)


def show(
    by: Annotated[
        str | None, typer.Option(help=f"Any of {', '.join(DIMENSIONS)}, comma-separated.")
    ] = None,
    metadata: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="By what the requests' metadata say under that key."),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Only of this tag.")] = None,
    account: Account = None,
    since: Annotated[
        str, typer.Option(help="A day, a moment, or so long ago, such as 7d.")
    ] = "30d",
    until: Annotated[str | None, typer.Option(help="The same; not included. Default: now.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show what was asked for, bought and waited for.

    Of asked identifiers hits were fresh at once, joined were being bought already, the rest was
    bought, not found or failed. fill is how full jobs were; wait is from call to outcome, in
    seconds. What retention has removed is still counted, but for --metadata.
    """
    settings = settings_for(data_dir)
    check_account(settings, account)
    asked = "day" if metadata is None else ""
    dimensions = [it.strip() for it in (asked if by is None else by).split(",") if it.strip()]
    zone = settings.budget_timezone
    found = stats(
        settings,
        by=dimensions,
        since=moment("--since", since, zone),
        until=None if until is None else moment("--until", until, zone),
        account=account,
        tag=tag,
        metadata=metadata,
    )
    columns = tuple(
        name
        for name in ("period", "account", "endpoint", "lane", "tag", "metadata")
        if any(getattr(it, name) is not None for it in found) or (name == "metadata" and metadata)
    )
    if as_json:
        print_json([asdict(it) for it in found])
    elif as_csv:
        _write(found, columns)
    else:
        of_jobs = () if metadata else OF_JOBS
        names = (*columns, *NUMBERS, *of_jobs, *WAITS[:2])
        none = dict.fromkeys(columns, "none")
        show_list([none | _shown(it) for it in found], names, as_json=False)


def moment(option: str, text: str, zone: str) -> datetime:
    """`7d`, `12h`, `2026-11-01`, `2026-11-01T12:00+01:00`. Raises InvalidRequestError."""
    if ago := re.fullmatch(r"([0-9]{1,5})([hdw])", text):
        return datetime.now(UTC) - int(ago[1]) * UNITS[ago[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequestError(
            f"{option}: {text[:80]!r} is neither so long ago, such as 7d or 12h, nor a day or "
            "moment, such as 2026-11-01."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))


def _shown(it: Group) -> dict[str, Any]:
    known = {name: value for name, value in asdict(it).items() if value not in (None, "")}
    return known | {
        "credits": amount(it.credits),
        "jobs": None if it.jobs is None else f"{it.jobs:,g}",
        "fill": None if it.fill is None else f"{it.fill:.0%}",
        **{name: _seconds(getattr(it, name)) for name in WAITS},
    }


def _seconds(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return f"{seconds:,.0f} s" if seconds < 600 else f"{seconds / 60:,.0f} min"


def _write(found: list[Group], columns: tuple[str, ...]) -> None:
    names = (*columns, *NUMBERS, *OF_JOBS, "settled", *WAITS)
    writer = csv.DictWriter(sys.stdout, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(it) for it in found)
