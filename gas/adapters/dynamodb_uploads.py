"""Pending uploads in DynamoDB, listed by the moment they expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gas.adapters.aws_errors import translated
from gas.adapters.dynamodb_items import (
    ONE_PARTITION,
    from_item,
    number_of,
    to_item,
    upload_attributes,
    upload_from,
)
from gas.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from gas.adapters.aws_names import Names
    from gas.domain.upload import PendingUpload

BY_EXPIRY = "by-expiry"


class DynamoDBUploads:
    """The uploads table."""

    def __init__(self, client: DynamoDBClient, names: Names) -> None:
        self._client = client
        self._table = names.uploads_table

    def add(self, upload: PendingUpload) -> None:
        with translated():
            self._client.put_item(TableName=self._table, Item=to_item(upload_attributes(upload)))

    def get(self, upload_id: str) -> PendingUpload:
        with translated():
            answer = self._client.get_item(
                TableName=self._table,
                Key={"upload_id": {"S": upload_id}},
                ConsistentRead=True,
            )
        if "Item" not in answer:
            raise NotFoundError("no such upload")
        return upload_from(from_item(answer["Item"]))

    def remove(self, upload_id: str) -> None:
        with translated():
            self._client.delete_item(TableName=self._table, Key={"upload_id": {"S": upload_id}})

    def expired(self, before: datetime) -> Iterator[PendingUpload]:
        answers = iter(
            self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=BY_EXPIRY,
                KeyConditionExpression="pending = :one AND expires_at < :before",
                ExpressionAttributeValues={
                    ":one": {"S": ONE_PARTITION},
                    ":before": {"N": str(number_of(before))},
                },
            )
        )
        while True:
            with translated():
                answer = next(answers, None)
            if answer is None:
                return
            yield from (upload_from(from_item(item)) for item in answer["Items"])
