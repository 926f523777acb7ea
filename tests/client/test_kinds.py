"""Types of columns: one that loses nothing of any value, else JSON text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.client.kinds import Kind


def kind(*values: str) -> Kind:
    made = Kind()
    for value in values:
        made.see(value.encode())
    return made


@pytest.mark.parametrize(
    ("values", "scalar"),
    [
        (['"a"', "null", '"1"'], str),
        (["true", "false"], bool),
        (["1", "-9223372036854775808", "9223372036854775807"], int),
        (["1", "1.5", "null"], float),
        (["0.1", "0.30000000000000004", "1e3", "-0.00001234567"], float),
        (["1.10000000000000000000"], float),
    ],
)
def test_values_of_one_type_make_a_column_of_it(values: list[str], scalar: type[Any]) -> None:
    made = kind(*values)
    assert (made.scalar, made.is_json) == (scalar, False)
    assert [made.value(value.encode()) for value in values] == [json.loads(it) for it in values]


@pytest.mark.parametrize(
    "values",
    [
        ["9223372036854775808"],
        ["1", "123456789012345678901234567890"],
        ["9007199254740993", "1.5"],
        ["0.1234567890123456789"],
        ["1" + "0" * 400 + ".5"],
        ["0." + "0" * 400 + "1"],
        ["1" + "0" * 5_000],
        ["1", '"1"'],
        ["1", "true"],
        ['"a"', "[1]"],
        ['{"a": 1}', "1"],
        ["{}"],
        ["[]"],
        ["[[1]]"],
        ['[{"a": 1}]'],
        ['[1, "a"]'],
        ["[1]", '["a"]'],
        ["[9223372036854775808]"],
    ],
)
def test_what_no_type_holds_stays_json_text(values: list[str]) -> None:
    made = kind(*values)
    assert made.is_json
    assert [made.value(it.encode()) for it in values] == values
    assert made.value(b"null") is None


@pytest.mark.parametrize(
    ("values", "item"),
    [
        (['["a"]', "[]", "null", "[null]"], str),
        (["[1, 2]", "[3]"], int),
        (["[1]", "[2.5]"], float),
        (["[true]"], bool),
    ],
)
def test_lists_of_one_type_are_lists(values: list[str], item: type[Any]) -> None:
    made = kind(*values)
    assert (made.item, made.is_json) == (item, False)
    assert [made.value(value.encode()) for value in values] == [json.loads(it) for it in values]


def test_nothing_but_null_has_no_type() -> None:
    assert (kind("null").scalar, kind("null").is_json, kind().item) == (None, False, None)


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_no_number_changes(numbers: list[Decimal]) -> None:
    texts = [format(number, "f") for number in numbers]
    made = kind(*texts)
    for text in texts:
        value = made.value(text.encode())
        if isinstance(value, float):
            near = abs(Decimal(value) - Decimal(text))
            assert near <= abs(Decimal(text)) * Decimal(2) ** -53  # half a unit of its last place
        else:
            assert Decimal(value) == Decimal(text)
