"""Results files: gzipped JSON lines, an envelope each, made when first asked for.

The whole file is the parts' gzip members in a row, so both hold the same bytes.
"""

import asyncio
import gzip
import itertools
import random
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sandbox import catalogue, companies
from sandbox.jobs import Flaw, Job

WHOLE = "results.jsonl.gz"
_LEVEL = 1


@dataclass(frozen=True)
class File:
    """A file to serve, with its entity tag."""

    path: Path
    etag: str


def part_name(number: int) -> str:
    """The name of a part, counted from 0."""
    return f"part-{number:05d}.jsonl.gz"


def names(job: Job) -> list[str]:
    """The names of the parts of a completed job's results."""
    count = job.result_count(job.ends)
    return [part_name(number) for number in range(-(-count // job.part_lines))]


class Results:
    """The results files of all jobs in a directory, each job's made once, in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: dict[str, asyncio.Task[dict[str, File]]] = {}
        self._altered = itertools.count(1)

    async def file(self, job: Job, name: str) -> File | None:
        """The whole file of a completed job or one of its parts; None if it has no such one."""
        making = self._made.get(job.batch_id)
        if making is None or (making.done() and making.exception()):
            making = asyncio.create_task(asyncio.to_thread(self._make, job))
            self._made[job.batch_id] = making
        return (await asyncio.shield(making)).get(name)

    async def altered(self, file: File, job: Job, how: str) -> File:
        """A copy that went wrong in that way; the caller deletes it."""
        suffix = f"{how}-{next(self._altered)}"
        path = file.path.with_name(f"{file.path.name}.{suffix}")
        data = await asyncio.to_thread(file.path.read_bytes)
        await asyncio.to_thread(path.write_bytes, alter(data, job, how))
        return File(path, f'{file.etag[:-1]}-{suffix}"')

    def clear(self) -> None:
        """Delete all files."""
        self._made.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _make(self, job: Job) -> dict[str, File]:
        directory = self._directory / job.batch_id
        directory.mkdir(parents=True, exist_ok=True)
        whole = 0
        files = {}
        with (directory / WHOLE).open("wb") as file:
            for name, lines in zip(names(job), _batched(_lines(job), job.part_lines), strict=True):
                member = _gzip(lines)
                whole = zlib.crc32(member, whole)
                file.write(member)
                (directory / name).write_bytes(member)
                files[name] = File(directory / name, f'"{zlib.crc32(member):08x}-{len(member)}"')
            files[WHOLE] = File(directory / WHOLE, f'"{whole:08x}-{file.tell()}"')
        return files


def alter(data: bytes, job: Job, how: str) -> bytes:
    """A gzip file that went wrong: one of the content faults, or a `Flaw`."""
    lines = gzip.decompress(data).splitlines(keepends=True)
    if how == "wrong_count":
        lines.pop()
    elif how in ("duplicate_envelope", "foreign_envelope", "bad_line"):
        lines = _flawed(lines, job, how)  # type: ignore[arg-type]
    packed = _gzip(lines)
    if how == "truncate":
        return packed[: len(packed) * 2 // 3]
    if how == "corrupt":
        middle = len(packed) // 2
        flipped = bytes(byte ^ 0xFF for byte in packed[middle : middle + 4])
        return packed[:middle] + flipped + packed[middle + 4 :]
    return packed


def _lines(job: Job) -> list[bytes]:
    """The envelopes of what resolves, in an order that is not the submitted one."""
    values = job.identifiers.values()
    order = list(range(len(values)))
    random.Random(job.batch_id).shuffle(order)  # noqa: S311
    plan = catalogue.plan(job.fields)
    encode = msgspec.json.Encoder().encode
    lines = [
        encode(_envelope(job, position, values[position], plan)) + b"\n"
        for position in order
        if job.identifiers.resolved[position]
    ]
    for flaw in job.flaws:
        lines = _flawed(lines, job, flaw)
    return lines


def _envelope(job: Job, position: int, value: str | int, plan: catalogue.Plan) -> dict[str, Any]:
    company = companies.find(job.identifier_type, value)
    if company is None:
        raise LookupError(f"job {job.batch_id}: {value!r} resolved once and no longer does")
    return {
        "original_identifier": str(value),
        "internal_id": companies.mix(position, zlib.crc32(job.batch_id.encode())) >> 16,
        "data": catalogue.record(company, plan),
    }


def _flawed(lines: list[bytes], job: Job, flaw: Flaw) -> list[bytes]:
    """The lines with one too many, in the middle."""
    extra: dict[Flaw, Callable[[], list[bytes]]] = {
        "duplicate_envelope": lambda: lines[:1],
        "foreign_envelope": lambda: [_foreign(job)],
        "bad_line": lambda: [b'{"original_identifier": "cut in the mid\n'],
    }
    middle = len(lines) // 2
    return [*lines[:middle], *extra[flaw](), *lines[middle:]]


def _foreign(job: Job) -> bytes:
    """An envelope of a company that nobody asked for."""
    stranger = companies.fictional(companies.FICTIONAL - 1)
    value = stranger.identifier(job.identifier_type)
    envelope = _envelope(job, -1, value, catalogue.plan(job.fields))
    return msgspec.json.encode(envelope) + b"\n"


def _gzip(lines: list[bytes]) -> bytes:
    return gzip.compress(b"".join(lines), _LEVEL, mtime=0)


def _batched(lines: list[bytes], size: int) -> list[list[bytes]]:
    rest = iter(lines)
    return list(iter(lambda: list(itertools.islice(rest, size)), []))
