"""The operator's commands: `python -m util.operate COMMAND ...`, one line of JSON a fact.

    queues                            how many messages wait, by queue, dead ones too
    dead QUEUE                        the dead letters of a queue
    redrive QUEUE [--rate 5]          send them again, so many a second at most
    drop QUEUE --job ID               remove the dead letters of one job
    job ID                            what the record says of a job
    requeue ID                        ask anew for a job that waits or whose run is lost

Every command may be repeated, or be broken off at any moment and begun again: a letter is sent
before it is removed, and whoever receives a message twice does nothing the second time.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gas import wiring
from gas.config import Settings
from gas.domain.errors import (
    ConfigurationError,
    GasError,
    MalformedMessageError,
    RefusedError,
    TemporaryError,
)
from gas.domain.job import Job, Status
from gas.domain.message import Kind, Message, Queue
from gas.ports import Delivery, Inbox
from gas.relay import relay
from gas.wiring import Outside

Fact = dict[str, object]

MOST = 100_000
"""Most dead letters handled by one command."""

RATE = 5.0
"""Messages a second that a redrive sends, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The use cases, over one deployment's ports."""

    outside: Outside

    def queues(self) -> Iterator[Fact]:
        """How many messages wait or are worked on, by queue."""
        for queue in Queue:
            yield {
                "queue": queue.value,
                "messages": self.outside.inbox(queue).depth(),
                "dead": self.outside.dead_inbox(queue).depth(),
            }

    def dead(self, queue: Queue) -> Iterator[Fact]:
        """Every dead letter that can be had at this moment; all are given back in the end."""
        inbox = self.outside.dead_inbox(queue)
        held = []
        try:
            for delivery in _letters(inbox):
                held.append(delivery)
                yield _fact(delivery)
        finally:
            for delivery in held:
                inbox.release(delivery)

    def redrive(self, queue: Queue, *, rate: float) -> Iterator[Fact]:
        """Send every readable dead letter again, then remove it; no faster than the rate."""
        inbox = self.outside.dead_inbox(queue)
        kept = []
        try:
            for delivery in _letters(inbox):
                message = _message(delivery)
                if message is None:
                    kept.append(delivery)
                    yield {**_fact(delivery), "done": "kept"}
                    continue
                self.outside.topics.publish(message)
                inbox.done(delivery)
                yield {**_fact(delivery), "done": "sent"}
                self.outside.clock.sleep(1 / rate)
        finally:
            for delivery in kept:
                inbox.release(delivery)

    def drop(self, queue: Queue, job_id: str) -> Iterator[Fact]:
        """Remove the dead letters of one job."""
        inbox = self.outside.dead_inbox(queue)
        kept = []
        try:
            for delivery in _letters(inbox):
                message = _message(delivery)
                if message is None or message.job_id != job_id:
                    kept.append(delivery)
                    continue
                inbox.done(delivery)
                yield {**_fact(delivery), "done": "dropped"}
        finally:
            for delivery in kept:
                inbox.release(delivery)

    def job(self, job_id: str) -> Iterator[Fact]:
        """What the record says; raises JobNotFoundError."""
        job = self.outside.jobs.get(job_id)
        yield {
            "job_id": job.job_id,
            "user_id": job.user_id,
            "status": job.status.value,
            "storage": job.storage.value if job.storage else None,
            "version": job.version,
            "attempt": job.attempt,
            "owner": job.owner,
            "submitted_at": job.submitted_at.isoformat(),
            "started_at": job.started_at.isoformat() if job.started_at else None,
            "leased_until": job.leased_until.isoformat() if job.leased_until else None,
            "completed_at": job.completed_at.isoformat() if job.completed_at else None,
            "input_bytes": job.input.size,
            "records": job.outcome.records if job.outcome else None,
            "failure": job.failure.code if job.failure else None,
            "fault": job.failure.fault.value if job.failure else None,
            "objects": sorted(job.keys),
            "mails": sorted(job.mails),
        }

    def requeue(self, job_id: str) -> Iterator[Fact]:
        """Ask anew for a job; raises RefusedError where it is over or in a live run's hands."""
        job = self.outside.jobs.get(job_id)
        request = Message(kind=Kind.JOB_REQUESTED, job_id=job.job_id, user_id=job.user_id)
        self._check_may_run(job)
        if job.status is Status.RUNNING:
            back = job.hand_back(self.outside.clock.now(), job.attempt)
            self.outside.jobs.move(job, back, request)
            relay([request], outbox=self.outside.outbox, topics=self.outside.topics)
        else:
            self.outside.topics.publish(request)
        yield {"job_id": job_id, "done": "requested"}

    def _check_may_run(self, job: Job) -> None:
        if job.is_terminal:
            raise RefusedError(
                "job-is-over",
                f"job {job.job_id} is {job.status}: nothing is left to run",
                "Its owner can annotate the file again from its page.",
            )
        if job.leased_until is not None and self.outside.clock.now() < job.leased_until:
            raise RefusedError(
                "job-is-running",
                f"job {job.job_id} is run by {job.owner} until {job.leased_until.isoformat()}",
                "Wait for the end of the lease; a worker that is stopped gives it back.",
            )


def _letters(inbox: Inbox) -> Iterator[Delivery]:
    """Dead letters one after another, each once: what was received stays hidden meanwhile."""
    for _ in range(MOST):
        deliveries = inbox.receive()
        if not deliveries:
            return
        yield from deliveries


def _message(delivery: Delivery) -> Message | None:
    try:
        return Message.from_json(delivery.body)
    except (MalformedMessageError, TemporaryError):
        return None


def _fact(delivery: Delivery) -> Fact:
    """What may be printed of a letter: its ids, never its text."""
    message = _message(delivery)
    if message is None:
        return {"readable": False, "bytes": len(delivery.body), "received": delivery.received}
    return {
        "readable": True,
        "kind": message.kind.value,
        "job_id": message.job_id,
        "user_id": message.user_id,
        "received": delivery.received,
    }


def positive_rate(text: str) -> float:
    """A number of messages a second, greater than nought."""
    rate = float(text)
    if rate <= 0:
        raise ValueError("must be greater than 0")
    return rate


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m util.operate", description=__doc__)
    found.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = found.add_subparsers(dest="command", required=True)
    commands.add_parser("queues")
    for name in ("dead", "redrive", "drop"):
        command = commands.add_parser(name)
        command.add_argument("queue", type=Queue, choices=list(Queue), metavar="QUEUE")
        if name == "redrive":
            command.add_argument("--rate", type=positive_rate, default=RATE)
        if name == "drop":
            command.add_argument("--job", required=True)
    for name in ("job", "requeue"):
        commands.add_parser(name).add_argument("job")
    return found


def facts(operator: Operator, words: Sequence[str]) -> Iterator[Fact]:
    """What the command of these words has to say, as it happens."""
    chosen = parser().parse_args(words)
    if chosen.command == "queues":
        return operator.queues()
    if chosen.command == "dead":
        return operator.dead(chosen.queue)
    if chosen.command == "redrive":
        return operator.redrive(chosen.queue, rate=chosen.rate)
    if chosen.command == "drop":
        return operator.drop(chosen.queue, chosen.job)
    if chosen.command == "job":
        return operator.job(chosen.job)
    return operator.requeue(chosen.job)


def main() -> None:
    """Do what the command line says."""
    words = sys.argv[1:]
    parser().parse_args(words)
    try:
        operator = Operator(outside=wiring.connect(Settings.from_env()))
        for fact in facts(operator, words):
            print(json.dumps(fact), flush=True)  # noqa: T201 - said to a person or a script
    except ConfigurationError as error:
        sys.exit(f"operate: {error}")
    except RefusedError as error:
        sys.exit(f"operate: {error.message}. {error.hint}")
    except GasError as error:
        sys.exit(f"operate: {error}")


if __name__ == "__main__":
    main()
