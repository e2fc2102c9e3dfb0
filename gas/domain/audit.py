"""The audit trail: who did what to which job, and when.  Never what a file holds or is called."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What was done."""

    LOGGED_IN = "logged-in"
    LOGGED_OUT = "logged-out"
    SESSION_REVOKED = "session-revoked"
    CONSENTED = "consented"
    JOB_SUBMITTED = "job-submitted"
    JOB_VIEWED = "job-viewed"
    LOG_VIEWED = "log-viewed"
    INPUT_DOWNLOADED = "input-downloaded"
    RESULT_DOWNLOADED = "result-downloaded"
    JOB_CANCELLED = "job-cancelled"
    JOB_RERUN = "job-rerun"
    JOB_DELETED = "job-deleted"
    PLAN_CHANGED = "plan-changed"
    DATA_EXPORTED = "data-exported"
    ERASURE_ASKED = "erasure-asked"
    ACCOUNT_ERASED = "account-erased"


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """One line of the trail; `detail` is a word of ours, such as a file kind or a tier."""

    at: datetime
    user_id: str
    action: Action
    job_id: str = ""
    detail: str = ""
    request_id: str = ""
