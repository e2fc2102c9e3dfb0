"""Messages, topics and queues: what is said, where, and who hears it.

A message carries ids only.  Its envelope is JSON with a version, so that two releases of the
service can share a queue: `{"v": 1, "kind": "job.requested", "job_id": "...", "user_id": "..."}`.
Version 2 brought the kinds about archiving and about accounts, which have no job, and `"number"`.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

from gas.domain.errors import MalformedMessageError, NewerMessageError

VERSION = 2


class Topic(StrEnum):
    """Where a message is published."""

    JOB_REQUESTS = "job-requests"
    JOB_RESULTS = "job-results"
    ACCOUNT_CHANGES = "account-changes"
    RETRIEVALS = "retrievals"


class Queue(StrEnum):
    """Where a message waits for its one kind of consumer."""

    ANNOTATE = "annotate"
    NOTIFY = "notify"
    ARCHIVE = "archive"
    RESTORE = "restore"
    THAW = "thaw"


SUBSCRIPTIONS: dict[Topic, tuple[Queue, ...]] = {
    Topic.JOB_REQUESTS: (Queue.ANNOTATE,),
    Topic.JOB_RESULTS: (Queue.NOTIFY, Queue.ARCHIVE),
    Topic.ACCOUNT_CHANGES: (Queue.RESTORE,),
    Topic.RETRIEVALS: (Queue.THAW,),
}


class Kind(StrEnum):
    """What happened, or what is due."""

    JOB_REQUESTED = "job.requested"
    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_ARCHIVED = "job.archived"
    JOB_RESTORED = "job.restored"
    ARCHIVE_DUE = "archive.due"
    RESTORE_DUE = "restore.due"
    RETRIEVAL_DUE = "retrieval.due"
    ACCOUNT_UPGRADED = "account.upgraded"
    ACCOUNT_DOWNGRADED = "account.downgraded"


TOPIC_OF: dict[Kind, Topic] = {
    Kind.JOB_REQUESTED: Topic.JOB_REQUESTS,
    Kind.JOB_COMPLETED: Topic.JOB_RESULTS,
    Kind.JOB_FAILED: Topic.JOB_RESULTS,
    Kind.JOB_ARCHIVED: Topic.JOB_RESULTS,
    Kind.JOB_RESTORED: Topic.JOB_RESULTS,
    Kind.ARCHIVE_DUE: Topic.JOB_RESULTS,
    Kind.RESTORE_DUE: Topic.ACCOUNT_CHANGES,
    Kind.RETRIEVAL_DUE: Topic.RETRIEVALS,
    Kind.ACCOUNT_UPGRADED: Topic.ACCOUNT_CHANGES,
    Kind.ACCOUNT_DOWNGRADED: Topic.ACCOUNT_CHANGES,
}

ABOUT_ACCOUNTS = frozenset({Kind.ACCOUNT_UPGRADED, Kind.ACCOUNT_DOWNGRADED})
FIRST_KINDS = frozenset({Kind.JOB_REQUESTED, Kind.JOB_COMPLETED, Kind.JOB_FAILED})
"""The kinds of version 1, which an older release can read; they are written in it still."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One thing that happened to one job, or to one account: then `job_id` is empty.

    `number` tells one time from another where the same can happen again (a job may be archived
    many times): the version of the job at that move.
    """

    kind: Kind
    user_id: str
    job_id: str = ""
    number: int = 0

    @property
    def message_id(self) -> str:
        """The same message has the same id however often it is written or delivered."""
        about = self.user_id if self.kind in ABOUT_ACCOUNTS else self.job_id
        return f"{about}.{self.kind}" + (f".{self.number}" if self.number else "")

    @property
    def topic(self) -> Topic:
        """The topic this kind of message is published to."""
        return TOPIC_OF[self.kind]

    def to_json(self) -> str:
        """The envelope as it travels: ASCII JSON, legal in every queue."""
        first = self.kind in FIRST_KINDS and not self.number
        envelope: dict[str, str | int] = {"v": 1 if first else VERSION, "kind": self.kind.value}
        if self.kind not in ABOUT_ACCOUNTS:
            envelope["job_id"] = self.job_id
        envelope["user_id"] = self.user_id
        if self.number:
            envelope["number"] = self.number
        return json.dumps(envelope)

    @classmethod
    def from_json(cls, text: str) -> "Message":
        """Read an envelope; raises MalformedMessageError or NewerMessageError."""
        try:
            envelope = json.loads(text)
            version = int(envelope["v"])
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedMessageError("a message is not an envelope of this service") from error
        if version > VERSION:
            raise NewerMessageError(f"a message of version {version}; this is {VERSION}")
        try:
            kind = Kind(envelope["kind"])
            user_id = envelope["user_id"]
            job_id = "" if kind in ABOUT_ACCOUNTS else envelope["job_id"]
            number = envelope.get("number", 0)
        except (ValueError, KeyError) as error:
            raise MalformedMessageError("a message lacks what its version promises") from error
        if not isinstance(job_id, str) or not isinstance(user_id, str):
            raise MalformedMessageError("a message names its job or user by something not a word")
        if not isinstance(number, int) or number < 0:
            raise MalformedMessageError("a message is numbered by something not a number")
        return cls(kind=kind, job_id=job_id, user_id=user_id, number=number)
