"""Annotating the input of an earlier job once more, as a new job with an input of its own."""

from uuid import UUID, uuid4, uuid5

from gas.config import Settings
from gas.domain.account import Account
from gas.domain.errors import (
    JobNotFoundError,
    ObjectChangedError,
    ObjectNotFoundError,
    RefusedError,
)
from gas.domain.job import Job
from gas.domain.names import input_key
from gas.domain.upload import PendingUpload
from gas.ports import ObjectInfo
from gas.wiring import Outside
from web.annotate.submit import Wish, add_job, check_size


def rerun(job: Job, wish_id: str, account: Account, *, settings: Settings, outside: Outside) -> Job:
    """A new job on the same bytes; the same one again for the same wish.

    The input is copied, so that each of the two jobs can be deleted without the other.  Raises
    TooLargeError where the plan of this moment does not allow it, RefusedError where the input
    is gone.
    """
    job_id = str(uuid5(UUID(job.job_id), wish_id))
    try:
        return outside.jobs.get(job_id)
    except JobNotFoundError:
        pass
    check_size(job.input.size, settings.plan.input_limit(account.tier), most=None)
    # Two requests for one wish may overlap: the later one's copy must not replace the bytes that
    # the job of the earlier one is bound to, so each try has a key of its own.
    copy_id = str(uuid4())
    key = input_key(settings.key_prefix, account.user_id, job_id, copy_id)
    frozen = ObjectInfo(
        key=job.input.key,
        size=job.input.size,
        etag=job.input.etag,
        version_id=job.input.version_id,
        modified_at=job.submitted_at,
    )
    now = outside.clock.now()
    # Should this process die before the job is there, the sweeper knows whose the copy was.
    outside.uploads.add(
        PendingUpload(
            upload_id=copy_id,
            user_id=account.user_id,
            key=key,
            file_name=job.input_file_name,
            max_bytes=None,
            created_at=now,
            expires_at=now + settings.upload_window,
        )
    )
    try:
        copied = outside.inputs.copy(frozen, key)
    except (ObjectNotFoundError, ObjectChangedError):
        outside.uploads.remove(copy_id)
        raise RefusedError(
            "input-gone",
            "The file of this annotation is no longer in the store.",
            "Upload it again.",
        ) from None
    wish = Wish(assembly=job.requested_assembly, note=job.note)
    new = add_job(
        job_id, job.input_file_name, copied, account, wish, settings=settings, outside=outside
    )
    if new.input.key == key:  # Else the copy is nobody's, and the sweeper's to remove.
        outside.uploads.remove(copy_id)
    return new
