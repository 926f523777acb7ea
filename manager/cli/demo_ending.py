"""How the demo ends: what came back, the vendor's view of it, and how to go on."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from manager.cli.demo_picture import request_table
from manager.cli.options import console, print_json, print_line, program
from manager.cli.results import write_jsonl
from manager.client.follow import Progress, Result
from manager.client.sync import Request
from manager.errors import EnrichdError
from manager.run import demo
from manager.settings import Settings

SAMPLES = 5
COUNTERS = ("total", "fulfilled", "not_found", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Everything that the end tells; taken while the servers still run."""

    seen: list[tuple[demo.Part, Progress]]
    samples: list[Result]
    not_found: list[str]
    vendor: dict[str, int]
    data_dir: Path
    seconds: float

    def show(self, as_json: bool) -> None:
        """Print it."""
        if as_json:
            print_json(self._as_dict())
        else:
            self._print()

    def _as_dict(self) -> dict[str, Any]:
        results = self.data_dir / "results"
        return {
            "requests": [
                {"request_id": now.id, "title": part.title}
                | {name: getattr(now, name) for name in COUNTERS}
                | {"results": str(results / f"{part.name}.jsonl")}
                for part, now in self.seen
            ],
            "vendor": self.vendor,
            "seconds": round(self.seconds, 1),
        }

    def _print(self) -> None:
        part, first = self.seen[0]
        console.print(request_table(self.seen))
        print_line()
        console.print(self._counts())
        console.print(
            f"Not found of {part.title}: {first.not_found}, for example "
            f"{', '.join(self.not_found)}."
        )
        print_line()
        console.print(_sample_table(self.samples))
        print_line("(The domains and names are real; all else about them the sandbox made up.)")
        print_line()
        print_line(f"Results, one file a request, in {self.data_dir / 'results'}:")
        print_line("  " + "  ".join(f"{part.name}.jsonl" for part, _ in self.seen))
        self._print_commands(first)

    def _counts(self) -> str:
        total = sum(now.total for _, now in self.seen)
        fulfilled = sum(now.fulfilled for _, now in self.seen)
        vendor = self.vendor
        repeats = fulfilled - vendor["billed"]
        free = f" ({repeats} repeated names were not bought again)" if repeats else ""
        return (
            f"{total:,} identifiers settled in {self.seconds:.0f} s, the servers' start included.\n"
            f"The vendor's view, from the sandbox's own record: {vendor['jobs']} jobs, at most "
            f"{vendor['highest_active']} active at once, {vendor['billed']:,} records billed"
            f"{free}, {vendor['duplicates']} bought twice."
        )

    def _print_commands(self, first: Progress) -> None:
        enrichd, at = program(), f"--data-dir {shlex.quote(str(self.data_dir))}"
        print_line("To go on with the same data, in one terminal:")
        print_line(f"  {enrichd} up --embedded --sandbox {at}")
        print_line("and in another:")
        print_line(f"  {enrichd} status {at}")
        print_line(f"  echo company-0500000.example | {enrichd} enqueue - --wait {at}")
        print_line(f"  {enrichd} results {first.id} --format csv {at}")


def conclude(
    settings: Settings, requests: list[tuple[demo.Part, Request]], data_dir: Path, began: float
) -> Conclusion:
    """Write the results to files and gather what there is to tell."""
    results = data_dir / "results"
    results.mkdir()
    for part, request in requests:
        write_jsonl(request, results / f"{part.name}.jsonl")
    samples, not_found = _samples(requests[0][1])
    return Conclusion(
        seen=[(part, request.progress()) for part, request in requests],
        samples=samples,
        not_found=not_found,
        vendor=_vendor_view(settings),
        data_dir=data_dir,
        seconds=time.monotonic() - began,
    )


def _samples(request: Request) -> tuple[list[Result], list[str]]:
    """The records to show, well-known companies first, and some of what was not found."""
    fulfilled: dict[str, Result] = {}
    not_found: list[str] = []
    for result in request.results():
        if result.record is not None and (
            len(fulfilled) < SAMPLES or result.identifier in demo.WELL_KNOWN
        ):
            fulfilled[result.identifier] = result
        elif result.outcome == "not_found" and len(not_found) < SAMPLES:
            not_found.append(result.identifier)
    known = [fulfilled[name] for name in demo.WELL_KNOWN if name in fulfilled]
    others = [result for name, result in fulfilled.items() if name not in demo.WELL_KNOWN]
    return [*known, *others][:SAMPLES], not_found


def _vendor_view(settings: Settings) -> dict[str, int]:
    """What the sandbox was asked and billed, as it wrote it down itself."""
    url = f"{settings.vendor_url}/_sandbox/record"
    try:
        seen = httpx.get(url, timeout=10, trust_env=False).raise_for_status().json()
    except httpx.HTTPError as error:
        raise EnrichdError(f"The sandbox's record cannot be read from {url}: {error}.") from None
    return {
        "jobs": seen["submissions_accepted"],
        "highest_active": seen["highest_active"],
        "billed": seen["billed"]["records"],
        "duplicates": seen["duplicates"]["count"],
    }


def _sample_table(samples: list[Result]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("domain", "company", "founded", "headcount", "company id"):
        table.add_column(name, justify="left" if name in ("domain", "company") else "right")
    for result in samples:
        record = result.record or {}
        info, headcount = record.get("basic_info", {}), record.get("headcount", {})
        table.add_row(
            result.identifier,
            str(info.get("name", "")),
            str(info.get("year_founded", "")),
            f"{headcount.get('total', 0):,}",
            str(result.company_id or ""),
        )
    return table
