"""A pool of annotator machines in simulated time: jobs wait, take a slot, and leave.

Event by event, not tick by tick: arrivals, ends of jobs, machines coming up, and once a minute a
look by the scaling policy.  The policy sees the queue as it was `metric_delay` ago, a machine
takes `boot` to come up and is paid for from its order to its end.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.scaling.trace import SimulatedJob

LOOK_SECONDS = 60
USD_PER_HOUR = 0.0816
"""A machine of two vCPUs and 8 GB (public us-east-1 price of an m7g.large, 2026)."""

SPOT_NOTICE = 120

LAST_SECOND = 96 * 3600
"""A pool that kills its machines may never end a long job: whoever still waits then is counted."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How the pool behaves, whatever its policy."""

    boot: float = 120
    metric_delay: float = 60
    slots: int = 2
    least: int = 2
    most: int = 20
    drains: bool = True
    """Whether a machine that is given up finishes its jobs first."""
    interruptions_per_hour: float = 0.0
    """Spot notices a machine gets in an hour; what is not finished two minutes later is redone."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a policy is told: the queue, machines in service, at that second."""

    second: float
    waiting: int
    running: int
    in_service: int


Policy = Callable[[Sequence[Look], int], int]
"""From the looks that have arrived (oldest first) and the size asked for, the size to ask for."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run of the simulation was like for its users and for who pays."""

    waits: list[float]
    usd: float
    redone: int
    most_machines: int
    looks: list[Look]


@dataclass(eq=False)
class _Machine:
    number: int
    ordered: float
    up: float
    jobs: dict[int, SimulatedJob] = field(default_factory=dict)
    leaving: bool = False
    gone: bool = False


class Pool:
    """One run: `Pool(jobs, policy, conditions, seed).run()`."""

    def __init__(
        self, jobs: Sequence[SimulatedJob], policy: Policy, conditions: Conditions, seed: int
    ) -> None:
        self._jobs = jobs
        self._policy = policy
        self._is = conditions
        self._chance = random.Random(f"interruptions {seed}")  # noqa: S311 - not for secrets
        self._order = itertools.count()
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._queue: deque[SimulatedJob] = deque()
        self._machines: list[_Machine] = []
        self._looks: list[Look] = []
        self._waits: dict[int, float] = {}
        self._unfinished = len(jobs)
        self._now = 0.0
        self._machine_seconds = 0.0
        self._redone = 0
        self._most = 0

    def run(self) -> Outcome:
        """Every job to its end, or everything up to the last second."""
        for _ in range(self._is.least):
            self._add_machine(boot=0)
        for job in self._jobs:
            self._at(job.arrives, lambda job=job: self._arrive(job))
        self._at(0, self._look)
        while self._unfinished and self._now < LAST_SECOND:
            self._now, _, happens = heapq.heappop(self._events)
            happens()
        for machine in list(self._machines):
            self._remove(machine)
        for job in self._queue:
            self._waits[job.number] = self._now - job.arrives
        return Outcome(
            waits=sorted(self._waits.values()),
            usd=self._machine_seconds / 3600 * USD_PER_HOUR,
            redone=self._redone,
            most_machines=self._most,
            looks=self._looks,
        )

    def _at(self, second: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (second, next(self._order), happens))

    def _arrive(self, job: SimulatedJob) -> None:
        self._queue.append(job)
        self._hand_out()

    def _hand_out(self) -> None:
        ready = [
            machine
            for machine in self._machines
            if machine.up <= self._now
            and not machine.leaving
            and len(machine.jobs) < self._is.slots
        ]
        # The fullest first, so that the others fall idle and can be given up.
        ready.sort(key=lambda machine: -len(machine.jobs))
        for machine in ready:
            while self._queue and len(machine.jobs) < self._is.slots:
                self._begin(self._queue.popleft(), machine)

    def _begin(self, job: SimulatedJob, machine: _Machine) -> None:
        # The wait that counts is that for the run that finished.
        self._waits[job.number] = self._now - job.arrives
        machine.jobs[job.number] = job
        self._at(self._now + job.lasts, lambda: self._finish(job, machine))

    def _finish(self, job: SimulatedJob, machine: _Machine) -> None:
        if machine.gone:
            return
        del machine.jobs[job.number]
        self._unfinished -= 1
        if machine.leaving and not machine.jobs:
            self._remove(machine)
        self._hand_out()

    def _add_machine(self, boot: float) -> None:
        machine = _Machine(next(self._numbers), self._now, self._now + boot)
        self._machines.append(machine)
        self._most = max(self._most, len(self._staying()))
        self._at(machine.up, self._hand_out)
        if self._is.interruptions_per_hour:
            lives = self._chance.expovariate(self._is.interruptions_per_hour / 3600)
            self._at(machine.up + lives, lambda: self._notice(machine))

    def _notice(self, machine: _Machine) -> None:
        if machine.gone or machine.leaving:
            return
        machine.leaving = True
        if not self._is.drains:
            self._kill(machine)
        elif machine.jobs:
            self._at(self._now + SPOT_NOTICE, lambda: self._kill(machine))
        else:
            self._remove(machine)
        self._add_machine(self._is.boot)

    def _kill(self, machine: _Machine) -> None:
        if machine.gone:
            return
        self._redone += len(machine.jobs)
        self._queue.extendleft(machine.jobs.values())
        self._remove(machine)
        self._hand_out()

    def _remove(self, machine: _Machine) -> None:
        machine.gone = True
        self._machines.remove(machine)
        self._machine_seconds += self._now - machine.ordered

    def _staying(self) -> list[_Machine]:
        return [machine for machine in self._machines if not machine.leaving]

    def _look(self) -> None:
        staying = self._staying()
        self._looks.append(
            Look(
                second=self._now,
                waiting=len(self._queue),
                running=sum(len(machine.jobs) for machine in self._machines),
                in_service=sum(machine.up <= self._now for machine in staying),
            )
        )
        arrived = [
            look for look in self._looks[-60:] if look.second <= self._now - self._is.metric_delay
        ]
        if arrived:
            asked = self._policy(arrived, len(staying))
            self._resize(max(self._is.least, min(self._is.most, asked)), staying)
        self._at(self._now + LOOK_SECONDS, self._look)

    def _resize(self, asked: int, staying: list[_Machine]) -> None:
        for _ in range(asked - len(staying)):
            self._add_machine(self._is.boot)
        if self._is.drains:
            staying.sort(key=lambda machine: (len(machine.jobs), -machine.up))
        for machine in staying[: max(0, len(staying) - asked)]:
            machine.leaving = True
            if not self._is.drains:
                self._kill(machine)
            elif not machine.jobs:
                self._remove(machine)
