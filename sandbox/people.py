"""The people that the sandbox knows, all invented: ten million, each computed from its index.

`Person 0001234`, `https://www.linkedin.com/in/person-0001234`, who works at a fictional company
with nine others: `person-0001234@company-0000123.example`.
"""

import re
from typing import NamedTuple

from sandbox import companies
from sandbox.companies import Company

IDENTIFIER_TYPES = ("professional_network_profile_urls", "business_emails")

FICTIONAL = companies.FICTIONAL
_BASE = 100_000_000
_COLLEAGUES = 10

_URL = re.compile(r"linkedin\.com/in/person-(\d{7})")
_EMAIL = re.compile(r"person-(\d{7})@company-\d{7}\.example")


class Person(NamedTuple):
    """One invented person: the id at the vendor, the name, and the last part of the profile URL."""

    id: int
    name: str
    slug: str

    @property
    def employer(self) -> Company:
        """The fictional company where the person works."""
        return companies.fictional((self.id - _BASE) // _COLLEAGUES)

    @property
    def profile_url(self) -> str:
        """The address of the person's professional network profile."""
        return f"https://www.linkedin.com/in/{self.slug}"

    @property
    def email(self) -> str:
        """The person's address at work."""
        return f"{self.slug}@{self.employer.domain}"

    def identifier(self, identifier_type: str) -> str:
        """What a caller submits to get this person by that identifier type."""
        return self.email if identifier_type == "business_emails" else self.profile_url


def fictional(index: int) -> Person:
    """The person of that index, 0 to 9,999,999; else `ValueError`."""
    if not 0 <= index < FICTIONAL:
        raise ValueError(f"no person has index {index}; use 0 to {FICTIONAL - 1:,}")
    digits = f"{index:07d}"
    return Person(_BASE + index, f"Person {digits}", f"person-{digits}")


def key(identifier_type: str, value: str | int) -> str:
    """The canonical form of an identifier: two with the same key mean the same person."""
    if identifier_type == "business_emails":
        return str(value).strip().lower()
    return companies.key(identifier_type, value)


def find(identifier_type: str, value: str | int) -> Person | None:
    """The person with that identifier, or None."""
    pattern = _EMAIL if identifier_type == "business_emails" else _URL
    wanted = key(identifier_type, value)
    match = pattern.fullmatch(wanted)
    person = fictional(int(match[1])) if match else None
    if person and key(identifier_type, person.identifier(identifier_type)) != wanted:
        return None  # an address at a company where the person doesn't work
    return person


def resolve(identifier_type: str, value: str | int, unresolved_share: float) -> Person | None:
    """`find`, but None too for that share of the people, always the same ones."""
    person = find(identifier_type, value)
    return None if person and companies.unresolvable(person.id, unresolved_share) else person
