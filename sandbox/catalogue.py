"""The fields a record can have: **the sandbox's own invention**, not the vendor's catalogue.

The vendor's groups `basic_info` (the default set) and `headcount` are known from public
examples [docs]; everything else here, paths, types and values, is made up to be plausible.
All values follow from the company's id alone: the same company gives the same record under
every identifier type, in every process.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sandbox.companies import Company, mix

Maker = Callable[[Company, int], Any]
DEFAULT_GROUP = "basic_info"
ID_FIELD = "crustdata_company_id"

_SIZE_SALT = 0x512E
_TYPES = ("Privately Held", "Public Company", "Nonprofit", "Partnership", "Self-Employed")
_RANGES = ((10, "1-10"), (50, "11-50"), (200, "51-200"), (500, "201-500"), (1_000, "501-1000"))
_ROUNDS = ("pre_seed", "seed", "series_a", "series_b", "series_c", "debt", "grant")
_INVESTORS = ("Example Ventures", "Sample Capital", "Placeholder Partners", "Specimen Fund")
_INDUSTRIES = ("Software Development", "Manufacturing", "Retail", "Banking", "Hospitals", "Media")
_CATEGORIES = ("B2B", "Marketplace", "SaaS", "Hardware", "Consulting", "Open Source", "Logistics")
_PLACES = (
    ("Lisbon", "Lisbon", "Portugal", "PRT"),
    ("Toronto", "Ontario", "Canada", "CAN"),
    ("Leeds", "England", "United Kingdom", "GBR"),
    ("Austin", "Texas", "United States", "USA"),
    ("Pune", "Maharashtra", "India", "IND"),
    ("Lyon", "Auvergne-Rhône-Alpes", "France", "FRA"),
    ("Osaka", "Osaka", "Japan", "JPN"),
)


def employees(company: Company) -> int:
    """How many people work there: few mostly, up to about 100,000."""
    return int(10 ** (mix(company.id, _SIZE_SALT) % 50_000 / 10_000))


def _pick(*values: Any) -> Maker:
    return lambda _, seed: values[seed % len(values)]


def _some(*values: Any) -> Maker:
    return lambda _, seed: [value for bit, value in enumerate(values) if seed >> bit & 1]


def _between(low: int, high: int) -> Maker:
    return lambda _, seed: low + seed % (high - low + 1)


def _percent(low: int, high: int) -> Maker:
    return lambda _, seed: round(low + seed % 10_000 * (high - low) / 10_000, 2)


def _per_head(low: float, high: float) -> Maker:
    return lambda company, seed: int(
        employees(company) * (low + seed % 1_000 * (high - low) / 1_000)
    )


def _place(part: int) -> Maker:
    return lambda company, _: _PLACES[company.id % len(_PLACES)][part]


def _day(_: Company, seed: int) -> str:
    return (date(2015, 1, 1) + timedelta(days=seed % 4_000)).isoformat()


def _size_range(company: Company, _: int) -> str:
    total = employees(company)
    return next((label for most, label in _RANGES if total <= most), "1001+")


# path: (type, how its value is made)
_FIELDS: dict[str, tuple[str, Maker]] = {
    "basic_info.name": ("string", lambda c, _: c.name),
    "basic_info.primary_domain": ("string", lambda c, _: c.domain),
    "basic_info.website": ("string", lambda c, _: f"https://{c.domain}"),
    "basic_info.professional_network_url": ("string", lambda c, _: c.profile_url),
    "basic_info.company_type": ("string", _pick(*_TYPES)),
    "basic_info.year_founded": ("integer", _between(1950, 2024)),
    "basic_info.employee_count_range": ("string", _size_range),
    "basic_info.description": ("string", lambda c, _: f"{c.name} is described here in brief."),
    "headcount.total": ("integer", lambda c, _: employees(c)),
    "headcount.growth_percent.month": ("number", _percent(-5, 8)),
    "headcount.growth_percent.quarter": ("number", _percent(-10, 20)),
    "headcount.growth_percent.year": ("number", _percent(-25, 60)),
    "headcount.by_role.engineering": ("integer", _per_head(0.1, 0.4)),
    "headcount.by_role.sales": ("integer", _per_head(0.05, 0.2)),
    "headcount.by_role.operations": ("integer", _per_head(0.05, 0.2)),
    "headcount.by_role.human_resources": ("integer", _per_head(0.01, 0.05)),
    "funding.total_raised_usd": ("integer", _per_head(0, 200_000)),
    "funding.last_round_type": ("string", _pick(*_ROUNDS)),
    "funding.last_round_amount_usd": ("integer", _per_head(0, 80_000)),
    "funding.last_round_date": ("date", _day),
    "funding.rounds": ("integer", _between(0, 9)),
    "funding.investors": ("string[]", _some(*_INVESTORS)),
    "locations.headquarters.city": ("string", _place(0)),
    "locations.headquarters.region": ("string", _place(1)),
    "locations.headquarters.country": ("string", _place(2)),
    "locations.headquarters.country_code": ("string", _place(3)),
    "locations.offices": ("integer", _between(1, 40)),
    "taxonomy.industry": ("string", _pick(*_INDUSTRIES)),
    "taxonomy.categories": ("string[]", _some(*_CATEGORIES)),
    "taxonomy.sic_code": ("string", lambda _, seed: f"{100 + seed % 9_900:04d}"),
    "taxonomy.naics_code": ("string", lambda _, seed: f"{110_000 + seed % 889_999:06d}"),
    "followers.count": ("integer", _per_head(2, 90)),
    "followers.growth_percent.month": ("number", _percent(-1, 6)),
    "followers.growth_percent.year": ("number", _percent(-5, 80)),
    "revenue.estimated_low_usd": ("integer", _per_head(40_000, 90_000)),
    "revenue.estimated_high_usd": ("integer", _per_head(90_000, 300_000)),
    "revenue.is_public": ("boolean", lambda _, seed: seed % 10 == 0),
    "hiring.openings": ("integer", _per_head(0, 0.1)),
    "hiring.openings_growth_percent": ("number", _percent(-50, 120)),
    "hiring.last_posted": ("date", _day),
    "web_traffic.monthly_visitors": ("integer", _per_head(50, 4_000)),
    "web_traffic.bounce_rate_percent": ("number", _percent(20, 80)),
    "web_traffic.source_percent.search": ("number", _percent(10, 50)),
    "web_traffic.source_percent.direct": ("number", _percent(10, 50)),
    "web_traffic.source_percent.social": ("number", _percent(0, 20)),
    "software_reviews.count": ("integer", _between(0, 5_000)),
    "software_reviews.average_rating": ("number", _percent(1, 5)),
    "news.articles_last_year": ("integer", _between(0, 400)),
    "news.last_mentioned": ("date", _day),
}

TYPES: dict[str, str] = {path: kind for path, (kind, _) in _FIELDS.items()}


def _prefixes(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


SELECTABLE: tuple[str, ...] = tuple(
    sorted({ID_FIELD, *(prefix for path in _FIELDS for prefix in _prefixes(path))})
)
"""Every value `fields` may hold: a leaf, or any group, which stands for all its leaves."""
_SELECTABLE = frozenset(SELECTABLE)


@dataclass(frozen=True, slots=True)
class _Leaf:
    salt: int
    make: Maker


Plan = dict[str, "_Leaf | Plan"]


@functools.lru_cache(maxsize=256)
def plan(fields: tuple[str, ...]) -> Plan:
    """What to render for a field selection: the default set and those fields, as a tree."""
    chosen = {DEFAULT_GROUP, *fields}
    tree: Plan = {}
    for salt, (path, (_, make)) in enumerate(_FIELDS.items(), start=1):
        if chosen.isdisjoint(_prefixes(path)):
            continue
        *groups, name = path.split(".")
        node = tree
        for group in groups:
            node = node.setdefault(group, {})  # type: ignore[assignment]
        node[name] = _Leaf(salt, make)
    return tree


def record(company: Company, chosen: Plan) -> dict[str, Any]:
    """The `data` of an envelope: the company's id on top, then the chosen groups."""
    return {ID_FIELD: company.id, **_render(company, chosen)}


def unsupported(fields: Iterable[str]) -> list[str]:
    """Those of the fields that can't be selected."""
    return [field for field in fields if field not in _SELECTABLE]


def _render(company: Company, node: Plan) -> dict[str, Any]:
    return {
        name: child.make(company, mix(company.id, child.salt))
        if isinstance(child, _Leaf)
        else _render(company, child)
        for name, child in node.items()
    }
