"""The door before the fake S3: the adapter's own forms and links pass, every forgery is refused."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from gas.adapters.aws import AwsOutside
from gas.ports import UploadForm

KEY = "gas/ada/job-1~sample.vcf"
TYPE = "application/octet-stream"
BACK = "https://gas.example.org/annotate/done?upload=job-1"
BODY = b"##fileformat=VCFv4.2\n"
MINUTE = timedelta(minutes=1)
ORIGIN = "https://gas.example.org"
FEW_SECONDS = 30


@pytest.fixture(scope="module")
def outside(connect_server: Callable[..., AwsOutside], door: str) -> AwsOutside:
    return connect_server(GAS_S3_PUBLIC_ENDPOINT=door)


@pytest.fixture
def form(outside: AwsOutside) -> UploadForm:
    return _form(outside)


def _form(outside: AwsOutside, *, max_bytes: int = 100, lives: timedelta = MINUTE) -> UploadForm:
    return outside.inputs.upload_form(
        KEY, max_bytes=max_bytes, content_type=TYPE, expires_in=lives, redirect_to=BACK
    )


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    code: str
    headers: dict[str, str]


def _post(form: UploadForm, body: bytes = BODY, **changes: str | None) -> Answer:
    fields = {**form.fields, **{name.replace("_", "-"): text for name, text in changes.items()}}
    sent = {name: text for name, text in fields.items() if text is not None}
    answer = requests.post(
        form.url,
        data=sent,
        files={"file": ("sample.vcf", body)},
        headers={"Origin": ORIGIN},
        allow_redirects=False,
        timeout=FEW_SECONDS,
    )
    _, _, rest = answer.text.partition("<Code>")
    return Answer(
        status=answer.status_code, code=rest.partition("<")[0], headers=dict(answer.headers)
    )


def test_the_adapters_own_form_uploads_and_sends_the_browser_back(
    outside: AwsOutside, form: UploadForm, door: str
) -> None:
    assert form.url.startswith(door)
    answer = _post(form)
    assert answer.status == 303
    info = outside.inputs.head(KEY)
    assert info.size == len(BODY)
    assert answer.headers["Location"] == (
        f"{BACK}&bucket=gas-inputs&key=gas%2Fada%2Fjob-1~sample.vcf&etag=%22{info.etag}%22"
    )
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("key", "gas/bob/job-1~sample.vcf"),
        ("key", "gas/ada/${filename}"),
        ("key", "gas/ada/../bob/x"),
        ("Content_Type", "text/html"),
        ("success_action_redirect", "https://evil.example.org/"),
        ("x_amz_server_side_encryption", "aws:kms"),
        ("acl", "public-read"),
        ("success_action_status", "201"),
    ],
)
def test_a_changed_or_added_field_is_refused(form: UploadForm, field: str, text: str) -> None:
    name = field if field.startswith("success") else field.replace("_", "-")
    changed = UploadForm(url=form.url, fields={**form.fields, name: text})
    answer = _post(changed)
    assert (answer.status, answer.code) == (403, "AccessDenied")


@pytest.mark.parametrize("name", ["Content-Type", "x-amz-server-side-encryption", "policy"])
def test_a_field_left_out_is_refused(form: UploadForm, name: str) -> None:
    fields = {field: text for field, text in form.fields.items() if field != name}
    answer = _post(UploadForm(url=form.url, fields=fields))
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_a_form_for_one_bucket_does_not_open_another(form: UploadForm) -> None:
    other = UploadForm(url=form.url.replace("gas-inputs", "gas-results"), fields=form.fields)
    assert _post(other).code == "AccessDenied"


def test_a_policy_rewritten_without_its_key_is_refused(form: UploadForm) -> None:
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    policy["conditions"] = [
        [name, least, 10**9] if name == "content-length-range" else condition
        for condition in policy["conditions"]
        for name, least in [condition[:2] if isinstance(condition, list) else ("", 0)]
    ]
    forged = base64.b64encode(json.dumps(policy).encode()).decode()
    answer = _post(form, b"x" * 200, policy=forged)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_an_unknown_access_key_is_refused(form: UploadForm) -> None:
    answer = _post(form, x_amz_credential="AKIA/20260101/us-east-1/s3/aws4_request")
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")


def test_a_file_may_be_as_large_as_the_limit_and_no_larger(outside: AwsOutside) -> None:
    assert _post(_form(outside, max_bytes=1000), b"x" * 1000).status == 303
    answer = _post(_form(outside, max_bytes=1000), b"x" * 1001)
    assert (answer.status, answer.code) == (400, "EntityTooLarge")
    answer = _post(_form(outside, max_bytes=1000), b"x" * 3_000_000)
    assert (answer.status, answer.code) == (400, "EntityTooLarge")


def test_an_empty_file_is_refused(form: UploadForm) -> None:
    answer = _post(form, b"")
    assert (answer.status, answer.code) == (400, "EntityTooSmall")


def test_an_expired_form_is_refused(outside: AwsOutside) -> None:
    form = _form(outside, lives=timedelta(seconds=1))
    time.sleep(2)
    answer = _post(form)
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_what_is_no_form_is_refused(form: UploadForm) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    broken = requests.post(form.url, data=b"nonsense", headers=kind, timeout=FEW_SECONDS)
    assert (broken.status_code, "MalformedPOSTRequest" in broken.text) == (400, True)
    empty = requests.post(form.url, data=b"--b--\r\n", headers=kind, timeout=FEW_SECONDS)
    assert (empty.status_code, "exactly one file" in empty.text) == (400, True)


def _put(outside: AwsOutside, folder: Path) -> None:
    (folder / "result").write_bytes(b"0123456789")
    outside.results.upload(
        folder / "result", KEY, content_type="application/gzip", file_name="old.vcf.gz"
    )


def test_the_adapters_own_link_downloads_under_its_name(
    outside: AwsOutside, tmp_path: Path
) -> None:
    _put(outside, tmp_path)
    link = outside.results.link(KEY, file_name='père "x".vcf.gz', expires_in=MINUTE)
    answer = requests.get(link, headers={"Origin": ORIGIN}, timeout=FEW_SECONDS)
    assert answer.content == b"0123456789"
    assert answer.headers["Content-Type"] == "application/gzip"
    assert answer.headers["Content-Disposition"].startswith(
        'attachment; filename="p_re _x_.vcf.gz"'
    )
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    part = requests.get(link, headers={"Range": "bytes=2-4"}, timeout=FEW_SECONDS)
    assert (part.status_code, part.content) == (206, b"234")


def test_a_link_expires_and_cannot_be_changed(outside: AwsOutside, tmp_path: Path) -> None:
    _put(outside, tmp_path)
    link = outside.results.link(KEY, file_name="x", expires_in=MINUTE)
    for forged in (
        link + "&response-content-type=text%2Fhtml",
        link.replace("ada", "bob"),
        link.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
    ):
        answer = requests.get(forged, timeout=FEW_SECONDS)
        assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)
    short = outside.results.link(KEY, file_name="x", expires_in=timedelta(seconds=1))
    time.sleep(2)
    answer = requests.get(short, timeout=FEW_SECONDS)
    assert (answer.status_code, "Request has expired" in answer.text) == (403, True)


def test_nobody_gets_in_without_a_signature(outside: AwsOutside, tmp_path: Path, door: str) -> None:
    _put(outside, tmp_path)
    assert requests.get(f"{door}/gas-results/{KEY}", timeout=FEW_SECONDS).status_code == 403
    assert requests.get(f"{door}/gas-results/", timeout=FEW_SECONDS).status_code == 403
    assert requests.put(f"{door}/gas-results/x", b"x", timeout=FEW_SECONDS).status_code == 403


@pytest.mark.parametrize(
    ("origin", "method", "status"),
    [(ORIGIN, "POST", 200), ("https://evil.example.org", "POST", 403), (ORIGIN, "DELETE", 403)],
)
def test_a_preflight_is_answered_by_the_buckets_rules(
    outside: AwsOutside, door: str, origin: str, method: str, status: int
) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    answer = requests.options(f"{door}/gas-inputs", headers=headers, timeout=FEW_SECONDS)
    assert answer.status_code == status
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    assert allowed == (origin if status == 200 else None)
