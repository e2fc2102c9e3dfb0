"""The outbox table: written in one transaction with the jobs, read through an index by age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gas.adapters.aws_errors import translated
from gas.adapters.dynamodb_items import ONE_PARTITION, from_item, message_from, number_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from gas.adapters.aws_names import Names
    from gas.domain.message import Message

UNSENT = "unsent"


class DynamoDBOutbox:
    """Messages that wait to be published."""

    def __init__(self, client: DynamoDBClient, names: Names) -> None:
        self._client = client
        self._table = names.outbox_table

    def pending(self, *, before: datetime, limit: int) -> Sequence[Message]:
        found: list[Message] = []
        behind: dict[str, Any] = {}
        while len(found) < limit:
            with translated():
                answer = self._client.query(
                    TableName=self._table,
                    IndexName=UNSENT,
                    KeyConditionExpression="unsent = :one AND written_at < :before",
                    ExpressionAttributeValues={
                        ":one": {"S": ONE_PARTITION},
                        ":before": {"N": str(number_of(before))},
                    },
                    Limit=limit - len(found),
                    **behind,
                )
            found += [message_from(from_item(item)) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            behind = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return found

    def sent(self, message: Message) -> None:
        with translated():
            self._client.delete_item(
                TableName=self._table, Key={"message_id": {"S": message.message_id}}
            )
