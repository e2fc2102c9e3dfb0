"""Accounts whose results have yet to follow a change of their plan."""

import sqlalchemy as sa
from alembic import op

from gas.adapters.sql_tables import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the moment of the change, and find the accounts by it."""
    op.add_column("accounts", sa.Column("plan_changed_at", UtcDateTime))
    op.create_index("ix_accounts_plan_changed_at", "accounts", ["plan_changed_at"])
