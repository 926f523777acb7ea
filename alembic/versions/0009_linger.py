"""A request may ask not to linger: its jobs are packed at once.

Revision: 0009, after 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

UPGRADE = "ALTER TABLE enrichment ADD COLUMN lingers BOOLEAN DEFAULT true NOT NULL"
DOWNGRADE = "ALTER TABLE enrichment DROP COLUMN lingers"


def upgrade() -> None:
    """Add the column."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Take it away again: what waits lingers."""
    op.execute(DOWNGRADE)
