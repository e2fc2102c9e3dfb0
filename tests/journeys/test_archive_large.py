"""A result of two gigabytes through the archive and back, each daemon within 100 MB of memory."""

import hashlib
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gas.domain.account import Tier
from gas.domain.job import ObjectKind, Storage
from gas.domain.message import Kind, Message
from gas.domain.names import result_key
from gas.domain.news import plan_changed
from gas.relay import relay
from tests.builders import a_job, an_outcome
from tests.support.deployment import Deployment, deployment

SIZE = 2 * 1024**3
ROOM = 8 * 1024**3
LIMIT_KIB = 100 * 1024
BLOCK = 1024 * 1024
FAST = {
    "GAS_FREE_WINDOW_SECONDS": "2",
    "GAS_POLL_SECONDS": "0.5",
    "GAS_SWEEP_SECONDS": "2",
    "GAS_EXPEDITED_SECONDS": "1",
}


def peak(pid: int) -> int:
    """Largest resident size of the process so far, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise AssertionError("the process has no size")


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_two_gigabytes_go_to_the_archive_and_back_in_little_memory(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path)
    if free.f_bavail * free.f_frsize < ROOM:
        pytest.skip("less than 8 GB are free on this disk")
    with deployment("embedded", tmp_path / "home", FAST) as service:
        user_id = _somebody(service)
        job_id, digest = _large(service, user_id, tmp_path / "body")
        pids = service.stack.pids()
        _until(lambda: service.job(job_id).storage is Storage.ARCHIVED)
        _until(lambda: service.job(job_id).look_at is None)
        account = service.outside.accounts.set_tier(user_id, Tier.PREMIUM)
        service.outside.topics.publish(plan_changed(account))
        _until(lambda: service.job(job_id).storage is Storage.RESTORED)
        for module in ("util.archive", "util.restore", "util.thaw"):
            size = peak(pids[module])
            print(f"{module} {size / 1024:.0f} MB")
            assert size <= LIMIT_KIB, module
        stored = service.job(job_id).annotated[0]
        assert service.outside.results.head(stored.key).size == SIZE
        found = hashlib.sha256()
        for start in range(0, SIZE, 64 * BLOCK):
            found.update(service.outside.results.read(stored.key, start=start, length=64 * BLOCK))
        assert found.hexdigest() == digest


def _somebody(service: Deployment) -> str:
    user_id = str(uuid.uuid4())
    service.outside.accounts.save_login(
        user_id, name="Ada", email="ada@example.org", institution=""
    )
    return user_id


def _large(service: Deployment, user_id: str, source: Path) -> tuple[str, str]:
    job_id, outside = str(uuid.uuid4()), service.outside
    digest = hashlib.sha256()
    with source.open("wb") as file:
        for number in range(SIZE // BLOCK):
            block = number.to_bytes(8, "big") * (BLOCK // 8)
            file.write(block)
            digest.update(block)
    outcome = an_outcome(job_id, user_id)
    stored = outcome.objects[0]
    assert stored.kind is ObjectKind.ANNOTATED_VCF
    key = result_key("gas", user_id, job_id, 1, stored.file_name)
    outside.results.upload(
        source, key, content_type=stored.content_type, file_name=stored.file_name
    )
    source.unlink()
    now = outside.clock.now()
    outcome = replace(
        outcome,
        results_bucket=outside.results.bucket,
        objects=(replace(stored, key=key, size=SIZE, sha256=digest.hexdigest()),),
    )
    running = a_job(job_id, user_id, submitted_at=now).claim(now, timedelta(minutes=1), "w")
    told = Message(kind=Kind.JOB_COMPLETED, job_id=job_id, user_id=user_id)
    outside.jobs.add(running.complete(now, 1, outcome), told)
    relay([told], outbox=outside.outbox, topics=outside.topics)
    return job_id, digest.hexdigest()


def _until(look: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)
