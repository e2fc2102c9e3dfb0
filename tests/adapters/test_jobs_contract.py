"""What every job table promises."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Thread

import pytest

from gas.domain.errors import (
    AlreadyExistsError,
    JobNotFoundError,
    LostLeaseError,
    RefusedError,
    StaleJobError,
)
from gas.domain.job import (
    ARCHIVED_KINDS,
    Failure,
    Fault,
    Job,
    Progress,
    RetrievalTier,
    Status,
)
from gas.domain.message import Kind, Message
from tests.adapters.worlds import World
from tests.builders import LEASE, NOW, a_completed_job, a_job, a_message, an_outcome

SECOND = timedelta(seconds=1)


def test_a_job_comes_back_as_it_was_written(world: World) -> None:
    job = a_job(note="père, \u4f60\u597d", requested_assembly="GRCh37")
    world.jobs.add(job)
    assert world.jobs.get(job.job_id) == job


def test_a_completed_job_comes_back_whole(world: World) -> None:
    job = replace(a_completed_job(), mails=frozenset({"completed:sent"}))
    world.jobs.add(job)
    assert world.jobs.get(job.job_id) == job


def test_a_failed_job_comes_back_whole(world: World) -> None:
    failure = Failure(
        code="not-a-vcf",
        text="Line 1 is no VCF.",
        fault=Fault.INPUT,
        hint="Look.",
        line=1,
        log=an_outcome().objects[-1],
    )
    job = a_job().fail(world.clock.now(), failure)
    world.jobs.add(job)
    assert world.jobs.get(job.job_id) == job


def test_an_unknown_job_is_not_found(world: World) -> None:
    with pytest.raises(JobNotFoundError):
        world.jobs.get("nobody")


def test_a_job_is_added_once(world: World) -> None:
    world.jobs.add(a_job(), a_message())
    with pytest.raises(AlreadyExistsError):
        world.jobs.add(a_job(note="again"), a_message())
    assert world.jobs.get("job-1").note == ""


def test_a_refused_add_leaves_no_message(world: World) -> None:
    world.jobs.add(a_job())
    with pytest.raises(AlreadyExistsError):
        world.jobs.add(a_job(), a_message())
    assert not _pending(world)


def test_a_move_is_refused_once_somebody_else_moved(world: World) -> None:
    world.jobs.add(before := a_job())
    world.jobs.move(before, before.claim(world.clock.now(), LEASE, "one"))
    with pytest.raises(StaleJobError):
        world.jobs.move(before, before.claim(world.clock.now(), LEASE, "two"), a_message())
    assert world.jobs.get("job-1").owner == "one"
    assert not _pending(world)


def test_a_move_of_a_job_that_is_gone_is_refused(world: World) -> None:
    job = a_job()
    with pytest.raises((JobNotFoundError, StaleJobError)):
        world.jobs.move(job, job.cancel(world.clock.now()))


def test_of_many_claims_at_once_one_wins(world: World) -> None:
    world.jobs.add(before := a_job())
    won: list[str] = []

    def claim(owner: str) -> None:
        try:
            world.jobs.move(before, before.claim(world.clock.now(), LEASE, owner))
        except StaleJobError:
            return
        won.append(owner)

    threads = [Thread(target=claim, args=(f"worker-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert world.jobs.get("job-1").owner == won[0]


def test_a_move_and_its_message_are_written_together(world: World) -> None:
    world.jobs.add(before := a_job(), a_message())
    world.jobs.move(before, before.cancel(world.clock.now()), a_message(kind=Kind.JOB_FAILED))
    kinds = {message.kind for message in _pending(world)}
    assert kinds == {Kind.JOB_REQUESTED, Kind.JOB_FAILED}


def test_a_sent_message_leaves_the_outbox(world: World) -> None:
    world.jobs.add(a_job(), a_message())
    world.outbox.sent(a_message())
    world.outbox.sent(a_message())
    assert not _pending(world)


def test_the_outbox_gives_the_oldest_first_and_only_what_is_old_enough(world: World) -> None:
    moment = world.clock.now()
    world.jobs.add(a_job("job-1"), a_message("job-1"))
    world.pass_time(SECOND)
    world.jobs.add(a_job("job-2"), a_message("job-2"))
    world.pass_time(SECOND)
    everything = world.outbox.pending(before=world.clock.now(), limit=10)
    assert [message.job_id for message in everything] == ["job-1", "job-2"]
    assert len(world.outbox.pending(before=world.clock.now(), limit=1)) == 1
    assert not world.outbox.pending(before=moment - SECOND, limit=10)


def _running(world: World) -> Job:
    world.jobs.add(before := a_job())
    running = before.claim(world.clock.now(), LEASE, "one")
    world.jobs.move(before, running)
    return running


def test_a_heartbeat_moves_the_lease_and_not_the_version(world: World) -> None:
    running = _running(world)
    later = world.clock.now() + LEASE * 2
    world.jobs.renew(running, later)
    stored = world.jobs.get("job-1")
    assert stored.leased_until is not None
    assert abs(stored.leased_until - later) < timedelta(milliseconds=1)
    assert stored.version == running.version


def test_progress_is_kept_and_leaves_the_version(world: World) -> None:
    running = _running(world)
    world.jobs.report(running, Progress(records=1000, fraction=0.25))
    stored = world.jobs.get("job-1")
    assert stored.progress == Progress(records=1000, fraction=0.25)
    assert stored.version == running.version


def test_an_older_attempt_can_neither_renew_nor_report(world: World) -> None:
    first = _running(world)
    second = first.claim(world.clock.now() + LEASE * 2, LEASE, "two")
    world.jobs.move(first, second)
    with pytest.raises(LostLeaseError):
        world.jobs.renew(first, world.clock.now() + LEASE)
    with pytest.raises(LostLeaseError):
        world.jobs.report(first, Progress(records=1, fraction=0.1))


def test_a_finished_or_missing_job_cannot_be_renewed(world: World) -> None:
    running = _running(world)
    world.jobs.move(running, running.complete(world.clock.now(), 1, an_outcome()))
    with pytest.raises(LostLeaseError):
        world.jobs.renew(running, world.clock.now() + LEASE)
    with pytest.raises(LostLeaseError):
        world.jobs.renew(replace(running, job_id="nobody"), world.clock.now())


def test_a_user_sees_the_own_jobs_newest_first_page_by_page(world: World) -> None:
    for number in range(7):
        world.jobs.add(a_job(f"job-{number}", submitted_at=world.clock.now() + number * SECOND))
    world.jobs.add(a_job("other", user_id="bob"))
    seen: list[str] = []
    token = None
    while True:
        page = world.jobs.of_user("ada", limit=3, token=token)
        assert len(page.jobs) <= 3
        seen += [job.job_id for job in page.jobs]
        token = page.next_token
        if token is None:
            break
    assert seen == [f"job-{number}" for number in reversed(range(7))]


@pytest.mark.parametrize("token", ["", "nonsense", "bm9uc2Vuc2U=", "../../x", "\u4f60"])
def test_a_page_token_that_is_not_ours_is_refused(world: World, token: str) -> None:
    world.jobs.add(a_job())
    with pytest.raises(RefusedError):
        world.jobs.of_user("ada", limit=3, token=token)


def test_another_users_page_token_shows_nothing_of_theirs(world: World) -> None:
    for number in range(4):
        job = a_job(f"bob-{number}", "bob", submitted_at=world.clock.now() + number * SECOND)
        world.jobs.add(job)
    world.jobs.add(a_job())
    token = world.jobs.of_user("bob", limit=2).next_token
    assert token is not None
    with pytest.raises(RefusedError):
        world.jobs.of_user("ada", limit=2, token=token)


def test_unfinished_jobs_are_listed_oldest_first_until_they_end(world: World) -> None:
    for number in range(3):
        world.jobs.add(a_job(f"job-{number}", submitted_at=world.clock.now() + number * SECOND))
    first = world.jobs.get("job-0")
    world.jobs.move(first, first.claim(world.clock.now(), LEASE, "one"))
    second = world.jobs.get("job-1")
    world.jobs.move(second, second.cancel(world.clock.now()))
    rows = [(job.job_id, job.status) for job in world.jobs.unfinished()]
    assert rows == [("job-0", Status.RUNNING), ("job-2", Status.PENDING)]


def test_a_job_is_deleted_only_as_it_was_read(world: World) -> None:
    world.jobs.add(before := a_job())
    world.jobs.move(before, after := before.cancel(world.clock.now()))
    with pytest.raises(StaleJobError):
        world.jobs.delete(before)
    world.jobs.delete(after)
    with pytest.raises(JobNotFoundError):
        world.jobs.get("job-1")


def _pending(world: World) -> list[Message]:
    return list(world.outbox.pending(before=world.clock.now() + timedelta(hours=1), limit=10))


def test_a_message_already_in_the_outbox_may_be_written_again(world: World) -> None:
    world.jobs.add(before := a_job(), a_message())
    world.jobs.move(before, before.claim(world.clock.now(), LEASE, "one"), a_message())
    assert _pending(world) == [a_message()]


def test_a_moment_keeps_its_microseconds(world: World) -> None:
    moment = NOW + timedelta(microseconds=123_457)
    world.jobs.add(job := a_job(submitted_at=moment))
    running = job.claim(moment + timedelta(microseconds=1), LEASE, "one")
    world.jobs.move(job, running)
    world.jobs.renew(running, moment + timedelta(microseconds=3))
    stored = world.jobs.get("job-1")
    assert stored == replace(running, leased_until=moment + timedelta(microseconds=3))


def test_progress_reported_since_it_was_read_survives_a_hand_back(world: World) -> None:
    running = _running(world)
    world.jobs.renew(running, NOW + LEASE * 9)
    world.jobs.report(running, Progress(records=7, fraction=0.5))
    world.jobs.move(running, running.hand_back(NOW, 1))
    stored = world.jobs.get("job-1")
    assert (stored.leased_until, stored.progress) == (NOW, Progress(records=7, fraction=0.5))


def test_a_new_run_starts_without_the_last_ones_progress(world: World) -> None:
    running = _running(world)
    again = running.claim(world.clock.now() + LEASE * 2, LEASE, "two")
    world.jobs.report(running, Progress(records=7, fraction=0.5))
    world.jobs.move(running, again)
    assert world.jobs.get("job-1") == again


def test_the_last_page_leads_nowhere_even_when_it_is_full(world: World) -> None:
    for number in range(4):
        world.jobs.add(a_job(f"job-{number}", submitted_at=NOW + number * SECOND))
    first = world.jobs.of_user("ada", limit=2)
    assert first.next_token is not None
    assert world.jobs.of_user("ada", limit=2, token=first.next_token).next_token is None
    assert world.jobs.of_user("bob", limit=2).next_token is None
    assert not world.jobs.of_user("bob", limit=2).jobs


def test_deleting_a_job_that_is_gone_is_no_error(world: World) -> None:
    world.jobs.delete(a_job())


def test_jobs_of_one_moment_are_each_listed_once(world: World) -> None:
    ids = {f"job-{number}" for number in range(5)}
    for job_id in ids:
        world.jobs.add(a_job(job_id))
    first = world.jobs.of_user("ada", limit=3)
    rest = world.jobs.of_user("ada", limit=3, token=first.next_token)
    assert rest.next_token is None
    assert {job.job_id for job in (*first.jobs, *rest.jobs)} == ids


def test_a_user_without_jobs_has_an_empty_page(world: World) -> None:
    page = world.jobs.of_user("nobody", limit=3)
    assert (list(page.jobs), page.next_token) == ([], None)


def test_a_users_unfinished_jobs_are_counted_up_to_a_limit(world: World) -> None:
    for number in range(3):
        world.jobs.add(a_job(f"job-{number}"))
    world.jobs.add(a_job("other", "bob"))
    job = world.jobs.get("job-0")
    world.jobs.move(job, job.claim(world.clock.now(), LEASE, "one"))
    assert world.jobs.count_unfinished("ada", most=10) == 3
    assert world.jobs.count_unfinished("ada", most=2) == 2
    assert world.jobs.count_unfinished("nobody", most=2) == 0
    job = world.jobs.get("job-1")
    world.jobs.move(job, job.cancel(world.clock.now()))
    assert world.jobs.count_unfinished("ada", most=10) == 2


def test_a_job_comes_back_from_the_archive_as_it_was_written(world: World) -> None:
    ids = dict.fromkeys(ARCHIVED_KINDS, "handle")
    moves: list[Callable[[Job], Job]] = [
        lambda job: job.start_archiving(NOW),
        lambda job: job.archive(NOW + SECOND, ids),
        lambda job: job.start_retrieval(NOW + 2 * SECOND, RetrievalTier.STANDARD, ids),
        lambda job: job.restore(NOW + 3 * SECOND),
        lambda job: job.forget_archive(),
        lambda job: job.look_again(None),
    ]
    job = a_completed_job()
    world.jobs.add(job)
    for number, move in enumerate(moves):
        after = move(job)
        told = Message(kind=Kind.JOB_ARCHIVED, job_id="job-1", user_id="ada", number=number)
        world.jobs.move(job, after, told)
        assert world.jobs.get("job-1") == after
        job = after
    world.pass_time(SECOND)
    pending = world.outbox.pending(before=world.clock.now(), limit=10)
    assert {message.number for message in pending} == set(range(len(moves)))


def test_the_jobs_to_look_at_are_those_that_are_due_oldest_first(world: World) -> None:
    looks = {"a": 3, "b": 1, "c": None, "d": 9, "e": 2}
    for job_id, number in looks.items():
        at = None if number is None else NOW + number * SECOND
        world.jobs.add(replace(a_completed_job(job_id), look_at=at))
    world.jobs.add(a_job("f"))
    due = [job.job_id for job in world.jobs.to_look_at(NOW + 3 * SECOND)]
    assert due == ["b", "e"]
    job = world.jobs.get("b")
    world.jobs.move(job, job.look_again(None))
    job = world.jobs.get("c")
    world.jobs.move(job, job.look_again(NOW))
    due = [job.job_id for job in world.jobs.to_look_at(NOW + 10 * SECOND)]
    assert due == ["c", "e", "a", "d"]


def test_every_job_to_look_at_is_given_however_many_there_are(world: World) -> None:
    ids = {f"job-{number}" for number in range(230)}
    for job_id in ids:
        world.jobs.add(replace(a_completed_job(job_id), look_at=NOW))
    found = [job.job_id for job in world.jobs.to_look_at(NOW + SECOND)]
    assert sorted(found) == sorted(ids)
