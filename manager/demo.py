"""The demo: real company domains, and more, enriched by five parallel jobs in the sandbox."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from manager.identifiers import IdentifierType


@dataclass(frozen=True, slots=True)
class Part:
    """One request of the demo."""

    title: str
    identifier_type: IdentifierType
    identifiers: list[str]
    fields: tuple[str, ...] = ()
    priority: int = 0


# The sandbox's own fictional companies; see sandbox/companies.py.
GENERATED = 30_000


def parts() -> list[Part]:
    """What the demo enqueues: about 62,000 identifiers that need nine jobs."""
    with files("sandbox").joinpath("companies.csv").open(encoding="utf-8") as file:
        companies = list(csv.DictReader(file))
    domains = [company["domain"] for company in companies]
    names = [company["name"] for company in companies]
    return [
        Part("real companies, by domain", "domains", domains, ("headcount.total",), priority=10),
        Part("the same companies, by name", "names", names, ("funding",)),
        Part(
            "generated companies, by domain",
            "domains",
            [f"company-{number:07d}.example" for number in range(GENERATED)],
            ("headcount", "revenue"),
        ),
        Part(
            "generated companies, by profile",
            "professional_network_profile_urls",
            [
                f"https://www.linkedin.com/company/company-{number:07d}"
                for number in range(GENERATED // 2)
            ],
        ),
        Part(
            "generated companies, by id",
            "crustdata_company_ids",
            [str(number) for number in range(10_000_000, 10_000_000 + GENERATED // 2)],
            ("locations",),
        ),
    ]
