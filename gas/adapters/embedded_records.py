"""Jobs and pending uploads as JSON text, and back, without loss."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gas.domain.job import (
    Failure,
    Fault,
    Input,
    Job,
    ObjectKind,
    Outcome,
    Progress,
    RetrievalTier,
    Status,
    Storage,
    StoredObject,
)
from gas.domain.upload import PendingUpload


def job_to_json(job: Job) -> str:
    """The whole job."""
    return json.dumps(asdict(job), default=_plain, separators=(",", ":"))


def job_from_json(text: str) -> Job:
    """The job that `job_to_json` was given."""
    raw = json.loads(text)
    return Job(
        **{
            **raw,
            "input": Input(**raw["input"]),
            "submitted_at": datetime.fromisoformat(raw["submitted_at"]),
            "status": Status(raw["status"]),
            "leased_until": _moment(raw["leased_until"]),
            "started_at": _moment(raw["started_at"]),
            "progress": raw["progress"] and Progress(**raw["progress"]),
            "completed_at": _moment(raw["completed_at"]),
            "outcome": raw["outcome"] and _outcome(raw["outcome"]),
            "failure": raw["failure"] and _failure(raw["failure"]),
            "storage": raw["storage"] and Storage(raw["storage"]),
            "restored_at": _moment(raw["restored_at"]),
            "retrieval_tier": _tier(raw.get("retrieval_tier")),
            "retrieval_started_at": _moment(raw.get("retrieval_started_at")),
            "look_at": _moment(raw.get("look_at")),
            "mails": frozenset(raw["mails"]),
        }
    )


def upload_to_json(upload: PendingUpload) -> str:
    """The whole pending upload."""
    return json.dumps(asdict(upload), default=_plain, separators=(",", ":"))


def upload_from_json(text: str) -> PendingUpload:
    """The pending upload that `upload_to_json` was given."""
    raw = json.loads(text)
    moments = {name: datetime.fromisoformat(raw[name]) for name in ("created_at", "expires_at")}
    return PendingUpload(**{**raw, **moments})


def _outcome(raw: dict[str, Any]) -> Outcome:
    return Outcome(**{**raw, "objects": tuple(map(_stored, raw["objects"]))})


def _failure(raw: dict[str, Any]) -> Failure:
    return Failure(
        **{**raw, "fault": Fault(raw["fault"]), "log": raw["log"] and _stored(raw["log"])}
    )


def _stored(raw: dict[str, Any]) -> StoredObject:
    return StoredObject(**{**raw, "kind": ObjectKind(raw["kind"])})


def _tier(text: str | None) -> RetrievalTier | None:
    return None if text is None else RetrievalTier(text)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"a {type(value).__name__} has no place in a record")
