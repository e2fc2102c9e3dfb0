"""Every call made to AWS in a block, as the IAM actions and resources that it needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

Need = tuple[str, str]
"""An IAM action and the ARN it is done to; "*" where the action takes no resource."""

READ = {"HeadObject", "GetObject"}
WRITE = {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"}
TRANSACTION = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}


@dataclass
class Calls:
    """What was needed; `where` is `region:account`."""

    where: str
    needs: set[Need] = field(default_factory=set)

    def note(self, service: str, operation: str, said: dict[str, Any]) -> None:
        """One call."""
        needs = {
            "dynamodb": self._dynamodb,
            "s3": self._s3,
            "sqs": self._sqs,
            "sns": lambda _, call: {("sns:Publish", call["TopicArn"])},
            "sesv2": self._ses,
            "autoscaling": self._autoscaling,
            "cloudwatch": lambda name, _: {(f"cloudwatch:{name}", "*")},
        }[service]
        self.needs |= needs(operation, said)

    def _dynamodb(self, operation: str, said: dict[str, Any]) -> set[Need]:
        if operation == "TransactWriteItems":
            return {
                (TRANSACTION[kind], self._table(item["TableName"]))
                for part in said["TransactItems"]
                for kind, item in part.items()
            }
        if operation == "BatchGetItem":
            return {("dynamodb:BatchGetItem", self._table(name)) for name in said["RequestItems"]}
        index = f"/index/{said['IndexName']}" if "IndexName" in said else ""
        return {(f"dynamodb:{operation}", self._table(said["TableName"]) + index)}

    def _s3(self, operation: str, said: dict[str, Any]) -> set[Need]:
        bucket = f"arn:aws:s3:::{said['Bucket']}"
        an_object = f"{bucket}/{said.get('Key', '')}"
        if operation in READ:
            version = "Version" if "VersionId" in said else ""
            # Without the right to list, what is missing looks forbidden.
            return {(f"s3:GetObject{version}", an_object), ("s3:ListBucket", bucket)}
        if operation in WRITE:
            return {("s3:PutObject", an_object)}
        if operation == "CopyObject":
            source = said["CopySource"]
            read = f"arn:aws:s3:::{source['Bucket']}/{source['Key']}"
            version = "Version" if "VersionId" in source else ""
            return {("s3:PutObject", an_object), (f"s3:GetObject{version}", read)}
        if operation == "DeleteObjects":
            return {
                (
                    "s3:DeleteObjectVersion" if "VersionId" in row else "s3:DeleteObject",
                    f"{bucket}/{row['Key']}",
                )
                for row in said["Delete"]["Objects"]
            }
        lists = {"ListObjectsV2": "s3:ListBucket", "ListObjectVersions": "s3:ListBucketVersions"}
        return {(lists[operation], bucket)}

    def _sqs(self, operation: str, said: dict[str, Any]) -> set[Need]:
        name = said.get("QueueName") or said["QueueUrl"].rpartition("/")[2]
        return {(f"sqs:{operation}", f"arn:aws:sqs:{self.where}:{name}")}

    def _ses(self, _: str, said: dict[str, Any]) -> set[Need]:
        domain = said["FromEmailAddress"].rpartition("@")[2]
        identity = f"arn:aws:ses:{self.where}:identity/{domain}"
        # A message sent as it is needs both (Service Authorization Reference, SES v2).
        return {("ses:SendEmail", identity), ("ses:SendRawEmail", identity)}

    def _autoscaling(self, operation: str, said: dict[str, Any]) -> set[Need]:
        if operation.startswith("Describe"):
            return {(f"autoscaling:{operation}", "*")}
        group = said["AutoScalingGroupName"]
        arn = f"arn:aws:autoscaling:{self.where}:autoScalingGroup:1:autoScalingGroupName/{group}"
        return {(f"autoscaling:{operation}", arn)}

    def _table(self, name: str) -> str:
        return f"arn:aws:dynamodb:{self.where}:table/{name}"


@contextmanager
def recorded(where: str) -> Iterator[Calls]:
    """Note every call of every client; what is signed for a browser counts as called."""
    calls = Calls(where)
    call = BaseClient._make_api_call

    def noted(client: Any, operation: str, said: dict[str, Any]) -> Any:
        calls.note(client.meta.service_model.service_name, operation, said)
        return call(client, operation, said)

    with patch.object(BaseClient, "_make_api_call", noted):
        yield calls


def allows(statements: list[dict[str, Any]], need: Need) -> bool:
    """Whether one of the statements allows it."""
    action, arn = need
    return any(
        action in _list(statement["Action"])
        and any(fnmatchcase(arn, pattern) for pattern in _list(statement["Resource"]))
        for statement in statements
        if statement["Effect"] == "Allow"
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
