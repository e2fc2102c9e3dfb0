"""The sweeper: brings back what a crash, an outage or a lost message left behind.

On a timer (GAS_SWEEP_SECONDS); `--once` sweeps a single time.  Run: `python -m util.sweep`.

Any number may run at once, without a leader: each step is a conditional move that one of them
wins, a publication every consumer bears twice, or the removal of what nobody refers to any more.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from gas import log as gas_log
from gas import wiring
from gas.config import Settings
from gas.domain import names
from gas.domain.errors import (
    JobNotFoundError,
    LostLeaseError,
    MalformedMessageError,
    StaleJobError,
    TemporaryError,
)
from gas.domain.failures import gave_up
from gas.domain.job import Job, Status
from gas.domain.message import Kind, Message, Queue
from gas.ports import Clock, Delivery, Files, Inbox, Jobs, Outbox, Topics, Uploads
from gas.relay import relay, relay_pending
from gas.worker import Stop
from util.storage import StorageSweep, storage_sweep

log = logging.getLogger(__name__)

OUTBOX_AGE = timedelta(seconds=5)
"""Whoever writes a message publishes it at once; older ones were left by a crash."""

DEAD_LETTERS = 100
"""Most dead letters looked at in one sweep."""

START_LIMIT = timedelta(hours=1)
"""How long after its submission a job that no worker could even claim is tried again."""

KEPT_HIDDEN = timedelta(hours=1)
"""How long a dead letter nobody can act on is hidden; it stays for the operators."""

UPLOAD_GRACE = timedelta(hours=24)
"""How long after its form has expired an upload may still be submitted."""

ORPHANS_EVERY = timedelta(hours=6)
"""Pause between two looks at the whole results bucket."""


@dataclass(kw_only=True)
class Sweeper:
    """The use case; `sweep` does everything once."""

    jobs: Jobs
    outbox: Outbox
    topics: Topics
    uploads: Uploads
    inputs: Files
    results: Files
    requests: Inbox
    dead_requests: Inbox
    dead_mails: Inbox
    storage: StorageSweep
    clock: Clock
    settings: Settings
    _orphans_until: datetime | None = field(default=None, init=False)

    @classmethod
    def of(cls, settings: Settings, outside: wiring.Outside) -> Self:
        """The sweeper of one process."""
        return cls(
            jobs=outside.jobs,
            outbox=outside.outbox,
            topics=outside.topics,
            uploads=outside.uploads,
            inputs=outside.inputs,
            results=outside.results,
            requests=outside.inbox(Queue.ANNOTATE),
            dead_requests=outside.dead_inbox(Queue.ANNOTATE),
            dead_mails=outside.dead_inbox(Queue.NOTIFY),
            storage=storage_sweep(outside, settings),
            clock=outside.clock,
            settings=settings,
        )

    def sweep(self) -> None:
        """Do every step; an outage in one does not keep the others from their work."""
        steps: tuple[Callable[[], None], ...] = (
            self.relay_outbox,
            self.request_again,
            self.watch_dead_mails,
            self.remove_expired_uploads,
            self.remove_orphans,
            self.storage.watch,
            self.storage.follow_plans,
            self.storage.remove_orphan_archives,
            self.settle_dead_letters,
        )
        for step in steps:
            try:
                step()
            except TemporaryError as error:
                log.warning(
                    "a step of the sweep was put off",
                    extra={"step": step.__name__, "reason": str(error)},
                )

    def relay_outbox(self) -> None:
        """Publish what a crash left in the outbox."""
        before = self.clock.now() - OUTBOX_AGE
        sent = relay_pending(before, outbox=self.outbox, topics=self.topics)
        if sent:
            log.info("messages were relayed", extra={"count": sent})

    def request_again(self) -> None:
        """Ask anew for jobs whose worker is gone, or whose request was lost."""
        queue_is_empty = self.requests.depth() == 0

        def is_alone(job: Job) -> bool:
            return is_left_alone(
                job,
                self.clock.now(),
                self.settings.lease,
                self.settings.clock_skew,
                queue_is_empty=queue_is_empty,
            )

        for seen in self.jobs.unfinished():
            job = self._now(seen.job_id) if is_alone(seen) else None
            if job is None or not is_alone(job):
                continue
            with gas_log.context(job_id=job.job_id):
                log.warning("a job is requested again", extra={"run": job.attempt})
                self._request(job)

    def settle_dead_letters(self) -> None:
        """Give each dead request a new try, or its job an end."""
        for delivery in _deliveries(self.dead_requests):
            try:
                message = Message.from_json(delivery.body)
            except (MalformedMessageError, TemporaryError):
                self._keep(delivery, "a dead letter cannot be read")
                continue
            with gas_log.context(job_id=message.job_id):
                self._settle(message, delivery)

    def watch_dead_mails(self) -> None:
        """Say so while mails lie dead: an alarm looks for it, an operator sends them again."""
        depth = self.dead_mails.depth()
        if depth:
            log.error("mails were given up", extra={"count": depth})

    def remove_expired_uploads(self) -> None:
        """Remove files that were uploaded and never submitted."""
        for upload in self.uploads.expired(self.clock.now() - UPLOAD_GRACE):
            job = self._now(names.job_id_of(upload.key))
            if job is None or job.input.key != upload.key:
                self.inputs.delete(upload.key)
                log.info("an upload nobody submitted was removed")
            self.uploads.remove(upload.upload_id)

    def remove_orphans(self) -> None:
        """Remove result objects that no record refers to: those of runs that were lost.

        Only objects older than any run may be; the first look takes in all of those, each later
        one what has come of age since.
        """
        until = self.clock.now() - 2 * self.settings.job_time_limit
        since = self._orphans_until
        if since is not None and until - since < ORPHANS_EVERY:
            return
        job: Job | None = None
        job_id = ""
        for info in self.results.keys(f"{self.settings.key_prefix}/"):
            if info.modified_at >= until or (since is not None and info.modified_at < since):
                continue
            if names.job_id_of(info.key) != job_id:
                job_id = names.job_id_of(info.key)
                job = self._now(job_id)
            if job is None or info.key not in job.keys:
                self.results.delete(info.key)
                log.info("an orphan object was removed", extra={"job_id": job_id})
        self._orphans_until = until

    def _settle(self, message: Message, delivery: Delivery) -> None:
        job = self._now(message.job_id)
        if job is not None and job.user_id != message.user_id:
            self._keep(delivery, "a dead letter does not fit the job it names")
            return
        if job is not None and not _is_in_hand(job, self.clock.now()):
            try:
                if self._deserves_another(job):
                    self._request(job)
                else:
                    self._fail(job)
            except (StaleJobError, JobNotFoundError):
                return  # It comes back, and is judged anew.
        self.dead_requests.done(delivery)

    def _deserves_another(self, job: Job) -> bool:
        """Whether the job may be tried again: it has attempts left, or could not even start yet."""
        if job.attempt == 0:
            return self.clock.now() - job.submitted_at < START_LIMIT
        return job.attempt < self.settings.max_attempts

    def _request(self, job: Job) -> None:
        """Publish a new request; for a run that is lost, together with the end of its lease."""
        request = Message(kind=Kind.JOB_REQUESTED, job_id=job.job_id, user_id=job.user_id)
        if job.status is Status.PENDING:
            self.topics.publish(request)
            return
        try:
            self.jobs.move(job, job.hand_back(self.clock.now(), job.attempt), request)
        except (StaleJobError, LostLeaseError, JobNotFoundError):
            log.info("a job moved on by itself")
            return
        relay([request], outbox=self.outbox, topics=self.topics)

    def _fail(self, job: Job) -> None:
        told = Message(kind=Kind.JOB_FAILED, job_id=job.job_id, user_id=job.user_id)
        self.jobs.move(job, job.fail(self.clock.now(), gave_up(job)), told)
        log.error("a job was given up", extra={"runs": job.attempt})
        relay([told], outbox=self.outbox, topics=self.topics)

    def _keep(self, delivery: Delivery, event: str) -> None:
        log.error(event, extra={"queue": self.dead_requests.queue.value})
        self.dead_requests.release(delivery, KEPT_HIDDEN)

    def _now(self, job_id: str) -> Job | None:
        """The job as it is at this moment, which a listing may lag behind."""
        try:
            return self.jobs.get(job_id)
        except JobNotFoundError:
            return None


def is_left_alone(
    job: Job, now: datetime, lease: timedelta, skew: timedelta, *, queue_is_empty: bool
) -> bool:
    """Whether nobody works on the job and, as far as can be known, no request for it waits.

    A lease is dated by its worker's clock: one that is slow by up to `skew` is still alive.

    With requests waiting, the job's own may be among them: then each pause is as long as all the
    time since its run began, so that a long queue is not filled with repeats.
    """
    if job.status is Status.PENDING:
        return queue_is_empty and now - job.submitted_at > 2 * lease
    if job.status is not Status.RUNNING or job.leased_until is None:
        return False
    ran = job.leased_until - (job.started_at or job.leased_until)
    pause = lease if queue_is_empty else max(2 * lease, ran)
    return now - job.leased_until > pause + skew


def _is_in_hand(job: Job, now: datetime) -> bool:
    """Whether the job is over, or a live run has it."""
    return job.is_terminal or (job.leased_until is not None and now < job.leased_until)


def _deliveries(inbox: Inbox) -> Iterator[Delivery]:
    for _ in range(DEAD_LETTERS):
        deliveries = inbox.receive()
        if not deliveries:
            return
        yield from deliveries


def main() -> None:
    """Sweep until SIGTERM, or once."""
    gas_log.set_up("sweep")
    settings = Settings.from_env()
    stop = Stop()
    stop.listen()
    sweeper = Sweeper.of(settings, wiring.connect(settings))
    sweeper.sweep()
    while "--once" not in sys.argv[1:] and not stop.wait(settings.sweep_every):
        sweeper.sweep()


if __name__ == "__main__":
    main()
