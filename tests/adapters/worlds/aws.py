"""The AWS adapters over moto, in process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.botocore_stubber import BotocoreStubber

from gas.adapters.aws import connect_aws
from gas.adapters.aws_client import AwsClients
from gas.adapters.clock import SystemClock
from gas.adapters.provision_aws import provision_aws
from gas.config import Settings
from gas.domain.message import Queue
from tests.adapters.worlds import World
from tests.support.fair_sqs import make_sqs_fair

SECOND = timedelta(seconds=1)

ENVIRONMENT = {
    "GAS_BACKEND": "aws",
    "GAS_BASE_URL": "https://gas.example.org",
    "GAS_SECRET_KEY": "a secret of the tests",
    "DATABASE_URL": "sqlite://",
    "GAS_GLOBUS_CLIENT_ID": "client",
    "GAS_GLOBUS_CLIENT_SECRET": "secret",
    "GAS_AWS_ACCOUNT_ID": DEFAULT_ACCOUNT_ID,
    "GAS_LEASE_SECONDS": "1",
    "GAS_HEARTBEAT_SECONDS": "0.5",
    "GAS_POLL_SECONDS": "1",
    "GAS_MAX_RECEIVES": "3",
    "GAS_MAIL_FROM": "gas@example.org",
}


def aws_settings(**changes: str) -> Settings:
    """Settings for moto in process; a change is a whole environment variable."""
    return Settings.from_env({**ENVIRONMENT, **changes})


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Moto's tables are not made for threads: two conditional writes that meet may both pass."""
    lock, process = Lock(), BotocoreStubber.process_request

    def alone(self: BotocoreStubber, request: Any) -> Any:
        with lock:
            return process(self, request)

    with patch.object(BotocoreStubber, "process_request", alone):
        yield


@contextmanager
def aws_world(_folder: Path) -> Iterator[World]:
    # No long poll here: an empty one takes its whole time; it has a test of its own.
    settings = replace(aws_settings(), poll=timedelta(0))
    make_sqs_fair()
    with mock_aws(), _one_at_a_time():
        provision_aws(settings)
        outside = connect_aws(settings, SystemClock())
        sqs = AwsClients(settings).sqs()
        for said in outside.inbox(Queue.THAW).receive():
            # S3 tries a notification out when it is configured.
            outside.inbox(Queue.THAW).done(said)

        def dead_letters(queue: Queue) -> list[str]:
            url = sqs.get_queue_url(QueueName=f"{settings.resource_prefix}-{queue.value}-dead")
            answer = sqs.receive_message(
                QueueUrl=url["QueueUrl"], MaxNumberOfMessages=10, VisibilityTimeout=0
            )
            return [message["Body"] for message in answer.get("Messages", [])]

        yield World(
            clock=SystemClock(),
            jobs=outside.jobs,
            outbox=outside.outbox,
            topics=outside.topics,
            uploads=outside.uploads,
            files=outside.inputs,
            inbox=outside.inbox,
            dead_inbox=outside.dead_inbox,
            dead_letters=dead_letters,
            pass_time=lambda duration: time.sleep(duration.total_seconds()),
            visibility=SECOND,
            max_receives=settings.max_receives,
        )
