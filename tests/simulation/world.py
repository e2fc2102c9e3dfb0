"""One simulated world: the stores and queues, the faults in force, and what was seen."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random

from gas.adapters.memory import MemoryTopics, MemoryUploads
from gas.adapters.memory_archive import MemoryArchive
from gas.adapters.memory_people import (
    MemoryAccounts,
    MemoryAuditTrail,
    MemoryLimits,
    MemorySessions,
)
from gas.adapters.payments import SimulatedPayments
from gas.config import Settings
from gas.domain.job import Status
from gas.domain.message import Queue
from gas.wiring import Outside
from tests.simulation.doors import DeadDoor, Door, QueueDoor
from tests.simulation.faults import Faults
from tests.simulation.scheduler import SECOND, Process, ProcessClock, Scheduler, Task, TrueClock
from tests.simulation.stores import UnrulyInbox, WatchedFiles, WatchedJobs, WatchedMailer

SERVICES = ("jobs", "topics", "inputs", "accounts", "mailer", "queue")
"""What can go away."""


class World:
    """Everything outside the processes."""

    def __init__(
        self, rng: Random, faults: Faults, settings: Settings, folder: Path, *, until: int
    ) -> None:
        self.rng = rng
        self.faults = faults
        self.settings = settings
        self.folder = folder
        self.scheduler = Scheduler()
        self.clock = TrueClock(self.scheduler)
        self.jobs = WatchedJobs(self.clock, self)
        self.uploads = MemoryUploads()
        self.dead_inboxes = {queue: UnrulyInbox(queue, self.clock, self) for queue in Queue}
        self.inboxes = {queue: UnrulyInbox(queue, self.clock, self) for queue in Queue}
        for queue, inbox in self.inboxes.items():
            inbox.dead_letters = self.dead_inboxes[queue]
        self.topics = MemoryTopics(self.inboxes)
        self.inputs = WatchedFiles("inputs", self.clock, self, self.jobs)
        self.results = WatchedFiles("results", self.clock, self, self.jobs)
        # No daemon of the archive is simulated: nothing is ever in it, and its queue is not read.
        self.archives = MemoryArchive(self.results, self.clock, self.inboxes[Queue.THAW].put)
        self.accounts = MemoryAccounts(self.clock)
        self.mailer = WatchedMailer(self)
        self.history: list[tuple[object, ...]] = []
        self.violations: list[tuple[str, str]] = []
        self.checked: Counter[str] = Counter()
        self.deleted: set[str] = set()
        """Jobs whose owner asked for them to be removed for good."""
        self.lost_mails: set[int] = set()
        """Moments at which the provider had a mail and its answer never came."""

        self.is_calm = False
        self._until = until
        self._away: dict[str, int] = {}
        self._is_touched = False
        self._reached: dict[str, Outside] = {}

    @property
    def micros(self) -> int:
        """The moment, in microseconds."""
        return self.scheduler.micros

    @property
    def actor(self) -> str:
        """Whose step it is."""
        task = self.scheduler.current
        return f"{task.process.name}.{task.process.starts}" if task else "nobody"

    def outside(self, process: Process) -> Outside:
        """The world as a process reaches it; made once, for its connections keep no state."""
        if process.name not in self._reached:
            self._reached[process.name] = self._reach(process)
        return self._reached[process.name]

    def _reach(self, process: Process) -> Outside:
        poll = self.settings.poll

        def door(port: str, real: object) -> Door:
            return Door(self, process, port, real)

        clock = ProcessClock(process)
        return Outside(
            clock=clock,
            jobs=door("jobs", self.jobs),  # type: ignore[arg-type]  # the methods are set on it
            outbox=door("outbox", self.jobs),  # type: ignore[arg-type]  # as above
            topics=door("topics", self.topics),  # type: ignore[arg-type]  # as above
            uploads=door("uploads", self.uploads),  # type: ignore[arg-type]  # as above
            inputs=door("inputs", self.inputs),  # type: ignore[arg-type]  # as above
            results=door("results", self.results),  # type: ignore[arg-type]  # as above
            accounts=door("accounts", self.accounts),  # type: ignore[arg-type]  # as above
            sessions=MemorySessions(self.clock),
            audit=MemoryAuditTrail(),
            limits=MemoryLimits(self.clock),
            archives=door("archives", self.archives),  # type: ignore[arg-type]  # as above
            payments=SimulatedPayments(),
            mailer=door("mailer", self.mailer),  # type: ignore[arg-type]  # as above
            inbox=lambda queue: QueueDoor(self, process, self.inboxes[queue], poll),  # type: ignore[arg-type,return-value]  # as above
            dead_inbox=lambda queue: DeadDoor(self, process, self.dead_inboxes[queue], poll),  # type: ignore[arg-type,return-value]  # as above
        )

    def chance(self, kind: str) -> bool:
        """Whether a fault of that kind happens now."""
        likelihood: float = getattr(self.faults, kind)
        return likelihood > 0 and self.rng.random() < likelihood

    def between(self, least: float, most: float) -> float:
        """Some number."""
        return self.rng.uniform(least, most)

    def shuffle(self, rows: list[object]) -> None:
        """Put them in some order."""
        self.rng.shuffle(rows)

    def wake_all(self, tasks: list[Task]) -> None:
        """Those that wait go on."""
        self.scheduler.wake_all(tasks)

    def touched(self) -> None:
        """A record or a queue is not what it was."""
        self._is_touched = True

    def violated(self, invariant: str, text: str) -> None:
        """Something that may never happen has."""
        self.violations.append((invariant, f"{text} (by {self.actor} at {self.at()})"))

    def at(self) -> str:
        """The moment, for people."""
        return str(timedelta(microseconds=self.micros))

    def note(
        self, process: Process, port: str, method: str, args: tuple[object, ...], end: str
    ) -> None:
        """One line of the history."""
        task = self.scheduler.current
        name = task.name if task else ""
        self.history.append((self.micros, process.name, name, port, method, end, args[:2]))

    def tell(self, process: Process, what: str) -> None:
        """One line of the history that is no call."""
        self.history.append((self.micros, process.name, "", "-", what, "", ()))

    def is_away(self, service: str) -> bool:
        """Whether the service cannot be reached at this moment."""
        return self._away.get(service, 0) > self.micros

    def take_away(self, service: str, seconds: float) -> None:
        """Nobody reaches the service for that long."""
        self._away[service] = self.micros + round(seconds * SECOND)

    def kill(self, process: Process) -> None:
        """SIGKILL, and a start by the supervisor a while later."""
        process.kill()

    def pause(self, process: Process) -> None:
        """SIGSTOP, and SIGCONT when its leases are long over."""
        seconds = self.rng.uniform(5, 60) if self.rng.random() < 0.4 else self.rng.uniform(130, 700)
        self.tell(process, f"paused for {seconds:.0f} s")
        process.paused_until = min(self.micros + round(seconds * SECOND), self._until)

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.faults = Faults()
        self.is_calm = True
        self._away.clear()

    def check_step(self) -> None:
        """I7, after every step: no accepted job that nothing drives."""
        if not self._is_touched:
            return
        self._is_touched = False
        self.checked["I7"] += 1
        for job in self.jobs.rows.values():
            if job.status is not Status.PENDING:
                continue  # It is over, or its lease leads the sweeper back to it.
            if f"{job.job_id}.job.requested" in self.jobs.outbox:
                continue
            inboxes = (self.inboxes[Queue.ANNOTATE], self.dead_inboxes[Queue.ANNOTATE])
            if not any(job.job_id in row.body for inbox in inboxes for row in inbox.waiting):
                self.violated("I7", f"{job.job_id} waits, and no message is anywhere for it")
