"""Each process may do what it does, and nothing else.

What a process asks of its ports is read from its source; asking the same of the AWS adapters, over
an emulator that writes every call down, gives the rights it needs.  Its role must give exactly
those.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gas.adapters.aws import AwsOutside, connect_aws
from gas.adapters.memory import MemoryClock
from gas.adapters.scaling_aws import connect_scaling
from gas.config import Settings
from gas.domain.job import Progress
from gas.domain.message import Kind, Queue
from gas.ports import Inbox, Mail
from gas.relay import relay, relay_pending
from tests.builders import LEASE, NOW, a_job, a_message, an_upload
from tests.support.aws_calls import Need, allows, recorded
from tests.support.from_templates import Environment, build, settings_of
from tests.support.templates import stack

ROOT = Path(__file__).parents[3]
ENVIRONMENT = Environment()
WHERE = f"{ENVIRONMENT.region}:{ENVIRONMENT.account_id}"
KEY = "gas/ada/job-1~sample.vcf"

MACHINES_OWN = {
    # Not called by a process: by the installation and by gas-drain.
    "secretsmanager:GetSecretValue",
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "sts:AssumeRole",
}
UNSEEN = {
    # A transfer of several parts that fails is broken off; here none fails.
    "s3:AbortMultipartUpload",
    # The SDK fetches large objects without naming their version, small ones with it.
    "s3:GetObject",
    "s3:GetObjectVersion",
    # A setting says whether there is a vault; what is asked of one is seen in its contract.
    *(f"glacier:{action}" for action in ("ListJobs", "InitiateJob", "GetJobOutput")),
    "glacier:DeleteArchive",
}


class Process:
    """Asks of the AWS adapters what a process asks of its ports."""

    def __init__(self, outside: AwsOutside, folder: Path) -> None:
        self.outside = outside
        self.file = folder / "file.txt"
        self.file.write_text("text")
        self.taken = a_job().claim(NOW, LEASE, "worker-1")

    def web(self) -> None:
        out = self.outside
        out.uploads.add(an_upload())
        out.uploads.get("job-1")
        out.inputs.upload(self.file, KEY, content_type="text/plain", file_name="sample.vcf")
        out.inputs.head(KEY)
        out.jobs.add(a_job(), a_message())
        relay([a_message()], outbox=out.outbox, topics=out.topics)
        out.topics.publish(a_message(kind=Kind.ACCOUNT_UPGRADED))
        out.uploads.remove("job-1")
        job = out.jobs.get("job-1")
        out.jobs.of_user("ada", limit=5)
        list(out.jobs.unfinished())
        out.jobs.count_unfinished("ada", most=5)
        out.jobs.move(job, cancelled := job.cancel(NOW))
        out.results.head(self._stored())
        info = out.inputs.head(KEY)
        again = out.inputs.copy(info, KEY.replace("job-1", "job-3"))
        out.inputs.delete(again.key)
        list(out.results.keys("gas/"))
        out.results.delete(self._stored())
        out.jobs.delete(cancelled)
        out.jobs.add(a_job())

    def annotator(self) -> None:
        out = self.outside
        inbox = out.inbox(Queue.ANNOTATE)
        first, *_ = inbox.receive()
        inbox.depth()
        info = out.inputs.head(KEY)
        out.inputs.download(info, self.file)
        out.inputs.download(replace(info, version_id=None), self.file)
        job = out.jobs.get("job-1")
        out.jobs.move(job, self.taken)
        inbox.extend(first, LEASE)
        out.jobs.renew(self.taken, NOW + 2 * LEASE)
        out.jobs.report(self.taken, Progress(records=1, fraction=0.5))
        stored = self._stored()
        out.results.upload(self.file, stored, content_type="text/plain", file_name="a.vcf.gz")
        out.results.delete(stored)
        told = a_message(kind=Kind.JOB_FAILED)
        out.jobs.move(out.jobs.get("job-1"), self.taken.hand_back(NOW, 1), told)
        relay([told], outbox=out.outbox, topics=out.topics)
        inbox.release(first)
        (again,) = inbox.receive()
        inbox.bury(again, "nobody can read it")

    def notify(self) -> None:
        out = self.outside
        inbox = out.inbox(Queue.NOTIFY)
        job = out.jobs.get("job-1")
        out.jobs.move(job, self.taken)
        mail = Mail(mail_id="1", to="ada@example.org", subject="s", text="t", html="<p>t</p>")
        out.mailer.send(mail)
        # The loop of every daemon gives back, finishes, and buries what nobody can read.
        self._worked_off(inbox)
        (unreadable,) = inbox.receive()
        inbox.bury(unreadable, "nobody can read it")

    def sweep(self) -> None:
        out = self.outside
        relay_pending(NOW + timedelta(days=1), outbox=out.outbox, topics=out.topics)
        out.topics.publish(a_message(kind=Kind.JOB_FAILED))
        job = out.jobs.get("job-1")
        list(out.jobs.unfinished())
        list(out.jobs.to_look_at(NOW + timedelta(days=1)))
        for kind in (Kind.ARCHIVE_DUE, Kind.RETRIEVAL_DUE, Kind.ACCOUNT_UPGRADED):
            out.topics.publish(a_message(kind=kind))
        list(out.archives.listed(NOW))
        out.jobs.move(job, self.taken, a_message(kind=Kind.JOB_FAILED))
        list(out.uploads.expired(NOW + timedelta(days=1)))
        out.uploads.remove("job-1")
        out.inputs.delete(KEY)
        list(out.results.keys("gas/"))
        out.results.delete(self._stored())
        for queue in set(Queue) - {Queue.NOTIFY}:
            out.inbox(queue).depth()
        self._worked_off(out.dead_inbox(Queue.ANNOTATE))
        out.dead_inbox(Queue.NOTIFY).depth()

    def _worked_off(self, inbox: Inbox) -> None:
        (delivery,) = inbox.receive()
        inbox.release(delivery)
        (delivery,) = inbox.receive()
        inbox.done(delivery)

    def _stored(self) -> str:
        return "gas/ada/job-1~1~sample.annot.vcf.gz"


PORT_CALLS = {
    "web": (
        (
            *("web/annotate", "web/annotations", "web/guards.py", "web/health", "web/queue.py"),
            *("gas/erase.py", "web/plan"),
        ),
        (
            "inputs.copy inputs.delete inputs.head inputs.link inputs.upload inputs.upload_form "
            "jobs.add jobs.count_unfinished jobs.delete jobs.get jobs.move jobs.of_user "
            "jobs.unfinished results.delete results.head results.keys results.link "
            "topics.publish uploads.add uploads.get uploads.remove"
        ),
    ),
    "annotator": (
        ("ann/annotator.py", "ann/run.py", "ann/heartbeat.py", "ann/room.py"),
        (
            "inbox.bury inbox.depth inbox.done inbox.extend inbox.receive inbox.release "
            "inputs.download inputs.head jobs.get jobs.move jobs.renew jobs.report results.delete "
            "results.upload"
        ),
    ),
    "notify": (("util/notify.py",), "jobs.get jobs.move mailer.send"),
    "sweep": (
        ("util/sweep.py", "util/storage.py"),
        (
            "dead_mails.depth dead_requests.done dead_requests.release inputs.delete jobs.get "
            "jobs.move jobs.to_look_at jobs.unfinished requests.depth results.delete results.keys topics.publish "
            "uploads.expired uploads.remove"
        ),
    ),
}
"""What each process asks of its ports: where, and what."""

PORTS = (
    *("jobs", "topics", "uploads", "inputs", "results", "mailer", "inbox"),
    *("requests", "dead_requests", "dead_mails"),
)


@pytest.mark.parametrize("process", PORT_CALLS)
def test_what_is_tried_here_is_what_the_process_does(process: str) -> None:
    places, listed = PORT_CALLS[process]
    files = [
        path
        for place in places
        for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    pattern = rf"(?:outside|self)\._?({'|'.join(PORTS)})\.([a-z_]+)"
    done = {
        f"{port}.{method}"
        for path in files
        for port, method in re.findall(pattern, path.read_text())
        if method not in ("bucket", "queue")
    }
    assert done == set(listed.split()), (
        f"{process} asks other things of its ports now: try them here, in Process.{process}, "
        "and give its role in aws/stacks what that needs"
    )


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsOutside]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        build(ENVIRONMENT)
        _verify_sender()
        yield connect_aws(_settings(), MemoryClock())


def _verify_sender() -> None:
    ses = boto3.client("sesv2", region_name=ENVIRONMENT.region)
    ses.create_email_identity(EmailIdentity=ENVIRONMENT.mail_from)


def _settings() -> Settings:
    told = settings_of(ENVIRONMENT)
    secret = {"GAS_SECRET_KEY": "secret", "GAS_GLOBUS_CLIENT_SECRET": "secret"}
    return Settings.from_env(
        {**told, **secret, "DATABASE_URL": "sqlite://", "GAS_POLL_SECONDS": "1"}
    )


def _prepared(outside: AwsOutside, folder: Path) -> Process:
    """What other processes have done before, done outside the recording."""
    process = Process(outside, folder)
    name = process._stored()
    for _ in range(2):
        outside.results.upload(
            process.file, name, content_type="text/plain", file_name="sample.annot.vcf.gz"
        )
    return process


NEEDS: dict[str, Callable[[Process], None]] = {
    "web": Process.web,
    "annotator": Process.annotator,
    "notify": Process.notify,
    "sweep": Process.sweep,
}
SIGNED: dict[str, set[Need]] = {
    # Forms and links carry the rights of who signed them.
    "web": {
        ("s3:PutObject", f"arn:aws:s3:::gas-inputs-{ENVIRONMENT.account_id}/{KEY}"),
        ("s3:GetObject", f"arn:aws:s3:::gas-inputs-{ENVIRONMENT.account_id}/{KEY}"),
        ("s3:GetObject", f"arn:aws:s3:::gas-results-{ENVIRONMENT.account_id}/{KEY}"),
    },
}


@pytest.mark.parametrize("process", NEEDS)
def test_a_process_may_do_what_it_does_and_nothing_else(
    process: str, outside: AwsOutside, tmp_path: Path
) -> None:
    prepared = _prepared(outside, tmp_path)
    if process != "web":
        outside.inputs.upload(prepared.file, KEY, content_type="text/plain", file_name="a.vcf")
        outside.jobs.add(a_job(), a_message())
        outside.topics.publish(a_message())
        for _ in range(2):
            outside.topics.publish(a_message(kind=Kind.JOB_COMPLETED))
    if process == "sweep":
        outside.uploads.add(an_upload())
        for queue in (Queue.ANNOTATE, Queue.NOTIFY):
            (delivery,) = outside.inbox(queue).receive()
            outside.inbox(queue).bury(delivery, "nobody can read it")
    # Connected anew inside, so that looking queues up counts too.
    prepared.outside = connect_aws(_settings(), MemoryClock())
    with recorded(WHERE) as calls:
        NEEDS[process](prepared)
    _compare(process, calls.needs | SIGNED.get(process, set()))


def test_the_scaler_may_do_what_it_does_and_nothing_else(outside: AwsOutside) -> None:
    autoscaling = boto3.client("autoscaling", region_name=ENVIRONMENT.region)
    ec2 = boto3.client("ec2", region_name=ENVIRONMENT.region)
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.create_launch_template(
        LaunchTemplateName="gas", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.small"}
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="gas-annotator",
        MinSize=2,
        MaxSize=20,
        VPCZoneIdentifier=ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        LaunchTemplate={"LaunchTemplateName": "gas", "Version": "1"},
    )
    with recorded(WHERE) as calls:
        scaling = connect_scaling(_settings(), MemoryClock())
        scaling.pool.backlog()
        scaling.pool.resize(scaling.pool.size() + 1)
        scaling.gauges.show({"JobsWaiting": 1})
    _compare("scale", calls.needs)


def _compare(process: str, needs: set[Need]) -> None:
    statements = _statements(process)
    refused = {need for need in needs if not allows(statements, need)}
    assert not refused, f"{process} is not allowed {sorted(refused)}"
    spare = [
        (action, arn)
        for statement in statements
        for action in _list(statement["Action"])
        for arn in _list(statement["Resource"])
        if action not in MACHINES_OWN | UNSEEN
        and not any(
            allows([{**statement, "Action": [action], "Resource": [arn]}], need) for need in needs
        )
    ]
    assert not spare, f"{process} is allowed what it never does: {spare}"


def _statements(process: str) -> list[dict[str, Any]]:
    name = {"web": "web", "annotator": "workers"}.get(process, "services")
    found = stack(name)
    resolve = ENVIRONMENT.resolver(found)
    for role in found.of_type("AWS::IAM::Role").values():
        made = resolve(dict(role))
        if made["RoleName"] == f"gas-{process}-{ENVIRONMENT.region}":
            statements: list[dict[str, Any]] = made["Policies"][0]["PolicyDocument"]["Statement"]
            return statements
    raise AssertionError(f"no role for {process} in {name}.yaml")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
