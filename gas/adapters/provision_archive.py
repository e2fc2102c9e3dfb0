"""The archive: who may tell of retrievals, what S3 tells, and the vault where there is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gas.adapters.aws_errors import translated
from gas.config import ArchiveKind
from gas.domain.errors import NotFoundError
from gas.domain.message import Topic

if TYPE_CHECKING:
    from mypy_boto3_glacier import GlacierClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import EventType
    from mypy_boto3_s3.type_defs import TopicConfigurationTypeDef
    from mypy_boto3_sns import SNSClient

    from gas.adapters.aws_names import Names
    from gas.adapters.provision_report import Report
    from gas.config import Settings

RESTORED: list[EventType] = ["s3:ObjectRestore:Completed", "s3:ObjectRestore:Delete"]
"""What S3 is to tell of: an object is back, and one is gone again."""

TELLERS = ("glacier.amazonaws.com", "s3.amazonaws.com")


def provision_archive(
    s3: S3Client, sns: SNSClient, names: Names, settings: Settings, report: Report
) -> None:
    """Let S3 and Glacier publish what they retrieved, and have S3 do it."""
    arn = names.topic_arn(Topic.RETRIEVALS)
    policy = _policy(arn, names.account_id)
    with translated():
        there = sns.get_topic_attributes(TopicArn=arn)["Attributes"].get("Policy", "{}")
        if json.loads(there) == policy:
            report.found("topic policy", names.topic(Topic.RETRIEVALS))
        else:
            sns.set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(policy)
            )
            report.changed("topic policy", names.topic(Topic.RETRIEVALS))
    if settings.archive_store is not ArchiveKind.S3:
        return
    bucket = settings.results_bucket
    wanted: TopicConfigurationTypeDef = {
        "Id": "retrievals",
        "TopicArn": arn,
        "Events": RESTORED,
    }
    with translated():
        found = s3.get_bucket_notification_configuration(Bucket=bucket)
        if found.get("TopicConfigurations") == [wanted]:
            report.found("notification", bucket)
            return
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"TopicConfigurations": [wanted]}
        )
    report.changed("notification", bucket)


def provision_vault(glacier: GlacierClient, settings: Settings, report: Report) -> None:
    """Make the vault where results are to go to one."""
    if settings.archive_store is not ArchiveKind.VAULT:
        return
    try:
        with translated({"ResourceNotFoundException": NotFoundError()}):
            glacier.describe_vault(accountId="-", vaultName=settings.vault)
    except NotFoundError:
        with translated():
            glacier.create_vault(accountId="-", vaultName=settings.vault)
        report.made("vault", settings.vault)
    else:
        report.found("vault", settings.vault)


def _policy(arn: str, account_id: str) -> dict[str, object]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "RetrievalsOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": list(TELLERS)},
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
            },
            {
                "Sid": "OurDaemons",
                "Effect": "Allow",
                "Principal": {"AWS": account_id},
                "Action": ["sns:Publish", "sns:Subscribe"],
                "Resource": arn,
            },
        ],
    }
