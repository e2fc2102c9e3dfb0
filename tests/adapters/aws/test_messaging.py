"""Topics and queues on SNS and SQS, beyond the port."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gas.adapters.aws import AwsOutside, connect_aws
from gas.adapters.clock import SystemClock
from gas.config import Settings
from gas.domain.errors import LostLeaseError, OutageError
from gas.domain.message import Queue
from gas.ports import Delivery
from tests.builders import a_message

SECOND = timedelta(seconds=1)


def _sqs() -> Any:
    return boto3.client("sqs", region_name="us-east-1")


def _url(name: str) -> str:
    return str(_sqs().get_queue_url(QueueName=name)["QueueUrl"])


def _one(outside: AwsOutside, queue: Queue = Queue.ANNOTATE) -> Delivery:
    (delivery,) = outside.inbox(queue).receive()
    return delivery


def test_a_message_travels_raw_in_the_group_of_its_user(outside: AwsOutside) -> None:
    """Raw: the body is the envelope itself.  The group makes a standard queue fair to users."""
    outside.topics.publish(a_message())
    answer = _sqs().receive_message(
        QueueUrl=_url("gas-annotate"), MessageSystemAttributeNames=["All"]
    )
    (message,) = answer["Messages"]
    assert message["Body"] == a_message().to_json()
    assert message["Attributes"]["MessageGroupId"] == "ada"
    assert "MessageAttributes" not in message


def test_a_poll_waits_for_a_message_and_no_longer_than_sqs_allows(
    outside: AwsOutside, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    for poll, seconds in ((90 * SECOND, 20), (SECOND / 2, 1), (0 * SECOND, 0)):
        inbox = connect_aws(replace(settings, poll=poll), SystemClock()).inbox(Queue.ANNOTATE)
        monkeypatch.setattr(
            inbox._client, "receive_message", lambda **request: asked.append(request) or {}
        )
        assert not inbox.receive()
        assert asked[-1]["WaitTimeSeconds"] == seconds
        assert asked[-1]["VisibilityTimeout"] == 1
        assert asked[-1]["MaxNumberOfMessages"] == 1


def test_a_dead_letter_says_why_it_was_buried(outside: AwsOutside) -> None:
    for reason in ("line 1 is\nno \x00 envelope: \u4f60", ""):
        outside.topics.publish(a_message())
        outside.inbox(Queue.ANNOTATE).bury(_one(outside), reason)
    answer = _sqs().receive_message(
        QueueUrl=_url("gas-annotate-dead"),
        MaxNumberOfMessages=10,
        MessageAttributeNames=["reason"],
    )
    reasons = {
        message["MessageAttributes"]["reason"]["StringValue"] for message in answer["Messages"]
    }
    assert reasons == {"line 1 is?no ? envelope: ?", "no reason given"}


def test_a_message_is_hidden_for_twelve_hours_at_most(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.topics.publish(a_message())
    delivery = _one(outside)
    inbox = outside.inbox(Queue.ANNOTATE)
    asked: list[Any] = []
    monkeypatch.setattr(
        inbox._client, "change_message_visibility", lambda **request: asked.append(request)
    )
    inbox.extend(delivery, timedelta(days=2))
    inbox.extend(delivery, timedelta(milliseconds=1))
    inbox.release(delivery)
    assert [request["VisibilityTimeout"] for request in asked] == [43200, 1, 0]


def _failing(outside: AwsOutside, call: str, error: Exception, patch: pytest.MonkeyPatch) -> Any:
    inbox = outside.inbox(Queue.ANNOTATE)

    def fail(**_: object) -> None:
        raise error

    patch.setattr(inbox._client, call, fail)
    return inbox


def _refusal(code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}},  # type: ignore[typeddict-item]
        "ChangeMessageVisibility",
    )


@pytest.mark.parametrize(
    "code",
    [
        "AWS.SimpleQueueService.MessageNotInflight",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
    ],
)
def test_a_receipt_that_is_no_longer_ours_is_a_lost_lease(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    outside.topics.publish(a_message())
    delivery = _one(outside)
    inbox = _failing(outside, "change_message_visibility", _refusal(code), monkeypatch)
    with pytest.raises(LostLeaseError):
        inbox.extend(delivery, SECOND)
    inbox.release(delivery)
    _failing(outside, "delete_message", _refusal(code), monkeypatch)
    inbox.done(delivery)


def test_giving_back_during_an_outage_is_no_error(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outside.topics.publish(a_message())
    delivery = _one(outside)
    gone = EndpointConnectionError(endpoint_url="https://sqs")
    inbox = _failing(outside, "change_message_visibility", gone, monkeypatch)
    with caplog.at_level(logging.INFO):
        inbox.release(delivery)
    assert "a message could not be given back" in caplog.messages
    with pytest.raises(OutageError):
        inbox.extend(delivery, SECOND)


def test_a_dead_letter_that_cannot_be_written_leaves_the_message_where_it_is(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.topics.publish(a_message())
    delivery = _one(outside)
    inbox = _failing(outside, "send_message", _refusal("RequestThrottled"), monkeypatch)
    with pytest.raises(OutageError):
        inbox.bury(delivery, "nobody can read it")
    assert inbox.depth() == 1


def test_a_queue_is_reached_once_an_outage_at_the_start_is_over(
    outside: AwsOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.topics.publish(a_message())
    with monkeypatch.context() as outage:
        gone = EndpointConnectionError(endpoint_url="https://sqs")
        inbox = _failing(outside, "get_queue_url", gone, outage)
        with pytest.raises(OutageError):
            inbox.receive()
    assert len(inbox.receive()) == 1


def test_the_dead_letter_queue_is_not_polled_for_long(
    outside: AwsOutside, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep looks into every dead-letter queue, and nearly always finds it empty."""
    slow = connect_aws(replace(settings, poll=20 * SECOND), SystemClock())
    inbox = slow.dead_inbox(Queue.ANNOTATE)
    asked: list[Any] = []
    monkeypatch.setattr(
        inbox._client, "receive_message", lambda **request: asked.append(request) or {}
    )
    assert not inbox.receive()
    assert asked[0]["WaitTimeSeconds"] == 1
