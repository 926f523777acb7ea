"""The lines of a results file come out whole and in order, with bounded memory, or not at all."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.settings import Settings
from manager.vendor.download import ResultsCorrupt, ResultsTooLarge, lines

Write = Callable[..., list[Path]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return lambda *contents: written(tmp_path, contents)


def written(directory: Path, contents: Sequence[bytes]) -> list[Path]:
    paths = [directory / f"part-{n:03}.jsonl.gz" for n in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def limits(**limits: int) -> Settings:
    return Settings.model_construct(
        **({"merge_max_line": 2**24, "merge_max_bytes": 2**34} | limits)  # type: ignore[arg-type]
    )


def read(paths: list[Path]) -> list[bytes]:
    return list(lines(paths, limits()))


objects = st.binary(max_size=40).map(lambda raw: b'{"a": "%s"}' % raw.hex().encode())


@given(
    parts=st.lists(st.lists(st.lists(objects, max_size=5), max_size=3), max_size=4),
    ends=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_every_line_of_every_member_of_every_part_comes_out_in_order(
    parts: list[list[list[bytes]]], ends: bool
) -> None:
    contents = []
    for members in parts:
        raw = [b"".join(line + b"\n" for line in member) for member in members]
        if raw and not ends:
            raw[-1] = raw[-1].removesuffix(b"\n")
        contents.append(b"".join(map(gzip.compress, raw)))
    with TemporaryDirectory() as directory:
        found = read(written(Path(directory), contents))
    assert found == [line for members in parts for member in members for line in member]


@given(content=st.lists(objects, min_size=1, max_size=6), cuts=st.lists(st.integers(0, 300)))
@settings(max_examples=60, deadline=None)
def test_parts_cut_without_regard_to_lines_are_joined(
    content: list[bytes], cuts: list[int]
) -> None:
    raw = b"\n".join(content)
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    parts = [gzip.compress(raw[a:b]) for a, b in pairwise(edges)]
    with TemporaryDirectory() as directory:
        assert read(written(Path(directory), parts)) == content


def test_blank_lines_are_skipped_and_carriage_returns_do_no_harm(write: Write) -> None:
    [path] = write(gzip.compress(b'\n\n{"a":1}\r\n \r\n\t\n{"b":2}\n\n'))
    assert [line.strip() for line in read([path])] == [b'{"a":1}', b'{"b":2}']


@pytest.mark.parametrize("content", [b"", gzip.compress(b""), gzip.compress(b"\n")])
def test_an_empty_file_has_no_lines(write: Write, content: bytes) -> None:
    assert read(write(content)) == []


def test_zeros_after_a_member_are_padding(write: Write) -> None:
    member = gzip.compress(b'{"a":1}\n')
    [path] = write(member + b"\0" * 70_000 + member + b"\0" * 512)
    assert len(read([path])) == 2


def test_a_file_cut_off_anywhere_is_corrupt(write: Write) -> None:
    whole = gzip.compress(b'{"a":1}\n{"b":2}\n')
    for length in range(1, len(whole)):
        with pytest.raises(ResultsCorrupt, match=r"part-000\.jsonl\.gz is cut off at byte \d+"):
            read(write(whole[:length]))


def test_a_second_member_cut_off_is_corrupt_too(write: Write) -> None:
    member = gzip.compress(b'{"a":1}\n')
    with pytest.raises(ResultsCorrupt):
        read(write(member + member[:-1]))


def test_what_was_whole_before_the_corruption_has_been_given(write: Write) -> None:
    content = b"".join(b'{"a":%d}\n' % n for n in range(200_000))
    found: list[bytes] = []
    with pytest.raises(ResultsCorrupt):
        found.extend(lines(write(gzip.compress(content)[:-8]), limits()))
    assert found == content.splitlines()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],  # the checksum
        lambda whole: whole[:-1] + b"\x7f",  # the length
        lambda whole: b"PK" + whole,
        lambda whole: b'{"a":1}\n',
        lambda whole: whole + b"trailing",
    ],
    ids=["checksum", "length", "no gzip", "plain text", "trailing"],
)
def test_what_is_not_as_it_was_written_is_corrupt(
    write: Write, spoil: Callable[[bytes], bytes]
) -> None:
    whole = gzip.compress(b'{"a":1}\n' * 100)
    with pytest.raises(ResultsCorrupt, match=r"part-000\.jsonl\.gz near byte \d+ is corrupt"):
        read(write(spoil(whole)))


def test_the_corrupt_part_is_named(write: Write) -> None:
    with pytest.raises(ResultsCorrupt, match="part-001"):
        read(write(gzip.compress(b"{}\n"), b"nonsense"))


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("length", [1024, 1025, 3_000_000])
def test_a_line_over_the_limit_is_too_large(write: Write, length: int, end: bytes) -> None:
    paths = write(gzip.compress(b'{"a":1}\n' + b"x" * length + end))
    if length <= 1024:
        assert len(list(lines(paths, limits(merge_max_line=1024)))) == 2
    else:
        with pytest.raises(ResultsTooLarge, match="merge_max_line = 1024"):
            list(lines(paths, limits(merge_max_line=1024)))


def test_a_line_that_runs_on_through_parts_is_bounded_too(write: Write) -> None:
    with pytest.raises(ResultsTooLarge, match="merge_max_line"):
        list(lines(write(*[gzip.compress(b"x" * 600)] * 2), limits(merge_max_line=1024)))


def test_more_bytes_than_the_limit_are_too_large(write: Write) -> None:
    paths = write(gzip.compress(b"{}\n" * 1000), gzip.compress(b"{}\n" * 1000))
    assert len(list(lines(paths, limits(merge_max_bytes=6000)))) == 2000
    with pytest.raises(ResultsTooLarge, match="merge_max_bytes = 5999"):
        list(lines(paths, limits(merge_max_bytes=5999)))


def bomb(size: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=31)
    for _ in range(size // 2**20):
        yield packer.compress(b"\n" * 2**20)
    yield packer.flush()


def test_a_decompression_bomb_takes_little_memory(write: Write) -> None:
    paths = write(b"".join(bomb(64 * 2**20)))
    tracemalloc.start()
    try:
        with pytest.raises(ResultsTooLarge):
            list(lines(paths, limits(merge_max_bytes=32 * 2**20)))
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()
