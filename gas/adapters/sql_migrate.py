"""The schema of the accounts database, brought to what this release needs.

Every process does it at its start, and any number may start at once: one migrates under a lock,
the others find it done.  Migrations only add, so that the release before keeps working beside a
database that is already one step further.
"""

import logging
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

log = logging.getLogger(__name__)

HEAD = "0003"
"""The revision this release was written for; revisions are numbers that grow."""

SCHEMA_LOCK = 7_261_726
"""Key of the PostgreSQL advisory lock under which the schema is made; any fixed number does."""

SCRIPTS = Path(__file__).with_name("migrations")


def revision_of(connection: Connection) -> str:
    """The revision the database is at; empty before the first migration."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    row = connection.execute(text("SELECT version_num FROM alembic_version")).one_or_none()
    return "" if row is None else str(row[0])


def migrate(engine: Engine) -> tuple[str, str]:
    """Apply what is missing; the revision before and after."""
    with engine.execution_options(only_reads=True).connect() as connection:
        before = revision_of(connection)
    if before >= HEAD:
        return before, before
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Waiting for another process's migration, and a long one, are no hung statements.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
        before = revision_of(connection)
        if before < HEAD:
            _upgrade(connection)
            log.info("the accounts database was migrated", extra={"from": before, "to": HEAD})
        return before, revision_of(connection)


def _upgrade(connection: Connection) -> None:
    # Imported only where there is something to do: every process starts through here.
    from alembic import command  # noqa: PLC0415 - as above
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
