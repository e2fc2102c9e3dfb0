"""The job table in DynamoDB.

A move writes only what it changes.  The lease and the progress are written beside the version by
a running job's heartbeat, so a move built on an older reading must not put old values back; a
claim, which begins another run, always writes both anew.

The indexes hold keys only, and the jobs themselves are then read from the table: a list is as
fresh as a single job, and a heartbeat costs no index write.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gas.adapters.aws_errors import translated
from gas.adapters.dynamodb_items import (
    ONE_PARTITION,
    from_item,
    job_attributes,
    job_from,
    number_of,
    outbox_attributes,
    progress_item,
    to_item,
)
from gas.adapters.dynamodb_pages import Position
from gas.domain.errors import (
    AlreadyExistsError,
    GasError,
    JobNotFoundError,
    LostLeaseError,
    OutageError,
    StaleJobError,
)
from gas.domain.job import Status
from gas.ports import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
    )

    from gas.adapters.aws_names import Names
    from gas.adapters.dynamodb_items import Item
    from gas.adapters.dynamodb_pages import PageTokens
    from gas.domain.job import Job, Progress
    from gas.domain.message import Message
    from gas.ports import Clock

BY_USER = "by-user"
UNFINISHED = "unfinished"
UNFINISHED_OF_USER = "unfinished-of-user"
WATCHED = "watched"

BATCH = 100
"""Most keys that one BatchGetItem takes."""

READ_ROUNDS = 6
FIRST_PAUSE = 0.05
WRITE_ROUNDS = 4

CHANGED_BY_RUN = ("lease_until", "progress")


class _ConflictError(OutageError):
    """The item is part of another transaction at this moment."""


class DynamoDBJobs:
    """The job table."""

    def __init__(
        self, client: DynamoDBClient, names: Names, *, pages: PageTokens, clock: Clock
    ) -> None:
        self._client = client
        self._table = names.jobs_table
        self._outbox_table = names.outbox_table
        self._pages = pages
        self._clock = clock

    def get(self, job_id: str) -> Job:
        with translated():
            answer = self._client.get_item(
                TableName=self._table, Key=_key(job_id), ConsistentRead=True
            )
        if "Item" not in answer:
            raise JobNotFoundError(f"no job {job_id}")
        return job_from(from_item(answer["Item"]))

    def add(self, job: Job, *messages: Message) -> None:
        exists = AlreadyExistsError(f"job {job.job_id} is there already")
        self._transact(
            {
                "Put": {
                    "TableName": self._table,
                    "Item": to_item(job_attributes(job)),
                    "ConditionExpression": "attribute_not_exists(job_id)",
                },
            },
            messages,
            refused=exists,
        )

    def move(self, before: Job, after: Job, *messages: Message) -> None:
        stale = StaleJobError(f"job {before.job_id} has moved on")
        change = self._change(before, after)
        try:
            if messages:
                self._transact({"Update": change}, messages, refused=stale)
            else:
                self._write(lambda: self._client.update_item(**change), refused=stale)
        except StaleJobError:
            # The write may have been made and only its answer lost; JobNotFoundError goes out.
            if not _is_written(after, self.get(before.job_id)):
                raise

    def renew(self, job: Job, leased_until: datetime) -> None:
        self._note(job, "lease_until", {"N": str(number_of(leased_until))})

    def report(self, job: Job, progress: Progress) -> None:
        self._note(job, "progress", progress_item(progress))

    def of_user(self, user_id: str, *, limit: int, token: str | None = None) -> Page:
        start = None if token is None else self._pages.open(token, user_id)
        keys = self._keys_of_user(user_id, start, limit + 1)
        shown = keys[:limit]
        more = len(keys) > limit
        return Page(
            jobs=self._read(shown),
            next_token=self._pages.seal(_position(shown[-1]), user_id) if more else None,
        )

    def unfinished(self) -> Iterator[Job]:
        condition = "unfinished = :one"
        jobs = self._indexed(UNFINISHED, condition, {":one": {"S": ONE_PARTITION}})
        # The index may lag: what has ended since is not unfinished.
        return (job for job in jobs if not job.is_terminal)

    def to_look_at(self, before: datetime) -> Iterator[Job]:
        jobs = self._indexed(
            WATCHED,
            "watched = :one AND look_at < :before",
            {":one": {"S": ONE_PARTITION}, ":before": {"N": str(number_of(before))}},
        )
        return (job for job in jobs if job.look_at is not None and job.look_at < before)

    def count_unfinished(self, user_id: str, *, most: int) -> int:
        with translated():
            answer = self._client.query(
                TableName=self._table,
                IndexName=UNFINISHED_OF_USER,
                KeyConditionExpression="unfinished_user = :user",
                ExpressionAttributeValues={":user": {"S": user_id}},
                Select="COUNT",
                Limit=most,
            )
        return answer["Count"]

    def delete(self, job: Job) -> None:
        stale = StaleJobError(f"job {job.job_id} has moved on")
        with translated({"ConditionalCheckFailedException": stale}):
            self._client.delete_item(
                TableName=self._table,
                Key=_key(job.job_id),
                ConditionExpression="attribute_not_exists(job_id) OR version = :version",
                ExpressionAttributeValues={":version": {"N": str(job.version)}},
            )

    def _change(self, before: Job, after: Job) -> UpdateTypeDef:
        old, new = to_item(job_attributes(before)), to_item(job_attributes(after))
        changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        changed.add("version")
        if after.attempt != before.attempt:
            changed.update(CHANGED_BY_RUN)
        aliases = {f"#{name}": name for name in sorted(changed)}
        kept = sorted(changed & new.keys())
        gone = sorted(changed - new.keys())
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in kept)
        if gone:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
        values: dict[str, AttributeValueTypeDef] = {f":{name}": new[name] for name in kept}
        values[":before"] = {"N": str(before.version)}
        return {
            "TableName": self._table,
            "Key": _key(before.job_id),
            "UpdateExpression": expression,
            "ConditionExpression": "#version = :before",
            "ExpressionAttributeNames": aliases,
            "ExpressionAttributeValues": values,
        }

    def _transact(
        self,
        write: TransactWriteItemTypeDef,
        messages: Sequence[Message],
        *,
        refused: GasError,
    ) -> None:
        """One transaction; the token makes the SDK's own retries of it one and the same write."""
        now = self._clock.now()
        puts: list[TransactWriteItemTypeDef] = [
            {
                "Put": {
                    "TableName": self._outbox_table,
                    "Item": to_item(outbox_attributes(message, now)),
                },
            }
            for message in messages
        ]
        token = str(uuid.uuid4())
        self._write(
            lambda: self._client.transact_write_items(
                TransactItems=[write, *puts], ClientRequestToken=token
            ),
            refused=refused,
        )

    def _indexed(
        self, index: str, condition: str, values: dict[str, AttributeValueTypeDef]
    ) -> Iterator[Job]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            PaginationConfig={"PageSize": BATCH},
        )
        answers = iter(pages)
        while True:
            with translated():
                answer = next(answers, None)
            if answer is None:
                return
            yield from self._read(answer["Items"])

    def _note(self, job: Job, name: str, value: AttributeValueTypeDef) -> None:
        lost = LostLeaseError(f"job {job.job_id}: attempt {job.attempt} no longer owns it")
        self._write(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=_key(job.job_id),
                UpdateExpression="SET #name = :value",
                ConditionExpression=(
                    "job_status = :running AND attempt = :attempt AND #owner = :owner"
                ),
                ExpressionAttributeNames={"#name": name, "#owner": "owner"},
                ExpressionAttributeValues={
                    ":value": value,
                    ":running": {"S": Status.RUNNING.value},
                    ":attempt": {"N": str(job.attempt)},
                    ":owner": {"S": job.owner or ""},
                },
            ),
            refused=lost,
        )

    def _write(self, write: Callable[[], object], *, refused: GasError) -> None:
        """Write under a condition, a few times where a transaction holds the item just then.

        A heartbeat and a move of the same job may meet; that is over in milliseconds, and must
        not look like an outage.
        """
        conflict = _ConflictError("another transaction holds the job")
        conditions = {
            "ConditionalCheckFailed": refused,
            "ConditionalCheckFailedException": refused,
            "TransactionConflict": conflict,
            "TransactionConflictException": conflict,
        }
        pause = FIRST_PAUSE
        for _ in range(WRITE_ROUNDS):
            try:
                with translated(conditions):
                    write()
            except _ConflictError:
                self._clock.sleep(pause)
                pause *= 2
            else:
                return
        raise conflict

    def _keys_of_user(self, user_id: str, start: Position | None, limit: int) -> list[Item]:
        """Index keys, newest first, from behind `start`; fewer than `limit` only at the end."""
        keys: list[Item] = []
        behind: dict[str, Any] = {}
        if start is not None:
            behind = {
                "ExclusiveStartKey": {
                    "user_id": {"S": user_id},
                    "submit_time": {"N": start.submit_time},
                    "job_id": {"S": start.job_id},
                },
            }
        while len(keys) < limit:
            with translated():
                answer = self._client.query(
                    TableName=self._table,
                    IndexName=BY_USER,
                    KeyConditionExpression="user_id = :user",
                    ExpressionAttributeValues={":user": {"S": user_id}},
                    ScanIndexForward=False,
                    Limit=limit - len(keys),
                    **behind,
                )
            keys += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                break
            behind = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return keys

    def _read(self, keys: Sequence[Item]) -> list[Job]:
        """The jobs of these index keys, in their order; what was deleted since is left out."""
        found: dict[str, Job] = {}
        for first in range(0, len(keys), BATCH):
            wanted = [{"job_id": key["job_id"]} for key in keys[first : first + BATCH]]
            for item in self._batch(wanted):
                job = job_from(from_item(item))
                found[job.job_id] = job
        ids = [key["job_id"]["S"] for key in keys]
        return [found[job_id] for job_id in ids if job_id in found]

    def _batch(self, wanted: Sequence[Item]) -> Iterator[Item]:
        pause = FIRST_PAUSE
        for _ in range(READ_ROUNDS):
            with translated():
                answer = self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": wanted, "ConsistentRead": True}}
                )
            yield from answer["Responses"].get(self._table, [])
            left = answer["UnprocessedKeys"].get(self._table)
            if left is None:
                return
            wanted = [dict(key) for key in left["Keys"]]
            self._clock.sleep(pause)
            pause *= 2
        raise OutageError(f"DynamoDB left {len(wanted)} of a batch unread")


def _key(job_id: str) -> Item:
    return {"job_id": {"S": job_id}}


def _position(key: Item) -> Position:
    return Position(submit_time=key["submit_time"]["N"], job_id=key["job_id"]["S"])


def _is_written(after: Job, stored: Job) -> bool:
    """Whether the table holds exactly this move, however far its run has come since."""
    return replace(stored, leased_until=after.leased_until, progress=after.progress) == after
