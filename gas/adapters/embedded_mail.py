"""Mail that is written down instead of sent: one .eml file for a mail program, one .json to list.

A mail exists once its .json does.  That name is taken exactly once, so that a mail sent twice is
one mail.
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from gas.adapters.embedded_db import RETRY_AFTER
from gas.domain.errors import NotFoundError, OutageError, RefusedError
from gas.ports import Clock, Mail

_ADDRESS = re.compile(
    r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
)
_ADDRESS_LIMIT = 254


@dataclass(frozen=True, kw_only=True)
class WrittenMail:
    """A mail in the box; `box_id` is a word that may stand in an address of a page."""

    box_id: str
    mail: Mail
    sent_at: datetime


class EmbeddedMailer:
    """The port Mailer into a folder."""

    def __init__(self, folder: Path, clock: Clock, *, mail_from: str) -> None:
        _make(folder)
        self._folder = folder
        self._clock = clock
        self._from = mail_from

    def send(self, mail: Mail) -> None:
        if len(mail.to) > _ADDRESS_LIMIT or not _ADDRESS.fullmatch(mail.to):
            raise RefusedError(
                "bad-address",
                "This is no address a mail can be sent to.",
                "Correct the address at your identity provider, then log in again.",
            )
        path = self._folder / f"{_box_id(mail.mail_id)}.json"
        if path.exists():
            return
        sent_at = self._clock.now()
        record = {"mail": asdict(mail), "sent_at": sent_at.isoformat()}
        with _disk():
            self._write(path.with_suffix(".eml"), self._eml(mail, sent_at))
            self._write(path, json.dumps(record, indent=1).encode(), once=True)
            _sync(self._folder)

    def _eml(self, mail: Mail, sent_at: datetime) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._from
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = " ".join(mail.subject.split())
        message["Date"] = sent_at
        message["Message-ID"] = f"<{_box_id(mail.mail_id)}@gas.invalid>"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message.as_bytes()

    def _write(self, path: Path, content: bytes, *, once: bool = False) -> None:
        """Write a file that is whole or not there; `once` leaves one that is there already."""
        new = path.with_suffix(f".{secrets.token_hex(8)}.new")
        try:
            with new.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if not once:
                new.replace(path)
            else:
                try:
                    path.hardlink_to(new)
                except FileExistsError:
                    return
        finally:
            new.unlink(missing_ok=True)


class MailBox:
    """The written mails, for the page that shows them."""

    def __init__(self, folder: Path) -> None:
        _make(folder)
        self._folder = folder

    def list(self, *, limit: int = 100) -> Sequence[WrittenMail]:
        """The newest mails, newest first."""
        with _disk():
            found = [(path.stat().st_mtime_ns, path.stem) for path in self._folder.glob("*.json")]
        return [self.get(box_id) for _, box_id in sorted(found, reverse=True)[:limit]]

    def get(self, box_id: str) -> WrittenMail:
        """One mail; raises NotFoundError."""
        raw = json.loads(self._read(box_id, ".json"))
        return WrittenMail(
            box_id=box_id,
            mail=Mail(**raw["mail"]),
            sent_at=datetime.fromisoformat(raw["sent_at"]),
        )

    def eml(self, box_id: str) -> bytes:
        """One mail as a mail program reads it; raises NotFoundError."""
        return self._read(box_id, ".eml")

    def forget(self, address: str, job_ids: Collection[str]) -> int:
        """Remove every mail to that address or about one of those jobs; how many there were."""
        gone = 0
        with _disk():
            paths = sorted(self._folder.glob("*.json"))
        for path in paths:
            try:
                mail = self.get(path.stem).mail
            except NotFoundError:
                continue
            if mail.to != address and not any(job_id in mail.mail_id for job_id in job_ids):
                continue
            with _disk():
                # The .json last: while it is there, a removal that was cut short is found again.
                path.with_suffix(".eml").unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            gone += 1
        return gone

    def _read(self, box_id: str, suffix: str) -> bytes:
        if not re.fullmatch(r"[0-9a-f]{32}", box_id):
            raise NotFoundError("no such mail")
        try:
            with _disk():
                return (self._folder / f"{box_id}{suffix}").read_bytes()
        except FileNotFoundError:
            raise NotFoundError("no such mail") from None


def _box_id(mail_id: str) -> str:
    return hashlib.sha256(mail_id.encode()).hexdigest()[:32]


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OutageError("the mail folder cannot be used", retry_after=RETRY_AFTER) from error
