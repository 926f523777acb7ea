"""Endpoints: what can be bought of the vendor, each of them a value.

A new one is a declaration here, and its place in the sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manager.errors import InvalidRequestError, quoted
from manager.identifiers import IdentifierType

_SEPARATORS = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One batch route of the vendor that a job can be submitted to.

    name: as callers and the ledger write it, `company/enrich`. entity, action: as the vendor
    shows its jobs. identifier_types: what a job may be made of. job_size: most identifiers in
    one job. id_field: the record's top-level field that says whose it is, an integer; a record
    without it is known by its envelope's internal_id.
    fields_required: whether a job without fields is refused.
    """

    name: str
    entity: str
    action: str
    identifier_types: tuple[IdentifierType, ...]
    job_size: int
    id_field: str
    fields_required: bool = False

    @property
    def path(self) -> str:
        """The route's path below the vendor's URL."""
        return f"/batch/{self.name}"

    def may_be(self, entity: str | None, action: str | None) -> bool:
        """Whether a job that the vendor shows so may be of this endpoint.

        What is not said does not count against it. Older jobs show variants of the entity, such
        as `company_v2024` [docs].
        """
        entity, action = _plain(entity), _plain(action)
        alike = entity in ("", self.entity) or entity.startswith(f"{self.entity}_")
        return alike and action in ("", self.action)

    def check(self, identifier_type: str, fields: Sequence[str]) -> None:
        """Raise InvalidRequestError unless a job may be made of these."""
        if identifier_type not in self.identifier_types:
            raise InvalidRequestError(
                f"identifier_type: {identifier_type!r} is none of {self.name}, "
                f"which takes {_listed(self.identifier_types)}."
            )
        if self.fields_required and not fields:
            raise InvalidRequestError(f"fields: {self.name} needs some; say what is to be bought.")


ENDPOINTS: Mapping[str, Endpoint] = {
    it.name: it
    for it in (
        Endpoint(
            name="company/enrich",
            entity="company",
            action="enrich",
            identifier_types=(
                "domains",
                "names",
                "professional_network_profile_urls",
                "crustdata_company_ids",
            ),
            job_size=10_000,
            id_field="crustdata_company_id",
        ),
        Endpoint(
            name="person/enrich",
            entity="person",
            action="enrich",
            identifier_types=("professional_network_profile_urls", "business_emails"),
            job_size=10_000,
            id_field="crustdata_person_id",
        ),
        Endpoint(
            name="person/contact/enrich",
            entity="person",
            action="contact_enrich",
            identifier_types=("professional_network_profile_urls",),
            job_size=300,
            id_field="crustdata_person_id",
            fields_required=True,
        ),
    )
}


def endpoint(name: str) -> Endpoint:
    """The endpoint of that name. Raises InvalidRequestError when there is none."""
    found = ENDPOINTS.get(name) if isinstance(name, str) else None
    if found is None:
        raise InvalidRequestError(f"endpoint: {quoted(name)} is not one of {', '.join(ENDPOINTS)}.")
    return found


def _plain(word: str | None) -> str:
    return _SEPARATORS.sub("_", (word or "").strip().casefold())


def _listed(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
