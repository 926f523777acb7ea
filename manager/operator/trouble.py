"""Trouble: what a look at the ledger or Redis may raise, as one of our own errors."""

from __future__ import annotations

import psycopg
from psycopg import errors
from redis.exceptions import RedisError

from manager.errors import ConfigurationError, EnrichdError, InvalidRequestError, UnavailableError
from manager.redact import without_passwords

TROUBLE = (EnrichdError, psycopg.Error, RedisError)
"""What a look at the ledger or Redis may raise; `named` makes one of our own errors of it."""


def named(error: Exception) -> EnrichdError:
    """The same trouble as one of our own errors: one line, without passwords."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    line = without_passwords(lines[0])
    match error:
        case EnrichdError():
            return error
        case errors.UndefinedTable() | errors.UndefinedColumn() | errors.InvalidSchemaName():
            return ConfigurationError(
                f"The ledger's schema is missing or of another version ({line}). "
                "Run `enrichd db upgrade`."
            )
        case RedisError():
            return UnavailableError(f"Redis cannot be reached: {line}")
        case psycopg.DataError():  # a NUL in a name, a number that is too large
            return InvalidRequestError(f"Postgres knows no such value: {line}.")
        case _ if line.startswith("connection"):
            return UnavailableError(f"Postgres cannot be reached: {line}")
        case _:
            return UnavailableError(f"Postgres broke off: {line}. Try again.")
