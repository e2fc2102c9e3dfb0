"""The one loop every daemon runs: receive, handle, acknowledge; stop cleanly on SIGTERM.

An error's family is its policy.  TemporaryError: the message comes back after a growing delay.
PermanentError: the handler has recorded what was to be recorded, the message is done.  A message
nobody can read goes to the dead-letter queue.  Anything else is a bug: the process stops, its
supervisor starts it again, and the dead-letter queue catches what keeps doing so.
"""

import logging
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

from gas.domain.errors import (
    MalformedMessageError,
    OutageError,
    PermanentError,
    TemporaryError,
)
from gas.domain.message import Message
from gas.log import context
from gas.ports import Clock, Delivery, Inbox

log = logging.getLogger(__name__)

Handler = Callable[[Message, Delivery], None]

FIRST_RETRY = timedelta(seconds=1)
LAST_RETRY = timedelta(seconds=60)
OUTAGE_PAUSE = timedelta(seconds=2)


class Stop:
    """Becomes true at the first SIGTERM or SIGINT; immediate at the second."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._again = threading.Event()

    def is_asked(self) -> bool:
        """Whether to finish the work in hand and take no more."""
        return self._asked.is_set()

    def is_immediate(self) -> bool:
        """Whether to give the work in hand back too."""
        return self._again.is_set()

    def listen(self) -> None:
        """Hear SIGTERM and SIGINT from now on; call it in the main thread."""
        signal.signal(signal.SIGTERM, self._hear)
        signal.signal(signal.SIGINT, self._hear)

    def ask(self) -> None:
        """Ask for a stop, and for an immediate one the second time."""
        if self._asked.is_set():
            self._again.set()
        self._asked.set()

    def wait(self, duration: timedelta) -> bool:
        """Wait that long or until asked to stop; whether that was asked."""
        return self._asked.wait(duration.total_seconds())

    def _hear(self, _signum: int, _frame: FrameType | None) -> None:
        self.ask()


def run(inbox: Inbox, handle: Handler, *, stop: Stop, clock: Clock) -> None:
    """Handle messages until asked to stop.

    The message in hand is finished first, and what the last poll brought after the request to
    stop is given back, so that a stop never strands a message.
    """
    while not stop.is_asked():
        try:
            deliveries = inbox.receive()
        except OutageError:
            log.warning("the queue cannot be reached", extra={"queue": inbox.queue.value})
            clock.sleep(OUTAGE_PAUSE.total_seconds())
            continue
        for delivery in deliveries:
            if stop.is_asked():
                inbox.release(delivery)
            else:
                deliver(delivery, inbox, handle, clock=clock)


def run_many(inbox: Inbox, handle: Handler, *, slots: int, stop: Stop, clock: Clock) -> None:
    """As `run`, in that many threads; a bug in one of them stops all and is raised here."""
    bugs: list[BaseException] = []

    def work() -> None:
        try:
            run(inbox, handle, stop=stop, clock=clock)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the main thread
            bugs.append(error)
            stop.ask()

    threads = [threading.Thread(target=work, name=f"slot-{slot}") for slot in range(slots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if bugs:
        raise bugs[0]


def deliver(delivery: Delivery, inbox: Inbox, handle: Handler, *, clock: Clock) -> None:
    """Handle one delivery, and delete it unless it deserves another try."""
    try:
        message = Message.from_json(delivery.body)
    except MalformedMessageError as error:
        log.exception("a message nobody can read was buried", extra={"queue": inbox.queue.value})
        inbox.bury(delivery, str(error))
        return
    except TemporaryError:
        log.warning("a message of a newer version was left", extra={"queue": inbox.queue.value})
        inbox.release(delivery, LAST_RETRY)
        return
    with context(job_id=message.job_id, kind=message.kind.value):
        try:
            handle(message, delivery)
        except TemporaryError as error:
            backoff = min(FIRST_RETRY * 2 ** min(delivery.received - 1, 6), LAST_RETRY)
            delay = backoff if error.retry_after is None else error.retry_after
            log.warning(
                "a message will be tried again",
                extra={"reason": str(error), "received": delivery.received},
            )
            inbox.release(delivery, delay)
            if isinstance(error, OutageError):
                clock.sleep(OUTAGE_PAUSE.total_seconds())
            return
        except PermanentError as error:
            log.warning("a message asks for what cannot be done", extra={"reason": str(error)})
        inbox.done(delivery)
