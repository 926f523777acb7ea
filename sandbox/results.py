"""Results files: gzipped JSON lines, an envelope each, made when first asked for.

The whole file is the parts in a row, unless the job's results come in another shape.
"""

import asyncio
import itertools
import random
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sandbox.companies import FICTIONAL, mix
from sandbox.fields import Plan
from sandbox.jobs import Flaw, Job
from sandbox.shapes import SHAPES, write

WHOLE = "results.jsonl.gz"


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
        """A copy that went wrong in that way, a content fault; the caller deletes it."""
        suffix = f"{how}-{next(self._altered)}"
        path = file.path.with_name(f"{file.path.name}.{suffix}")
        path.write_bytes(await asyncio.to_thread(_altered, file.path, job, how))
        return File(path, f'{file.etag[:-1]}-{suffix}"')

    def clear(self) -> None:
        """Delete all files."""
        self._made.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _make(self, job: Job) -> dict[str, File]:
        directory = self._directory / job.batch_id
        directory.mkdir(parents=True, exist_ok=True)
        pieces, shapes = _pieces(job), job.fate.shapes
        contents = {
            name: write([piece], shapes) for name, piece in zip(names(job), pieces, strict=True)
        }
        contents[WHOLE] = write(pieces, shapes) if shapes else b"".join(contents.values())
        for name, content in contents.items():
            (directory / name).write_bytes(content)
        return {
            name: File(directory / name, f'"{zlib.crc32(content):08x}-{len(content)}"')
            for name, content in contents.items()
        }


def _altered(path: Path, job: Job, how: str) -> bytes:
    content = path.read_bytes()
    if how == "truncate":
        return content[: len(content) * 2 // 3]
    if how == "corrupt":
        middle = len(content) // 2
        flipped = bytes(byte ^ 0xFF for byte in content[middle : middle + 4])
        return content[:middle] + flipped + content[middle + 4 :]
    pieces, shapes = _pieces(job), {*job.fate.shapes}
    if path.name != WHOLE:
        pieces = [pieces[names(job).index(path.name)]]
    if how in SHAPES:
        shapes.add(how)  # type: ignore[arg-type]
    elif how == "wrong_count":
        pieces[-1].pop()
    else:
        pieces[0] = _flawed(pieces[0], job, how)  # type: ignore[arg-type]
    return write(pieces, shapes)


def _pieces(job: Job) -> list[list[bytes]]:
    """The lines of a completed job's results, part by part."""
    lines = iter(_lines(job))
    return list(iter(lambda: list(itertools.islice(lines, job.part_lines)), []))


def _lines(job: Job) -> list[bytes]:
    values = job.identifiers.values()
    order = [place for place in range(job.delivered) if job.identifiers.resolved[place]]
    random.Random(job.batch_id).shuffle(order)  # noqa: S311
    plan = job.endpoint.catalogue.plan(job.fields)
    encode = msgspec.json.Encoder().encode
    lines = [encode(_envelope(job, place, values[place], plan)) + b"\n" for place in order]
    for flaw in job.fate.flaws:
        lines = _flawed(lines, job, flaw)
    return lines


def _envelope(job: Job, place: int, value: str | int, plan: Plan) -> dict[str, Any]:
    subject = job.endpoint.universe.find(job.identifier_type, value)
    if subject is None:
        raise LookupError(f"job {job.batch_id}: {value!r} resolved once and no longer does")
    return {
        "original_identifier": str(value),
        "internal_id": mix(place, zlib.crc32(job.batch_id.encode())) >> 16,
        "data": job.endpoint.catalogue.record(subject, plan),
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
    """An envelope that nobody asked for."""
    stranger = job.endpoint.universe.fictional(FICTIONAL - 1)
    value = stranger.identifier(job.identifier_type)
    envelope = _envelope(job, -1, value, job.endpoint.catalogue.plan(job.fields))
    return msgspec.json.encode(envelope) + b"\n"
