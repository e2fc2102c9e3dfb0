"""How long the queue is, seen by many pages and asked of the store seldom."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from gas.domain.job import Status
from gas.ports import Clock, Jobs

FRESH = timedelta(seconds=3)
COUNTED = 1000
"""Jobs looked at; a longer queue is shown as "more than"."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The unfinished jobs at one moment: who waits, oldest first, and how many run."""

    taken_at: datetime
    waiting: tuple[str, ...]
    running: int
    cut: bool

    def ahead_of(self, job_id: str) -> int | None:
        """How many jobs are before this one; None where it does not wait (or too far back)."""
        return self.waiting.index(job_id) if job_id in self.waiting else None


class QueueView:
    """The queue as of a few seconds ago at most."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock
        self._lock = threading.Lock()
        self._last: Snapshot | None = None

    def now(self) -> Snapshot:
        """The queue; one thread asks the store, the others wait for its answer."""
        with self._lock:
            now = self._clock.now()
            if self._last is None or now - self._last.taken_at >= FRESH:
                self._last = self._take(now)
            return self._last

    def _take(self, now: datetime) -> Snapshot:
        waiting: list[str] = []
        running = 0
        cut = False
        for number, job in enumerate(self._jobs.unfinished()):
            if number == COUNTED:
                cut = True
                break
            if job.status is Status.PENDING:
                waiting.append(job.job_id)
            else:
                running += 1
        return Snapshot(taken_at=now, waiting=tuple(waiting), running=running, cut=cut)
