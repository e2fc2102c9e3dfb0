"""An archive in memory, with the states and the refusals of a real one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from gas.domain import names
from gas.domain.errors import CapacityError, ObjectChangedError, ObjectNotFoundError
from gas.domain.job import RetrievalTier, StoredObject
from gas.domain.message import Kind, Message
from gas.ports import ArchivedObject, Retrieval, RetrievalState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gas.adapters.memory import MemoryFiles
    from gas.adapters.memory_clock import MemoryClock


@dataclass(kw_only=True)
class _Frozen:
    key: str
    body: bytes
    archived_at: datetime
    source_version: str | None
    retrieval_id: str = ""
    ready_at: datetime | None = None


class MemoryArchive:
    """The port ArchiveStore in a dict.

    `notify` is given the body of a notice and when it is to arrive.  `refuses_expedited` is the
    answer to the next expedited retrievals.
    """

    def __init__(
        self,
        files: MemoryFiles,
        clock: MemoryClock,
        notify: Callable[[str, timedelta], None],
    ) -> None:
        self._files = files
        self._clock = clock
        self._notify = notify
        self.rows: dict[str, _Frozen] = {}
        self.refuses_expedited = False
        self.durations = {
            RetrievalTier.EXPEDITED: timedelta(minutes=2),
            RetrievalTier.STANDARD: timedelta(hours=4),
        }
        self.kept = timedelta(days=1)
        self.started: list[RetrievalTier] = []

    def archive(self, stored: StoredObject) -> str:
        version = self._files.head(stored.key).version_id
        body = self._files.read(stored.key, length=stored.size + 1)
        _check(stored, body)
        archive_id = secrets.token_hex(8)
        self.rows[archive_id] = _Frozen(
            key=stored.key,
            body=body,
            archived_at=self._clock.now(),
            source_version=version,
        )
        return archive_id

    def drop_original(self, stored: StoredObject) -> None:
        there = self._files.objects.get(stored.key)
        if there is not None and there.info.version_id == self._row(stored).source_version:
            self._files.delete(stored.key)

    def start_retrieval(self, stored: StoredObject, tier: RetrievalTier) -> Retrieval:
        row = self._row(stored)
        if self._state(row) is not RetrievalState.LOST:
            return Retrieval(retrieval_id=row.retrieval_id, is_adopted=True)
        if tier is RetrievalTier.EXPEDITED and self.refuses_expedited:
            raise CapacityError("no expedited retrievals at this moment")
        self.started.append(tier)
        row.retrieval_id = secrets.token_hex(8)
        row.ready_at = self._clock.now() + self.durations[tier]
        message = Message(
            kind=Kind.RETRIEVAL_DUE,
            job_id=names.job_id_of(row.key),
            user_id=names.user_id_of(row.key),
        )
        self._notify(message.to_json(), self.durations[tier])
        return Retrieval(retrieval_id=row.retrieval_id)

    def status(self, stored: StoredObject) -> RetrievalState:
        return self._state(self._row(stored))

    def materialise(self, stored: StoredObject) -> None:
        row = self._row(stored)
        if self._state(row) is not RetrievalState.READY:
            raise ObjectNotFoundError(f"object {stored.key} is not retrieved")
        _check(stored, row.body)
        self._files.put(
            stored.key, row.body, content_type=stored.content_type, file_name=stored.file_name
        )

    def delete(self, stored: StoredObject) -> None:
        self.rows.pop(stored.archive_id or "", None)

    def listed(self, before: datetime) -> Iterator[ArchivedObject]:
        return iter(
            [
                ArchivedObject(archive_id=archive_id, job_id=names.job_id_of(row.key))
                for archive_id, row in self.rows.items()
                if row.archived_at < before
            ]
        )

    def remove(self, archived: ArchivedObject) -> None:
        self.rows.pop(archived.archive_id, None)

    def parse_event(self, body: str) -> Message | None:
        return Message.from_json(body)

    def _row(self, stored: StoredObject) -> _Frozen:
        try:
            return self.rows[stored.archive_id or ""]
        except KeyError:
            raise ObjectNotFoundError(f"object {stored.key} is not in the archive") from None

    def _state(self, row: _Frozen) -> RetrievalState:
        now = self._clock.now()
        if row.ready_at is None or now >= row.ready_at + self.kept:
            return RetrievalState.LOST
        return RetrievalState.READY if now >= row.ready_at else RetrievalState.UNDER_WAY


def _check(stored: StoredObject, body: bytes) -> None:
    if len(body) != stored.size or sha256(body).hexdigest() != stored.sha256:
        raise ObjectChangedError(f"object {stored.key} does not hold the recorded bytes")
