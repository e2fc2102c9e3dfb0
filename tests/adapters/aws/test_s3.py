"""What S3's own adapter promises beyond the port: policies, checksums, versions, broken answers."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from gas.adapters.aws import AwsOutside, connect_aws
from gas.adapters.clock import SystemClock
from gas.adapters.s3 import S3Files
from gas.config import Settings
from gas.domain.errors import ObjectChangedError, ObjectNotFoundError, OutageError
from gas.ports import ObjectInfo, UploadForm

KEY = "gas/ada/job-1~sample.vcf"
BACK = "https://gas.example.org/annotate/done"
MEBIBYTE = 1024 * 1024


def _form(files: S3Files, lives: timedelta = timedelta(minutes=5)) -> UploadForm:
    return files.upload_form(
        KEY,
        max_bytes=153_600,
        content_type="application/octet-stream",
        expires_in=lives,
        redirect_to=BACK,
    )


def _policy(form: UploadForm) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(base64.b64decode(form.fields["policy"]))
    return policy


def _put(files: S3Files, folder: Path, body: bytes, key: str = KEY) -> ObjectInfo:
    (folder / "source").write_bytes(body)
    return files.upload(
        folder / "source", key, content_type="application/gzip", file_name='a "b".vcf.gz'
    )


def test_every_field_of_a_form_stands_in_its_policy_exactly(outside: AwsOutside) -> None:
    form = _form(outside.inputs)
    conditions = _policy(form)["conditions"]
    exact = {
        name: value
        for condition in conditions
        if isinstance(condition, dict)
        for name, value in condition.items()
    }
    unchecked = {"policy", "x-amz-signature"}
    assert {name: exact.get(name) for name in form.fields.keys() - unchecked} == {
        name: value for name, value in form.fields.items() if name not in unchecked
    }
    assert exact["bucket"] == "gas-inputs"
    assert exact["key"] == KEY
    assert exact["x-amz-server-side-encryption"] == "AES256"
    lists = [condition for condition in conditions if isinstance(condition, list)]
    assert lists == [["content-length-range", 1, 153_600]]
    assert "acl" not in exact


def test_no_form_lives_longer_than_ten_minutes(outside: AwsOutside) -> None:
    policy = _policy(_form(outside.inputs, timedelta(hours=5)))
    until = datetime.fromisoformat(policy["expiration"])
    assert until - datetime.now(UTC) <= timedelta(minutes=10)


def test_forms_and_links_name_the_regions_own_host(settings: Settings) -> None:
    with mock_aws():
        for region in ("us-east-1", "eu-central-1"):
            outside = connect_aws(replace(settings, aws_region=region), SystemClock())
            form = _form(outside.inputs)
            link = outside.inputs.link(KEY, file_name="x", expires_in=timedelta(minutes=1))
            assert urlsplit(form.url).netloc == f"gas-inputs.s3.{region}.amazonaws.com"
            assert urlsplit(link).netloc == f"gas-inputs.s3.{region}.amazonaws.com"
            assert urlsplit(link).scheme == "https"


def test_browsers_are_sent_to_the_public_address(settings: Settings) -> None:
    with mock_aws():
        outside = connect_aws(
            replace(settings, s3_public_endpoint="https://s3.example.org"), SystemClock()
        )
        assert _form(outside.inputs).url == "https://s3.example.org/gas-inputs"
        link = outside.inputs.link(KEY, file_name="x", expires_in=timedelta(minutes=1))
        assert link.startswith("https://s3.example.org/gas-inputs/gas/ada/job-1~sample.vcf?")


def test_a_link_lives_as_long_as_it_is_told(outside: AwsOutside) -> None:
    for lives, said in ((timedelta(seconds=300), "300"), (timedelta(milliseconds=1), "1")):
        link = outside.results.link(KEY, file_name="père.vcf", expires_in=lives)
        query = parse_qs(urlsplit(link).query)
        assert query["X-Amz-Expires"] == [said]
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert query["response-content-disposition"] == [
            "attachment; filename=\"p_re.vcf\"; filename*=UTF-8''p%C3%A8re.vcf"
        ]


def test_what_is_uploaded_is_typed_named_encrypted_and_checked(
    outside: AwsOutside, tmp_path: Path
) -> None:
    body = b"0123456789"
    _put(outside.results, tmp_path, body)
    stored = boto3.client("s3", region_name="us-east-1").head_object(
        Bucket="gas-results", Key=KEY, ChecksumMode="ENABLED"
    )
    assert stored["ContentType"] == "application/gzip"
    assert stored["ContentDisposition"].startswith("attachment;")
    assert stored["ServerSideEncryption"] == "AES256"
    assert stored["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()


def test_a_large_object_goes_and_comes_in_parts(outside: AwsOutside, tmp_path: Path) -> None:
    body = bytes(range(256)) * (17 * MEBIBYTE // 256)
    info = _put(outside.results, tmp_path, body)
    assert "-" in info.etag
    assert info.size == len(body)
    outside.results.download(info, tmp_path / "copy")
    assert hashlib.sha256((tmp_path / "copy").read_bytes()).digest() == (
        hashlib.sha256(body).digest()
    )


def test_the_frozen_version_is_what_is_downloaded(outside: AwsOutside, tmp_path: Path) -> None:
    frozen = _put(outside.inputs, tmp_path, b"first")
    newer = _put(outside.inputs, tmp_path, b"other")
    assert frozen.version_id != newer.version_id
    outside.inputs.download(frozen, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"first"
    assert outside.inputs.head(KEY, frozen.version_id) == frozen


def test_a_version_with_other_bytes_than_were_frozen_is_refused(
    outside: AwsOutside, tmp_path: Path
) -> None:
    frozen = _put(outside.inputs, tmp_path, b"first")
    for lie in (replace(frozen, etag="0" * 32), replace(frozen, size=4)):
        with pytest.raises(ObjectChangedError):
            outside.inputs.download(lie, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_an_object_replaced_between_look_and_fetch_is_not_what_is_fetched(
    outside: AwsOutside, tmp_path: Path
) -> None:
    unversioned = replace(_put(outside.inputs, tmp_path, b"first"), version_id=None)
    s3 = boto3.client("s3", region_name="us-east-1")

    def overwrite(**_: object) -> None:
        s3.put_object(Bucket="gas-inputs", Key=KEY, Body=b"other")

    outside.inputs._client.meta.events.register("before-call.s3.GetObject", overwrite)
    outside.inputs.download(unversioned, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"first"
    assert outside.inputs.head(KEY).etag != unversioned.etag


def test_deleting_leaves_no_version_and_no_marker_and_no_longer_key_is_touched(
    outside: AwsOutside, tmp_path: Path
) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    first = _put(outside.inputs, tmp_path, b"first")
    _put(outside.inputs, tmp_path, b"other")
    s3.delete_object(Bucket="gas-inputs", Key=KEY)
    _put(outside.inputs, tmp_path, b"third")
    _put(outside.inputs, tmp_path, b"a longer name", f"{KEY}.gz")
    outside.inputs.delete(KEY)
    left = s3.list_object_versions(Bucket="gas-inputs")
    assert [row["Key"] for row in left["Versions"]] == [f"{KEY}.gz"]
    assert "DeleteMarkers" not in left
    with pytest.raises(ObjectNotFoundError):
        outside.inputs.download(first, tmp_path / "copy")


def test_more_objects_than_one_answer_holds_are_all_listed(
    outside: AwsOutside, tmp_path: Path
) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    for number in range(1005):
        s3.put_object(Bucket="gas-inputs", Key=f"many/{number:04}", Body=b"")
    assert len(list(outside.inputs.keys("many/"))) == 1005


def test_versions_that_could_not_be_deleted_are_an_outage(
    outside: AwsOutside, tmp_path: Path
) -> None:
    _put(outside.inputs, tmp_path, b"first")
    answer = {"Errors": [{"Key": KEY, "VersionId": "v", "Code": "InternalError"}]}
    with _answering(outside.inputs, "DeleteObjects", answer), pytest.raises(OutageError):
        outside.inputs.delete(KEY)


def test_an_upload_that_fails_is_translated_and_leaves_nothing_half_written(
    outside: AwsOutside, tmp_path: Path
) -> None:
    failure = ClientError(
        {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}},  # type: ignore[typeddict-item]
        "UploadPart",
    )
    with _raising(outside.results, "UploadPart", failure), pytest.raises(OutageError):
        _put(outside.results, tmp_path, b"x" * (17 * MEBIBYTE))
    s3 = boto3.client("s3", region_name="us-east-1")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="gas-results")
    with pytest.raises(ObjectNotFoundError):
        outside.results.head(KEY)


def test_a_download_that_stalls_is_an_outage_and_leaves_no_file(
    outside: AwsOutside, tmp_path: Path
) -> None:
    info = _put(outside.inputs, tmp_path, b"first")
    stalled = ReadTimeoutError(endpoint_url="https://s3")
    with _raising(outside.inputs, "GetObject", stalled), pytest.raises(OutageError):
        outside.inputs.download(info, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@contextmanager
def _raising(files: S3Files, operation: str, error: Exception) -> Iterator[None]:
    def fail(**_: object) -> None:
        raise error

    events = files._client.meta.events
    events.register(f"before-call.s3.{operation}", fail)
    yield
    events.unregister(f"before-call.s3.{operation}", fail)


@contextmanager
def _answering(files: S3Files, operation: str, answer: dict[str, Any]) -> Iterator[None]:
    def say(parsed: dict[str, Any], **_: object) -> None:
        parsed.update(answer)

    events = files._client.meta.events
    events.register(f"after-call.s3.{operation}", say)
    yield
    events.unregister(f"after-call.s3.{operation}", say)
