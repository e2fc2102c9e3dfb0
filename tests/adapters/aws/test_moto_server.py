"""Moto's server as the journeys use it: mails can be read, and threads lose nothing."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gas.adapters.aws import AwsOutside
from gas.adapters.clock import SystemClock
from gas.config import environment as inherited
from gas.domain.errors import StaleJobError
from gas.domain.message import Message, Queue
from gas.ports import Mail
from tests.adapters.worlds.aws import ENVIRONMENT
from tests.builders import LEASE, a_job, a_message
from tests.support.moto_server import ROOT, MotoServer


@pytest.fixture(scope="module")
def outside(connect_server: Callable[..., AwsOutside]) -> AwsOutside:
    return connect_server()


def test_what_was_mailed_can_be_read(outside: AwsOutside, moto: MotoServer) -> None:
    mail = Mail(
        mail_id="job-1.completed",
        to="ada@example.org",
        subject="Your annotation is ready: père.vcf",
        text="It is ready, père.\n",
        html="<p>It is ready.</p>\n",
    )
    outside.mailer.send(mail)
    sent = moto.mails()[-1]
    assert (sent.mail_id, sent.to, sent.subject) == (mail.mail_id, mail.to, mail.subject)
    assert (sent.text.strip(), sent.html.strip()) == (mail.text.strip(), mail.html.strip())


def test_messages_published_and_finished_by_many_threads_all_arrive_once(
    outside: AwsOutside,
) -> None:
    ids = {f"job-{number}" for number in range(60)}
    inbox = outside.inbox(Queue.ANNOTATE)
    seen: list[str] = []

    def consume() -> None:
        while deliveries := inbox.receive():
            for delivery in deliveries:
                seen.append(Message.from_json(delivery.body).job_id)
                inbox.done(delivery)

    with ThreadPoolExecutor(8) as pool:
        published = [pool.submit(outside.topics.publish, a_message(job_id)) for job_id in ids]
        consumed = [pool.submit(consume) for _ in range(4)]
        for future in (*published, *consumed):
            future.result()
    consume()
    assert sorted(seen) == sorted(ids)


def test_of_many_claims_at_once_one_wins(outside: AwsOutside) -> None:
    outside.jobs.add(before := a_job("contested"))
    now = SystemClock().now()

    def claim(owner: str) -> bool:
        try:
            outside.jobs.move(before, before.claim(now, LEASE, owner))
        except StaleJobError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, [f"worker-{number}" for number in range(16)]))
    assert won.count(True) == 1


def test_the_environment_names_nothing_of_this_machine(moto: MotoServer) -> None:
    said = json.dumps(moto.environment)
    assert "127.0.0.1" in moto.environment["GAS_AWS_ENDPOINT"]
    assert "home" not in said


def test_the_provisioning_command_runs_as_a_process_and_twice_changes_nothing(
    moto: MotoServer,
) -> None:
    environment = {**inherited(), **ENVIRONMENT, **moto.environment, "GAS_RESOURCE_PREFIX": "other"}
    runs = [
        subprocess.run(
            [sys.executable, "-m", "util.provision"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert "made    table                   other-jobs" in runs[0]
    assert len(runs[0]) == len(runs[1])
    assert all(line.startswith("found ") for line in runs[1])


def test_a_server_ends_with_the_process_that_started_it() -> None:
    """So that a test run that is killed leaves no server behind."""
    script = """
import time
from tests.support.moto_server import moto_server
with moto_server() as server:
    print(server.process.pid, flush=True)
    time.sleep(120)
"""
    starter = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    with starter.stdout:
        server = int(starter.stdout.readline())
        starter.kill()
        starter.wait()
    until = time.monotonic() + 60
    while time.monotonic() < until and is_alive(server):
        time.sleep(0.1)
    assert not is_alive(server)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
