"""The lines of a results file come out whole and in order, with bounded memory, or not at all."""

from __future__ import annotations

import functools
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
from manager.vendor.unpack import LAYERS

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
    parts = [pack(raw[a:b]) for a, b in pairwise(edges)]
    with TemporaryDirectory() as directory:
        assert read(written(Path(directory), parts)) == content


def twice(text: bytes) -> bytes:
    return pack(pack(text))


def in_blocks(text: bytes) -> bytes:
    """Packed in members of a few bytes, as some packers do, and packed again so."""
    inner = pack(text)
    return b"".join(pack(inner[at : at + 7]) for at in range(0, len(inner), 7))


# Without the time, which would make the tests' ids different ones in each process.
pack = functools.partial(gzip.compress, mtime=0)
MARK = b"\xef\xbb\xbf"
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda text: text,
    "once": gzip.compress,
    "twice": twice,
    "four times": lambda text: twice(twice(text)),
    "in blocks": in_blocks,
    "byte by byte": lambda text: b"".join(pack(bytes([it])) for it in text),
}
WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "as ever": lambda text: text,
    "with a mark": lambda text: MARK + text,
    "CRLF": lambda text: MARK + text.replace(b"\n", b"\r\n"),
    "CR": lambda text: text.replace(b"\n", b"\r"),
    "blank lines": lambda text: b"\n \n" + text.replace(b"\n", b"\r\n\n\t\n"),
    "no last end": lambda text: text.removesuffix(b"\n"),
    "a mark, no last end": lambda text: MARK + text.removesuffix(b"\n"),
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("as_written", WRITTEN.values(), ids=WRITTEN)
def test_lines_are_read_as_they_come(
    write: Write, packed: Callable[[bytes], bytes], as_written: Callable[[bytes], bytes]
) -> None:
    parts = [b'{"a":"\xef\xbb\xbf1"}\n{"b":[2]}\n', b'{"c":3}\n', b'{"d":4}\n']
    expected = b"".join(parts).splitlines()
    files = [packed(as_written(part)) for part in parts]
    assert read(write(*files)) == expected, "in parts"
    members = [it if packed(b"{}") != b"{}" else pack(it) for it in files]
    assert read(write(b"".join(members))) == expected, "in members of one file"


def test_parts_need_not_be_packed_alike(write: Write) -> None:
    found = read(write(b'{"a":1}', pack(MARK + b'{"b":2}'), twice(b'{"c":'), b"3}"))
    assert found == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


def test_a_mark_in_the_midst_of_a_line_is_none_of_its_text(write: Write) -> None:
    assert read(write(pack(b'{"a":'), pack(MARK + b"1}\n"))) == [b'{"a":1}']


def test_zeros_after_a_member_are_padding_inside_of_another_too(write: Write) -> None:
    inner = pack(b'{"a":1}\n')
    [path] = write(pack(inner) + pack(b"\0" * 512))
    assert read([path]) == [b'{"a":1}']


def test_what_is_packed_for_ever_is_corrupt(write: Write) -> None:
    content = b'{"a":1}'
    for _ in range(LAYERS):
        content = pack(content)
    assert read(write(content)) == [b'{"a":1}']
    with pytest.raises(ResultsCorrupt, match="packed more than 4 times"):
        read(write(pack(content)))


def test_blank_lines_are_skipped_and_carriage_returns_do_no_harm(write: Write) -> None:
    [path] = write(pack(b'\n\n{"a":1}\r\n \r\n\t\n{"b":2}\n\n'))
    assert read([path]) == [b'{"a":1}', b'{"b":2}']


@pytest.mark.parametrize("content", [b"", pack(b""), pack(b"\n")])
def test_an_empty_file_has_no_lines(write: Write, content: bytes) -> None:
    assert read(write(content)) == []


def test_zeros_after_a_member_are_padding(write: Write) -> None:
    member = pack(b'{"a":1}\n')
    [path] = write(member + b"\0" * 70_000 + member + b"\0" * 512)
    assert len(read([path])) == 2


def test_a_file_cut_off_anywhere_is_corrupt(write: Write) -> None:
    whole = pack(b'{"a":1}\n{"b":2}\n')
    for length in range(1, len(whole)):
        with pytest.raises(ResultsCorrupt, match=r"part-000\.jsonl\.gz is cut off at byte \d+"):
            read(write(whole[:length]))


def test_a_second_member_cut_off_is_corrupt_too(write: Write) -> None:
    member = pack(b'{"a":1}\n')
    with pytest.raises(ResultsCorrupt):
        read(write(member + member[:-1]))


def test_what_was_whole_before_the_corruption_has_been_given(write: Write) -> None:
    content = b"".join(b'{"a":%d}\n' % n for n in range(200_000))
    found: list[bytes] = []
    with pytest.raises(ResultsCorrupt):
        found.extend(lines(write(pack(content)[:-8]), limits()))
    assert found == content.splitlines()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],  # the checksum
        lambda whole: whole[:-1] + b"\x7f",  # the length
        lambda whole: whole + b"trailing",
        lambda whole: whole + b'{"a":1}\n',
        lambda whole: pack(whole + b"trailing"),
        lambda whole: pack(whole[:-1] + b"\x7f"),
    ],
    ids=["checksum", "length", "trailing", "trailing line", "trailing inside", "length inside"],
)
def test_what_is_not_as_it_was_packed_is_corrupt(
    write: Write, spoil: Callable[[bytes], bytes]
) -> None:
    whole = pack(b'{"a":1}\n' * 100)
    with pytest.raises(ResultsCorrupt, match=r"part-000\.jsonl\.gz near byte \d+ is corrupt"):
        read(write(spoil(whole)))


NO_LINES = {
    "HTML": b"\n<!DOCTYPE html>\n<html><body>Bad gateway</body></html>\n",
    "XML": b'\xef\xbb\xbf<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "an array": b'[{"a":1},{"a":2}]',
    "an array in lines": b'[\n{"a":1},\n{"a":2}\n]\n',
}
NOT_PLAIN = {
    "ZIP": b"PK\x03\x04\n",
    "zeros": b"\0" * 512,
    "zeros before": b"\0" + pack(b'{"a":1}'),
    "a word": b"Forbidden",
    "no object": b'null\n{"a":1}\n',
    "UTF-16": '\ufeff{"a":1}\n'.encode("utf-16-le"),
}


@pytest.mark.parametrize("content", [*NO_LINES.values(), *NOT_PLAIN.values()])
@pytest.mark.parametrize("part", [0, 1])
def test_what_is_neither_gzip_nor_lines_is_corrupt(write: Write, part: int, content: bytes) -> None:
    with pytest.raises(
        ResultsCorrupt, match=rf"part-00{part}\.jsonl\.gz is (neither|a JSON array)"
    ):
        read(write(*[b'{"b":1}\n'] * part, content))


@pytest.mark.parametrize("content", NO_LINES.values(), ids=NO_LINES)
def test_a_page_that_was_packed_on_the_way_is_corrupt_too(write: Write, content: bytes) -> None:
    with pytest.raises(ResultsCorrupt, match=r"part-000\.jsonl\.gz is (neither|a JSON array)"):
        read(write(pack(content)))


def test_a_line_that_gzip_vouches_for_is_no_reason_to_lose_the_others(write: Write) -> None:
    assert read(write(pack(b'oops\n{"a":1}\n'))) == [b"oops", b'{"a":1}']


def test_a_plain_file_cut_off_within_a_line_is_corrupt(write: Write) -> None:
    whole = b'{"a":1}\n{"b":2}'
    for length in range(9, len(whole)):
        with pytest.raises(ResultsCorrupt, match=r"part-000.*cut off"):
            read(write(whole[:length]))


def test_the_corrupt_part_is_named(write: Write) -> None:
    with pytest.raises(ResultsCorrupt, match="part-001"):
        read(write(pack(b"{}\n"), b"nonsense"))


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("length", [1024, 1025, 3_000_000])
def test_a_line_over_the_limit_is_too_large(write: Write, length: int, end: bytes) -> None:
    paths = write(pack(b'{"a":1}\n' + b"x" * length + end))
    if length <= 1024:
        assert len(list(lines(paths, limits(merge_max_line=1024)))) == 2
    else:
        with pytest.raises(ResultsTooLarge, match="merge_max_line = 1024"):
            list(lines(paths, limits(merge_max_line=1024)))


def test_a_line_that_runs_on_through_parts_is_bounded_too(write: Write) -> None:
    with pytest.raises(ResultsTooLarge, match="merge_max_line"):
        list(lines(write(*[pack(b"x" * 600)] * 2), limits(merge_max_line=1024)))


def test_more_bytes_than_the_limit_are_too_large(write: Write) -> None:
    paths = write(pack(b"{}\n" * 1000), pack(b"{}\n" * 1000))
    assert len(list(lines(paths, limits(merge_max_bytes=6000)))) == 2000
    with pytest.raises(ResultsTooLarge, match="merge_max_bytes = 5999"):
        list(lines(paths, limits(merge_max_bytes=5999)))


def bomb(size: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=31)
    for _ in range(size // 2**20):
        yield packer.compress((b" " * 63 + b"\n") * 2**14)
    yield packer.flush()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_decompression_bomb_takes_little_memory(write: Write, layers: int) -> None:
    content = b"".join(bomb(64 * 2**20))
    for _ in range(layers - 1):
        content = pack(content)
    paths = write(content)
    tracemalloc.start()
    try:
        with pytest.raises(ResultsTooLarge, match="merge_max_bytes"):
            list(lines(paths, limits(merge_max_bytes=32 * 2**20)))
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()
