"""How this service reaches AWS: one session, and clients with timeouts, retries and a pool.

Clients are thread-safe and are shared by all threads of a process; the session they come from
is not, so every client is made at start.  Retries are the SDK's standard mode (exponential
backoff with jitter, and a quota that stops retry storms); adaptive mode would let one throttled
table slow every other call of the same client.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

import boto3
from botocore.config import Config

from gas.adapters.aws_errors import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_glacier import GlacierClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

    from gas.config import Settings

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
OBJECT_SECONDS = 30.0
"""How long an object transfer may stand still before it is resumed."""

LONGEST_POLL = 20
ATTEMPTS = 5
POOL = 50


class SesClient(Protocol):
    """The calls of SES (v2) that this service makes, whose types ship in a package of their own."""

    def send_email(
        self,
        *,
        FromEmailAddress: str,  # noqa: N803 - the SDK's own names
        Content: Mapping[str, Mapping[str, bytes]],  # noqa: N803 - as above
        EmailTags: Sequence[Mapping[str, str]],  # noqa: N803 - as above
    ) -> object:
        """Send one e-mail."""
        ...

    def get_email_identity(self, *, EmailIdentity: str) -> object:  # noqa: N803 - as above
        """Describe an address or domain to send from."""
        ...

    def create_email_identity(self, *, EmailIdentity: str) -> object:  # noqa: N803 - as above
        """Ask SES to verify an address or domain to send from."""
        ...


class AutoScalingClient(Protocol):
    """The two calls of EC2 Auto Scaling that this service makes."""

    def describe_auto_scaling_groups(
        self,
        *,
        AutoScalingGroupNames: Sequence[str],  # noqa: N803 - the SDK's own names
    ) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """What the groups are."""
        ...

    def set_desired_capacity(
        self,
        *,
        AutoScalingGroupName: str,  # noqa: N803 - as above
        DesiredCapacity: int,  # noqa: N803 - as above
        HonorCooldown: bool,  # noqa: N803 - as above
    ) -> object:
        """Ask for that many machines."""
        ...


class CloudWatchClient(Protocol):
    """The one call of CloudWatch that this service makes."""

    def put_metric_data(
        self,
        *,
        Namespace: str,  # noqa: N803 - the SDK's own names
        MetricData: Sequence[Mapping[str, object]],  # noqa: N803 - as above
    ) -> object:
        """Write points of metrics."""
        ...


class AwsClients:
    """Makes the clients of one process, all of one region and one endpoint."""

    def __init__(self, settings: Settings) -> None:
        self._session = _session(settings.aws_region)
        self._endpoint = settings.aws_endpoint or None
        self._public = settings.s3_public_endpoint or self._endpoint

    @property
    def partition(self) -> str:
        """First part of every ARN of the region: `aws`, `aws-cn`, `aws-us-gov`."""
        return self._session.get_partition_for_region(self._session.region_name)

    def dynamodb(self) -> DynamoDBClient:
        with translated():
            return self._session.client(
                "dynamodb", endpoint_url=self._endpoint, config=_config(READ_SECONDS)
            )

    def sns(self) -> SNSClient:
        with translated():
            return self._session.client(
                "sns", endpoint_url=self._endpoint, config=_config(READ_SECONDS)
            )

    def sqs(self) -> SQSClient:
        with translated():
            return self._session.client(
                "sqs",
                endpoint_url=self._endpoint,
                config=_config(LONGEST_POLL + READ_SECONDS),
            )

    def ses(self) -> SesClient:
        with translated():
            client = self._session.client(
                "sesv2", endpoint_url=self._endpoint, config=_config(READ_SECONDS)
            )
        return cast("SesClient", client)

    def glacier(self) -> GlacierClient:
        with translated():
            return self._session.client(
                "glacier", endpoint_url=self._endpoint, config=_config(OBJECT_SECONDS)
            )

    def autoscaling(self) -> AutoScalingClient:
        with translated():
            client = self._session.client(
                "autoscaling", endpoint_url=self._endpoint, config=_config(READ_SECONDS)
            )
        return cast("AutoScalingClient", client)

    def cloudwatch(self) -> CloudWatchClient:
        with translated():
            client = self._session.client(
                "cloudwatch", endpoint_url=self._endpoint, config=_config(READ_SECONDS)
            )
        return cast("CloudWatchClient", client)

    def s3(self) -> S3Client:
        """S3 as this process reaches it."""
        return self._s3(self._endpoint)

    def s3_public(self) -> S3Client:
        """S3 as a browser reaches it: for signing only."""
        return self._s3(self._public)

    def _s3(self, endpoint: str | None) -> S3Client:
        # An emulator has no bucket host names; AWS signs for the region's own host, because the
        # global one redirects, and a browser does not follow a redirected POST.
        signing = Config(
            signature_version="s3v4",
            s3={
                "addressing_style": "path" if endpoint else "virtual",
                "us_east_1_regional_endpoint": "regional",
            },
        )
        config = _config(OBJECT_SECONDS).merge(signing)
        with translated():
            return self._session.client("s3", endpoint_url=endpoint, config=config)


@cache
def _session(region: str) -> boto3.session.Session:
    """One session a process: it holds the credentials, and the service models, which are large."""
    with translated():
        return boto3.session.Session(region_name=region)


def _config(read_seconds: float) -> Config:
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=POOL,
        tcp_keepalive=True,
        user_agent_extra="gas",
    )
