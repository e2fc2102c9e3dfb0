"""The sweeper's part for the archive: what was missed, is stuck, or lies there for nobody.

What it does is call: a daemon does the work, and decides anew whether there is any.  A call is not
repeated while its queue holds messages, for the job's own may be among them.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gas.config import Settings
from gas.domain.errors import JobNotFoundError, NotFoundError, StaleJobError
from gas.domain.job import Job, Storage
from gas.domain.message import Kind, Message, Queue
from gas.domain.news import about_job, plan_changed
from gas.ports import Accounts, ArchiveStore, Clock, Inbox, Jobs, Outbox, Topics
from gas.relay import relay
from gas.wiring import Outside

log = logging.getLogger(__name__)

ORPHANS_EVERY = timedelta(hours=6)
"""Pause between two looks at the whole archive."""

ORPHAN_AGE = timedelta(hours=24)
"""Age at which something in the archive that no record names was left by a crash."""


@dataclass(kw_only=True)
class StorageSweep:
    """The use case, in three steps."""

    jobs: Jobs
    outbox: Outbox
    topics: Topics
    accounts: Accounts
    archives: ArchiveStore
    inbox: Callable[[Queue], Inbox]
    clock: Clock
    settings: Settings
    _orphans_at: datetime | None = field(default=None, init=False)

    def watch(self) -> None:
        """See to every result whose storage has something before it."""
        is_free = {queue: self.inbox(queue).depth() == 0 for queue in (Queue.ARCHIVE, Queue.THAW)}
        for seen in self.jobs.to_look_at(self.clock.now() - self.settings.lease):
            try:
                job = self.jobs.get(seen.job_id)
                self._look_after(job, is_free)
            except (StaleJobError, JobNotFoundError):
                continue  # It moved on by itself.

    def follow_plans(self) -> None:
        """Call again for accounts whose results have not followed a change of their plan."""
        changed = self.accounts.unsettled(self.clock.now() - self.settings.lease)
        if not changed or self.inbox(Queue.RESTORE).depth():
            return
        for account in changed:
            log.warning("a change of plan is announced again")
            self.topics.publish(plan_changed(account))

    def remove_orphan_archives(self) -> None:
        """Remove from the archive what no record refers to: copies whose daemon died."""
        now = self.clock.now()
        if self._orphans_at is not None and now - self._orphans_at < ORPHANS_EVERY:
            return
        for archived in self.archives.listed(now - ORPHAN_AGE):
            try:
                job: Job | None = self.jobs.get(archived.job_id)
            except JobNotFoundError:
                job = None
            known = {stored.archive_id for stored in job.annotated} if job else set()
            if archived.archive_id not in known and not _is_archiving(job):
                self.archives.remove(archived)
                log.info("an orphan archive was removed", extra={"job_id": archived.job_id})
        self._orphans_at = now

    def _look_after(self, job: Job, is_free: dict[Queue, bool]) -> None:
        now = self.clock.now()
        if job.look_at is None or job.look_at >= now - self.settings.lease:
            return
        if job.storage is Storage.RETRIEVING:
            if now >= job.look_at + self.settings.retrieval_poll:
                reminded = job.look_again(now)
                self._move(job, reminded, about_job(reminded, Kind.RETRIEVAL_DUE))
        elif any(stored.archive_id for stored in job.annotated) and (
            job.storage is Storage.RESTORED
        ):
            if is_free[Queue.THAW]:
                self._call(job, Kind.RETRIEVAL_DUE)
        elif job.storage in {Storage.AVAILABLE, Storage.RESTORED}:
            self._look_at_window(job, now, is_free=is_free[Queue.ARCHIVE])
        elif is_free[Queue.ARCHIVE] and (
            job.storage is Storage.ARCHIVED or now >= job.look_at + self.settings.archive_lease
        ):
            self._call(job, Kind.ARCHIVE_DUE)

    def _look_at_window(self, job: Job, now: datetime, *, is_free: bool) -> None:
        try:
            until = self.settings.plan.download_until(job, self.accounts.get(job.user_id))
        except NotFoundError:
            return
        if until is None or now < until:
            self._move(job, job.look_again(until))
        elif is_free and now - until > self.settings.lease:
            self._call(job, Kind.ARCHIVE_DUE)

    def _call(self, job: Job, kind: Kind) -> None:
        log.warning("a result is seen to again", extra={"job_id": job.job_id, "due": kind.value})
        self.topics.publish(about_job(job, kind))

    def _move(self, before: Job, after: Job, *messages: Message) -> None:
        if after is not before:
            self.jobs.move(before, after, *messages)
            relay(messages, outbox=self.outbox, topics=self.topics)


def storage_sweep(outside: Outside, settings: Settings) -> StorageSweep:
    """The sweep over these ports."""
    return StorageSweep(
        jobs=outside.jobs,
        outbox=outside.outbox,
        topics=outside.topics,
        accounts=outside.accounts,
        archives=outside.archives,
        inbox=outside.inbox,
        clock=outside.clock,
        settings=settings,
    )


def _is_archiving(job: Job | None) -> bool:
    return job is not None and job.storage is Storage.ARCHIVING
