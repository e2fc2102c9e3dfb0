"""Consent and erasure of an account, the client of a session, the audit trail, rate limits."""

import sqlalchemy as sa
from alembic import op

from gas.adapters.sql_tables import UtcDateTime

revision = "0002"
down_revision = "0001"

KEPT = "365 days"
"""How old an audit row must be before it may be removed, whatever the code wants."""

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """,
    f"""
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    WHEN OLD.at > strftime('%Y-%m-%d %H:%M:%f', 'now', '-{KEPT}')
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    f"""
    CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND OLD.at <= now() - interval '{KEPT}' THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'the audit trail is append-only';
    END $$
    """,
    """
    CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()
    """,
)


def upgrade() -> None:
    """Add columns and tables, and guard the audit trail in the database itself."""
    op.add_column(
        "accounts", sa.Column("terms_version", sa.String(32), nullable=False, server_default="")
    )
    op.add_column("accounts", sa.Column("consented_at", UtcDateTime))
    op.add_column("accounts", sa.Column("erasing_at", UtcDateTime))
    op.add_column("accounts", sa.Column("logged_in_at", UtcDateTime))
    op.create_index("ix_accounts_erasing_at", "accounts", ["erasing_at"])
    op.add_column(
        "sessions", sa.Column("client", sa.String(200), nullable=False, server_default="")
    )
    op.create_table(
        "audit",
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("at", UtcDateTime, nullable=False, index=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("detail", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Index("audit_by_user", "user_id", "event_id"),
    )
    op.create_table(
        "limits",
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("full_until", sa.Float(53), nullable=False, index=True),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS:
        op.get_bind().exec_driver_sql(statement)
