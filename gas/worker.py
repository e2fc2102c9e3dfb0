"""The one loop every daemon runs: receive, handle, acknowledge; stop cleanly on SIGTERM.

An error's family is its policy.  OutageError: the message stays in hand, and nothing more is taken,
until the other side is back; so no outage, however long, counts against a message.  Any other
TemporaryError: the message comes back after a growing delay.
PermanentError: the handler has recorded what was to be recorded, the message is done.  A message
nobody can read, or that the handler finds forged, goes to the dead-letter queue.  Anything else
is a bug: the process stops, its supervisor starts it again, and the dead-letter queue catches what
keeps doing so.
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
Reader = Callable[[str], Message | None]
"""Reads a body; None for one that says nothing to us."""

FIRST_RETRY = timedelta(seconds=1)
LAST_RETRY = timedelta(seconds=60)
OUTAGE_PAUSE = timedelta(seconds=2)
LAST_OUTAGE_PAUSE = timedelta(seconds=30)
HOLD = timedelta(seconds=60)
"""How long a message in hand stays hidden beyond the next try."""

HOLD_LIMIT = timedelta(hours=6)
"""Longest time a message is kept in hand; a queue may not hide one for ever."""


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


def run(
    inbox: Inbox,
    handle: Handler,
    *,
    stop: Stop,
    clock: Clock,
    read: Reader = Message.from_json,
) -> None:
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
                deliver(delivery, inbox, handle, stop=stop, clock=clock, read=read)


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


def deliver(
    delivery: Delivery,
    inbox: Inbox,
    handle: Handler,
    *,
    stop: Stop,
    clock: Clock,
    read: Reader = Message.from_json,
) -> None:
    """Handle one delivery, and delete it unless it deserves another try."""
    try:
        _deliver(delivery, inbox, handle, stop=stop, clock=clock, read=read)
    except OutageError:
        # What was to be done is done; the message comes back, and every handler bears that.
        log.warning("the queue cannot be reached", extra={"queue": inbox.queue.value})


def _deliver(
    delivery: Delivery, inbox: Inbox, handle: Handler, *, stop: Stop, clock: Clock, read: Reader
) -> None:
    try:
        message = read(delivery.body)
    except MalformedMessageError as error:
        log.exception("a message nobody can read was buried", extra={"queue": inbox.queue.value})
        inbox.bury(delivery, str(error))
        return
    except TemporaryError:
        log.warning("a message of a newer version was left", extra={"queue": inbox.queue.value})
        inbox.release(delivery, LAST_RETRY)
        return
    if message is None:
        inbox.done(delivery)
        return
    with context(job_id=message.job_id, kind=message.kind.value):
        try:
            _handle_through_outages(message, delivery, inbox, handle, stop=stop, clock=clock)
        except TemporaryError as error:
            backoff = min(FIRST_RETRY * 2 ** min(delivery.received - 1, 6), LAST_RETRY)
            delay = backoff if error.retry_after is None else error.retry_after
            log.warning(
                "a message will be tried again",
                extra={"reason": str(error), "received": delivery.received},
            )
            inbox.release(delivery, delay)
            return
        except MalformedMessageError as error:
            log.exception("a message that does not fit was buried")
            inbox.bury(delivery, str(error))
            return
        except PermanentError as error:
            log.warning("a message asks for what cannot be done", extra={"reason": str(error)})
        inbox.done(delivery)


def _handle_through_outages(
    message: Message,
    delivery: Delivery,
    inbox: Inbox,
    handle: Handler,
    *,
    stop: Stop,
    clock: Clock,
) -> None:
    """Handle the message as often as outages make it necessary, while it is ours to hold."""
    pause, until = OUTAGE_PAUSE, clock.now() + HOLD_LIMIT
    while True:
        try:
            handle(message, delivery)
        except OutageError as error:
            wait = max(pause, min(error.retry_after or pause, LAST_OUTAGE_PAUSE))
            log.warning("an outage is waited out", extra={"reason": str(error)})
            if stop.is_asked() or clock.now() + wait > until:
                raise
            _hide(delivery, inbox, wait + HOLD)
            if _asked_while_waiting(wait, stop, clock):
                raise
        else:
            return
        pause = min(pause * 2, LAST_OUTAGE_PAUSE)


def _asked_while_waiting(duration: timedelta, stop: Stop, clock: Clock) -> bool:
    """Wait that long, or until about a second after a stop is asked for; whether it was."""
    until = clock.now() + duration
    while not stop.is_asked() and clock.now() < until:
        clock.sleep(min((until - clock.now()).total_seconds(), 1))
    return stop.is_asked()


def _hide(delivery: Delivery, inbox: Inbox, duration: timedelta) -> None:
    """Keep the message ours; raises LostLeaseError where it is not any more."""
    try:
        inbox.extend(delivery, duration)
    except OutageError:
        log.warning("the queue cannot be reached", extra={"queue": inbox.queue.value})
