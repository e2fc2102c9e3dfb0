"""One run of one job: fetch the frozen input, annotate it, verify, upload under the attempt.

Everything a run writes lies under its own attempt's keys, so that it can always be thrown away.
"""

import errno
import logging
import os
import shutil
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from ann.engine import (
    CrashedError,
    DiedError,
    DiskFullError,
    Engine,
    HungError,
    InputRefusedError,
    OutOfMemoryError,
    Summary,
    Task,
    TimedOutError,
)
from ann.heartbeat import Heartbeat
from ann.results import OUTPUT, TEXT, ResultError, ResultFile, collect, log_name, result_file
from ann.scratch import NoRoomError, Scratch
from ann.threads import Threads
from gas.config import Settings
from gas.domain import names
from gas.domain.errors import (
    LostLeaseError,
    ObjectChangedError,
    ObjectNotFoundError,
    OutageError,
    TemporaryError,
)
from gas.domain.failures import reason_of
from gas.domain.job import Failure, Fault, Job, ObjectKind, Outcome, Progress, StoredObject
from gas.patience import Patience
from gas.ports import Clock, Files, Jobs, ObjectInfo

log = logging.getLogger(__name__)

REPORT_PAUSE = timedelta(seconds=1)
"""Least time between two reports of progress; a run shorter than this writes none."""

UPLOADS_AT_ONCE = 3

MEMORY_TRIES = 2
"""How often a run may reach its memory limit: the second time in one thread."""

FAULT_TRIES = 2
"""Runs after which a fault that the same input is likely to meet again is final."""


ENGINE_CODES: dict[type[Exception], str] = {
    HungError: "engine-hung",
    CrashedError: "engine-crashed",
}
"""What the failure of an engine is called that met the same end twice."""


class RetryError(TemporaryError):
    """The run came to nothing through our fault; another one is worth it."""


@dataclass(kw_only=True)
class Run:
    """One claimed job on its way to an outcome or a failure; `written` lists its objects."""

    job: Job
    folder: Path
    engine: Engine
    scratch: Scratch
    jobs: Jobs
    inputs: Files
    results: Files
    clock: Clock
    settings: Settings
    heartbeat: Heartbeat
    must_stop: Callable[[], bool]
    threads: Threads
    written: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reported = self.threads.monotonic()
        self._patience = Patience(
            self.clock,
            self.settings.outage_patience,
            lambda: self.heartbeat.lost or self.must_stop(),
        )

    def go(self) -> Outcome | Failure:
        """Do all of it.

        Raises RetryError or NoRoomError where another run may do better, InterruptedRunError
        where this one was stopped, OutageError where a store stayed away for too long.
        """
        try:
            refusal = self._fetch()
            if refusal is not None:
                return self.with_log(refusal)
            return self._annotated()
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise NoRoomError("the scratch disk is full") from error
            raise
        except DiskFullError as error:
            raise NoRoomError("the scratch disk is full") from error

    def delete_written(self, kept: AbstractSet[str] = frozenset()) -> None:
        """Throw this run's objects away; what an outage leaves is the sweeper's."""
        try:
            for key in self.written:
                if key not in kept:
                    self.results.delete(key)
        except OutageError as error:
            log.warning("objects of a lost run are left", extra={"reason": str(error)})

    @property
    def _input(self) -> Path:
        return self.folder / "input"

    def _fetch(self) -> Failure | None:
        """Download exactly the input that was submitted, or say why it cannot be had."""
        frozen = self.job.input
        info = ObjectInfo(
            key=frozen.key,
            size=frozen.size,
            etag=frozen.etag,
            version_id=frozen.version_id,
            modified_at=self.job.submitted_at,
        )
        changed = Failure(
            code="input-changed",
            text="The uploaded file was replaced or deleted after the job was submitted.",
            hint="Upload the file again and submit a new job.",
            fault=Fault.INPUT,
        )
        try:
            self._patience.with_(lambda: self.inputs.download(info, self._input))
        except (ObjectChangedError, ObjectNotFoundError):
            return changed
        return changed if self._input.stat().st_size != frozen.size else None

    def _annotated(self) -> Outcome | Failure:
        try:
            summary = self._engine_summary()
            files = collect(self.folder / "out", self.job, summary)
        except InputRefusedError as error:
            reason = reason_of(error.code, Fault.INPUT)
            return self.with_log(
                Failure(
                    code=error.code,
                    text=error.message,
                    hint=error.hint or reason.hint,
                    line=error.line,
                    fault=reason.fault,
                )
            )
        except OutOfMemoryError:
            return self.with_log(
                Failure(
                    code="out-of-memory",
                    text="Annotating this file takes more memory than a job may use.",
                    hint="Split the file, for example by chromosome, and submit the parts.",
                    fault=Fault.SERVICE,
                )
            )
        except TimedOutError:
            hours = self.settings.job_time_limit.total_seconds() / 3600
            return self.with_log(
                Failure(
                    code="timeout",
                    text=f"The job ran longer than a job may ({hours:g} hours).",
                    hint="Split the file, for example by chromosome, and submit the parts.",
                    fault=Fault.SERVICE,
                )
            )
        except (HungError, CrashedError, ResultError) as error:
            return self._fault(error)
        except DiedError as error:
            log.warning("the engine died", extra={"reason": str(error)})
            raise RetryError(str(error)) from error
        return self._outcome(summary, files)

    def _engine_summary(self) -> Summary:
        cores = len(os.sched_getaffinity(0))
        threads = max(cores // self.settings.slots, 1)
        for left in reversed(range(MEMORY_TRIES)):
            try:
                return self.engine.annotate(
                    self._task(threads), on_progress=self._report, should_stop=self._should_stop
                )
            except OutOfMemoryError:
                log.warning("the engine ran out of memory", extra={"tries_left": left})
                if not left:
                    raise
                threads = 1
        raise AssertionError("unreachable: the last try returns or raises")

    def _task(self, threads: int) -> Task:
        output = self.folder / "out" / OUTPUT
        shutil.rmtree(output.parent, ignore_errors=True)
        output.parent.mkdir()
        return Task(
            folder=self.folder,
            input=self._input,
            output=output,
            assembly=self.job.requested_assembly,
            threads=threads,
            memory_bytes=self.settings.engine_memory_bytes,
            file_bytes=max(self.scratch.free_bytes(), 1),
            time_limit=self.settings.job_time_limit,
            stall_limit=self.settings.stall,
        )

    def _should_stop(self) -> bool:
        return self.heartbeat.lost or self.must_stop()

    def _report(self, progress: Progress) -> None:
        """Progress is for people to watch: a report that does not get through is no harm."""
        now = self.threads.monotonic()
        if now - self._reported < REPORT_PAUSE.total_seconds():
            return
        self._reported = now
        try:
            self.jobs.report(self.job, progress)
        except LostLeaseError:
            self.heartbeat.beat()
        except TemporaryError as error:
            log.warning("progress was not reported", extra={"reason": str(error)})

    def _fault(self, error: Exception) -> Failure:
        """A fault of ours: worth a second run, then final."""
        log.error("the engine failed", extra={"reason": str(error), "run": self.job.attempt})
        if self.job.attempt < min(FAULT_TRIES, self.settings.max_attempts):
            raise RetryError(str(error)) from error
        return self.with_log(
            Failure(
                code=ENGINE_CODES.get(type(error), "result-incomplete"),
                text="The annotation engine failed on this file; the fault is ours.",
                hint="The operators can see the failure. Please submit the job again later.",
                fault=Fault.SERVICE,
            )
        )

    def _outcome(self, summary: Summary, files: tuple[ResultFile, ...]) -> Outcome:
        log.info("the engine has finished", extra={"sandbox": summary.sandbox})
        # Each upload waits for a store or a disk: side by side they take a third of the time.
        uploads = [partial(self._upload, file) for file in files]
        objects = self.threads.gather(uploads, at_once=UPLOADS_AT_ONCE)
        return Outcome(
            results_bucket=self.results.bucket,
            objects=objects,
            assembly=summary.assembly,
            records=summary.records_out,
            rejected=summary.rejected,
            engine=summary.engine,
            reference=summary.reference,
        )

    def with_log(self, failure: Failure) -> Failure:
        """The failure, with the log that tells its story uploaded."""
        job = self.job
        where = f" (line {failure.line})" if failure.line is not None else ""
        lines = [
            f"Job: {job.job_id}",
            f"Run: {job.attempt}",
            f"Input: {job.input_file_name} ({job.input.size} bytes)",
            f"Failed: {failure.code}{where}",
            failure.text,
            failure.hint,
        ]
        path = self.folder / "failure.log"
        path.write_text("".join(f"{line}\n" for line in lines if line), encoding="utf-8")
        stored = self._upload(result_file(path, ObjectKind.LOG, log_name(job), TEXT))
        return replace(failure, log=stored)

    def _upload(self, file: ResultFile) -> StoredObject:
        job = self.job
        if self.heartbeat.lost:
            raise LostLeaseError(f"job {job.job_id}: the run lost it before the upload")
        key = names.result_key(
            self.settings.key_prefix, job.user_id, job.job_id, job.attempt, file.file_name
        )
        self.written.append(key)
        info = self._patience.with_(
            lambda: self.results.upload(
                file.path, key, content_type=file.content_type, file_name=file.file_name
            )
        )
        if info.size != file.size:
            raise RetryError(f"the store holds {info.size} bytes of {file.size}")
        return StoredObject(
            kind=file.kind,
            key=key,
            file_name=file.file_name,
            size=file.size,
            sha256=file.sha256,
            content_type=file.content_type,
        )
