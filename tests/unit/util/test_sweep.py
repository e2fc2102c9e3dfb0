"""The sweeper: what it brings back, what it ends, what it removes, and what it leaves alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from gas.adapters.memory import MemoryInbox, MemoryWorld
from gas.domain import names
from gas.domain.errors import OutageError
from gas.domain.job import Job, Status
from gas.domain.message import Kind, Message, Queue
from tests.builders import LEASE, NOW, a_completed_job, a_job, a_message, an_upload
from tests.support.annotating import settings
from tests.support.archiving import storage_sweep_of
from util.sweep import START_LIMIT, UPLOAD_GRACE, Sweeper, is_left_alone

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


@pytest.fixture
def sweeper(world: MemoryWorld) -> Sweeper:
    return Sweeper(
        jobs=world.jobs,
        outbox=world.outbox,
        topics=world.topics,
        uploads=world.uploads,
        inputs=world.inputs,
        results=world.results,
        requests=world.inbox(Queue.ANNOTATE),
        dead_requests=world.dead_inbox(Queue.ANNOTATE),
        dead_mails=world.dead_inbox(Queue.NOTIFY),
        storage=storage_sweep_of(world, settings()),
        clock=world.clock,
        settings=settings(GAS_CLOCK_SKEW_SECONDS="0.001"),
    )


def requests(world: MemoryWorld) -> MemoryInbox:
    return world.inbox(Queue.ANNOTATE)


def a_running_job(**changes: object) -> Job:
    return replace(a_job().claim(NOW, LEASE, "worker-1"), **changes)  # type: ignore[arg-type]


def bury(world: MemoryWorld, body: str) -> None:
    world.dead_inbox(Queue.ANNOTATE).put(body)


def test_what_a_crash_left_in_the_outbox_is_published(world: MemoryWorld, sweeper: Sweeper) -> None:
    world.jobs.add(a_job(), a_message())
    sweeper.sweep()
    assert requests(world).depth() == 0  # Its writer may be publishing it at this very moment.
    world.clock.advance(6 * SECOND)
    sweeper.sweep()
    sweeper.sweep()
    assert requests(world).depth() == 1
    assert not world.jobs.outbox


def test_a_job_whose_worker_died_is_requested_again(world: MemoryWorld, sweeper: Sweeper) -> None:
    world.jobs.add(a_running_job())
    world.clock.advance(2 * LEASE + SECOND)
    sweeper.sweep()
    sweeper.sweep()
    assert requests(world).depth() == 1
    assert not world.jobs.outbox
    job = world.jobs.get("job-1")
    assert job.claim(world.clock.now(), LEASE, "worker-2").attempt == 2


def test_a_live_run_is_left_alone_even_when_the_listing_lags(
    world: MemoryWorld, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_running_job()
    world.jobs.add(job)
    world.clock.advance(2 * LEASE + SECOND)
    world.jobs.renew(job, world.clock.now() + LEASE)
    monkeypatch.setattr(world.jobs, "unfinished", lambda: iter([job]))
    sweeper.sweep()
    assert requests(world).depth() == 0


def test_a_pending_job_whose_request_was_lost_is_requested_again(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    world.jobs.add(a_job())
    world.clock.advance(2 * LEASE + SECOND)
    sweeper.sweep()
    assert requests(world).depth() == 1


def test_a_pending_job_that_waits_in_a_queue_is_left_there(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    world.jobs.add(a_job())
    world.topics.publish(a_message())
    world.clock.advance(24 * HOUR)
    sweeper.sweep()
    assert requests(world).depth() == 1


def test_a_long_queue_is_not_filled_with_repeats(world: MemoryWorld, sweeper: Sweeper) -> None:
    world.jobs.add(a_running_job())
    world.topics.publish(a_message("another-job"))
    for _ in range(12 * 60):
        world.clock.advance(60 * SECOND)
        sweeper.sweep()
    assert 1 < requests(world).depth() <= 1 + 8


@pytest.mark.parametrize(
    "after", [a_completed_job(), a_job().cancel(NOW)], ids=["completed", "cancelled"]
)
def test_a_dead_request_of_a_job_that_is_over_is_dropped(
    world: MemoryWorld, sweeper: Sweeper, after: Job
) -> None:
    world.jobs.add(after)
    bury(world, a_message().to_json())
    sweeper.sweep()
    assert world.jobs.get("job-1") == after
    assert world.dead_inbox(Queue.ANNOTATE).depth() == 0


def test_a_dead_request_of_a_running_job_leaves_the_run_alone(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    world.jobs.add(before := a_running_job())
    bury(world, a_message().to_json())
    sweeper.sweep()
    assert world.jobs.get("job-1") == before
    assert world.dead_inbox(Queue.ANNOTATE).depth() == 0


def test_a_dead_request_gets_a_new_try_while_attempts_are_left(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    world.jobs.add(a_running_job())
    bury(world, a_message().to_json())
    world.clock.advance(LEASE)
    sweeper.sweep()
    assert world.jobs.get("job-1").status is Status.RUNNING
    assert requests(world).depth() == 1
    assert world.dead_inbox(Queue.ANNOTATE).depth() == 0


def test_a_dead_request_out_of_attempts_fails_its_job_and_tells(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    world.jobs.add(a_running_job(attempt=8))
    bury(world, a_message().to_json())
    world.clock.advance(LEASE)
    sweeper.sweep()
    job = world.jobs.get("job-1")
    assert job.status is Status.FAILED
    assert job.failure is not None
    assert job.failure.code == "service"
    assert world.inbox(Queue.NOTIFY).depth() == 1
    assert world.dead_inbox(Queue.ANNOTATE).depth() == 0


def test_a_job_nobody_could_start_is_tried_for_a_while_and_then_failed(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    world.jobs.add(a_job())
    bury(world, a_message().to_json())
    sweeper.sweep()
    assert requests(world).depth() == 1
    assert world.jobs.get("job-1").status is Status.PENDING
    world.clock.advance(START_LIMIT)
    bury(world, a_message().to_json())
    sweeper.sweep()
    failure = world.jobs.get("job-1").failure
    assert failure is not None
    assert "could not start" in failure.text


@pytest.mark.parametrize(
    "body",
    ["not json", '{"v": 99}', replace(a_message(), user_id="eve").to_json()],
    ids=["unreadable", "newer", "forged"],
)  # fmt: skip
def test_a_dead_letter_nobody_can_act_on_is_kept(
    world: MemoryWorld, sweeper: Sweeper, body: str
) -> None:
    world.jobs.add(before := a_job())
    bury(world, body)
    sweeper.sweep()
    assert world.jobs.get("job-1") == before
    assert world.dead_inbox(Queue.ANNOTATE).depth() == 1


def test_a_dead_letter_of_no_job_is_dropped(world: MemoryWorld, sweeper: Sweeper) -> None:
    bury(world, a_message().to_json())
    sweeper.sweep()
    assert world.dead_inbox(Queue.ANNOTATE).depth() == 0


def test_dead_mails_raise_an_alarm_and_stay(
    world: MemoryWorld, sweeper: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    world.dead_inbox(Queue.NOTIFY).put(a_message(kind=Kind.JOB_COMPLETED).to_json())
    sweeper.sweep()
    assert "mails were given up" in caplog.messages
    assert world.dead_inbox(Queue.NOTIFY).depth() == 1


def test_an_upload_nobody_submitted_is_removed_with_its_object(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    upload = an_upload()
    world.uploads.add(upload)
    world.inputs.put(upload.key, b"vcf")
    sweeper.sweep()
    assert world.uploads.rows
    world.clock.advance(timedelta(minutes=10) + UPLOAD_GRACE + SECOND)
    sweeper.sweep()
    assert not world.uploads.rows
    assert not world.inputs.objects


def test_an_upload_that_was_submitted_keeps_its_object(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    upload = an_upload()
    world.uploads.add(upload)
    world.inputs.put(upload.key, b"vcf")
    world.jobs.add(a_completed_job(upload.upload_id))
    world.clock.advance(timedelta(minutes=10) + UPLOAD_GRACE + SECOND)
    sweeper.sweep()
    assert not world.uploads.rows
    assert world.inputs.objects


def test_objects_of_lost_runs_are_removed_once_no_run_can_be_writing(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    job = a_completed_job()
    kept = {stored.key for stored in job.objects}
    lost = names.result_key("gas", "ada", "job-1", 7, "sample.annot.vcf.gz")
    gone = names.result_key("gas", "ada", "job-0", 1, "sample.annot.vcf.gz")
    for key in (*kept, lost, gone):
        world.results.put(key, b"x")
    world.jobs.add(job)
    sweeper.sweep()
    assert set(world.results.objects) == kept | {lost, gone}
    world.clock.advance(24 * HOUR)
    sweeper.sweep()
    assert set(world.results.objects) == kept


def test_orphans_that_come_of_age_later_are_found_later(
    world: MemoryWorld, sweeper: Sweeper
) -> None:
    world.clock.advance(48 * HOUR)
    sweeper.sweep()
    world.results.put(names.result_key("gas", "ada", "job-0", 1, "a.vcf"), b"x")
    for _ in range(5):
        world.clock.advance(7 * HOUR)
        sweeper.sweep()
    assert not world.results.objects


def test_an_outage_in_one_step_leaves_the_others_their_work(
    world: MemoryWorld, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> int:
        raise OutageError("no queue")

    monkeypatch.setattr(requests(world), "depth", away)
    bury(world, a_message().to_json())
    sweeper.sweep()
    assert world.dead_inbox(Queue.ANNOTATE).depth() == 0


@pytest.mark.parametrize("step", [Sweeper.request_again, Sweeper.settle_dead_letters])
def test_two_sweepers_at_once_do_no_harm(
    world: MemoryWorld, sweeper: Sweeper, step: Callable[[Sweeper], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    world.jobs.add(a_running_job())
    bury(world, a_message().to_json())
    world.clock.advance(3 * LEASE)
    move = world.jobs.move

    def meanwhile(before: Job, after: Job, *messages: Message) -> None:
        monkeypatch.setattr(world.jobs, "move", move)
        step(sweeper)
        move(before, after, *messages)

    monkeypatch.setattr(world.jobs, "move", meanwhile)
    sweeper.sweep()
    job = world.jobs.get("job-1")
    assert job.status is Status.RUNNING
    assert job.attempt == 1
    assert requests(world).depth() >= 1


@pytest.mark.parametrize("status", Status)
def test_only_unfinished_jobs_are_ever_left_alone(status: Status) -> None:
    job = a_job(status=status, started_at=NOW, leased_until=NOW)
    left = is_left_alone(job, NOW + 24 * HOUR, LEASE, 5 * LEASE, queue_is_empty=True)
    assert left == (status in {Status.PENDING, Status.RUNNING})


@pytest.mark.parametrize("queue_is_empty", [True, False])
def test_a_run_whose_clock_is_slow_is_not_taken_for_dead(*, queue_is_empty: bool) -> None:
    """A lease dated ten minutes ago by the sweeper's clock may be one of this moment."""
    skew = settings().clock_skew
    just_now = a_running_job()
    sweeper_time = NOW + skew
    assert not is_left_alone(just_now, sweeper_time, LEASE, skew, queue_is_empty=queue_is_empty)
    much_later = sweeper_time + 3 * LEASE + SECOND
    assert is_left_alone(just_now, much_later, LEASE, skew, queue_is_empty=queue_is_empty)
