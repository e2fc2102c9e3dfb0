"""Processes for the tests of many processes: `python -m tests.adapters.embedded.children`.

work HOME NAME     add jobs and run jobs until killed; prints `added ID` and `completed ID`
claim HOME NAME    run jobs until the queue is empty; prints `completed ID`
wait HOME QUEUE    wait for one message of a queue by its bell alone; prints its body
    hear HOME NAME     receive and claim for ever; prints `waiting`, then both moments (ns)
"""

import sys
import time
from pathlib import Path
from typing import NoReturn

from gas.adapters import embedded_wakeup
from gas.adapters.clock import SystemClock
from gas.adapters.embedded import EmbeddedPorts, connect_embedded
from gas.domain.errors import TemporaryError
from gas.domain.job import Job, Outcome
from gas.domain.message import Kind, Message, Queue
from gas.ports import Delivery, Mail
from gas.relay import relay
from tests.adapters.worlds.embedded import embedded_settings
from tests.builders import LEASE, a_job, a_message, an_outcome

SHORT_LEASE = {"GAS_LEASE_SECONDS": "0.2", "GAS_HEARTBEAT_SECONDS": "0.1"}


def connect(home: Path, **changes: str) -> EmbeddedPorts:
    return connect_embedded(embedded_settings(home, **changes), SystemClock())


def say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


def add(ports: EmbeddedPorts, job_id: str) -> None:
    message = a_message(job_id)
    ports.jobs.add(a_job(job_id, submitted_at=SystemClock().now()), message)
    say(f"added {job_id}")
    relay([message], outbox=ports.outbox, topics=ports.topics)


def run_one(ports: EmbeddedPorts, owner: str, home: Path) -> bool:
    """Take one message and run its job, as the annotator does; whether there was one."""
    inbox, clock = ports.inbox(Queue.ANNOTATE), SystemClock()
    for delivery in inbox.receive():
        before = ports.jobs.get(Message.from_json(delivery.body).job_id)
        if before.is_terminal:
            inbox.done(delivery)
            return True
        try:
            job = before.claim(clock.now(), LEASE / 600, owner)
            ports.jobs.move(before, job)
            _finish(ports, job, home, delivery)
        except TemporaryError:
            inbox.release(delivery)
        return True
    return False


def _finish(ports: EmbeddedPorts, job: Job, home: Path, delivery: Delivery) -> None:
    outcome: Outcome = an_outcome(job.job_id, job.user_id, job.attempt)
    source = home / f"{job.job_id}.{job.attempt}"
    source.write_text(job.job_id)
    key = outcome.objects[0].key
    ports.results.upload(source, key, content_type="text/plain", file_name="x")
    source.unlink()
    message = Message(kind=Kind.JOB_COMPLETED, job_id=job.job_id, user_id=job.user_id)
    ports.jobs.move(job, job.complete(SystemClock().now(), job.attempt, outcome), message)
    say(f"completed {job.job_id}")
    relay([message], outbox=ports.outbox, topics=ports.topics)
    to = f"{job.user_id}@example.org"
    ports.mailer.send(Mail(mail_id=job.job_id, to=to, subject="s", text="t", html="<p>t</p>"))
    ports.inbox(Queue.ANNOTATE).done(delivery)


def hear(ports: EmbeddedPorts, owner: str) -> NoReturn:
    inbox, clock = ports.inbox(Queue.ANNOTATE), SystemClock()
    while True:
        say("waiting")
        (delivery,) = inbox.receive()
        heard = time.monotonic_ns()
        job = ports.jobs.get(Message.from_json(delivery.body).job_id)
        ports.jobs.move(job, job.claim(clock.now(), LEASE, owner))
        say(f"{heard} {time.monotonic_ns()}")
        inbox.done(delivery)


def main() -> None:
    what, home, name = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if what == "wait":
        embedded_wakeup.LOOK_EVERY = 600.0
        inbox = connect(home, GAS_POLL_SECONDS="600").inbox(Queue(name))
        say(inbox.receive()[0].body)
        return
    if what == "hear":
        hear(connect(home, GAS_POLL_SECONDS="600"), name)
    ports = connect(home, **SHORT_LEASE)
    if what == "claim":
        while run_one(ports, name, home):
            pass
        return
    number = 0
    while True:
        add(ports, f"{name}-{number}")
        run_one(ports, name, home)
        number += 1


if __name__ == "__main__":
    main()
