"""By which rules the ledger's keys were normalised.

Revision: 0004, after 0002
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Those of the releases before, until `manager.ledger.rekey` has been at work."""
    op.execute("ALTER TABLE ledger ADD COLUMN key_rules SMALLINT DEFAULT 1 NOT NULL")


def downgrade() -> None:
    """Keys stay as they are: the release before sends and recognises them as well."""
    op.execute("ALTER TABLE ledger DROP COLUMN key_rules")
