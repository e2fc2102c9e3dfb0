from datetime import timedelta

from ann.room import PAUSE, CarefulInbox
from gas.adapters.memory import MemoryWorld
from gas.domain.message import Queue
from tests.builders import a_message


def test_a_machine_without_room_leaves_the_messages_to_others() -> None:
    world = MemoryWorld()
    world.topics.publish(a_message())
    room = [False]
    careful = CarefulInbox(world.inbox(Queue.ANNOTATE), lambda: room[0], world.clock)
    begun = world.clock.now()
    assert not careful.receive()
    assert world.clock.now() == begun + PAUSE
    room[0] = True
    [delivery] = careful.receive()
    assert delivery.received == 1


def test_everything_else_is_the_inboxs_own() -> None:
    world = MemoryWorld()
    careful = CarefulInbox(world.inbox(Queue.ANNOTATE), lambda: True, world.clock)
    assert careful.queue is Queue.ANNOTATE
    for _ in range(3):
        world.topics.publish(a_message())
    first, second, third = (careful.receive()[0] for _ in range(3))
    careful.extend(first, timedelta(hours=1))
    careful.release(second)
    careful.bury(third, "nobody can read it")
    assert careful.depth() == 2
    [again] = careful.receive()
    careful.done(again)
    assert careful.depth() == 1
    assert len(world.inbox(Queue.ANNOTATE).dead) == 1
