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
from alembic.util import CommandError
from psycopg.errors import InsufficientPrivilege, RaiseException
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from manager.errors import ConfigurationError, InvalidRequestError, UnavailableError
from manager.ledger import budgets, rights, version_table
from manager.ledger import revision as revisions
from manager.ledger.connect import Ledger, connect
from manager.ledger.execute import execute
from manager.ledger.models import LedgerModel
from manager.ledger.rekey import rekey
from manager.ledger.session import in_transaction
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("account")
# Seconds in which a migration gets its locks or gives up, and how long it waits for them at a time.
LOCKED_WITHIN = 10.0
LOCK_WAIT_MS = 200
_TABLES = """
SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ' ORDER BY c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relkind = 'r' AND c.relname = ANY (:names)
"""
_TAKEN = """
SELECT string_agg(c.relname, ', ' ORDER BY c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relname = ANY (:names)
"""
_INSTALLED = Path(__file__).parent / "migrations"
_CHECKOUT = Path(__file__).parents[2] / "alembic"


def engine(settings: Settings, role: str) -> Engine:
    """An SQLAlchemy engine whose search_path is the ledger's schema."""

    def creator() -> psycopg.Connection[Any]:
        connection = connect(settings, role)
        connection.autocommit = False
        return connection

    def begin(connection: Connection) -> None:
        command = in_transaction(settings)
        connection.connection.driver_connection.execute(command.sql, command.parameters)  # type: ignore[union-attr]

    made = create_engine("postgresql+psycopg://", creator=creator, poolclass=NullPool)
    event.listen(made, "begin", begin)
    return made


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Bring the schema up to the revision and write accounts, slots, prices and budgets into it.

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
            budgets.keep(connection, settings)
        with Ledger(settings, "db").connect() as connection:
            rekey(connection)


def downgrade(settings: Settings, revision: str) -> None:
    """Take migrations back; what they made is dropped with all that is in it."""
    _migrate(settings, revision, command.downgrade)


def current(settings: Settings) -> str | None:
    """The revision that the schema is at; None when it was never migrated."""
    with Ledger(settings, "db").connect() as connection:
        return revisions.current(connection, settings.database_schema)


def _migrate(settings: Settings, revision: str, run: Callable[[Config, str], None]) -> None:
    config, schema = _config(), settings.database_schema
    try:
        with engine(settings, "db").begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('enrichd migrate'))"))
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            have = revisions.current(driver, schema)
            up = run is command.upgrade
            is_newer = have is not None and have not in revisions.known()
            if up and (is_newer or (revision == "head" and have == revisions.newest())):
                return
            if have is None:
                _refuse_others_tables(connection, schema)
            _lock_tables(connection, schema)
            version_table.take_over(connection, schema, have)
            config.attributes.update(connection=connection, schema=schema)
            run(config, revision)
            version_table.keep_in_step(connection, schema, give_back=not up)
    except CommandError as error:
        raise InvalidRequestError(f"{revision!r} is no revision to go to: {error}.") from None
    except OperationalError as error:
        raise UnavailableError(
            f"The migration was given up and has changed nothing: {error.orig}. "
            "Something else holds the ledger's tables; try again when it is done."
        ) from None
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, InsufficientPrivilege):
            with Ledger(settings, "db").connect() as looking:
                raise rights.refusal_to_migrate(looking, settings, cause) from None
        if isinstance(cause, RaiseException):  # the migration's own refusal
            first = str(cause).partition("\n")[0]
            raise InvalidRequestError(f"The migration has changed nothing: {first}.") from None
        if isinstance(cause, psycopg.Error):
            raise cause from None
        raise


def _refuse_others_tables(connection: Connection, schema: str) -> None:
    """Raise ConfigurationError when names of the ledger's are taken, by another program."""
    tables = LedgerModel.metadata.sorted_tables
    names = [table.name for table in tables]
    names += [str(index.name) for table in tables for index in table.indexes]
    if taken := connection.scalar(text(_TAKEN), {"schema": schema, "names": names}):
        raise ConfigurationError(
            f"The schema {schema} holds tables of another program, which have names of the "
            f"ledger's: {taken}. Give the ledger a schema of its own: ENRICHD_DATABASE_SCHEMA."
        )


def _lock_tables(connection: Connection, schema: str) -> None:
    """Hold all the ledger's tables, or none for longer than a moment.

    Whatever stands in a queue behind a lock that is waited for waits, too; and to hold one table
    while waiting for another may be a deadlock with a step or a caller.
    """
    deadline = time.monotonic() + LOCKED_WITHIN
    names = [table.name for table in LedgerModel.metadata.sorted_tables]
    tables = connection.scalar(text(_TABLES), {"schema": schema, "names": names})
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
