"""What everything in AWS is called: one place for code, provisioner and stack templates."""

from dataclasses import dataclass

from gas.domain.message import Queue, Topic


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of one deployment; every one begins with its prefix."""

    prefix: str
    partition: str
    region: str
    account_id: str

    @property
    def jobs_table(self) -> str:
        return f"{self.prefix}-jobs"

    @property
    def outbox_table(self) -> str:
        return f"{self.prefix}-outbox"

    @property
    def uploads_table(self) -> str:
        return f"{self.prefix}-uploads"

    def topic(self, topic: Topic) -> str:
        return f"{self.prefix}-{topic.value}"

    def queue(self, queue: Queue) -> str:
        return f"{self.prefix}-{queue.value}"

    def dead_letters(self, queue: Queue) -> str:
        """Where messages go that were received too often, or that nobody can read."""
        return f"{self.prefix}-{queue.value}-dead"

    def undelivered(self, queue: Queue) -> str:
        """Where a subscription puts what it could not bring to its queue."""
        return f"{self.prefix}-{queue.value}-undelivered"

    def topic_arn(self, topic: Topic) -> str:
        return self._arn("sns", self.topic(topic))

    def queue_arn(self, name: str) -> str:
        return self._arn("sqs", name)

    def _arn(self, service: str, name: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{name}"
