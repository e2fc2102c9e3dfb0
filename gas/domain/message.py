"""Messages, topics and queues: what is said, where, and who hears it.

A message carries ids only.  Its envelope is JSON with a version, so that two releases of the
service can share a queue: `{"v": 1, "kind": "job.requested", "job_id": "...", "user_id": "..."}`.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

from gas.domain.errors import MalformedMessageError, NewerMessageError

VERSION = 1


class Topic(StrEnum):
    """Where a message is published."""

    JOB_REQUESTS = "job-requests"
    JOB_RESULTS = "job-results"


class Queue(StrEnum):
    """Where a message waits for its one kind of consumer."""

    ANNOTATE = "annotate"
    NOTIFY = "notify"


SUBSCRIPTIONS: dict[Topic, tuple[Queue, ...]] = {
    Topic.JOB_REQUESTS: (Queue.ANNOTATE,),
    Topic.JOB_RESULTS: (Queue.NOTIFY,),
}


class Kind(StrEnum):
    """What happened."""

    JOB_REQUESTED = "job.requested"
    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"


TOPIC_OF: dict[Kind, Topic] = {
    Kind.JOB_REQUESTED: Topic.JOB_REQUESTS,
    Kind.JOB_COMPLETED: Topic.JOB_RESULTS,
    Kind.JOB_FAILED: Topic.JOB_RESULTS,
}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One thing that happened to one job."""

    kind: Kind
    job_id: str
    user_id: str

    @property
    def message_id(self) -> str:
        """The same message has the same id however often it is written or delivered."""
        return f"{self.job_id}.{self.kind}"

    @property
    def topic(self) -> Topic:
        """The topic this kind of message is published to."""
        return TOPIC_OF[self.kind]

    def to_json(self) -> str:
        """The envelope as it travels: ASCII JSON, legal in every queue."""
        return json.dumps(
            {
                "v": VERSION,
                "kind": self.kind.value,
                "job_id": self.job_id,
                "user_id": self.user_id,
            },
        )

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
            job_id, user_id = envelope["job_id"], envelope["user_id"]
        except (ValueError, KeyError) as error:
            raise MalformedMessageError("a message lacks what its version promises") from error
        if not isinstance(job_id, str) or not isinstance(user_id, str):
            raise MalformedMessageError("a message names its job or user by something not a word")
        return cls(kind=kind, job_id=job_id, user_id=user_id)
