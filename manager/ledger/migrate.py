"""Applies the Alembic migrations to the configured schema."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg.errors import InsufficientPrivilege, RaiseException
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from manager.errors import ConfigurationError, InvalidRequestError, UnavailableError
from manager.ledger.connect import Ledger, connection_arguments, unavailable
from manager.ledger.execute import execute
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("account")
# Seconds in which a migration gets its locks or gives up, and how long it waits for them at a time.
LOCKED_WITHIN = 10.0
LOCK_WAIT_MS = 200
_TABLES = """
SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ' ORDER BY c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relkind = 'r'
"""
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
    """Bring the schema up to the revision and write the accounts and their slots into it.

    Several processes may do so at once: the second waits for the first. A schema that a newer
    release has upgraded stays as it is.
    """
    _migrate(settings, revision, command.upgrade)
    if revision == "head":
        with Ledger(settings, "db").connect() as connection, connection.transaction():
            for account in settings.served:
                parameters = {"account": account.name, "cap": account.cap}
                execute(connection, SQL.make_account, parameters)
                execute(connection, SQL.add_slots, parameters)
                execute(connection, SQL.remove_slots, parameters)


def downgrade(settings: Settings, revision: str) -> None:
    """Take migrations back; what they made is dropped with all that is in it."""
    _migrate(settings, revision, command.downgrade)


def current(settings: Settings) -> str | None:
    """The revision that the schema is at; None when it was never migrated."""
    with engine(settings, "db").connect() as connection:
        return _current(connection, settings)


def newest() -> str | None:
    """The revision that this version of the program wants."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def check(settings: Settings) -> None:
    """Raise ConfigurationError when the schema is older than this program needs.

    A newer one is no trouble: each migration leaves the release before it working.
    """
    have, want = current(settings), newest()
    if have != want and not _is_newer(have):
        raise ConfigurationError(
            f"The ledger (schema {settings.database_schema}) is at revision {have or 'none'}, "
            f"this program needs {want}. Run `enrichd db upgrade`."
        )


def _current(connection: Connection, settings: Settings) -> str | None:
    options = {"version_table_schema": settings.database_schema}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _is_newer(revision: str | None) -> bool:
    """Whether only a newer release knows the revision."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return revision is not None and revision not in {script.revision for script in scripts}


def _migrate(settings: Settings, revision: str, run: Callable[[Config, str], None]) -> None:
    config = _config()
    try:
        with engine(settings, "db").begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('enrichd migrate'))"))
            if _is_newer(_current(connection, settings)) and run is command.upgrade:
                return
            _lock_tables(connection, settings.database_schema)
            config.attributes.update(connection=connection, schema=settings.database_schema)
            run(config, revision)
    except CommandError as error:
        raise InvalidRequestError(f"{revision!r} is no revision to go to: {error}.") from None
    except OperationalError as error:
        raise UnavailableError(
            f"The migration was given up and has changed nothing: {error.orig}. "
            "Something else holds the ledger's tables; try again when it is done."
        ) from None
    except DBAPIError as error:
        first = str(error.orig).partition("\n")[0]
        if isinstance(error.orig, InsufficientPrivilege):
            raise ConfigurationError(
                f"The database's role may not migrate the ledger: {first}. Let it own the schema "
                f"{settings.database_schema} and all that is in it, or use the role that does."
            ) from None
        if isinstance(error.orig, RaiseException):  # the migration's own refusal
            raise InvalidRequestError(f"The migration has changed nothing: {first}.") from None
        raise


def _lock_tables(connection: Connection, schema: str) -> None:
    """Hold all the ledger's tables, or none for longer than a moment.

    Whatever stands in a queue behind a lock that is waited for waits, too; and to hold one table
    while waiting for another may be a deadlock with a step or a caller.
    """
    deadline = time.monotonic() + LOCKED_WITHIN
    tables = connection.scalar(text(_TABLES), {"schema": schema})
    while tables:
        try:
            with connection.begin_nested():
                connection.execute(text(f"SET LOCAL lock_timeout TO {LOCK_WAIT_MS}"))
                connection.execute(text(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))
            return
        except OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0.5, 1.5) * LOCK_WAIT_MS / 1000)  # noqa: S311 - not a secret


def _config() -> Config:
    config = Config()
    location = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    return config
