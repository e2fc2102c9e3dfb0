"""Every gap between two effects: the process dies there, or the effect's answer is lost.

One job walks from its request to its mail.  Each effect on the way is made to fail once, before
or after it takes place; then fresh daemons and the sweeper go on until nothing moves any more.
Whatever happened, the job has one end, one visible result, one mail (or a repeat that says so),
and nothing of the lost runs is left.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ann.engine import InputRefusedError
from gas.domain.errors import OutageError
from gas.domain.job import Status
from gas.domain.message import Queue
from gas.patience import Patience
from gas.worker import Stop, deliver
from tests.support.annotating import Service
from tests.support.annotating import service as make_service
from tests.support.archiving import storage_sweep_of
from util.letters import REPEAT_NOTE, Letters
from util.notify import Notifier
from util.sweep import Sweeper

EFFECTS = {
    Status.COMPLETED: 18,
    Status.FAILED: 12,
}
"""How many effects each walk has; the last test counts them anew."""


class CrashError(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """Lets one effect fail: the one with this number, before or after it takes place."""

    number: int = -1
    after: bool = False
    error: type[BaseException] = CrashError
    seen: int = 0
    blown: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put_into(self, port: Any, method: str, name: str) -> None:
        act: Callable[..., Any] = getattr(port, method)
        lock = self.lock

        def effect(*arguments: Any, **named: Any) -> Any:
            with lock:
                mine = self.seen == self.number
                self.seen += 1
            if mine:
                self.blown = name
                if self.after:
                    act(*arguments, **named)
                raise self.error(f"{name} failed")
            return act(*arguments, **named)

        setattr(port, method, effect)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    yield from make_service(tmp_path)


def arm(service: Service, fuse: Fuse) -> None:
    world = service.world
    for port, methods, name in (
        (world.jobs, ("move", "sent"), "jobs"),
        (world.inputs, ("download",), "inputs"),
        (world.results, ("upload", "delete"), "results"),
        (world.topics, ("publish",), "topics"),
        (world.mailer, ("send",), "mailer"),
        (world.inboxes[Queue.ANNOTATE], ("done", "release"), "annotate"),
        (world.inboxes[Queue.NOTIFY], ("done", "release"), "notify"),
        (service.engine, ("annotate",), "engine"),
    ):
        for method in methods:
            fuse.put_into(port, method, f"{name}.{method}")


def daemons(service: Service) -> tuple[Callable[[], bool], Callable[[], bool], Sweeper]:
    """One step of an annotator, one of a notifier, and a sweeper: processes just started."""
    world, stop = service.world, Stop()
    settings = service.annotator.settings
    annotator = replace(service.annotator, stop=stop)
    notifier = Notifier(
        jobs=world.jobs,
        accounts=world.accounts,
        mailer=world.mailer,
        clock=world.clock,
        letters=Letters(base_url=settings.base_url, plan=settings.plan),
        lease=settings.lease,
        patience=Patience(world.clock, settings.outage_patience),
    )
    sweeper = Sweeper(
        jobs=world.jobs,
        outbox=world.outbox,
        topics=world.topics,
        uploads=world.uploads,
        inputs=world.inputs,
        results=world.results,
        requests=world.inbox(Queue.ANNOTATE),
        dead_requests=world.dead_inbox(Queue.ANNOTATE),
        dead_mails=world.dead_inbox(Queue.NOTIFY),
        storage=storage_sweep_of(world, settings),
        clock=world.clock,
        settings=settings,
    )

    def step(queue: Queue, handle: Any) -> Callable[[], bool]:
        def go() -> bool:
            inbox = world.inbox(queue)
            deliveries = inbox.receive()
            for delivery in deliveries:
                deliver(delivery, inbox, handle, stop=stop, clock=world.clock)
            return bool(deliveries)

        return go

    return step(Queue.ANNOTATE, annotator.handle), step(Queue.NOTIFY, notifier.handle), sweeper


def walk(service: Service, fuse: Fuse, status: Status) -> None:
    """Submit, let the fuse blow, start everything anew, and go on until nothing moves."""
    service.submit()
    if status is Status.FAILED:
        service.engine.script += [InputRefusedError("not-a-vcf", "no VCF", line=1)] * 9
    arm(service, fuse)
    annotate, notify, _ = daemons(service)
    try:
        while annotate() or notify():
            pass
    except CrashError:
        pass
    annotate, notify, sweeper = daemons(service)
    for _ in range(12):
        service.pass_time(70)
        with suppress(CrashError):
            sweeper.sweep()
        while annotate() or notify():
            pass
    service.pass_time(timedelta(days=2).total_seconds())
    with suppress(CrashError):
        sweeper.sweep()
    sweeper.sweep()


@pytest.mark.parametrize("error", [CrashError, OutageError])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("status", "number"),
    [(status, number) for status, count in EFFECTS.items() for number in range(count)],
)
def test_whatever_fails_the_job_ends_once(
    service: Service, status: Status, number: int, moment: str, error: type[BaseException]
) -> None:
    fuse = Fuse(number=number, after=moment == "after", error=error)
    walk(service, fuse, status)
    assert fuse.blown
    assert service.job().status is status
    service.assert_at_rest()
    assert service.world.inbox(Queue.NOTIFY).depth() == 0
    first, *others = service.world.mailer.sent
    assert REPEAT_NOTE not in first.text or fuse.blown in {"mailer.send", "jobs.move"}
    assert all(REPEAT_NOTE in mail.text for mail in others)
    assert not others or (fuse.blown in {"mailer.send", "jobs.move"})
    assert len(others) <= 1


@pytest.mark.parametrize("status", EFFECTS)
def test_every_effect_of_the_walk_is_among_the_cases(service: Service, status: Status) -> None:
    fuse = Fuse()
    walk(service, fuse, status)
    assert fuse.seen == EFFECTS[status]
    assert len(service.world.mailer.sent) == 1
    service.assert_at_rest()
