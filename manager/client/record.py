"""A vendor's record, of which the ledger gives the text of its JSON: what a caller gets of it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

from manager.endpoints import ENDPOINTS

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WHOLE = re.compile(rb"-?[0-9]{1,19}\Z")
_IDS = range(-(2**63), 2**63)
# What int() takes, however low its limit is set.
_MOST_DIGITS = 640


def decoded(record: str) -> Any:
    """The record in Python's types; a number that neither int nor float can hold is a Decimal."""
    try:
        return _DECODER.decode(record)
    except ValueError:  # an integer of more digits than int() takes
        return json.loads(record, parse_int=_integer, parse_float=_float)


def members(text: str | bytes | msgspec.Raw) -> dict[str, msgspec.Raw] | None:
    """The members of a JSON object, each as the text that it is; None of what is no object."""
    try:
        return _MEMBERS.decode(text)
    except msgspec.ValidationError:
        return None


def vendor_id(endpoint: str, record: str | None, internal_id: int | None) -> int | None:
    """The vendor's id of what was found: the record's own where that is an integer, else the
    envelope's.
    """
    if record is None or endpoint not in ENDPOINTS:
        return internal_id
    own = (members(record) or {}).get(ENDPOINTS[endpoint].id_field)
    if own is not None and _WHOLE.match(text := bytes(own)) and int(text) in _IDS:
        return int(text)
    return internal_id


def _float(text: str) -> float | Decimal:
    number = float(text)
    return number if number - number == 0 else Decimal(text)


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _MOST_DIGITS else Decimal(text)


_DECODER = json.JSONDecoder(parse_float=_float)
