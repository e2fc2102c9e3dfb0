"""What the mailbox page needs of whoever keeps the mails."""

from collections.abc import Sequence
from typing import Protocol

from gas.ports import Mail


class Mailbox(Protocol):
    """Mails that were kept instead of sent."""

    def mails(self, *, to: str, limit: int) -> Sequence[Mail]:
        """The last mails to that address, newest first."""
        ...
