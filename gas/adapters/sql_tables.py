"""The tables of the accounts database, as the code reads and writes them.

The migrations make them; a test holds the two together.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, to the microsecond, in a database with or without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware as it comes; SQLite keeps it without a zone, and that is UTC."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the base class names it
    ) -> datetime | None:
        """Aware UTC again."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


METADATA = MetaData()

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("user_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, index=True),
    Column("institution", Text, nullable=False),
    Column("tier", String(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("downgraded_at", UtcDateTime),
    Column("email_bounced_at", UtcDateTime),
    Column("terms_version", String(32), nullable=False, server_default=""),
    Column("consented_at", UtcDateTime),
    Column("erasing_at", UtcDateTime, index=True),
    Column("logged_in_at", UtcDateTime),
    Column("plan_changed_at", UtcDateTime, index=True),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("session_hash", String(64), primary_key=True),
    Column(
        "user_id",
        String(64),
        ForeignKey("accounts.user_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("tokens", Text, nullable=False),
    Column("client", String(200), nullable=False, server_default=""),
    Index("sessions_by_age", "seen_at", "created_at"),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column(
        "event_id",
        # SQLite numbers rows by itself only where the column is its plain INTEGER.
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("user_id", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("job_id", String(64), nullable=False),
    Column("detail", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Index("audit_by_user", "user_id", "event_id"),
)
"""Append-only: triggers refuse every change, and every removal of a row younger than a year.

It has no foreign key to the accounts, because its rows outlive them.
"""

LIMITS = Table(
    "limits",
    METADATA,
    Column("key_hash", String(64), primary_key=True),
    Column("full_until", Float(53), nullable=False, index=True),
)
"""One row a caller and kind of request: epoch seconds until which its allowance is used up."""
