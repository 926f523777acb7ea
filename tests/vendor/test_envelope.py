"""An envelope is decoded, its record stays as it is, and what Postgres refuses is found first."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.vendor.envelope import MAX_DEPTH, BadEnvelope, decode, storable

SEED = (
    b'{"original_identifier": "acme.com", "internal_id": 7, '
    b'"data": {"crustdata_company_id": 7, "basic_info": {"name": "Acm\\u00e9"}}}'
)


def test_the_record_stays_the_bytes_that_the_vendor_wrote() -> None:
    envelope = decode(SEED)
    assert (envelope.original_identifier, envelope.internal_id) == ("acme.com", 7)
    record = b'{"crustdata_company_id": 7, "basic_info": {"name": "Acm\\u00e9"}}'
    assert bytes(envelope.data) == record
    assert storable(bytes(envelope.data)) == record.decode()


def test_an_identifier_may_be_a_number_and_the_internal_id_missing() -> None:
    envelope = decode(b' {"original_identifier":631394,"data": {} ,"new":[1]} \r')
    assert envelope.original_identifier == "631394"
    assert envelope.internal_id is None
    assert bytes(envelope.data) == b"{}"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"original_identifier":"a"}',
        b'{"data":{}}',
        b'{"original_identifier":null,"data":{}}',
        b'{"original_identifier":true,"data":{}}',
        b'{"original_identifier":1.5,"data":{}}',
        b'{"original_identifier":["a"],"data":{}}',
        b'{"original_identifier":"a","data":null}',
        b'{"original_identifier":"a","data":[]}',
        b'{"original_identifier":"a","data":"{}"}',
        b'{"original_identifier":"a","internal_id":"7","data":{}}',
        b'{"original_identifier":"a","internal_id":7.5,"data":{}}',
        b'{"original_identifier":"a","internal_id":9223372036854775808,"data":{}}',
        b'{"original_identifier":"a","internal_id":-9223372036854775809,"data":{}}',
        b'{"original_identifier":' + b"9" * 5000 + b',"data":{}}',
        b'{"original_identifier":"a\xff","data":{}}',
        b'{"original_identifier":"a","data":{"a":"\xff"}}',
        b'{"original_identifier":"a","data":{"a":"\xed\xa0\x80"}}',
        b'{"original_identifier":"a","data":{"a":"\\q"}}',
        b'{"original_identifier":"a","data":{"a":"\\u12g4"}}',
        b'{"original_identifier":"a","data":{"a":"\x01"}}',
        b'{"original_identifier":"a","data":{"a":NaN}}',
        b'{"original_identifier":"a","data":{"a":01}}',
        b'{"original_identifier":"a","data":{"a":1,}}',
        b'{"original_identifier":"a","data":{}}{}',
        b'{"original_identifier":"a","data":{"a":' + b"[" * 9999 + b"]" * 9999 + b"}}",
        b'\xef\xbb\xbf{"original_identifier":"a","data":{}}',
    ],
)
def test_what_is_no_envelope_is_refused_with_a_reason(line: bytes) -> None:
    with pytest.raises(BadEnvelope) as raised:
        decode(line)
    assert raised.value.reason
    assert len(raised.value.reason) < 200


@given(st.binary(max_size=60))
def test_any_bytes_are_an_envelope_or_a_bad_one(line: bytes) -> None:
    with pytest.raises(BadEnvelope):
        decode(line)


@given(st.binary(max_size=30), st.integers(0, len(SEED)))
def test_a_damaged_envelope_is_one_or_a_bad_one(noise: bytes, at: int) -> None:
    with suppress(BadEnvelope):
        storable(bytes(decode(SEED[:at] + noise + SEED[at:]).data))


# Characters that matter: NUL, halves of pairs, backslashes, and text that looks like escapes.
texts = st.lists(
    st.sampled_from(
        ["\0", "\ud800", "\udbff", "\udc00", "\udfff", "\\", "\\u0000", "u0000", "ud800"]
    )
    | st.characters(exclude_categories=()),
    max_size=12,
).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def replaced(value: Any) -> Any:
    """The value as jsonb can hold it: without NUL and halves of pairs."""
    if isinstance(value, str):
        joined = re.sub(
            "[\ud800-\udbff][\udc00-\udfff]",
            lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"),
            value,
        )
        return re.sub("[\0\ud800-\udfff]", "\ufffd", joined)
    if isinstance(value, list):
        return [replaced(item) for item in value]
    if isinstance(value, dict):
        return {replaced(name): replaced(item) for name, item in value.items()}
    return value


@given(st.dictionaries(texts, values, max_size=4))
def test_a_record_keeps_all_but_nul_and_halves_of_pairs(record: dict[str, Any]) -> None:
    found = storable(json.dumps(record).encode())
    assert json.loads(found) == replaced(record)
    found.encode()  # no half of a pair is left


@given(st.dictionaries(texts, values, max_size=4))
def test_a_record_without_them_is_not_changed(record: dict[str, Any]) -> None:
    for ascii_only in (True, False):
        raw = json.dumps(replaced(record), ensure_ascii=ascii_only).encode()
        assert storable(raw) == raw.decode()


@pytest.mark.parametrize(
    ("record", "stored"),
    [
        (rb'{"a":"\u0000"}', r'{"a":"\ufffd"}'),
        (rb'{"a":"\\u0000"}', r'{"a":"\\u0000"}'),
        (rb'{"a":"\\\u0000"}', r'{"a":"\\\ufffd"}'),
        (rb'{"a":"\uD83D\uDE00"}', r'{"a":"\uD83D\uDE00"}'),
        (rb'{"a":"\ud83d\ud83d\ude00"}', r'{"a":"\ufffd\ud83d\ude00"}'),
        (rb'{"a":"\ude00\ud83d"}', r'{"a":"\ufffd\ufffd"}'),
        (rb'{"a":"\ud83d\\ude00"}', r'{"a":"\ufffd\\ude00"}'),
        (rb'{"\u0000":1}', r'{"\ufffd":1}'),
    ],
)
def test_only_real_escapes_are_replaced(record: bytes, stored: str) -> None:
    assert storable(record) == stored


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_records_nested_too_deeply_are_refused() -> None:
    assert storable(nested(MAX_DEPTH))
    with pytest.raises(BadEnvelope, match="nested deeper"):
        storable(nested(MAX_DEPTH + 1))


def test_many_brackets_are_not_deep_nesting() -> None:
    assert storable(json.dumps({"a": [[]] * 1000, "b": '["{[' * 1000 + '\\"['}).encode())


@pytest.mark.parametrize(
    "number",
    [
        "1e131071",
        "-9.9E+131071",
        "9" * 131_072,
        "1e-16383",
        "0." + "0" * 16_382 + "1",
        "1e0001",
        "1.5e-0007",
        "123456789.000001e12",
    ],
)
def test_numbers_that_postgres_holds_are_let_through(number: str) -> None:
    record = f'{{"a":{number}}}'
    assert storable(record.encode()) == record


@pytest.mark.parametrize(
    "number",
    [
        "1e131072",
        "10E131071",
        "-1e+999999999999999999999",
        "1" + "0" * 131_072,
        "1e-16384",
        "0." + "0" * 16_383 + "1",
        "1.25e-16382",
    ],
)
def test_numbers_that_postgres_does_not_hold_are_refused(number: str) -> None:
    with pytest.raises(BadEnvelope, match="number"):
        storable(f'{{"b":"\\"1e999999","a":[1,{number}]}}'.encode())


def test_what_only_looks_like_such_a_number_is_text() -> None:
    record = json.dumps({"a": "1e131072 \\", "1e999999": "9" * 200_000, "b": [-1.5e3]})
    assert storable(record.encode()) == record
