"""Riding out an outage: try again, a little later each time, for as long as that is worth it."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from gas.domain.errors import OutageError
from gas.ports import Clock

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE = timedelta(seconds=0.5)
LAST_PAUSE = timedelta(seconds=10)


class Patience:
    """How long to go on trying; `give_up` cuts it short."""

    def __init__(
        self, clock: Clock, limit: timedelta, give_up: Callable[[], bool] = lambda: False
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._give_up = give_up

    def with_(self, action: Callable[[], T]) -> T:
        """What the action returns; raises its OutageError once the limit is reached."""
        until = self._clock.now() + self._limit
        pause = FIRST_PAUSE
        while True:
            try:
                return action()
            except OutageError as error:
                wait = pause if error.retry_after is None else max(error.retry_after, FIRST_PAUSE)
                if self._give_up() or self._clock.now() + wait > until:
                    raise
                log.warning("an outage is ridden out", extra={"reason": str(error)})
            self._clock.sleep(wait.total_seconds())
            pause = min(pause * 2, LAST_PAUSE)
