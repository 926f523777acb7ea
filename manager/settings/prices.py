"""Prices and budgets: what a record costs, and how much may be bought in a day or a month."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from manager.endpoints import ENDPOINTS
from manager.settings.values import AccountName

MOST = Decimal(10**12)
TAG_LENGTH = 200


def is_tag(value: object) -> bool:
    """Whether a caller may tag a request with it: 1 to 200 printable characters."""
    return isinstance(value, str) and 0 < len(value) <= TAG_LENGTH and value.isprintable()


def _are_of_endpoints(prices: dict[str, Decimal]) -> dict[str, Decimal]:
    for endpoint in prices:
        if endpoint not in ENDPOINTS:
            raise ValueError(f"{endpoint[:80]!r} is not one of {', '.join(ENDPOINTS)}")
    return prices


def _is_tag(value: str) -> str:
    if not is_tag(value):
        raise ValueError(f"must be 1 to {TAG_LENGTH} printable characters")
    return value


def _is_timezone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (KeyError, OSError, ValueError):  # what a name that is none may lead to
        raise ValueError("is no time zone, such as UTC or Europe/Berlin") from None


Credits = Annotated[Decimal, Field(ge=0, le=MOST, decimal_places=6)]
Prices = Annotated[dict[str, Credits], AfterValidator(_are_of_endpoints)]
Timezone = Annotated[str, AfterValidator(_is_timezone)]
Per = Literal["day", "month"]


class Budget(BaseModel):
    """Most credits, or records, that may be spent in a day or a month; of an account, a tag, both,
    or, without either, in the whole ledger.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    account: AccountName | None = None
    tag: Annotated[str, AfterValidator(_is_tag)] | None = None
    per: Per
    credits: Credits | None = None
    records: Annotated[int, Field(ge=0, le=10**12)] | None = None
    hard: bool = False

    @model_validator(mode="after")
    def _caps_something(self) -> Budget:
        if self.credits is None and self.records is None:
            raise ValueError("needs credits = N, or records = N, or both")
        return self

    @property
    def name(self) -> str:
        """How it is called, wherever it is spoken of: `tag crm of account alpha, a day, hard`."""
        of = [f"tag {self.tag}"] if self.tag is not None else []
        of += [f"account {self.account}"] if self.account is not None else []
        return f"{' of '.join(of) or 'everything'}, a {self.per}{', hard' if self.hard else ''}"


def differ(budgets: list[Budget]) -> list[Budget]:
    """The budgets, each of which is another one. Raises ValueError."""
    seen: set[str] = set()
    for it in budgets:
        if it.name in seen:
            raise ValueError(f"there are two for {it.name}")
        seen.add(it.name)
    return budgets


def over(own: Mapping[str, Decimal] | None, common: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """An account's prices: its own, and where they are silent the common ones."""
    return {**common, **(own or {})}
