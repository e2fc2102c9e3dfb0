"""One history: a seed, everything that happened, and what of it may not have."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest.mock import patch
from uuid import UUID

from ann.annotator import Annotator
from gas.domain.job import Job
from gas.domain.message import Kind, Message, Queue
from tests.simulation import daemons, invariants
from tests.simulation.faults import Faults, drawn
from tests.simulation.people import Deeds, Person
from tests.simulation.scheduler import SECOND, Process
from tests.simulation.world import SERVICES, World
from tests.support.annotating import settings
from util.notify import Notifier
from util.sweep import Sweeper
from web.annotate.submit import submit_upload

FAULTY = 900 * SECOND
"""How long things go wrong."""

SETTLED = 3 * 3600 * SECOND
"""How long after that everything must be at rest, at the latest (I10): a hidden message's longest
delay, leases, visibility, sweeps and the largest difference between two clocks, several times."""

SKEW = timedelta(minutes=5)
JOB_LIMIT = 3600
SETTINGS = settings(GAS_JOB_SECONDS=str(JOB_LIMIT), GAS_SWEEP_SECONDS="30")
EXAMPLE = b"##fileformat=VCFv4.2\nexample"


MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the folder has a fresh name
"""Where folders cost least; None for the usual place."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The code under test; a planted bug replaces one of them."""

    submit: Callable[..., Job] = submit_upload
    annotator: type[Annotator] = Annotator
    notifier: type[Notifier] = Notifier
    patches: dict[str, object] = field(default_factory=dict)


REAL = Parts()


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a history showed."""

    seed: int
    violations: tuple[tuple[str, str], ...]
    checked: Counter[str]
    digest: str
    steps: int
    runs: tuple[tuple[int, bytes], ...]
    """How many runs each job began, and its input."""
    lines: tuple[str, ...]

    def tell(self) -> str:
        """What went wrong, how it came about, and how to see it again."""
        wrong = "\n".join(f"  {invariant}: {text}" for invariant, text in self.violations)
        return (
            "\n".join(self.lines)
            + f"\nseed {self.seed}:\n{wrong}\nalone: python -m tests.simulation --seed {self.seed}"
        )


def play(
    seed: int, parts: Parts = REAL, *, faults: Faults | None = None, keep: bool = False
) -> Report:
    """Play the history of this seed, with its own faults unless they are given.

    Its lines are kept where it went wrong or `keep` says so.
    """
    rng = Random(f"history {seed}")  # noqa: S311 - chance here is to be repeatable
    mixture = drawn(rng) if faults is None else faults
    with (
        TemporaryDirectory(prefix="simulation-", dir=MEMORY) as folder,
        chance_of(rng, parts),
        silence(),
    ):
        history = History(World(rng, mixture, SETTINGS, Path(folder), until=FAULTY), parts)
        history.play()
        world = history.world
        wrong = [*world.violations, *(("a bug", fall) for fall in world.scheduler.falls)]
        plain = [line[:6] for line in world.history]
        return Report(
            seed=seed,
            violations=tuple(wrong),
            checked=world.checked,
            digest=hashlib.sha256(repr(plain).encode()).hexdigest(),
            steps=world.scheduler.steps,
            runs=tuple(
                (job.attempt, world.inputs.versions[job.input.version_id or ""])
                for job in world.jobs.rows.values()
            ),
            lines=tuple(_line(line) for line in world.history) if wrong or keep else (),
        )


def _line(line: tuple[object, ...]) -> str:
    micros, process, task, port, method, end, args = line
    about = " ".join(_name(arg) for arg in args) if isinstance(args, tuple) else ""
    return f"{int(str(micros)) / SECOND:12.6f} {process:12} {task:12} {port}.{method} {about} {end}"


def _name(arg: object) -> str:
    if isinstance(arg, Job):
        lease = arg.leased_until.time().isoformat("seconds") if arg.leased_until else "-"
        return f"{arg.job_id[:8]} v{arg.version} {arg.status} #{arg.attempt} until {lease}"
    if isinstance(arg, Message):
        return f"{arg.kind} {arg.job_id[:8]}"
    return str(arg)[:60]


@contextmanager
def chance_of(rng: Random, parts: Parts) -> Iterator[None]:
    """Everything random comes from the seed, and the planted bug is in its place."""

    def token_hex(nbytes: int = 32) -> str:
        return f"{rng.getrandbits(8 * nbytes):0{2 * nbytes}x}"

    def uuid4() -> UUID:
        return UUID(int=rng.getrandbits(128), version=4)

    patches = {
        "secrets.token_hex": token_hex,
        "web.annotate.submit.uuid4": uuid4,
        "web.annotate.rerun.uuid4": uuid4,
        **parts.patches,
    }
    managers = [patch(name, replacement) for name, replacement in patches.items()]
    for manager in managers:
        manager.start()
    try:
        yield
    finally:
        for manager in managers:
            manager.stop()


@contextmanager
def silence() -> Iterator[None]:
    """Thousands of expected warnings are not for people."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


class History:
    """The cast of one world, and the order of events."""

    def __init__(self, world: World, parts: Parts) -> None:
        self.world = world
        self.deeds = Deeds()
        self._is_over = False
        rng, scheduler = world.rng, world.scheduler

        def some(name: str, body: Callable[[Process], None], least: int, most: int) -> None:
            for number in range(rng.randint(least, most)):
                process = Process(scheduler, f"{name}-{number}", body)
                if rng.random() < 0.3:
                    process.skew = SKEW * rng.uniform(-1, 1)
                self.processes.append(process)

        self.processes: list[Process] = []
        some("web", daemons.web, 1, 2)
        servers = list(self.processes)
        some("annotator", lambda one: daemons.annotator(world, one, parts.annotator), 1, 3)
        some("notify", lambda one: daemons.notify(world, one, parts.notifier), 1, 2)
        some("sweep", lambda one: daemons.sweep(world, one), 1, 2)
        self.outdoors = Process(scheduler, "outdoors", lambda _process: None)
        self.outdoors.is_alive = True
        example = world.folder / "example.vcf"
        example.write_bytes(EXAMPLE)
        seen: list[str] = []
        self.people = []
        for user_id in ("ada", "ben", "cleo")[: rng.randint(1, 3)]:
            email = f"{user_id}@example.org"
            world.accounts.save_login(user_id, name=user_id, email=email, institution="")
            if rng.random() < 0.1:
                world.mailer.bouncing.add(email)
            self.people.append(
                Person(
                    world,
                    self.outdoors,
                    servers,
                    user_id,
                    self.deeds,
                    example,
                    submit=parts.submit,
                    seen=seen,
                )
            )

    def play(self) -> None:
        """Trouble first, then rest, then a look at everything."""
        world, scheduler = self.world, self.world.scheduler
        for person in self.people:
            self.outdoors.spawn(person.live, person.user_id)
        self.outdoors.spawn(self._supervise, "supervisor")
        self.outdoors.spawn(self._trouble, "trouble")
        scheduler.run(FAULTY, lambda: False, world.check_step)
        world.calm()
        self.outdoors.spawn(self._watch, "watch")
        scheduler.run(FAULTY + SETTLED, lambda: self._is_over, world.check_step)
        world.checked["I10"] += 1
        if not self._is_over:
            world.violated("I10", "it has not come to rest")
        for process in self.processes:
            process.kill()
        self._tidy()
        invariants.check_jobs(world, self.deeds)
        invariants.check_results(world)
        invariants.check_inputs(world)
        invariants.check_mails(world)
        self.outdoors.kill()
        scheduler.reap()

    def _supervise(self) -> None:
        """Start again whatever ended."""
        rng, scheduler = self.world.rng, self.world.scheduler
        while not self._is_over:
            for process in self.processes:
                if not process.is_alive:
                    process.start()
            scheduler.sleep(round(rng.uniform(1, 15) * SECOND))

    def _trouble(self) -> None:
        """Now and then something happens to a process, a service or a queue."""
        rng, world = self.world.rng, self.world
        rates = {
            "outage": world.faults.outage,
            "chaos": world.faults.chaos,
            "forgery": world.faults.duplicate / 100,
        }
        while sum(rates.values()) > 0:
            world.scheduler.sleep(round(rng.expovariate(sum(rates.values())) * SECOND) + 1)
            if world.is_calm:
                return
            deed = rng.choices(list(rates), list(rates.values()))[0]
            if deed == "outage":
                service = rng.choice(SERVICES)
                seconds = rng.choice((rng.uniform(1, 20), rng.uniform(20, 400)))
                world.tell(self.outdoors, f"{service} is away for {seconds:.0f} s")
                world.take_away(service, seconds)
            elif deed == "chaos":
                self._hurt(rng.choice(self.processes))
            else:
                self._forge()

    def _hurt(self, process: Process) -> None:
        rng, world = self.world.rng, self.world
        deed = rng.choice(("kill", "kill", "stop", "stop twice", "pause", "clock"))
        world.tell(process, deed)
        if deed == "kill":
            process.kill()
        elif deed == "pause":
            world.pause(process)
        elif deed == "clock":
            process.skew = SKEW * rng.uniform(-1, 1)
        else:
            process.stop.ask()
            if deed == "stop twice":
                process.stop.ask()

    def _forge(self) -> None:
        """A message that nobody of ours wrote, or that names what is somebody else's."""
        rng, world = self.world.rng, self.world
        jobs = list(world.jobs.rows)
        kind = rng.choice(list(Kind))
        bodies = ["{}", "not json"]
        if jobs:
            bodies.append(Message(kind=kind, job_id=rng.choice(jobs), user_id="eve").to_json())
        world.inboxes[rng.choice((Queue.ANNOTATE, Queue.NOTIFY))].put(rng.choice(bodies))

    def _watch(self) -> None:
        """Wait for rest; meanwhile the operator sends dead mails again, and drops forged ones."""
        world = self.world
        dead = world.dead_inboxes[Queue.NOTIFY]
        while True:
            world.scheduler.sleep(10 * SECOND)
            letters, dead.waiting = dead.waiting, []
            for letter in letters:
                if '"eve"' not in letter.body and "job." in letter.body:
                    world.inboxes[Queue.NOTIFY].put(letter.body)
            if len(self.people) == self.deeds.over and invariants.is_quiet(world):
                world.scheduler.sleep(150 * SECOND)  # Runs that lost their job stop meanwhile.
                if all(process.is_alive for process in self.processes):
                    break
        invariants.check_scratch(world)
        self._is_over = True

    def _tidy(self) -> None:
        """A day later: what the sweeper removes only when it is old."""
        world, scheduler = self.world, self.world.scheduler
        scheduler.micros += (48 * 3600 + 2 * JOB_LIMIT) * SECOND
        sweeper = Sweeper.of(world.settings, world.outside(self.outdoors))
        swept = self.outdoors.spawn(sweeper.sweep, "last sweep")
        scheduler.run(1 << 61, lambda: swept.is_over or swept.is_dead, world.check_step)
        if swept.error is not None:
            scheduler.falls.append(f"the last sweep: {swept.error!r}")
