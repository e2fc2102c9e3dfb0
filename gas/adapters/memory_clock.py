"""A clock in memory: for unit tests and for the seeded simulation."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryClock:
    """A clock that moves only when told, or when somebody sleeps."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))

    def advance(self, duration: timedelta) -> None:
        self._now += duration
