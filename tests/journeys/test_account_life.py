"""From the first login to the end of the account: nothing is left in any store."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from gas.domain.account import Tier
from gas.domain.audit import Action
from gas.domain.errors import NotFoundError
from gas.wiring import connect_mail_box
from tests.support.deployment import BACKENDS, EXAMPLE, Deployment, deployment
from util.visitor import Visitor

SECONDS = 90.0
QUICK = {"GAS_UPLOAD_WINDOW_SECONDS": "10", "GAS_SWEEP_SECONDS": "1"}


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_erased_account_leaves_nothing_in_any_store(backend: str, tmp_path: Path) -> None:
    with deployment(backend, tmp_path, QUICK) as service:
        bob = service.visitor("Bob Other")
        kept = bob.submit(EXAMPLE)
        assert bob.wait(kept) == "COMPLETED"

        ada = Visitor(service.url, name="Ada Example")
        ada.sign_in()
        user_id = _user_id(service, ada)
        assert service.outside.accounts.get(user_id).consented_at is not None
        first = ada.submit(EXAMPLE, note="a private note")
        assert ada.wait(first) == "COMPLETED"
        ada.change_plan("upgrade")
        assert service.outside.accounts.get(user_id).tier is Tier.PREMIUM
        second = ada.submit(EXAMPLE)
        assert ada.wait(second) == "COMPLETED"
        ada.change_plan("downgrade")
        abandoned = ada.permit("abandoned.vcf", 100)
        assert ada.upload(abandoned, b"x" * 100).ok
        copy = json.loads(ada.get("/account/export.json").text)
        assert {job["job_id"] for job in copy["jobs"]} == {first, second}
        address = f"/annotations/{first}/files/annotated_vcf"
        assert ada.get(address).ok

        ada.post("/account/erase", {"confirm": "erase my account"})
        answer = ada.http.get(f"{service.url}{address}", timeout=SECONDS)
        assert "/login" in answer.url
        late = ada.upload(abandoned, b"y" * 100)
        assert late.status_code < 500
        _wait(lambda: _is_gone(service, user_id))

        assert _left(service, user_id) == []
        trail = service.outside.audit.of_user(user_id, limit=100)
        assert trail[0].action is Action.ACCOUNT_ERASED
        assert {event.action for event in trail} >= {
            Action.CONSENTED,
            Action.JOB_SUBMITTED,
            Action.RESULT_DOWNLOADED,
            Action.PLAN_CHANGED,
            Action.DATA_EXPORTED,
            Action.ERASURE_ASKED,
        }
        assert "example" not in repr(trail).lower()
        assert bob.fetch(kept, "annotated_vcf")[:2] == b"\x1f\x8b"

        ada.sign_in()
        assert first not in ada.get("/annotations").text
        assert service.outside.accounts.get(user_id).tier is Tier.FREE


def _left(service: Deployment, user_id: str) -> list[str]:
    """Whatever of the person any store still holds, as the store itself lists it."""
    outside = service.outside
    later = outside.clock.now() + timedelta(days=1)
    found = [
        info.key
        for files in (outside.inputs, outside.results)
        for info in files.keys("")
        if user_id in info.key
    ]
    found += [job.job_id for job in outside.jobs.of_user(user_id, limit=100).jobs]
    found += [each.upload_id for each in outside.uploads.expired(later) if each.user_id == user_id]
    found += [
        m.message_id
        for m in outside.outbox.pending(before=later, limit=1000)
        if m.user_id == user_id
    ]
    found += [each.handle for each in outside.sessions.of_user(user_id)]
    mail_box = connect_mail_box(service.settings)
    if mail_box is not None:
        found += [row.box_id for row in mail_box.list() if row.mail.to == "ada@example.org"]
        found += _on_disk(service.settings.home, user_id)
    if service.moto is not None:
        found += _in_tables_and_versions(service, user_id)
    return found


def _on_disk(home: Path, user_id: str) -> list[str]:
    """Files that hold the name of the person or, the audit trail and the logs apart, the id."""
    found = []
    for path in home.rglob("*"):
        if not path.is_file() or path.suffix in {".log", ".sqlite3-wal", ".sqlite3-shm"}:
            continue
        body = path.read_bytes()
        if b"ada@example.org" in body:
            found.append(f"{path.name}: e-mail")
        if user_id.encode() in body and path.name not in {"accounts.db", "service.sqlite3"}:
            found.append(f"{path.name}: id")
    return found


def _in_tables_and_versions(service: Deployment, user_id: str) -> list[str]:
    known = service.settings
    connect = {"endpoint_url": known.aws_endpoint, "region_name": known.aws_region}
    tables = boto3.client("dynamodb", **connect)
    found = []
    for name in tables.list_tables()["TableNames"]:
        items = tables.scan(TableName=name)["Items"]
        found += [f"{name}: {item}" for item in items if user_id in json.dumps(item)]
    objects = boto3.client("s3", **connect)
    for bucket in (known.inputs_bucket, known.results_bucket):
        answer = objects.list_object_versions(Bucket=bucket)
        rows = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
        found += [f"{bucket}: {row['Key']}" for row in rows if user_id in row["Key"]]
    return found


def _is_gone(service: Deployment, user_id: str) -> bool:
    try:
        service.outside.accounts.get(user_id)
    except NotFoundError:
        return True
    return False


def _user_id(service: Deployment, visitor: Visitor) -> str:
    for cookie in visitor.http.cookies:
        if cookie.name == "gas_session":
            return service.outside.sessions.get(cookie.value or "").user_id
    raise AssertionError("nobody is signed in")


def _wait(look: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
