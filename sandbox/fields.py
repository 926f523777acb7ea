"""A catalogue of the fields that a record can have, and how records are made from it.

Every value follows from the subject's id alone: the same one gives the same record under every
identifier type, in every process.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sandbox.companies import mix

Maker = Callable[[Any, int], Any]
"""Makes a value from a subject (a company, a person) and a number scattered from its id."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    salt: int
    make: Maker


Plan = dict[str, "_Leaf | Plan"]
"""What to render, as a tree."""


class Catalogue:
    """Fields by dotted path, each with its type and how its value is made.

    `default` are the leaves and groups that are in every record, asked for or not.
    """

    def __init__(
        self, fields: Mapping[str, tuple[str, Maker]], *, default: tuple[str, ...] = ()
    ) -> None:
        self._leaves = {
            path: _Leaf(salt, make) for salt, (path, (_, make)) in enumerate(fields.items())
        }
        self._default = default
        self.types: dict[str, str] = {path: kind for path, (kind, _) in fields.items()}
        self.selectable = tuple(sorted({part for path in fields for part in _prefixes(path)}))
        """Every value `fields` may hold: a leaf, or any group, which stands for all its leaves."""
        self.plan = functools.lru_cache(maxsize=256)(self._plan)
        """What to render for a field selection."""

    def unsupported(self, fields: Iterable[str]) -> list[str]:
        """Those of the fields that can't be selected: neither a leaf nor a group of leaves."""
        return [field for field in fields if field not in self.selectable]

    def chosen(self, fields: tuple[str, ...]) -> list[str]:
        """The leaves of a field selection: those of the default set and of those fields."""
        chosen = {*self._default, *fields}
        return [path for path in self._leaves if not chosen.isdisjoint(_prefixes(path))]

    def record(self, subject: Any, chosen: Plan) -> dict[str, Any]:
        """The `data` of an envelope: the chosen leaves in their groups."""
        return {
            name: child.make(subject, mix(subject.id, child.salt))
            if isinstance(child, _Leaf)
            else self.record(subject, child)
            for name, child in chosen.items()
        }

    def values(self, subject: Any, chosen: Plan) -> int:
        """How many of the chosen leaves are not empty."""
        return sum(
            bool(child.make(subject, mix(subject.id, child.salt)))
            if isinstance(child, _Leaf)
            else self.values(subject, child)
            for child in chosen.values()
        )

    def _plan(self, fields: tuple[str, ...]) -> Plan:
        tree: Plan = {}
        for path in self.chosen(fields):
            *groups, name = path.split(".")
            node = tree
            for group in groups:
                node = node.setdefault(group, {})  # type: ignore[assignment]
            node[name] = self._leaves[path]
        return tree


def _prefixes(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


# Makers of values that any subject may have


def pick(*values: Any) -> Maker:
    """One of these."""
    return lambda _, seed: values[seed % len(values)]


def some(*values: Any) -> Maker:
    """A list of some of these, perhaps none."""
    return lambda _, seed: [value for bit, value in enumerate(values) if seed >> bit & 1]


def between(low: int, high: int) -> Maker:
    """An integer from `low` to `high`."""
    return lambda _, seed: low + seed % (high - low + 1)


def percent(low: int, high: int) -> Maker:
    """A number from `low` to `high` with two decimals."""
    return lambda _, seed: round(low + seed % 10_000 * (high - low) / 10_000, 2)


def day(_: Any, seed: int) -> str:
    """A date from 2015 on."""
    return (date(2015, 1, 1) + timedelta(days=seed % 4_000)).isoformat()


_PLACES = (
    ("Lisbon", "Lisbon", "Portugal", "PRT"),
    ("Toronto", "Ontario", "Canada", "CAN"),
    ("Leeds", "England", "United Kingdom", "GBR"),
    ("Austin", "Texas", "United States", "USA"),
    ("Pune", "Maharashtra", "India", "IND"),
    ("Lyon", "Auvergne-Rhône-Alpes", "France", "FRA"),
    ("Osaka", "Osaka", "Japan", "JPN"),
)


def place(part: int) -> Maker:
    """The city (0), region (1), country (2) or country code (3) of the subject's one place."""
    return lambda subject, _: _PLACES[subject.id % len(_PLACES)][part]
