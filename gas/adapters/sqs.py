"""A standard queue of SQS, seen from the reading end.  Receipts are SQS's receipt handles."""

from __future__ import annotations

import logging
import math
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from gas.adapters.aws_client import LONGEST_POLL
from gas.adapters.aws_errors import translated
from gas.domain.errors import GasError, LostLeaseError, OutageError
from gas.ports import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

    from gas.adapters.aws_names import Names
    from gas.domain.message import Queue

log = logging.getLogger(__name__)

LONGEST_HIDDEN = timedelta(hours=12)
"""SQS hides a message no longer than this, counted from the moment it was received."""

REASON_LIMIT = 1000


class SQSInbox:
    """One queue and its dead-letter queue; with `dead`, the dead-letter queue itself."""

    def __init__(
        self,
        client: SQSClient,
        names: Names,
        queue: Queue,
        *,
        poll: timedelta,
        visibility: timedelta,
        dead: bool = False,
    ) -> None:
        self._client = client
        self._queue = queue
        self._name = names.dead_letters(queue) if dead else names.queue(queue)
        self._dead_name = names.dead_letters(queue)
        self._poll = min(_whole_seconds(poll), LONGEST_POLL)
        self._visibility = _whole_seconds(visibility)

    @property
    def queue(self) -> Queue:
        return self._queue

    # Asked at the first use, not at start: a daemon that starts during an outage waits for its
    # end in the loop, as one that was running does.
    @cached_property
    def _url(self) -> str:
        return _url(self._client, self._name)

    @cached_property
    def _dead_url(self) -> str:
        return _url(self._client, self._dead_name)

    def receive(self) -> Sequence[Delivery]:
        with translated():
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=self._poll,
                VisibilityTimeout=self._visibility,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [
            Delivery(
                body=message["Body"],
                received=int(message["Attributes"]["ApproximateReceiveCount"]),
                receipt=message["ReceiptHandle"],
            )
            for message in answer.get("Messages", [])
        ]

    def done(self, delivery: Delivery) -> None:
        try:
            with translated(_gone()):
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=delivery.receipt)
        except LostLeaseError:
            log.info("a message to be deleted was gone", extra={"queue": self._queue.value})

    def extend(self, delivery: Delivery, duration: timedelta) -> None:
        self._hide(delivery, duration)

    def release(self, delivery: Delivery, delay: timedelta = timedelta(0)) -> None:
        # A message that cannot be given back comes back by itself once it is visible again.
        try:
            self._hide(delivery, delay)
        except (LostLeaseError, OutageError):
            log.info("a message could not be given back", extra={"queue": self._queue.value})

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Write the dead letter, then delete: a stop between the two leaves a second letter."""
        with translated():
            self._client.send_message(
                QueueUrl=self._dead_url,
                MessageBody=delivery.body,
                MessageAttributes={
                    "reason": {"DataType": "String", "StringValue": _printable(reason)},
                },
            )
        self.done(delivery)

    def depth(self) -> int:
        with translated():
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesDelayed",
                    "ApproximateNumberOfMessagesNotVisible",
                ],
            )
        return sum(int(number) for number in answer["Attributes"].values())

    def _hide(self, delivery: Delivery, duration: timedelta) -> None:
        with translated(_gone()):
            self._client.change_message_visibility(
                QueueUrl=self._url,
                ReceiptHandle=delivery.receipt,
                VisibilityTimeout=_whole_seconds(min(duration, LONGEST_HIDDEN)),
            )


def _url(client: SQSClient, name: str) -> str:
    with translated():
        return client.get_queue_url(QueueName=name)["QueueUrl"]


def _gone() -> dict[str, GasError]:
    """What SQS says of a receipt that no longer stands for a message in flight.

    InvalidParameterValue is both its older word for that and its word for a message that has
    been hidden for twelve hours in all.
    """
    lost = LostLeaseError("the message is no longer ours")
    return {
        "AWS.SimpleQueueService.MessageNotInflight": lost,
        "InvalidParameterValue": lost,
        "InvalidParameterValueException": lost,
        "MessageNotInflight": lost,
        "ReceiptHandleIsInvalid": lost,
    }


def _whole_seconds(duration: timedelta) -> int:
    return max(0, math.ceil(duration.total_seconds()))


def _printable(reason: str) -> str:
    """The reason in printable ASCII, which every queue takes; never empty."""
    kept = "".join(
        char if char.isascii() and char.isprintable() else "?" for char in reason[:REASON_LIMIT]
    )
    return kept or "no reason given"
