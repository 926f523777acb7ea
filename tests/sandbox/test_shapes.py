"""The shapes in which results files come."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Sandbox, SandboxError, companies
from sandbox.shapes import SHAPES, Shape, write

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

DOMAINS = [companies.fictional(index).domain for index in range(10)]
BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"


def unpacked(content: bytes) -> bytes:
    while content.startswith(GZIP):
        content = gzip.decompress(content)
    return content


def lines(content: bytes) -> list[Any]:
    """What a careful reader makes of a file of any shape."""
    text = unpacked(content).removeprefix(BOM).decode()
    return [json.loads(line) for line in text.splitlines() if line.strip()]


@given(
    st.lists(st.lists(st.integers(), min_size=1), min_size=1),
    st.sets(st.sampled_from(sorted(SHAPES))),
)
def test_every_shape_holds_the_same_lines(pieces: list[list[int]], shapes: set[Shape]) -> None:
    content = write([[b"%d\n" % number for number in piece] for piece in pieces], shapes)
    assert lines(content) == [number for piece in pieces for number in piece]
    text = unpacked(content)
    assert content.startswith(GZIP) is ("plain" not in shapes)
    assert text.startswith(BOM) is ("bom" in shapes)
    assert text.count(BOM) <= 1
    assert text.endswith(b"\n") is not ("no_last_newline" in shapes)
    if "gzip_twice" in shapes and "plain" not in shapes:
        assert gzip.decompress(content).startswith(GZIP)


def test_several_members_follow_each_other() -> None:
    several = write([[b"1\n", b"2\n"]], ["members"])
    assert several == write([[b"1\n"], [b"2\n"]], []) != write([[b"1\n", b"2\n"]], [])


@pytest.mark.integration
@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("how", ["setting", "submit"])
def test_a_job_s_files_have_their_shape_for_good(
    caller: Caller, sandbox: Sandbox, shape: str, how: str
) -> None:
    sandbox.set(part_lines=4)
    if how == "setting":
        sandbox.set(results_shape=shape)
    else:
        sandbox.fault("submit", shape)
    batch_id = caller.submit(domains=DOMAINS)
    sandbox.set(results_shape=None)
    sandbox.advance(60)
    answer = caller.status(batch_id)
    assert answer["result_count"] == 10
    plain = [json.dumps(line) for line in lines(caller.download(answer["download_url"]).content)]
    assert len(plain) == 10
    parts = [caller.download(link).content for link in answer["download_urls"]]
    assert [json.dumps(line) for part in parts for line in lines(part)] == plain
    for part in parts:
        text = unpacked(part)
        assert part.startswith(GZIP) is (shape != "plain")
        assert text.startswith(BOM) is (shape == "bom")
        assert (b"\r\n" in text) is (shape == "crlf")
        assert text.endswith(b"\n") is (shape != "no_last_newline")
        assert (b"\n\n" in text) is (shape == "blank_lines")


@pytest.mark.integration
def test_shapes_can_be_combined(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.set(results_shape=["plain", "bom", "crlf"])
    sandbox.fault("submit", "bad_line")
    batch_id = caller.submit(domains=DOMAINS)
    sandbox.advance(60)
    content = caller.download(caller.status(batch_id)["download_url"]).content
    assert content.startswith(BOM)
    assert content.count(b"\r\n") == content.count(b"\n") == 11


@pytest.mark.integration
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_one_transfer_may_have_another_shape(caller: Caller, sandbox: Sandbox, shape: str) -> None:
    batch_id = caller.submit(domains=DOMAINS)
    sandbox.advance(60)
    link = caller.status(batch_id)["download_urls"][0]
    whole = caller.download(link)
    sandbox.fault("download", shape)
    other = caller.download(link)
    assert other.content != whole.content
    assert other.headers["etag"] != whole.headers["etag"]
    assert lines(other.content) == lines(whole.content)
    assert caller.download(link).content == whole.content


@pytest.mark.integration
def test_an_unknown_shape_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="results_shape"):
        sandbox.set(results_shape="zip")
