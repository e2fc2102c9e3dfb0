"""One outside world a backend: the same contract runs on each.

`WORLDS` names them; a world that cannot stand here raises pytest.skip with its reason.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gas.adapters.memory import MemoryWorld
from gas.domain.message import Queue
from gas.ports import Clock, Files, Inbox, Jobs, Outbox, Topics, Uploads


@dataclass(frozen=True, kw_only=True)
class World:
    """The ports of one backend, and a way to let time pass for them.

    Queues hide a message for `visibility` and bury it after `max_receives` deliveries.
    `dead_letters` lists the bodies in a queue's dead-letter queue.
    """

    clock: Clock
    jobs: Jobs
    outbox: Outbox
    topics: Topics
    uploads: Uploads
    files: Files
    inbox: Callable[[Queue], Inbox]
    dead_inbox: Callable[[Queue], Inbox]
    dead_letters: Callable[[Queue], list[str]]
    pass_time: Callable[[timedelta], None]
    visibility: timedelta
    max_receives: int


@contextmanager
def memory_world(_folder: Path) -> Iterator[World]:
    world = MemoryWorld()
    yield World(
        clock=world.clock,
        jobs=world.jobs,
        outbox=world.outbox,
        topics=world.topics,
        uploads=world.uploads,
        files=world.inputs,
        inbox=world.inbox,
        dead_inbox=world.dead_inbox,
        dead_letters=lambda queue: world.inbox(queue).dead,
        pass_time=world.clock.advance,
        visibility=timedelta(seconds=120),
        max_receives=5,
    )


@contextmanager
def aws(folder: Path) -> Iterator[World]:
    from tests.adapters.worlds.aws import aws_world  # noqa: PLC0415 - it needs World

    with aws_world(folder) as world:
        yield world


@contextmanager
def embedded(folder: Path) -> Iterator[World]:
    from tests.adapters.worlds.embedded import embedded_world  # noqa: PLC0415 - as above

    with embedded_world(folder) as world:
        yield world


WORLDS: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
    "aws": aws,
    "embedded": embedded,
    "memory": memory_world,
}
