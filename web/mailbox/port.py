"""What the mailbox page needs of whoever keeps the mails."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gas.ports import Mail


class WrittenMail(Protocol):
    """A mail that was kept instead of sent."""

    @property
    def box_id(self) -> str:
        """What the mail is called in an address of a page."""
        ...

    @property
    def mail(self) -> Mail:
        """The mail itself."""
        ...

    @property
    def sent_at(self) -> datetime:
        """When it would have been sent."""
        ...


class Mailbox(Protocol):
    """Mails that were kept instead of sent."""

    def list(self, *, limit: int = 100) -> Sequence[WrittenMail]:
        """The last mails to anybody, newest first."""
        ...

    def get(self, box_id: str) -> WrittenMail:
        """One mail; raises NotFoundError."""
        ...

    def eml(self, box_id: str) -> bytes:
        """One mail as a mail program reads it; raises NotFoundError."""
        ...
