"""The service's processes: each main loop as its `main` has it, over the simulated world."""

import os
from functools import partial
from pathlib import Path

from ann.annotator import Annotator
from ann.room import CarefulInbox
from ann.scratch import NoRoomError, Scratch
from gas.domain.message import Queue
from gas.worker import run
from tests.simulation.beside import SimulatedThreads
from tests.simulation.engine import SimulatedEngine
from tests.simulation.scheduler import SECOND, Process
from tests.simulation.world import World
from util.notify import Notifier
from util.sweep import Sweeper


class SimulatedScratch(Scratch):
    """The real folder of running jobs, on a machine that has room when the seed says so."""

    def __init__(self, root: Path, world: World, process: Process) -> None:
        super().__init__(root)
        self._world = world
        self._process = process

    def drop(self) -> None:
        """What the end of a process does to its lock."""
        os.close(self._lock)

    def free_bytes(self) -> int:
        return 1 << 30

    def has_room(self) -> bool:
        return not self._world.chance("room")

    def check_room(self, input_bytes: int) -> None:
        if self._world.chance("room"):
            raise NoRoomError(f"no room for {input_bytes} bytes")


def scratch_of(world: World, name: str) -> Path:
    """The scratch folder of a machine."""
    return world.folder / name


def annotator(world: World, process: Process, kind: type[Annotator] = Annotator) -> None:
    """As `ann.annotator.serve`."""
    outside, threads = world.outside(process), SimulatedThreads(process)
    scratch = SimulatedScratch(scratch_of(world, process.name), world, process)
    process.on_kill.append(scratch.drop)
    inbox = CarefulInbox(outside.inbox(Queue.ANNOTATE), scratch.has_room, outside.clock)
    daemon = kind(
        jobs=outside.jobs,
        outbox=outside.outbox,
        topics=outside.topics,
        inputs=outside.inputs,
        results=outside.results,
        accounts=outside.accounts,
        inbox=inbox,
        clock=outside.clock,
        engine=SimulatedEngine(process, world.rng, lambda: world.faults),
        scratch=scratch,
        settings=world.settings,
        stop=process.stop,
        threads=threads,
    )
    loop = partial(run, inbox, daemon.handle, stop=process.stop, clock=outside.clock)
    slots = [process.spawn(loop, f"slot-{slot}") for slot in range(world.settings.slots)]
    for slot in slots:
        process.scheduler.join(slot)
    scratch.close()
    process.on_kill.clear()
    for slot in slots:
        if slot.error is not None:
            raise slot.error


def notify(world: World, process: Process, kind: type[Notifier] = Notifier) -> None:
    """As `util.notify.main`."""
    outside = world.outside(process)
    notifier = kind.of(world.settings, outside, process.stop)
    run(outside.inbox(Queue.NOTIFY), notifier.handle, stop=process.stop, clock=outside.clock)


def sweep(world: World, process: Process) -> None:
    """As `util.sweep.main`."""
    sweeper = Sweeper.of(world.settings, world.outside(process))
    sweeper.sweep()
    while not process.stop.is_asked():
        process.scheduler.sleep(round(world.settings.sweep_every.total_seconds() * SECOND))
        sweeper.sweep()


def web(process: Process) -> None:
    """A web server waits for requests, which come as tasks of their own."""
    while not process.stop.is_asked():
        process.scheduler.sleep(30 * SECOND)
