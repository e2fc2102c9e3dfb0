"""What a page says of a job: a pure function of the job, its owner, the plan and the moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gas.domain.account import Account, Plan, Tier
from gas.domain.job import ARCHIVED_KINDS, Job, ObjectKind, Status, Storage, StoredObject
from web.queue import Snapshot


class Result(StrEnum):
    """How the annotated files stand for their owner."""

    NONE = "none"
    READY = "ready"
    CLOSED = "closed"
    RESTORING = "restoring"


@dataclass(frozen=True, kw_only=True)
class FileView:
    """One file of a finished job, and whether its owner may fetch it now."""

    stored: StoredObject
    title: str
    open: bool


@dataclass(frozen=True, kw_only=True)
class JobView:
    """Everything the details page shows that is not simply an attribute of the job."""

    job: Job
    label: str
    tone: str
    result: Result
    until: datetime | None
    left: timedelta | None
    files: tuple[FileView, ...]
    live: bool
    ahead: int | None
    wait: timedelta | None
    is_silent: bool
    took: timedelta | None

    @property
    def has_log(self) -> bool:
        """Whether there is a log to read."""
        return self.job.object_of(ObjectKind.LOG) is not None


LABELS: dict[Status, tuple[str, str]] = {
    Status.PENDING: ("Waiting", "secondary"),
    Status.RUNNING: ("Running", "primary"),
    Status.COMPLETED: ("Completed", "success"),
    Status.FAILED: ("Failed", "danger"),
    Status.CANCELLED: ("Cancelled", "dark"),
}
"""Each status in words, and the tone of its badge."""

TITLES: dict[ObjectKind, str] = {
    ObjectKind.ANNOTATED_VCF: "Annotated VCF (bgzip)",
    ObjectKind.INDEX: "Index of the annotated VCF",
    ObjectKind.TSV: "Annotated table (TSV, bgzip)",
    ObjectKind.LOG: "Log",
    ObjectKind.REJECTS: "Rejected records and why",
    ObjectKind.PROVENANCE: "Provenance: sources, versions, commands",
    ObjectKind.CHECKSUMS: "Checksums (SHA-256)",
}


def result_of(job: Job, account: Account, plan: Plan, now: datetime) -> Result:
    """How the annotated files stand for their owner at this moment."""
    if job.status is not Status.COMPLETED:
        return Result.NONE
    if not plan.may_download(job, account, now):
        return Result.CLOSED
    if job.storage in {Storage.AVAILABLE, Storage.RESTORED}:
        return Result.READY
    # Archived, or on the way there or back, although the owner may have them: an upgrade came.
    return Result.RESTORING


def may_fetch(kind: ObjectKind, result: Result) -> bool:
    """Whether the owner may fetch an object of that kind: only annotated ones are ever closed."""
    return kind not in ARCHIVED_KINDS or result is Result.READY


def view_of(
    job: Job, account: Account, plan: Plan, now: datetime, *, queue: Snapshot | None = None
) -> JobView:
    """The job as its owner's pages show it; a waiting one with its place in the queue."""
    queue = queue if job.status is Status.PENDING else None
    result = result_of(job, account, plan, now)
    until = plan.download_until(job, account) if result is Result.READY else None
    label, tone = LABELS[job.status]
    took = None
    if job.started_at is not None:
        took = (job.completed_at or now) - job.started_at
    return JobView(
        job=job,
        label=label,
        tone=tone,
        result=result,
        until=until,
        left=None if until is None else until - now,
        files=tuple(
            FileView(stored=stored, title=TITLES[stored.kind], open=may_fetch(stored.kind, result))
            for stored in sorted(job.objects, key=lambda stored: list(TITLES).index(stored.kind))
        ),
        live=not job.is_terminal or until is not None or result is Result.RESTORING,
        ahead=queue.ahead_of(job.job_id) if queue else None,
        wait=queue.wait_of(job.job_id) if queue else None,
        is_silent=queue is not None and queue.is_silent,
        took=took,
    )


def is_free(account: Account) -> bool:
    """Whether the plan's limits bind the account."""
    return account.tier is Tier.FREE
