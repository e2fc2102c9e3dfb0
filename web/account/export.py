"""Everything the service knows of one person, as JSON, written piece by piece."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime

from gas.domain.account import Account
from gas.domain.job import Job
from gas.wiring import Outside

PAGE = 100
LINES = 10_000


def export_of(account: Account, *, outside: Outside, base_url: str) -> Iterator[str]:
    """The parts of one JSON object; files are linked, and fetched with the person's login."""
    said = {
        "exported_at": outside.clock.now().isoformat(),
        "account": {
            "user_id": account.user_id,
            "name": account.name,
            "email": account.email,
            "institution": account.institution,
            "tier": account.tier.value,
            "created_at": _moment(account.created_at),
            "logged_in_at": _moment(account.logged_in_at),
            "downgraded_at": _moment(account.downgraded_at),
            "terms_version": account.terms_version,
            "consented_at": _moment(account.consented_at),
        },
        "sessions": [
            {
                "created_at": each.created_at.isoformat(),
                "seen_at": each.seen_at.isoformat(),
                "client": each.client,
            }
            for each in outside.sessions.of_user(account.user_id)
        ],
        "activity": [
            {
                "at": event.at.isoformat(),
                "action": event.action.value,
                "job_id": event.job_id,
                "detail": event.detail,
            }
            for event in outside.audit.of_user(account.user_id, limit=LINES)
        ],
    }
    yield json.dumps(said, indent=1).removesuffix("\n}") + ',\n "jobs": ['
    comma = ""
    for job in _jobs(account, outside):
        yield comma + "\n" + json.dumps(_said_of(job, base_url), indent=1)
        comma = ","
    yield "\n ]\n}\n"


def _jobs(account: Account, outside: Outside) -> Iterator[Job]:
    token: str | None = None
    while True:
        page = outside.jobs.of_user(account.user_id, limit=PAGE, token=token)
        yield from page.jobs
        token = page.next_token
        if token is None:
            return


def _said_of(job: Job, base_url: str) -> Mapping[str, object]:
    address = f"{base_url}/annotations/{job.job_id}"
    return {
        "job_id": job.job_id,
        "input_file_name": job.input_file_name,
        "input_bytes": job.input.size,
        "input": f"{address}/input",
        "note": job.note,
        "requested_assembly": job.requested_assembly,
        "status": job.status.value,
        "submitted_at": _moment(job.submitted_at),
        "completed_at": _moment(job.completed_at),
        "storage": job.storage.value if job.storage else None,
        "failure": job.failure.text if job.failure else None,
        "files": [
            {
                "kind": stored.kind.value,
                "file_name": stored.file_name,
                "bytes": stored.size,
                "sha256": stored.sha256,
                "address": f"{address}/files/{stored.kind.value}",
            }
            for stored in job.objects
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
