"""The place in the queue, the measured pace, and whether anybody works."""

from datetime import timedelta

import pytest

from gas.adapters.memory import MemoryWorld
from gas.domain.job import Status
from tests.builders import LEASE, a_job
from web.queue import COUNTED, SILENCE, QueueView, Snapshot

SECOND = timedelta(seconds=1)


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


def _wait(world: MemoryWorld, user_id: str, count: int) -> list[str]:
    ids = [f"{user_id}-{number}" for number in range(count)]
    for job_id in ids:
        world.clock.advance(SECOND / 1000)
        world.jobs.add(a_job(job_id, user_id, submitted_at=world.clock.now()))
    return ids


def _begin(world: MemoryWorld, *job_ids: str) -> None:
    for job_id in job_ids:
        job = world.jobs.get(job_id)
        world.jobs.move(job, job.claim(world.clock.now(), LEASE, "w"))


def _look(view: QueueView) -> Snapshot:
    seen = view.look()
    assert seen is not None
    return seen


def test_users_are_reckoned_to_take_turns(world: MemoryWorld) -> None:
    many = _wait(world, "ada", 50)
    few = _wait(world, "bob", 2)
    seen = _look(QueueView(world.jobs, world.clock))
    assert seen.ahead_of(few[0]) == 1
    assert seen.ahead_of(few[1]) == 3
    assert seen.ahead_of(many[0]) == 1
    assert seen.ahead_of(many[49]) == 51
    assert seen.ahead_of("nobody") is None


def test_the_wait_is_told_by_the_pace_that_was_seen(world: MemoryWorld) -> None:
    ids = _wait(world, "ada", 30)
    view = QueueView(world.jobs, world.clock)
    assert _look(view).wait_of(ids[29]) is None
    for first in (0, 5):
        _begin(world, *ids[first : first + 5])
        world.clock.advance(timedelta(seconds=10))
        seen = _look(view)
    assert seen.pace == pytest.approx(0.5)
    assert seen.wait_of(ids[10]) == timedelta(seconds=2)
    assert seen.wait_of(ids[29]) == timedelta(seconds=40)
    assert seen.wait_of(ids[0]) is None


def test_looks_far_apart_and_times_long_ago_say_nothing_of_the_pace(world: MemoryWorld) -> None:
    ids = _wait(world, "ada", 30)
    view = QueueView(world.jobs, world.clock)
    _look(view)
    _begin(world, *ids[:5])
    world.clock.advance(timedelta(seconds=31))
    assert _look(view).pace is None
    _begin(world, *ids[5:10])
    world.clock.advance(timedelta(seconds=10))
    assert _look(view).pace == pytest.approx(0.5)
    world.clock.advance(timedelta(minutes=11))
    assert _look(view).pace is None


def test_nobody_at_work_is_said_after_a_while_and_taken_back(world: MemoryWorld) -> None:
    ids = _wait(world, "ada", 3)
    view = QueueView(world.jobs, world.clock)
    assert not _look(view).is_silent
    world.clock.advance(SILENCE)
    assert _look(view).is_silent
    _begin(world, ids[0])
    world.clock.advance(4 * SECOND)
    assert not _look(view).is_silent
    world.clock.advance(LEASE)
    assert not _look(view).is_silent
    world.clock.advance(SILENCE)
    assert _look(view).is_silent
    assert world.jobs.get(ids[1]).status is Status.PENDING


def test_an_empty_queue_is_not_silent(world: MemoryWorld) -> None:
    view = QueueView(world.jobs, world.clock)
    for _ in range(3):
        assert not _look(view).is_silent
        world.clock.advance(SILENCE)


def test_a_queue_too_long_to_be_counted_has_no_pace(world: MemoryWorld) -> None:
    ids = _wait(world, "ada", COUNTED + 5)
    view = QueueView(world.jobs, world.clock)
    _look(view)
    _begin(world, *ids[:5])
    world.clock.advance(10 * SECOND)
    seen = _look(view)
    assert seen.cut
    assert seen.pace is None
