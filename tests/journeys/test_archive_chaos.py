"""Results of people who cannot make up their minds, while every process is killed at random.

The stack is the embedded one.  A watcher samples what must hold at every moment: no byte of a
result is in zero places (I4), no Premium owner's result rests in the archive (I5), and no Free
owner gets a result after its window (I6).
"""

import hashlib
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Self

import pytest
import requests

from gas.domain.account import Tier
from gas.domain.errors import ObjectNotFoundError, TemporaryError
from gas.domain.job import Job, Storage
from gas.domain.message import Kind, Message, Queue
from gas.domain.names import result_key
from gas.domain.news import plan_changed
from gas.relay import relay
from tests.builders import a_job, an_outcome
from tests.support.chaos import Killer
from tests.support.deployment import Deployment, deployment
from util.visitor import VisitError, Visitor

JOBS, PEOPLE = 200, 20
MINUTES = 2.0
FAST = {
    "GAS_FREE_WINDOW_SECONDS": "5",
    "GAS_LEASE_SECONDS": "4",
    "GAS_HEARTBEAT_SECONDS": "1",
    "GAS_SWEEP_SECONDS": "1",
    "GAS_POLL_SECONDS": "0.5",
    "GAS_RETRIEVAL_POLL_SECONDS": "3",
    "GAS_ARCHIVE_LEASE_SECONDS": "4",
    "GAS_EXPEDITED_SECONDS": "2",
    "GAS_STANDARD_SECONDS": "4",
    "GAS_RETRIEVAL_KEPT_SECONDS": "20",
    "GAS_MAX_RECEIVES": "100",
}


@dataclass
class Watcher:
    """Samples the invariants until the block ends; what it saw broken is in `broken`."""

    service: Deployment
    job_ids: list[str]
    people: list[Visitor]
    seed: int
    broken: list[str] = field(default_factory=list)
    looks: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - chance that can be repeated
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(look,)) for look in self._all()]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _all(self) -> tuple[Callable[[str], None], ...]:
        return (self._is_somewhere, self._is_locked)

    def _go_on(self, look: Callable[[str], None]) -> None:
        while not self._over.wait(0.02):
            try:
                look(self._chance.choice(self.job_ids))
            except (TemporaryError, requests.RequestException, VisitError):
                continue
            self.looks[look.__name__] += 1

    def _is_somewhere(self, job_id: str) -> None:
        for _ in range(5):
            before = self.service.job(job_id)
            missing = [stored for stored in before.annotated if not self._has(stored.key, before)]
            # What moved between record and store is looked at again.
            if not missing or self.service.job(job_id).version != before.version:
                continue
            self.broken.append(f"I4 {job_id} {before.storage}: {missing[0].kind} is nowhere")
            return

    def _has(self, key: str, job: Job) -> bool:
        try:
            self.service.outside.results.head(key)
        except ObjectNotFoundError:
            folder = self.service.settings.home / "archive"
            return any(
                (folder / stored.archive_id).is_file()
                for stored in job.annotated
                if stored.key == key and stored.archive_id
            )
        return True

    def _is_locked(self, job_id: str) -> None:
        job = self.service.job(job_id)
        visitor = self.people[int(job.note)]
        plan, clock = self.service.settings.plan, self.service.outside.clock
        account = self.service.outside.accounts.get(job.user_id)
        is_over = not plan.may_download(job, account, clock.now() - timedelta(seconds=0.1))
        path = f"{visitor.url}/annotations/{job_id}/files/annotated_vcf"
        answer = visitor.http.get(path, timeout=20, allow_redirects=False)
        after = self.service.outside.accounts.get(job.user_id)
        later = self.service.job(job_id)
        if (after, later.restored_at) != (account, job.restored_at):
            return
        if is_over and answer.status_code == requests.codes.found:
            self.broken.append(f"I6 {job_id} {job.storage}: a link after the window")


def finished(service: Deployment, user_id: str, number: int) -> str:
    """A finished job, as an annotator leaves it."""
    job_id, outside = str(uuid.uuid4()), service.outside
    now, objects = outside.clock.now(), []
    source = service.settings.home / f"body-{number}"
    for stored in an_outcome(job_id, user_id).objects:
        body = f"{stored.kind} of {job_id}\n".encode() * (1 + number * 50)
        source.write_bytes(body)
        key = result_key("gas", user_id, job_id, 1, stored.file_name)
        outside.results.upload(
            source, key, content_type=stored.content_type, file_name=stored.file_name
        )
        digest = hashlib.sha256(body).hexdigest()
        objects.append(replace(stored, key=key, size=len(body), sha256=digest))
    source.unlink()
    outcome = replace(
        an_outcome(job_id, user_id), results_bucket=outside.results.bucket, objects=tuple(objects)
    )
    running = a_job(job_id, user_id, submitted_at=now, note=str(number)).claim(
        now, timedelta(minutes=1), "w"
    )
    done = running.complete(now, 1, outcome)
    told = Message(kind=Kind.JOB_COMPLETED, job_id=job_id, user_id=user_id)
    outside.jobs.add(done, told)
    relay([told], outbox=outside.outbox, topics=outside.topics)
    return job_id


def change(service: Deployment, user_id: str, tier: Tier, *, announce: bool) -> None:
    account = service.outside.accounts.set_tier(user_id, tier)
    if announce:
        service.outside.topics.publish(plan_changed(account))


def settle(service: Deployment, job_ids: list[str], wanted: set[Storage], seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        jobs = [service.job(job_id) for job_id in job_ids]
        left = [job for job in jobs if job.storage not in wanted or job.look_at is not None]
        if not left:
            return
        assert time.monotonic() < end, (
            f"{len(left)} of {len(jobs)} are not where they belong: "
            f"{Counter(str(job.storage) for job in left)}\n{service.stack.logs(10)}"
        )
        time.sleep(0.5)


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_the_archive_holds_while_people_waver_and_processes_die(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - chance that can be repeated
    with deployment("embedded", tmp_path / "home", FAST) as service:
        people = [service.visitor(f"Person{number} Example") for number in range(PEOPLE)]
        user_ids = [_user_id(service, visitor) for visitor in people]
        job_ids = []
        for number in range(JOBS):
            person = number % PEOPLE
            job_ids.append(finished(service, user_ids[person], person))
        with Watcher(service, job_ids, people, seed) as watcher, Killer(service, seed) as killer:
            end = time.monotonic() + MINUTES * 60
            while time.monotonic() < end:
                tier = chance.choice(list(Tier))
                change(service, chance.choice(user_ids), tier, announce=chance.random() < 0.8)
                time.sleep(chance.uniform(0, 0.5))
        for user_id in user_ids:
            change(service, user_id, Tier.FREE, announce=True)
        settle(service, job_ids, {Storage.ARCHIVED}, 240)
        for user_id in user_ids:
            change(service, user_id, Tier.PREMIUM, announce=True)
        settle(service, job_ids, {Storage.AVAILABLE, Storage.RESTORED}, 240)
        print(f"looks {dict(watcher.looks)} blows {dict(killer.blows)}")
        assert not watcher.broken
        assert min(watcher.looks.values()) > 100
        for job_id in job_ids:
            for stored in service.job(job_id).annotated:
                body = service.outside.results.read(stored.key, length=stored.size + 1)
                assert hashlib.sha256(body).hexdigest() == stored.sha256
        assert not any(service.outside.dead_inbox(queue).depth() for queue in Queue)
        in_archive = list((service.settings.home / "archive").iterdir())
        print(f"orphans left for the sweep in the archive: {len(in_archive)}")


def _user_id(service: Deployment, visitor: Visitor) -> str:
    for cookie in visitor.http.cookies:
        try:
            return service.outside.sessions.get(cookie.value or "").user_id
        except Exception:  # noqa: BLE001, S112 - the other cookies are not the session's
            continue
    raise AssertionError("nobody is signed in")
