"""The outside world's stores and queues, watched: what must hold of every single write."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gas.adapters.memory import MemoryFiles, MemoryInbox, MemoryJobs
from gas.domain.errors import RefusedError
from gas.domain.job import STATUS_MOVES, STORAGE_MOVES, Job, Status
from gas.domain.message import Message, Queue
from gas.ports import Delivery, Mail, ObjectInfo, Page
from tests.simulation.scheduler import SECOND, Task, TrueClock


class Watcher(Protocol):
    """What the stores need of the history they are part of."""

    @property
    def micros(self) -> int: ...
    @property
    def actor(self) -> str: ...
    @property
    def deleted(self) -> set[str]: ...
    def chance(self, kind: str) -> bool: ...
    def between(self, least: float, most: float) -> float: ...
    def shuffle(self, rows: list[object]) -> None: ...
    def wake_all(self, tasks: list[Task]) -> None: ...
    def touched(self) -> None: ...
    def violated(self, invariant: str, text: str) -> None: ...


@dataclass(frozen=True)
class Write:
    """One state of a record, or its end, as it was written."""

    at: int
    actor: str
    job_id: str
    job: Job | None


class WatchedJobs(MemoryJobs):
    """The job table: every write a legal move, and every index a little behind."""

    def __init__(self, clock: TrueClock, watcher: Watcher) -> None:
        super().__init__(clock)
        self._watcher = watcher
        self.writes: list[Write] = []
        self.told: list[tuple[int, datetime, Message]] = []
        """Messages the outbox has forgotten, with when, and when they were written."""
        self._handed_back: set[tuple[str, int, str]] = set()

    def of_user(self, user_id: str, *, limit: int, token: str | None = None) -> Page:
        return self._as_indexed().of_user(user_id, limit=limit, token=token)

    def unfinished(self) -> Iterator[Job]:
        return MemoryJobs.unfinished(self._as_indexed())

    def pending(self, *, before: datetime, limit: int) -> Sequence[Message]:
        rows = MemoryJobs.pending(self, before=before, limit=limit)
        if self.told and self._watcher.chance("stale"):
            since = self._watcher.micros - self._lag()
            late = [message for at, _written, message in self.told if at > since]
            return [*late, *rows][:limit]
        return rows

    def renew(self, job: Job, leased_until: datetime) -> None:
        super().renew(job, leased_until)
        if (job.job_id, job.attempt, self._watcher.actor) in self._handed_back:
            self._watcher.violated("I10", f"{job.job_id} was handed back and then held again")

    def sent(self, message: Message) -> None:
        row = self.outbox.get(message.message_id)
        if row is not None:
            self.told.append((self._watcher.micros, row[0], message))
        super().sent(message)
        self._watcher.touched()

    def delete(self, job: Job) -> None:
        super().delete(job)
        watcher = self._watcher
        self.writes.append(Write(watcher.micros, watcher.actor, job.job_id, None))
        watcher.touched()

    def _lag(self) -> int:
        return round(self._watcher.between(0, 20) * SECOND)

    def _as_indexed(self) -> MemoryJobs:
        shadow = MemoryJobs(self._clock)
        if self._watcher.chance("stale"):
            until = self._watcher.micros - self._lag()
            for write in self.writes:
                if write.at > until:
                    break
                if write.job is None:
                    shadow.rows.pop(write.job_id, None)
                else:
                    shadow.rows[write.job_id] = write.job
        else:
            shadow.rows = dict(self.rows)
        return shadow

    def _write(self, job: Job, messages: Sequence[Message]) -> None:
        before = self.rows.get(job.job_id)
        fault = _illegal(before, job)
        if fault:
            self._watcher.violated("I1", f"{job.job_id}: {fault}")
        super()._write(job, messages)
        watcher = self._watcher
        if before is not None and before.attempt == job.attempt and job.status is Status.RUNNING:
            self._handed_back.add((job.job_id, job.attempt, watcher.actor))
        self.writes.append(Write(watcher.micros, watcher.actor, job.job_id, job))
        watcher.touched()


def _illegal(before: Job | None, after: Job) -> str:
    """Why this write is no legal move; empty where it is."""
    if before is None:
        begins = after.status is Status.PENDING and after.attempt == 0
        return "" if begins else f"a record began as {after.status}"
    stays, keeps = after.status is before.status, after.storage is before.storage
    ended = (before.attempt, before.outcome, before.failure)
    rules = {
        f"version {before.version} was followed by {after.version}": (
            after.version == before.version + 1
        ),
        f"{before.status} became {after.status}": (
            stays or after.status in STATUS_MOVES[before.status]
        ),
        f"storage {before.storage} became {after.storage}": (
            keeps or after.storage in STORAGE_MOVES[before.storage]
        ),
        f"attempt {before.attempt} was followed by {after.attempt}": (
            after.attempt in (before.attempt, before.attempt + 1)
        ),
        "what came of a finished job was changed": (
            not before.is_terminal or ended == (after.attempt, after.outcome, after.failure)
        ),
    }
    return next((fault for fault, is_kept in rules.items() if not is_kept), "")


class UnrulyInbox(MemoryInbox):
    """A queue as the documentation promises it: at least once, in any order, sometimes late."""

    watcher: Watcher

    def __init__(self, queue: Queue, clock: TrueClock, watcher: Watcher) -> None:
        super().__init__(queue, clock)
        self.watcher = watcher
        self.pollers: list[Task] = []

    def put(self, body: str, delay: timedelta = timedelta(0), **named: str) -> None:
        if self.watcher.chance("delay"):
            delay += timedelta(seconds=self.watcher.between(0, 90))
        super().put(body, delay, **named)
        self._stirred()

    def receive(self) -> Sequence[Delivery]:
        if len(self.waiting) > 1 and self.watcher.chance("reorder"):
            self.watcher.shuffle(self.waiting)  # type: ignore[arg-type]  # the rows are its own
        deliveries = super().receive()
        for delivery in deliveries:
            if self.watcher.chance("duplicate"):
                self.put(delivery.body)
        if deliveries:
            self.watcher.touched()
        return deliveries

    def done(self, delivery: Delivery) -> None:
        super().done(delivery)
        self.watcher.touched()

    def release(self, delivery: Delivery, delay: timedelta = timedelta(0)) -> None:
        super().release(delivery, delay)
        self._stirred()

    def next_visible(self) -> datetime | None:
        """When the next message can be received."""
        return min((row.visible_at for row in self.waiting), default=None)

    def _stirred(self) -> None:
        self.watcher.touched()
        self.watcher.wake_all(self.pollers)


class WatchedFiles(MemoryFiles):
    """A bucket that remembers every version, and whose recorded objects nobody may take away."""

    def __init__(self, bucket: str, clock: TrueClock, watcher: Watcher, jobs: MemoryJobs) -> None:
        super().__init__(bucket, clock)
        self._watcher = watcher
        self._jobs = jobs
        self.versions: dict[str, bytes] = {}

    def put(
        self, key: str, body: bytes, *, content_type: str = "text/plain", file_name: str = ""
    ) -> ObjectInfo:
        info = super().put(key, body, content_type=content_type, file_name=file_name)
        self.versions[info.version_id or ""] = body
        return info

    def delete(self, key: str) -> None:
        super().delete(key)
        for job in self._jobs.rows.values():
            if job.is_terminal and key in job.keys and job.job_id not in self._watcher.deleted:
                self._watcher.violated("I4", f"an object of a finished job was deleted: {key}")


@dataclass(frozen=True)
class Sending:
    """A mail that reached the provider."""

    at: int
    actor: str
    mail: Mail


class WatchedMailer:
    """The provider: some addresses bounce, and every mail is counted."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.bouncing: set[str] = set()
        self.sent: list[Sending] = []

    def send(self, mail: Mail) -> None:
        if mail.to in self.bouncing:
            raise RefusedError("bounced", "the address does not exist")
        self.sent.append(Sending(self._watcher.micros, self._watcher.actor, mail))
