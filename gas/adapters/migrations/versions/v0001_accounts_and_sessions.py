"""Accounts and sessions.  A database that has the tables without a revision is taken over."""

import sqlalchemy as sa
from alembic import op

from gas.adapters.sql_tables import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create both tables."""
    if sa.inspect(op.get_bind()).has_table("accounts"):
        return
    op.create_table(
        "accounts",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False, index=True),
        sa.Column("institution", sa.Text, nullable=False),
        sa.Column("tier", sa.String(32), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("downgraded_at", UtcDateTime),
        sa.Column("email_bounced_at", UtcDateTime),
    )
    op.create_table(
        "sessions",
        sa.Column("session_hash", sa.String(64), primary_key=True),
        sa.Column(
            "user_id",
            sa.String(64),
            sa.ForeignKey("accounts.user_id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.Column("tokens", sa.Text, nullable=False),
        sa.Index("sessions_by_age", "seen_at", "created_at"),
    )
