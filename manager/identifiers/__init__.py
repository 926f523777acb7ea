"""Normalises identifiers: what is sent to the vendor, and the key that decides sameness.

Conservative on purpose: two spellings share a key only when they surely mean the same, since
sameness decides what is bought once. What is sent normalises to its own key, by the rules of the
releases before, too, since their daemons may be the ones that read what comes back.
"""

from __future__ import annotations

from collections.abc import Callable

from manager.identifiers.domains import domain
from manager.identifiers.emails import email
from manager.identifiers.ids import MAX_ID, company_id
from manager.identifiers.names import name
from manager.identifiers.profile_urls import profile_url
from manager.identifiers.types import IDENTIFIER_TYPES, Identifier, IdentifierType
from manager.identifiers.values import MISSING, TOO_LARGE, is_missing, largest_exact, plain

__all__ = [
    "IDENTIFIER_TYPES",
    "MAX_ID",
    "MISSING",
    "NORMALISERS",
    "TOO_LARGE",
    "Identifier",
    "IdentifierType",
    "is_missing",
    "largest_exact",
    "normalise",
    "plain",
    "submitted",
]

NORMALISERS: dict[str, Callable[[object], Identifier]] = {
    "domains": domain,
    "names": name,
    "professional_network_profile_urls": profile_url,
    "crustdata_company_ids": company_id,
    "business_emails": email,
}


def normalise(identifier_type: IdentifierType, value: object) -> Identifier:
    """Return the key and the submitted form of `value`.

    Raises ValueError with the reason when it cannot be an identifier of that type.
    """
    return NORMALISERS[identifier_type](value)


def submitted(identifier_type: str, identifier: str) -> str | int:
    """The identifier, normalised, as the JSON value that the vendor wants."""
    return int(identifier) if identifier_type == "crustdata_company_ids" else identifier
