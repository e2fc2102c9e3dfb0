"""Mails that are written down: each once, whole, and readable by a mail program."""

import threading
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from gas.adapters.embedded_mail import EmbeddedMailer, MailBox
from gas.adapters.memory import MemoryClock
from gas.domain.errors import NotFoundError, OutageError, RefusedError
from gas.ports import Mail

MAIL = Mail(
    mail_id="job-1.completed",
    to="ada@example.org",
    subject="Your annotation is ready: p\u00e8re \U0001f9ec.vcf",
    text="It is ready.\n",
    html="<p>It is <b>ready</b>.</p>",
)


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock()


@pytest.fixture
def mailer(tmp_path: Path, clock: MemoryClock) -> EmbeddedMailer:
    return EmbeddedMailer(tmp_path / "mail", clock, mail_from="GAS <gas@example.org>")


@pytest.fixture
def box(tmp_path: Path, mailer: EmbeddedMailer) -> MailBox:
    return MailBox(tmp_path / "mail")


def test_a_mail_sent_twice_is_one_mail(
    mailer: EmbeddedMailer, box: MailBox, clock: MemoryClock
) -> None:
    sent_at = clock.now()
    mailer.send(MAIL)
    clock.advance(timedelta(hours=1))
    mailer.send(replace(MAIL, text="Again."))
    (written,) = box.list()
    assert (written.mail, written.sent_at) == (MAIL, sent_at)
    assert box.get(written.box_id) == written


def test_a_mail_sent_by_many_at_once_is_one_mail(mailer: EmbeddedMailer, box: MailBox) -> None:
    threads = [threading.Thread(target=mailer.send, args=(MAIL,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [written.mail for written in box.list()] == [MAIL]


def test_a_mail_program_can_read_it(mailer: EmbeddedMailer, box: MailBox) -> None:
    mailer.send(MAIL)
    message = message_from_bytes(box.eml(box.list()[0].box_id), policy=policy.default)
    assert message["To"] == MAIL.to
    assert message["From"] == "GAS <gas@example.org>"
    assert message["Subject"] == MAIL.subject
    assert message["Date"].datetime == MemoryClock().now()
    bodies = {part.get_content_type(): part.get_content() for part in message.iter_parts()}
    assert bodies["text/plain"].splitlines() == MAIL.text.splitlines()
    assert bodies["text/html"].strip() == MAIL.html


def test_a_line_break_in_a_subject_begins_no_header(mailer: EmbeddedMailer, box: MailBox) -> None:
    mailer.send(replace(MAIL, subject="ready\r\nBcc: eve@example.org"))
    message = message_from_bytes(box.eml(box.list()[0].box_id), policy=policy.default)
    assert message["Subject"] == "ready Bcc: eve@example.org"
    assert message["Bcc"] is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "a b@example.org",
        "ada@example.org\r\nBcc: eve@x.org",
        "ada@example.org, eve@example.org",
        "Ada <ada@example.org>",
        "a" * 250 + "@x.org",
    ],
)
def test_what_is_no_address_is_refused(mailer: EmbeddedMailer, box: MailBox, address: str) -> None:
    with pytest.raises(RefusedError):
        mailer.send(replace(MAIL, to=address))
    assert not box.list()


def test_the_newest_mails_are_listed_first(mailer: EmbeddedMailer, box: MailBox) -> None:
    for number in range(5):
        mailer.send(replace(MAIL, mail_id=str(number)))
    assert [written.mail.mail_id for written in box.list(limit=3)] == ["4", "3", "2"]


@pytest.mark.parametrize("box_id", ["", "../mail", "0" * 32, "x" * 32, "0" * 31 + "/"])
def test_a_mail_that_is_not_there_is_not_found(box: MailBox, box_id: str) -> None:
    with pytest.raises(NotFoundError):
        box.get(box_id)
    with pytest.raises(NotFoundError):
        box.eml(box_id)


def test_a_writer_that_died_leaves_no_mail_and_does_not_stop_the_next(
    tmp_path: Path, mailer: EmbeddedMailer, box: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "hardlink_to", die)
        with pytest.raises(KeyboardInterrupt):
            mailer.send(MAIL)
    assert not box.list()
    mailer.send(MAIL)
    assert [written.mail for written in box.list()] == [MAIL]
    assert sorted(path.suffix for path in (tmp_path / "mail").iterdir()) == [".eml", ".json"]


def test_a_full_disk_is_an_outage(
    mailer: EmbeddedMailer, box: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(OutageError):
        mailer.send(MAIL)
    assert not box.list()
