"""How much each person's jobs take up, added up seldom: a limit need not be exact to the byte."""

import threading
from datetime import datetime, timedelta

from gas.ports import Clock, Jobs

FRESH = timedelta(minutes=1)
PAGE = 100
REMEMBERED = 1000


class StoredView:
    """Bytes of inputs and results by person, as of a minute ago at most."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[datetime, int]] = {}

    def of_user(self, user_id: str) -> int:
        """Bytes of everything the person's jobs hold."""
        now = self._clock.now()
        seen_at, size = self._seen.get(user_id, (None, 0))
        if seen_at is not None and now - seen_at < FRESH:
            return size
        size = self._add_up(user_id)
        with self._lock:
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[user_id] = (now, size)
        return size

    def _add_up(self, user_id: str) -> int:
        size, token = 0, None
        while True:
            page = self._jobs.of_user(user_id, limit=PAGE, token=token)
            for job in page.jobs:
                size += job.input.size + sum(stored.size for stored in job.objects)
            token = page.next_token
            if token is None:
                return size
