"""One SQLite file shared by every process of a deployment: connections, transactions, schema.

WAL mode through the apsw wheel, never through the standard `sqlite3`: two SQLite libraries on one
file in one process lose each other's locks.  Every writer takes the write lock at its start.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw

from gas.domain.errors import ConfigurationError, OutageError

BUSY_SECONDS = 10.0
"""Longest wait for another writer."""

FIRST_PAUSE_SECONDS = 0.0002
LONGEST_PAUSE_SECONDS = 0.005

WAL_LIMIT_BYTES = 64 * 1024 * 1024
RETRY_AFTER = timedelta(seconds=1)

Row = tuple[Any, ...]
Value = str | int | float | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_AFFECTED = (3, 7, 0)
_FIRST_FIXED = (3, 51, 3)
_FIXED_BRANCHES = {(3, 50): 7, (3, 44): 6}

# What the machine, not the code, is to blame for: the caller may try again.
_OUTAGES = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.ProtocolError,
    apsw.InterruptError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.NoMemError,
    apsw.CorruptError,
    apsw.NotADBError,
)


def check_sqlite(version: str) -> None:
    """Refuse a SQLite with the WAL-reset corruption bug (https://sqlite.org/wal.html#walresetbug).

    It strikes where several connections write and checkpoint, which is how this service runs.
    Affected are 3.7.0 to 3.51.2, except the branches mended in 3.50.7 and 3.44.6.
    """
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    mended = patch >= _FIXED_BRANCHES.get((major, minor), patch + 1)
    if _FIRST_AFFECTED <= (major, minor, patch) < _FIRST_FIXED and not mended:
        raise ConfigurationError(
            f"SQLite {version} can corrupt its files (the WAL-reset bug); install an apsw wheel "
            "with SQLite 3.51.3 or newer",
        )


def micros(moment: datetime) -> int:
    """A moment as whole microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """The moment that `micros` was given."""
    return _EPOCH + timedelta(microseconds=value)


class Transaction:
    """One write transaction in progress."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, *values: Value) -> int:
        """Run one statement; returns how many rows it changed."""
        self._connection.execute(sql, values).fetchall()
        return self._connection.changes()

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """What a query finds, or a statement returns."""
        return self._connection.execute(sql, values).fetchall()


class _Patience:
    """Waits for another writer in short pauses.

    A write takes less than a millisecond; SQLite's own pauses grow from 1 to 100 of them, and a
    receiver that was just woken by a writer meets that writer's next transaction.
    """

    def __init__(self) -> None:
        self._until = 0.0

    def __call__(self, tries: int) -> bool:
        """Pause before the next try; false where the wait is over."""
        now = time.monotonic()
        if tries == 0:
            self._until = now + BUSY_SECONDS
        time.sleep(min(FIRST_PAUSE_SECONDS * (tries + 1), LONGEST_PAUSE_SECONDS))
        return now < self._until


class _Local(threading.local):
    connection: apsw.Connection | None = None
    pid: int = 0
    durable: bool = True


# A connection that was inherited over a fork is neither used nor closed: either would disturb the
# locks of the process it belongs to.  Parking it here keeps the garbage collector away.
_inherited: list[apsw.Connection] = []


class Database:
    """A SQLite file with one connection a thread and process, opened when first used."""

    def __init__(self, path: Path, *, schema: Sequence[str]) -> None:
        check_sqlite(apsw.sqlite_lib_version())
        self._path = path
        self._local = _Local()
        self._prepare(schema)

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Transaction]:
        """A write transaction, committed at the end of the block and rolled back by an error.

        `durable`: it is on the disk when the block ends.  Otherwise it outlives every process but
        may be lost to a power cut, and then together with all that was committed after it; nothing
        that was committed before it is ever lost instead.
        """
        with _translated():
            connection = self._connection()
            if self._local.durable is not durable:
                connection.pragma("synchronous", "FULL" if durable else "NORMAL")
                self._local.durable = durable
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """What a query finds, as of now, without taking the write lock."""
        with _translated():
            return self._connection().execute(sql, values).fetchall()

    def _connection(self) -> apsw.Connection:
        local = self._local
        if local.connection is not None and local.pid != os.getpid():
            _inherited.append(local.connection)
            local.connection = None
        if local.connection is None:
            local.connection, local.pid, local.durable = self._open(), os.getpid(), True
        return local.connection

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        connection.set_busy_handler(_Patience())
        connection.pragma("journal_mode", "WAL")
        connection.pragma("synchronous", "FULL")
        connection.pragma("journal_size_limit", WAL_LIMIT_BYTES)
        connection.pragma("trusted_schema", 0)
        # What is deleted is overwritten: an erased account is not to be read from a free page.
        connection.pragma("secure_delete", 1)
        return connection

    def _prepare(self, schema: Sequence[str]) -> None:
        """Create what is not there yet; of many processes that start at once, one does."""
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with _translated():
                connection = self._open()
                try:
                    self._migrate(connection, schema)
                finally:
                    connection.close()
        finally:
            os.close(lock)

    def _migrate(self, connection: apsw.Connection, schema: Sequence[str]) -> None:
        found = int(connection.pragma("user_version"))
        if found > len(schema):
            raise ConfigurationError(
                f"{self._path} was written by a newer release (schema {found}; this release knows "
                f"{len(schema)}): install that release, or start with another GAS_HOME",
            )
        if found == len(schema):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            for script in schema[found:]:
                connection.execute(script)
            connection.pragma("user_version", len(schema))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _OUTAGES as error:
        raise OutageError(
            f"the embedded store: {type(error).__name__}", retry_after=RETRY_AFTER
        ) from error
