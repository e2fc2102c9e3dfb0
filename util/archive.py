"""The archive daemon: moves a Free owner's result to the archive once its window has closed.

Queue in: archive.  Out: job.archived, and restore.due where the owner upgraded meanwhile.
Run: `python -m util.archive` (any number of them).

The order of effects: claim (ARCHIVING), copy and verify, record (ARCHIVED, with the handles), drop
the originals, look at the tier once more, rest.  A message that comes before its time is hidden
until then; one that would have to wait long is dropped, and the sweep looks at the job when it is
due.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from gas import log as gas_log
from gas import wiring
from gas.config import Settings
from gas.domain.account import Account, Plan, Tier
from gas.domain.errors import (
    BusyJobError,
    MalformedMessageError,
    NotFoundError,
    TooEarlyError,
)
from gas.domain.job import Job, Status, Storage
from gas.domain.message import Kind, Message, Queue
from gas.domain.news import about_job
from gas.ports import Accounts, ArchiveStore, Clock, Delivery, Inbox, Jobs, Outbox, Topics
from gas.relay import relay
from gas.worker import Stop, run
from util.hold import held

log = logging.getLogger(__name__)

CALLS = frozenset({Kind.JOB_COMPLETED, Kind.JOB_RESTORED, Kind.ARCHIVE_DUE})
"""The news of results that this daemon acts on; the rest is for others."""

LONGEST_WAIT = timedelta(hours=6)
MOST_WAITS = 3
"""How long, and how often, a message is hidden until its job is due; then the sweep sees to it."""

MOST_EARLY = 3
"""How often a message is tried again whose job is not where it says."""


@dataclass(frozen=True, kw_only=True)
class Archiver:
    """The use case: one result is archived when it is due."""

    jobs: Jobs
    outbox: Outbox
    topics: Topics
    accounts: Accounts
    archives: ArchiveStore
    inbox: Inbox
    clock: Clock
    settings: Settings

    @property
    def plan(self) -> Plan:
        """What the tiers allow."""
        return self.settings.plan

    def handle(self, message: Message, delivery: Delivery) -> None:
        """Take the job's next step towards the archive, or wait for its time."""
        if message.kind not in CALLS:
            return
        job = self.jobs.get(message.job_id)
        if job.user_id != message.user_id:
            raise MalformedMessageError("the message does not fit the job it names")
        if job.status is not Status.COMPLETED:
            # The news may be ahead of the record; where it stays so, the sweep sees to the job.
            if not job.is_terminal and delivery.received <= MOST_EARLY:
                raise TooEarlyError(f"job {job.job_id} is {job.status}")
            return
        with held(self.inbox, delivery, lease=self.settings.lease, every=self.settings.heartbeat):
            self._step(job, delivery)

    def _step(self, job: Job, delivery: Delivery) -> None:
        claimed: Job | None = job
        if job.storage in {Storage.AVAILABLE, Storage.RESTORED}:
            claimed = self._claim(job, delivery)
        elif job.storage is Storage.ARCHIVING:
            claimed = self._take_over(job)
        if claimed is not None and claimed.storage is Storage.ARCHIVING:
            claimed = self._copy(claimed)
        if claimed is not None and claimed.storage is Storage.ARCHIVED:
            self._finish(claimed)

    def _claim(self, job: Job, delivery: Delivery) -> Job | None:
        account = self._account(job)
        if account is None:
            return None
        job = clean(job, self.jobs, self.archives)
        until = self.plan.download_until(job, account)
        if until is None:
            self._move(job, job.look_again(None))
            return None
        now = self.clock.now()
        if now < until:
            if until - now <= LONGEST_WAIT and delivery.received <= MOST_WAITS:
                raise TooEarlyError("the window is open", retry_after=until - now)
            self._move(job, job.look_again(until))
            return None
        claimed = self._move(job, job.start_archiving(now))
        account = self._account(job)
        if account is None or account.tier is Tier.PREMIUM:
            # Nothing is copied yet, and nobody else works on a claim that is so young.
            self._move(claimed, claimed.keep_available())
            return None
        return claimed

    def _take_over(self, job: Job) -> Job:
        """Go on with what another daemon has left half done."""
        now, since = self.clock.now(), job.look_at
        if since is not None and now < since + self.settings.archive_lease:
            left = since + self.settings.archive_lease - now
            raise BusyJobError(f"job {job.job_id} is being archived", retry_after=left)
        log.warning("an archiving is taken over")
        return self._move(job, job.look_again(now))

    def _copy(self, job: Job) -> Job:
        handles = {stored.kind: self.archives.archive(stored) for stored in job.annotated}
        archived = job.archive(self.clock.now(), handles)
        self._move(job, archived, about_job(archived, Kind.JOB_ARCHIVED))
        log.info("a result was archived", extra={"objects": len(handles)})
        return archived

    def _finish(self, job: Job) -> None:
        for stored in job.annotated:
            self.archives.drop_original(stored)
        # An upgrade before this reading is seen here; one after it finds the job ARCHIVED.
        account = self._account(job)
        rested = job.look_again(None)
        if account is not None and account.tier is Tier.PREMIUM:
            due = about_job(job, Kind.RESTORE_DUE)
            log.info("an archived result is wanted back")
            if rested is job:
                self.topics.publish(due)
            else:
                self._move(job, rested, due)
        else:
            self._move(job, rested)

    def _account(self, job: Job) -> Account | None:
        """The owner, read fresh; None once the account is gone."""
        try:
            return self.accounts.get(job.user_id)
        except NotFoundError:
            log.warning("a result has no owner any more")
            return None

    def _move(self, before: Job, after: Job, *messages: Message) -> Job:
        if after is not before:
            self.jobs.move(before, after, *messages)
            relay(messages, outbox=self.outbox, topics=self.topics)
        return after


def clean(job: Job, jobs: Jobs, archives: ArchiveStore) -> Job:
    """Delete what a restored job has left in the archive, and record that it is gone."""
    left = [stored for stored in job.annotated if stored.archive_id]
    for stored in left:
        archives.delete(stored)
    forgotten = job.forget_archive()
    if forgotten is not job:
        jobs.move(job, forgotten)
    return forgotten


def main() -> None:
    """Run the daemon until SIGTERM."""
    gas_log.set_up("archive")
    settings = Settings.from_env()
    stop = Stop()
    stop.listen()
    outside = wiring.connect(settings)
    inbox = outside.inbox(Queue.ARCHIVE)
    archiver = Archiver(
        jobs=outside.jobs,
        outbox=outside.outbox,
        topics=outside.topics,
        accounts=outside.accounts,
        archives=outside.archives,
        inbox=inbox,
        clock=outside.clock,
        settings=settings,
    )
    run(inbox, archiver.handle, stop=stop, clock=outside.clock)


if __name__ == "__main__":
    main()
