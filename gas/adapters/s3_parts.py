"""Writing an S3 object whose bytes are known beforehand: verified before it becomes visible.

A part is as large as the object needs to stay within S3's 10,000 parts; small objects, which most
are, take one request.  Memory holds one part at a time.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from gas.adapters.aws_errors import translated
from gas.domain.errors import GasError, ObjectChangedError, ObjectNotFoundError, OutageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

    from gas.domain.job import StoredObject

MEBIBYTE = 1024 * 1024
PART = 16 * MEBIBYTE
MOST_PARTS = 10_000
READ = MEBIBYTE


def missing(stored: StoredObject) -> dict[str, GasError]:
    """What S3 says where the object is not."""
    absent = ObjectNotFoundError(f"no object {stored.key}")
    return {"404": absent, "NoSuchKey": absent, "NoSuchVersion": absent}


def base64_of(hexadecimal: str) -> str:
    """A checksum as S3 spells it."""
    return b64encode(bytes.fromhex(hexadecimal)).decode()


def part_size(size: int) -> int:
    """Bytes of a part of an object of that size: a power of two times 16 MiB."""
    part = PART
    while part * MOST_PARTS < size:
        part *= 2
    return part


def blocks(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    """The whole of a stream in blocks of that size, the last one shorter; at least one."""
    first = True
    while True:
        block = bytearray()
        while len(block) < size and (piece := read(min(READ, size - len(block)))):
            block += piece
        if not block and not first:
            return
        yield bytes(block)
        if len(block) < size:
            return
        first = False


def write(
    client: S3Client,
    bucket: str,
    stored: StoredObject,
    read: Callable[[int], bytes],
    **facts: Any,
) -> str:
    """Write what `read` gives to the object's key; its version.

    Raises ObjectChangedError where those are not the recorded bytes: then nothing was written.
    """
    if stored.size <= PART:
        body = next(blocks(read, PART + 1))
        _check(stored, len(body), sha256(body).hexdigest())
        with translated():
            answer = client.put_object(
                Bucket=bucket,
                Key=stored.key,
                Body=body,
                ChecksumSHA256=base64_of(stored.sha256),
                **facts,
            )
        return answer.get("VersionId", "")

    def send(upload_id: str) -> list[CompletedPartTypeDef]:
        parts: list[CompletedPartTypeDef] = []
        digest, size = sha256(), 0
        for number, block in enumerate(blocks(read, part_size(stored.size)), 1):
            digest.update(block)
            size += len(block)
            with translated():
                sent = client.upload_part(
                    Bucket=bucket,
                    Key=stored.key,
                    UploadId=upload_id,
                    PartNumber=number,
                    Body=block,
                    ChecksumSHA256=base64_of(sha256(block).hexdigest()),
                )
            parts.append(
                {
                    "PartNumber": number,
                    "ETag": sent["ETag"],
                    "ChecksumSHA256": base64_of(sha256(block).hexdigest()),
                }
            )
        _check(stored, size, digest.hexdigest())
        return parts

    return in_parts(client, bucket, stored, send, **facts)


def in_parts(
    client: S3Client,
    bucket: str,
    stored: StoredObject,
    send: Callable[[str], list[CompletedPartTypeDef]],
    **facts: Any,
) -> str:
    """One multipart upload, completed once `send` has sent and verified its parts; its version."""
    with translated():
        upload_id = client.create_multipart_upload(
            Bucket=bucket, Key=stored.key, ChecksumAlgorithm="SHA256", **facts
        )["UploadId"]
    try:
        parts = send(upload_id)
        with translated():
            answer = client.complete_multipart_upload(
                Bucket=bucket,
                Key=stored.key,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
            )
    except BaseException:
        # What cannot be thrown away now, the bucket's lifecycle throws away.
        with suppress(GasError), translated():
            client.abort_multipart_upload(Bucket=bucket, Key=stored.key, UploadId=upload_id)
        raise
    return answer.get("VersionId", "")


def _check(stored: StoredObject, size: int, digest: str) -> None:
    if size < stored.size:
        raise OutageError(f"object {stored.key} arrived short")
    if (size, digest) != (stored.size, stored.sha256):
        raise ObjectChangedError(f"object {stored.key} does not hold the recorded bytes")
