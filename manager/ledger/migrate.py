"""Applies the Alembic migrations to the configured schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from manager.errors import ConfigurationError, InvalidRequestError, UnavailableError
from manager.ledger.connect import Ledger, connection_arguments, execute, unavailable
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("sweep")
_INSTALLED = Path(__file__).parent / "migrations"
_CHECKOUT = Path(__file__).parents[2] / "alembic"


def engine(settings: Settings, role: str) -> Engine:
    """An SQLAlchemy engine whose search_path is the ledger's schema."""
    arguments = connection_arguments(settings, role) | {"autocommit": False}

    def connect() -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(**arguments)
        except psycopg.OperationalError as error:
            raise unavailable(error, settings) from None

    return create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Bring the schema up to the revision and write the account and its slots into it.

    Several processes may do so at once: the second waits for the first. A schema that a newer
    release has upgraded stays as it is.
    """
    if not _is_newer(settings):
        _migrate(settings, revision, command.upgrade)
    if revision == "head":
        with Ledger(settings, "db").connect() as connection, connection.transaction():
            parameters = {"account": settings.account, "cap": settings.cap}
            execute(connection, SQL.make_account, parameters)
            execute(connection, SQL.add_slots, parameters)
            execute(connection, SQL.remove_slots, parameters)


def downgrade(settings: Settings, revision: str) -> None:
    """Take migrations back; what they made is dropped with all that is in it."""
    _migrate(settings, revision, command.downgrade)


def current(settings: Settings) -> str | None:
    """The revision that the schema is at; None when it was never migrated."""
    with engine(settings, "db").connect() as connection:
        return MigrationContext.configure(
            connection, opts={"version_table_schema": settings.database_schema}
        ).get_current_revision()


def newest() -> str | None:
    """The revision that this version of the program wants."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def check(settings: Settings) -> None:
    """Raise ConfigurationError when the schema is older than this program needs.

    A newer one is no trouble: each migration leaves the release before it working.
    """
    have, want = current(settings), newest()
    if have != want and not _is_newer(settings):
        raise ConfigurationError(
            f"The ledger (schema {settings.database_schema}) is at revision {have or 'none'}, "
            f"this program needs {want}. Run `enrichd db upgrade`."
        )


def _is_newer(settings: Settings) -> bool:
    """Whether the schema is at a revision that only a newer release knows."""
    have = current(settings)
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return have is not None and have not in {script.revision for script in scripts}


def _migrate(settings: Settings, revision: str, run: Callable[[Config, str], None]) -> None:
    config = _config()
    try:
        with engine(settings, "db").begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('enrichd migrate'))"))
            config.attributes.update(connection=connection, schema=settings.database_schema)
            run(config, revision)
    except CommandError as error:
        raise InvalidRequestError(f"{revision!r} is no revision to go to: {error}.") from None
    except OperationalError as error:
        raise UnavailableError(
            f"The migration was given up and has changed nothing: {error.orig}. "
            "Something else holds the ledger's tables; try again when it is done."
        ) from None


def _config() -> Config:
    config = Config()
    location = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    return config
