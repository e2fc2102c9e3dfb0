"""What every queue, and the topics in front of it, promise."""

from datetime import timedelta

import pytest

from gas.domain.errors import LostLeaseError
from gas.domain.message import SUBSCRIPTIONS, Kind, Message, Queue
from gas.ports import Delivery, Inbox
from tests.adapters.worlds import World
from tests.builders import a_message

SECOND = timedelta(seconds=1)


def _one(inbox: Inbox) -> Delivery:
    deliveries = inbox.receive()
    assert len(deliveries) == 1
    return deliveries[0]


def test_a_published_message_reaches_every_subscribed_queue(world: World) -> None:
    for kind in Kind:
        message = a_message(kind=kind)
        world.topics.publish(message)
        for queue in SUBSCRIPTIONS[message.topic]:
            inbox = world.inbox(queue)
            delivery = _one(inbox)
            assert Message.from_json(delivery.body) == message
            assert delivery.received == 1
            inbox.done(delivery)


def test_an_empty_queue_gives_nothing(world: World) -> None:
    assert not world.inbox(Queue.ANNOTATE).receive()


def test_a_message_in_flight_is_hidden_and_comes_back_when_nobody_finishes(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    world.topics.publish(a_message())
    _one(inbox)
    assert not inbox.receive()
    world.pass_time(world.visibility + SECOND)
    assert _one(inbox).received == 2


def test_a_finished_message_never_comes_back(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    world.topics.publish(a_message())
    delivery = _one(inbox)
    inbox.done(delivery)
    inbox.done(delivery)
    world.pass_time(world.visibility + SECOND)
    assert not inbox.receive()


def test_an_extended_message_stays_hidden(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    world.topics.publish(a_message())
    delivery = _one(inbox)
    inbox.extend(delivery, world.visibility * 4)
    world.pass_time(world.visibility + SECOND)
    assert not inbox.receive()


def test_a_finished_message_cannot_be_extended(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    world.topics.publish(a_message())
    delivery = _one(inbox)
    inbox.done(delivery)
    with pytest.raises(LostLeaseError):
        inbox.extend(delivery, world.visibility)
    inbox.release(delivery)


def test_a_released_message_comes_back_at_once_or_after_its_delay(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    world.topics.publish(a_message())
    inbox.release(_one(inbox))
    inbox.release(_one(inbox), 2 * SECOND)
    assert not inbox.receive()
    world.pass_time(3 * SECOND)
    assert _one(inbox).received == 3


def test_a_message_received_too_often_ends_in_the_dead_letter_queue(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    world.topics.publish(a_message())
    for _ in range(world.max_receives):
        inbox.release(_one(inbox))
    assert not inbox.receive()
    assert [Message.from_json(body) for body in world.dead_letters(Queue.ANNOTATE)] == [a_message()]


def test_a_buried_message_ends_in_the_dead_letter_queue_at_once(world: World) -> None:
    inbox = world.inbox(Queue.NOTIFY)
    world.topics.publish(a_message(kind=Kind.JOB_FAILED))
    inbox.bury(_one(inbox), "nobody can read it")
    assert not inbox.receive()
    assert len(world.dead_letters(Queue.NOTIFY)) == 1
    assert inbox.depth() == 0


def test_a_dead_letter_can_be_read_given_back_and_finished(world: World) -> None:
    inbox, dead = world.inbox(Queue.ANNOTATE), world.dead_inbox(Queue.ANNOTATE)
    world.topics.publish(a_message())
    inbox.bury(_one(inbox), "nobody can read it")
    dead.release(_one(dead))
    for _ in range(world.max_receives):
        dead.release(_one(dead))
    delivery = _one(dead)
    assert Message.from_json(delivery.body) == a_message()
    dead.done(delivery)
    world.pass_time(world.visibility + SECOND)
    assert not dead.receive()
    assert dead.depth() == 0


def test_the_depth_counts_what_waits_and_what_is_in_flight(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    for number in range(3):
        world.topics.publish(a_message(f"job-{number}"))
    _one(inbox)
    assert inbox.depth() == 3


def test_an_old_receipt_cannot_finish_somebody_elses_delivery(world: World) -> None:
    """SQS itself honours an old receipt until the message is received again; then it must not."""
    inbox = world.inbox(Queue.ANNOTATE)
    world.topics.publish(a_message())
    first = _one(inbox)
    world.pass_time(world.visibility + SECOND)
    second = _one(inbox)
    assert second.receipt != first.receipt
    inbox.done(second)
    world.pass_time(world.visibility + SECOND)
    assert not inbox.receive()


def test_of_many_receivers_at_once_each_message_has_one(world: World) -> None:
    ids = {f"job-{number}" for number in range(8)}
    for job_id in ids:
        world.topics.publish(a_message(job_id))
    received = [_one(world.inbox(Queue.ANNOTATE)) for _ in ids]
    assert {Message.from_json(delivery.body).job_id for delivery in received} == ids
    assert not world.inbox(Queue.ANNOTATE).receive()


def test_a_released_message_may_still_be_finished(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    world.topics.publish(a_message())
    delivery = _one(inbox)
    inbox.release(delivery, SECOND)
    inbox.done(delivery)
    world.pass_time(2 * SECOND)
    assert not inbox.receive()


def test_one_user_who_sends_many_keeps_nobody_waiting(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    for number in range(30):
        world.topics.publish(a_message(f"many-{number}"))
    _one(inbox)
    world.topics.publish(a_message("single", user_id="bob"))
    assert Message.from_json(_one(inbox).body).job_id == "single"


def test_users_take_turns_however_much_each_of_them_sends(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    for user, messages in {"ada": 30, "bob": 3, "cy": 3}.items():
        for number in range(messages):
            world.topics.publish(a_message(f"{user}-{number}", user_id=user))
    served = []
    for _ in range(9):
        delivery = _one(inbox)
        served.append(Message.from_json(delivery.body).user_id)
        inbox.done(delivery)
    assert [sorted(served[first : first + 3]) for first in (0, 3, 6)] == [["ada", "bob", "cy"]] * 3


def test_a_users_own_messages_keep_their_order(world: World) -> None:
    inbox = world.inbox(Queue.ANNOTATE)
    for number in range(4):
        world.topics.publish(a_message(f"job-{number}"))
        world.pass_time(timedelta(milliseconds=2))
    served = [Message.from_json(_one(inbox).body).job_id for _ in range(4)]
    assert served == ["job-0", "job-1", "job-2", "job-3"]
