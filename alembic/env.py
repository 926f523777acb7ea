"""Alembic's environment: the ledger's schema comes from the configuration.

Run it through `enrichd db`, which hands over the connection.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from manager.ledger import version_table
from manager.ledger.models import LedgerModel

connection: Connection = context.config.attributes["connection"]
schema: str = context.config.attributes["schema"]

# a role that owns the schema need not be allowed to create one
if connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": schema}) is None:
    connection.execute(text(f'CREATE SCHEMA "{schema}"'))
# a trigger's function keeps this path; a caller's temporary tables must not come before ours in it
connection.execute(text(f'SET LOCAL search_path TO "{schema}", pg_temp'))
connection.dialect.default_schema_name = schema
context.configure(
    connection=connection,
    target_metadata=LedgerModel.metadata,
    version_table=version_table.NAME,
    version_table_schema=schema,
)
with context.begin_transaction():
    context.run_migrations()
