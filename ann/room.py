"""An inbox that brings nothing while this machine has no room: other machines take the work."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from gas.domain.message import Queue
from gas.ports import Clock, Delivery, Inbox

log = logging.getLogger(__name__)

PAUSE = timedelta(seconds=5)


class CarefulInbox:
    """An Inbox in front of another; polls only while `has_room` says so."""

    def __init__(self, inbox: Inbox, has_room: Callable[[], bool], clock: Clock) -> None:
        self._inbox = inbox
        self._has_room = has_room
        self._clock = clock

    @property
    def queue(self) -> Queue:
        """As the port says."""
        return self._inbox.queue

    def receive(self) -> Sequence[Delivery]:
        """As the port says, after a pause and with nothing where there is no room."""
        if self._has_room():
            return self._inbox.receive()
        log.error("this machine has no room for work", extra={"queue": self.queue.value})
        self._clock.sleep(PAUSE.total_seconds())
        return ()

    def done(self, delivery: Delivery) -> None:
        """As the port says."""
        self._inbox.done(delivery)

    def extend(self, delivery: Delivery, duration: timedelta) -> None:
        """As the port says."""
        self._inbox.extend(delivery, duration)

    def release(self, delivery: Delivery, delay: timedelta = timedelta(0)) -> None:
        """As the port says."""
        self._inbox.release(delivery, delay)

    def bury(self, delivery: Delivery, reason: str) -> None:
        """As the port says."""
        self._inbox.bury(delivery, reason)

    def depth(self) -> int:
        """As the port says."""
        return self._inbox.depth()
