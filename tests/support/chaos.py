"""Killing our own processes at random while people submit jobs, and judging what is left.

Only processes of the service are touched, by their pid; the emulator never.  Every run is bounded.
"""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import requests

from gas.domain.job import Job, ObjectKind, Status
from gas.domain.message import Queue
from tests.support.deployment import Deployment, SentMail
from util.announce import is_ready
from util.visitor import VisitError, Visitor

DOORS = frozenset({"web", "web.store", "web.standin"})
"""Nobody can submit while one of these is down."""

STANDS_UP_WITHIN = 30.0

PATIENT = (requests.RequestException, VisitError)


@dataclass
class Killer:
    """Sends a random process of the service a random end, again and again."""

    service: Deployment
    seed: int
    pause: float = 1.0
    signals: Sequence[signal.Signals] = (signal.SIGKILL,)
    freeze: float = 0.0
    spared: frozenset[str] = frozenset({"util.announce"})
    blows: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - chance that can be repeated
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def keep_on(self, blows: int, seconds: float) -> None:
        """Return once that many blows have fallen."""
        end = time.monotonic() + seconds
        while self.blows.total() < blows:
            assert time.monotonic() < end, f"only {self.blows.total()} blows fell"
            time.sleep(0.1)

    def _go_on(self) -> None:
        while not self._over.wait(self.pause * self._chance.uniform(0.5, 1.5)):
            alive = sorted(set(self.service.stack.pids()) - self.spared)
            if not alive:
                continue
            module, how = self._chance.choice(alive), self._chance.choice(self.signals)
            if self.service.stack.kill(module, how):
                self.blows[f"{module} {how.name}"] += 1
                if module in DOORS:
                    self._let_it_stand_up()
                if how is signal.SIGSTOP:
                    self._over.wait(self.freeze)
                    self.service.stack.kill(module, signal.SIGCONT)

    def _let_it_stand_up(self) -> None:
        """On a slow machine a blow a second would keep the web down for good."""
        end = time.monotonic() + STANDS_UP_WITHIN
        while not is_ready(self.service.url) and time.monotonic() < end:
            if self._over.wait(0.1):
                return


def insist(action: Callable[[], str], seconds: float = 300) -> str:
    """What the action returns once the service is there to do it."""
    end = time.monotonic() + seconds
    while True:
        try:
            return action()
        except PATIENT:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def submit_many(
    service: Deployment, path: Path, count: int, *, clients: int = 4, pause: float = 0.0
) -> list[str]:
    """Submit that many jobs from several people at once, each submit as often as it takes.

    Each person rests for `pause` seconds between two jobs.
    """
    found: list[str] = []
    lock = threading.Lock()

    def go(number: int) -> None:
        visitor = Visitor(service.url, name=f"Person{number} Example")
        for _ in range(number, count, clients):
            job_id = insist(lambda: _one_job(visitor, path))
            with lock:
                found.append(job_id)
            time.sleep(pause)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _one_job(visitor: Visitor, path: Path) -> str:
    """One job for sure: the permission names it, and a repeated submit is the same job."""
    visitor.sign_in()
    permission = visitor.permit(path.name, path.stat().st_size)
    if not permission.ok:
        raise VisitError(f"no permission: {permission.status_code}")
    insist(lambda: _uploaded(visitor, permission, path))
    upload_id = str(permission.json()["upload_id"])
    return insist(lambda: _handed_in(visitor, upload_id))


def _uploaded(visitor: Visitor, permission: requests.Response, path: Path) -> str:
    answer = visitor.upload(permission, path.read_bytes())
    if not answer.ok:
        raise VisitError(f"the store answered {answer.status_code}")
    return "done"


def _handed_in(visitor: Visitor, upload_id: str) -> str:
    try:
        return visitor.hand_in(upload_id)
    except PATIENT:
        visitor.sign_in()
        raise


def wait_for_all(service: Deployment, job_ids: Sequence[str], seconds: float) -> list[Job]:
    """Every job once it has ended."""
    end = time.monotonic() + seconds
    while True:
        jobs = [service.job(job_id) for job_id in job_ids]
        waiting = [job for job in jobs if not job.is_terminal]
        if not waiting:
            return jobs
        assert time.monotonic() < end, (
            f"{len(waiting)} of {len(jobs)} jobs never ended: "
            f"{[(job.job_id, job.status.value, job.attempt) for job in waiting[:5]]}\n"
            f"{service.stack.logs(15)}"
        )
        time.sleep(0.2)


def judge(service: Deployment, jobs: Sequence[Job], *, seconds: float) -> dict[str, int]:
    """The invariants after a fault run; returns what was counted."""
    completed = [job for job in jobs if job.status is Status.COMPLETED]
    assert len(completed) == len(jobs), Counter(
        (job.status.value, job.failure.code if job.failure else "") for job in jobs
    )
    assert len({job.job_id for job in jobs}) == len(jobs)
    prints = {_fingerprint(job) for job in jobs}
    assert len(prints) == 1, "the same input gave different results"
    mails = _mails_of(service, jobs, seconds)
    repeated = [mail for mail in mails.values() if len(mail) > 1]
    for letters in repeated:
        assert all("again" in letter.text.lower() for letter in letters[1:]), letters[0].mail_id
    visible = {stored.key for job in jobs if job.outcome for stored in job.outcome.objects}
    held = service.result_keys()
    assert visible <= held, "a visible result has no object"
    return {
        "jobs": len(jobs),
        "attempts": sum(job.attempt for job in jobs),
        "mails": sum(len(letters) for letters in mails.values()),
        "orphans": len(held - visible),
    }


def wait_until_empty(service: Deployment, seconds: float) -> None:
    """Until no queue holds a message that is due and no dead letter lies anywhere.

    What waits to be archived waits, as it should, for the end of its owner's window.
    """
    end = time.monotonic() + seconds
    due = [queue for queue in Queue if queue is not Queue.ARCHIVE]
    while any(service.outside.inbox(queue).depth() for queue in due):
        assert time.monotonic() < end, "the queues never ran empty"
        time.sleep(0.2)
    assert not [queue for queue in Queue if service.outside.dead_inbox(queue).depth()]


def _fingerprint(job: Job) -> tuple[str, ...]:
    kinds = (ObjectKind.ANNOTATED_VCF, ObjectKind.INDEX, ObjectKind.TSV)
    return tuple(stored.sha256 for kind in kinds if (stored := job.object_of(kind)) is not None)


def _mails_of(
    service: Deployment, jobs: Sequence[Job], seconds: float
) -> dict[str, list[SentMail]]:
    end = time.monotonic() + seconds
    while True:
        found: dict[str, list[SentMail]] = {job.job_id: [] for job in jobs}
        for mail in service.mails():
            for job_id, letters in found.items():
                if job_id in mail.text:
                    letters.append(mail)
        missing = [job_id for job_id, mails in found.items() if not mails]
        if not missing:
            return found
        assert time.monotonic() < end, f"{len(missing)} jobs have no mail: {missing[:5]}"
        time.sleep(0.5)
