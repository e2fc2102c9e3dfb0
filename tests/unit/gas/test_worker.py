"""The loop: what each family of error does to a message, and how a stop leaves nothing stranded."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from gas.adapters.memory import MemoryInbox, MemoryWorld
from gas.domain.errors import (
    BusyJobError,
    LostLeaseError,
    MalformedMessageError,
    NotFoundError,
    OutageError,
    TemporaryError,
)
from gas.domain.message import Message, Queue
from gas.ports import Delivery
from gas.worker import HOLD_LIMIT, Stop, run, run_many
from tests.builders import a_message

SECOND = timedelta(seconds=1)


@dataclass
class Handler:
    """Raises what it is told to, in order, then succeeds; stops the loop when all is said."""

    world: MemoryWorld
    stop: Stop
    errors: list[Exception | None] = field(default_factory=list)
    seen: list[Message] = field(default_factory=list)

    def __call__(self, message: Message, _delivery: Delivery) -> None:
        self.seen.append(message)
        error = self.errors.pop(0) if self.errors else None
        if not self.errors:
            self.stop.ask()
        if error is not None:
            raise error


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


@pytest.fixture
def inbox(world: MemoryWorld) -> MemoryInbox:
    return world.inbox(Queue.ANNOTATE)


def loop(world: MemoryWorld, *errors: Exception | None) -> Handler:
    stop = Stop()
    handler = Handler(world, stop, list(errors))
    run(world.inbox(Queue.ANNOTATE), handler, stop=stop, clock=world.clock)
    return handler


def test_a_handled_message_is_done(world: MemoryWorld, inbox: MemoryInbox) -> None:
    world.topics.publish(a_message())
    assert loop(world, None).seen == [a_message()]
    assert inbox.depth() == 0


def test_a_temporary_failure_brings_the_message_back_later(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    world.topics.publish(a_message())
    loop(world, TemporaryError("not now"))
    assert inbox.depth() == 1
    assert not inbox.receive()
    world.clock.advance(SECOND)
    assert inbox.receive()[0].received == 2


def test_an_error_that_knows_when_to_try_again_is_believed(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    world.topics.publish(a_message())
    loop(world, BusyJobError("leased", retry_after=90 * SECOND))
    world.clock.advance(89 * SECOND)
    assert not inbox.receive()
    world.clock.advance(SECOND)
    assert inbox.receive()


def test_a_permanent_failure_is_done(world: MemoryWorld, inbox: MemoryInbox) -> None:
    world.topics.publish(a_message())
    loop(world, NotFoundError("no such job"))
    assert inbox.depth() == 0
    assert not inbox.dead


def test_an_outage_keeps_the_message_in_hand_and_counts_no_delivery(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    world.topics.publish(a_message())
    outage: list[Exception | None] = [OutageError("no table")] * 100
    handler = loop(world, *outage, None)
    assert len(handler.seen) == 101
    assert inbox.depth() == 0
    assert not inbox.dead


def test_an_outage_that_does_not_end_lets_the_message_go_in_the_end(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    world.topics.publish(a_message())
    begun = world.clock.now()
    outage: list[Exception | None] = [OutageError("no table")] * 10_000
    stop = Stop()
    handler = Handler(world, stop, outage)

    def once(message: Message, delivery: Delivery) -> None:
        if world.clock.now() - begun > HOLD_LIMIT - timedelta(minutes=1):
            stop.ask()
        handler(message, delivery)

    run(inbox, once, stop=stop, clock=world.clock)
    assert inbox.depth() == 1
    assert world.clock.now() - begun <= HOLD_LIMIT


def test_a_message_lost_during_an_outage_is_left_alone(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    world.topics.publish(a_message("job-1"))
    world.topics.publish(a_message("job-2"))
    stop, seen = Stop(), list[str]()

    def handle(message: Message, delivery: Delivery) -> None:
        seen.append(message.job_id)
        if message.job_id == "job-1":
            inbox.done(delivery)  # As if it had been delivered to somebody else and finished.
            raise OutageError("no table")
        stop.ask()

    run(inbox, handle, stop=stop, clock=world.clock)
    assert seen == ["job-1", "job-2"]


def test_a_queue_out_of_reach_is_polled_again(world: MemoryWorld, inbox: MemoryInbox) -> None:
    world.topics.publish(a_message())
    receive, failures = inbox.receive, [OutageError("no queue")] * 3

    def flaky() -> Sequence[Delivery]:
        if failures:
            raise failures.pop()
        return receive()

    inbox.receive = flaky  # type: ignore[method-assign]
    assert loop(world, None).seen == [a_message()]


@pytest.mark.parametrize("body", ["", "{", "[]", '{"v": 1}', '{"v": 1, "kind": "nonsense"}'])
def test_a_message_nobody_can_read_is_buried_and_the_loop_goes_on(
    world: MemoryWorld, inbox: MemoryInbox, body: str
) -> None:
    inbox.put(body)
    world.topics.publish(a_message())
    assert loop(world, None).seen == [a_message()]
    assert inbox.dead == [body]


def test_a_message_of_a_newer_version_is_left_to_newer_workers(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    inbox.put('{"v": 2, "kind": "job.requested", "job_id": "job-1", "user_id": "ada"}')
    world.topics.publish(a_message())
    assert loop(world, None).seen == [a_message()]
    assert inbox.depth() == 1
    assert not inbox.dead


def test_a_bug_stops_the_loop_and_leaves_the_message(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    world.topics.publish(a_message())
    with pytest.raises(ZeroDivisionError):
        loop(world, ZeroDivisionError())
    assert inbox.depth() == 1


def test_what_the_last_poll_brings_after_a_stop_is_given_back(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    stop = Stop()
    receive = inbox.receive

    def poll() -> Sequence[Delivery]:
        stop.ask()
        return receive()

    inbox.receive = poll  # type: ignore[method-assign]
    world.topics.publish(a_message())
    handler = Handler(world, stop)
    run(inbox, handler, stop=stop, clock=world.clock)
    assert not handler.seen
    assert receive()[0].received == 2


def test_a_stop_during_an_outage_gives_the_message_back(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    world.topics.publish(a_message())
    loop(world, OutageError("no table"))
    assert inbox.depth() == 1


def test_a_lost_lease_never_deletes_the_message(world: MemoryWorld, inbox: MemoryInbox) -> None:
    world.topics.publish(a_message())
    loop(world, LostLeaseError("another run owns it"))
    assert inbox.depth() == 1


def test_a_message_the_handler_finds_forged_is_buried(
    world: MemoryWorld, inbox: MemoryInbox
) -> None:
    world.topics.publish(a_message())
    loop(world, MalformedMessageError("a job of somebody else"))
    assert inbox.depth() == 0
    assert inbox.dead == [a_message().to_json()]


def test_slots_share_the_queue_and_all_of_them_stop(world: MemoryWorld, inbox: MemoryInbox) -> None:
    jobs = {f"job-{number}" for number in range(20)}
    for job_id in sorted(jobs):
        world.topics.publish(a_message(job_id))
    stop, seen = Stop(), set[str]()

    def handle(message: Message, _delivery: Delivery) -> None:
        seen.add(message.job_id)
        if seen == jobs:
            stop.ask()

    run_many(inbox, handle, slots=3, stop=stop, clock=world.clock)
    assert seen == jobs


def test_a_bug_in_one_slot_stops_all_and_is_raised(world: MemoryWorld, inbox: MemoryInbox) -> None:
    world.topics.publish(a_message())
    stop = Stop()

    def handle(_message: Message, _delivery: Delivery) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_many(inbox, handle, slots=3, stop=stop, clock=world.clock)
    assert stop.is_asked()


def test_the_first_signal_asks_and_the_second_insists() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    stop = Stop()
    try:
        stop.listen()
        assert not stop.is_asked()
        signal.raise_signal(signal.SIGTERM)
        assert (stop.is_asked(), stop.is_immediate()) == (True, False)
        assert stop.wait(SECOND)
        signal.raise_signal(signal.SIGINT)
        assert stop.is_immediate()
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
