"""The archive in a Glacier vault, for accounts that had one before vaults were closed to others.

The handle is `<version of the original>/<archive id>`: dropping the original takes that version
and older ones, and never what was restored since; an archive's description is `<key>#<version>`.
Objects stream from bucket to vault and back, one part in memory at a time; a vault's own tree hash
guards each way, the recorded sha256 both.
"""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from gas.adapters.aws_errors import translated
from gas.adapters.s3 import ENCRYPTION
from gas.adapters.s3_parts import PART, blocks, missing, write
from gas.adapters.tree_hash import leaves_of, tree_hash
from gas.domain import names
from gas.domain.errors import (
    CapacityError,
    GasError,
    MalformedMessageError,
    NotFoundError,
    ObjectChangedError,
    ObjectNotFoundError,
    OutageError,
)
from gas.domain.message import Kind, Message
from gas.ports import ArchivedObject, Retrieval, RetrievalState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_glacier import GlacierClient
    from mypy_boto3_s3 import S3Client

    from gas.domain.job import RetrievalTier, StoredObject

OWN_ACCOUNT = "-"
S3_TEST = "s3:TestEvent"
"""S3 says this when its notifications are configured, whatever store is in use later."""

INVENTORY = "inventory of the archive"


class _GoneError(GasError):
    """The vault knows no such archive or job."""


class GlacierVault:
    """The port ArchiveStore in one vault."""

    def __init__(
        self,
        glacier: GlacierClient,
        s3: S3Client,
        *,
        bucket: str,
        vault: str,
        topic_arn: str,
    ) -> None:
        self._glacier = glacier
        self._s3 = s3
        self._bucket = bucket
        self._vault = vault
        self._topic_arn = topic_arn

    def archive(self, stored: StoredObject) -> str:
        with translated(missing(stored)):
            answer = self._s3.get_object(Bucket=self._bucket, Key=stored.key)
        if answer["ContentLength"] != stored.size:
            raise ObjectChangedError(f"object {stored.key} is not as large as it was")
        verified = _Verified(answer["Body"].read, stored)
        described = f"{stored.key}#{answer['VersionId']}"
        with translated(missing(stored)):
            if stored.size <= PART:
                archive_id = self._upload(described, verified)
            else:
                archive_id = self._upload_in_parts(described, verified)
        return f"{answer['VersionId']}/{archive_id}"

    def drop_original(self, stored: StoredObject) -> None:
        version = (stored.archive_id or "").partition("/")[0]
        for found in self._versions(stored, up_to=version):
            with translated():
                self._s3.delete_object(Bucket=self._bucket, Key=stored.key, VersionId=found)

    def start_retrieval(self, stored: StoredObject, tier: RetrievalTier) -> Retrieval:
        if stored.retrieval_id and self.status(stored) is not RetrievalState.LOST:
            return Retrieval(retrieval_id=stored.retrieval_id, is_adopted=True)
        refused = CapacityError("no expedited retrievals at this moment")
        with translated({**_absent(stored), "InsufficientCapacityException": refused}):
            started = self._glacier.initiate_job(
                accountId=OWN_ACCOUNT,
                vaultName=self._vault,
                jobParameters={
                    "Type": "archive-retrieval",
                    "ArchiveId": _archive_id(stored),
                    "Tier": tier.value,
                    "SNSTopic": self._topic_arn,
                    "Description": stored.key,
                },
            )
        return Retrieval(retrieval_id=started["jobId"])

    def status(self, stored: StoredObject) -> RetrievalState:
        if not stored.retrieval_id:
            return RetrievalState.LOST
        try:
            with translated({"ResourceNotFoundException": _GoneError()}):
                job = self._glacier.describe_job(
                    accountId=OWN_ACCOUNT, vaultName=self._vault, jobId=stored.retrieval_id
                )
        except _GoneError:
            return RetrievalState.LOST
        return {
            "InProgress": RetrievalState.UNDER_WAY,
            "Succeeded": RetrievalState.READY,
        }.get(job["StatusCode"], RetrievalState.LOST)

    def materialise(self, stored: StoredObject) -> None:
        with translated({"ResourceNotFoundException": _not_here(stored)}):
            body = self._glacier.get_job_output(
                accountId=OWN_ACCOUNT,
                vaultName=self._vault,
                jobId=str(stored.retrieval_id),
            )["body"]
        # Whatever breaks off the stream is an outage, as in any other request.
        with translated():
            write(
                self._s3,
                self._bucket,
                stored,
                body.read,
                ContentType=stored.content_type,
                ContentDisposition=names.attachment(stored.file_name),
                ServerSideEncryption=ENCRYPTION,
            )

    def delete(self, stored: StoredObject) -> None:
        if stored.archive_id:
            self._delete(_archive_id(stored))

    def listed(self, before: datetime) -> Iterator[ArchivedObject]:
        with translated():
            jobs = self._glacier.list_jobs(accountId=OWN_ACCOUNT, vaultName=self._vault)["JobList"]
        inventories = [job for job in jobs if job.get("Action") == "InventoryRetrieval"]
        ready = [job for job in inventories if job.get("StatusCode") == "Succeeded"]
        if not inventories:
            self._ask_for_inventory()
        for job in ready[-1:]:
            with translated():
                text = self._glacier.get_job_output(
                    accountId=OWN_ACCOUNT, vaultName=self._vault, jobId=job["JobId"]
                )["body"].read()
            for row in json.loads(text)["ArchiveList"]:
                if datetime.fromisoformat(row["CreationDate"]) < before:
                    key, _, version = row["ArchiveDescription"].rpartition("#")
                    yield ArchivedObject(
                        archive_id=f"{version}/{row['ArchiveId']}", job_id=names.job_id_of(key)
                    )

    def remove(self, archived: ArchivedObject) -> None:
        self._delete(archived.archive_id.partition("/")[2])

    def parse_event(self, body: str) -> Message | None:
        try:
            notice = json.loads(body)
        except ValueError:
            notice = None
        if not isinstance(notice, dict):
            raise MalformedMessageError("a notice is no JSON object")
        if "Action" not in notice:
            return None if notice.get("Event") == S3_TEST else Message.from_json(body)
        if notice["Action"] != "ArchiveRetrieval":
            return None
        key = notice.get("JobDescription")
        if not isinstance(key, str):
            raise MalformedMessageError("a notice of the vault names no object")
        return Message(
            kind=Kind.RETRIEVAL_DUE, job_id=names.job_id_of(key), user_id=names.user_id_of(key)
        )

    def _upload(self, described: str, verified: _Verified) -> str:
        body = next(blocks(verified.read, PART + 1))
        verified.check()
        answer = self._glacier.upload_archive(
            accountId=OWN_ACCOUNT,
            vaultName=self._vault,
            archiveDescription=described,
            checksum=tree_hash(leaves_of(body)),
            body=body,
        )
        return self._checked(answer["archiveId"], answer["checksum"], tree_hash(leaves_of(body)))

    def _upload_in_parts(self, described: str, verified: _Verified) -> str:
        upload_id = self._glacier.initiate_multipart_upload(
            accountId=OWN_ACCOUNT,
            vaultName=self._vault,
            archiveDescription=described,
            partSize=str(PART),
        )["uploadId"]
        try:
            leaves: list[bytes] = []
            start = 0
            for block in blocks(verified.read, PART):
                mine = leaves_of(block)
                self._glacier.upload_multipart_part(
                    accountId=OWN_ACCOUNT,
                    vaultName=self._vault,
                    uploadId=upload_id,
                    checksum=tree_hash(mine),
                    range=f"bytes {start}-{start + len(block) - 1}/*",
                    body=block,
                )
                leaves += mine
                start += len(block)
            verified.check()
            answer = self._glacier.complete_multipart_upload(
                accountId=OWN_ACCOUNT,
                vaultName=self._vault,
                uploadId=upload_id,
                archiveSize=str(start),
                checksum=tree_hash(leaves),
            )
        except BaseException:
            self._glacier.abort_multipart_upload(
                accountId=OWN_ACCOUNT, vaultName=self._vault, uploadId=upload_id
            )
            raise
        return self._checked(answer["archiveId"], answer["checksum"], tree_hash(leaves))

    def _checked(self, archive_id: str, there: str, wanted: str) -> str:
        if there != wanted:
            self._delete(archive_id)
            raise OutageError("the vault holds other bytes than it was sent")
        return archive_id

    def _delete(self, archive_id: str) -> None:
        try:
            with translated({"ResourceNotFoundException": _GoneError()}):
                self._glacier.delete_archive(
                    accountId=OWN_ACCOUNT, vaultName=self._vault, archiveId=archive_id
                )
        except _GoneError:
            return

    def _ask_for_inventory(self) -> None:
        # A vault that was never inventoried (its first day) has none to give.
        none_yet = NotFoundError("the vault has no inventory yet")
        try:
            with translated({"ResourceNotFoundException": none_yet}):
                self._glacier.initiate_job(
                    accountId=OWN_ACCOUNT,
                    vaultName=self._vault,
                    jobParameters={
                        "Type": "inventory-retrieval",
                        "Format": "JSON",
                        "Description": INVENTORY,
                    },
                )
        except NotFoundError:
            return

    def _versions(self, stored: StoredObject, *, up_to: str) -> list[str]:
        """That version of the original and the older ones; none where it is gone."""
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=stored.key
        )
        with translated():
            found = [
                row["VersionId"]
                for page in pages
                for row in page.get("Versions", [])
                if row["Key"] == stored.key
            ]
        return found[found.index(up_to) :] if up_to in found else []


class _Verified:
    """A stream that remembers what went through it."""

    def __init__(self, read: Callable[[int], bytes], stored: StoredObject) -> None:
        self._read = read
        self._stored = stored
        self._digest = sha256()
        self._size = 0

    def read(self, size: int) -> bytes:
        piece = self._read(size)
        self._digest.update(piece)
        self._size += len(piece)
        return piece

    def check(self) -> None:
        """Refuse other bytes than the recorded ones."""
        if (self._size, self._digest.hexdigest()) != (self._stored.size, self._stored.sha256):
            raise ObjectChangedError(f"object {self._stored.key} does not hold the recorded bytes")


def _archive_id(stored: StoredObject) -> str:
    return (stored.archive_id or "").partition("/")[2]


def _absent(stored: StoredObject) -> dict[str, GasError]:
    return {"ResourceNotFoundException": _not_here(stored)}


def _not_here(stored: StoredObject) -> ObjectNotFoundError:
    return ObjectNotFoundError(f"object {stored.key} is not in the archive")
