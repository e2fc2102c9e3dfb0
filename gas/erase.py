"""Removing a job for good: every object of every run, the archives, the input, the record at last.

Whoever dies on the way leaves the record, so that asking again goes on.  A run in progress finds
its job cancelled, then gone: it stops, removes what it wrote since, and tells nobody; what a killed
one leaves belongs to no record and is the sweeper's.  A message that is still on its way finds no
job and is dropped, and no mail is sent.
"""

import logging
from dataclasses import dataclass

from gas.domain.errors import JobNotFoundError, StaleJobError
from gas.domain.job import Job
from gas.ports import ArchiveStore, Clock, Files, Jobs

log = logging.getLogger(__name__)

TRIES = 10


@dataclass(frozen=True, kw_only=True)
class Eraser:
    """Removes jobs of one deployment."""

    jobs: Jobs
    inputs: Files
    results: Files
    archives: ArchiveStore
    clock: Clock
    key_prefix: str

    def erase(self, job: Job) -> None:
        """Remove everything of the job; raises StaleJobError where it keeps changing."""
        for _ in range(TRIES):
            try:
                self._erase(job.job_id)
            except StaleJobError:
                continue
            except JobNotFoundError:
                return
            log.info("a job was deleted", extra={"job_id": job.job_id})
            return
        raise StaleJobError(f"job {job.job_id} keeps changing")

    def _erase(self, job_id: str) -> None:
        job = self._ended(self.jobs.get(job_id))
        own = f"{self.key_prefix}/{job.user_id}/{job_id}~"
        self.inputs.delete(job.input.key)
        for info in list(self.results.keys(own)):
            self.results.delete(info.key)
        for key in job.keys:  # Those of a run that ended while the others were listed.
            self.results.delete(key)
        for stored in job.annotated:
            self.archives.delete(stored)
        self.jobs.delete(job)

    def _ended(self, job: Job) -> Job:
        """The job with no run of it going on."""
        if job.is_terminal:
            return job
        cancelled = job.cancel(self.clock.now())
        self.jobs.move(job, cancelled)
        return cancelled
