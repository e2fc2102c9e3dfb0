"""A job, and the two paths it walks.  Pure: no AWS, no HTTP, no clock, no files.

    status     PENDING ──> RUNNING ──> COMPLETED
                  │  │      │ │ └────> FAILED
                  │  │      │ └ again, once its lease has run out (the worker died or gave it back)
                  │  │      └────────> CANCELLED
                  │  └───────────────> FAILED      (refused, or dead-lettered)
                  └──────────────────> CANCELLED

    storage    AVAILABLE ──> ARCHIVING ──> ARCHIVED ──> RETRIEVING ──> RESTORED
                   ^             │  ^          ^             │            │
                   └─────────────┘  │          └─────────────┘            │
          the owner upgraded first  │   the retrieval was lost or expired │
                                    └─────────────────────────────────────┘
                                                  the owner is Free again

A run of a job holds it by a lease.  `attempt` numbers the runs and is their fencing token: every
claim raises it, and what an older attempt still tries to write is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gas.domain.errors import BusyJobError, IllegalMoveError, LostLeaseError


class Status(StrEnum):
    """How far the annotation run has got."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Storage(StrEnum):
    """Where the annotated objects of a completed job are."""

    AVAILABLE = "AVAILABLE"
    ARCHIVING = "ARCHIVING"
    ARCHIVED = "ARCHIVED"
    RETRIEVING = "RETRIEVING"
    RESTORED = "RESTORED"


STATUS_MOVES: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, Status.FAILED, Status.CANCELLED}),
    Status.RUNNING: frozenset(
        {Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED},
    ),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}

STORAGE_MOVES: dict[Storage | None, frozenset[Storage]] = {
    None: frozenset({Storage.AVAILABLE}),
    Storage.AVAILABLE: frozenset({Storage.ARCHIVING}),
    Storage.ARCHIVING: frozenset({Storage.ARCHIVED, Storage.AVAILABLE}),
    Storage.ARCHIVED: frozenset({Storage.RETRIEVING}),
    Storage.RETRIEVING: frozenset({Storage.RESTORED, Storage.ARCHIVED}),
    Storage.RESTORED: frozenset({Storage.ARCHIVING}),
}

TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


class RetrievalTier(StrEnum):
    """How fast, and how dear, a retrieval from the archive is; the values are AWS's words."""

    EXPEDITED = "Expedited"
    STANDARD = "Standard"


class ObjectKind(StrEnum):
    """What a stored object of a job is."""

    ANNOTATED_VCF = "annotated_vcf"
    INDEX = "index"
    TSV = "tsv"
    LOG = "log"
    REJECTS = "rejects"
    PROVENANCE = "provenance"
    CHECKSUMS = "checksums"


ARCHIVED_KINDS = frozenset({ObjectKind.ANNOTATED_VCF, ObjectKind.INDEX, ObjectKind.TSV})
"""The annotated objects move to the archive together; everything else stays readable."""


class Fault(StrEnum):
    """Whose fault a failure is: the file's, or ours."""

    INPUT = "input"
    SERVICE = "service"


@dataclass(frozen=True, kw_only=True)
class Input:
    """The input object, frozen at submit: exactly these bytes are annotated, or none."""

    bucket: str
    key: str
    size: int
    etag: str
    version_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object a run has written: `size` in bytes, `sha256` in lower-case hex.

    `archive_id` is its handle in the archive for as long as a copy may lie there; `retrieval_id`
    that of the retrieval under way.
    """

    kind: ObjectKind
    key: str
    file_name: str
    size: int
    sha256: str
    content_type: str
    archive_id: str | None = None
    retrieval_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a job failed, in words its owner can act on.

    `code` is a stable kebab-case word; `line` the 1-based line of the input where there is one;
    `log` the log object (in the results bucket) where a run got far enough to write one.
    """

    code: str
    text: str
    fault: Fault
    hint: str = ""
    line: int | None = None
    log: StoredObject | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is: records annotated so far and the fraction (0..1) of the input read."""

    records: int
    fraction: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a successful run found and wrote."""

    results_bucket: str
    objects: tuple[StoredObject, ...]
    assembly: str
    records: int
    rejected: int
    engine: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """One VCF submitted by one user and its one annotation.

    Every move returns a new Job, one version on.  A move already made returns the job as it is.
    `look_at` is when the sweep should look after the storage; None while that is at rest.
    `retrieval_tier` and `retrieval_started_at` speak of the latest retrieval.
    """

    job_id: str
    user_id: str
    input_file_name: str
    input: Input
    submitted_at: datetime
    requested_assembly: str = "detect"
    note: str = ""
    status: Status = Status.PENDING
    attempt: int = 0
    owner: str | None = None
    leased_until: datetime | None = None
    started_at: datetime | None = None
    progress: Progress | None = None
    completed_at: datetime | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None
    storage: Storage | None = None
    restored_at: datetime | None = None
    retrieval_id: str | None = None
    retrieval_tier: RetrievalTier | None = None
    retrieval_started_at: datetime | None = None
    look_at: datetime | None = None
    mails: frozenset[str] = frozenset()
    version: int = 0

    @property
    def is_terminal(self) -> bool:
        """Whether the run is over, whichever way."""
        return self.status in TERMINAL

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        """Every object the recorded run wrote."""
        written = self.outcome.objects if self.outcome else ()
        if self.failure is not None and self.failure.log is not None:
            written = (*written, self.failure.log)
        return written

    @property
    def keys(self) -> frozenset[str]:
        """Keys of the objects the recorded run wrote."""
        return frozenset(stored.key for stored in self.objects)

    @property
    def annotated(self) -> tuple[StoredObject, ...]:
        """The objects that move to the archive and back, always together."""
        return tuple(stored for stored in self.objects if stored.kind in ARCHIVED_KINDS)

    def object_of(self, kind: ObjectKind) -> StoredObject | None:
        """The stored object of that kind, where the run wrote one."""
        return next((stored for stored in self.objects if stored.kind is kind), None)

    def claim(self, now: datetime, lease: timedelta, owner: str) -> "Job":
        """Take the job for one run, which must renew or finish before the lease runs out."""
        if self.leased_until is not None and now < self.leased_until:
            raise BusyJobError(
                f"job {self.job_id} is leased until {self.leased_until.isoformat()}",
                retry_after=self.leased_until - now,
            )
        return replace(
            self._moved(status=Status.RUNNING),
            attempt=self.attempt + 1,
            owner=owner,
            leased_until=now + lease,
            started_at=now,
            progress=None,
        )

    def hand_back(self, now: datetime, attempt: int) -> "Job":
        """End the lease now, so that another worker may claim the job at once."""
        self._check_attempt(attempt)
        return replace(self._moved(status=Status.RUNNING), leased_until=now)

    def complete(self, now: datetime, attempt: int, outcome: Outcome) -> "Job":
        """Record what the run wrote; from here on the result is the owner's to fetch."""
        if self.status is Status.COMPLETED and self.attempt == attempt:
            return self
        self._check_attempt(attempt)
        return replace(
            self._moved(status=Status.COMPLETED, storage=Storage.AVAILABLE),
            completed_at=now,
            leased_until=None,
            outcome=outcome,
            look_at=now,
        )

    def fail(self, now: datetime, failure: Failure, attempt: int | None = None) -> "Job":
        """Record why there is no result; `attempt` is given by a run, not by the sweeper."""
        if self.status is Status.FAILED and attempt in (None, self.attempt):
            return self
        if attempt is not None:
            self._check_attempt(attempt)
        return replace(
            self._moved(status=Status.FAILED),
            completed_at=now,
            leased_until=None,
            failure=failure,
        )

    def cancel(self, now: datetime) -> "Job":
        """Stop the job at its owner's wish, run or no run."""
        if self.status is Status.CANCELLED:
            return self
        return replace(self._moved(status=Status.CANCELLED), completed_at=now, leased_until=None)

    def start_archiving(self, now: datetime) -> "Job":
        """Claim the annotated objects for the archive."""
        return self._stored(Storage.ARCHIVING, look_at=now)

    def keep_available(self) -> "Job":
        """Give up archiving, because the owner upgraded before anything was copied."""
        return self._stored(Storage.AVAILABLE, look_at=None)

    def archive(self, now: datetime, handles: Mapping[ObjectKind, str]) -> "Job":
        """Record where in the archive each annotated object lies."""
        moved = self._stored(Storage.ARCHIVED, look_at=now)
        return moved if moved is self else _with(moved, archive_ids=handles)

    def start_retrieval(
        self, now: datetime, tier: RetrievalTier | None, retrieval_ids: Mapping[ObjectKind, str]
    ) -> "Job":
        """Record that the archive was asked to bring the objects back; None: in unknown time."""
        moved = self._stored(Storage.RETRIEVING, look_at=now)
        if moved is self:
            return self
        return replace(
            _with(moved, retrieval_ids=retrieval_ids),
            retrieval_id=next(iter(retrieval_ids.values()), None),
            retrieval_tier=tier,
            retrieval_started_at=now,
        )

    def lose_retrieval(self, now: datetime) -> "Job":
        """Go back to ARCHIVED after a retrieval that was lost or expired."""
        moved = self._moved(storage=Storage.ARCHIVED)
        return replace(_with(moved, retrieval_ids={}), retrieval_id=None, look_at=now)

    def restore(self, now: datetime) -> "Job":
        """Record that every annotated object is back, byte for byte.

        The handles stay until `forget_archive`: what lies in the archive is deleted in between.
        """
        moved = self._stored(Storage.RESTORED, look_at=now)
        if moved is self:
            return self
        return replace(_with(moved, retrieval_ids={}), retrieval_id=None, restored_at=now)

    def forget_archive(self) -> "Job":
        """Record that nothing of the job lies in the archive any more."""
        if not any(stored.archive_id for stored in self.objects):
            return self
        return replace(_with(self, archive_ids={}), version=self.version + 1)

    def look_again(self, at: datetime | None) -> "Job":
        """Say when the sweep should look after the storage next; None once it is at rest."""
        if at == self.look_at:
            return self
        return replace(self, look_at=at, version=self.version + 1)

    def mailed(self, mark: str) -> "Job":
        """Remember that a mail was begun (`completed:sending`) or sent (`completed:sent`)."""
        if mark in self.mails:
            return self
        return replace(self, mails=self.mails | {mark}, version=self.version + 1)

    def _check_attempt(self, attempt: int) -> None:
        if attempt != self.attempt or self.status is not Status.RUNNING:
            raise LostLeaseError(
                f"job {self.job_id}: attempt {attempt} no longer owns it "
                f"(now {self.status}, attempt {self.attempt})",
            )

    def _stored(self, storage: Storage, *, look_at: datetime | None) -> "Job":
        if self.status is not Status.COMPLETED:
            raise IllegalMoveError(f"job {self.job_id} is {self.status}: it has no result to store")
        if self.storage is storage:
            return self
        return replace(self._moved(storage=storage), look_at=look_at)

    def _moved(self, *, status: Status | None = None, storage: Storage | None = None) -> "Job":
        if status is not None and status not in STATUS_MOVES[self.status]:
            raise IllegalMoveError(f"job {self.job_id}: {self.status} cannot become {status}")
        if storage is not None and storage not in STORAGE_MOVES[self.storage]:
            raise IllegalMoveError(f"job {self.job_id}: {self.storage} cannot become {storage}")
        return replace(
            self,
            status=status or self.status,
            storage=storage or self.storage,
            version=self.version + 1,
        )


def _with(
    job: Job,
    *,
    archive_ids: Mapping[ObjectKind, str] | None = None,
    retrieval_ids: Mapping[ObjectKind, str] | None = None,
) -> Job:
    """The same version with these handles, and no others, on its annotated objects."""
    if job.outcome is None:
        raise IllegalMoveError(f"job {job.job_id} has no result")

    def handled(stored: StoredObject) -> StoredObject:
        if stored.kind not in ARCHIVED_KINDS:
            return stored
        if archive_ids is not None:
            stored = replace(stored, archive_id=archive_ids.get(stored.kind))
        if retrieval_ids is not None:
            stored = replace(stored, retrieval_id=retrieval_ids.get(stored.kind))
        return stored

    objects = tuple(handled(stored) for stored in job.outcome.objects)
    return replace(job, outcome=replace(job.outcome, objects=objects))
