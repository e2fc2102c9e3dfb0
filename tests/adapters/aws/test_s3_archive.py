"""S3 as an archive: what S3 can answer that an emulator does not."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.core.models import botocore_stubber

from gas.adapters.aws import connect_aws
from gas.adapters.aws_client import AwsClients
from gas.adapters.clock import SystemClock
from gas.adapters.provision_aws import provision_aws
from gas.adapters.s3 import S3Files
from gas.adapters.s3_archive import S3Archive
from gas.config import ArchiveClass, Settings
from gas.domain.errors import CapacityError, MalformedMessageError, OutageError
from gas.domain.job import ObjectKind, RetrievalTier, StoredObject
from gas.domain.message import Kind, Message
from gas.ports import RetrievalState
from tests.adapters.worlds.aws import aws_settings

KEY = "gas/ada/job-1~1~sample.annot.vcf.gz"
FAILED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"""


@pytest.fixture
def settings() -> Iterator[Settings]:
    with mock_aws():
        settings = aws_settings()
        provision_aws(settings)
        yield settings


@pytest.fixture
def files(settings: Settings) -> S3Files:
    return connect_aws(settings, SystemClock()).results


def archive(settings: Settings, storage_class: str = "GLACIER", client: Any = None) -> S3Archive:
    return S3Archive(
        client or AwsClients(settings).s3(),
        settings.results_bucket,
        storage_class=ArchiveClass(storage_class),
        days=1,
    )


def put(files: S3Files, folder: Path, body: bytes = b"annotated") -> StoredObject:
    source = folder / "source"
    source.write_bytes(body)
    files.upload(source, KEY, content_type="application/gzip", file_name="a.vcf.gz")
    return StoredObject(
        kind=ObjectKind.ANNOTATED_VCF,
        key=KEY,
        file_name="a.vcf.gz",
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        content_type="application/gzip",
    )


def test_a_copy_that_fails_inside_a_200_leaves_the_source_as_it_was(
    settings: Settings, files: S3Files, tmp_path: Path
) -> None:
    stored = put(files, tmp_path)
    client = AwsClients(settings).s3()
    asked: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked.append(request.url)
        raw = Mock(stream=lambda: iter([FAILED]))
        return AWSResponse(request.url, 200, {"Content-Type": "application/xml"}, raw)

    # Without moto's own handler, which would see the request too.
    client.meta.events.unregister("before-send", botocore_stubber)
    client.meta.events.register("before-send.s3.CopyObject", answer)
    client.meta.events.register("before-send.s3.HeadObject", botocore_stubber)
    with pytest.raises(OutageError):
        archive(settings, client=client).archive(stored)
    assert asked
    assert files.read(KEY, length=100) == b"annotated"
    head = AwsClients(settings).s3().head_object(Bucket=settings.results_bucket, Key=KEY)
    assert "StorageClass" not in head


@pytest.mark.parametrize("storage_class", ArchiveClass)
def test_every_archive_class_is_legal_and_what_it_freezes_comes_back(
    settings: Settings, files: S3Files, tmp_path: Path, storage_class: ArchiveClass
) -> None:
    stored = put(files, tmp_path)
    archives = archive(settings, storage_class)
    frozen = replace(stored, archive_id=archives.archive(stored))
    archives.drop_original(frozen)
    head = AwsClients(settings).s3().head_object(Bucket=settings.results_bucket, Key=KEY)
    assert head["StorageClass"] == storage_class.value
    archives.start_retrieval(frozen, RetrievalTier.STANDARD)
    assert archives.status(frozen) is RetrievalState.READY
    archives.materialise(frozen)
    archives.delete(frozen)
    head = AwsClients(settings).s3().head_object(Bucket=settings.results_bucket, Key=KEY)
    assert "StorageClass" not in head
    assert head["ContentType"] == "application/gzip"
    assert "a.vcf.gz" in head["ContentDisposition"]
    assert files.read(KEY, length=100) == b"annotated"


def test_deep_archive_knows_no_expedited_retrieval(
    settings: Settings, files: S3Files, tmp_path: Path
) -> None:
    stored = put(files, tmp_path)
    archives = archive(settings, "DEEP_ARCHIVE")
    frozen = replace(stored, archive_id=archives.archive(stored))
    with pytest.raises(CapacityError):
        archives.start_retrieval(frozen, RetrievalTier.EXPEDITED)


def test_a_rerun_finds_what_an_interrupted_archiving_froze(
    settings: Settings, files: S3Files, tmp_path: Path
) -> None:
    stored = put(files, tmp_path)
    first = archive(settings).archive(stored)
    assert archive(settings).archive(stored) == first


def test_an_s3_event_names_the_job_of_its_key(settings: Settings) -> None:
    event = {"Records": [{"s3": {"object": {"key": "gas/ada%2Bx/job-1~1~a+b.vcf.gz"}}}]}
    assert archive(settings).parse_event(json.dumps(event)) == Message(
        kind=Kind.RETRIEVAL_DUE, job_id="job-1", user_id="ada+x"
    )


@pytest.mark.parametrize("body", ["", "[]", '{"Records": []}', '{"Records": [{"s3": 1}]}', "{}"])
def test_what_is_no_notice_is_malformed(settings: Settings, body: str) -> None:
    with pytest.raises(MalformedMessageError):
        archive(settings).parse_event(body)
