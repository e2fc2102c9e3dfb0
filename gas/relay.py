"""The relay: what a transaction left in the outbox is published, then forgotten.

Whoever committed the move relays its own messages at once; the sweeper relays what a crash left.
A message may so be published twice, which every consumer bears, but never not at all.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from gas.domain.errors import TemporaryError
from gas.domain.message import Message
from gas.ports import Outbox, Topics

log = logging.getLogger(__name__)

BATCH = 100


def relay(messages: Sequence[Message], *, outbox: Outbox, topics: Topics) -> int:
    """Publish each message and forget it; returns how many went out.

    An outage leaves the rest in the outbox for the sweeper: the move they belong to stands.
    """
    for count, message in enumerate(messages):
        try:
            topics.publish(message)
            outbox.sent(message)
        except TemporaryError:
            log.warning(
                "a message stays in the outbox",
                extra={"job_id": message.job_id, "kind": message.kind.value},
                exc_info=True,
            )
            return count
    return len(messages)


def relay_pending(before: datetime, *, outbox: Outbox, topics: Topics) -> int:
    """Relay everything written before that moment; returns how many messages went out."""
    total = 0
    while messages := outbox.pending(before=before, limit=BATCH):
        sent = relay(messages, outbox=outbox, topics=topics)
        total += sent
        if sent < len(messages):
            break
    return total
