"""The service on AWS: DynamoDB, S3, SNS, SQS and SES behind the ports."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial

from gas.adapters.aws_client import AwsClients
from gas.adapters.aws_names import Names
from gas.adapters.dynamodb_jobs import DynamoDBJobs
from gas.adapters.dynamodb_outbox import DynamoDBOutbox
from gas.adapters.dynamodb_pages import PageTokens
from gas.adapters.dynamodb_uploads import DynamoDBUploads
from gas.adapters.glacier_vault import GlacierVault
from gas.adapters.s3 import S3Files
from gas.adapters.s3_archive import S3Archive
from gas.adapters.ses import SESMailer
from gas.adapters.sns import SNSTopics
from gas.adapters.sqs import SQSInbox
from gas.config import ArchiveKind, Settings
from gas.domain.message import Queue, Topic
from gas.ports import ArchiveStore, Clock

DEAD_POLL = timedelta(seconds=1)
"""A sweep does not wait for dead letters; but a poll of nought asks only some of SQS's servers."""


@dataclass(frozen=True, kw_only=True)
class AwsOutside:
    """What AWS supplies, by port."""

    jobs: DynamoDBJobs
    outbox: DynamoDBOutbox
    topics: SNSTopics
    uploads: DynamoDBUploads
    inputs: S3Files
    results: S3Files
    archives: ArchiveStore
    mailer: SESMailer
    inbox: Callable[[Queue], SQSInbox]
    dead_inbox: Callable[[Queue], SQSInbox]


def names_of(settings: Settings, clients: AwsClients) -> Names:
    """What everything of this deployment is called."""
    return Names(
        prefix=settings.resource_prefix,
        partition=clients.partition,
        region=settings.aws_region,
        account_id=settings.aws_account_id,
    )


def connect_aws(settings: Settings, clock: Clock) -> AwsOutside:
    """Every AWS adapter, ready to use; makes no request yet."""
    clients = AwsClients(settings)
    names = names_of(settings, clients)
    dynamodb, s3, s3_public, sqs = (
        clients.dynamodb(),
        clients.s3(),
        clients.s3_public(),
        clients.sqs(),
    )

    @cache
    def inbox(queue: Queue, *, dead: bool = False) -> SQSInbox:
        poll = min(settings.poll, DEAD_POLL) if dead else settings.poll
        return SQSInbox(sqs, names, queue, poll=poll, visibility=settings.lease, dead=dead)

    return AwsOutside(
        jobs=DynamoDBJobs(dynamodb, names, pages=PageTokens(settings.secret_key), clock=clock),
        outbox=DynamoDBOutbox(dynamodb, names),
        topics=SNSTopics(clients.sns(), names),
        uploads=DynamoDBUploads(dynamodb, names),
        inputs=S3Files(s3, s3_public, settings.inputs_bucket),
        results=S3Files(s3, s3_public, settings.results_bucket),
        archives=_archives(settings, clients, names),
        mailer=SESMailer(clients.ses(), mail_from=settings.mail_from),
        inbox=inbox,
        dead_inbox=partial(inbox, dead=True),
    )


def _archives(settings: Settings, clients: AwsClients, names: Names) -> ArchiveStore:
    if settings.archive_store is ArchiveKind.VAULT:
        return GlacierVault(
            clients.glacier(),
            clients.s3(),
            bucket=settings.results_bucket,
            vault=settings.vault,
            topic_arn=names.topic_arn(Topic.RETRIEVALS),
        )
    return S3Archive(
        clients.s3(),
        settings.results_bucket,
        storage_class=settings.archive_class,
        days=settings.restored_days,
    )
