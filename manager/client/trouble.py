"""Says in our words what Postgres has said: to a caller psycopg's errors are only the cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection, errors

from manager.errors import (
    ConfigurationError,
    EnrichdError,
    InvalidRequestError,
    LockTimeoutError,
    UnavailableError,
)
from manager.ledger.execute import Copy, Execute, point
from manager.ledger.script import Command
from manager.redact import without_passwords
from manager.settings import Settings
from manager.settings.postgres import where


@dataclass(frozen=True, slots=True)
class Trouble:
    """Explains the errors on one connection: one of ours, or one that a caller has given."""

    settings: Settings
    connection: Connection[Any] | AsyncConnection[Any]
    given: bool

    def explain(self, error: psycopg.Error, command: Command) -> EnrichdError:
        """The error to raise; the other is its cause."""
        explained = self._explain(error, _name(command))
        explained.__cause__ = error
        explained.__suppress_context__ = True
        return explained

    def _explain(self, error: psycopg.Error, statement: str) -> EnrichdError:
        said = without_passwords(error.diag.message_primary or str(error).partition("\n")[0])
        if self.connection.closed:
            return self._broken(said, statement)
        match error:
            case errors.LockNotAvailable():
                return LockTimeoutError(
                    f"Another transaction holds what this call needs; waited for it for "
                    f"{self.settings.lock_timeout:g} seconds (lock_timeout), then undid the call."
                )
            case errors.ReadOnlySqlTransaction():
                return self._read_only(said)
            case errors.SerializationFailure() | errors.DeadlockDetected():
                return UnavailableError(
                    f"The call met another transaction: {said}. "
                    + (
                        "Roll the whole transaction back and run it again; READ COMMITTED, "
                        "Postgres's default, waits instead."
                        if self.given
                        else "Repeat it."
                    )
                )
            case errors.InvalidSavepointSpecification() | errors.NoActiveSqlTransaction():
                return self._ended(said)
            case errors.UndefinedTable() | errors.InvalidSchemaName() if (
                statement == "enqueue.copy_staging"
            ):
                return self._ended(said)
            case errors.DuplicateTable():
                return InvalidRequestError(
                    "Another large enqueue is under way in this transaction: identifiers that "
                    "enqueue themselves while they are read need a connection of their own."
                )
            case errors.InFailedSqlTransaction():
                return InvalidRequestError(
                    "The connection's transaction has failed; roll it back before you enqueue."
                )
            case errors.DuplicatePreparedStatement() | errors.InvalidSqlStatementName():
                return InvalidRequestError(
                    f"The connection's prepared statements are lost: {said}. Through a pooler in "
                    "transaction mode, connect with prepare_threshold=None."
                )
            case (
                errors.UndefinedTable()
                | errors.InvalidSchemaName()
                | errors.UndefinedColumn()
                | errors.UndefinedFunction()
            ):
                return ConfigurationError(
                    f"There is no ledger of this release in schema {self.settings.database_schema} "
                    f"of {self._place}, or the role lacks USAGE ON SCHEMA: {said}. Run `enrichd "
                    "db upgrade`, let its owner GRANT it, or correct database_url and "
                    "database_schema."
                )
            case errors.InsufficientPrivilege():
                return self._forbidden(said)
            case errors.UntranslatableCharacter() | errors.CharacterNotInRepertoire():
                return InvalidRequestError(
                    f"The database cannot hold a character: {said}. It must be encoded in UTF8."
                )
            case errors.QueryCanceled():
                return UnavailableError(f"Postgres cut the call off: {said}. Repeat it.")
            case psycopg.OperationalError() | psycopg.InterfaceError():
                return UnavailableError(f"It cannot be done now in {self._place}: {said}.")
            case _:
                return EnrichdError(f"{statement} was refused in {self._place}: {said}.")

    @property
    def _place(self) -> str:
        if self.given:
            return "the given connection's database"
        return f"Postgres at {where(self.settings.postgres)}"

    def _broken(self, said: str, statement: str) -> EnrichdError:
        if statement == "scope.commit":
            return UnavailableError(
                f"The connection to {self._place} broke while it committed: {said}. Whether the "
                "call was carried out is not known; with an idempotency_key it can be repeated "
                "without harm."
            )
        if self.given:
            return UnavailableError(
                f"The given connection broke: {said}. Its transaction is undone; begin it again on "
                "a new one."
            )
        return UnavailableError(
            f"The connection to {self._place} broke: {said}. Nothing was done; repeat the call."
        )

    def _read_only(self, said: str) -> EnrichdError:
        if self.given:
            return InvalidRequestError(
                f"The given connection's transaction takes no writes: {said}. Enqueue in one that "
                "is READ WRITE, on the primary."
            )
        return UnavailableError(
            f"{self._place} takes no writes: {said}. Let database_url name the primary."
        )

    def _ended(self, said: str) -> EnrichdError:
        return InvalidRequestError(
            f"The transaction of this call was ended while its identifiers were read: {said}. What "
            "yields them must neither commit nor roll back on the connection that enqueues."
        )

    def _forbidden(self, said: str) -> EnrichdError:
        schema = self.settings.database_schema
        rights = f"USAGE ON SCHEMA {schema}, and SELECT, INSERT, UPDATE ON ALL TABLES IN it"
        if "temporary" in said:
            rights = "TEMPORARY ON DATABASE"
        return ConfigurationError(
            f"The role lacks a right in {self._place}: {said}. Let its owner GRANT {rights}."
        )


def _name(command: Command) -> str:
    return point(command.sql) if isinstance(command, Execute | Copy) else ""
