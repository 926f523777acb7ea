"""The fields a company's record can have: **the sandbox's own invention**, not the vendor's.

The vendor's groups `basic_info` (the default set) and `headcount` are known from public
examples [docs]; everything else here, paths, types and values, is made up to be plausible.
"""

from sandbox.companies import Company, mix
from sandbox.fields import Catalogue, Maker, between, day, percent, pick, place, some

ID_FIELD = "crustdata_company_id"

_SIZE_SALT = 0x512E
_TYPES = ("Privately Held", "Public Company", "Nonprofit", "Partnership", "Self-Employed")
_RANGES = ((10, "1-10"), (50, "11-50"), (200, "51-200"), (500, "201-500"), (1_000, "501-1000"))
_ROUNDS = ("pre_seed", "seed", "series_a", "series_b", "series_c", "debt", "grant")
_INVESTORS = ("Example Ventures", "Sample Capital", "Placeholder Partners", "Specimen Fund")
_INDUSTRIES = ("Software Development", "Manufacturing", "Retail", "Banking", "Hospitals", "Media")
_CATEGORIES = ("B2B", "Marketplace", "SaaS", "Hardware", "Consulting", "Open Source", "Logistics")


def employees(company: Company) -> int:
    """How many people work there: few mostly, up to about 100,000."""
    return int(10 ** (mix(company.id, _SIZE_SALT) % 50_000 / 10_000))


def _per_head(low: float, high: float) -> Maker:
    return lambda company, seed: int(
        employees(company) * (low + seed % 1_000 * (high - low) / 1_000)
    )


def _size_range(company: Company, _: int) -> str:
    total = employees(company)
    return next((label for most, label in _RANGES if total <= most), "1001+")


# path: (type, how its value is made)
_FIELDS: dict[str, tuple[str, Maker]] = {
    ID_FIELD: ("integer", lambda c, _: c.id),
    "basic_info.name": ("string", lambda c, _: c.name),
    "basic_info.primary_domain": ("string", lambda c, _: c.domain),
    "basic_info.website": ("string", lambda c, _: f"https://{c.domain}"),
    "basic_info.professional_network_url": ("string", lambda c, _: c.profile_url),
    "basic_info.company_type": ("string", pick(*_TYPES)),
    "basic_info.year_founded": ("integer", between(1950, 2024)),
    "basic_info.employee_count_range": ("string", _size_range),
    "basic_info.description": ("string", lambda c, _: f"{c.name} is described here in brief."),
    "headcount.total": ("integer", lambda c, _: employees(c)),
    "headcount.growth_percent.month": ("number", percent(-5, 8)),
    "headcount.growth_percent.quarter": ("number", percent(-10, 20)),
    "headcount.growth_percent.year": ("number", percent(-25, 60)),
    "headcount.by_role.engineering": ("integer", _per_head(0.1, 0.4)),
    "headcount.by_role.sales": ("integer", _per_head(0.05, 0.2)),
    "headcount.by_role.operations": ("integer", _per_head(0.05, 0.2)),
    "headcount.by_role.human_resources": ("integer", _per_head(0.01, 0.05)),
    "funding.total_raised_usd": ("integer", _per_head(0, 200_000)),
    "funding.last_round_type": ("string", pick(*_ROUNDS)),
    "funding.last_round_amount_usd": ("integer", _per_head(0, 80_000)),
    "funding.last_round_date": ("date", day),
    "funding.rounds": ("integer", between(0, 9)),
    "funding.investors": ("string[]", some(*_INVESTORS)),
    "locations.headquarters.city": ("string", place(0)),
    "locations.headquarters.region": ("string", place(1)),
    "locations.headquarters.country": ("string", place(2)),
    "locations.headquarters.country_code": ("string", place(3)),
    "locations.offices": ("integer", between(1, 40)),
    "taxonomy.industry": ("string", pick(*_INDUSTRIES)),
    "taxonomy.categories": ("string[]", some(*_CATEGORIES)),
    "taxonomy.sic_code": ("string", lambda _, seed: f"{100 + seed % 9_900:04d}"),
    "taxonomy.naics_code": ("string", lambda _, seed: f"{110_000 + seed % 889_999:06d}"),
    "followers.count": ("integer", _per_head(2, 90)),
    "followers.growth_percent.month": ("number", percent(-1, 6)),
    "followers.growth_percent.year": ("number", percent(-5, 80)),
    "revenue.estimated_low_usd": ("integer", _per_head(40_000, 90_000)),
    "revenue.estimated_high_usd": ("integer", _per_head(90_000, 300_000)),
    "revenue.is_public": ("boolean", lambda _, seed: seed % 10 == 0),
    "hiring.openings": ("integer", _per_head(0, 0.1)),
    "hiring.openings_growth_percent": ("number", percent(-50, 120)),
    "hiring.last_posted": ("date", day),
    "web_traffic.monthly_visitors": ("integer", _per_head(50, 4_000)),
    "web_traffic.bounce_rate_percent": ("number", percent(20, 80)),
    "web_traffic.source_percent.search": ("number", percent(10, 50)),
    "web_traffic.source_percent.direct": ("number", percent(10, 50)),
    "web_traffic.source_percent.social": ("number", percent(0, 20)),
    "software_reviews.count": ("integer", between(0, 5_000)),
    "software_reviews.average_rating": ("number", percent(1, 5)),
    "news.articles_last_year": ("integer", between(0, 400)),
    "news.last_mentioned": ("date", day),
}

COMPANY = Catalogue(_FIELDS, default=(ID_FIELD, "basic_info"))
SELECTABLE = COMPANY.selectable
