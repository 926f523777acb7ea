"""A pytest plugin for teams that use the manager: a real ledger, a sandbox, a daemon on demand.

Loading it costs nothing: no module of the manager is imported, and no server started, until a test
asks for one of its fixtures. All its names begin with `enrichd`; it changes no environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from manager.settings import Settings
    from manager.testing import FakeManager
    from pytest_enrichd.handle import Enrichd as Enrichd
    from pytest_enrichd.session import Session
    from sandbox import SandboxControl

_ADDRESSES = {
    "enrichd_database_url": "URL of a Postgres of your own (postgresql://) for the ledgers of the "
    "enrichd fixtures, each in a schema of its own; default: an embedded one",
    "enrichd_redis_url": "URL of a Redis of your own for the enrichd fixtures; default: an "
    "embedded one",
}


def __getattr__(name: str) -> Any:
    """`from pytest_enrichd import Enrichd`, for annotations, loads it only then."""
    if name == "Enrichd":
        from pytest_enrichd.handle import Enrichd

        return Enrichd
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options on the command line, and their like in pytest's configuration file."""
    group = parser.getgroup("enrichd")
    for name, told in _ADDRESSES.items():
        group.addoption(f"--{name.replace('_', '-')}", metavar="URL", help=told)
        parser.addini(name, told)


@pytest.fixture(scope="session")
def _enrichd_session(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    from manager.errors import EnrichdError
    from pytest_enrichd.session import session

    def given(name: str) -> str | None:
        return pytestconfig.getoption(name) or pytestconfig.getini(name) or None

    urls = given("enrichd_database_url"), given("enrichd_redis_url")
    with ExitStack() as stack:
        try:
            started = stack.enter_context(session(*urls, tmp_path_factory.mktemp("enrichd")))
        except EnrichdError as error:
            pytest.fail(f"The enrichd fixtures cannot be had: {error}", pytrace=False)
        yield started


@pytest.fixture(scope="session")
def enrichd_environment(_enrichd_session: Session) -> dict[str, str]:
    """The variables (`ENRICHD_…`) of the ledger that all tests share, for fixtures of a session."""
    return _enrichd_session.environment


@pytest.fixture
def enrichd_overrides() -> dict[str, Any]:
    """Settings that differ from the defaults; define a fixture of this name to give some."""
    return {}


@pytest.fixture
def enrichd_settings(
    _enrichd_session: Session, enrichd_overrides: dict[str, Any], tmp_path: Path
) -> Settings:
    """The settings of a ledger that looks new, with a sandbox as its vendor."""
    return _enrichd_session.renewed({"spool_dir": tmp_path / "enrichd-spool"} | enrichd_overrides)


@pytest.fixture
def enrichd_sandbox(_enrichd_session: Session, enrichd_settings: Settings) -> SandboxControl:
    """The vendor: a sandbox that looks new, whose clock stands until it is moved."""
    return _enrichd_session.sandbox


@pytest.fixture
def enrichd(enrichd_settings: Settings, enrichd_sandbox: SandboxControl) -> Iterator[Enrichd]:
    """A manager, its ledger, its vendor, and a daemon that settles when it is told to."""
    from pytest_enrichd.handle import Enrichd

    with Enrichd(enrichd_settings, enrichd_sandbox) as handle:
        yield handle


@pytest.fixture
def enrichd_fake() -> FakeManager:
    """A manager whose ledger is in memory, which needs no server."""
    from manager.testing import FakeManager

    return FakeManager()
