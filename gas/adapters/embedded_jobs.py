"""The job table, its outbox and the pending uploads, in one SQLite file.

A job is one JSON text; beside it, as columns, stands only what a query or a condition asks for, and
the lease and the progress, which a run writes without touching the version.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from gas.adapters.embedded_db import Database, Row, Transaction, micros, moment
from gas.adapters.embedded_records import (
    job_from_json,
    job_to_json,
    upload_from_json,
    upload_to_json,
)
from gas.adapters.embedded_signing import Signer, pack, unpack
from gas.domain.errors import (
    AlreadyExistsError,
    JobNotFoundError,
    LostLeaseError,
    NotFoundError,
    RefusedError,
    StaleJobError,
)
from gas.domain.job import Job, Progress, Status
from gas.domain.message import Message
from gas.domain.upload import PendingUpload
from gas.ports import Clock, Page

SCHEMA = """
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    owner TEXT,
    leased_until INTEGER,
    progress_records INTEGER,
    progress_fraction REAL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX jobs_of_user ON jobs (user_id, submitted_at, job_id);
CREATE INDEX jobs_unfinished ON jobs (submitted_at, job_id)
    WHERE status IN ('PENDING', 'RUNNING');
CREATE TABLE outbox (
    message_id TEXT PRIMARY KEY,
    written_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_by_age ON outbox (written_at);
CREATE TABLE uploads (
    upload_id TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX uploads_by_age ON uploads (expires_at);
"""

UNFINISHED_SCHEMA = """
CREATE INDEX jobs_unfinished_of_user ON jobs (user_id) WHERE status IN ('PENDING', 'RUNNING');
"""

WATCH = """
ALTER TABLE jobs ADD COLUMN look_at INTEGER;
UPDATE jobs SET look_at = submitted_at WHERE status = 'COMPLETED';
CREATE INDEX jobs_to_look_at ON jobs (look_at, job_id) WHERE look_at IS NOT NULL;
"""
"""Added to the schema: when the sweep should look after a job's storage."""

BATCH = 200

_SELECT = "SELECT body, leased_until, progress_records, progress_fraction FROM jobs "
_SELECT_WATCHED = _SELECT.replace(" FROM", ", look_at, job_id FROM")
_RENEW = "UPDATE jobs SET leased_until = ? "
_REPORT = "UPDATE jobs SET progress_records = ?, progress_fraction = ? "
_OF_THIS_RUN = "WHERE job_id = ? AND status = 'RUNNING' AND owner = ? AND attempt = ?"


class EmbeddedJobs:
    """The ports Jobs and Outbox: they share one file because they commit together."""

    def __init__(self, database: Database, clock: Clock, *, secret_key: str) -> None:
        self._database = database
        self._clock = clock
        self._signer = Signer(secret_key, "job-page")

    def get(self, job_id: str) -> Job:
        rows = self._database.rows(_SELECT + "WHERE job_id = ?", job_id)
        if not rows:
            raise JobNotFoundError(f"no job {job_id}")
        return _job(rows[0])

    def add(self, job: Job, *messages: Message) -> None:
        with self._database.writing() as transaction:
            added = transaction.execute(
                "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                job.job_id,
                job.user_id,
                micros(job.submitted_at),
                job.status.value,
                job.version,
                job.attempt,
                job.owner,
                *_beside_version(job),
                job_to_json(job),
                _look_at(job),
            )
            if not added:
                raise AlreadyExistsError(f"job {job.job_id} is there already")
            self._keep(transaction, messages)

    def move(self, before: Job, after: Job, *messages: Message) -> None:
        # Most moves that come too late are refused here, before they wait for the write lock.
        self._check_version(before)
        leased_until, records, fraction = _beside_version(after)
        # While the same run goes on, the progress it has reported since stands.
        kept = after.status is Status.RUNNING
        with self._database.writing() as transaction:
            moved = transaction.execute(
                "UPDATE jobs SET status = ?, version = ?, owner = ?, leased_until = ?, body = ?,"
                " look_at = ?,"
                " progress_records = iif(? AND attempt = ?, progress_records, ?),"
                " progress_fraction = iif(? AND attempt = ?, progress_fraction, ?),"
                " attempt = ? WHERE job_id = ? AND version = ?",
                after.status.value,
                after.version,
                after.owner,
                leased_until,
                job_to_json(after),
                _look_at(after),
                *(kept, after.attempt, records),
                *(kept, after.attempt, fraction),
                after.attempt,
                before.job_id,
                before.version,
            )
            if moved:
                self._keep(transaction, messages)
        if not moved:
            self._check_version(before)
            raise StaleJobError(f"job {before.job_id} has moved on")

    def renew(self, job: Job, leased_until: datetime) -> None:
        self._write_beside(job, _RENEW, micros(leased_until))

    def report(self, job: Job, progress: Progress) -> None:
        self._write_beside(job, _REPORT, progress.records, float(progress.fraction))

    def of_user(self, user_id: str, *, limit: int, token: str | None = None) -> Page:
        submitted_at, job_id = (2**62, "") if token is None else self._read_token(user_id, token)
        rows = self._database.rows(
            _SELECT + "WHERE user_id = ? AND (submitted_at, job_id) < (?, ?)"
            " ORDER BY submitted_at DESC, job_id DESC LIMIT ?",
            user_id,
            submitted_at,
            job_id,
            limit + 1,
        )
        jobs = [_job(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(jobs=jobs, next_token=self._write_token(jobs[-1]) if more else None)

    def unfinished(self) -> Iterator[Job]:
        submitted_at, job_id = -(2**62), ""
        while True:
            rows = self._database.rows(
                _SELECT + "WHERE status IN ('PENDING', 'RUNNING')"
                " AND (submitted_at, job_id) > (?, ?) ORDER BY submitted_at, job_id LIMIT ?",
                submitted_at,
                job_id,
                BATCH,
            )
            for job in map(_job, rows):
                yield job
                submitted_at, job_id = micros(job.submitted_at), job.job_id
            if len(rows) < BATCH:
                return

    def count_unfinished(self, user_id: str, *, most: int) -> int:
        rows = self._database.rows(
            "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE user_id = ?"
            " AND status IN ('PENDING', 'RUNNING') LIMIT ?)",
            user_id,
            most,
        )
        return int(rows[0][0])

    def to_look_at(self, before: datetime) -> Iterator[Job]:
        look_at, job_id = -(2**62), ""
        while True:
            rows = self._database.rows(
                f"{_SELECT_WATCHED} WHERE look_at < ? AND (look_at, job_id) > (?, ?)"
                " ORDER BY look_at, job_id LIMIT ?",
                micros(before),
                look_at,
                job_id,
                BATCH,
            )
            for *row, look_at, job_id in rows:  # noqa: B007 - where the next page begins
                yield _job(tuple(row))
            if len(rows) < BATCH:
                return

    def delete(self, job: Job) -> None:
        with self._database.writing() as transaction:
            deleted = transaction.execute(
                "DELETE FROM jobs WHERE job_id = ? AND version = ?", job.job_id, job.version
            )
            if not deleted and transaction.rows("SELECT 1 FROM jobs WHERE job_id = ?", job.job_id):
                raise StaleJobError(f"job {job.job_id} has moved on")

    def pending(self, *, before: datetime, limit: int) -> Sequence[Message]:
        rows = self._database.rows(
            "SELECT body FROM outbox WHERE written_at < ? ORDER BY written_at, rowid LIMIT ?",
            micros(before),
            limit,
        )
        return [Message.from_json(body) for (body,) in rows]

    def sent(self, message: Message) -> None:
        # Forgotten by a power cut, the message is published once more, which every consumer bears.
        with self._database.writing(durable=False) as transaction:
            transaction.execute("DELETE FROM outbox WHERE message_id = ?", message.message_id)

    def _check_version(self, job: Job) -> None:
        rows = self._database.rows("SELECT version FROM jobs WHERE job_id = ?", job.job_id)
        if not rows:
            raise JobNotFoundError(f"no job {job.job_id}")
        if rows[0][0] != job.version:
            raise StaleJobError(f"job {job.job_id} has moved on")

    def _keep(self, transaction: Transaction, messages: Sequence[Message]) -> None:
        for message in messages:
            transaction.execute(
                "INSERT INTO outbox VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET written_at = excluded.written_at, body = excluded.body",
                message.message_id,
                micros(self._clock.now()),
                message.to_json(),
            )

    def _write_beside(self, job: Job, update: str, *values: float) -> None:
        # A power cut ends every run of this one machine, and its lease and progress with it.
        with self._database.writing(durable=False) as transaction:
            written = transaction.execute(
                update + _OF_THIS_RUN, *values, job.job_id, job.owner, job.attempt
            )
        if not written:
            raise LostLeaseError(f"job {job.job_id}: attempt {job.attempt} no longer owns it")

    def _write_token(self, last: Job) -> str:
        place = json.dumps([micros(last.submitted_at), last.job_id])
        return f"{pack(place.encode())}.{self._signer.sign(json.dumps([last.user_id, place]))}"

    def _read_token(self, user_id: str, token: str) -> tuple[int, str]:
        packed, _, signature = token.partition(".")
        try:
            place = unpack(packed).decode()
        except ValueError:
            place = ""
        if not place or not self._signer.is_ours(json.dumps([user_id, place]), signature):
            raise RefusedError("bad-page", "This page link is not valid.", "Open the list anew.")
        submitted_at, job_id = json.loads(place)
        return int(submitted_at), str(job_id)


class EmbeddedUploads:
    """Pending uploads in a table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, upload: PendingUpload) -> None:
        with self._database.writing() as transaction:
            transaction.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?)",
                upload.upload_id,
                micros(upload.expires_at),
                upload_to_json(upload),
            )

    def get(self, upload_id: str) -> PendingUpload:
        rows = self._database.rows("SELECT body FROM uploads WHERE upload_id = ?", upload_id)
        if not rows:
            raise NotFoundError("no such upload")
        return upload_from_json(rows[0][0])

    def remove(self, upload_id: str) -> None:
        # Its job is there already, so an upload that a power cut brings back does no harm.
        with self._database.writing(durable=False) as transaction:
            transaction.execute("DELETE FROM uploads WHERE upload_id = ?", upload_id)

    def expired(self, before: datetime) -> Iterator[PendingUpload]:
        rows = self._database.rows(
            "SELECT body FROM uploads WHERE expires_at < ? ORDER BY expires_at", micros(before)
        )
        return iter([upload_from_json(body) for (body,) in rows])


def _beside_version(job: Job) -> tuple[int | None, int | None, float | None]:
    leased_until = None if job.leased_until is None else micros(job.leased_until)
    if job.progress is None:
        return leased_until, None, None
    return leased_until, job.progress.records, float(job.progress.fraction)


def _look_at(job: Job) -> int | None:
    return None if job.look_at is None else micros(job.look_at)


def _job(row: Row) -> Job:
    body, leased_until, records, fraction = row
    return replace(
        job_from_json(body),
        leased_until=None if leased_until is None else moment(leased_until),
        progress=None if records is None else Progress(records=records, fraction=fraction),
    )
