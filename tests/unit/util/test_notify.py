"""The notify daemon: who is mailed, how often, and what the ledger keeps of it."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest

from gas.adapters.memory import MemoryClock, MemoryInbox, MemoryWorld
from gas.domain.account import Plan, Tier
from gas.domain.errors import BusyJobError, OutageError, RefusedError
from gas.domain.job import Failure, Fault, Job
from gas.domain.message import Kind, Message, Queue
from gas.patience import Patience
from gas.ports import Mail
from gas.worker import Stop, deliver
from tests.builders import a_completed_job, a_job, an_account
from tests.support.annotating import settings
from util.letters import REPEAT_NOTE, Letters
from util.notify import Notifier

LEASE = timedelta(seconds=120)
PLAN = Plan(free_input_bytes=153_600, free_window=timedelta(minutes=10))


class Post:
    """A world, its notifier, and the way a message reaches it."""

    def __init__(self) -> None:
        self.world = MemoryWorld()
        self.stop = Stop()
        self.world.accounts.rows["ada"] = an_account()
        self.notifier = Notifier(
            jobs=self.world.jobs,
            accounts=self.world.accounts,
            mailer=self.world.mailer,
            clock=self.world.clock,
            letters=Letters(base_url="https://gas.example.org", plan=PLAN),
            lease=LEASE,
            patience=Patience(self.world.clock, timedelta(minutes=5)),
        )

    @property
    def inbox(self) -> MemoryInbox:
        return self.world.inbox(Queue.NOTIFY)

    @property
    def sent(self) -> list[Mail]:
        return self.world.mailer.sent

    def tell(self, job: Job, kind: Kind = Kind.JOB_COMPLETED) -> None:
        self.world.jobs.rows.setdefault(job.job_id, job)
        self.world.topics.publish(Message(kind=kind, job_id=job.job_id, user_id="ada"))

    def deliver(self) -> bool:
        deliveries = self.inbox.receive()
        for delivery in deliveries:
            deliver(
                delivery,
                self.inbox,
                self.notifier.handle,
                stop=self.stop,
                clock=self.world.clock,
            )
        return bool(deliveries)


@pytest.fixture
def post() -> Post:
    return Post()


def a_failed_job(**changes: object) -> Job:
    facts = {
        "code": "bad-record",
        "text": "the allele ACGTACGT",
        "fault": Fault.INPUT,
        "hint": "GATTACA",
        "line": 7,
    }
    failure = Failure(**facts | changes)  # type: ignore[arg-type]
    return a_job().fail(a_completed_job().submitted_at, failure)


def test_a_completed_job_is_mailed_once(post: Post) -> None:
    post.tell(a_completed_job())
    for _ in range(3):
        post.tell(a_completed_job())
    while post.deliver():
        pass
    [mail] = post.sent
    assert mail.to == "ada@example.org"
    assert mail.mail_id == "job-1.completed"
    assert "https://gas.example.org/annotations/job-1" in mail.text
    assert "https://gas.example.org/annotations/job-1" in mail.html
    assert "completed:sent" in post.world.jobs.get("job-1").mails
    assert post.inbox.depth() == 0


def test_a_free_owner_reads_the_exact_end_of_the_window(post: Post) -> None:
    post.tell(a_completed_job())
    post.deliver()
    assert "1 January 2026, 00:10:01 UTC" in post.sent[0].text
    assert "1 January 2026, 00:10:01 UTC" in post.sent[0].html


def test_a_premium_owner_reads_of_no_end(post: Post) -> None:
    post.world.accounts.rows["ada"] = an_account(tier=Tier.PREMIUM)
    post.tell(a_completed_job())
    post.deliver()
    assert "until" not in post.sent[0].text


def test_the_address_is_the_one_of_the_moment_of_sending(post: Post) -> None:
    post.tell(a_completed_job())
    post.world.accounts.save_login("ada", name="Ada", email="new@example.org", institution="")
    post.deliver()
    assert post.sent[0].to == "new@example.org"


def test_a_failed_job_is_told_in_our_words_with_the_line(post: Post) -> None:
    post.tell(a_failed_job(), Kind.JOB_FAILED)
    post.deliver()
    [mail] = post.sent
    assert "Line 7 of the file." in mail.text
    assert "log" in mail.text
    assert "fault is ours" not in mail.text


def test_no_word_of_the_engine_reaches_a_mail_because_it_may_quote_the_file(post: Post) -> None:
    post.tell(a_failed_job(), Kind.JOB_FAILED)
    post.deliver()
    for part in (post.sent[0].text, post.sent[0].html, post.sent[0].subject):
        assert "ACGT" not in part
        assert "GATTACA" not in part


def test_a_failure_of_ours_is_owned(post: Post) -> None:
    post.tell(a_failed_job(code="service", fault=Fault.SERVICE, line=None), Kind.JOB_FAILED)
    post.deliver()
    assert "The fault is ours" in post.sent[0].text
    assert "Line" not in post.sent[0].text


def test_names_are_escaped_in_html_and_printed_as_they_are_in_text(post: Post) -> None:
    job = replace(a_completed_job(), input_file_name="<b>{{7*7}}.vcf")
    post.world.accounts.rows["ada"] = an_account(name="<script>Ada</script>")
    post.tell(job)
    post.deliver()
    [mail] = post.sent
    assert "<script>" not in mail.html
    assert "&lt;b&gt;{{7*7}}.vcf" in mail.html
    assert "<b>{{7*7}}.vcf" in mail.text


def test_a_file_name_cannot_break_the_subject(post: Post) -> None:
    post.tell(replace(a_completed_job(), input_file_name="a\r\nBcc: eve@example.org"))
    post.deliver()
    assert "\n" not in post.sent[0].subject
    assert "\r" not in post.sent[0].subject


def test_an_address_that_bounced_gets_no_mail_and_the_job_is_untouched(post: Post) -> None:
    post.world.accounts.note_bounce("ada@example.org")
    post.tell(a_completed_job())
    post.deliver()
    assert not post.sent
    assert post.world.jobs.get("job-1").status == a_completed_job().status
    assert "completed:skipped" in post.world.jobs.get("job-1").mails
    assert post.inbox.depth() == 0


def test_an_owner_who_is_gone_gets_no_mail(post: Post) -> None:
    post.world.accounts.rows.clear()
    post.tell(a_completed_job())
    post.deliver()
    assert not post.sent
    assert post.inbox.depth() == 0


def test_an_address_the_provider_refuses_is_remembered(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_mail: Mail) -> None:
        raise RefusedError("no-such-address", "The address does not exist.")

    monkeypatch.setattr(post.world.mailer, "send", refuse)
    post.tell(a_completed_job())
    post.deliver()
    assert post.world.accounts.get("ada").email_bounced_at is not None
    assert "completed:refused" in post.world.jobs.get("job-1").mails
    assert post.inbox.depth() == 0


def test_a_mail_whose_answer_was_lost_is_repeated_and_says_so(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, lost = post.world.mailer.send, list[Mail]()

    def lossy(mail: Mail) -> None:
        send(mail)
        if not lost:
            lost.append(mail)
            raise OutageError("the answer was lost")

    monkeypatch.setattr(post.world.mailer, "send", lossy)
    post.tell(a_completed_job())
    post.deliver()
    first, second = post.sent
    assert REPEAT_NOTE not in first.text
    assert REPEAT_NOTE in second.text
    assert REPEAT_NOTE in second.html
    assert post.inbox.depth() == 0


def test_two_senders_at_once_send_one_mail(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    send = post.world.mailer.send
    post.tell(a_completed_job())
    post.tell(a_completed_job())

    def meanwhile(mail: Mail) -> None:
        monkeypatch.setattr(post.world.mailer, "send", send)
        post.deliver()
        send(mail)

    monkeypatch.setattr(post.world.mailer, "send", meanwhile)
    post.deliver()
    assert len(post.sent) == 1
    post.world.clock.advance(LEASE)
    while post.deliver():
        pass
    assert len(post.sent) == 1
    assert post.inbox.depth() == 0


def test_a_ledger_entry_whose_answer_was_lost_still_sends_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, lost = post.world.jobs.move, list[Job]()

    def lossy(before: Job, after: Job, *messages: Message) -> None:
        move(before, after, *messages)
        if not lost:
            lost.append(after)
            raise OutageError("the answer was lost")

    monkeypatch.setattr(post.world.jobs, "move", lossy)
    post.tell(a_completed_job())
    post.deliver()
    [mail] = post.sent
    assert REPEAT_NOTE not in mail.text


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_sender_that_died_is_followed_once_its_lease_is_over(
    post: Post, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    send = post.world.mailer.send

    def die(mail: Mail) -> None:
        monkeypatch.setattr(post.world.mailer, "send", send)
        if step == "after":
            send(mail)
        raise KeyboardInterrupt

    monkeypatch.setattr(post.world.mailer, "send", die)
    post.tell(a_completed_job())
    with pytest.raises(KeyboardInterrupt):
        post.deliver()
    post.world.clock.advance(LEASE)
    post.deliver()
    assert REPEAT_NOTE in post.sent[-1].text
    assert len(post.sent) == (2 if step == "after" else 1)
    assert post.inbox.depth() == 0


def test_a_sender_whose_clock_is_slow_is_not_overtaken(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the simulation: two senders, their clocks ten minutes apart, sent one mail twice."""
    outside = Mock(
        jobs=post.world.jobs,
        accounts=post.world.accounts,
        mailer=post.world.mailer,
        clock=post.world.clock,
    )
    slow = Notifier.of(settings(), outside, post.stop)
    fast = replace(slow, clock=MemoryClock(post.world.clock.now() + timedelta(minutes=10)))
    send, message = (
        post.world.mailer.send,
        Message(kind=Kind.JOB_COMPLETED, job_id="job-1", user_id="ada"),
    )
    post.world.jobs.rows["job-1"] = a_completed_job()

    def meanwhile(mail: Mail) -> None:
        with pytest.raises(BusyJobError):
            fast.handle(message, Mock())
        send(mail)

    monkeypatch.setattr(post.world.mailer, "send", meanwhile)
    slow.handle(message, Mock())
    assert len(post.sent) == 1


def test_a_message_that_tells_what_is_not_so_sends_nothing(post: Post) -> None:
    post.tell(a_job().cancel(a_job().submitted_at), Kind.JOB_FAILED)
    post.deliver()
    assert not post.sent
    assert post.inbox.depth() == 0


@pytest.mark.parametrize(
    "forged",
    [
        Message(kind=Kind.JOB_COMPLETED, job_id="job-1", user_id="eve"),
        Message(kind=Kind.JOB_REQUESTED, job_id="job-1", user_id="ada"),
    ],
)
def test_a_message_that_does_not_fit_its_job_is_buried(post: Post, forged: Message) -> None:
    post.world.jobs.add(a_completed_job())
    post.inbox.put(forged.to_json())
    post.deliver()
    assert not post.sent
    assert post.inbox.dead == [forged.to_json()]
