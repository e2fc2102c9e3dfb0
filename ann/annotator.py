"""The annotator daemon: claims requested jobs, runs the engine on each, records what came of it.

Queue in: annotate.  Out: the job's objects and record, then JOB_COMPLETED or JOB_FAILED.
Run: `python -m ann.annotator` (any number of them; each runs GAS_ANNOTATOR_SLOTS jobs at once).

The order of effects is the design: claim, upload under the attempt, move the record together with
its message, publish, acknowledge.  Whoever dies between two of them is followed by a run that
finds either a lapsed lease (and starts again under the next attempt) or a finished job.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from ann.anntools.kernel.builder import library
from ann.anntools.locations import default_reference
from ann.child import ForkedEngine
from ann.engine import Engine, InterruptedRunError
from ann.heartbeat import Heartbeat
from ann.room import CarefulInbox
from ann.run import RetryError, Run
from ann.scratch import Scratch
from ann.threads import SystemThreads, Threads
from gas import log as gas_log
from gas import wiring
from gas.config import Settings
from gas.domain.errors import (
    IllegalMoveError,
    JobNotFoundError,
    LostLeaseError,
    MalformedMessageError,
    NotFoundError,
    ObjectNotFoundError,
    OutageError,
    StaleJobError,
    TemporaryError,
)
from gas.domain.failures import REASONS, gave_up
from gas.domain.job import Failure, Fault, Job, Outcome
from gas.domain.message import Kind, Message, Queue
from gas.patience import Patience
from gas.ports import Accounts, Clock, Delivery, Files, Inbox, Jobs, Outbox, Topics
from gas.relay import relay
from gas.worker import Stop, run_many

log = logging.getLogger(__name__)

MOVE_TRIES = 10
"""How often a move is decided again because somebody else moved the job meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Annotator:
    """The use case: one delivered request becomes one finished job, or comes back."""

    jobs: Jobs
    outbox: Outbox
    topics: Topics
    inputs: Files
    results: Files
    accounts: Accounts
    inbox: Inbox
    clock: Clock
    engine: Engine
    scratch: Scratch
    settings: Settings
    stop: Stop
    threads: Threads = field(default_factory=SystemThreads)

    def handle(self, message: Message, delivery: Delivery) -> None:
        """Annotate the job a request names, unless that is done, or another worker's to do."""
        job = self.jobs.get(message.job_id)
        if message.kind is not Kind.JOB_REQUESTED or message.user_id != job.user_id:
            raise MalformedMessageError("the message does not fit the job it names")
        claimed = self._claim(job)
        if claimed is None:
            return
        with gas_log.context(attempt=claimed.attempt):
            log.info("a run begins", extra={"bytes": claimed.input.size})
            self._run(claimed, delivery)

    def _claim(self, job: Job) -> Job | None:
        """The job as claimed for one run; None where there is nothing to run.

        Raises BusyJobError while another worker's lease holds, NoRoomError where this machine
        cannot run it.
        """
        for _ in range(MOVE_TRIES):
            if job.is_terminal:
                return None
            owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
            claimed = job.claim(self.clock.now(), self.settings.lease, owner)
            refusal = self._refusal(job)
            if refusal is not None:
                self._refuse(job, refusal)
                return None
            self.scratch.check_room(job.input.size)
            with suppress(ObjectNotFoundError):  # The run says so to the owner, with a log.
                # While the store is away no attempt is spent on it.
                self.inputs.head(job.input.key, job.input.version_id)
            try:
                self.jobs.move(job, claimed)
            except (StaleJobError, OutageError):
                # The write may have succeeded and only its answer been lost.
                job = self._patience().with_(partial(self.jobs.get, claimed.job_id))
                if (job.owner, job.attempt) == (claimed.owner, claimed.attempt):
                    return job
            else:
                return claimed
        raise StaleJobError(f"job {job.job_id} keeps changing")

    def _refusal(self, job: Job) -> Failure | None:
        """Why no run of the job may begin at all."""
        if job.attempt >= self.settings.max_attempts:
            return gave_up(job)
        try:
            tier = self.accounts.get(job.user_id).tier
        except NotFoundError:
            return Failure(
                code="no-account",
                text=REASONS["no-account"].text,
                hint=REASONS["no-account"].hint,
                fault=Fault.INPUT,
            )
        limit = self.settings.plan.input_limit(tier)
        if limit is None or job.input.size <= limit:
            return None
        return Failure(
            code="too-large",
            text=f"The file has {job.input.size:,} bytes; your plan allows {limit:,}.",
            hint="Upgrade to Premium, or submit a smaller file.",
            fault=Fault.INPUT,
        )

    def _refuse(self, job: Job, failure: Failure) -> None:
        """End a job no run of which is in progress."""
        announcement = _announcement(failure, job)
        self.jobs.move(job, job.fail(self.clock.now(), failure), announcement)
        log.info("a job was refused", extra={"code": failure.code})
        relay([announcement], outbox=self.outbox, topics=self.topics)

    def _run(self, job: Job, delivery: Delivery) -> None:
        heartbeat = Heartbeat(
            job,
            delivery,
            jobs=self.jobs,
            inbox=self.inbox,
            clock=self.clock,
            lease=self.settings.lease,
            every=self.settings.heartbeat,
            threads=self.threads,
        )
        with heartbeat, self.scratch.folder() as folder:
            run = Run(
                job=job,
                folder=folder,
                engine=self.engine,
                scratch=self.scratch,
                jobs=self.jobs,
                inputs=self.inputs,
                results=self.results,
                clock=self.clock,
                settings=self.settings,
                heartbeat=heartbeat,
                must_stop=_drained(self.stop, self.settings.drain, self.threads),
                threads=self.threads,
            )
            try:
                self._settle(run, self._result(run))
            except LostLeaseError:
                self._give_way(run)
            except (InterruptedRunError, TemporaryError) as error:
                if heartbeat.lost:
                    self._give_way(run)
                    return
                self._hand_back(run)
                if isinstance(error, TemporaryError):
                    raise
                raise RetryError("the run was stopped", retry_after=timedelta(0)) from error

    def _result(self, run: Run) -> Outcome | Failure:
        """What the run found; the last run a job may have ends in a failure, whatever it was."""
        try:
            return run.go()
        except RetryError:
            if run.job.attempt < self.settings.max_attempts:
                raise
            return run.with_log(gave_up(run.job))

    def _settle(self, run: Run, result: Outcome | Failure) -> None:
        """Record the result together with its message, whatever else moved the job meanwhile."""
        attempt, before, patience = run.job.attempt, run.job, self._patience()
        announcement = _announcement(result, before)
        for _ in range(MOVE_TRIES):
            now = self.clock.now()
            if isinstance(result, Outcome):
                after = before.complete(now, attempt, result)
            else:
                after = before.fail(now, result, attempt)
            try:
                if after is not before:  # Else it was written, and only the answer was lost.
                    patience.with_(partial(self.jobs.move, before, after, announcement))
                break
            except (StaleJobError, JobNotFoundError):
                before = self._current(run)
        else:
            raise StaleJobError(f"job {before.job_id} keeps changing")
        log.info("a run has ended", extra=_facts(result))
        relay([announcement], outbox=self.outbox, topics=self.topics)

    def _current(self, run: Run) -> Job:
        """The job as it is now; raises LostLeaseError where it is gone."""
        try:
            return self._patience().with_(partial(self.jobs.get, run.job.job_id))
        except JobNotFoundError as error:
            raise LostLeaseError(f"job {run.job.job_id} is gone") from error

    def _give_way(self, run: Run) -> None:
        """The job is no longer ours: leave nothing of this run behind.

        Raises LostLeaseError, so that the message comes back, where the job is still to be done.
        """
        try:
            job = self._patience().with_(partial(self.jobs.get, run.job.job_id))
        except JobNotFoundError:
            run.delete_written()
            return
        if job.is_terminal or job.attempt != run.job.attempt:
            run.delete_written(job.keys)
        else:
            self._hand_back(run)
        log.info("a run gave way", extra={"status": job.status.value, "now": job.attempt})
        if not job.is_terminal:
            raise LostLeaseError(f"job {job.job_id}: the run lost it")

    def _hand_back(self, run: Run) -> None:
        """End the lease at once; where that fails it ends by itself."""
        # A beat after the end of the lease would hold the job for one lease more.
        run.heartbeat.stop()
        try:
            job = self.jobs.get(run.job.job_id)
            self.jobs.move(job, job.hand_back(self.clock.now(), run.job.attempt))
        except (TemporaryError, IllegalMoveError, NotFoundError) as error:
            log.warning("a lease is left to run out", extra={"reason": str(error)})
        else:
            log.info("a job was handed back")
            run.delete_written()

    def _patience(self) -> Patience:
        return Patience(self.clock, self.settings.outage_patience, self.stop.is_immediate)


def _announcement(result: Outcome | Failure, job: Job) -> Message:
    kind = Kind.JOB_COMPLETED if isinstance(result, Outcome) else Kind.JOB_FAILED
    return Message(kind=kind, job_id=job.job_id, user_id=job.user_id)


def _facts(result: Outcome | Failure) -> dict[str, object]:
    if isinstance(result, Failure):
        return {"code": result.code, "fault": result.fault.value}
    return {"records": result.records, "rejected": result.rejected, "assembly": result.assembly}


def _drained(stop: Stop, drain: timedelta, threads: Threads) -> Callable[[], bool]:
    """Whether a run must be handed back: a while after one request to stop, at once after two."""
    asked_at: float | None = None

    def is_over() -> bool:
        nonlocal asked_at
        if not stop.is_asked():
            return False
        now = threads.monotonic()
        asked_at = now if asked_at is None else asked_at
        return stop.is_immediate() or now - asked_at >= drain.total_seconds()

    return is_over


def main() -> None:
    """Run the daemon until SIGTERM."""
    gas_log.set_up("annotator")
    settings = Settings.from_env()
    # Settled here: the fork server is started without an environment, so without a home, and
    # without the PATH on which a compiler would be found.
    library()
    named = settings.reference_dir
    reference = (Path(named) if named else default_reference()).resolve()
    with ForkedEngine(reference=reference) as engine:
        serve(settings, engine)


def serve(settings: Settings, engine: ForkedEngine) -> None:
    """Consume the queue with an engine that is ready."""
    stop = Stop()
    stop.listen()
    outside = wiring.connect(settings)
    scratch = Scratch(settings.scratch)
    inbox = CarefulInbox(outside.inbox(Queue.ANNOTATE), scratch.has_room, outside.clock)
    annotator = Annotator(
        jobs=outside.jobs,
        outbox=outside.outbox,
        topics=outside.topics,
        inputs=outside.inputs,
        results=outside.results,
        accounts=outside.accounts,
        inbox=inbox,
        clock=outside.clock,
        engine=engine,
        scratch=scratch,
        settings=settings,
        stop=stop,
    )

    def handle(message: Message, delivery: Delivery) -> None:
        try:
            annotator.handle(message, delivery)
        finally:
            if not engine.is_alive():
                log.error("the fork server is gone; the daemon starts anew")
                stop.ask()

    try:
        run_many(inbox, handle, slots=settings.slots, stop=stop, clock=outside.clock)
    finally:
        scratch.close()


if __name__ == "__main__":
    main()
