"""What an identifier is, and the types there are."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

IdentifierType = Literal[
    "domains",
    "names",
    "professional_network_profile_urls",
    "crustdata_company_ids",
    "business_emails",
]
IDENTIFIER_TYPES: tuple[str, ...] = get_args(IdentifierType)


class Identifier(NamedTuple):
    """A normalised identifier: what decides sameness, and what is submitted."""

    key: str
    identifier: str
