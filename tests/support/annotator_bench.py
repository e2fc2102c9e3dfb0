"""A deployment with one submitted job and annotators as real processes, on either backend."""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gas import wiring
from gas.config import Settings, environment
from gas.domain import names
from gas.domain.job import Input, Job, Status
from gas.domain.message import Kind, Message
from gas.relay import relay
from tests.support.annotating import REQUIRED

ROOT = Path(__file__).parents[2]
SLOW, QUICK = "tests.support.fake_engine", "tests.support.quick_engine"
LEASE_SECONDS = 3


class Bench:
    """A home on disk, a submitted slow job, and annotators started on it.

    `changes` are settings; with those of an emulator the job lies there.
    """

    def __init__(self, home: Path, changes: Mapping[str, str] | None = None) -> None:
        self.env = REQUIRED | {
            "GAS_HOME": str(home),
            "DATABASE_URL": f"sqlite:///{home / 'accounts.db'}",
            "GAS_LEASE_SECONDS": str(LEASE_SECONDS),
            "GAS_HEARTBEAT_SECONDS": "0.5",
            "GAS_POLL_SECONDS": "0.2",
            "GAS_ANNOTATOR_SLOTS": "1",
            **(changes or {}),
        }
        home.mkdir()
        self.home = home
        self.settings = Settings.from_env(self.env)
        self.outside = wiring.connect(self.settings)
        for user_id in ("ada", "bob"):
            self.outside.accounts.save_login(
                user_id, name=user_id, email=f"{user_id}@example.org", institution=""
            )
        self.job_id = str(uuid.uuid4())

    def run(self, *words: str) -> None:
        """One program of ours, to its end."""
        command = [sys.executable, "-m", *words]
        env = environment() | self.env
        subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=120)

    def submit(self, order: str = "slowly") -> None:
        """The bench's own job, whose input's first line tells the engine what to do."""
        self._add(self.job_id, "ada", self._frozen("ada", self.job_id, order))

    def submit_many(self, user_id: str, count: int) -> list[str]:
        """That many jobs of one user on one input; their ids, oldest first."""
        frozen = self._frozen(user_id, str(uuid.uuid4()), "say 3 0")
        job_ids = [str(uuid.uuid4()) for _ in range(count)]
        for job_id in job_ids:
            self._add(job_id, user_id, frozen)
        return job_ids

    def _frozen(self, user_id: str, job_id: str, order: str) -> Input:
        source = self.home / "input"
        source.write_text(f"{order}\n")
        key = names.input_key("gas", user_id, job_id, "sample.vcf")
        inputs = self.outside.inputs
        info = inputs.upload(source, key, content_type="text/plain", file_name="sample.vcf")
        return Input(
            bucket=inputs.bucket,
            key=key,
            size=info.size,
            etag=info.etag,
            version_id=info.version_id,
        )

    def _add(self, job_id: str, user_id: str, frozen: Input) -> None:
        job = Job(
            job_id=job_id,
            user_id=user_id,
            input_file_name="sample.vcf",
            input=frozen,
            submitted_at=self.outside.clock.now(),
        )
        message = Message(kind=Kind.JOB_REQUESTED, job_id=job_id, user_id=user_id)
        self.outside.jobs.add(job, message)
        relay([message], outbox=self.outside.outbox, topics=self.outside.topics)

    def job(self, job_id: str = "") -> Job:
        return self.outside.jobs.get(job_id or self.job_id)

    @contextmanager
    def annotator(self, *words: str, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.annotator_process", *words],
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
        self.wait(lambda: self.job().status is Status.RUNNING and grandchildren(process.pid))
        return grandchildren(process.pid)[0]

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


def children_of(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def grandchildren(pid: int) -> list[int]:
    """The engine children: those of the fork server, which is the annotator's only child."""
    return [child for server in children_of(pid) for child in children_of(server)]
