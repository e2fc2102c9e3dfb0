"""The messages that tell of a job or of an account."""

from gas.domain.account import Account, Tier
from gas.domain.job import Job
from gas.domain.message import Kind, Message


def about_job(job: Job, kind: Kind) -> Message:
    """This kind of message about the job as it is at this version."""
    return Message(kind=kind, job_id=job.job_id, user_id=job.user_id, number=job.version)


def plan_changed(account: Account) -> Message:
    """The news that the account's plan is another now."""
    kind = Kind.ACCOUNT_UPGRADED if account.tier is Tier.PREMIUM else Kind.ACCOUNT_DOWNGRADED
    return Message(kind=kind, user_id=account.user_id)
