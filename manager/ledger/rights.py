"""What the database's role may do, and the statements that give it what it lacks."""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import Connection, DatabaseError
from psycopg.errors import InsufficientPrivilege, InvalidSchemaName, UndefinedTable

from manager.errors import ConfigurationError
from manager.ledger.execute import rows
from manager.ledger.script import Script, T, ask
from manager.ledger.sql import Statements
from manager.settings import Settings

SQL = Statements("rights")
# Without USAGE on the schema there are no tables.
_WANTING = (InsufficientPrivilege, UndefinedTable, InvalidSchemaName)


def check(connection: Connection[Any], settings: Settings) -> None:
    """Raise ConfigurationError when the role may not work on the ledger, as the daemon does."""
    if statements := _lacking(connection, settings, SQL.lacking):
        raise _refusal("work on the ledger", statements)


def refusal(settings: Settings, error: DatabaseError) -> Script[ConfigurationError | None]:
    """What Postgres has refused for want of a right, and how to grant it; None: none is wanting."""
    statements = yield from ask(SQL.lacking, str, _parameters(settings))
    return _refusal(f"do that: {_first_line(error)}", statements) if statements else None


def naming_rights(settings: Settings, script: Script[T]) -> Script[T]:
    """Run the script; when it ends for want of a right, say how to grant it."""
    try:
        return (yield from script)
    except ConfigurationError as error:
        cause = error.__cause__
        if not isinstance(cause, _WANTING):
            raise
        try:
            named = yield from refusal(settings, cause)
        except Exception:
            named = None
        if named is None:
            raise
        raise named from cause


def refusal_to_migrate(
    connection: Connection[Any], settings: Settings, error: DatabaseError
) -> ConfigurationError:
    """The same of a migration, which may want to be done by the owner."""
    statements = _lacking(connection, settings, SQL.lacking_to_migrate)
    return _refusal(f"migrate the ledger: {_first_line(error)}", statements)


def _lacking(connection: Connection[Any], settings: Settings, sql: LiteralString) -> list[str]:
    return rows(connection, sql, str, _parameters(settings))


def _parameters(settings: Settings) -> dict[str, Any]:
    from manager.ledger.models import LedgerModel  # a caller's process does without it

    tables = [table.name for table in LedgerModel.metadata.sorted_tables]
    return {"schema": settings.database_schema, "tables": tables}


def _refusal(what: str, statements: list[str]) -> ConfigurationError:
    how = f"Let an owner or superuser run {'; '.join(statements)}." if statements else ""
    return ConfigurationError(
        f"The database's role may not {what}. {how or 'Use the role that owns the ledger.'}"
    )


def _first_line(error: DatabaseError) -> str:
    return str(error).partition("\n")[0]
