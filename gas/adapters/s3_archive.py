"""The archive in S3's storage classes: an object is frozen and thawed where it lies.

A copy onto its own key in another class makes a new version; its version is the handle.  The
version that was copied from is dropped once the handle is recorded, and only versions as old as
that: what was restored since is newer.  S3 computes the SHA-256 of a copy of up to 5 GB; above,
the bytes are read and compared part by part, since a copy in parts has no checksum of the whole.
"""

from __future__ import annotations

import json
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from gas.adapters.aws_errors import translated
from gas.adapters.s3 import ENCRYPTION
from gas.adapters.s3_parts import base64_of, blocks, in_parts, missing, part_size
from gas.config import ArchiveClass
from gas.domain import names
from gas.domain.errors import (
    CapacityError,
    ConfigurationError,
    GasError,
    MalformedMessageError,
    ObjectChangedError,
)
from gas.domain.job import RetrievalTier
from gas.domain.message import Kind, Message
from gas.ports import Retrieval, RetrievalState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import StorageClassType
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, HeadObjectOutputTypeDef

    from gas.domain.job import StoredObject
    from gas.ports import ArchivedObject

SINGLE_COPY = 5 * 1024**3
"""Largest object that one CopyObject takes."""

COLD = frozenset(ArchiveClass)
AT_HAND = "GLACIER_IR"
"""The class whose objects can be read at once, and so cannot be restored."""


class _AdoptedError(GasError):
    """A retrieval of the object is under way already."""


class S3Archive:
    """The port ArchiveStore in the bucket of the results itself."""

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        *,
        storage_class: ArchiveClass,
        days: int,
        single_copy: int = SINGLE_COPY,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._class = storage_class
        self._days = days
        self._single_copy = single_copy

    def archive(self, stored: StoredObject) -> str:
        found = self._head(stored)
        if _class_of(found) in COLD:
            # A daemon that died before it recorded the handle has been here.
            return self._frozen(stored, found)
        return self._copy(stored, found, self._class.value)

    def drop_original(self, stored: StoredObject) -> None:
        versions = list(self._versions(stored))
        if stored.archive_id not in versions:
            return
        older = versions[versions.index(stored.archive_id) + 1 :]
        for version in older:
            with translated():
                self._client.delete_object(Bucket=self._bucket, Key=stored.key, VersionId=version)

    def start_retrieval(self, stored: StoredObject, tier: RetrievalTier) -> Retrieval:
        found = self._head(stored, stored.archive_id)
        retrieval_id = f"restore-{stored.archive_id}"
        if _class_of(found) == AT_HAND:
            return Retrieval(retrieval_id=retrieval_id)
        expedited = tier is RetrievalTier.EXPEDITED
        refused = CapacityError("no expedited retrievals at this moment")
        if expedited and _class_of(found) == ArchiveClass.DEEP_ARCHIVE:
            raise CapacityError("DEEP_ARCHIVE knows no expedited retrievals")
        conditions: dict[str, GasError] = {
            **missing(stored),
            "GlacierExpeditedRetrievalNotAvailable": refused,
            "RestoreAlreadyInProgress": _AdoptedError(),
        }
        try:
            with translated(conditions):
                self._client.restore_object(
                    Bucket=self._bucket,
                    Key=stored.key,
                    VersionId=str(stored.archive_id),
                    RestoreRequest={
                        "Days": self._days,
                        "GlacierJobParameters": {"Tier": tier.value},
                    },
                )
        except _AdoptedError:
            return Retrieval(retrieval_id=retrieval_id, is_adopted=True)
        return Retrieval(retrieval_id=retrieval_id)

    def status(self, stored: StoredObject) -> RetrievalState:
        found = self._head(stored, stored.archive_id)
        restore = found.get("Restore", "")
        if _class_of(found) == AT_HAND or 'ongoing-request="false"' in restore:
            return RetrievalState.READY
        return RetrievalState.UNDER_WAY if restore else RetrievalState.LOST

    def materialise(self, stored: StoredObject) -> None:
        there = self._head(stored)
        if _class_of(there) not in COLD and _holds(stored, there):
            return
        self._copy(stored, self._head(stored, stored.archive_id), "STANDARD")

    def delete(self, stored: StoredObject) -> None:
        if stored.archive_id:
            self.drop_original(stored)
            with translated():
                self._client.delete_object(
                    Bucket=self._bucket, Key=stored.key, VersionId=stored.archive_id
                )

    def listed(self, before: datetime) -> Iterator[ArchivedObject]:  # noqa: ARG002 - the port
        """Nothing: what is frozen lies in the results bucket, among the results."""
        return iter(())

    def remove(self, archived: ArchivedObject) -> None:
        """Nothing: nothing is listed."""

    def parse_event(self, body: str) -> Message | None:
        event = _json_of(body)
        if event.get("Event") == "s3:TestEvent":
            return None
        if "Records" not in event:
            return Message.from_json(body)
        try:
            # S3 sends one record a notification; the sweep would find the job of another.
            key = unquote_plus(event["Records"][0]["s3"]["object"]["key"])
        except (LookupError, TypeError) as error:
            raise MalformedMessageError("an S3 event names no object") from error
        return Message(
            kind=Kind.RETRIEVAL_DUE, job_id=names.job_id_of(key), user_id=names.user_id_of(key)
        )

    def _frozen(self, stored: StoredObject, found: HeadObjectOutputTypeDef) -> str:
        if not _holds(stored, found):
            raise ObjectChangedError(f"object {stored.key} does not hold the recorded bytes")
        return self._version_of(found)

    def _copy(
        self, stored: StoredObject, found: HeadObjectOutputTypeDef, storage_class: StorageClassType
    ) -> str:
        """Copy that very version onto its key in that class, verified; the new version."""
        if found["ContentLength"] != stored.size:
            raise ObjectChangedError(f"object {stored.key} is not as large as it was")
        source = self._version_of(found)
        if stored.size > self._single_copy:
            return self._copy_in_parts(stored, source, storage_class)
        with translated(missing(stored)):
            answer = self._client.copy_object(
                Bucket=self._bucket,
                Key=stored.key,
                CopySource={"Bucket": self._bucket, "Key": stored.key, "VersionId": source},
                StorageClass=storage_class,
                MetadataDirective="COPY",
                ServerSideEncryption="AES256",
                ChecksumAlgorithm="SHA256",
            )
        version = answer["VersionId"]
        if answer["CopyObjectResult"].get("ChecksumSHA256") != base64_of(stored.sha256):
            with translated():
                self._client.delete_object(Bucket=self._bucket, Key=stored.key, VersionId=version)
            raise ObjectChangedError(f"object {stored.key} does not hold the recorded bytes")
        return version

    def _copy_in_parts(
        self, stored: StoredObject, source: str, storage_class: StorageClassType
    ) -> str:
        size = part_size(stored.size)
        with translated(missing(stored)):
            body = self._client.get_object(Bucket=self._bucket, Key=stored.key, VersionId=source)[
                "Body"
            ]

        def send(upload_id: str) -> list[CompletedPartTypeDef]:
            parts: list[CompletedPartTypeDef] = []
            digest, start = sha256(), 0
            with translated():
                for number, block in enumerate(blocks(body.read, size), 1):
                    digest.update(block)
                    copied = self._client.upload_part_copy(
                        Bucket=self._bucket,
                        Key=stored.key,
                        UploadId=upload_id,
                        PartNumber=number,
                        CopySource={
                            "Bucket": self._bucket,
                            "Key": stored.key,
                            "VersionId": source,
                        },
                        CopySourceRange=f"bytes={start}-{start + len(block) - 1}",
                    )["CopyPartResult"]
                    expected = base64_of(sha256(block).hexdigest())
                    if copied.get("ChecksumSHA256", expected) != expected:
                        raise ObjectChangedError(f"a part of object {stored.key} was copied wrong")
                    parts.append(
                        {
                            "PartNumber": number,
                            "ETag": copied["ETag"],
                            "ChecksumSHA256": expected,
                        }
                    )
                    start += len(block)
            if (start, digest.hexdigest()) != (stored.size, stored.sha256):
                raise ObjectChangedError(f"object {stored.key} does not hold the recorded bytes")
            return parts

        return in_parts(
            self._client,
            self._bucket,
            stored,
            send,
            StorageClass=storage_class,
            ContentType=stored.content_type,
            ContentDisposition=names.attachment(stored.file_name),
            ServerSideEncryption=ENCRYPTION,
            Metadata={"sha256": stored.sha256},
        )

    def _head(self, stored: StoredObject, version: str | None = None) -> HeadObjectOutputTypeDef:
        head = partial(self._client.head_object, Bucket=self._bucket, Key=stored.key)
        chosen: dict[str, Any] = {} if version is None else {"VersionId": version}
        with translated(missing(stored)):
            return head(ChecksumMode="ENABLED", **chosen)

    def _version_of(self, found: HeadObjectOutputTypeDef) -> str:
        try:
            return found["VersionId"]
        except KeyError:
            raise ConfigurationError(f"bucket {self._bucket} keeps no versions") from None

    def _versions(self, stored: StoredObject) -> Iterator[str]:
        """Every version of exactly this key, the newest first."""
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=stored.key
        )
        answers = iter(pages)
        while True:
            with translated():
                answer = next(answers, None)
            if answer is None:
                return
            for row in answer.get("Versions", []):
                if row["Key"] == stored.key:
                    yield row["VersionId"]


def _class_of(found: HeadObjectOutputTypeDef) -> str:
    return found.get("StorageClass", "STANDARD")


def _holds(stored: StoredObject, found: HeadObjectOutputTypeDef) -> bool:
    """Whether S3 says that these are the recorded bytes; of parts it knows no sum of the whole.

    A copy in parts was compared with the record before it became visible, and says so itself.
    """
    if found["ContentLength"] != stored.size:
        return False
    return (
        found.get("ChecksumSHA256") == base64_of(stored.sha256)
        or found.get("Metadata", {}).get("sha256") == stored.sha256
    )


def _json_of(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MalformedMessageError("a notice is no JSON object")
    return found
