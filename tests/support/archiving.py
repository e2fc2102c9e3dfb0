"""A memory world with the archive's daemons in it, and hands to drive them."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gas.adapters.memory import MemoryWorld
from gas.config import Settings
from gas.domain.account import Tier
from gas.domain.errors import TemporaryError
from gas.domain.job import Job, Storage
from gas.domain.message import Kind, Message, Queue
from gas.domain.news import plan_changed
from gas.patience import Patience
from gas.relay import relay
from gas.worker import Stop, deliver
from tests.builders import a_job, an_account, an_outcome
from tests.support.annotating import settings as settings_for
from util.archive import Archiver
from util.letters import Letters
from util.notify import Notifier
from util.restore import Restorer
from util.storage import StorageSweep
from util.thaw import Thawer

LEASE = timedelta(seconds=120)


def storage_sweep_of(world: MemoryWorld, settings: Settings) -> StorageSweep:
    return StorageSweep(
        jobs=world.jobs,
        outbox=world.outbox,
        topics=world.topics,
        accounts=world.accounts,
        archives=world.archives,
        inbox=world.inbox,
        clock=world.clock,
        settings=settings,
    )


@dataclass
class Lifecycle:
    """Ada, Free, and whatever becomes of her results."""

    world: MemoryWorld = field(default_factory=MemoryWorld)
    settings: Settings = field(default_factory=settings_for)

    def __post_init__(self) -> None:
        self.world.accounts.rows.setdefault("ada", an_account())
        self.start()

    def start(self) -> None:
        """Every daemon, as just started."""
        world = self.world
        self.stop = Stop()
        self.archiver = Archiver(
            jobs=world.jobs,
            outbox=world.outbox,
            topics=world.topics,
            accounts=world.accounts,
            archives=world.archives,
            inbox=world.inbox(Queue.ARCHIVE),
            clock=world.clock,
            settings=self.settings,
        )
        self.restorer = Restorer(
            jobs=world.jobs,
            outbox=world.outbox,
            topics=world.topics,
            accounts=world.accounts,
            archives=world.archives,
            inbox=world.inbox(Queue.RESTORE),
            clock=world.clock,
            settings=self.settings,
        )
        self.thawer = Thawer(
            jobs=world.jobs,
            outbox=world.outbox,
            topics=world.topics,
            archives=world.archives,
            inbox=world.inbox(Queue.THAW),
            clock=world.clock,
            settings=self.settings,
        )
        self.notifier = Notifier(
            jobs=world.jobs,
            accounts=world.accounts,
            mailer=world.mailer,
            clock=world.clock,
            letters=Letters(base_url=self.settings.base_url, plan=self.settings.plan),
            lease=self.settings.lease,
            patience=Patience(world.clock, self.settings.outage_patience),
        )
        self.storage = storage_sweep_of(world, self.settings)

    def complete(self, job_id: str = "job-1", user_id: str = "ada") -> Job:
        """What the annotator does at its end: objects, record, announcement."""
        now, outcome = self.world.clock.now(), an_outcome(job_id, user_id)
        objects = []
        for stored in outcome.objects:
            body = f"{stored.kind} of {job_id}".encode()
            self.world.results.put(stored.key, body)
            digest = hashlib.sha256(body).hexdigest()
            objects.append(replace(stored, size=len(body), sha256=digest))
        running = a_job(job_id, user_id, submitted_at=now).claim(now, LEASE, "worker")
        done = running.complete(now, 1, replace(outcome, objects=tuple(objects)))
        self.world.jobs.rows[job_id] = running
        told = Message(kind=Kind.JOB_COMPLETED, job_id=job_id, user_id=user_id)
        self.world.jobs.move(running, done, told)
        relay([told], outbox=self.world.outbox, topics=self.world.topics)
        return done

    def set_tier(self, tier: Tier, *, announce: bool = True) -> None:
        account = self.world.accounts.set_tier("ada", tier)
        if announce:
            self.world.topics.publish(plan_changed(account))

    def step(self) -> bool:
        """Let every daemon handle one message; whether there was any."""
        handlers = {
            Queue.ARCHIVE: self.archiver.handle,
            Queue.RESTORE: self.restorer.handle,
            Queue.THAW: self.thawer.handle,
            Queue.NOTIFY: self.notifier.handle,
        }
        moved = False
        for queue, handle in handlers.items():
            inbox = self.world.inbox(queue)
            for delivery in inbox.receive():
                moved = True
                deliver(delivery, inbox, handle, stop=self.stop, clock=self.world.clock)
        return moved

    def run(self, seconds: float = 0, *, by: float = 60, sweep: bool = False) -> None:
        """Let time pass in small steps, with the daemons at work, the sweep too where asked."""
        end = self.now + timedelta(seconds=seconds)
        while True:
            while self.step():
                pass
            if sweep:
                self.sweep()
                while self.step():
                    pass
            if self.now >= end:
                return
            self.world.clock.advance(min(timedelta(seconds=by), end - self.now))

    def sweep(self) -> None:
        pending = self.world.outbox.pending(before=self.now, limit=100)
        relay(pending, outbox=self.world.outbox, topics=self.world.topics)
        steps = (
            self.storage.watch,
            self.storage.follow_plans,
            self.storage.remove_orphan_archives,
        )
        for step in steps:
            # As the sweeper has it: an outage in one does not keep the others from their work.
            with suppress(TemporaryError):
                step()

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def job(self, job_id: str = "job-1") -> Job:
        return self.world.jobs.get(job_id)

    def is_readable(self, job: Job) -> bool:
        """Whether every annotated object lies at its key with the recorded bytes."""
        objects = self.world.results.objects
        return all(
            stored.key in objects
            and hashlib.sha256(objects[stored.key].body).hexdigest() == stored.sha256
            for stored in job.annotated
        )

    def assert_nothing_is_lost(self) -> None:
        """I4: every annotated object lies in the store or in the archive, with its bytes."""
        for job in self.world.jobs.rows.values():
            for stored in job.annotated:
                bodies = [
                    row.body for row in self.world.archives.rows.values() if row.key == stored.key
                ]
                there = self.world.results.objects.get(stored.key)
                bodies += [there.body] if there else []
                digests = {hashlib.sha256(body).hexdigest() for body in bodies}
                assert stored.sha256 in digests, (job.job_id, job.storage, stored.kind)

    def assert_at_rest(self, job: Job, storage: Storage) -> None:
        """The job is where it should be, and nothing of it is anywhere else."""
        assert job.storage is storage
        keys = {row.key for row in self.world.archives.rows.values()}
        mine = {stored.key for stored in job.annotated}
        if storage is Storage.ARCHIVED:
            assert not mine & set(self.world.results.objects)
            handles = {stored.archive_id for stored in job.annotated}
            assert handles <= set(self.world.archives.rows)
        else:
            assert self.is_readable(job)
            assert not mine & keys
        assert job.look_at is None
