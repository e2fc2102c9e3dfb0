"""The annotator as a real process, embedded: stopped, killed, and woken too late."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gas import wiring
from gas.config import Settings, environment
from gas.domain import names
from gas.domain.job import Input, Job, Status
from gas.domain.message import Kind, Message, Queue
from gas.relay import relay
from tests.support.annotating import REQUIRED

ROOT = Path(__file__).parents[2]
SLOW, QUICK = "tests.support.fake_engine", "tests.support.quick_engine"
LEASE_SECONDS = 3


class Bench:
    """A home on disk, a submitted slow job, and annotators started on it."""

    def __init__(self, home: Path) -> None:
        self.env = REQUIRED | {
            "GAS_HOME": str(home),
            "DATABASE_URL": f"sqlite:///{home / 'accounts.db'}",
            "GAS_LEASE_SECONDS": str(LEASE_SECONDS),
            "GAS_HEARTBEAT_SECONDS": "0.5",
            "GAS_POLL_SECONDS": "0.2",
            "GAS_ANNOTATOR_SLOTS": "1",
        }
        home.mkdir()
        self.home = home
        self.settings = Settings.from_env(self.env)
        self.outside = wiring.connect(self.settings)
        self.outside.accounts.save_login("ada", name="Ada", email="a@example.org", institution="")
        self.job_id = str(uuid.uuid4())

    def submit(self) -> None:
        source = self.home / "input"
        source.write_text("slowly\n")
        key = names.input_key("gas", "ada", self.job_id, "sample.vcf")
        inputs = self.outside.inputs
        info = inputs.upload(source, key, content_type="text/plain", file_name="sample.vcf")
        frozen = Input(
            bucket=inputs.bucket,
            key=key,
            size=info.size,
            etag=info.etag,
            version_id=info.version_id,
        )
        job = Job(
            job_id=self.job_id,
            user_id="ada",
            input_file_name="sample.vcf",
            input=frozen,
            submitted_at=self.outside.clock.now(),
        )
        message = Message(kind=Kind.JOB_REQUESTED, job_id=self.job_id, user_id="ada")
        self.outside.jobs.add(job, message)
        relay([message], outbox=self.outside.outbox, topics=self.outside.topics)

    def job(self) -> Job:
        return self.outside.jobs.get(self.job_id)

    @contextmanager
    def annotator(self, engine: str, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.annotator_process", engine],
            cwd=ROOT,
            env=environment() | self.env | changes,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(timeout=30)

    def running_child(self, process: subprocess.Popen[bytes]) -> int:
        """The engine child at work, once there is one."""
        self.wait(lambda: self.job().status is Status.RUNNING and _grandchildren(process.pid))
        return _grandchildren(process.pid)[0]

    def wait(self, what: Callable[[], object], seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until, self.job()
            time.sleep(0.02)

    def scratch(self) -> list[Path]:
        return list(self.settings.scratch.iterdir())

    def assert_one_result(self, attempt: int) -> None:
        job = self.job()
        assert (job.status, job.attempt) == (Status.COMPLETED, attempt)
        assert {info.key for info in self.outside.results.keys("gas/")} == job.keys


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "home")
    bench.submit()
    return bench


@pytest.mark.timeout(180)
def test_two_signals_hand_the_job_back_at_once_and_leave_nothing(bench: Bench) -> None:
    with bench.annotator(SLOW) as process:
        child = bench.running_child(process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    job = bench.job()
    assert job.status is Status.RUNNING
    assert job.leased_until is not None
    assert job.leased_until <= bench.outside.clock.now()
    assert not bench.scratch()
    assert not Path(f"/proc/{child}").exists()
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job().is_terminal)
    bench.assert_one_result(attempt=2)


@pytest.mark.timeout(180)
def test_one_signal_lets_the_run_go_on_for_the_drain_and_then_hands_it_back(bench: Bench) -> None:
    with bench.annotator(SLOW, GAS_DRAIN_SECONDS="0.5") as process:
        bench.running_child(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert bench.job().status is Status.RUNNING
    assert bench.outside.inbox(Queue.ANNOTATE).depth() == 1
    assert not bench.scratch()


@pytest.mark.timeout(180)
def test_one_signal_lets_a_run_finish_that_is_quick_enough(bench: Bench) -> None:
    with bench.annotator(SLOW, GAS_DRAIN_SECONDS="120") as process:
        bench.running_child(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    bench.assert_one_result(attempt=1)
    assert bench.outside.inbox(Queue.ANNOTATE).depth() == 0


@pytest.mark.timeout(180)
def test_a_killed_annotator_leaves_no_process_and_is_followed_by_the_next(bench: Bench) -> None:
    with bench.annotator(SLOW) as process:
        child = bench.running_child(process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
    bench.wait(lambda: not Path(f"/proc/{child}").exists())
    assert bench.scratch()
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job().is_terminal)
        [part] = [path for path in bench.scratch() if path.is_dir()]
        assert not list(part.iterdir())
    bench.assert_one_result(attempt=2)


@pytest.mark.timeout(180)
def test_an_annotator_without_its_fork_server_gives_the_job_back_and_starts_anew(
    bench: Bench,
) -> None:
    with bench.annotator(SLOW) as process:
        bench.running_child(process)
        [server] = _children(process.pid)
        os.kill(server, signal.SIGKILL)
        assert process.wait(timeout=30) == 0
    assert bench.outside.inbox(Queue.ANNOTATE).depth() == 1
    assert not bench.scratch()
    with bench.annotator(QUICK):
        bench.wait(lambda: bench.job().is_terminal)
    bench.assert_one_result(attempt=2)


@pytest.mark.timeout(180)
def test_an_annotator_stopped_beyond_its_lease_wakes_up_and_gives_way(bench: Bench) -> None:
    with bench.annotator(SLOW) as zombie:
        child = bench.running_child(zombie)
        os.kill(zombie.pid, signal.SIGSTOP)
        os.kill(child, signal.SIGSTOP)
        try:
            with bench.annotator(QUICK):
                bench.wait(lambda: bench.job().is_terminal)
        finally:
            os.kill(child, signal.SIGCONT)
            os.kill(zombie.pid, signal.SIGCONT)
        bench.wait(lambda: not Path(f"/proc/{child}").exists())
        zombie.send_signal(signal.SIGTERM)
        assert zombie.wait(timeout=60) == 0
    bench.assert_one_result(attempt=2)
    assert not [path for path in bench.scratch() if path.name.startswith(f"{zombie.pid}-")]


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _grandchildren(pid: int) -> list[int]:
    """The engine children: those of the fork server, which is the annotator's only child."""
    return [child for server in _children(pid) for child in _children(server)]
