"""One versioned bucket of S3: what a browser uploads, what the engine writes, what is downloaded.

A signed form names every one of its fields in its policy, so that a browser can change none.  A
job's input is read by the version frozen at submit, whose bytes can never change.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig, create_transfer_manager

from gas.adapters.aws_errors import translated
from gas.domain.errors import (
    GasError,
    ObjectChangedError,
    ObjectNotFoundError,
    OutageError,
)
from gas.domain.names import attachment
from gas.ports import ObjectInfo, UploadForm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        CopySourceTypeDef,
        HeadObjectOutputTypeDef,
        ObjectIdentifierTypeDef,
    )

FORM_LIMIT = timedelta(minutes=10)
"""Longest life of a signed form: it can be used many times until it expires."""

ENCRYPTION = "AES256"
MEBIBYTE = 1024 * 1024

TRANSFER = TransferConfig(
    multipart_threshold=16 * MEBIBYTE,
    multipart_chunksize=16 * MEBIBYTE,
    max_concurrency=4,
    num_download_attempts=5,
)
"""Four parts at a time; a part grows where 10,000 of them, S3's limit, would not do."""

DELETE_BATCH = 1000
"""Most versions that one DeleteObjects takes."""


class _BeyondEndError(GasError):
    """The object ends before the range begins."""


class S3Files:
    """One bucket.  `public` signs what a browser is given; it never sends a request."""

    def __init__(self, client: S3Client, public: S3Client, bucket: str) -> None:
        self._client = client
        self._public = public
        self._bucket = bucket

    @property
    def bucket(self) -> str:
        return self._bucket

    def upload_form(
        self,
        key: str,
        *,
        max_bytes: int,
        content_type: str,
        expires_in: timedelta,
        redirect_to: str | None,
    ) -> UploadForm:
        redirect = {} if redirect_to is None else {"success_action_redirect": redirect_to}
        fields = {
            **redirect,
            "Content-Type": content_type,
            "x-amz-server-side-encryption": ENCRYPTION,
        }
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        conditions.append(["content-length-range", 1, max_bytes])
        with translated():
            signed = self._public.generate_presigned_post(
                Bucket=self._bucket,
                Key=key,
                Fields=fields,
                Conditions=conditions,
                ExpiresIn=_whole_seconds(min(expires_in, FORM_LIMIT)),
            )
        return UploadForm(url=signed["url"], fields=signed["fields"])

    def head(self, key: str, version_id: str | None = None) -> ObjectInfo:
        with translated(_missing(key)):
            answer = self._client.head_object(Bucket=self._bucket, Key=key, **_version(version_id))
        return _info(key, answer)

    def download(self, info: ObjectInfo, to: Path) -> None:
        found = self.head(info.key, info.version_id)
        if (found.etag, found.size) != (info.etag, info.size):
            raise ObjectChangedError(f"object {info.key} is not the one that was submitted")
        # What was just looked at is what is fetched: a version's bytes never change.
        with translated(_missing(info.key)):
            self._client.download_file(
                Bucket=self._bucket,
                Key=info.key,
                Filename=str(to),
                ExtraArgs=_version(found.version_id),
                Config=TRANSFER,
            )
        if to.stat().st_size != info.size:
            to.unlink()
            raise OutageError(f"object {info.key} arrived short")

    def upload(self, source: Path, key: str, *, content_type: str, file_name: str) -> ObjectInfo:
        # By its path the file is read as it is sent, where an open file would be read ahead into
        # memory; and unlike `upload_file`, the manager's future raises what AWS said.
        with translated(), create_transfer_manager(self._client, TRANSFER) as manager:
            manager.upload(
                str(source),
                self._bucket,
                key,
                extra_args={
                    "ContentType": content_type,
                    "ContentDisposition": attachment(file_name),
                    "ServerSideEncryption": ENCRYPTION,
                    "ChecksumAlgorithm": "SHA256",
                },
            ).result()
        return self.head(key)

    def copy(self, info: ObjectInfo, key: str) -> ObjectInfo:
        found = self.head(info.key, info.version_id)
        if (found.etag, found.size) != (info.etag, info.size):
            raise ObjectChangedError(f"object {info.key} is not the one that was submitted")
        # One copy moves up to 5 GB, which is also the most that one signed form takes in.
        source: CopySourceTypeDef = {"Bucket": self._bucket, "Key": info.key}
        if found.version_id is not None:
            source["VersionId"] = found.version_id
        with translated(_missing(info.key)):
            self._client.copy_object(
                Bucket=self._bucket,
                Key=key,
                CopySource=source,
                CopySourceIfMatch=found.etag,
                MetadataDirective="COPY",
                ServerSideEncryption="AES256",
            )
        copied = self.head(key)
        if copied.size != info.size:
            raise OutageError(f"the copy of {info.key} has {copied.size} bytes")
        return copied

    def read(self, key: str, *, start: int = 0, length: int) -> bytes:
        beyond = _BeyondEndError(f"object {key} has no byte {start}")
        try:
            with translated({**_missing(key), "InvalidRange": beyond, "416": beyond}):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=key, Range=f"bytes={start}-{start + length - 1}"
                )
                return answer["Body"].read()
        except _BeyondEndError:
            return b""

    def link(self, key: str, *, file_name: str, expires_in: timedelta) -> str:
        # The content type is the one the object was stored with: nothing in a signed address
        # can be added or changed.
        with translated():
            return self._public.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentDisposition": attachment(file_name),
                },
                ExpiresIn=_whole_seconds(expires_in),
            )

    def delete(self, key: str) -> None:
        versions = list(self._versions(key))
        for first in range(0, len(versions), DELETE_BATCH):
            with translated():
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": versions[first : first + DELETE_BATCH], "Quiet": True},
                )
            if failed := answer.get("Errors"):
                code = failed[0].get("Code", "")
                raise OutageError(f"S3 kept {len(failed)} versions of {key}: {code}")

    def keys(self, prefix: str) -> Iterator[ObjectInfo]:
        answers = iter(
            self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
        )
        while True:
            with translated():
                answer = next(answers, None)
            if answer is None:
                return
            for row in answer.get("Contents", []):
                yield ObjectInfo(
                    key=row["Key"],
                    size=row["Size"],
                    etag=row["ETag"].strip('"'),
                    version_id=None,
                    modified_at=row["LastModified"],
                )

    def _versions(self, key: str) -> Iterator[ObjectIdentifierTypeDef]:
        """Every version and delete marker of exactly this key, which lists before longer keys."""
        answers = iter(
            self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=key
            )
        )
        while True:
            with translated():
                answer = next(answers, None)
            if answer is None:
                return
            rows = [
                (row["Key"], row["VersionId"])
                for row in (*answer.get("Versions", []), *answer.get("DeleteMarkers", []))
            ]
            for found, version_id in rows:
                if found == key:
                    yield {"Key": found, "VersionId": version_id}
            if any(found != key for found, _ in rows):
                return


def _missing(key: str) -> dict[str, GasError]:
    missing = ObjectNotFoundError(f"no object {key}")
    return {"404": missing, "NoSuchKey": missing, "NoSuchVersion": missing}


def _version(version_id: str | None) -> dict[str, Any]:
    return {} if version_id is None else {"VersionId": version_id}


def _info(key: str, answer: HeadObjectOutputTypeDef) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        version_id=answer.get("VersionId"),
        modified_at=answer["LastModified"],
    )


def _whole_seconds(duration: timedelta) -> int:
    return max(1, math.ceil(duration.total_seconds()))
