"""The thaw daemon: puts back what the archive has retrieved.

Queue in: thaw (the archive's own notices, and the sweep's reminders).  Out: job.restored, and
restore.due for a retrieval that was lost.  Run: `python -m util.thaw` (any number of them).

The order of effects: put every object back and verify it, record (RESTORED), delete the copies in
the archive, record that they are gone.  A notice says only where to look; the archive is asked.
"""

import logging
from dataclasses import dataclass

from gas import log as gas_log
from gas import wiring
from gas.config import Settings
from gas.domain.errors import MalformedMessageError, TooEarlyError
from gas.domain.job import Job, Storage
from gas.domain.message import Kind, Message, Queue
from gas.domain.news import about_job
from gas.ports import ArchiveStore, Clock, Delivery, Inbox, Jobs, Outbox, RetrievalState, Topics
from gas.relay import relay
from gas.worker import Stop, run
from util.archive import clean
from util.hold import held

log = logging.getLogger(__name__)

MOST_EARLY = 3
"""How often a notice is tried again whose retrieval is not recorded yet."""


@dataclass(frozen=True, kw_only=True)
class Thawer:
    """The use case: one retrieved result comes back."""

    jobs: Jobs
    outbox: Outbox
    topics: Topics
    archives: ArchiveStore
    inbox: Inbox
    clock: Clock
    settings: Settings

    def handle(self, message: Message, delivery: Delivery) -> None:
        """Put the job's objects back if the archive has all of them ready."""
        if message.kind is not Kind.RETRIEVAL_DUE:
            raise MalformedMessageError("a message of this kind does not belong here")
        job = self.jobs.get(message.job_id)
        if job.user_id != message.user_id:
            raise MalformedMessageError("the message does not fit the job it names")
        if job.storage is Storage.ARCHIVED and delivery.received <= MOST_EARLY:
            # The notice may be ahead of the record; where it stays so, the sweep reminds.
            raise TooEarlyError(f"no retrieval of job {job.job_id} is recorded")
        with held(self.inbox, delivery, lease=self.settings.lease, every=self.settings.heartbeat):
            if job.storage is Storage.RETRIEVING:
                self._thaw(job)
            elif job.storage is Storage.RESTORED:
                clean(job, self.jobs, self.archives)

    def _thaw(self, job: Job) -> None:
        states = {self.archives.status(stored) for stored in job.annotated}
        if RetrievalState.LOST in states:
            lost = job.lose_retrieval(self.clock.now())
            self._move(job, lost, about_job(lost, Kind.RESTORE_DUE))
            log.warning("a retrieval was lost or has expired: it starts again")
            return
        if RetrievalState.UNDER_WAY in states:
            return
        for stored in job.annotated:
            self.archives.materialise(stored)
        restored = job.restore(self.clock.now())
        self._move(job, restored, about_job(restored, Kind.JOB_RESTORED))
        log.info("a result was restored", extra={"objects": len(job.annotated)})
        clean(restored, self.jobs, self.archives)

    def _move(self, before: Job, after: Job, message: Message) -> None:
        self.jobs.move(before, after, message)
        relay([message], outbox=self.outbox, topics=self.topics)


def main() -> None:
    """Run the daemon until SIGTERM."""
    gas_log.set_up("thaw")
    settings = Settings.from_env()
    stop = Stop()
    stop.listen()
    outside = wiring.connect(settings)
    inbox = outside.inbox(Queue.THAW)
    thawer = Thawer(
        jobs=outside.jobs,
        outbox=outside.outbox,
        topics=outside.topics,
        archives=outside.archives,
        inbox=inbox,
        clock=outside.clock,
        settings=settings,
    )
    run(
        inbox,
        thawer.handle,
        stop=stop,
        clock=outside.clock,
        read=outside.archives.parse_event,
    )


if __name__ == "__main__":
    main()
