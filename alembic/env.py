"""Alembic's environment: the ledger's schema comes from the configuration.

Run it through `enrichd db`, which hands over the connection.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from manager.ledger.models import LedgerModel

connection: Connection = context.config.attributes["connection"]
schema: str = context.config.attributes["schema"]

connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
# Whatever stands in a queue behind a migration waits with it: better to give up and try again.
connection.execute(text("SET LOCAL lock_timeout TO '10s'"))
connection.dialect.default_schema_name = schema
context.configure(connection=connection, target_metadata=LedgerModel.metadata)
with context.begin_transaction():
    context.run_migrations()
