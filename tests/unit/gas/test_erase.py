"""Removing a job: everything goes, whatever it is doing and wherever the remover dies."""

from collections.abc import Callable
from typing import Any

import pytest

from gas.adapters.memory import MemoryWorld
from gas.domain.errors import JobNotFoundError, StaleJobError
from gas.domain.job import Job
from gas.erase import Eraser
from tests.builders import LEASE, NOW, a_completed_job, a_job


class DeadError(Exception):
    """The process is gone."""


def _eraser(world: MemoryWorld) -> Eraser:
    return Eraser(
        jobs=world.jobs,
        inputs=world.inputs,
        results=world.results,
        archives=world.archives,
        clock=world.clock,
        key_prefix="gas",
    )


def _stored(world: MemoryWorld, job: Job) -> Job:
    world.jobs.add(job)
    world.inputs.put(job.input.key, b"input")
    for stored in job.objects:
        world.results.put(stored.key, b"0123456789")
    return job


def _nothing_is_left(world: MemoryWorld) -> bool:
    return not (world.jobs.rows or world.inputs.objects or world.results.objects)


def test_a_finished_job_goes_with_its_input_and_every_attempts_objects() -> None:
    world = MemoryWorld()
    job = _stored(world, a_completed_job())
    world.results.put("gas/ada/job-1~7~of-a-lost-run.log", b"x")
    kept = _stored(world, a_completed_job("job-10"))
    _eraser(world).erase(job)
    assert set(world.jobs.rows) == {"job-10"}
    assert set(world.inputs.objects) == {kept.input.key}
    assert set(world.results.objects) == kept.keys


@pytest.mark.parametrize("job", [a_job(), a_job().claim(NOW, LEASE, "worker-1")])
def test_a_job_that_waits_or_runs_is_stopped_first(job: Job) -> None:
    world = MemoryWorld()
    _eraser(world).erase(_stored(world, job))
    assert _nothing_is_left(world)
    with pytest.raises(JobNotFoundError):
        world.jobs.get(job.job_id)


def test_removing_what_is_gone_is_no_error() -> None:
    _eraser(MemoryWorld()).erase(a_job())


PORTS = ("jobs.move", "inputs.delete", "results.delete", "jobs.delete")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("effect", PORTS)
def test_asking_again_goes_on_wherever_the_first_one_died(
    monkeypatch: pytest.MonkeyPatch, effect: str, *, after: bool
) -> None:
    world = MemoryWorld()
    running = _stored(world, a_job().claim(NOW, LEASE, "worker-1"))
    world.results.put("gas/ada/job-1~1~sample.count.log", b"x")
    port, method = effect.split(".")
    real: Callable[..., Any] = getattr(getattr(world, port), method)

    def die(*arguments: Any) -> None:
        if after:
            real(*arguments)
        raise DeadError

    with monkeypatch.context() as patch:
        patch.setattr(getattr(world, port), method, die)
        with pytest.raises(DeadError):
            _eraser(world).erase(running)
    assert effect == "jobs.delete" or running.job_id in world.jobs.rows, "nothing to ask again of"
    _eraser(world).erase(running)
    assert _nothing_is_left(world)


def test_a_job_that_moves_meanwhile_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = MemoryWorld()
    job = _stored(world, a_job())
    real, met = world.jobs.move, []

    def move(before: Job, after: Job) -> None:
        if not met:
            met.append(1)
            real(before, before.claim(NOW, LEASE, "worker-1"))
        real(before, after)

    monkeypatch.setattr(world.jobs, "move", move)
    _eraser(world).erase(job)
    assert _nothing_is_left(world)


def test_a_job_that_never_stands_still_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    world = MemoryWorld()
    job = _stored(world, a_job())

    def move(_before: Job, _after: Job) -> None:
        raise StaleJobError("again")

    monkeypatch.setattr(world.jobs, "move", move)
    with pytest.raises(StaleJobError):
        _eraser(world).erase(job)
