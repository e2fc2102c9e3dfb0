"""The engine of the accounts database: PostgreSQL, or SQLite on one machine.

Make the engine in the process that uses it, never before a fork.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from gas.adapters.sql_migrate import migrate
from gas.domain.errors import ConfigurationError, OutageError

RETRY_AFTER = timedelta(seconds=5)


def make_engine(address: str) -> Engine:
    """An engine for that DATABASE_URL, with its tables in place; raises ConfigurationError."""
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise ConfigurationError("DATABASE_URL is not a database address") from error
    if url.drivername.startswith("sqlite"):
        engine = _sqlite(url)
    elif url.drivername in {"postgres", "postgresql", "postgresql+psycopg2"}:
        engine = _postgresql(url.set(drivername="postgresql+psycopg2"))
    else:
        raise ConfigurationError("DATABASE_URL must begin with sqlite:/// or postgresql://")
    with translated():
        migrate(engine)
    return engine


@contextmanager
def translated() -> Iterator[None]:
    """Say in our words that the database cannot be reached, or has no connection to spare."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise OutageError(
            "the accounts database cannot be reached", retry_after=RETRY_AFTER
        ) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise OutageError(
                "the accounts database dropped the connection", retry_after=RETRY_AFTER
            ) from error
        raise


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url,
        # Small, and quick to refuse: a full pool answers 503 instead of piling requests up.
        pool_size=4,
        max_overflow=4,
        pool_timeout=3,
        pool_recycle=1800,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "application_name": "gas",
            "options": "-c statement_timeout=5000 -c lock_timeout=5000"
            " -c idle_in_transaction_session_timeout=10000",
        },
    )


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigurationError("DATABASE_URL must name a file, such as sqlite:////var/gas/a.db")
    database = Path(url.database)
    database.parent.mkdir(parents=True, exist_ok=True)
    database.touch(mode=0o600)
    engine = create_engine(url, pool_size=4, max_overflow=4, pool_timeout=3)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


PRAGMAS = (
    "busy_timeout=10000",
    "foreign_keys=ON",
    "synchronous=FULL",
    # What is deleted is overwritten: an erased account is not to be read from a free page.
    "secure_delete=ON",
)


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # The driver's own idea of when a transaction begins is switched off; `_begin_sqlite` decides.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer asks for the lock at once: one that asks half-way may be refused for ever.
    reads = connection.get_execution_options().get("only_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
