"""From a permitted upload to a job.  Nothing the browser says is believed but the upload's id."""

import logging
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from gas.config import Settings
from gas.domain.account import Account
from gas.domain.errors import (
    AlreadyExistsError,
    JobNotFoundError,
    NotFoundError,
    ObjectNotFoundError,
    QuotaError,
    RefusedError,
    TemporaryError,
    TooLargeError,
)
from gas.domain.job import Input, Job
from gas.domain.message import Kind, Message
from gas.domain.names import input_key
from gas.domain.upload import PendingUpload
from gas.ports import ObjectInfo, UploadForm
from gas.relay import relay
from gas.wiring import Outside
from web.filters import size_text

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/octet-stream"
EXAMPLE_NAME = "example.vcf"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the owner asks of one annotation."""

    assembly: str = "detect"
    note: str = ""


def permit_upload(
    account: Account,
    *,
    file_name: str,
    size: int | None,
    redirect_base: str | None,
    settings: Settings,
    outside: Outside,
) -> tuple[PendingUpload, UploadForm]:
    """Remember an upload and sign a form for it; raises RefusedError or TooLargeError.

    The store sends a browser without script to `redirect_base`/<upload id>.
    """
    limit = settings.plan.input_limit(account.tier)
    if size is not None:
        check_size(size, limit, most=settings.premium_post_bytes)
    upload = _remember(account, file_name, settings=settings, outside=outside)
    form = outside.inputs.upload_form(
        upload.key,
        max_bytes=settings.premium_post_bytes if limit is None else limit,
        content_type=CONTENT_TYPE,
        expires_in=settings.upload_window,
        redirect_to=None if redirect_base is None else f"{redirect_base}/{upload.upload_id}",
    )
    return upload, form


def submit_upload(
    upload_id: str, account: Account, wish: Wish, *, settings: Settings, outside: Outside
) -> Job:
    """Make the job of an upload; the same job again when asked again.

    Raises NotFoundError for another person's upload, RefusedError or TooLargeError for a file
    that has not arrived, is empty or is larger than the plan allows at this moment.
    """
    try:
        upload = outside.uploads.get(upload_id)
    except NotFoundError:
        return _own(outside.jobs.get(upload_id), account)
    if upload.user_id != account.user_id:
        log.warning(
            "an upload was submitted by somebody else",
            extra={"upload_id": upload_id, "user_id": account.user_id},
        )
        raise NotFoundError("no such upload")
    try:
        info = outside.inputs.head(upload.key)
    except ObjectNotFoundError:
        raise RefusedError(
            "upload-missing",
            "The file has not arrived in the store.",
            "Upload it again; an upload that was cancelled or refused leaves nothing behind.",
        ) from None
    limit = settings.plan.input_limit(account.tier)
    check_size(info.size, limit, most=None)
    job = add_job(
        upload_id, upload.file_name, info, account, wish, settings=settings, outside=outside
    )
    _forget(upload_id, outside=outside)
    return job


def submit_example(
    source: Path, account: Account, wish: Wish, *, settings: Settings, outside: Outside
) -> Job:
    """Make a job of the bundled example.

    It is remembered like any upload, so that its copy goes when no job comes of it.
    """
    upload = _remember(account, EXAMPLE_NAME, settings=settings, outside=outside)
    info = outside.inputs.upload(
        source, upload.key, content_type=CONTENT_TYPE, file_name=EXAMPLE_NAME
    )
    job = add_job(
        upload.upload_id, EXAMPLE_NAME, info, account, wish, settings=settings, outside=outside
    )
    _forget(upload.upload_id, outside=outside)
    return job


def _remember(
    account: Account, file_name: str, *, settings: Settings, outside: Outside
) -> PendingUpload:
    now, upload_id = outside.clock.now(), str(uuid4())
    upload = PendingUpload(
        upload_id=upload_id,
        user_id=account.user_id,
        key=input_key(settings.key_prefix, account.user_id, upload_id, file_name),
        file_name=file_name,
        max_bytes=settings.plan.input_limit(account.tier),
        created_at=now,
        expires_at=now + settings.upload_window,
    )
    outside.uploads.add(upload)
    return upload


def _forget(upload_id: str, *, outside: Outside) -> None:
    try:
        outside.uploads.remove(upload_id)
    except TemporaryError:
        log.warning("a submitted upload was not forgotten", extra={"job_id": upload_id})


def add_job(
    job_id: str,
    file_name: str,
    info: ObjectInfo,
    account: Account,
    wish: Wish,
    *,
    settings: Settings,
    outside: Outside,
) -> Job:
    """Make the job of an object that lies in the inputs; the same job again when asked again.

    Raises QuotaError where its owner has as many unfinished jobs as one may have.
    """
    most = settings.user_jobs
    if outside.jobs.count_unfinished(account.user_id, most=most) >= most:
        try:
            return _own(outside.jobs.get(job_id), account)
        except JobNotFoundError:
            raise QuotaError(
                "too-many-jobs",
                f"You have {most:,} annotations that wait or run, as many as one may have.",
                "Wait until some of them are done, or cancel those you do not need.",
            ) from None
    job = Job(
        job_id=job_id,
        user_id=account.user_id,
        input_file_name=file_name,
        input=Input(
            bucket=outside.inputs.bucket,
            key=info.key,
            size=info.size,
            etag=info.etag,
            version_id=info.version_id,
        ),
        submitted_at=outside.clock.now(),
        requested_assembly=wish.assembly,
        note=wish.note,
    )
    message = Message(kind=Kind.JOB_REQUESTED, job_id=job_id, user_id=account.user_id)
    try:
        outside.jobs.add(job, message)
    except AlreadyExistsError:
        return _own(outside.jobs.get(job_id), account)
    log.info("a job was submitted", extra={"job_id": job_id, "size": info.size})
    relay([message], outbox=outside.outbox, topics=outside.topics)
    return job


def _own(job: Job, account: Account) -> Job:
    if job.user_id != account.user_id:
        log.warning(
            "an upload was submitted by somebody else",
            extra={"upload_id": job.job_id, "user_id": account.user_id},
        )
        raise JobNotFoundError(f"no job {job.job_id}")
    return job


def check_size(size: int, limit: int | None, *, most: int | None) -> None:
    """Raise RefusedError for an empty file, TooLargeError for one above a limit in bytes."""
    if size == 0:
        raise RefusedError(
            "empty-file",
            "The file is empty.",
            "Choose the VCF itself; an interrupted download often leaves an empty file.",
        )
    if limit is not None and size > limit:
        raise TooLargeError(
            "too-large",
            f"The file has {size:,} bytes; the Free plan takes up to {limit:,} bytes "
            f"({size_text(limit)}).",
            "Premium has no limit on the size. On the Free plan, split the file by chromosome or "
            "leave out samples and columns you do not need.",
        )
    if most is not None and size > most:
        raise TooLargeError(
            "too-large-to-post",
            f"The file has {size:,} bytes; one upload can carry up to {most:,} bytes "
            f"({size_text(most)}).",
            "Compress it with bgzip, or split it by chromosome.",
        )
