"""The notify daemon: mails the owner of a job that is completed or failed, archived or restored.

Queue in: notify.  Out: one mail an event, and its trace in the job's ledger.
Run: `python -m util.notify` (any number of them).

The ledger makes a mail happen at most once: `completed:sending@...` is written before the provider
is asked and `completed:sent` after it has answered.  Only where that answer was lost is the mail
sent again, and then it says so.
"""

import logging
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import Self

from gas import log as gas_log
from gas import wiring
from gas.config import Settings
from gas.domain.account import Account
from gas.domain.errors import (
    BusyJobError,
    MalformedMessageError,
    NotFoundError,
    OutageError,
    RefusedError,
    StaleJobError,
    TemporaryError,
)
from gas.domain.job import Job, Status, Storage
from gas.domain.message import Kind, Message, Queue
from gas.patience import Patience
from gas.ports import Accounts, Clock, Delivery, Jobs, Mail, Mailer
from gas.worker import Stop, run
from util.letters import Letters

log = logging.getLogger(__name__)

EVENTS = {
    Kind.JOB_COMPLETED: ("completed", Status.COMPLETED, frozenset[Storage]()),
    Kind.JOB_FAILED: ("failed", Status.FAILED, frozenset[Storage]()),
    Kind.JOB_ARCHIVED: ("archived", Status.COMPLETED, frozenset({Storage.ARCHIVED})),
    Kind.JOB_RESTORED: ("restored", Status.COMPLETED, frozenset({Storage.RESTORED})),
}
"""The event a message tells of, and the status (and storage, where it matters) a job must have."""

OTHERS = frozenset({Kind.ARCHIVE_DUE})
"""What the topic of results says to others."""

OVER = ("sent", "skipped", "refused")
MOVE_TRIES = 10


class Turn(Enum):
    """What the ledger allows."""

    FIRST = "first"
    REPEAT = "repeat"
    NONE = "none"


def turn_of(job: Job, event: str, now: datetime, lease: timedelta) -> Turn:
    """Whether this mail is to be sent; raises BusyJobError while another sender is at it."""
    if any(f"{event}:{word}" in job.mails for word in OVER):
        return Turn.NONE
    prefix = f"{event}:sending@"
    begun = [mark.removeprefix(prefix) for mark in job.mails if mark.startswith(prefix)]
    if not begun:
        return Turn.FIRST
    # Clocks differ, so the latest moment need not be the latest sender's: each one counts.
    for stamp in begun:
        left = datetime.fromisoformat(stamp.partition("#")[0]) + lease - now
        if f"{event}:unanswered@{stamp}" not in job.mails and left > timedelta(0):
            raise BusyJobError("another sender is at this mail", retry_after=left)
    return Turn.REPEAT


@dataclass(frozen=True, kw_only=True)
class Notifier:
    """The use case: one event of one job becomes one mail.

    `lease` is how long a mail that was begun is left to its sender; the two clocks it is told from
    may differ, so it is longer than any sending and any skew together.
    """

    jobs: Jobs
    accounts: Accounts
    mailer: Mailer
    clock: Clock
    letters: Letters
    lease: timedelta
    patience: Patience

    @classmethod
    def of(cls, settings: Settings, outside: wiring.Outside, stop: Stop) -> Self:
        """The notifier of one process."""
        return cls(
            jobs=outside.jobs,
            accounts=outside.accounts,
            mailer=outside.mailer,
            clock=outside.clock,
            letters=Letters(base_url=settings.base_url, plan=settings.plan),
            lease=settings.lease + settings.clock_skew,
            patience=Patience(outside.clock, settings.outage_patience, stop.is_immediate),
        )

    def handle(self, message: Message, _delivery: Delivery) -> None:
        """Send the mail this message asks for, unless the ledger says it was."""
        if message.kind in OTHERS:
            return
        job = self.jobs.get(message.job_id)
        if message.kind not in EVENTS or message.user_id != job.user_id:
            raise MalformedMessageError("the message does not fit the job it names")
        name, status, storages = EVENTS[message.kind]
        if job.status is not status or (storages and job.storage not in storages):
            log.warning("a message tells what is not so", extra={"status": job.status.value})
            return
        # What can happen to a job again is mailed again, and told apart by its number.
        event = f"{name}-{message.number}" if message.number else name
        account = self._reachable(job.user_id)
        stamp = f"{self.clock.now().isoformat()}#{secrets.token_hex(4)}"
        job, turn = self._begin(job, event, stamp if account else "")
        if turn is Turn.NONE:
            return
        if account is None:
            log.info("a mail was skipped: its owner cannot be reached", extra={"mail": event})
            return
        mail = self.letters.write(name, job, account, repeat=turn is Turn.REPEAT)
        self._send(job, event, stamp, replace(mail, mail_id=f"{job.job_id}.{event}"))

    def _reachable(self, user_id: str) -> Account | None:
        """The owner, read fresh; None where no mail can reach them."""
        try:
            account = self.accounts.get(user_id)
        except NotFoundError:
            return None
        return account if account.email and account.email_bounced_at is None else None

    def _begin(self, job: Job, event: str, stamp: str) -> tuple[Job, Turn]:
        """Write down that the provider is about to be asked, so that nobody else asks meanwhile.

        Without a stamp: that nobody will be asked, because the owner cannot be reached.
        """
        mark = f"{event}:sending@{stamp}" if stamp else f"{event}:skipped"
        for _ in range(MOVE_TRIES):
            turn = turn_of(job, event, self.clock.now(), self.lease)
            if turn is Turn.NONE:
                return job, turn
            begun = job.mailed(mark)
            try:
                self.jobs.move(job, begun)
            except (StaleJobError, OutageError):
                # The write may have succeeded and only its answer been lost.
                job = self.patience.with_(partial(self.jobs.get, job.job_id))
                if mark in job.mails:
                    return job, turn
            else:
                return begun, turn
        raise StaleJobError(f"job {job.job_id} keeps changing")

    def _send(self, job: Job, event: str, stamp: str, mail: Mail) -> None:
        try:
            self.mailer.send(mail)
        except RefusedError as error:
            self.accounts.note_bounce(mail.to)
            self._mark(job, f"{event}:refused")
            log.warning("an address cannot receive mail", extra={"reason": error.code})
        except TemporaryError:
            self._mark(job, f"{event}:unanswered@{stamp}")
            raise
        else:
            self._mark(job, f"{event}:sent")
            log.info("a mail was sent", extra={"mail": event})

    def _mark(self, job: Job, mark: str) -> None:
        """Write it down, however often others move the job meanwhile."""
        for _ in range(MOVE_TRIES):
            after = job.mailed(mark)
            if after is job:
                return
            try:
                self.patience.with_(partial(self.jobs.move, job, after))
            except StaleJobError:
                job = self.patience.with_(partial(self.jobs.get, job.job_id))
            else:
                return
        raise StaleJobError(f"job {job.job_id} keeps changing")


def main() -> None:
    """Run the daemon until SIGTERM."""
    gas_log.set_up("notify")
    settings = Settings.from_env()
    stop = Stop()
    stop.listen()
    outside = wiring.connect(settings)
    notifier = Notifier.of(settings, outside, stop)
    run(outside.inbox(Queue.NOTIFY), notifier.handle, stop=stop, clock=outside.clock)


if __name__ == "__main__":
    main()
