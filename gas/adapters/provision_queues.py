"""Topics, queues, dead-letter queues, and the subscriptions between them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from gas.adapters.aws_client import LONGEST_POLL
from gas.adapters.aws_errors import translated
from gas.domain.errors import ConfigurationError, NotFoundError
from gas.domain.message import SUBSCRIPTIONS, Queue, Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from gas.adapters.aws_names import Names
    from gas.adapters.provision_report import Report
    from gas.config import Settings

    Attributes = dict[QueueAttributeNameType, str]

DAY = 24 * 60 * 60
KEPT = 4 * DAY
KEPT_DEAD = 14 * DAY
"""A dead letter keeps the age it had, so its queue must keep it longer than the first one did."""


def provision_queues(
    sns: SNSClient, sqs: SQSClient, names: Names, settings: Settings, report: Report
) -> None:
    """Make what is missing, and bring what is there to what it should be."""
    for topic in Topic:
        _provision_topic(sns, names, topic, report)
    for queue in Queue:
        wanted = {
            names.undelivered(queue): _undelivered(names, queue),
            names.dead_letters(queue): _kept(KEPT_DEAD),
            names.queue(queue): _main(names, queue, settings),
        }
        for name, attributes in wanted.items():
            _provision_queue(sqs, name, attributes, report)
    for topic, queues in SUBSCRIPTIONS.items():
        for queue in queues:
            _provision_subscription(sns, names, topic, queue, report)


def _provision_topic(sns: SNSClient, names: Names, topic: Topic, report: Report) -> None:
    arn = names.topic_arn(topic)
    try:
        with translated({"NotFound": NotFoundError(), "NotFoundException": NotFoundError()}):
            sns.get_topic_attributes(TopicArn=arn)
    except NotFoundError:
        with translated():
            made = sns.create_topic(Name=names.topic(topic))["TopicArn"]
        if made != arn:
            raise ConfigurationError(
                f"the topic made is {made} and not {arn}: "
                "GAS_AWS_ACCOUNT_ID must be the account that the credentials belong to",
            ) from None
        report.made("topic", names.topic(topic))
    else:
        report.found("topic", names.topic(topic))


def _provision_queue(sqs: SQSClient, name: str, wanted: Attributes, report: Report) -> None:
    missing = NotFoundError()
    absent = {"AWS.SimpleQueueService.NonExistentQueue": missing, "QueueDoesNotExist": missing}
    try:
        with translated(absent):
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except NotFoundError:
        with translated():
            sqs.create_queue(QueueName=name, Attributes=wanted)
        report.made("queue", name)
        return
    with translated():
        there = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        if all(_same(there.get(key), value) for key, value in wanted.items()):
            report.found("queue", name)
            return
        sqs.set_queue_attributes(QueueUrl=url, Attributes=wanted)
    report.changed("queue", name)


def _provision_subscription(
    sns: SNSClient, names: Names, topic: Topic, queue: Queue, report: Report
) -> None:
    said = f"{names.topic(topic)} -> {names.queue(queue)}"
    arn, endpoint = names.topic_arn(topic), names.queue_arn(names.queue(queue))
    wanted = {
        "RawMessageDelivery": "true",
        "RedrivePolicy": json.dumps(
            {"deadLetterTargetArn": names.queue_arn(names.undelivered(queue))}
        ),
    }
    there = _subscription(sns, arn, endpoint)
    if there is None:
        with translated():
            sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint, Attributes=wanted)
        report.made("subscription", said)
        return
    with translated():
        attributes = sns.get_subscription_attributes(SubscriptionArn=there)["Attributes"]
        differing = [
            name for name, value in wanted.items() if not _same(attributes.get(name), value)
        ]
        for name in differing:
            sns.set_subscription_attributes(
                SubscriptionArn=there, AttributeName=name, AttributeValue=wanted[name]
            )
    (report.changed if differing else report.found)("subscription", said)


def _subscription(sns: SNSClient, topic_arn: str, endpoint: str) -> str | None:
    with translated():
        for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn):
            for subscription in page["Subscriptions"]:
                if subscription["Endpoint"] == endpoint:
                    return subscription["SubscriptionArn"]
    return None


def _main(names: Names, queue: Queue, settings: Settings) -> Attributes:
    dead = names.queue_arn(names.dead_letters(queue))
    return {
        **_kept(KEPT),
        "VisibilityTimeout": str(math.ceil(settings.lease.total_seconds())),
        "ReceiveMessageWaitTimeSeconds": str(
            min(math.ceil(settings.poll.total_seconds()), LONGEST_POLL)
        ),
        "RedrivePolicy": json.dumps(
            {"deadLetterTargetArn": dead, "maxReceiveCount": settings.max_receives}
        ),
        "Policy": _from_topics(names, names.queue(queue), queue),
    }


def _undelivered(names: Names, queue: Queue) -> Attributes:
    return {
        **_kept(KEPT_DEAD),
        "Policy": _from_topics(names, names.undelivered(queue), queue),
    }


def _kept(seconds: int) -> Attributes:
    return {"MessageRetentionPeriod": str(seconds), "SqsManagedSseEnabled": "true"}


def _from_topics(names: Names, name: str, queue: Queue) -> str:
    """Only the topics this queue is subscribed to may send; nobody outside the account may."""
    topics = [names.topic_arn(topic) for topic, queues in SUBSCRIPTIONS.items() if queue in queues]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "FromOurTopics",
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": names.queue_arn(name),
                "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
            },
        ],
    }
    return json.dumps(policy)


def _same(there: str | None, wanted: str) -> bool:
    """Whether two attribute values mean the same; policies come back in another spelling."""
    if there is None or not wanted.startswith("{"):
        return there == wanted
    return _plain(json.loads(there)) == _plain(json.loads(wanted))


def _plain(policy: Mapping[str, object]) -> Mapping[str, str]:
    """Numbers in a redrive policy come back as words from some, as numbers from others."""
    return {key: str(value) for key, value in policy.items()}
