"""The one place where settings become real adapters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gas.adapters.aws import connect_aws
from gas.adapters.clock import SystemClock
from gas.adapters.embedded import connect_embedded
from gas.adapters.embedded_mail import MailBox
from gas.adapters.payments import SimulatedPayments
from gas.adapters.sql_accounts import connect_accounts
from gas.config import Backend, Payment, Settings
from gas.domain.message import Queue
from gas.ports import (
    Accounts,
    ArchiveStore,
    AuditTrail,
    Clock,
    Files,
    Inbox,
    Jobs,
    Limits,
    Mailer,
    Outbox,
    PaymentProvider,
    Sessions,
    Topics,
    Uploads,
)


class Backing(Protocol):
    """What a backend supplies: every port but the accounts."""

    @property
    def jobs(self) -> Jobs: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def topics(self) -> Topics: ...
    @property
    def uploads(self) -> Uploads: ...
    @property
    def inputs(self) -> Files: ...
    @property
    def results(self) -> Files: ...
    @property
    def archives(self) -> ArchiveStore: ...
    @property
    def mailer(self) -> Mailer: ...
    @property
    def inbox(self) -> Callable[[Queue], Inbox]: ...
    @property
    def dead_inbox(self) -> Callable[[Queue], Inbox]: ...


@dataclass(frozen=True, kw_only=True)
class Outside:
    """The world outside, by port."""

    clock: Clock
    jobs: Jobs
    outbox: Outbox
    topics: Topics
    uploads: Uploads
    inputs: Files
    results: Files
    archives: ArchiveStore
    accounts: Accounts
    payments: PaymentProvider
    sessions: Sessions
    audit: AuditTrail
    limits: Limits
    mailer: Mailer
    inbox: Callable[[Queue], Inbox]
    dead_inbox: Callable[[Queue], Inbox]
    """The reading end of a queue's dead-letter queue."""


BACKENDS: dict[Backend, Callable[[Settings, Clock], Backing]] = {
    Backend.AWS: connect_aws,
    Backend.EMBEDDED: connect_embedded,
}
PAYMENTS: dict[Payment, Callable[[], PaymentProvider]] = {Payment.SIMULATED: SimulatedPayments}


def connect(settings: Settings) -> Outside:
    """Open every connection the service uses; call it in the process that will use them."""
    clock = SystemClock()
    backing = BACKENDS[settings.backend](settings, clock)
    people = connect_accounts(settings, clock)
    return Outside(
        clock=clock,
        jobs=backing.jobs,
        outbox=backing.outbox,
        topics=backing.topics,
        uploads=backing.uploads,
        inputs=backing.inputs,
        results=backing.results,
        archives=backing.archives,
        accounts=people.accounts,
        payments=PAYMENTS[settings.payment](),
        sessions=people.sessions,
        audit=people.audit,
        limits=people.limits,
        mailer=backing.mailer,
        inbox=backing.inbox,
        dead_inbox=backing.dead_inbox,
    )


def connect_mail_box(settings: Settings) -> MailBox | None:
    """The box of sent mails that the local mail page shows; None where mails really leave."""
    if settings.backend is not Backend.EMBEDDED:
        return None
    return MailBox(settings.home.absolute() / "mail")
