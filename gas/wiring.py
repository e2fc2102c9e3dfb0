"""The one place where settings become real adapters."""

from collections.abc import Callable
from dataclasses import dataclass

from gas.domain.message import Queue
from gas.ports import (
    Accounts,
    Clock,
    Files,
    Inbox,
    Jobs,
    Mailer,
    Outbox,
    Sessions,
    Topics,
    Uploads,
)


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
    accounts: Accounts
    sessions: Sessions
    mailer: Mailer
    inbox: Callable[[Queue], Inbox]
    dead_inbox: Callable[[Queue], Inbox]
    """The reading end of a queue's dead-letter queue."""
