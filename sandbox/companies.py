"""The companies that the sandbox knows, and how each identifier type finds them.

Real names and domains come from companies.csv; all else about them is made up. Behind them
stand ten million fictional companies, each computed from its index, none of them stored:
`Company 0001234`, `company-0001234.example`.
"""

import csv
import functools
import re
import unicodedata
from importlib import resources
from typing import NamedTuple

IDENTIFIER_TYPES = (
    "names",
    "domains",
    "professional_network_profile_urls",
    "crustdata_company_ids",
)

FICTIONAL = 10_000_000
_REAL_BASE = 600_000
_FICTIONAL_BASE = 10_000_000

_MASK = (1 << 64) - 1
_UNRESOLVABLE_SALT = 0x5EED

_FICTIONAL_NAME = re.compile(r"company (\d{7})")
_FICTIONAL_DOMAIN = re.compile(r"company-(\d{7})\.example")
_FICTIONAL_URL = re.compile(r"linkedin\.com/company/company-(\d{7})")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")


class Company(NamedTuple):
    """One company: its id at the vendor, name, domain, and last part of its profile URL."""

    id: int
    name: str
    domain: str
    slug: str

    @property
    def profile_url(self) -> str:
        """The address of its professional network profile."""
        return f"https://www.linkedin.com/company/{self.slug}"

    def identifier(self, identifier_type: str) -> str | int:
        """What a caller submits to get this company by that identifier type."""
        if identifier_type == "names":
            return self.name
        if identifier_type == "domains":
            return self.domain
        if identifier_type == "crustdata_company_ids":
            return self.id
        return self.profile_url


def mix(number: int, salt: int) -> int:
    """A well scattered 64-bit number, the same for the same arguments in every process."""
    x = (number * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03) & _MASK
    x ^= x >> 31
    x = x * 0xBF58476D1CE4E5B9 & _MASK
    return x ^ x >> 29


def fictional(index: int) -> Company:
    """The fictional company of that index, 0 to 9,999,999; else `ValueError`."""
    if not 0 <= index < FICTIONAL:
        raise ValueError(f"no fictional company has index {index}; use 0 to {FICTIONAL - 1:,}")
    digits = f"{index:07d}"
    slug = f"company-{digits}"
    return Company(_FICTIONAL_BASE + index, f"Company {digits}", f"{slug}.example", slug)


@functools.cache
def real() -> tuple[Company, ...]:
    """The companies of companies.csv, in its order."""
    companies = []
    slugs: set[str] = set()
    text = resources.files("sandbox").joinpath("companies.csv").read_text(encoding="utf-8")
    for index, row in enumerate(csv.DictReader(text.splitlines())):
        slug = _slug(row["name"])
        if not slug or slug in slugs:
            slug = _slug(row["domain"])
        slugs.add(slug)
        companies.append(Company(_REAL_BASE + index, row["name"], row["domain"], slug))
    return tuple(companies)


def key(identifier_type: str, value: str | int) -> str:
    """The canonical form of an identifier: two with the same key mean the same company."""
    text = str(value).strip()
    if identifier_type == "names":
        return " ".join(text.split()).casefold()
    if identifier_type == "crustdata_company_ids":
        return text
    text = _SCHEME.sub("", text.lower()).removeprefix("www.")
    text = text.partition("?")[0].partition("#")[0]
    if identifier_type == "domains":
        return text.partition("/")[0].partition(":")[0].rstrip(".")
    return text.rstrip("/")


def find(identifier_type: str, value: str | int) -> Company | None:
    """The company with that identifier, or None; names, as in life, may be shared: the first."""
    if identifier_type == "crustdata_company_ids":
        return _by_id(int(value))
    wanted = key(identifier_type, value)
    if identifier_type == "names":
        pattern, known = _FICTIONAL_NAME, _by_name()
    elif identifier_type == "domains":
        pattern, known = _FICTIONAL_DOMAIN, _by_domain()
    else:
        pattern, known = _FICTIONAL_URL, _by_url()
    match = pattern.fullmatch(wanted)
    return fictional(int(match[1])) if match else known.get(wanted)


def resolve(identifier_type: str, value: str | int, unresolved_share: float) -> Company | None:
    """`find`, but None too for that share of the companies, always the same ones."""
    company = find(identifier_type, value)
    return None if company and unresolvable(company.id, unresolved_share) else company


def unresolvable(number: int, share: float) -> bool:
    """Whether what has that id is among the share that can't be resolved."""
    return mix(number, _UNRESOLVABLE_SALT) < share * (_MASK + 1)


def _by_id(number: int) -> Company | None:
    if 0 <= number - _FICTIONAL_BASE < FICTIONAL:
        return fictional(number - _FICTIONAL_BASE)
    if 0 <= number - _REAL_BASE < len(real()):
        return real()[number - _REAL_BASE]
    return None


@functools.cache
def _by_name() -> dict[str, Company]:
    return {key("names", company.name): company for company in reversed(real())}


@functools.cache
def _by_domain() -> dict[str, Company]:
    return {company.domain: company for company in real()}


@functools.cache
def _by_url() -> dict[str, Company]:
    kind = "professional_network_profile_urls"
    return {key(kind, company.profile_url): company for company in real()}


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
