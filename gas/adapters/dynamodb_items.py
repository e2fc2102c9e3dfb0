"""How records look as DynamoDB items.  Nothing here talks to AWS.

An attribute that has no value is absent.  Moments are numbers: seconds since 1970, exact to the
microsecond, so that they sort and lose nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

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
from gas.domain.message import Kind, Message
from gas.domain.upload import PendingUpload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]
    Attributes = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

UPLOAD_KEPT = timedelta(days=7)
"""How long an expired upload stays before DynamoDB removes it, should the sweeper never come."""

ONE_PARTITION = "1"
"""Partition of the small indexes that list, oldest first, what is unfinished, unsent, pending."""

_to_dynamodb = TypeSerializer()
_from_dynamodb = TypeDeserializer()


def to_item(attributes: Mapping[str, object]) -> Item:
    """Typed values, as DynamoDB wants them; attributes without a value are left out."""
    return {
        name: _to_dynamodb.serialize(value)
        for name, value in attributes.items()
        if value is not None
    }


def from_item(item: Mapping[str, Any]) -> Attributes:
    """Plain values; numbers are Decimal."""
    return {name: _from_dynamodb.deserialize(value) for name, value in item.items()}


def number_of(moment: datetime) -> Decimal:
    """Seconds since 1970, exact to the microsecond."""
    return Decimal((moment - EPOCH) // MICROSECOND).scaleb(-6)


def moment_of(number: Decimal) -> datetime:
    """The moment that `number_of` wrote."""
    return EPOCH + int(number.scaleb(6)) * MICROSECOND


def job_attributes(job: Job) -> Attributes:
    """The job record.

    `objects` is what is read back; the result, log and archive attributes beside it repeat parts
    of it under the names that other readers of the table know.
    """
    outcome = job.outcome
    result = job.object_of(ObjectKind.ANNOTATED_VCF)
    log = job.object_of(ObjectKind.LOG)
    return {
        "job_id": job.job_id,
        "user_id": job.user_id,
        "input_file_name": job.input_file_name,
        "s3_inputs_bucket": job.input.bucket,
        "s3_key_input_file": job.input.key,
        "input_size": job.input.size,
        "input_etag": job.input.etag,
        "input_version_id": job.input.version_id,
        "submit_time": number_of(job.submitted_at),
        "requested_assembly": job.requested_assembly,
        "note": job.note or None,
        "job_status": job.status.value,
        "unfinished": None if job.is_terminal else ONE_PARTITION,
        "unfinished_user": None if job.is_terminal else job.user_id,
        "attempt": job.attempt,
        "owner": job.owner,
        "lease_until": _number(job.leased_until),
        "start_time": _number(job.started_at),
        "progress": _progress_attributes(job.progress),
        "complete_time": _number(job.completed_at),
        "s3_results_bucket": outcome and outcome.results_bucket,
        "s3_key_result_file": result and result.key,
        "s3_key_log_file": log and log.key,
        "results_file_archive_id": result and result.archive_id,
        "objects": outcome and [_object_attributes(stored) for stored in outcome.objects],
        "assembly": outcome and outcome.assembly,
        "records": outcome and outcome.records,
        "rejected": outcome and outcome.rejected,
        "engine": outcome and outcome.engine,
        "reference": outcome and outcome.reference,
        "failure": _failure_attributes(job.failure),
        "storage_status": job.storage and job.storage.value,
        "restore_time": _number(job.restored_at),
        "retrieval_job_id": job.retrieval_id,
        "retrieval_tier": job.retrieval_tier and job.retrieval_tier.value,
        "retrieval_time": _number(job.retrieval_started_at),
        "watched": None if job.look_at is None else ONE_PARTITION,
        "look_at": _number(job.look_at),
        "mails": set(job.mails) or None,
        "version": job.version,
    }


def job_from(row: Attributes) -> Job:
    """The job that `job_attributes` wrote."""
    return Job(
        job_id=row["job_id"],
        user_id=row["user_id"],
        input_file_name=row["input_file_name"],
        input=Input(
            bucket=row["s3_inputs_bucket"],
            key=row["s3_key_input_file"],
            size=int(row["input_size"]),
            etag=row["input_etag"],
            version_id=row.get("input_version_id"),
        ),
        submitted_at=moment_of(row["submit_time"]),
        requested_assembly=row["requested_assembly"],
        note=row.get("note", ""),
        status=Status(row["job_status"]),
        attempt=int(row["attempt"]),
        owner=row.get("owner"),
        leased_until=_moment(row.get("lease_until")),
        started_at=_moment(row.get("start_time")),
        progress=_progress_from(row.get("progress")),
        completed_at=_moment(row.get("complete_time")),
        outcome=_outcome_from(row) if "objects" in row else None,
        failure=_failure_from(row.get("failure")),
        storage=Storage(row["storage_status"]) if "storage_status" in row else None,
        restored_at=_moment(row.get("restore_time")),
        retrieval_id=row.get("retrieval_job_id"),
        retrieval_tier=RetrievalTier(row["retrieval_tier"]) if "retrieval_tier" in row else None,
        retrieval_started_at=_moment(row.get("retrieval_time")),
        look_at=_moment(row.get("look_at")),
        mails=frozenset(row.get("mails", ())),
        version=int(row["version"]),
    )


def progress_item(progress: Progress) -> AttributeValueTypeDef:
    """How far a run is, as one typed value."""
    return _to_dynamodb.serialize(_progress_attributes(progress))


def outbox_attributes(message: Message, written_at: datetime) -> Attributes:
    """A message that has yet to be published."""
    return {
        "message_id": message.message_id,
        "unsent": ONE_PARTITION,
        "written_at": number_of(written_at),
        "kind": message.kind.value,
        "job_id": message.job_id,
        "user_id": message.user_id,
        "number": message.number,
    }


def message_from(row: Attributes) -> Message:
    """The message that `outbox_attributes` wrote."""
    return Message(
        kind=Kind(row["kind"]),
        job_id=row["job_id"],
        user_id=row["user_id"],
        number=int(row.get("number", 0)),
    )


def upload_attributes(upload: PendingUpload) -> Attributes:
    """An upload that was allowed; `purge_at` is DynamoDB's own time to live, in whole seconds."""
    return {
        "upload_id": upload.upload_id,
        "pending": ONE_PARTITION,
        "user_id": upload.user_id,
        "s3_key_input_file": upload.key,
        "input_file_name": upload.file_name,
        "max_bytes": upload.max_bytes,
        "created_at": number_of(upload.created_at),
        "expires_at": number_of(upload.expires_at),
        "purge_at": int((upload.expires_at + UPLOAD_KEPT).timestamp()),
    }


def upload_from(row: Attributes) -> PendingUpload:
    """The upload that `upload_attributes` wrote."""
    limit = row.get("max_bytes")
    return PendingUpload(
        upload_id=row["upload_id"],
        user_id=row["user_id"],
        key=row["s3_key_input_file"],
        file_name=row["input_file_name"],
        max_bytes=None if limit is None else int(limit),
        created_at=moment_of(row["created_at"]),
        expires_at=moment_of(row["expires_at"]),
    )


def _number(moment: datetime | None) -> Decimal | None:
    return None if moment is None else number_of(moment)


def _moment(number: Decimal | None) -> datetime | None:
    return None if number is None else moment_of(number)


def _present(pairs: Iterable[tuple[str, object]]) -> Attributes:
    return {name: value for name, value in pairs if value is not None}


def _progress_attributes(progress: Progress | None) -> Attributes | None:
    if progress is None:
        return None
    return {"records": progress.records, "fraction": Decimal(repr(progress.fraction))}


def _progress_from(row: Attributes | None) -> Progress | None:
    if row is None:
        return None
    return Progress(records=int(row["records"]), fraction=float(row["fraction"]))


def _object_attributes(stored: StoredObject) -> Attributes:
    return _present(
        {
            "kind": stored.kind.value,
            "key": stored.key,
            "file_name": stored.file_name,
            "size": stored.size,
            "sha256": stored.sha256,
            "content_type": stored.content_type,
            "archive_id": stored.archive_id,
            "retrieval_id": stored.retrieval_id,
        }.items(),
    )


def _object_from(row: Attributes) -> StoredObject:
    return StoredObject(
        kind=ObjectKind(row["kind"]),
        key=row["key"],
        file_name=row["file_name"],
        size=int(row["size"]),
        sha256=row["sha256"],
        content_type=row["content_type"],
        archive_id=row.get("archive_id"),
        retrieval_id=row.get("retrieval_id"),
    )


def _outcome_from(row: Attributes) -> Outcome:
    return Outcome(
        results_bucket=row["s3_results_bucket"],
        objects=tuple(_object_from(stored) for stored in row["objects"]),
        assembly=row["assembly"],
        records=int(row["records"]),
        rejected=int(row["rejected"]),
        engine=row["engine"],
        reference=row["reference"],
    )


def _failure_attributes(failure: Failure | None) -> Attributes | None:
    if failure is None:
        return None
    return _present(
        {
            "code": failure.code,
            "text": failure.text,
            "fault": failure.fault.value,
            "hint": failure.hint,
            "line": failure.line,
            "log": failure.log and _object_attributes(failure.log),
        }.items(),
    )


def _failure_from(row: Attributes | None) -> Failure | None:
    if row is None:
        return None
    line, log = row.get("line"), row.get("log")
    return Failure(
        code=row["code"],
        text=row["text"],
        fault=Fault(row["fault"]),
        hint=row["hint"],
        line=None if line is None else int(line),
        log=None if log is None else _object_from(log),
    )
