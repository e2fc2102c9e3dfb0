"""What moto lacks: standard SQS queues are fair between message groups.

Amazon SQS Developer Guide, "How fair queues work": while a group takes a larger share of the
consumers than others, messages of the quiet groups come first; of several noisy groups, the one
with the fewest messages in flight.  AWS's thresholds (10 % of the consumers' time, or of what is in
flight) are approximate; here the smallest share comes first at once.
"""

from itertools import count

from moto.sqs.models import Message, Queue

_turns: dict[str, int] = {}
_numbers = count(1)
_messages = Queue.messages.fget
_mark_received = Message.mark_received


def make_sqs_fair() -> None:
    """Change moto for the rest of this process; twice is no harm."""
    Queue.messages = property(_in_fair_order)
    Message.mark_received = _remember_turn


def _in_fair_order(queue: Queue) -> list[Message]:
    waiting: list[Message] = _messages(queue)
    if queue.fifo_queue:
        return waiting
    in_flight: dict[str, int] = {}
    for message in queue._messages:
        if message.group_id and not message.visible:
            in_flight[message.group_id] = in_flight.get(message.group_id, 0) + 1
    return sorted(
        waiting,
        key=lambda message: (
            in_flight.get(message.group_id or "", 0),
            _turns.get(message.group_id or "", 0),
        ),
    )


def _remember_turn(message: Message, visibility_timeout: int | None = None) -> None:
    if message.group_id:
        _turns[message.group_id] = next(_numbers)
    _mark_received(message, visibility_timeout=visibility_timeout)
