"""How long the queue is and how fast it moves, seen by many pages and asked of the store seldom.

The pace is measured, not configured: what waited at one look and no longer waits at the next has
begun meanwhile.  Users share the queue in turns, so what is ahead of a job is reckoned in turns.
"""

import logging
import threading
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from gas.domain.errors import OutageError
from gas.domain.job import Status
from gas.ports import Clock, Jobs

log = logging.getLogger(__name__)

FRESH = timedelta(seconds=3)
COUNTED = 1000
"""Jobs looked at; a longer queue is shown as "more than"."""

REMEMBERED = timedelta(minutes=10)
"""How far back the pace is measured."""

LONGEST_GAP = timedelta(seconds=30)
"""Two looks further apart say nothing of the pace: the queue may have been empty in between."""

SILENCE = timedelta(minutes=2)
"""Jobs wait, and for this long nobody was seen to begin or to run one: no worker is there."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The unfinished jobs at one moment.

    Who waits, oldest first, and whose each of them is; how many run; how many jobs begin a second,
    None where that is not known; whether no worker shows itself.
    """

    taken_at: datetime
    waiting: tuple[str, ...]
    users: tuple[str, ...]
    running: int
    cut: bool
    pace: float | None = None
    is_silent: bool = False

    def ahead_of(self, job_id: str) -> int | None:
        """How many jobs begin before this one; None where it does not wait (or too far back)."""
        if job_id not in self.waiting:
            return None
        place = self.waiting.index(job_id)
        own = self.users[:place].count(self.users[place])
        others = Counter(user for user in self.users if user != self.users[place])
        return own + sum(min(jobs, own + 1) for jobs in others.values())

    def wait_of(self, job_id: str) -> timedelta | None:
        """About how long until the job begins, at the measured pace; None where that is unknown."""
        ahead = self.ahead_of(job_id)
        if ahead is None or not self.pace:
            return None
        return timedelta(seconds=(ahead + 1) / self.pace)


@dataclass(frozen=True, kw_only=True)
class _Interval:
    until: datetime
    seconds: float
    begun: int


class QueueView:
    """The queue as of a few seconds ago at most."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock
        self._lock = threading.Lock()
        self._last: Snapshot | None = None
        self._asked_at: datetime | None = None
        self._intervals: deque[_Interval] = deque()
        self._silent_since: datetime | None = None

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
        waiting: dict[str, str] = {}
        running = live = 0
        cut = False
        for number, job in enumerate(self._jobs.unfinished()):
            if number == COUNTED:
                cut = True
                break
            if job.status is Status.PENDING:
                waiting[job.job_id] = job.user_id
            else:
                running += 1
                live += job.leased_until is not None and now < job.leased_until
        begun = self._compare(now, waiting, cut=cut)
        return Snapshot(
            taken_at=now,
            waiting=tuple(waiting),
            users=tuple(waiting.values()),
            running=running,
            cut=cut,
            pace=self._pace(now),
            is_silent=self._listen(now, is_quiet=bool(waiting) and not live and not begun),
        )

    def _compare(self, now: datetime, waiting: dict[str, str], *, cut: bool) -> int:
        """How many jobs have begun since the last look."""
        last = self._last
        if last is None or not last.waiting or cut or last.cut:
            return 0
        begun = sum(job_id not in waiting for job_id in last.waiting)
        gap = now - last.taken_at
        if timedelta(0) < gap <= LONGEST_GAP:
            self._intervals.append(
                _Interval(until=now, seconds=gap.total_seconds(), begun=begun),
            )
        return begun

    def _pace(self, now: datetime) -> float | None:
        while self._intervals and now - self._intervals[0].until > REMEMBERED:
            self._intervals.popleft()
        begun = sum(interval.begun for interval in self._intervals)
        seconds = sum(interval.seconds for interval in self._intervals)
        return begun / seconds if begun else None

    def _listen(self, now: datetime, *, is_quiet: bool) -> bool:
        """Whether it has been quiet, in the sense that jobs wait and nobody works, for long."""
        if not is_quiet:
            self._silent_since = None
            return False
        self._silent_since = self._silent_since or now
        return now - self._silent_since >= SILENCE
