"""Bugs as others have had them, each planted into the real code to see that it is caught."""

from dataclasses import dataclass, replace
from typing import Any

from ann.annotator import Annotator
from ann.heartbeat import Heartbeat
from ann.run import Run
from gas.domain.errors import PermanentError, StaleJobError, TemporaryError
from gas.domain.job import Failure, Job, Outcome
from gas.domain.message import Message
from gas.ports import Delivery, Inbox, ObjectInfo
from gas.worker import Handler
from tests.simulation.history import Parts
from util.notify import Notifier, Turn
from web.annotate.submit import submit_upload


class ClaimsBlindly(Annotator):
    """Reads, decides, and writes whatever the table holds by then."""

    def _claim(self, job: Job) -> Job | None:
        if job.is_terminal:
            return None
        claimed = job.claim(self.clock.now(), self.settings.lease, "anybody")
        while True:
            current = self.jobs.get(job.job_id)
            claimed = replace(claimed, version=current.version + 1)
            try:
                self.jobs.move(current, claimed)
            except StaleJobError:
                continue
            return claimed


class DeletesFirst(Annotator):
    """Tidies the input away before the record says that nobody needs it any more."""

    def _settle(self, run: Run, result: Outcome | Failure) -> None:
        self.inputs.delete(run.job.input.key)
        super()._settle(run, result)


def acknowledge_first(delivery: Delivery, inbox: Inbox, handle: Handler, **_loop: object) -> None:
    """Take the message off the queue, then do what it asks."""
    inbox.done(delivery)
    try:
        handle(Message.from_json(delivery.body), delivery)
    except (TemporaryError, PermanentError):
        return


class Forgetful:
    """A job table whose writes leave the outbox alone."""

    def __init__(self, jobs: Any) -> None:
        self._jobs = jobs

    def add(self, job: Job, *_messages: Message) -> None:
        self._jobs.add(job)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jobs, name)


def submit_then_publish(*args: Any, outside: Any, **named: Any) -> Job:
    """Write the job; publish its request afterwards, if nothing comes between."""
    unsafe = replace(outside, jobs=Forgetful(outside.jobs))
    return submit_upload(*args, outside=unsafe, **named)


def beat_on(heartbeat: Heartbeat) -> None:
    """Go on beating, whatever became of the run."""


class AnnotatesAnything(Annotator):
    """Takes the bytes that lie there now for those that were submitted."""

    def _run(self, claimed: Job, delivery: Delivery) -> None:
        inputs = self.inputs

        class Careless:
            def download(self, info: ObjectInfo, to: Any) -> None:
                inputs.download(inputs.head(info.key), to)

            def __getattr__(self, name: str) -> Any:
                return getattr(inputs, name)

        object.__setattr__(self, "inputs", Careless())
        try:
            super()._run(claimed, delivery)
        finally:
            object.__setattr__(self, "inputs", inputs)


class MailsFirst(Notifier):
    """Sends, then writes down that it did."""

    def _begin(self, job: Job, event: str, stamp: str) -> tuple[Job, Turn]:
        done = any(mark.startswith(f"{event}:sent") for mark in job.mails)
        return job, Turn.NONE if done or not stamp else Turn.FIRST


@dataclass(frozen=True)
class Bug:
    """Where it is planted, and what must be seen to be broken."""

    invariant: str
    parts: Parts


BUGS = {
    "claim without condition": Bug("I1", Parts(annotator=ClaimsBlindly)),
    "delete before record": Bug("I1", Parts(annotator=DeletesFirst)),
    "acknowledge before effect": Bug(
        "I7", Parts(patches={"gas.worker._deliver": acknowledge_first})
    ),
    "publish outside the transaction": Bug("I7", Parts(submit=submit_then_publish)),
    "heartbeat that never stops": Bug(
        "I10", Parts(patches={"ann.heartbeat.Heartbeat.stop": beat_on})
    ),
    "annotate whatever lies there": Bug("I2", Parts(annotator=AnnotatesAnything)),
    "mail before the ledger": Bug("I3", Parts(notifier=MailsFirst)),
}
