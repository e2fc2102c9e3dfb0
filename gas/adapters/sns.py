"""Topics in SNS.  What is published carries ids only, never a user's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gas.adapters.aws_errors import translated

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from gas.adapters.aws_names import Names
    from gas.domain.message import Message


class SNSTopics:
    """Every topic of one deployment."""

    def __init__(self, client: SNSClient, names: Names) -> None:
        self._client = client
        self._names = names

    def publish(self, message: Message) -> None:
        # SNS hands the group on to standard queues, which are then fair between users: one who
        # submits thousands does not keep the others waiting.
        with translated():
            self._client.publish(
                TopicArn=self._names.topic_arn(message.topic),
                Message=message.to_json(),
                MessageGroupId=message.user_id,
            )
