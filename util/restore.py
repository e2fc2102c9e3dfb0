"""The restore daemon: makes the results follow a change of their owner's plan.

Queue in: restore (accounts that changed, and single results that are wanted back).
Out: archive.due, for results whose window begins anew.  Run: `python -m util.restore`.

Upgraded: the retrieval of every archived result is started, and recorded before the message is
acknowledged.  Downgraded: every readable result is put on the clock.  The list of results is read
from the job table, page by page, never carried in a message; so whoever is interrupted begins anew
and passes over what has been done.  The account stays marked as changed until a whole pass found
nothing left to do, and the sweep calls again for accounts that stay marked.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gas import log as gas_log
from gas import wiring
from gas.config import Settings
from gas.domain.account import Account, Tier
from gas.domain.errors import (
    CapacityError,
    JobNotFoundError,
    MalformedMessageError,
    NotFoundError,
    ObjectNotFoundError,
    StaleJobError,
)
from gas.domain.job import Job, ObjectKind, RetrievalTier, Status, Storage
from gas.domain.message import ABOUT_ACCOUNTS, Kind, Message, Queue
from gas.domain.news import about_job
from gas.ports import (
    Accounts,
    ArchiveStore,
    Clock,
    Delivery,
    Inbox,
    Jobs,
    Outbox,
    Retrieval,
    Topics,
)
from gas.relay import relay
from gas.worker import Stop, run
from util.hold import held

log = logging.getLogger(__name__)

PAGE = 100
MOVE_TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Restorer:
    """The use case: results follow the plan."""

    jobs: Jobs
    outbox: Outbox
    topics: Topics
    accounts: Accounts
    archives: ArchiveStore
    inbox: Inbox
    clock: Clock
    settings: Settings

    def handle(self, message: Message, delivery: Delivery) -> None:
        """Do what the account's plan, as it is now, asks for."""
        if message.kind not in ABOUT_ACCOUNTS and message.kind is not Kind.RESTORE_DUE:
            raise MalformedMessageError("a message of this kind does not belong here")
        try:
            account = self.accounts.get(message.user_id)
        except NotFoundError:
            log.info("a plan was changed of an account that is gone")
            return
        with held(self.inbox, delivery, lease=self.settings.lease, every=self.settings.heartbeat):
            if message.kind is Kind.RESTORE_DUE:
                job = self.jobs.get(message.job_id)
                if job.user_id != account.user_id:
                    raise MalformedMessageError("the message does not fit the job it names")
                self._follow(job, account)
            else:
                self._follow_all(account)

    def _follow_all(self, account: Account) -> None:
        left = 0
        for job in self._jobs_of(account.user_id):
            try:
                left += not self._follow(job, account)
            except JobNotFoundError:
                continue
        if left:
            log.warning("results have yet to follow their owner's plan", extra={"count": left})
        elif account.plan_changed_at is not None:
            self.accounts.settle_plan(account)
            log.info("every result follows its owner's plan", extra={"tier": account.tier.value})

    def _follow(self, job: Job, account: Account) -> bool:
        """Take the job's step; whether it then is as the plan wants it, or on its way there."""
        for _ in range(MOVE_TRIES):
            try:
                if account.tier is Tier.PREMIUM:
                    return self._bring_back(job)
                self._put_on_the_clock(job, account)
            except StaleJobError:
                job = self.jobs.get(job.job_id)
            else:
                return True
        return False

    def _bring_back(self, job: Job) -> bool:
        if job.status is not Status.COMPLETED or job.storage is not Storage.ARCHIVED:
            return job.storage is not Storage.ARCHIVING
        try:
            tier, ids = self._start(job)
        except ObjectNotFoundError:
            log.exception("an archived result is not in the archive", extra={"job_id": job.job_id})
            return False
        self._record(job, tier, ids)
        said = tier.value if tier else "adopted"
        log.info("a retrieval was started", extra={"job_id": job.job_id, "tier": said})
        return True

    def _start(self, job: Job) -> tuple[RetrievalTier | None, dict[ObjectKind, str]]:
        """Ask for every object: the slowest tier among them, None where that is not known."""
        tier: RetrievalTier = RetrievalTier.EXPEDITED
        started: dict[ObjectKind, Retrieval] = {}
        for stored in job.annotated:
            try:
                started[stored.kind] = self.archives.start_retrieval(stored, tier)
            except CapacityError:
                tier = RetrievalTier.STANDARD
                started[stored.kind] = self.archives.start_retrieval(stored, tier)
        is_known = tier is RetrievalTier.STANDARD or not any(
            retrieval.is_adopted for retrieval in started.values()
        )
        ids = {kind: retrieval.retrieval_id for kind, retrieval in started.items()}
        return tier if is_known else None, ids

    def _record(self, job: Job, tier: RetrievalTier | None, ids: Mapping[ObjectKind, str]) -> None:
        """Write it down, however often others (a mail's ledger) move the job meanwhile."""
        handles = [stored.archive_id for stored in job.annotated]
        for _ in range(MOVE_TRIES):
            try:
                self.jobs.move(job, job.start_retrieval(self.clock.now(), tier, ids))
            except StaleJobError:
                job = self.jobs.get(job.job_id)
                if job.storage is not Storage.ARCHIVED or handles != [
                    stored.archive_id for stored in job.annotated
                ]:
                    raise
            else:
                return
        raise StaleJobError(f"job {job.job_id} keeps changing")

    def _put_on_the_clock(self, job: Job, account: Account) -> None:
        """See that the archive daemon comes when the window, which began anew, has closed."""
        until = self.settings.plan.download_until(job, account)
        if job.storage is Storage.ARCHIVED:
            self._rest(job)
        if until is None or job.storage not in {Storage.AVAILABLE, Storage.RESTORED}:
            return
        watched = job.look_again(until)
        if watched is job:
            return
        due = about_job(watched, Kind.ARCHIVE_DUE)
        self.jobs.move(job, watched, due)
        relay([due], outbox=self.outbox, topics=self.topics)

    def _rest(self, job: Job) -> None:
        """A Free owner's result rests in the archive, even one whose retrieval was lost."""
        rested = job.look_again(None)
        if rested is not job:
            for stored in job.annotated:
                self.archives.drop_original(stored)
            self.jobs.move(job, rested)

    def _jobs_of(self, user_id: str) -> Iterator[Job]:
        token: str | None = None
        while True:
            page = self.jobs.of_user(user_id, limit=PAGE, token=token)
            yield from page.jobs
            token = page.next_token
            if token is None:
                return


def main() -> None:
    """Run the daemon until SIGTERM."""
    gas_log.set_up("restore")
    settings = Settings.from_env()
    stop = Stop()
    stop.listen()
    outside = wiring.connect(settings)
    inbox = outside.inbox(Queue.RESTORE)
    restorer = Restorer(
        jobs=outside.jobs,
        outbox=outside.outbox,
        topics=outside.topics,
        accounts=outside.accounts,
        archives=outside.archives,
        inbox=inbox,
        clock=outside.clock,
        settings=settings,
    )
    run(inbox, restorer.handle, stop=stop, clock=outside.clock)


if __name__ == "__main__":
    main()
