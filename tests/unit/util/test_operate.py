"""The operator's commands, over memory; the ports' own contracts carry them to every backend."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from gas.adapters.memory import MemoryWorld
from gas.domain.errors import JobNotFoundError, RefusedError
from gas.domain.message import Kind, Queue
from tests.builders import LEASE, a_completed_job, a_job, a_message
from tests.unit.web.site import outside
from util.operate import Operator, facts

ROOT = Path(__file__).parents[3]


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


def _say(world: MemoryWorld, *words: str) -> Sequence[dict[str, object]]:
    return list(facts(Operator(outside=outside(world)), words))


def _bury(world: MemoryWorld, *bodies: str) -> None:
    for body in bodies:
        world.dead_inbox(Queue.ANNOTATE).put(body)


def test_the_depth_of_every_queue_is_told(world: MemoryWorld) -> None:
    world.topics.publish(a_message())
    _bury(world, "x", "y")
    told = {str(row["queue"]): (row["messages"], row["dead"]) for row in _say(world, "queues")}
    assert told.keys() == {queue.value for queue in Queue}
    assert told["annotate"] == (1, 2)
    assert told["notify"] == (0, 0)


def test_dead_letters_are_listed_once_without_their_text_and_stay(world: MemoryWorld) -> None:
    _bury(world, a_message("job-1").to_json(), "a secret", a_message("job-2").to_json())
    for _ in range(2):
        rows = _say(world, "dead", "annotate")
        assert [row.get("job_id") for row in rows] == ["job-1", None, "job-2"]
        assert [row["readable"] for row in rows] == [True, False, True]
        assert "secret" not in str(rows)
    assert world.dead_inbox(Queue.ANNOTATE).depth() == 3


def test_a_redrive_sends_what_can_be_read_and_no_faster_than_it_may(world: MemoryWorld) -> None:
    _bury(world, *[a_message(f"job-{number}").to_json() for number in range(10)], "unreadable")
    before = world.clock.now()
    rows = _say(world, "redrive", "annotate", "--rate", "2")
    assert [row["done"] for row in rows].count("sent") == 10
    assert world.clock.now() - before == timedelta(seconds=5)
    assert world.inbox(Queue.ANNOTATE).depth() == 10
    assert world.dead_inbox(Queue.ANNOTATE).dead == []
    assert [row["readable"] for row in _say(world, "dead", "annotate")] == [False]
    assert [row["done"] for row in _say(world, "redrive", "annotate")] == ["kept"]
    assert world.inbox(Queue.ANNOTATE).depth() == 10


def test_a_redrive_that_is_broken_off_loses_nothing(world: MemoryWorld) -> None:
    _bury(world, *[a_message(f"job-{number}").to_json() for number in range(3)])
    running = Operator(outside=outside(world)).redrive(Queue.ANNOTATE, rate=1)
    next(running)
    running.close()
    assert world.inbox(Queue.ANNOTATE).depth() == 1
    world.clock.advance(timedelta(hours=1))
    _say(world, "redrive", "annotate")
    assert world.inbox(Queue.ANNOTATE).depth() == 3
    assert not world.dead_inbox(Queue.ANNOTATE).depth()


def test_only_the_letters_of_the_job_that_is_named_are_dropped(world: MemoryWorld) -> None:
    _bury(world, a_message("job-1").to_json(), "unreadable", a_message("job-2").to_json())
    assert len(_say(world, "drop", "annotate", "--job", "job-1")) == 1
    assert not _say(world, "drop", "annotate", "--job", "job-1")
    rows = _say(world, "dead", "annotate")
    assert [row.get("job_id") for row in rows] == [None, "job-2"]


def test_a_jobs_record_is_told_without_its_files_name(world: MemoryWorld) -> None:
    job = a_completed_job(input_file_name="secret.vcf", note="secret")
    world.jobs.add(job)
    [row] = _say(world, "job", job.job_id)
    assert (row["status"], row["attempt"], row["records"]) == ("COMPLETED", 1, 3)
    assert row["objects"] == sorted(job.keys)
    assert "secret" not in str(row)
    with pytest.raises(JobNotFoundError):
        _say(world, "job", "nobody")


def test_a_waiting_job_and_one_whose_run_is_lost_are_asked_for_anew(world: MemoryWorld) -> None:
    waiting = a_job("job-1")
    running = a_job("job-2").claim(world.clock.now(), LEASE, "dead")
    world.jobs.add(waiting)
    world.jobs.add(running)
    _say(world, "requeue", "job-1")
    with pytest.raises(RefusedError, match="dead"):
        _say(world, "requeue", "job-2")
    world.clock.advance(LEASE)
    _say(world, "requeue", "job-2")
    assert [message.job_id for message in world.topics.published] == ["job-1", "job-2"]
    assert {message.kind for message in world.topics.published} == {Kind.JOB_REQUESTED}
    assert not world.jobs.outbox


def test_a_job_that_is_over_is_not_run_again(world: MemoryWorld) -> None:
    world.jobs.add(job := a_completed_job())
    with pytest.raises(RefusedError, match="COMPLETED"):
        _say(world, "requeue", job.job_id)
    assert not world.topics.published


@pytest.mark.parametrize("words", [["dead", "nothing"], ["redrive", "annotate", "--rate", "0"], []])
def test_a_wrong_command_is_explained(world: MemoryWorld, words: list[str]) -> None:
    with pytest.raises(SystemExit):
        _say(world, *words)


def test_the_command_names_missing_settings_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "util.operate", "queues"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("operate: GAS_BASE_URL is not set")
    assert "Traceback" not in done.stderr
