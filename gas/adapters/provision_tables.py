"""The DynamoDB tables, their indexes, and how long they keep things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gas.adapters.aws_errors import translated
from gas.adapters.dynamodb_jobs import BY_USER, UNFINISHED, UNFINISHED_OF_USER, WATCHED
from gas.adapters.dynamodb_outbox import UNSENT
from gas.adapters.dynamodb_uploads import BY_EXPIRY
from gas.domain.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeDefinitionTypeDef,
        GlobalSecondaryIndexTypeDef,
        KeySchemaElementTypeDef,
        TableDescriptionTypeDef,
    )

    from gas.adapters.aws_names import Names
    from gas.adapters.provision_report import Report

NUMBERS = frozenset({"submit_time", "look_at", "written_at", "expires_at"})
"""Key attributes that are numbers; every other one is a string."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index by one attribute, sorted by another; `whole` if it carries every attribute."""

    name: str
    by: str
    sorted_by: str
    whole: bool


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: its key, its indexes, and the attribute by which DynamoDB purges it, if any."""

    name: str
    key: str
    indexes: tuple[Index, ...]
    purged_by: str | None = None


def tables(names: Names) -> tuple[Table, ...]:
    """Every table of the service."""
    return (
        Table(
            name=names.jobs_table,
            key="job_id",
            indexes=(
                Index(name=BY_USER, by="user_id", sorted_by="submit_time", whole=False),
                Index(name=UNFINISHED, by="unfinished", sorted_by="submit_time", whole=False),
                Index(
                    name=UNFINISHED_OF_USER,
                    by="unfinished_user",
                    sorted_by="submit_time",
                    whole=False,
                ),
                Index(name=WATCHED, by="watched", sorted_by="look_at", whole=False),
            ),
        ),
        Table(
            name=names.outbox_table,
            key="message_id",
            indexes=(Index(name=UNSENT, by="unsent", sorted_by="written_at", whole=True),),
        ),
        Table(
            name=names.uploads_table,
            key="upload_id",
            indexes=(Index(name=BY_EXPIRY, by="pending", sorted_by="expires_at", whole=True),),
            purged_by="purge_at",
        ),
    )


def provision_tables(client: DynamoDBClient, names: Names, report: Report) -> None:
    """Make what is missing; raises ConfigurationError for a table with other keys."""
    for table in tables(names):
        _provision_table(client, table, report)
        if table.purged_by is not None:
            _provision_purge(client, table.name, table.purged_by, report)
        _provision_recovery(client, table.name, report)


def _provision_table(client: DynamoDBClient, table: Table, report: Report) -> None:
    try:
        with translated({"ResourceNotFoundException": NotFoundError()}):
            there = client.describe_table(TableName=table.name)["Table"]
    except NotFoundError:
        with translated():
            client.create_table(
                TableName=table.name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=_definitions(table),
                KeySchema=_schema(table.key),
                GlobalSecondaryIndexes=[_index(index) for index in table.indexes],
            )
            client.get_waiter("table_exists").wait(TableName=table.name)
        report.made("table", table.name)
        return
    if _shape(there) != _wanted_shape(table):
        raise ConfigurationError(
            f"table {table.name} is there with other keys or indexes: "
            "choose another GAS_RESOURCE_PREFIX, or move its records and delete it",
        )
    report.found("table", table.name)


def _provision_purge(client: DynamoDBClient, name: str, attribute: str, report: Report) -> None:
    with translated():
        answer = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if answer.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
            report.found("time to live", name)
            return
        client.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
        )
    report.made("time to live", name)


def _provision_recovery(client: DynamoDBClient, name: str, report: Report) -> None:
    with translated():
        answer = client.describe_continuous_backups(TableName=name)
        recovery = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        if recovery["PointInTimeRecoveryStatus"] == "ENABLED":
            report.found("point-in-time recovery", name)
            return
        client.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
    report.made("point-in-time recovery", name)


def _definitions(table: Table) -> Sequence[AttributeDefinitionTypeDef]:
    used = {table.key}
    for index in table.indexes:
        used |= {index.by, index.sorted_by}
    return [
        {"AttributeName": name, "AttributeType": "N" if name in NUMBERS else "S"}
        for name in sorted(used)
    ]


def _schema(by: str, sorted_by: str | None = None) -> list[KeySchemaElementTypeDef]:
    schema: list[KeySchemaElementTypeDef] = [{"AttributeName": by, "KeyType": "HASH"}]
    if sorted_by is not None:
        schema.append({"AttributeName": sorted_by, "KeyType": "RANGE"})
    return schema


def _index(index: Index) -> GlobalSecondaryIndexTypeDef:
    projection: Literal["ALL", "KEYS_ONLY"] = "ALL" if index.whole else "KEYS_ONLY"
    return {
        "IndexName": index.name,
        "KeySchema": _schema(index.by, index.sorted_by),
        "Projection": {"ProjectionType": projection},
    }


def _wanted_shape(table: Table) -> Mapping[str, object]:
    indexes = [_index(index) for index in table.indexes]
    return {
        "": _schema(table.key),
        **{
            index["IndexName"]: (index["KeySchema"], index["Projection"]["ProjectionType"])
            for index in indexes
        },
    }


def _shape(there: TableDescriptionTypeDef) -> Mapping[str, object]:
    return {
        "": there["KeySchema"],
        **{
            index["IndexName"]: (index["KeySchema"], index["Projection"]["ProjectionType"])
            for index in there.get("GlobalSecondaryIndexes", [])
        },
    }
