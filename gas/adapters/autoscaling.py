"""The annotators as an EC2 Auto Scaling group, and the queue they work off.

The queue is asked itself: CloudWatch's queue metrics come once a minute, and up to fifteen
minutes late when a queue wakes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gas.adapters.aws_errors import translated
from gas.domain.errors import ConfigurationError, OutageError
from gas.ports import Backlog

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from gas.adapters.aws_client import AutoScalingClient


class AutoScalingPool:
    """One group of machines and one queue."""

    def __init__(
        self, client: AutoScalingClient, sqs: SQSClient, *, group: str, queue_name: str
    ) -> None:
        self._client = client
        self._sqs = sqs
        self._group = group
        with translated():
            self._url = sqs.get_queue_url(QueueName=queue_name)["QueueUrl"]

    def backlog(self) -> Backlog:
        with translated():
            answer = self._sqs.get_queue_attributes(
                QueueUrl=self._url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesDelayed",
                    "ApproximateNumberOfMessagesNotVisible",
                ],
            )
        counts = answer["Attributes"]
        return Backlog(
            waiting=int(counts["ApproximateNumberOfMessages"])
            + int(counts["ApproximateNumberOfMessagesDelayed"]),
            running=int(counts["ApproximateNumberOfMessagesNotVisible"]),
        )

    def size(self) -> int:
        with translated():
            groups = self._client.describe_auto_scaling_groups(AutoScalingGroupNames=[self._group])
        found = groups["AutoScalingGroups"]
        if not found:
            raise ConfigurationError(f"there is no Auto Scaling group {self._group}")
        return int(str(found[0]["DesiredCapacity"]))

    def resize(self, machines: int) -> None:
        # An instance refresh or another change under way refuses for the moment.
        busy = OutageError(f"the group {self._group} is being changed")
        with translated({"ScalingActivityInProgress": busy, "ResourceContention": busy}):
            self._client.set_desired_capacity(
                AutoScalingGroupName=self._group, DesiredCapacity=machines, HonorCooldown=False
            )
