"""The sign of life of a run: its lease and its message are renewed together, or both are lost."""

import logging
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from ann.threads import SystemThreads, Thread, Threads
from gas.domain.errors import LostLeaseError, NotFoundError, TemporaryError
from gas.domain.job import Job
from gas.log import context
from gas.ports import Clock, Delivery, Inbox, Jobs

log = logging.getLogger(__name__)


class Heartbeat:
    """Beats in a thread of its own from `with` to the block's end.

    `lost` is true once another run owns the job, its owner has cancelled it, the message is no
    longer ours, or no renewal got through until the lease ran out.
    """

    def __init__(
        self,
        job: Job,
        delivery: Delivery,
        *,
        jobs: Jobs,
        inbox: Inbox,
        clock: Clock,
        lease: timedelta,
        every: timedelta,
        threads: Threads | None = None,
    ) -> None:
        self._job = job
        self._delivery = delivery
        self._jobs = jobs
        self._inbox = inbox
        self._clock = clock
        self._lease = lease
        self._every = every
        self._leased_until: datetime = job.leased_until or clock.now()
        self._threads = threads or SystemThreads()
        self._over = self._threads.signal()
        self._lost = self._threads.signal()
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        self._thread = self._threads.start(self._go_on, "heartbeat")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Beat no more; a beat that is on its way is waited for."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def lost(self) -> bool:
        """Whether the run must stop and throw its output away."""
        return self._lost.is_set()

    def beat(self) -> None:
        """Renew both once."""
        until = self._clock.now() + self._lease
        try:
            self._jobs.renew(self._job, until)
            self._leased_until = until
            self._inbox.extend(self._delivery, self._lease)
        except (LostLeaseError, NotFoundError) as error:
            self._lose(str(error))
        except TemporaryError as error:
            log.warning("a heartbeat did not get through", extra={"reason": str(error)})
            if self._clock.now() >= self._leased_until:
                self._lose("no heartbeat got through until the lease ran out")

    def _lose(self, reason: str) -> None:
        if not self._over.is_set():
            log.warning("the run has lost its job", extra={"reason": reason})
        self._lost.set()

    def _go_on(self) -> None:
        with context(job_id=self._job.job_id, attempt=self._job.attempt):
            try:
                while not self.lost and not self._over.wait(self._every.total_seconds()):
                    self.beat()
            except Exception:
                # Without a heartbeat the run would go on after its lease: better to stop it now.
                log.exception("the heartbeat has failed")
                self._lose("the heartbeat has failed")
