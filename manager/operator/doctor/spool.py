"""Spool: whether results can be downloaded here: space, rights, and what was left behind."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from manager.ledger.execute import first, rows
from manager.ledger.sql import Statements
from manager.operator.doctor.case import Case
from manager.operator.doctor.finding import Finding, each, ok, problem, warning
from manager.operator.doctor.reach import is_local
from manager.operator.trouble import TROUBLE
from manager.operator.words import counted, size
from manager.steps import keep
from manager.steps.tidy import RESOLVE_PREFIX

SQL = Statements("doctor")
# Records pack to a tenth or so of their size.
PACKED = 10
# With less free than that not even small results can be had.
LEAST = 256 * 2**20


@dataclass(frozen=True, slots=True)
class JobState:
    """A job's state, and whether it has ended."""

    id: UUID
    state: str
    ended: bool


def look(case: Case) -> Iterator[Finding]:
    """All of it."""
    yield from each((_rights, _space, _memory, _beside_postgres, _leftovers), case)


def _rights(case: Case) -> Iterator[Finding]:
    spool, there = case.context.spool_dir, _there(case.context.spool_dir)
    user = getpass.getuser()
    if not there.is_dir():
        yield problem(
            "rights",
            f"{spool} cannot be made: {there} is no directory",
            "Set spool_dir to another place, or move that away.",
        )
    elif not os.access(there, os.W_OK | os.X_OK):
        why = "the file system is read-only" if _is_read_only(there) else f"user {user} may not"
        yield problem(
            "rights",
            f"nothing can be written to {there}: {why}. No results can be downloaded",
            f"Set spool_dir to a place that the daemon's user may write to, or chown it: {there}.",
        )
    else:
        made = "" if there == spool else ", which is made when it is needed"
        yield ok("rights", f"{spool}{made}; user {user} may write there. Run this as the daemon's")


def _space(case: Case) -> Iterator[Finding]:
    settings, there = case.settings, _there(case.context.spool_dir)
    disk, state = shutil.disk_usage(there), os.statvfs(there)
    one = settings.merge_max_bytes // PACKED
    wanted = settings.worker_concurrency * one + settings.keep_bytes
    needs = (
        f"{counted(settings.worker_concurrency, 'merge')} at a time of files of up to {size(one)} "
        f"(merge_max_bytes, packed), and keep_bytes ({size(settings.keep_bytes)}), may need "
        f"{size(wanted)}"
    )
    free = f"{size(disk.free)} of {size(disk.total)} are free"
    if state.f_files and state.f_favail < 1_000:
        yield problem(
            "files",
            f"{there} has room for {state.f_favail} files, and then for none",
            "Remove what is not needed.",
        )
    if disk.free < LEAST:
        yield problem("space", f"{free}; merges fail", "Make room, or set spool_dir elsewhere.")
    elif disk.free < wanted:
        yield warning(
            "space",
            f"{free}; {needs}",
            "Enough for ordinary jobs, some 100 MB each; for the largest make room, or set "
            "spool_dir elsewhere.",
        )
    else:
        yield ok("space", f"{free}; {needs}")


def _memory(case: Case) -> Iterator[Finding]:
    kind = _file_system(_there(case.context.spool_dir))
    if kind in {"tmpfs", "ramfs"}:
        yield warning(
            "kind",
            f"{case.context.spool_dir} is on a {kind}: results files take memory",
            "Set spool_dir to a disk.",
        )
    elif kind in {"nfs", "nfs4", "cifs", "fuse.sshfs"}:
        yield warning(
            "kind",
            f"{case.context.spool_dir} is on a network ({kind}): each results file goes over it "
            "three times",
            "Set spool_dir to a disk of this machine; no other needs it.",
        )


def _beside_postgres(case: Case) -> Iterator[Finding]:
    """Where Postgres is on this machine: whether a full spool would stop it."""
    try:
        with case.ledger() as connection:
            directory = first(connection, SQL.data_directory, str, {})
            local = is_local(connection.info)
    except TROUBLE:
        return  # what is found of Postgres says why
    if not local or not directory:
        return
    there = _there(case.context.spool_dir)
    with suppress(OSError):
        if Path(directory).stat().st_dev != there.stat().st_dev:
            yield ok("disk", "another than Postgres's")
            return
        few = shutil.disk_usage(there).free < 10 * 2**30
        text = "the same as Postgres's: a results file that fills it stops Postgres, too"
        if few:
            yield warning("disk", text, "Set spool_dir to another disk, or lower merge_max_bytes.")
        else:
            yield ok("disk", text)


def _leftovers(case: Case) -> Iterator[Finding]:
    """Folders of jobs that nobody works on, and strangers'."""
    spool = case.context.spool_dir
    if not spool.is_dir():
        return
    jobs: dict[UUID, Path] = {}
    strange: list[str] = []
    for entry in sorted(spool.iterdir()):
        try:
            jobs[UUID(entry.name.removeprefix(RESOLVE_PREFIX))] = entry
        except ValueError:
            if entry.name != keep.FOLDER:
                strange.append(entry.name)
    kept = spool / keep.FOLDER
    if kept.is_dir():
        count = sum(1 for _ in kept.iterdir())
        yield ok("kept", f"{counted(count, 'results file')} that left a doubt, {size(_size(kept))}")
    if strange:
        are = "is" if len(strange) == 1 else "are"
        yield warning(
            "leftovers",
            f"{counted(len(strange), 'entry', 'entries')} that {are} none of ours: "
            f"{', '.join(strange[:5])}",
            f"Remove what nobody needs from {spool}; the daemon leaves it alone.",
        )
    if jobs:
        yield from _of_jobs(case, jobs)


def _of_jobs(case: Case, jobs: dict[UUID, Path]) -> Iterator[Finding]:
    with case.ledger() as connection:
        found = rows(connection, SQL.jobs_in, JobState, {"job_ids": list(jobs)})
    live = [it.id for it in found if not it.ended]
    dead = [path for job_id, path in jobs.items() if job_id not in live]
    if live:
        yield ok("at work", f"{counted(len(live), 'folder')} of jobs that are to be merged")
    if dead:
        yield warning(
            "leftovers",
            f"{counted(len(dead), 'folder')} of jobs that have ended or are not in this ledger, "
            f"{size(sum(map(_size, dead)))}: {', '.join(it.name for it in dead[:3])}",
            "A worker of the queue enrichd.merge on this machine removes those that have ended "
            "within seconds; remove the others when no other ledger uses this spool.",
        )


def _there(path: Path) -> Path:
    """The path, or the nearest above it that exists."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _is_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _file_system(path: Path) -> str:
    """Its kind, on Linux; "" elsewhere."""
    best, kind = "", ""
    with suppress(OSError):
        for line in Path("/proc/mounts").read_text().splitlines():
            point, fs = line.split()[1:3]
            point = point.encode().decode("unicode_escape")
            if path.is_relative_to(point) and len(point) >= len(best):
                best, kind = point, fs
    return kind


def _size(directory: Path) -> int:
    with suppress(OSError):
        return sum(it.stat().st_size for it in directory.rglob("*") if it.is_file())
    return 0
