"""The demo: real company domains, and more, enriched by five parallel jobs in the sandbox."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from manager.errors import ConfigurationError
from manager.identifiers import IdentifierType

# Says that a data directory holds nothing but what a demo made, and may be removed.
MARKER = ".enrichd-demo"
# The sandbox's own fictional companies; see sandbox/companies.py.
GENERATED = 30_000
# Whom a reader knows: the records to show of them are the more telling.
WELL_KNOWN = ("stripe.com", "openai.com", "spotify.com", "nasa.gov", "ikea.com", "python.org")


@dataclass(frozen=True, slots=True)
class Part:
    """One request of the demo; `name` is that of its results file."""

    name: str
    title: str
    identifier_type: IdentifierType
    identifiers: list[str]
    fields: tuple[str, ...] = ()
    priority: int = 0


def parts() -> list[Part]:
    """What the demo enqueues: about 65,000 identifiers that need nine jobs."""
    with files("sandbox").joinpath("companies.csv").open(encoding="utf-8") as file:
        companies = list(csv.DictReader(file))
    domains = [company["domain"] for company in companies]
    names = [company["name"] for company in companies]
    half = range(GENERATED // 2)
    profile = "https://www.linkedin.com/company/company-"
    return [
        Part("real-domains", "real companies, by domain", "domains", domains,
             ("headcount.total",), priority=10),
        Part("real-names", "the same companies, by name", "names", names, ("funding",)),
        Part("domains", "generated companies, by domain", "domains",
             [f"company-{number:07d}.example" for number in range(GENERATED)],
             ("headcount", "revenue")),
        Part("profiles", "generated companies, by profile", "professional_network_profile_urls",
             [f"{profile}{number:07d}" for number in half]),
        Part("ids", "generated companies, by id", "crustdata_company_ids",
             [str(10_000_000 + number) for number in half], ("locations",)),
    ]  # fmt: skip


def check(data_dir: Path) -> None:
    """Raise ConfigurationError if the directory holds anything but an earlier demo."""
    if data_dir.exists() and not data_dir.is_dir():
        raise ConfigurationError(f"{data_dir} is not a directory; name another one.")
    if data_dir.is_dir() and any(data_dir.iterdir()) and not (data_dir / MARKER).exists():
        raise ConfigurationError(f"{data_dir} is not a demo's directory; name another one.")


def mark(data_dir: Path) -> None:
    """Make the directory a demo's."""
    data_dir.mkdir(mode=0o700, parents=True)
    (data_dir / MARKER).touch()


def keep(data_dir: Path) -> None:
    """The directory holds more than a demo from now on; no other demo removes it."""
    (data_dir / MARKER).unlink(missing_ok=True)
