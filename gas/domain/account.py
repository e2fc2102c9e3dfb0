"""An account, what its tier allows, and the one due time of a Free user's download window."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gas.domain.job import Job, Status


class Tier(StrEnum):
    """The account's plan; the values are what the accounts database stores."""

    FREE = "free_user"
    PREMIUM = "premium_user"


@dataclass(frozen=True, kw_only=True)
class Account:
    """One person, known by the `sub` of their Globus identity (`user_id`).

    `plan_changed_at` stands from a change of the tier until every result has followed it.
    `terms_version` is that of the terms they agreed to at `consented_at`; from `erasing_at` on
    the account is being erased: it can no longer be used.
    """

    user_id: str
    name: str
    email: str
    tier: Tier
    created_at: datetime
    institution: str = ""
    downgraded_at: datetime | None = None
    plan_changed_at: datetime | None = None
    email_bounced_at: datetime | None = None
    terms_version: str = ""
    consented_at: datetime | None = None
    erasing_at: datetime | None = None
    logged_in_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the tiers allow: bytes of a Free input (inclusive), and the Free download window."""

    free_input_bytes: int
    free_window: timedelta

    def input_limit(self, tier: Tier) -> int | None:
        """Largest input in bytes, inclusive; None where there is no limit of ours."""
        return self.free_input_bytes if tier is Tier.FREE else None

    def download_until(self, job: Job, account: Account) -> datetime | None:
        """When the owner's window closes; None for ever (Premium) or for no result.

        The page and the archive daemon both ask here, so they cannot disagree.
        """
        if job.status is not Status.COMPLETED or account.tier is Tier.PREMIUM:
            return None
        moments = (job.completed_at, account.downgraded_at, job.restored_at)
        return max(moment for moment in moments if moment is not None) + self.free_window

    def may_download(self, job: Job, account: Account, now: datetime) -> bool:
        """Whether the owner may fetch the annotated objects at this moment."""
        if job.status is not Status.COMPLETED:
            return False
        until = self.download_until(job, account)
        return until is None or now < until
