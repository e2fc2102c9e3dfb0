"""A port as one process reaches it: every call a turn for others, and a chance for a fault."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from gas.domain.errors import OutageError
from gas.domain.message import Queue
from gas.ports import Delivery
from tests.simulation.scheduler import SECOND, Process
from tests.simulation.stores import UnrulyInbox

if TYPE_CHECKING:
    from tests.simulation.world import World

METHODS = {
    "jobs": (
        "get",
        "add",
        "move",
        "renew",
        "report",
        "of_user",
        "unfinished",
        "count_unfinished",
        "to_look_at",
        "delete",
    ),
    "outbox": ("pending", "sent"),
    "topics": ("publish",),
    "uploads": ("add", "get", "remove", "expired"),
    "inputs": (
        "upload_form",
        "head",
        "download",
        "upload",
        "copy",
        "read",
        "link",
        "delete",
        "keys",
    ),
    "results": (
        "upload_form",
        "head",
        "download",
        "upload",
        "copy",
        "read",
        "link",
        "delete",
        "keys",
    ),
    "archives": ("archive", "delete", "listed", "remove"),
    "accounts": ("get", "save_login", "set_tier", "note_bounce", "unsettled"),
    "mailer": ("send",),
    "queue": ("done", "extend", "bury", "depth"),
}
"""The calls of each port that cross a wire."""

LISTINGS = frozenset({"unfinished", "to_look_at", "expired", "keys", "listed"})

SERVICE_OF = {"outbox": "jobs", "uploads": "jobs", "results": "inputs", "archives": "inputs"}
"""Ports behind which the same service stands, so that they go away together."""


class Door:
    """One port of one process; its methods are those of `METHODS`."""

    def __init__(self, world: "World", process: Process, port: str, real: object) -> None:
        self._world = world
        self._process = process
        self._port = port
        self._service = SERVICE_OF.get(port, port)
        for method in METHODS[port]:
            setattr(self, method, self._wire(method, getattr(real, method)))
        if port in {"inputs", "results"}:
            self.bucket = cast(Any, real).bucket

    def _wire(self, method: str, effect: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: object, **named: object) -> object:
            return self.call(method, effect, *args, **named)

        return call

    def call(
        self, method: str, effect: Callable[..., Any], *args: object, **named: object
    ) -> object:
        """The effect, or what a network makes of it."""
        world, process, faults = self._world, self._process, self._world.faults
        scheduler, random = world.scheduler, world.rng.random
        draw = random()
        wait = random() * 0.02
        if draw < faults.slow:
            wait = random() * 20
        scheduler.sleep(round(wait * SECOND) + 1)
        draw = random()
        if world.is_away(self._service) or draw < faults.throttle:
            world.note(process, self._port, method, args, "throttled")
            retry_after = timedelta(seconds=round(random() * 40)) if random() < 0.3 else None
            raise OutageError(f"{self._port}.{method} throttled", retry_after=retry_after)
        draw -= faults.throttle
        if 0 <= draw < faults.crash_before:
            world.note(process, self._port, method, args, "killed before")
            world.kill(process)
        try:
            answer = effect(*args, **named)
            if method in LISTINGS:
                answer = iter(list(answer))
        except Exception as error:
            world.note(process, self._port, method, args, type(error).__name__)
            raise
        draw -= faults.crash_before
        if 0 <= draw < faults.lose:
            world.note(process, self._port, method, args, "answer lost")
            if self._port == "mailer":
                world.lost_mails.add(scheduler.micros)
            raise OutageError(f"{self._port}.{method}: no answer")
        draw -= faults.lose
        if 0 <= draw < faults.crash_after:
            world.note(process, self._port, method, args, "killed after")
            world.kill(process)
        world.note(process, self._port, method, args, "ok")
        draw -= faults.crash_after
        if 0 <= draw < faults.pause:
            world.pause(process)
        scheduler.sleep(round(random() * 0.01 * SECOND))
        return answer


class QueueDoor(Door):
    """A queue's reading end: as a door, and a long poll that waits for what comes."""

    def __init__(
        self, world: "World", process: Process, inbox: UnrulyInbox, poll: timedelta
    ) -> None:
        super().__init__(world, process, "queue", inbox)
        self._inbox = inbox
        self._poll = poll

    @property
    def queue(self) -> Queue:
        return self._inbox.queue

    def receive(self) -> Sequence[Delivery]:
        scheduler, inbox = self._world.scheduler, self._inbox
        until = scheduler.micros + round(self._poll.total_seconds() * SECOND)
        while True:
            now = inbox.clock.now()
            visible = inbox.next_visible()
            if visible is not None and visible <= now:
                deliveries = self.call("receive", inbox.receive)
                if deliveries:
                    return cast(Sequence[Delivery], deliveries)
            if scheduler.micros >= until:
                return ()
            wait = until - scheduler.micros
            if visible is not None and visible > now:
                wait = min(wait, round((visible - now).total_seconds() * SECOND))
            me = scheduler.current
            assert me is not None
            inbox.pollers.append(me)
            scheduler.sleep(max(wait, 1))
            if me in inbox.pollers:
                inbox.pollers.remove(me)

    def release(self, delivery: Delivery, delay: timedelta = timedelta(0)) -> None:
        """Never an error, as the port says: what does not get through is left to its time."""
        try:
            self.call("release", self._inbox.release, delivery, delay)
        except OutageError:
            return


class DeadDoor(QueueDoor):
    """A dead-letter queue's reading end, asked once and not waited for."""

    def receive(self) -> Sequence[Delivery]:
        return cast(Sequence[Delivery], self.call("receive", self._inbox.receive))
