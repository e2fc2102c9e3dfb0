"""The end of an account: every copy of everything in it, in every store.

The sweeper calls it again and again until nothing is left: a form that was signed before the
account was closed takes a file until it expires, and a run that was under way may still write.
"""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self

from gas.config import Settings
from gas.domain.account import Account
from gas.domain.audit import Action, AuditEvent
from gas.domain.errors import StaleJobError
from gas.domain.job import Job
from gas.erase import Eraser
from gas.ports import Accounts, AuditTrail, Clock, Files, Jobs, Uploads
from gas.wiring import Outside

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=5)
"""How long a request that was let in before the account was closed may still take."""

PAGE = 100


class KeptMails(Protocol):
    """Mails that were kept on this machine instead of sent."""

    def forget(self, address: str, job_ids: Collection[str]) -> int:
        """Remove every mail to that address or about one of those jobs; how many there were."""
        ...


@dataclass(frozen=True, kw_only=True)
class AccountEraser:
    """The use case."""

    accounts: Accounts
    audit: AuditTrail
    jobs: Jobs
    job_eraser: Eraser
    uploads: Uploads
    inputs: Files
    results: Files
    mails: KeptMails | None
    clock: Clock
    settings: Settings

    @classmethod
    def of(cls, settings: Settings, outside: Outside, mails: KeptMails | None) -> Self:
        """The eraser of one process."""
        return cls(
            accounts=outside.accounts,
            audit=outside.audit,
            jobs=outside.jobs,
            job_eraser=Eraser(
                jobs=outside.jobs,
                inputs=outside.inputs,
                results=outside.results,
                archives=outside.archives,
                clock=outside.clock,
                key_prefix=settings.key_prefix,
            ),
            uploads=outside.uploads,
            inputs=outside.inputs,
            results=outside.results,
            mails=mails,
            clock=outside.clock,
            settings=settings,
        )

    def erase_accounts(self) -> None:
        """Take every closed account one step nearer to its end."""
        for account in self.accounts.erasing():
            self.erase(account)

    def close_unused_accounts(self) -> None:
        """Begin to erase accounts that nobody has signed in to for as long as is configured."""
        if not self.settings.keep_days:
            return
        since = self.clock.now() - timedelta(days=self.settings.keep_days)
        for account in self.accounts.unused(since):
            self.accounts.start_erasing(account.user_id)
            self._note(account, Action.ERASURE_ASKED, "unused")
            log.info("an unused account is to be erased", extra={"user_id": account.user_id})

    def forget_old_lines(self) -> None:
        """Drop audit lines that are older than they need to be kept."""
        gone = self.audit.forget(self.clock.now() - timedelta(days=self.settings.audit_days))
        if gone:
            log.info("old audit lines were dropped", extra={"count": gone})

    def erase(self, account: Account) -> None:
        """Remove what is there now; and the account itself once nothing more can come."""
        jobs = list(self._jobs_of(account))
        for job in jobs:
            self._remove(job)
        job_ids = [job.job_id for job in jobs]
        self._remove_uploads(account)
        removed = self._remove_objects(account)
        if self.mails is not None and account.email:
            self.mails.forget(account.email, job_ids)
        if removed or job_ids:
            log.info(
                "parts of a closed account were removed",
                extra={"user_id": account.user_id, "jobs": len(job_ids), "objects": removed},
            )
            return
        closed = account.erasing_at or self.clock.now()
        if self.clock.now() < closed + self.settings.upload_window + GRACE:
            return
        self._note(account, Action.ACCOUNT_ERASED, "")
        self.accounts.delete(account.user_id)
        log.info("an account was erased", extra={"user_id": account.user_id})

    def _jobs_of(self, account: Account) -> Iterator[Job]:
        token: str | None = None
        while True:
            page = self.jobs.of_user(account.user_id, limit=PAGE, token=token)
            yield from page.jobs
            token = page.next_token
            if token is None:
                return

    def _remove(self, job: Job) -> None:
        try:
            self.job_eraser.erase(job)
        except StaleJobError:
            log.info("a job keeps changing: the next sweep removes it")

    def _remove_uploads(self, account: Account) -> None:
        later = self.clock.now() + 2 * self.settings.upload_window
        for upload in list(self.uploads.expired(later)):
            if upload.user_id == account.user_id:
                self.uploads.remove(upload.upload_id)

    def _remove_objects(self, account: Account) -> int:
        """By prefix, not by record: what a lost run or an abandoned upload left goes as well."""
        removed = 0
        for files in (self.inputs, self.results):
            for info in list(files.keys(f"{self.settings.key_prefix}/{account.user_id}/")):
                files.delete(info.key)
                removed += 1
        return removed

    def _note(self, account: Account, action: Action, detail: str) -> None:
        self.audit.add(
            AuditEvent(at=self.clock.now(), user_id=account.user_id, action=action, detail=detail)
        )
