"""The main job, every process a real process: through boto3 on moto's server, and embedded."""

import gzip
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import requests

from gas.domain.job import ObjectKind
from tests.support.data import data_file
from tests.support.deployment import EXAMPLE, Deployment, SentMail
from util.visitor import VisitError, Visitor

T = TypeVar("T")


def _mail_about(service: Deployment, job_id: str) -> SentMail:
    return _eventually(
        lambda: next((mail for mail in service.mails() if job_id in mail.text), None)
    )


def _eventually(look: Callable[[], T | None], seconds: float = 60) -> T:
    end = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("name", ["example", pytest.param("free_1", marks=pytest.mark.data)])
def test_a_researcher_gets_an_upload_back_annotated(service: Deployment, name: str) -> None:
    path = EXAMPLE if name == "example" else data_file("anntools/data/free_1.vcf")
    ada = service.visitor("Ada Example")
    job_id = ada.submit(path, note="my first")
    assert ada.wait(job_id) == "COMPLETED"

    body = ada.fetch(job_id, "annotated_vcf")
    job = service.job(job_id)
    stored = job.object_of(ObjectKind.ANNOTATED_VCF)
    assert job.outcome is not None
    assert stored is not None
    assert (len(body), hashlib.sha256(body).hexdigest()) == (stored.size, stored.sha256)
    records = _records(gzip.decompress(body).decode())
    assert [record[:2] for record in records] == [
        record[:2] for record in _records(path.read_text())
    ]
    assert job.outcome.records == len(records)
    assert any("ANN=" in record[7] for record in records)

    assert f"Total: {len(records)}" in ada.log(job_id)
    assert job_id in ada.get("/annotations").text
    details = ada.get(f"/annotations/{job_id}").text
    assert stored.sha256 in details
    assert "my first" in details
    mail = _mail_about(service, job_id)
    assert mail.to == ada.email
    assert f"{service.url}/annotations/{job_id}" in mail.text
    assert ada.get(f"/annotations/{job_id}/input").content == path.read_bytes()
    for kind in (ObjectKind.INDEX, ObjectKind.TSV, ObjectKind.PROVENANCE, ObjectKind.CHECKSUMS):
        assert ada.fetch(job_id, kind.value)


def test_nobody_else_sees_a_job(service: Deployment) -> None:
    ada, bob = service.visitor("Ada Example"), service.visitor("Bob Other")
    job_id = ada.submit(EXAMPLE)
    assert ada.wait(job_id) == "COMPLETED"
    for path in ("", "/live", "/log", "/input", "/files/annotated_vcf"):
        answer = bob.http.get(f"{service.url}/annotations/{job_id}{path}", timeout=60)
        assert answer.status_code == 404, path
        anonymous = requests.get(f"{service.url}/annotations/{job_id}{path}", timeout=60)
        assert "/login" in anonymous.url, path
    assert job_id not in bob.get("/annotations").text


def test_a_file_that_is_no_vcf_fails_with_a_reason_and_a_mail(
    service: Deployment, tmp_path: Path
) -> None:
    path = tmp_path / "picture.vcf"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    ada = service.visitor("Ada Example")
    job_id = ada.submit(path)
    assert ada.wait(job_id) == "FAILED"
    failure = service.job(job_id).failure
    assert failure is not None
    assert failure.code == "not-a-vcf"
    assert failure.hint
    assert failure.text in ada.get(f"/annotations/{job_id}").text.replace("&#39;", "'")
    assert failure.code in ada.log(job_id)
    assert _mail_about(service, job_id)


def test_a_file_one_byte_over_the_limit_is_refused_everywhere(service: Deployment) -> None:
    ada = service.visitor("Ada Example")
    limit = service.settings.free_input_bytes
    refused = ada.permit("big.vcf", limit + 1)
    assert refused.status_code == 413
    permission = ada.permit("big.vcf", limit)
    store = ada.upload(permission, b"x" * (limit + 1))
    assert store.status_code in {400, 413}
    assert "EntityTooLarge" in store.text
    with pytest.raises(VisitError, match=r"answered (400|404)"):
        ada.hand_in(permission.json()["upload_id"])


def test_a_file_of_exactly_the_limit_is_taken(service: Deployment, tmp_path: Path) -> None:
    header = (
        b"##fileformat=VCFv4.2\n##reference=GRCh38\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    record = b"1\t%d\t.\tA\tG\t.\t.\t.\n"
    limit, body, pos = service.settings.free_input_bytes, header, 100000
    while len(body) + 100 < limit:
        body += record % pos
        pos += 7
    last = b"1\t%d\t.\tA\tG\t.\t.\tNOTE=" % pos
    path = tmp_path / "limit.vcf"
    path.write_bytes(body + last + b"x" * (limit - len(body) - len(last) - 1) + b"\n")
    assert path.stat().st_size == limit
    ada = service.visitor("Ada Example")
    assert ada.wait(ada.submit(path)) == "COMPLETED"


def test_an_empty_file_makes_no_job(service: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "empty.vcf"
    path.write_bytes(b"")
    ada = service.visitor("Eve Empty")
    with pytest.raises(VisitError, match=r"answered (400|404)"):
        ada.submit(path)
    assert not service.outside.jobs.of_user(_user_id(service, ada), limit=5).jobs


def test_a_repeated_submit_shows_the_same_job_and_a_forged_one_nothing(
    service: Deployment,
) -> None:
    ada, bob = service.visitor("Ada Example"), service.visitor("Bob Other")
    permission = ada.permit("sample.vcf", EXAMPLE.stat().st_size)
    upload_id = permission.json()["upload_id"]
    assert ada.upload(permission, EXAMPLE.read_bytes()).ok
    with pytest.raises(VisitError, match="answered 404"):
        bob.hand_in(upload_id)
    assert ada.hand_in(upload_id) == ada.hand_in(upload_id)
    assert ada.wait(upload_id) == "COMPLETED"
    mails = [mail for mail in service.mails() if upload_id in mail.text]
    assert len(mails) <= 1


def test_a_form_is_good_for_its_own_key_and_type_only(service: Deployment) -> None:
    ada = service.visitor("Ada Example")
    form = ada.permit("sample.vcf", 100).json()
    for change in (
        {"key": form["fields"]["key"].replace("~", "~x")},
        {"key": "../../etc/passwd"},
        {"Content-Type": "text/html"},
        {"acl": "public-read"},
    ):
        fields = [(name, (None, value)) for name, value in (form["fields"] | change).items()]
        answer = requests.post(form["url"], files=[*fields, ("file", ("f", b"x"))], timeout=60)
        assert answer.status_code == 403, change


@pytest.mark.parametrize(
    "name",
    [
        'it\'s "quoted".vcf',
        "a\r\nX-Evil: 1.vcf",
        "; rm -rf ~ `id` $(id).vcf",
        "../../../etc/passwd",
        "n" * 300 + ".vcf",
        "g\U0001f9ecnome \u202egnp.vcf",
        "=cmd|' /C calc'!A0.vcf",
        "{{7*7}}<img onerror=x>.vcf",
        "--opt.vcf",
    ],
)
def test_a_hostile_file_name_is_only_ever_shown(service: Deployment, name: str) -> None:
    ada = service.visitor("Ada Example")
    permission = ada.permit(name, EXAMPLE.stat().st_size)
    assert permission.ok
    assert ada.upload(permission, EXAMPLE.read_bytes()).ok
    job_id = ada.hand_in(permission.json()["upload_id"])
    assert ada.wait(job_id) == "COMPLETED"
    page = ada.get(f"/annotations/{job_id}").text
    assert "<img onerror" not in page
    answer = ada.get(f"/annotations/{job_id}/input")
    assert "X-Evil" not in answer.headers
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.content == EXAMPLE.read_bytes()
    assert ada.fetch(job_id, "annotated_vcf")[:2] == b"\x1f\x8b"


def _records(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if line and line[0] != "#"]


def _user_id(service: Deployment, visitor: Visitor) -> str:
    session = service.outside.sessions
    cookies = [cookie.value or "" for cookie in visitor.http.cookies]
    for value in cookies:
        try:
            return session.get(value).user_id
        except Exception:  # noqa: BLE001, S112 - the other cookies are not the session's
            continue
    raise AssertionError("nobody is signed in")
