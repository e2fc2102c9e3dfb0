"""Several processes on one home: nothing is lost, nothing is doubled, nobody waits for a poll."""

import random
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from gas.adapters.clock import SystemClock
from gas.adapters.embedded import EmbeddedPorts, connect_store
from gas.domain.job import Job, Status
from gas.domain.message import Kind, Message, Queue
from gas.relay import relay_pending
from tests.adapters.embedded.children import SHORT_LEASE, add, connect, run_one
from tests.adapters.worlds.embedded import embedded_settings
from tests.builders import a_message

ROOT = Path(__file__).parents[3]
KILLS = 52
AT_ONCE = 4


def _child(what: str, home: Path, name: str, said: Path | None = None) -> subprocess.Popen[bytes]:
    with (said or home / f"{name}.said").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.adapters.embedded.children", what, str(home), name],
            cwd=ROOT,
            stdout=output,
        )


def _said(home: Path, what: str) -> list[str]:
    lines = [line for path in home.glob("*.said") for line in path.read_text().splitlines()]
    return [line.split()[1] for line in lines if line.startswith(f"{what} ")]


def test_four_processes_share_the_jobs_and_run_each_once(tmp_path: Path) -> None:
    ports = connect(tmp_path, **SHORT_LEASE)
    ids = {f"job-{number}" for number in range(60)}
    for job_id in sorted(ids):
        add(ports, job_id)
    children = [_child("claim", tmp_path, f"worker-{number}") for number in range(4)]
    for child in children:
        assert child.wait(60) == 0
    _finish_all(ports, tmp_path)
    assert Counter(_said(tmp_path, "completed")).most_common(1)[0][1] == 1
    assert {job.job_id for job in _jobs(ports)} == ids
    assert all(job.status is Status.COMPLETED for job in _jobs(ports))
    assert _announced(ports) == Counter(ids)


def test_kills_at_any_moment_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = time.time_ns() % 10**6
    chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
    print(f"seed {seed}")
    for first in range(0, KILLS, AT_ONCE):
        children = [
            _child("work", tmp_path, f"child-{number}") for number in range(first, first + AT_ONCE)
        ]
        files = [tmp_path / f"child-{number}.said" for number in range(first, first + AT_ONCE)]
        _until(lambda files=files: any(path.stat().st_size for path in files))
        for child in children:
            time.sleep(chance.uniform(0, 0.06))
            child.kill()
            child.wait()
    ports = connect(tmp_path, **SHORT_LEASE)
    _finish_all(ports, tmp_path)
    added, completed = _said(tmp_path, "added"), _said(tmp_path, "completed")
    jobs = {job.job_id: job for job in _jobs(ports)}
    # A job may have been committed whose child was killed before it said so; never the reverse.
    assert set(added) <= set(jobs)
    print(f"{len(added)} jobs")
    assert len(added) > KILLS // AT_ONCE
    assert all(job.status is Status.COMPLETED for job in jobs.values())
    assert max(Counter(completed).values()) == 1
    assert set(_announced(ports)) == set(jobs)
    mails = [written.mail.mail_id for written in ports.mail_box.list(limit=10**6)]
    assert max(Counter(mails).values()) == 1
    _assert_results(ports, tmp_path, set(jobs))
    path = tmp_path / "service.sqlite3"
    assert apsw.Connection(str(path)).pragma("integrity_check") == "ok"


def _assert_results(ports: EmbeddedPorts, home: Path, ids: set[str]) -> None:
    """Every job's visible result is there and whole, and no other bytes are left after a sweep."""
    connect_store(embedded_settings(home), SystemClock()).store.sweep()
    assert not list((home / "objects/new").iterdir())
    for job_id in ids:
        outcome = ports.jobs.get(job_id).outcome
        assert outcome
        assert ports.results.read(outcome.objects[0].key, length=100) == job_id.encode()
    bodies = [path for path in (home / "objects/gas-results").rglob("*") if path.is_file()]
    assert len(bodies) == len(list(ports.results.keys("")))


def _finish_all(ports: EmbeddedPorts, home: Path) -> None:
    """What the sweeper and the annotators do after a crash."""
    hour = timedelta(hours=1)
    relay_pending(SystemClock().now() + hour, outbox=ports.outbox, topics=ports.topics)
    while ports.inbox(Queue.ANNOTATE).depth():
        run_one(ports, "last", home)
    relay_pending(SystemClock().now() + hour, outbox=ports.outbox, topics=ports.topics)


def _jobs(ports: EmbeddedPorts) -> list[Job]:
    return list(ports.jobs.of_user("ada", limit=10**6).jobs)


def _announced(ports: EmbeddedPorts) -> Counter[str]:
    """How often each job's completion waits for the notifier."""
    bodies = [body for body, _ in ports.inbox(Queue.NOTIFY).listed()]
    return Counter(Message.from_json(body).job_id for body in bodies)


@pytest.mark.parametrize("depth", [1, 20])
def test_a_waiting_process_hears_of_a_message_at_once_however_deep_its_home(
    tmp_path: Path, depth: int
) -> None:
    home = tmp_path.joinpath(*["folder"] * depth)
    ports = connect(home)
    said = tmp_path / "said"
    child = _child("wait", home, Queue.NOTIFY.value, said)
    _until(lambda: any((home / "bells").glob("notify.*")))
    # A message of another queue wakes nobody here; this one must, for the child looks for itself
    # only every ten minutes.
    ports.topics.publish(a_message())
    ports.topics.publish(a_message(kind=Kind.JOB_COMPLETED))
    assert child.wait(60) == 0
    assert Message.from_json(said.read_text()) == a_message(kind=Kind.JOB_COMPLETED)
    assert not any((home / "bells").glob("notify.*"))


def test_the_bell_of_a_killed_process_is_taken_down(tmp_path: Path) -> None:
    ports = connect(tmp_path)
    child = _child("wait", tmp_path, Queue.ANNOTATE.value)
    _until(lambda: any((tmp_path / "bells").glob("annotate.*")))
    child.kill()
    child.wait()
    ports.topics.publish(a_message())
    assert not any((tmp_path / "bells").iterdir())


def _until(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)
