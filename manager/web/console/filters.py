"""The form of a filter: what can be asked of a kind, as fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from manager.endpoints import ENDPOINTS
from manager.identifiers import IDENTIFIER_TYPES
from manager.ledger.states import EnrichmentState, JobState, Whose
from manager.operator.chosen import FILTERS, METADATA, REQUEST_STATES, Chosen, Kind
from manager.vendor.stage import Stage

STATES: Mapping[Kind, Sequence[str]] = {
    "job": tuple(JobState),
    "request": REQUEST_STATES,
    "enrichment": tuple(EnrichmentState),
    "vendor_job": tuple(Stage),
}
# What is asked for rarely is folded away until it is given.
SELDOM = {"endpoint", "type", "lane", "id", "job", "request", "until", "open"}
# What is shown in an empty field: the filter's own help is too long for it.
HINTS = {
    "since": "2h, 7d, 2026-11-01",
    "until": "1h, 2026-11-02",
    "reason": "a part of it",
    "identifier": "stripe.com",
    "metadata": "key=value",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form. options: what can be chosen; several: more than one of them; hint:
    an example.
    """

    name: str
    value: str
    help: str
    options: Sequence[str] = ()
    several: bool = False
    hint: str = ""

    @property
    def seldom(self) -> bool:
        """Whether it may be folded away."""
        return self.name in SELDOM and not self.value


def form(chosen: Chosen, accounts: Sequence[str]) -> list[Field]:
    """The fields for what is chosen, filled in."""
    return list(_fields(chosen, accounts))


def _fields(chosen: Chosen, accounts: Sequence[str]) -> Iterator[Field]:
    options = {
        "account": accounts,
        "endpoint": tuple(ENDPOINTS),
        "type": IDENTIFIER_TYPES,
    }
    several = {"state": STATES.get(chosen.kind, ()), "whose": tuple(Whose)}
    for name, it in FILTERS[chosen.kind].items():
        value = chosen.given.get(name, "")
        if name == "account" and len(accounts) < 2 and not value:
            continue
        if name in several:
            yield Field(name, value, it.help, several[name], several=True)
        elif name == "metadata":
            yield Field(name, _metadata(chosen), it.help, hint=HINTS[name])
        else:
            yield Field(name, value, it.help, options.get(name, ()), hint=HINTS.get(name, ""))


def _metadata(chosen: Chosen) -> str:
    """As it is typed in the form: one key and its value."""
    for name, value in chosen.given.items():
        if name.startswith(METADATA):
            return f"{name.removeprefix(METADATA)}={value}"
    return ""


def typed(given: Mapping[str, str]) -> dict[str, str]:
    """What a form has sent, as a filter: its metadata's key is typed as a part of the value."""
    made = {name: value for name, value in given.items() if name != "metadata"}
    if text := given.get("metadata", "").strip():
        key, _, value = text.partition("=")
        made[METADATA + key.strip()] = value.strip()
    return made
