"""Archive, restore, thaw: the walk of a result as its owner's plan changes, over memory."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from gas.domain.account import Tier
from gas.domain.errors import OutageError
from gas.domain.job import RetrievalTier, Storage, StoredObject
from gas.domain.message import Kind, Message, Queue
from gas.domain.news import about_job
from gas.ports import Retrieval
from tests.builders import a_job
from tests.support.archiving import Lifecycle

DAY = 24 * 3600


@pytest.fixture
def life() -> Lifecycle:
    return Lifecycle()


def archived(life: Lifecycle) -> None:
    life.complete()
    life.run(601, by=601)
    assert life.job().storage is Storage.ARCHIVED


def test_a_free_result_is_archived_when_its_window_has_closed_and_not_before(
    life: Lifecycle,
) -> None:
    life.complete()
    life.run(599, by=599)
    assert life.job().storage is Storage.AVAILABLE
    assert life.is_readable(life.job())
    life.run(2, by=2)
    life.assert_at_rest(life.job(), Storage.ARCHIVED)
    assert life.job().keys & set(life.world.results.objects), "the log stays"


def test_the_message_waits_hidden_and_never_runs_into_the_dead_letters(life: Lifecycle) -> None:
    life.complete()
    life.run(601, by=1)
    assert life.job().storage is Storage.ARCHIVED
    assert not life.world.inbox(Queue.ARCHIVE).dead


@pytest.mark.parametrize("days", [1, 30])
def test_a_window_longer_than_a_queue_can_hide_is_kept_by_the_sweep(days: int) -> None:
    settings = replace(Lifecycle().settings, free_window=timedelta(days=days))
    life = Lifecycle(settings=settings)
    life.complete()
    life.run(days * DAY - 60, by=3600, sweep=True)
    assert life.job().storage is Storage.AVAILABLE
    assert not life.world.inbox(Queue.ARCHIVE).dead
    assert not list(life.world.jobs.to_look_at(life.now)), "nothing to look at before its time"
    life.run(1200, sweep=True)
    life.assert_at_rest(life.job(), Storage.ARCHIVED)


def test_a_premium_result_is_never_archived_and_rests(life: Lifecycle) -> None:
    life.set_tier(Tier.PREMIUM)
    life.complete()
    life.run(2 * DAY, by=3600, sweep=True)
    life.assert_at_rest(life.job(), Storage.AVAILABLE)
    assert not life.world.archives.rows


def test_the_tier_is_that_of_the_moment_not_that_of_the_message(life: Lifecycle) -> None:
    life.complete()
    life.run()
    life.set_tier(Tier.PREMIUM, announce=False)
    life.run(1200)
    assert life.job().storage is Storage.AVAILABLE


def test_an_archived_result_is_told_of_once_and_says_that_nothing_is_lost(
    life: Lifecycle,
) -> None:
    archived(life)
    [_, mail] = life.world.mailer.sent
    assert "Nothing is lost" in mail.text
    assert "/plan" in mail.text
    assert mail.mail_id.startswith("job-1.archived-")


def test_an_upgrade_brings_everything_back_byte_for_byte(life: Lifecycle) -> None:
    archived(life)
    life.set_tier(Tier.PREMIUM)
    life.run()
    job = life.job()
    assert job.storage is Storage.RETRIEVING
    assert job.retrieval_tier is RetrievalTier.EXPEDITED
    assert all(stored.retrieval_id for stored in job.annotated)
    assert life.world.accounts.get("ada").plan_changed_at is None
    life.run(121, by=121)
    assert life.job().storage is Storage.RESTORED
    assert life.is_readable(life.job())
    assert "is back" in life.world.mailer.sent[-1].subject
    life.run(sweep=True)
    life.assert_at_rest(life.job(), Storage.RESTORED)


def test_an_expedited_retrieval_refused_for_want_of_room_becomes_a_standard_one(
    life: Lifecycle,
) -> None:
    archived(life)
    life.world.archives.refuses_expedited = True
    life.set_tier(Tier.PREMIUM)
    life.run()
    assert life.job().retrieval_tier is RetrievalTier.STANDARD
    assert set(life.world.archives.started) == {RetrievalTier.STANDARD}
    life.run(4 * 3600 + 1, by=600)
    assert life.job().storage is Storage.RESTORED


def test_any_other_refusal_is_no_reason_for_the_slow_way(
    life: Lifecycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived(life)

    def down(*_: object) -> str:
        raise OutageError("the archive is down")

    with monkeypatch.context() as patch:
        patch.setattr(life.world.archives, "start_retrieval", down)
        life.stop.ask()
        life.set_tier(Tier.PREMIUM)
        life.step()
    assert life.job().storage is Storage.ARCHIVED
    life.start()
    life.run(180)
    assert set(life.world.archives.started) == {RetrievalTier.EXPEDITED}


def test_a_retrieval_under_way_already_is_adopted(life: Lifecycle) -> None:
    archived(life)
    stored = life.job().annotated[0]
    begun = life.world.archives.start_retrieval(stored, RetrievalTier.STANDARD)
    life.set_tier(Tier.PREMIUM)
    life.run()
    adopted = next(row for row in life.job().annotated if row.kind is stored.kind)
    assert adopted.retrieval_id == begun.retrieval_id
    assert life.job().retrieval_tier is None, "nobody knows how long the adopted one takes"
    assert life.world.archives.started.count(RetrievalTier.STANDARD) == 1


def test_a_mail_that_moves_the_job_meanwhile_changes_nothing_of_the_estimate(
    life: Lifecycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived(life)
    life.world.archives.refuses_expedited = True
    start, ledger = life.world.archives.start_retrieval, iter(("one", "two"))

    def start_beside_a_mail(stored: StoredObject, tier: RetrievalTier) -> Retrieval:
        started = start(stored, tier)
        if (mark := next(ledger, None)) is not None:
            job = life.job()
            life.world.jobs.move(job, job.mailed(mark))
        return started

    monkeypatch.setattr(life.world.archives, "start_retrieval", start_beside_a_mail)
    life.set_tier(Tier.PREMIUM)
    life.run()
    assert life.job().storage is Storage.RETRIEVING
    assert life.job().retrieval_tier is RetrievalTier.STANDARD
    assert len(life.world.archives.started) == len(life.job().annotated)


def test_a_notice_ahead_of_the_record_comes_again_and_is_not_buried(life: Lifecycle) -> None:
    archived(life)
    job = life.job()
    for _ in range(8):
        life.world.topics.publish(about_job(job, Kind.RETRIEVAL_DUE))
    life.run(60, by=1)
    assert life.job().storage is Storage.ARCHIVED
    assert not life.world.inbox(Queue.THAW).dead
    assert life.world.inbox(Queue.THAW).depth() == 0


def test_a_message_ahead_of_the_completion_archives_nothing(life: Lifecycle) -> None:
    running = a_job().claim(life.now, timedelta(hours=1), "worker")
    life.world.jobs.rows["job-1"] = running
    life.world.topics.publish(about_job(running, Kind.JOB_COMPLETED))
    for _ in range(8):
        life.run(30, by=5)
    assert life.job() == running
    assert not life.world.inbox(Queue.ARCHIVE).dead
    life.complete()
    life.run(700)
    assert life.job().storage is Storage.ARCHIVED


def test_a_lost_notice_is_made_good_by_the_sweep(life: Lifecycle) -> None:
    archived(life)
    life.set_tier(Tier.PREMIUM)
    life.run()
    life.world.inbox(Queue.THAW).waiting.clear()
    life.run(900, sweep=True)
    life.assert_at_rest(life.job(), Storage.RESTORED)


def test_a_notice_that_comes_twice_restores_once(life: Lifecycle) -> None:
    archived(life)
    life.set_tier(Tier.PREMIUM)
    life.run()
    life.world.clock.advance(timedelta(seconds=121))
    for _ in range(5):
        life.world.topics.publish(about_job(life.job(), Kind.RETRIEVAL_DUE))
    life.run()
    restored = [mail for mail in life.world.mailer.sent if "is back" in mail.subject]
    assert len(restored) == 1
    life.run(sweep=True)
    assert life.job().storage is Storage.RESTORED


def test_a_retrieval_that_expired_before_the_thaw_starts_again(life: Lifecycle) -> None:
    archived(life)
    life.set_tier(Tier.PREMIUM)
    life.run()
    life.world.inbox(Queue.THAW).waiting.clear()
    life.world.clock.advance(timedelta(days=3))
    life.run(1800, sweep=True)
    life.assert_at_rest(life.job(), Storage.RESTORED)
    assert len(life.world.archives.started) == 2 * len(life.job().annotated)


def test_a_retrieval_that_expired_for_an_owner_who_is_free_again_rests(life: Lifecycle) -> None:
    archived(life)
    life.set_tier(Tier.PREMIUM)
    life.run()
    life.world.inbox(Queue.THAW).waiting.clear()
    life.set_tier(Tier.FREE)
    life.world.clock.advance(timedelta(days=3))
    life.run(1800, sweep=True)
    life.assert_at_rest(life.job(), Storage.ARCHIVED)


def test_an_upgrade_while_the_result_is_being_archived_ends_restored(
    life: Lifecycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.complete()
    archive = life.world.archives.archive

    def upgraded_meanwhile(stored: object) -> str:
        life.set_tier(Tier.PREMIUM)
        life.step()
        return archive(stored)  # type: ignore[arg-type]

    monkeypatch.setattr(life.world.archives, "archive", upgraded_meanwhile)
    life.run(601, by=601)
    monkeypatch.setattr(life.world.archives, "archive", archive)
    life.run(900, sweep=True)
    life.assert_at_rest(life.job(), Storage.RESTORED)


def test_an_upgrade_between_claim_and_copy_keeps_the_result_where_it_is(
    life: Lifecycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.complete()
    life.world.clock.advance(timedelta(seconds=601))
    move = life.world.jobs.move

    def upgraded(before: object, after: object, *messages: Message) -> None:
        move(before, after, *messages)  # type: ignore[arg-type]
        life.set_tier(Tier.PREMIUM)

    monkeypatch.setattr(life.world.jobs, "move", upgraded)
    delivery = life.world.inbox(Queue.ARCHIVE).receive()[0]
    life.archiver.handle(Message.from_json(delivery.body), delivery)
    assert life.job().storage is Storage.AVAILABLE
    assert not life.world.archives.rows


def test_a_downgrade_starts_the_window_again(life: Lifecycle) -> None:
    life.set_tier(Tier.PREMIUM)
    life.complete()
    life.run(DAY, by=3600, sweep=True)
    life.set_tier(Tier.FREE)
    life.run(590, by=59)
    assert life.job().storage is Storage.AVAILABLE
    life.run(20)
    life.assert_at_rest(life.job(), Storage.ARCHIVED)


def test_a_downgrade_while_the_result_is_retrieved_completes_and_then_archives(
    life: Lifecycle,
) -> None:
    archived(life)
    life.set_tier(Tier.PREMIUM)
    life.run()
    life.set_tier(Tier.FREE)
    life.run(130)
    assert life.job().storage is Storage.RESTORED
    life.run(570, by=10)
    assert life.job().storage is Storage.RESTORED
    life.run(60, by=10)
    life.assert_at_rest(life.job(), Storage.ARCHIVED)
    mails = [mail for mail in life.world.mailer.sent if "archived" in mail.subject]
    assert len({mail.mail_id for mail in mails}) == 2


@pytest.mark.parametrize("tier", Tier)
def test_a_change_of_plan_that_was_never_announced_is_found_by_the_sweep(
    life: Lifecycle, tier: Tier
) -> None:
    archived(life)
    life.set_tier(Tier.PREMIUM, announce=False)
    if tier is Tier.FREE:
        life.run(900, sweep=True)
        life.set_tier(Tier.FREE, announce=False)
    life.run(2400, sweep=True)
    at_rest = Storage.RESTORED if tier is Tier.PREMIUM else Storage.ARCHIVED
    life.assert_at_rest(life.job(), at_rest)
    assert life.world.accounts.get("ada").plan_changed_at is None


def test_every_result_of_a_user_follows_however_many_there_are(life: Lifecycle) -> None:
    for number in range(250):
        life.complete(f"job-{number}")
    life.run(1000)
    assert {job.storage for job in life.world.jobs.rows.values()} == {Storage.ARCHIVED}
    life.set_tier(Tier.PREMIUM)
    life.run(300)
    assert {job.storage for job in life.world.jobs.rows.values()} == {Storage.RESTORED}
    life.assert_nothing_is_lost()


def test_another_users_results_stay_where_they_are(life: Lifecycle) -> None:
    life.world.accounts.rows["bob"] = replace(life.world.accounts.get("ada"), user_id="bob")
    life.complete("job-1")
    life.complete("job-2", "bob")
    life.run(700)
    life.set_tier(Tier.PREMIUM)
    life.run(600)
    assert life.job("job-1").storage is Storage.RESTORED
    assert life.job("job-2").storage is Storage.ARCHIVED


def test_a_message_that_names_another_owner_is_buried(life: Lifecycle) -> None:
    archived(life)
    for kind in (Kind.ARCHIVE_DUE, Kind.RETRIEVAL_DUE):
        life.world.topics.publish(Message(kind=kind, job_id="job-1", user_id="mallory"))
    life.world.accounts.rows["bob"] = replace(life.world.accounts.get("ada"), user_id="bob")
    life.world.accounts.set_tier("bob", Tier.PREMIUM)
    life.world.topics.publish(Message(kind=Kind.RESTORE_DUE, job_id="job-1", user_id="bob"))
    life.run()
    assert life.job().storage is Storage.ARCHIVED
    for queue in (Queue.ARCHIVE, Queue.RESTORE, Queue.THAW):
        assert len(life.world.inbox(queue).dead) == 1


def test_a_clock_that_jumps_back_archives_nothing_early(life: Lifecycle) -> None:
    life.complete()
    life.world.clock.advance(timedelta(seconds=-3600))
    life.run(600, by=60)
    assert life.job().storage is Storage.AVAILABLE
    life.run(3700, by=60, sweep=True)
    assert life.job().storage is Storage.ARCHIVED


def test_a_restored_copy_outlives_a_late_duplicate_of_the_archiving(life: Lifecycle) -> None:
    archived(life)
    late = life.job()
    life.set_tier(Tier.PREMIUM)
    life.run(130)
    life.run(sweep=True)
    for stored in late.annotated:
        with pytest.raises(Exception, match="not in the archive"):
            life.world.archives.drop_original(stored)
    assert life.is_readable(life.job())


def test_an_orphan_in_the_archive_is_removed_and_nothing_else(life: Lifecycle) -> None:
    archived(life)
    life.complete("job-2")
    for stored in life.job("job-2").annotated:
        life.world.archives.archive(stored)
    assert len(life.world.archives.rows) == 6
    life.run(2 * DAY, by=3600, sweep=True)
    life.assert_nothing_is_lost()
    recorded = {
        stored.archive_id for job in life.world.jobs.rows.values() for stored in job.annotated
    }
    assert set(life.world.archives.rows) == recorded


def test_no_list_of_results_travels_in_a_message(life: Lifecycle) -> None:
    archived(life)
    life.set_tier(Tier.PREMIUM)
    [body] = [row.body for row in life.world.inbox(Queue.RESTORE).waiting]
    assert set(json.loads(body)) == {"v", "kind", "user_id"}
