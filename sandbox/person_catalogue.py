"""The fields a person's record can have: **the sandbox's own invention**, not the vendor's.

The vendor's groups `basic_profile` and `social_handles` (the default set), some of their leaves,
and the kinds of contacts are known [docs]; all else, the shape of a contact included, is made up.
"""

from sandbox.fields import Catalogue, Maker, between, day, percent, pick, place, some
from sandbox.people import Person

ID_FIELD = "crustdata_person_id"

_TITLES = ("Engineer", "Accountant", "Head of Sales", "Buyer", "Chemist", "Designer", "Director")
_SENIORITIES = ("Entry", "Senior", "Manager", "Director", "CXO")
_DEPARTMENTS = ("Engineering", "Finance", "Sales", "Operations", "Human Resources")
_SKILLS = ("Planning", "Python", "Welding", "Negotiation", "Statistics", "Teaching", "Logistics")
_LANGUAGES = ("English", "Portuguese", "French", "Hindi", "Japanese")
_SCHOOLS = ("Example University", "Sample College", "Placeholder Institute")
_DEGREES = ("Bachelor", "Master", "Doctorate")


def _title(_: Person, seed: int) -> str:
    return _TITLES[seed % len(_TITLES)]


_FIELDS: dict[str, tuple[str, Maker]] = {
    ID_FIELD: ("integer", lambda p, _: p.id),
    "basic_profile.name": ("string", lambda p, _: p.name),
    "basic_profile.headline": ("string", lambda p, _: f"Works at {p.employer.name}"),
    "basic_profile.current_title": ("string", _title),
    "basic_profile.summary": ("string", lambda p, _: f"{p.name} is described here in brief."),
    "basic_profile.languages": ("string[]", some(*_LANGUAGES)),
    "basic_profile.location.city": ("string", place(0)),
    "basic_profile.location.region": ("string", place(1)),
    "basic_profile.location.country": ("string", place(2)),
    "social_handles.professional_network_identifier.profile_url": (
        "string",
        lambda p, _: p.profile_url,
    ),
    "social_handles.professional_network_identifier.slug": ("string", lambda p, _: p.slug),
    "social_handles.developer_platform_identifier.handle": ("string", lambda p, _: p.slug),
    "professional_network.followers": ("integer", between(0, 20_000)),
    "professional_network.connections": ("integer", between(0, 5_000)),
    "professional_network.open_to_cards": ("string[]", some("Hiring", "Mentoring")),
    "experience.current.company_name": ("string", lambda p, _: p.employer.name),
    "experience.current.company_domain": ("string", lambda p, _: p.employer.domain),
    "experience.current.crustdata_company_id": ("integer", lambda p, _: p.employer.id),
    "experience.current.seniority": ("string", pick(*_SENIORITIES)),
    "experience.current.department": ("string", pick(*_DEPARTMENTS)),
    "experience.current.start_date": ("date", day),
    "experience.years": ("integer", between(0, 40)),
    "education.school": ("string", pick(*_SCHOOLS)),
    "education.degree": ("string", pick(*_DEGREES)),
    "education.end_year": ("integer", between(1980, 2024)),
    "skills.names": ("string[]", some(*_SKILLS)),
    "recent_activity.posts_last_year": ("integer", between(0, 200)),
    "recent_activity.reactions_per_post": ("number", percent(0, 90)),
    "recent_activity.last_posted": ("date", day),
}

PERSON = Catalogue(_FIELDS, default=(ID_FIELD, "basic_profile", "social_handles"))


def _business_email(person: Person, seed: int) -> str | None:
    return person.email if seed % 10 < 7 else None


def _personal_emails(person: Person, seed: int) -> list[str]:
    return [f"{person.slug}.{number}@mail.example" for number in range(seed % 10 // 5)]


def _phone_numbers(person: Person, seed: int) -> list[str]:
    """Numbers of the range that is kept free for fiction."""
    return [f"+1-202-555-{100 + person.id % 100:04d}"] if seed % 10 < 4 else []


CONTACT = Catalogue(
    {
        "business_email": ("string", _business_email),
        "personal_contact_info.personal_emails": ("string[]", _personal_emails),
        "personal_contact_info.phone_numbers": ("string[]", _phone_numbers),
    }
)
"""What is not known is empty: null or []."""
