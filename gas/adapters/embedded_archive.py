"""The archive on one machine: a folder, with the states a user can meet on AWS.

    <home>/archive/<job id>.<version>.<random>        the bytes, on the disk before anybody knows it
    <home>/archive/<job id>.<version>.<random>.part   bytes on their way in

The version is that of the original, so that dropping it later never takes what was restored since.

A retrieval is a row: it is under way until `ready_at`, ready until `expires_at`, lost after that.
Its notice is put on the queue in the same transaction, to be delivered when it is ready.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from gas.adapters.embedded_db import RETRY_AFTER, Database, micros, moment
from gas.adapters.embedded_objects import ObjectStore
from gas.domain import names
from gas.domain.errors import (
    CapacityError,
    ObjectChangedError,
    ObjectNotFoundError,
    OutageError,
)
from gas.domain.job import RetrievalTier, StoredObject
from gas.domain.message import Kind, Message, Queue
from gas.ports import ArchivedObject, Clock, Retrieval, RetrievalState

SCHEMA = """
CREATE TABLE retrievals (
    archive_id TEXT PRIMARY KEY,
    retrieval_id TEXT NOT NULL,
    ready_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
"""

CHUNK = 1024 * 1024
PART = ".part"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long retrievals take, how long what they brought is kept, and whether any is refused."""

    expedited: timedelta
    standard: timedelta
    kept: timedelta
    refuses_expedited: bool


class EmbeddedArchive:
    """The port ArchiveStore over a folder."""

    def __init__(
        self,
        folder: Path,
        bucket: str,
        store: ObjectStore,
        database: Database,
        clock: Clock,
        pace: Pace,
    ) -> None:
        self._folder = folder
        self._bucket = bucket
        self._store = store
        self._database = database
        self._clock = clock
        self.pace = pace
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def archive(self, stored: StoredObject) -> str:
        found = self._store.find(self._bucket, stored.key)
        job_id, version = names.job_id_of(stored.key), found.info.version_id
        archive_id = f"{job_id}.{version}.{secrets.token_hex(16)}"
        part = self._folder / (archive_id + PART)
        with self._store.open(self._bucket, found) as source, _disk():
            try:
                digest, size = sha256(), 0
                with part.open("xb") as target:
                    while chunk := source.read(CHUNK):
                        target.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
                    target.flush()
                    os.fsync(target.fileno())
                _check(stored, size, digest.hexdigest())
                part.rename(self._folder / archive_id)
                self._sync()
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        return archive_id

    def drop_original(self, stored: StoredObject) -> None:
        version = (stored.archive_id or "").split(".")[1]
        self._store.delete(self._bucket, stored.key, up_to=version)

    def start_retrieval(self, stored: StoredObject, tier: RetrievalTier) -> Retrieval:
        path, now = self._path(stored), self._clock.now()
        expedited = tier is RetrievalTier.EXPEDITED
        ready_at = now + (self.pace.expedited if expedited else self.pace.standard)
        notice = Message(
            kind=Kind.RETRIEVAL_DUE,
            job_id=names.job_id_of(stored.key),
            user_id=names.user_id_of(stored.key),
        )
        with self._database.writing() as transaction:
            live = transaction.rows(
                "SELECT retrieval_id FROM retrievals WHERE archive_id = ? AND expires_at > ?",
                path.name,
                micros(now),
            )
            if live:
                return Retrieval(retrieval_id=str(live[0][0]), is_adopted=True)
            if expedited and self.pace.refuses_expedited:
                raise CapacityError("no expedited retrievals at this moment")
            retrieval_id = secrets.token_hex(16)
            transaction.execute(
                "INSERT OR REPLACE INTO retrievals VALUES (?, ?, ?, ?)",
                path.name,
                retrieval_id,
                micros(ready_at),
                micros(ready_at + self.pace.kept),
            )
            transaction.execute(
                "INSERT INTO messages (queue, body, visible_at, user_id) VALUES (?, ?, ?, ?)",
                Queue.THAW.value,
                notice.to_json(),
                micros(ready_at),
                notice.user_id,
            )
        return Retrieval(retrieval_id=retrieval_id)

    def status(self, stored: StoredObject) -> RetrievalState:
        path, now = self._path(stored), self._clock.now()
        rows = self._database.rows(
            "SELECT ready_at, expires_at FROM retrievals WHERE archive_id = ?", path.name
        )
        if not rows or now >= moment(rows[0][1]):
            return RetrievalState.LOST
        return RetrievalState.READY if now >= moment(rows[0][0]) else RetrievalState.UNDER_WAY

    def materialise(self, stored: StoredObject) -> None:
        path = self._path(stored)
        if self.status(stored) is not RetrievalState.READY:
            raise ObjectNotFoundError(f"object {stored.key} is not retrieved")
        digest = sha256()
        with _disk(), path.open("rb") as source, self._store.writing() as new:
            while chunk := source.read(CHUNK):
                new.write(chunk)
                digest.update(chunk)
            _check(stored, new.size, digest.hexdigest())
            self._store.publish(
                new,
                self._bucket,
                stored.key,
                content_type=stored.content_type,
                file_name=stored.file_name,
            )

    def delete(self, stored: StoredObject) -> None:
        if stored.archive_id:
            self._remove(stored.archive_id)

    def listed(self, before: datetime) -> Iterator[ArchivedObject]:
        with _disk():
            for entry in os.scandir(self._folder):
                written_at = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                if written_at < before:
                    job_id = entry.name.partition(".")[0]
                    yield ArchivedObject(archive_id=entry.name, job_id=job_id)

    def remove(self, archived: ArchivedObject) -> None:
        self._remove(archived.archive_id)

    def parse_event(self, body: str) -> Message | None:
        return Message.from_json(body)

    def _path(self, stored: StoredObject) -> Path:
        path = self._folder / (stored.archive_id or " ")
        if not path.is_file():
            raise ObjectNotFoundError(f"object {stored.key} is not in the archive")
        return path

    def _remove(self, archive_id: str) -> None:
        with _disk():
            (self._folder / archive_id).unlink(missing_ok=True)
            self._sync()
        with self._database.writing(durable=False) as transaction:
            transaction.execute("DELETE FROM retrievals WHERE archive_id = ?", archive_id)

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check(stored: StoredObject, size: int, digest: str) -> None:
    if (size, digest) != (stored.size, stored.sha256):
        raise ObjectChangedError(f"object {stored.key} does not hold the recorded bytes")


@contextmanager
def _disk() -> Iterator[None]:
    """Call what the disk refuses an outage."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "OSError")
        raise OutageError(f"the embedded archive: {name}", retry_after=RETRY_AFTER) from error
