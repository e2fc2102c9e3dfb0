"""Queues and the topics in front of them, in the file that holds the jobs.

What a power cut may undo here (a receive, a deletion, a delay) costs one more delivery, which every
consumer bears; nothing waits for the disk but a message that stands nowhere else.

Users share a queue fairly, as they do in SQS: whoever sends thousands keeps nobody else waiting.
"""

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta

from gas.adapters.embedded_db import Database, Transaction, micros
from gas.adapters.embedded_wakeup import Doorbell
from gas.domain.errors import LostLeaseError
from gas.domain.message import SUBSCRIPTIONS, Message, Queue
from gas.ports import Clock, Delivery

SCHEMA = """
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    visible_at INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    token TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX messages_by_queue ON messages (queue, visible_at, id);
"""

FAIR_SCHEMA = """
ALTER TABLE messages ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
CREATE INDEX messages_by_user ON messages (queue, user_id, visible_at, id);
CREATE TABLE turns (
    queue TEXT NOT NULL,
    user_id TEXT NOT NULL,
    turn INTEGER NOT NULL,
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (queue, user_id)
) STRICT, WITHOUT ROWID;
"""

_NEXT = """
WITH RECURSIVE users (user_id) AS (
    SELECT min(user_id) FROM messages WHERE queue = ?1
    UNION ALL
    SELECT (SELECT min(m.user_id) FROM messages m WHERE m.queue = ?1 AND m.user_id > u.user_id)
    FROM users u WHERE u.user_id IS NOT NULL
)
SELECT id, body, received, user_id FROM messages WHERE id = (
    SELECT (
        SELECT id FROM messages m
        WHERE m.queue = ?1 AND m.user_id = u.user_id AND m.visible_at <= ?2
        ORDER BY m.visible_at, m.id LIMIT 1
    ) AS first
    FROM users u WHERE first IS NOT NULL
    ORDER BY (
        SELECT count(*) FROM messages m
        WHERE m.queue = ?1 AND m.user_id = u.user_id AND m.visible_at > ?2
    ), (
        SELECT coalesce(max(t.turn), 0) FROM turns t
        WHERE t.queue = ?1 AND t.user_id = u.user_id
    ), first
    LIMIT 1
)
"""
"""The next message in fair order: of the user with the fewest in hand, then of the user whose turn
is longest ago, then the one that has waited longest.  It costs a few look-ups a waiting user,
however many messages each of them has."""

TURNS_KEPT = timedelta(minutes=5)
"""How long it is remembered that a user had a turn; as long as SQS remembers."""

DEAD = "-dead"
"""What the name of a dead-letter queue has at the end of its queue's."""

TOO_OFTEN = "received too often without being finished"


class EmbeddedTopics:
    """Topics that write each message to every subscribed queue in one transaction."""

    def __init__(self, database: Database, doorbell: Doorbell, clock: Clock) -> None:
        self._database = database
        self._doorbell = doorbell
        self._clock = clock

    def publish(self, message: Message) -> None:
        # The outbox holds the message durably and forgets it later in the same log, so that no
        # power cut can keep the forgetting and lose the publishing: waiting for the disk once more
        # would buy nothing.
        kept = self._database.rows("SELECT 1 FROM outbox WHERE message_id = ?", message.message_id)
        queues = SUBSCRIPTIONS[message.topic]
        with self._database.writing(durable=not kept) as transaction:
            for queue in queues:
                transaction.execute(
                    "INSERT INTO messages (queue, body, visible_at, user_id) VALUES (?, ?, ?, ?)",
                    queue.value,
                    message.to_json(),
                    micros(self._clock.now()),
                    message.user_id,
                )
        for queue in queues:
            self._doorbell.ring(queue.value)


class EmbeddedInbox:
    """One queue: visibility, delay, receive count and dead letters.

    Without `max_receives` it is the dead-letter queue of its queue, which has none itself.
    """

    def __init__(
        self,
        queue: Queue,
        database: Database,
        doorbell: Doorbell,
        clock: Clock,
        *,
        visibility: timedelta,
        poll: timedelta,
        max_receives: int | None,
    ) -> None:
        self._queue = queue
        self._name = queue.value if max_receives else queue.value + DEAD
        self._database = database
        self._doorbell = doorbell
        self._clock = clock
        self._visibility = visibility
        self._poll = poll.total_seconds()
        self._max_receives = max_receives

    @property
    def queue(self) -> Queue:
        return self._queue

    def receive(self) -> Sequence[Delivery]:
        listener = self._doorbell.listener(self._name)
        until = time.monotonic() + self._poll
        while True:
            listener.forget()
            # Only a queue that has something is worth the write lock.
            while self._visible():
                delivery = self._take()
                if delivery is not None:
                    return [delivery]
            left = until - time.monotonic()
            if left <= 0:
                return []
            listener.wait(left)

    def done(self, delivery: Delivery) -> None:
        row, token = _receipt(delivery)
        with self._database.writing(durable=False) as transaction:
            transaction.execute("DELETE FROM messages WHERE id = ? AND token = ?", row, token)

    def extend(self, delivery: Delivery, duration: timedelta) -> None:
        if not self._hide(delivery, duration):
            raise LostLeaseError("the message is no longer ours")

    def release(self, delivery: Delivery, delay: timedelta = timedelta(0)) -> None:
        self._hide(delivery, delay)
        if not delay:
            self._doorbell.ring(self._name)

    def bury(self, delivery: Delivery, reason: str) -> None:
        row, token = _receipt(delivery)
        with self._database.writing() as transaction:
            held = transaction.rows(
                "SELECT id FROM messages WHERE id = ? AND token = ?", row, token
            )
            if held:
                self._bury(transaction, row, reason)

    def depth(self) -> int:
        rows = self._database.rows("SELECT count(*) FROM messages WHERE queue = ?", self._name)
        return int(rows[0][0])

    def listed(self) -> list[tuple[str, str]]:
        """Body of every message, oldest first, and why it is here where it is a dead letter."""
        rows = self._database.rows(
            "SELECT body, reason FROM messages WHERE queue = ? ORDER BY id", self._name
        )
        return [(body, reason) for body, reason in rows]

    def _visible(self) -> bool:
        return bool(
            self._database.rows(
                "SELECT 1 FROM messages WHERE queue = ? AND visible_at <= ? LIMIT 1",
                self._name,
                micros(self._clock.now()),
            )
        )

    def _take(self) -> Delivery | None:
        """Take the next message; None where it was one too often received."""
        token = secrets.token_hex(16)
        now = self._clock.now()
        with self._database.writing(durable=False) as transaction:
            rows = transaction.rows(_NEXT, self._name, micros(now))
            if not rows:
                return None
            row, body, received, user_id = rows[0]
            if self._max_receives and received >= self._max_receives:
                self._bury(transaction, row, TOO_OFTEN)
                return None
            transaction.execute(
                "UPDATE messages SET visible_at = ?, received = received + 1, token = ?"
                " WHERE id = ?",
                micros(now + self._visibility),
                token,
                row,
            )
            transaction.execute(
                "INSERT OR REPLACE INTO turns"
                " SELECT ?, ?, coalesce(max(turn), 0) + 1, ? FROM turns WHERE queue = ?",
                *(self._name, user_id, micros(now), self._name),
            )
            transaction.execute("DELETE FROM turns WHERE taken_at < ?", micros(now - TURNS_KEPT))
        return Delivery(body=body, received=received + 1, receipt=f"{row}.{token}")

    def _hide(self, delivery: Delivery, duration: timedelta) -> bool:
        row, token = _receipt(delivery)
        with self._database.writing(durable=False) as transaction:
            return bool(
                transaction.execute(
                    "UPDATE messages SET visible_at = ? WHERE id = ? AND token = ?",
                    micros(self._clock.now() + duration),
                    row,
                    token,
                )
            )

    def _bury(self, transaction: Transaction, row: int, reason: str) -> None:
        if self._max_receives:
            transaction.execute(
                "INSERT INTO messages (queue, body, visible_at, reason, user_id)"
                " SELECT queue || ?, body, ?, ?, user_id FROM messages WHERE id = ?",
                DEAD,
                micros(self._clock.now()),
                reason,
                row,
            )
        transaction.execute("DELETE FROM messages WHERE id = ?", row)


def _receipt(delivery: Delivery) -> tuple[int, str]:
    row, _, token = delivery.receipt.partition(".")
    return int(row), token
