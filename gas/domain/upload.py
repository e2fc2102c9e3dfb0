"""A pending upload: made before the form is issued, and the only thing believed afterwards."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class PendingUpload:
    """An upload that was allowed but not yet submitted.

    `upload_id` becomes the job's id, so that a repeated submit is the same job.
    `max_bytes` is inclusive; None where the owner's plan has no limit.
    """

    upload_id: str
    user_id: str
    key: str
    file_name: str
    max_bytes: int | None
    created_at: datetime
    expires_at: datetime
