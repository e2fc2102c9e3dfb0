"""How long the queue is, seen by many pages and asked of the store seldom."""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from gas.domain.errors import OutageError
from gas.domain.job import Status
from gas.ports import Clock, Jobs

log = logging.getLogger(__name__)

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
        self._asked_at: datetime | None = None

    def look(self) -> Snapshot | None:
        """The queue; None where the store cannot be asked.

        One thread asks at a time, and no other waits for it: they see what was seen before.
        """
        now = self._clock.now()
        fresh = self._asked_at is not None and now - self._asked_at < FRESH
        if fresh or not self._lock.acquire(blocking=self._asked_at is None):
            return self._last
        try:
            self._last = self._take(now)
        except OutageError:
            log.warning("the queue cannot be seen")
            self._last = None
        finally:
            self._asked_at = now
            self._lock.release()
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
