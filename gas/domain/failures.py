"""Failures that more than one daemon may record."""

from gas.domain.job import Failure, Fault, Job


def gave_up(job: Job) -> Failure:
    """The end of a job that kept failing through our fault."""
    runs = "1 run" if job.attempt == 1 else f"{job.attempt} runs"
    text = (
        f"The service could not finish this job in {runs}; the fault is ours."
        if job.attempt
        else "The service could not start this job; the fault is ours."
    )
    return Failure(
        code="service",
        text=text,
        hint="The operators can see the failure. Please submit the job again later.",
        fault=Fault.SERVICE,
    )
