"""The heartbeat: lease and message renewed together, or the run is lost."""

import threading
from datetime import timedelta

import pytest

from ann.heartbeat import Heartbeat
from gas.adapters.memory import MemoryWorld
from gas.domain.errors import OutageError
from gas.domain.job import Job
from gas.domain.message import Queue
from gas.ports import Delivery
from tests.builders import LEASE, a_job, a_message

MINUTE = timedelta(minutes=1)


class Run:
    def __init__(self, every: timedelta = MINUTE) -> None:
        self.world = MemoryWorld()
        self.inbox = self.world.inbox(Queue.ANNOTATE)
        self.world.topics.publish(a_message())
        self.delivery: Delivery = self.inbox.receive()[0]
        self.job: Job = a_job().claim(self.world.clock.now(), LEASE, "me")
        self.world.jobs.add(self.job)
        self.heartbeat = Heartbeat(
            self.job,
            self.delivery,
            jobs=self.world.jobs,
            inbox=self.inbox,
            clock=self.world.clock,
            lease=LEASE,
            every=every,
        )


def test_each_beat_renews_lease_and_message_for_one_lease_from_now() -> None:
    run = Run()
    for _ in range(100):
        run.world.clock.advance(MINUTE)
        run.heartbeat.beat()
    now = run.world.clock.now()
    assert run.world.jobs.get("job-1").leased_until == now + LEASE
    assert not run.inbox.receive()
    assert not run.heartbeat.lost
    run.world.clock.advance(LEASE)
    assert run.inbox.receive()


def test_a_beat_does_not_touch_the_version() -> None:
    run = Run()
    run.heartbeat.beat()
    assert run.world.jobs.get("job-1").version == run.job.version


def test_a_run_whose_job_was_claimed_by_another_is_lost() -> None:
    run = Run()
    run.world.clock.advance(2 * LEASE)
    other = run.world.jobs.get("job-1").claim(run.world.clock.now(), LEASE, "other")
    run.world.jobs.move(run.job, other)
    run.heartbeat.beat()
    assert run.heartbeat.lost
    assert run.world.jobs.get("job-1") == other


@pytest.mark.parametrize("end", ["cancelled", "deleted"])
def test_a_run_whose_job_is_over_is_lost(end: str) -> None:
    run = Run()
    if end == "cancelled":
        run.world.jobs.move(run.job, run.job.cancel(run.world.clock.now()))
    else:
        run.world.jobs.delete(run.job)
    run.heartbeat.beat()
    assert run.heartbeat.lost


def test_a_run_whose_message_went_to_another_is_lost() -> None:
    run = Run()
    run.world.clock.advance(2 * LEASE)
    assert run.inbox.receive()
    run.heartbeat.beat()
    assert run.heartbeat.lost


def test_an_outage_shorter_than_the_lease_is_borne(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run()

    def away(_job: Job, _until: object) -> None:
        raise OutageError("no table")

    with monkeypatch.context() as patch:
        patch.setattr(run.world.jobs, "renew", away)
        run.world.clock.advance(LEASE - timedelta(seconds=1))
        run.heartbeat.beat()
    assert not run.heartbeat.lost
    run.heartbeat.beat()
    assert run.world.jobs.get("job-1").leased_until == run.world.clock.now() + LEASE


def test_an_outage_as_long_as_the_lease_loses_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run()

    def away(_job: Job, _until: object) -> None:
        raise OutageError("no table")

    monkeypatch.setattr(run.world.jobs, "renew", away)
    run.world.clock.advance(LEASE)
    run.heartbeat.beat()
    assert run.heartbeat.lost


def test_it_beats_by_itself_until_the_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(every=timedelta(milliseconds=1))
    beaten = threading.Semaphore(0)
    renew = run.world.jobs.renew

    def counted(*arguments: object) -> None:
        renew(*arguments)  # type: ignore[arg-type]
        beaten.release()

    monkeypatch.setattr(run.world.jobs, "renew", counted)
    with run.heartbeat:
        for _ in range(3):
            assert beaten.acquire(timeout=30)
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_it_stops_beating_once_the_run_is_lost() -> None:
    run = Run(every=timedelta(milliseconds=1))
    run.world.jobs.move(run.job, run.job.cancel(run.world.clock.now()))
    with run.heartbeat:
        run.heartbeat._thread.join(timeout=30)
        assert not run.heartbeat._thread.is_alive()
    assert run.heartbeat.lost


def test_a_heartbeat_that_fails_loses_the_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 16: a run without a heartbeat must not go on beyond its lease."""
    run = Run(every=timedelta(milliseconds=1))

    def bug(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(run.world.jobs, "renew", bug)
    with run.heartbeat:
        run.heartbeat._thread.join(timeout=30)
    assert run.heartbeat.lost
