"""The endpoints that take batch jobs, as values: what each accepts, knows and gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from sandbox import catalogue, companies, people, person_catalogue
from sandbox.fields import Catalogue


class Subject(Protocol):
    """Whoever a record is about."""

    @property
    def id(self) -> int:
        """The id at the vendor."""

    def identifier(self, identifier_type: str, /) -> str | int:
        """What a caller submits to get it by that identifier type."""


class Universe(Protocol):
    """Everyone there is, as `sandbox.companies` and `sandbox.people` are."""

    def fictional(self, index: int, /) -> Subject:
        """The invented one of that index."""

    def key(self, identifier_type: str, value: str | int, /) -> str:
        """The canonical form of an identifier."""

    def find(self, identifier_type: str, value: str | int, /) -> Subject | None:
        """Who has that identifier."""

    def resolve(
        self, identifier_type: str, value: str | int, unresolved_share: float, /
    ) -> Subject | None:
        """The same, but None for that share of them."""


@dataclass(frozen=True, eq=False)
class Endpoint:
    """A route `POST /batch/<name>`; its jobs show `entity` and `action`.

    `identifier_types` has what each is made of; `most` identifiers a job. It bills by record,
    or by value: then what is listed without a value is neither fulfilled nor billed.
    """

    name: str
    entity: str
    action: str
    universe: Universe
    catalogue: Catalogue
    identifier_types: Mapping[str, type[str] | type[int]]
    most: int = 10_000
    fields_required: bool = False
    bills: Literal["record", "value"] = "record"

    def worth(self, subject: Subject, fields: tuple[str, ...]) -> int:
        """How many records, or values, its line is billed for; 0: it is not fulfilled."""
        if self.bills == "record":
            return 1
        return self.catalogue.values(subject, self.catalogue.plan(fields))

    def most_worth(self, fields: tuple[str, ...]) -> int:
        """The most that a line with these fields can be billed for."""
        if self.bills == "record":
            return 1
        return len(self.catalogue.chosen(fields))


COMPANY = Endpoint(
    name="company/enrich",
    entity="company",
    action="enrich",
    universe=companies,
    catalogue=catalogue.COMPANY,
    identifier_types={
        "names": str,
        "domains": str,
        "professional_network_profile_urls": str,
        "crustdata_company_ids": int,
    },
)
PERSON = Endpoint(
    name="person/enrich",
    entity="person",
    action="enrich",
    universe=people,
    catalogue=person_catalogue.PERSON,
    identifier_types={"professional_network_profile_urls": str, "business_emails": str},
)
CONTACT = Endpoint(
    name="person/contact/enrich",
    entity="person",
    action="contact_enrich",
    universe=people,
    catalogue=person_catalogue.CONTACT,
    identifier_types={"professional_network_profile_urls": str},
    most=300,
    fields_required=True,
    bills="value",
)

ENDPOINTS = {endpoint.name: endpoint for endpoint in (COMPANY, PERSON, CONTACT)}
