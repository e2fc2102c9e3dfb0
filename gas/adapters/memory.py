"""Every port kept in memory: for unit tests and for the seeded simulation.

One `MemoryWorld` is one whole outside world; its clock is the only time there is.
"""

import hashlib
import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from gas.adapters.memory_archive import MemoryArchive
from gas.adapters.memory_clock import MemoryClock
from gas.adapters.memory_people import (
    MemoryAccounts,
    MemoryAuditTrail,
    MemoryLimits,
    MemorySessions,
)
from gas.adapters.payments import SimulatedPayments
from gas.domain.errors import (
    AlreadyExistsError,
    JobNotFoundError,
    LostLeaseError,
    NotFoundError,
    ObjectChangedError,
    ObjectNotFoundError,
    RefusedError,
    StaleJobError,
)
from gas.domain.job import Job, Progress, Status
from gas.domain.message import SUBSCRIPTIONS, Message, Queue
from gas.domain.upload import PendingUpload
from gas.ports import Delivery, Mail, ObjectInfo, Page, UploadForm


class MemoryJobs:
    """The job table and its outbox, in two dicts."""

    def __init__(self, clock: MemoryClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.rows: dict[str, Job] = {}
        self.outbox: dict[str, tuple[datetime, Message]] = {}

    def get(self, job_id: str) -> Job:
        try:
            return self.rows[job_id]
        except KeyError:
            raise JobNotFoundError(f"no job {job_id}") from None

    def add(self, job: Job, *messages: Message) -> None:
        with self._lock:
            if job.job_id in self.rows:
                raise AlreadyExistsError(f"job {job.job_id} is there already")
            self._write(job, messages)

    def move(self, before: Job, after: Job, *messages: Message) -> None:
        with self._lock:
            if self.get(before.job_id).version != before.version:
                raise StaleJobError(f"job {before.job_id} has moved on")
            # The lease and the progress are written beside the version, so the newest stand.
            current = self.rows[before.job_id]
            if after.status is Status.RUNNING and after.attempt == current.attempt:
                after = replace(after, progress=current.progress)
            self._write(after, messages)

    def renew(self, job: Job, leased_until: datetime) -> None:
        with self._lock:
            current = self._owned(job)
            self.rows[job.job_id] = replace(current, leased_until=leased_until)

    def report(self, job: Job, progress: Progress) -> None:
        with self._lock:
            current = self._owned(job)
            self.rows[job.job_id] = replace(current, progress=progress)

    def of_user(self, user_id: str, *, limit: int, token: str | None = None) -> Page:
        mine = sorted(
            (job for job in self.rows.values() if job.user_id == user_id),
            key=lambda job: (job.submitted_at, job.job_id),
            reverse=True,
        )
        start = 0
        if token is not None:
            ids = [job.job_id for job in mine]
            if token not in ids:
                raise RefusedError(
                    "bad-page", "This page link is not valid.", "Open the list anew."
                )
            start = ids.index(token) + 1
        jobs = mine[start : start + limit]
        more = start + limit < len(mine)
        return Page(jobs=jobs, next_token=jobs[-1].job_id if more else None)

    def unfinished(self) -> Iterator[Job]:
        rows = [job for job in self.rows.values() if not job.is_terminal]
        return iter(sorted(rows, key=lambda job: (job.submitted_at, job.job_id)))

    def count_unfinished(self, user_id: str, *, most: int) -> int:
        mine = [job for job in self.unfinished() if job.user_id == user_id]
        return min(len(mine), most)

    def to_look_at(self, before: datetime) -> Iterator[Job]:
        rows = [
            (job.look_at, job.job_id, job)
            for job in self.rows.values()
            if job.look_at is not None and job.look_at < before
        ]
        return iter([job for _, _, job in sorted(rows, key=lambda row: row[:2])])

    def delete(self, job: Job) -> None:
        with self._lock:
            current = self.rows.get(job.job_id)
            if current is None:
                return
            if current.version != job.version:
                raise StaleJobError(f"job {job.job_id} has moved on")
            del self.rows[job.job_id]

    def pending(self, *, before: datetime, limit: int) -> Sequence[Message]:
        rows = sorted(self.outbox.values(), key=lambda row: row[0])
        return [message for written_at, message in rows if written_at < before][:limit]

    def sent(self, message: Message) -> None:
        self.outbox.pop(message.message_id, None)

    def _owned(self, job: Job) -> Job:
        current = self.rows.get(job.job_id)
        if (
            current is None
            or current.status is not Status.RUNNING
            or (current.owner, current.attempt) != (job.owner, job.attempt)
        ):
            raise LostLeaseError(f"job {job.job_id}: attempt {job.attempt} no longer owns it")
        return current

    def _write(self, job: Job, messages: Sequence[Message]) -> None:
        self.rows[job.job_id] = job
        for message in messages:
            self.outbox[message.message_id] = (self._clock.now(), message)


class MemoryUploads:
    """Pending uploads in a dict."""

    def __init__(self) -> None:
        self.rows: dict[str, PendingUpload] = {}

    def add(self, upload: PendingUpload) -> None:
        self.rows[upload.upload_id] = upload

    def get(self, upload_id: str) -> PendingUpload:
        try:
            return self.rows[upload_id]
        except KeyError:
            raise NotFoundError("no such upload") from None

    def remove(self, upload_id: str) -> None:
        self.rows.pop(upload_id, None)

    def expired(self, before: datetime) -> Iterator[PendingUpload]:
        return iter([upload for upload in self.rows.values() if upload.expires_at < before])


@dataclass
class _Waiting:
    body: str
    visible_at: datetime
    user_id: str = ""
    received: int = 0
    receipt: str = ""


@dataclass
class MemoryInbox:
    """A queue in a list, with visibility, delay, receive count and dead letters.

    Users share it fairly: the next message is that of the user with the fewest in hand, then of
    the one whose turn is longest ago.
    """

    queue: Queue
    clock: MemoryClock
    visibility: timedelta = timedelta(seconds=120)
    max_receives: int = 5
    batch: int = 1
    waiting: list[_Waiting] = field(default_factory=list)
    dead_letters: "MemoryInbox | None" = None
    turns: list[str] = field(default_factory=list)

    @property
    def dead(self) -> list[str]:
        """The bodies in the dead-letter queue."""
        return [row.body for row in self.dead_letters.waiting] if self.dead_letters else []

    def put(self, body: str, delay: timedelta = timedelta(0), user_id: str = "") -> None:
        self.waiting.append(_Waiting(body, self.clock.now() + delay, user_id))

    def receive(self) -> Sequence[Delivery]:
        deliveries: list[Delivery] = []
        while len(deliveries) < self.batch and (message := self._next()) is not None:
            if self.dead_letters is not None and message.received >= self.max_receives:
                self.waiting.remove(message)
                self.dead_letters.put(message.body, user_id=message.user_id)
                continue
            self.turns = [user for user in self.turns if user != message.user_id]
            self.turns.append(message.user_id)
            message.received += 1
            message.receipt = secrets.token_hex(8)
            message.visible_at = self.clock.now() + self.visibility
            deliveries.append(
                Delivery(body=message.body, received=message.received, receipt=message.receipt)
            )
        return deliveries

    def done(self, delivery: Delivery) -> None:
        self.waiting = [row for row in self.waiting if row.receipt != delivery.receipt]

    def extend(self, delivery: Delivery, duration: timedelta) -> None:
        row = self._held(delivery)
        if row is None:
            raise LostLeaseError("the message is no longer ours")
        row.visible_at = self.clock.now() + duration

    def release(self, delivery: Delivery, delay: timedelta = timedelta(0)) -> None:
        row = self._held(delivery)
        if row is not None:
            row.visible_at = self.clock.now() + delay

    def bury(self, delivery: Delivery, reason: str) -> None:  # noqa: ARG002 - no place to keep it
        row = self._held(delivery)
        self.done(delivery)
        if self.dead_letters is not None:
            self.dead_letters.put(delivery.body, user_id=row.user_id if row else "")

    def depth(self) -> int:
        return len(self.waiting)

    def _next(self) -> _Waiting | None:
        now = self.clock.now()
        in_hand = Counter(row.user_id for row in self.waiting if row.visible_at > now)
        turns = {user: number for number, user in enumerate(self.turns)}
        return min(
            (row for row in self.waiting if row.visible_at <= now),
            key=lambda row: (in_hand[row.user_id], turns.get(row.user_id, -1)),
            default=None,
        )

    def _held(self, delivery: Delivery) -> _Waiting | None:
        return next((row for row in self.waiting if row.receipt == delivery.receipt), None)


class MemoryTopics:
    """Topics that hand each message to every subscribed inbox."""

    def __init__(self, inboxes: Mapping[Queue, MemoryInbox]) -> None:
        self._inboxes = inboxes
        self.published: list[Message] = []

    def publish(self, message: Message) -> None:
        self.published.append(message)
        for queue in SUBSCRIPTIONS[message.topic]:
            self._inboxes[queue].put(message.to_json(), user_id=message.user_id)


@dataclass(frozen=True, kw_only=True)
class _Object:
    info: ObjectInfo
    body: bytes
    content_type: str
    file_name: str


class MemoryFiles:
    """A versioned bucket in a dict."""

    def __init__(self, bucket: str, clock: MemoryClock) -> None:
        self._bucket = bucket
        self._clock = clock
        self.objects: dict[str, _Object] = {}

    @property
    def bucket(self) -> str:
        return self._bucket

    def put(
        self, key: str, body: bytes, *, content_type: str = "text/plain", file_name: str = ""
    ) -> ObjectInfo:
        info = ObjectInfo(
            key=key,
            size=len(body),
            etag=hashlib.md5(body, usedforsecurity=False).hexdigest(),
            version_id=secrets.token_hex(8),
            modified_at=self._clock.now(),
        )
        self.objects[key] = _Object(
            info=info, body=body, content_type=content_type, file_name=file_name
        )
        return info

    def upload_form(
        self,
        key: str,
        *,
        max_bytes: int,
        content_type: str,
        expires_in: timedelta,
        redirect_to: str | None,
    ) -> UploadForm:
        redirect = {} if redirect_to is None else {"success_action_redirect": redirect_to}
        fields = {
            "key": key,
            "Content-Type": content_type,
            **redirect,
            "policy": f"1..{max_bytes} until {self._clock.now() + expires_in}",
        }
        return UploadForm(url=f"memory://{self._bucket}", fields=fields)

    def head(self, key: str, version_id: str | None = None) -> ObjectInfo:
        stored = self._get(key)
        if version_id not in (None, stored.info.version_id):
            raise ObjectNotFoundError(f"no object {key} of that version")
        return stored.info

    def download(self, info: ObjectInfo, to: Path) -> None:
        to.write_bytes(self._frozen(info).body)

    def copy(self, info: ObjectInfo, key: str) -> ObjectInfo:
        stored = self._frozen(info)
        return self.put(
            key, stored.body, content_type=stored.content_type, file_name=stored.file_name
        )

    def upload(self, source: Path, key: str, *, content_type: str, file_name: str) -> ObjectInfo:
        return self.put(key, source.read_bytes(), content_type=content_type, file_name=file_name)

    def read(self, key: str, *, start: int = 0, length: int) -> bytes:
        return self._get(key).body[start : start + length]

    def link(self, key: str, *, file_name: str, expires_in: timedelta) -> str:
        until = self._clock.now() + expires_in
        return f"memory://{self._bucket}/{key}?name={file_name}&until={until.isoformat()}"

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def keys(self, prefix: str) -> Iterator[ObjectInfo]:
        rows = sorted(self.objects.items())
        return iter([stored.info for key, stored in rows if key.startswith(prefix)])

    def _frozen(self, info: ObjectInfo) -> _Object:
        stored = self._get(info.key)
        if stored.info.version_id != info.version_id or stored.info.etag != info.etag:
            raise ObjectChangedError(f"object {info.key} is not the one that was submitted")
        return stored

    def _get(self, key: str) -> _Object:
        try:
            return self.objects[key]
        except KeyError:
            raise ObjectNotFoundError(f"no object {key}") from None


class MemoryMailer:
    """Mails in a list."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []

    def send(self, mail: Mail) -> None:
        self.sent.append(mail)


class MemoryWorld:
    """One whole outside world."""

    def __init__(self) -> None:
        self.clock = MemoryClock()
        self.jobs = MemoryJobs(self.clock)
        self.uploads = MemoryUploads()
        self.dead_inboxes = {queue: MemoryInbox(queue, self.clock) for queue in Queue}
        self.inboxes = {
            queue: MemoryInbox(queue, self.clock, dead_letters=self.dead_inboxes[queue])
            for queue in Queue
        }
        self.topics = MemoryTopics(self.inboxes)
        self.inputs = MemoryFiles("inputs", self.clock)
        self.results = MemoryFiles("results", self.clock)
        self.archives = MemoryArchive(self.results, self.clock, self.inboxes[Queue.THAW].put)
        self.payments = SimulatedPayments()
        self.sessions = MemorySessions(self.clock)
        self.accounts = MemoryAccounts(self.clock, self.sessions)
        self.audit = MemoryAuditTrail()
        self.limits = MemoryLimits(self.clock)
        self.mailer = MemoryMailer()

    @property
    def outbox(self) -> MemoryJobs:
        """The outbox lives in the job table, because it commits with it."""
        return self.jobs

    def inbox(self, queue: Queue) -> MemoryInbox:
        """The reading end of a queue."""
        return self.inboxes[queue]

    def dead_inbox(self, queue: Queue) -> MemoryInbox:
        """The reading end of a queue's dead-letter queue."""
        return self.dead_inboxes[queue]
