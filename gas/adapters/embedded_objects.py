"""Where the embedded object store keeps its bytes: plain files, and rows that publish them.

    <home>/objects/<bucket>/<xx>/<version>   the bytes; a key is never part of a path
    <home>/objects/new/<version>             bytes on their way in, locked by whoever writes them

An object exists once its row (bucket, key, version, size, etag, name) is committed, and its bytes
are on the disk before that.  The name under `new` goes last, so that a crash at any point leaves
either the object or something a sweep finds at once.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from gas.adapters.embedded_db import RETRY_AFTER, Database, Row, micros, moment
from gas.domain.errors import ConfigurationError, ObjectNotFoundError, OutageError
from gas.ports import Clock, ObjectInfo

SCHEMA = """
CREATE TABLE objects (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    version_id TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    content_type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    modified_at INTEGER NOT NULL,
    PRIMARY KEY (bucket, key, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE doomed (
    version_id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL
) STRICT;
"""

BATCH = 500
NEW = "new"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{2,62}")
_COLUMNS = "key, size, etag, version_id, modified_at, content_type, file_name"
_FIND = f"SELECT {_COLUMNS} FROM objects "  # noqa: S608 - joined of constants
_LIST = f"SELECT {_COLUMNS}, max(sequence) FROM objects "  # noqa: S608 - joined of constants


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object with what a download of it says."""

    info: ObjectInfo
    content_type: str
    file_name: str


class ObjectStore:
    """Every bucket of one deployment."""

    def __init__(
        self, folder: Path, buckets: tuple[str, ...], index: Database, clock: Clock
    ) -> None:
        self._folder = folder
        self._buckets = buckets
        self._index = index
        self._clock = clock
        self._make_folders()

    def has_bucket(self, bucket: str) -> bool:
        """Whether there is such a bucket."""
        return bucket in self._buckets

    @contextmanager
    def writing(self) -> Iterator["NewObject"]:
        """A new object; what was not published when the block ends is gone."""
        with _disk():
            new = NewObject(self._folder / NEW)
        try:
            yield new
        finally:
            new.close()

    def publish(
        self, new: "NewObject", bucket: str, key: str, *, content_type: str, file_name: str
    ) -> ObjectInfo:
        """Make the bytes written so far the newest version of the object."""
        path = self._path(bucket, new.version_id)
        with _disk():
            new.settle(path)
        now = self._clock.now()
        etag = new.etag
        # Whatever refers to an object is a job, in the same file and committed later: once the job
        # is on the disk, so is this row.
        with self._index.writing(durable=False) as transaction:
            transaction.execute(
                "INSERT INTO objects SELECT ?, ?, coalesce(max(sequence), 0) + 1, ?, ?, ?, ?, ?, ?"
                " FROM objects WHERE bucket = ? AND key = ?",
                *(bucket, key, new.version_id, new.size, etag, content_type, file_name),
                micros(now),
                *(bucket, key),
            )
        new.in_doubt = False
        return ObjectInfo(
            key=key, size=new.size, etag=etag, version_id=new.version_id, modified_at=now
        )

    def find(self, bucket: str, key: str, version_id: str | None = None) -> Stored:
        """The newest version, or that one; raises ObjectNotFoundError."""
        rows = self._index.rows(
            _FIND + "WHERE bucket = ? AND key = ?"
            " AND (? IS NULL OR version_id = ?) ORDER BY sequence DESC LIMIT 1",
            bucket,
            key,
            version_id,
            version_id,
        )
        if not rows:
            raise ObjectNotFoundError(f"no object {key}")
        return _stored(rows[0])

    def open(self, bucket: str, stored: Stored) -> BinaryIO:
        """Its bytes, to be read; raises ObjectNotFoundError once it was deleted."""
        path = self._path(bucket, str(stored.info.version_id))
        try:
            with _disk():
                return path.open("rb", buffering=0)
        except FileNotFoundError:
            raise ObjectNotFoundError(f"no object {stored.info.key}") from None

    def delete(self, bucket: str, key: str, *, up_to: str | None = None) -> None:
        """Remove every version; with `up_to`, that version and the older ones."""
        with self._index.writing() as transaction:
            last = 2**62
            if up_to is not None:
                found = transaction.rows(
                    "SELECT sequence FROM objects WHERE bucket = ? AND key = ? AND version_id = ?",
                    *(bucket, key, up_to),
                )
                last = found[0][0] if found else 0
            these = (bucket, key, last)
            transaction.execute(
                "INSERT INTO doomed SELECT version_id, bucket FROM objects"
                " WHERE bucket = ? AND key = ? AND sequence <= ?",
                *these,
            )
            rows = transaction.rows(
                "DELETE FROM objects WHERE bucket = ? AND key = ? AND sequence <= ?"
                " RETURNING version_id",
                *these,
            )
        self._remove([(version_id, bucket) for (version_id,) in rows])

    def keys(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """The newest version of every object whose key begins so, by key."""
        start = prefix
        while True:
            rows = self._index.rows(
                _LIST + "WHERE bucket = ? AND key >= ? GROUP BY key ORDER BY key LIMIT ?",
                bucket,
                start,
                BATCH,
            )
            for row in rows:
                if not row[0].startswith(prefix):
                    return
                yield _stored(row[:-1]).info
            if len(rows) < BATCH:
                return
            start = rows[-1][0] + "\0"

    def sweep(self) -> int:
        """Remove what writers that died have left; returns how many files were in the way."""
        doomed = self._index.rows("SELECT version_id, bucket FROM doomed")
        self._remove([(version_id, bucket) for version_id, bucket in doomed])
        with _disk():
            return len(doomed) + self._sweep_new() + self._sweep_orphans()

    def _sweep_new(self) -> int:
        left = 0
        for path in (self._folder / NEW).iterdir():
            # Its writer's lock is asked for and held, so that no writer is disturbed.
            with suppress(BlockingIOError, FileNotFoundError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                left += 1
        return left

    def _sweep_orphans(self) -> int:
        """Remove bytes that have neither a row nor a name under `new`, which goes after the row."""
        left = 0
        for bucket in self._buckets:
            for folder in (self._folder / bucket).iterdir():
                found = {path.name for path in folder.iterdir()}
                found -= {path.name for path in (self._folder / NEW).iterdir()}
                if found:
                    found -= self._versions(folder.name)
                for version_id in found:
                    self._path(bucket, version_id).unlink(missing_ok=True)
                left += len(found)
        return left

    def _versions(self, begin: str) -> set[str]:
        """Every version whose id begins so."""
        rows = self._index.rows(
            "SELECT version_id FROM objects WHERE version_id >= ? AND version_id < ?",
            begin,
            begin + "g",
        )
        return {version_id for (version_id,) in rows}

    def _remove(self, versions: list[tuple[str, str]]) -> None:
        if not versions:
            return
        for version_id, bucket in versions:
            with _disk():
                self._path(bucket, version_id).unlink(missing_ok=True)
        with self._index.writing(durable=False) as transaction:
            for version_id, _ in versions:
                transaction.execute("DELETE FROM doomed WHERE version_id = ?", version_id)

    def _path(self, bucket: str, version_id: str) -> Path:
        return self._folder / bucket / version_id[:2] / version_id

    def _make_folders(self) -> None:
        for bucket in self._buckets:
            if not _BUCKET.fullmatch(bucket):
                raise ConfigurationError(
                    f"{bucket!r} cannot name a bucket: 3 to 63 lower-case letters, digits, dots, "
                    "dashes",
                )
        (self._folder / NEW).mkdir(mode=0o700, parents=True, exist_ok=True)
        for bucket in self._buckets:
            last = self._folder / bucket / "ff"
            if last.is_dir():
                continue
            for number in range(256):
                (last.parent / f"{number:02x}").mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_folder(last.parent)
        _sync_folder(self._folder)


class NewObject:
    """Bytes on their way in.  The lock on their file falls when their writer dies."""

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self.in_doubt = False
        self._digest = hashlib.md5(usedforsecurity=False)
        self._path, self._file = _locked(folder)

    @property
    def version_id(self) -> str:
        """The id the object will have, which is the name of its file."""
        return self._path.name

    @property
    def etag(self) -> str:
        """MD5 of the bytes written, in hex, as S3 gives it for a single upload."""
        return self._digest.hexdigest()

    def write(self, data: bytes | bytearray) -> None:
        """Add bytes at the end."""
        view = memoryview(data)
        with _disk():
            while view:
                view = view[self._file.write(view) :]
        self._digest.update(data)
        self.size += len(data)

    def settle(self, path: Path) -> None:
        """Bring the bytes to the disk under their final name too."""
        os.fsync(self._file.fileno())
        self.in_doubt = True
        path.hardlink_to(self._path)
        _sync_folder(path.parent)

    def close(self) -> None:
        """Drop the name under `new`, unless only a sweep can tell whether it was published."""
        if not self.in_doubt:
            with suppress(OSError):
                self._path.unlink()
        self._file.close()


def _locked(folder: Path) -> tuple[Path, FileIO]:
    """A new file of ours, locked."""
    while True:
        path = folder / secrets.token_hex(16)
        file = path.open("xb", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return path, file
        # A sweep came between its making and its lock, and took it for abandoned.
        file.close()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk() -> Iterator[None]:
    """Call what the disk refuses an outage; a file that is not there stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "OSError")
        raise OutageError(f"the embedded object store: {name}", retry_after=RETRY_AFTER) from error


def _stored(row: Row) -> Stored:
    key, size, etag, version_id, modified_at, content_type, file_name = row
    info = ObjectInfo(
        key=key, size=size, etag=etag, version_id=version_id, modified_at=moment(modified_at)
    )
    return Stored(info=info, content_type=content_type, file_name=file_name)
