"""A bucket: private, encrypted, versioned, reachable by the pages' own origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from gas.adapters.aws_errors import translated
from gas.domain.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType

    from gas.adapters.provision_report import Report
    from gas.config import Settings

OLDEST_REGION = "us-east-1"
"""The one region that CreateBucket does not take by name."""

KEPT_VERSIONS_DAYS = 30
"""How long an overwritten version stays: longer than any job waits for the input it froze."""

PRIVATE = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
OWNED = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
LIFECYCLE = [
    {
        "ID": "abort-unfinished-multipart-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
    {
        "ID": "expire-overwritten-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": KEPT_VERSIONS_DAYS},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    },
]


def cors_rules(base_url: str) -> list[dict[str, Any]]:
    """Scripts of our own pages, and of no others, may upload and read, ranges included."""
    parts = urlsplit(base_url)
    return [
        {
            "ID": "pages",
            "AllowedOrigins": [f"{parts.scheme}://{parts.netloc}"],
            "AllowedMethods": ["GET", "HEAD", "POST"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"],
            "MaxAgeSeconds": 3600,
        },
    ]


def provision_bucket(client: S3Client, bucket: str, settings: Settings, report: Report) -> None:
    """Make the bucket if it is missing, and bring each of its settings to what it should be."""
    _make(client, bucket, settings.aws_region, report)

    def ensure(what: str, read: Callable[[], object], wanted: object, write: Any) -> None:
        try:
            with translated(_unset()):
                there = read()
        except NotFoundError:
            there = None
        if there == wanted:
            report.found(what, bucket)
            return
        with translated():
            write(wanted)
        report.changed(what, bucket)

    ensure(
        "versioning",
        lambda: client.get_bucket_versioning(Bucket=bucket).get("Status"),
        "Enabled",
        lambda status: client.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": status}
        ),
    )
    ensure(
        "public access block",
        lambda: client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"],
        PRIVATE,
        lambda block: client.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration=block
        ),
    )
    ensure(
        "object ownership",
        lambda: client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"],
        OWNED,
        lambda owned: client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=owned),
    )
    ensure(
        "encryption",
        lambda: _encryption(client, bucket),
        ENCRYPTED,
        lambda rules: client.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration=rules
        ),
    )
    ensure(
        "cross-origin rules",
        lambda: client.get_bucket_cors(Bucket=bucket)["CORSRules"],
        cors_rules(settings.base_url),
        lambda rules: client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules}),
    )
    ensure(
        "lifecycle",
        lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"],
        LIFECYCLE,
        lambda rules: client.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": rules}
        ),
    )


def _make(client: S3Client, bucket: str, region: str, report: Report) -> None:
    foreign = ConfigurationError(
        f"bucket {bucket} belongs to somebody else: choose another name in GAS_INPUTS_BUCKET "
        "or GAS_RESULTS_BUCKET",
    )
    try:
        with translated({"404": NotFoundError(), "NoSuchBucket": NotFoundError(), "403": foreign}):
            client.head_bucket(Bucket=bucket)
    except NotFoundError:
        with translated({"BucketAlreadyExists": foreign}):
            if region == OLDEST_REGION:
                client.create_bucket(Bucket=bucket)
            else:
                place = cast("BucketLocationConstraintType", region)
                client.create_bucket(
                    Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": place}
                )
        report.made("bucket", bucket)
    else:
        report.found("bucket", bucket)


def _encryption(client: S3Client, bucket: str) -> object:
    """The rules in force, without what AWS adds to them by itself."""
    answer = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    return {
        "Rules": [
            {"ApplyServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]}
            for rule in answer["Rules"]
            if "ApplyServerSideEncryptionByDefault" in rule
        ],
    }


def _unset() -> dict[str, NotFoundError]:
    return {
        code: NotFoundError()
        for code in (
            "NoSuchCORSConfiguration",
            "NoSuchLifecycleConfiguration",
            "NoSuchPublicAccessBlockConfiguration",
            "OwnershipControlsNotFoundError",
            "ServerSideEncryptionConfigurationNotFoundError",
        )
    }
