"""Keeping a message hidden while a long piece of work goes on."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from gas.domain.errors import LostLeaseError, OutageError
from gas.ports import Delivery, Inbox

log = logging.getLogger(__name__)


@contextmanager
def held(inbox: Inbox, delivery: Delivery, *, lease: timedelta, every: timedelta) -> Iterator[None]:
    """Hide the message for another lease at every beat, until the block ends.

    Losing it stops nothing: whoever is given it meanwhile finds the job claimed.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(every.total_seconds()):
            try:
                inbox.extend(delivery, lease)
            except OutageError:
                continue
            except LostLeaseError:
                log.warning("a message in hand is somebody else's now")
                return

    thread = threading.Thread(target=beat, name="hold", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
