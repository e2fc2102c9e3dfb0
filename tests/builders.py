"""Jobs, accounts and messages for tests: say only what the test is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gas.domain.account import Account, Tier
from gas.domain.job import Input, Job, ObjectKind, Outcome, StoredObject
from gas.domain.message import ABOUT_ACCOUNTS, Kind, Message
from gas.domain.upload import PendingUpload

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=120)


def a_job(job_id: str = "job-1", user_id: str = "ada", **changes: Any) -> Job:
    job = Job(
        job_id=job_id,
        user_id=user_id,
        input_file_name="sample.vcf",
        input=Input(
            bucket="inputs",
            key=f"gas/{user_id}/{job_id}~sample.vcf",
            size=100,
            etag="abc",
            version_id="v1",
        ),
        submitted_at=NOW,
    )
    return replace(job, **changes)


def an_outcome(job_id: str = "job-1", user_id: str = "ada", attempt: int = 1) -> Outcome:
    names = {
        ObjectKind.ANNOTATED_VCF: "sample.annot.vcf.gz",
        ObjectKind.INDEX: "sample.annot.vcf.gz.tbi",
        ObjectKind.TSV: "sample.annot.tsv.gz",
        ObjectKind.LOG: "sample.count.log",
    }
    return Outcome(
        results_bucket="results",
        objects=tuple(
            StoredObject(
                kind=kind,
                key=f"gas/{user_id}/{job_id}~{attempt}~{name}",
                file_name=name,
                size=10,
                sha256="0" * 64,
                content_type="text/plain; charset=utf-8",
            )
            for kind, name in names.items()
        ),
        assembly="GRCh38",
        records=3,
        rejected=0,
        engine="anntools 1",
        reference="bundled",
    )


def a_completed_job(job_id: str = "job-1", user_id: str = "ada", **changes: Any) -> Job:
    running = a_job(job_id, user_id).claim(NOW, LEASE, "worker-1")
    done = running.complete(NOW + timedelta(seconds=1), 1, an_outcome(job_id, user_id))
    return replace(done, **changes)


def an_account(user_id: str = "ada", tier: Tier = Tier.FREE, **changes: Any) -> Account:
    account = Account(
        user_id=user_id,
        name="Ada Example",
        email=f"{user_id}@example.org",
        tier=tier,
        created_at=NOW,
    )
    return replace(account, **changes)


def a_message(
    job_id: str = "job-1", kind: Kind = Kind.JOB_REQUESTED, user_id: str = "ada"
) -> Message:
    about = "" if kind in ABOUT_ACCOUNTS else job_id
    return Message(kind=kind, job_id=about, user_id=user_id)


def an_upload(upload_id: str = "job-1", user_id: str = "ada", **changes: Any) -> PendingUpload:
    upload = PendingUpload(
        upload_id=upload_id,
        user_id=user_id,
        key=f"gas/{user_id}/{upload_id}~sample.vcf",
        file_name="sample.vcf",
        max_bytes=153_600,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
    )
    return replace(upload, **changes)
