"""A memory world with an annotator in it, and engines that do as they are told."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from ann.annotator import Annotator
from ann.engine import Summary, Task
from ann.scratch import Scratch
from gas.adapters.memory import MemoryInbox, MemoryWorld
from gas.config import Settings
from gas.domain import names
from gas.domain.job import Input, Job, Progress
from gas.domain.message import Kind, Message, Queue
from gas.ports import Delivery
from gas.relay import relay
from gas.worker import Stop, deliver
from tests.builders import an_account
from tests.support.fake_engine import write

REQUIRED = {
    "GAS_BASE_URL": "https://gas.example.org",
    "GAS_SECRET_KEY": "secret",
    "DATABASE_URL": "sqlite://",
    "GAS_GLOBUS_CLIENT_ID": "id",
    "GAS_GLOBUS_CLIENT_SECRET": "secret",
}

Step = Callable[[Task, Callable[[Progress], None], Callable[[], bool]], Summary]


def settings(**changes: str) -> Settings:
    return Settings.from_env(REQUIRED | changes)


@dataclass
class ScriptedEngine:
    """An engine in this process: the next step of its script each time, else a plain success."""

    script: list[Step | Exception] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    def annotate(
        self,
        task: Task,
        *,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> Summary:
        self.tasks.append(task)
        step = self.script.pop(0) if self.script else succeed
        if isinstance(step, Exception):
            raise step
        return step(task, on_progress, should_stop)


def succeed(
    task: Task,
    _on_progress: Callable[[Progress], None],
    _should_stop: Callable[[], bool],
) -> Summary:
    return write(task.output, 3, 0, "")


@dataclass
class Service:
    """The outside world, one annotator, and hands to drive both."""

    world: MemoryWorld
    annotator: Annotator
    engine: ScriptedEngine
    stop: Stop
    scratch_root: Path

    @property
    def inbox(self) -> MemoryInbox:
        return self.world.inbox(Queue.ANNOTATE)

    def submit(self, job_id: str = "job-1", body: bytes = b"vcf", **changes: Any) -> Job:
        """What the web does: an object, a record with its message, a publication."""
        key = names.input_key("gas", "ada", job_id, "sample.vcf")
        info = self.world.inputs.put(key, body)
        job = Job(
            job_id=job_id,
            user_id="ada",
            input_file_name="sample.vcf",
            input=Input(
                bucket="inputs",
                key=key,
                size=info.size,
                etag=info.etag,
                version_id=info.version_id,
            ),
            submitted_at=self.world.clock.now(),
            **changes,
        )
        message = Message(kind=Kind.JOB_REQUESTED, job_id=job_id, user_id="ada")
        self.world.jobs.add(job, message)
        relay([message], outbox=self.world.outbox, topics=self.world.topics)
        return job

    def deliver(self) -> bool:
        """Receive one message and handle it as the loop does; whether there was one."""
        deliveries = self.annotator.inbox.receive()
        for delivery in deliveries:
            self.give(delivery)
        return bool(deliveries)

    def give(self, delivery: Delivery) -> None:
        deliver(
            delivery,
            self.annotator.inbox,
            self.annotator.handle,
            stop=self.stop,
            clock=self.world.clock,
        )

    def job(self, job_id: str = "job-1") -> Job:
        return self.world.jobs.get(job_id)

    def announced(self, kind: Kind) -> int:
        return sum(message.kind is kind for message in self.world.topics.published)

    def pass_time(self, seconds: float) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))

    def assert_at_rest(self) -> None:
        """What holds of the whole service once nothing is going on any more."""
        assert self.inbox.depth() == 0
        assert not self.world.jobs.outbox
        recorded = {key for job in self.world.jobs.rows.values() for key in job.keys}
        assert set(self.world.results.objects) == recorded
        for job in self.world.jobs.rows.values():
            assert job.is_terminal
            for stored in job.objects:
                body = self.world.results.objects[stored.key].body
                assert len(body) == stored.size
                assert hashlib.sha256(body).hexdigest() == stored.sha256
        assert not [path for part in self.scratch_root.glob("*/") for path in part.iterdir()]


def service(folder: Path, **changes: str) -> Iterator[Service]:
    """A service whose only account is Ada's, Free."""
    world, engine, stop = MemoryWorld(), ScriptedEngine(), Stop()
    world.accounts.rows["ada"] = an_account()
    scratch = Scratch(folder / "scratch")
    annotator = Annotator(
        jobs=world.jobs,
        outbox=world.outbox,
        topics=world.topics,
        inputs=world.inputs,
        results=world.results,
        accounts=world.accounts,
        inbox=world.inbox(Queue.ANNOTATE),
        clock=world.clock,
        engine=engine,
        scratch=scratch,
        settings=settings(**changes),
        stop=stop,
    )
    yield Service(world, annotator, engine, stop, folder / "scratch")
    scratch.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]
