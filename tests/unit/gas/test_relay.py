"""The relay: every message goes out at least once, and a crash or an outage loses none."""

from datetime import timedelta

import pytest

from gas.adapters.memory import MemoryWorld
from gas.domain.errors import OutageError
from gas.domain.message import Message
from gas.relay import relay, relay_pending
from tests.builders import a_job, a_message

LATER = timedelta(seconds=1)


def fill(world: MemoryWorld, count: int) -> list[Message]:
    messages = [a_message(f"job-{number:03}") for number in range(count)]
    for message in messages:
        world.jobs.add(a_job(message.job_id), message)
    return messages


def test_what_is_relayed_leaves_the_outbox() -> None:
    world = MemoryWorld()
    messages = fill(world, 3)
    assert relay(messages, outbox=world.outbox, topics=world.topics) == 3
    assert world.topics.published == messages
    assert not world.jobs.outbox


def test_an_outage_leaves_the_rest_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    world = MemoryWorld()
    messages = fill(world, 5)
    publish = world.topics.publish

    def flaky(message: Message) -> None:
        if message == messages[2]:
            raise OutageError("no topic")
        publish(message)

    monkeypatch.setattr(world.topics, "publish", flaky)
    assert relay(messages, outbox=world.outbox, topics=world.topics) == 2
    assert len(world.jobs.outbox) == 3
    monkeypatch.undo()
    before = world.clock.now() + LATER
    assert relay_pending(before, outbox=world.outbox, topics=world.topics) == 3
    assert not world.jobs.outbox


def test_a_message_published_but_not_forgotten_goes_out_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = MemoryWorld()
    [message] = fill(world, 1)

    def forgetful(_message: Message) -> None:
        raise OutageError("no table")

    monkeypatch.setattr(world.jobs, "sent", forgetful)
    assert relay([message], outbox=world.outbox, topics=world.topics) == 0
    monkeypatch.undo()
    relay_pending(world.clock.now() + LATER, outbox=world.outbox, topics=world.topics)
    assert world.topics.published == [message, message]


def test_a_long_outbox_is_relayed_to_its_end_oldest_first() -> None:
    world = MemoryWorld()
    messages = fill(world, 250)
    before = world.clock.now() + LATER
    assert relay_pending(before, outbox=world.outbox, topics=world.topics) == 250
    assert world.topics.published == messages


def test_an_outage_ends_the_pass_instead_of_repeating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = MemoryWorld()
    fill(world, 3)
    calls: list[Message] = []

    def away(message: Message) -> None:
        calls.append(message)
        raise OutageError("no topic")

    monkeypatch.setattr(world.topics, "publish", away)
    before = world.clock.now() + LATER
    assert relay_pending(before, outbox=world.outbox, topics=world.topics) == 0
    assert len(calls) == 1
