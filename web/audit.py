"""One line of the audit trail from a request: the only place that writes one in this door."""

from gas.domain.audit import Action, AuditEvent
from web.context import this_web
from web.guards import the_account
from web.requests import request_id


def record(action: Action, *, job_id: str = "", detail: str = "", user_id: str = "") -> None:
    """Write who did it (the caller, unless said), what, to which job, and when."""
    outside = this_web().outside
    outside.audit.add(
        AuditEvent(
            at=outside.clock.now(),
            user_id=user_id or the_account().user_id,
            action=action,
            job_id=job_id,
            detail=detail,
            request_id=request_id(),
        )
    )
