"""The annotator over a memory world: one job from request to end, and everything in the way."""

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ann import run as run_module
from ann import scratch as scratch_module
from ann.engine import (
    CrashedError,
    DiedError,
    DiskFullError,
    EngineError,
    HungError,
    InputRefusedError,
    InterruptedRunError,
    OutOfMemoryError,
    Summary,
    Task,
    TimedOutError,
)
from gas.domain.account import Tier
from gas.domain.errors import OutageError
from gas.domain.job import Fault, Job, ObjectKind, Progress, Status, Storage
from gas.domain.message import Kind, Message
from gas.ports import ObjectInfo
from tests.builders import an_account
from tests.support.annotating import Service
from tests.support.fake_engine import write

OnProgress = Callable[[Progress], None]
ShouldStop = Callable[[], bool]


def test_a_submitted_job_is_annotated_and_announced(service: Service) -> None:
    service.submit()
    assert service.deliver()
    job = service.job()
    assert (job.status, job.storage, job.attempt) == (Status.COMPLETED, Storage.AVAILABLE, 1)
    assert job.outcome is not None
    assert (job.outcome.records, job.outcome.rejected, job.outcome.assembly) == (3, 0, "GRCh38")
    assert service.announced(Kind.JOB_COMPLETED) == 1
    service.assert_at_rest()


def test_every_offered_file_has_its_name_type_and_checksum(service: Service) -> None:
    service.submit()
    service.deliver()
    objects = {stored.kind: stored for stored in service.job().objects}
    assert {kind: stored.file_name for kind, stored in objects.items()} == {
        ObjectKind.ANNOTATED_VCF: "sample.annot.vcf.gz",
        ObjectKind.INDEX: "sample.annot.vcf.gz.tbi",
        ObjectKind.TSV: "sample.annot.tsv.gz",
        ObjectKind.LOG: "sample.vcf.count.log",
        ObjectKind.PROVENANCE: "sample.provenance.json",
        ObjectKind.CHECKSUMS: "SHA256SUMS",
    }
    assert objects[ObjectKind.ANNOTATED_VCF].content_type == "application/gzip"
    assert objects[ObjectKind.LOG].content_type == "text/plain; charset=utf-8"
    bodies = {key: stored.body for key, stored in service.world.results.objects.items()}
    sums = bodies[objects[ObjectKind.CHECKSUMS].key].decode()
    assert sorted(sums.splitlines()) == sorted(
        f"{stored.sha256}  {stored.file_name}"
        for stored in objects.values()
        if stored.kind is not ObjectKind.CHECKSUMS
    )
    provenance = json.loads(bodies[objects[ObjectKind.PROVENANCE].key])
    assert provenance["input"]["name"] == "sample.vcf"
    assert all("~1~" in stored.key for stored in objects.values())


def test_rejects_are_offered_when_there_are_any(service: Service) -> None:
    service.engine.script.append(lambda task, _on, _stop: write(task.output, 2, 1, ""))
    service.submit()
    service.deliver()
    assert service.job().object_of(ObjectKind.REJECTS) is not None
    outcome = service.job().outcome
    assert outcome is not None
    assert (outcome.records, outcome.rejected) == (2, 1)


def test_a_delivery_after_the_end_does_nothing_and_tells_nobody(service: Service) -> None:
    service.submit()
    service.deliver()
    before = service.job()
    for _ in range(3):
        service.world.topics.publish(_request())
        service.deliver()
    assert service.job() == before
    assert len(service.engine.tasks) == 1
    assert service.announced(Kind.JOB_COMPLETED) == 1


def test_three_deliveries_at_once_make_one_run(service: Service) -> None:
    service.submit()
    for _ in range(2):
        service.world.topics.publish(_request())
    first, second, third = (service.inbox.receive()[0] for _ in range(3))

    def meanwhile(task: Task, _on: OnProgress, _stop: ShouldStop) -> Summary:
        service.give(second)
        service.give(third)
        return write(task.output, 3, 0, "")

    service.engine.script.append(meanwhile)
    service.give(first)
    assert len(service.engine.tasks) == 1
    assert service.job().attempt == 1
    service.pass_time(121)
    while service.deliver():
        pass
    service.assert_at_rest()


def test_a_lapsed_lease_is_claimed_by_the_next_worker(service: Service) -> None:
    job = service.submit()
    service.world.jobs.move(
        job, job.claim(service.world.clock.now(), timedelta(seconds=120), "dead")
    )
    service.deliver()
    assert service.job().status is Status.RUNNING
    service.pass_time(121)
    service.deliver()
    assert (service.job().status, service.job().attempt) == (Status.COMPLETED, 2)
    service.assert_at_rest()


def test_a_refused_file_fails_at_once_with_its_line_and_a_log(service: Service) -> None:
    service.engine.script.append(
        InputRefusedError("bad-record", "POS is no number", hint="Mend line 7.", line=7)
    )
    service.submit()
    service.deliver()
    job = service.job()
    assert job.status is Status.FAILED
    assert job.failure is not None
    assert (job.failure.code, job.failure.line) == ("bad-record", 7)
    assert job.failure.fault is Fault.INPUT
    log = job.object_of(ObjectKind.LOG)
    assert log is not None
    text = service.world.results.objects[log.key].body.decode()
    assert "bad-record (line 7)" in text
    assert "Mend line 7." in text
    assert service.announced(Kind.JOB_FAILED) == 1
    service.assert_at_rest()


@pytest.mark.parametrize(
    ("error", "code"), [(TimedOutError(), "timeout"), (OutOfMemoryError(), "out-of-memory")]
)
def test_a_file_that_takes_too_much_fails_and_says_so(
    service: Service, error: EngineError, code: str
) -> None:
    service.engine.script += [error, error]
    service.submit()
    service.deliver()
    failure = service.job().failure
    assert failure is not None
    assert (failure.code, failure.fault) == (code, Fault.SERVICE)
    assert failure.log is not None
    service.assert_at_rest()


def test_memory_that_ran_out_once_is_tried_again_in_one_thread(service: Service) -> None:
    service.engine.script.append(OutOfMemoryError())
    service.submit()
    service.deliver()
    assert service.job().status is Status.COMPLETED
    assert [task.threads for task in service.engine.tasks][1:] == [1]


@pytest.mark.parametrize(
    ("error", "code"), [(HungError(), "engine-hung"), (CrashedError(), "engine-crashed")]
)
def test_a_fault_of_ours_is_tried_twice_and_then_told(
    service: Service, error: EngineError, code: str
) -> None:
    service.engine.script += [error, error]
    service.submit()
    service.deliver()
    assert service.job().status is Status.RUNNING
    service.pass_time(2)
    service.deliver()
    failure = service.job().failure
    assert failure is not None
    assert (failure.code, failure.fault) == (code, Fault.SERVICE)
    assert len(service.engine.tasks) == 2
    service.assert_at_rest()


def test_an_engine_that_keeps_dying_is_given_up_at_the_last_attempt(service: Service) -> None:
    attempts = service.annotator.settings.max_attempts
    service.engine.script += [DiedError()] * 100
    service.submit()
    for _ in range(3 * attempts):
        service.deliver()
        service.pass_time(60)
        _refill(service)
    job = service.job()
    assert (job.status, job.attempt) == (Status.FAILED, attempts)
    assert job.failure is not None
    assert (job.failure.code, job.failure.fault) == ("service", Fault.SERVICE)
    assert job.failure.log is not None


def test_a_job_out_of_attempts_is_failed_without_another_run(service: Service) -> None:
    service.submit(attempt=8, status=Status.RUNNING, owner="dead")
    service.deliver()
    failure = service.job().failure
    assert failure is not None
    assert failure.code == "service"
    assert not service.engine.tasks
    service.assert_at_rest()


def test_an_output_with_fewer_records_than_told_never_completes(service: Service) -> None:
    def truncated(task: Task, _on: OnProgress, _stop: ShouldStop) -> Summary:
        return replace(write(task.output, 2, 0, ""), records_in=3, records_out=3)

    service.engine.script += [truncated, truncated]
    service.submit()
    service.deliver()
    service.pass_time(2)
    service.deliver()
    failure = service.job().failure
    assert failure is not None
    assert failure.code == "result-incomplete"
    service.assert_at_rest()


def test_an_input_replaced_after_the_submit_is_not_run(service: Service) -> None:
    job = service.submit()
    service.world.inputs.put(job.input.key, b"other bytes")
    service.deliver()
    failure = service.job().failure
    assert failure is not None
    assert (failure.code, failure.fault) == ("input-changed", Fault.INPUT)
    assert not service.engine.tasks
    service.assert_at_rest()


def test_an_input_deleted_after_the_submit_is_not_run(service: Service) -> None:
    job = service.submit()
    service.world.inputs.delete(job.input.key)
    service.deliver()
    failure = service.job().failure
    assert failure is not None
    assert failure.code == "input-changed"


def test_a_free_owner_is_held_to_the_limit_to_the_byte(service: Service) -> None:
    limit = service.annotator.settings.free_input_bytes
    service.submit("job-1", b"x" * limit)
    service.submit("job-2", b"x" * (limit + 1))
    service.deliver()
    service.deliver()
    assert service.job("job-1").status is Status.COMPLETED
    failure = service.job("job-2").failure
    assert failure is not None
    assert (failure.code, failure.fault) == ("too-large", Fault.INPUT)
    assert "Premium" in failure.hint


def test_a_premium_owner_has_no_limit(service: Service) -> None:
    service.world.accounts.rows["ada"] = an_account(tier=Tier.PREMIUM)
    service.submit(body=b"x" * (service.annotator.settings.free_input_bytes + 1))
    service.deliver()
    assert service.job().status is Status.COMPLETED


def test_a_job_whose_owner_is_gone_fails(service: Service) -> None:
    del service.world.accounts.rows["ada"]
    service.submit()
    service.deliver()
    failure = service.job().failure
    assert failure is not None
    assert failure.code == "no-account"


def test_a_cancelled_job_is_not_run(service: Service) -> None:
    job = service.submit()
    service.world.jobs.move(job, job.cancel(service.world.clock.now()))
    service.deliver()
    assert not service.engine.tasks
    service.assert_at_rest()


def test_a_job_cancelled_while_it_runs_leaves_nothing(service: Service) -> None:
    def cancelled(task: Task, _on: OnProgress, _stop: ShouldStop) -> Summary:
        job = service.job()
        service.world.jobs.move(job, job.cancel(service.world.clock.now()))
        return write(task.output, 3, 0, "")

    service.engine.script.append(cancelled)
    service.submit()
    service.deliver()
    assert service.job().status is Status.CANCELLED
    assert not service.world.results.objects
    assert service.announced(Kind.JOB_COMPLETED) == 0
    service.assert_at_rest()


def test_a_job_deleted_while_it_runs_leaves_nothing(service: Service) -> None:
    def deleted(task: Task, _on: OnProgress, _stop: ShouldStop) -> Summary:
        service.world.jobs.delete(service.job())
        return write(task.output, 3, 0, "")

    service.engine.script.append(deleted)
    service.submit()
    service.deliver()
    assert not service.world.results.objects
    service.assert_at_rest()


def test_a_zombie_throws_its_output_away(service: Service) -> None:
    """Row 9: stopped for longer than its lease, it wakes up when another run has finished."""

    def overtaken(task: Task, _on: OnProgress, _stop: ShouldStop) -> Summary:
        service.pass_time(600)
        service.deliver()
        return write(task.output, 1, 0, "")

    service.engine.script.append(overtaken)
    service.submit()
    service.deliver()
    job = service.job()
    assert (job.status, job.attempt) == (Status.COMPLETED, 2)
    assert job.outcome is not None
    assert job.outcome.records == 3
    assert service.announced(Kind.JOB_COMPLETED) == 1
    service.assert_at_rest()


def test_a_message_for_somebody_elses_job_is_buried(service: Service) -> None:
    service.submit()
    service.deliver()
    forged = Message(kind=Kind.JOB_REQUESTED, job_id="job-1", user_id="eve")
    service.world.topics.publish(forged)
    service.deliver()
    assert [Message.from_json(body) for body in service.inbox.dead] == [forged]


def test_a_message_for_no_job_is_done(service: Service) -> None:
    service.world.topics.publish(_request())
    service.deliver()
    assert service.inbox.depth() == 0


def test_a_claim_whose_answer_was_lost_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lose_one_answer(service, monkeypatch, Status.RUNNING)
    service.submit()
    service.deliver()
    assert (service.job().status, service.job().attempt) == (Status.COMPLETED, 1)
    assert len(service.engine.tasks) == 1


def test_a_completion_whose_answer_was_lost_is_not_repeated(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lose_one_answer(service, monkeypatch, Status.COMPLETED)
    service.submit()
    service.deliver()
    assert service.job().status is Status.COMPLETED
    assert service.announced(Kind.JOB_COMPLETED) == 1
    service.assert_at_rest()


def test_a_store_that_is_slow_for_a_while_costs_no_attempt(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, failures = service.world.results.upload, [OutageError("slow down")] * 8

    def flaky(*arguments: object, **named: object) -> ObjectInfo:
        if failures:
            raise failures.pop()
        return upload(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(service.world.results, "upload", flaky)
    service.submit()
    service.deliver()
    assert (service.job().status, service.job().attempt) == (Status.COMPLETED, 1)


def test_a_store_that_stays_away_gets_the_job_handed_back(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = service.world.results.upload

    def away(*_arguments: object, **_named: object) -> ObjectInfo:
        service.stop.ask() if service.job().attempt > 1 else None
        raise OutageError("no bucket")

    monkeypatch.setattr(service.world.results, "upload", away)
    service.submit()
    service.deliver()
    job = service.job()
    assert job.status is Status.RUNNING
    assert job.leased_until is not None
    assert job.leased_until <= service.world.clock.now()
    monkeypatch.setattr(service.world.results, "upload", upload)
    service.pass_time(120)
    service.deliver()
    assert service.job().status is Status.COMPLETED
    service.assert_at_rest()


def test_no_attempt_is_spent_while_the_input_store_is_away(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_arguments: object, **_named: object) -> ObjectInfo:
        service.stop.ask()
        raise OutageError("no bucket")

    monkeypatch.setattr(service.world.inputs, "head", away)
    service.submit()
    service.deliver()
    assert (service.job().status, service.job().attempt) == (Status.PENDING, 0)


@pytest.mark.parametrize("what", ["engine", "download"])
def test_a_full_disk_gives_the_job_to_another_machine(
    service: Service, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "engine":
        service.engine.script.append(DiskFullError())
    else:

        def full(*_arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(service.world.inputs, "download", full)
    service.submit()
    service.deliver()
    assert service.job().status is Status.RUNNING
    monkeypatch.undo()
    service.pass_time(61)
    service.deliver()
    assert (service.job().status, service.job().attempt) == (Status.COMPLETED, 2)
    service.assert_at_rest()


def test_a_machine_without_room_for_the_input_does_not_claim_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.annotator.scratch, "free_bytes", lambda: 8)
    service.submit()
    service.deliver()
    assert (service.job().status, service.job().attempt) == (Status.PENDING, 0)


def test_a_machine_without_memory_does_not_claim(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch_module, "_available_memory", lambda: 0)
    service.submit()
    service.deliver()
    assert (service.job().status, service.job().attempt) == (Status.PENDING, 0)
    assert not service.annotator.scratch.has_room()


def test_an_insisted_stop_hands_the_job_back_at_once(service: Service) -> None:
    def stopped(_task: Task, _on: OnProgress, should_stop: ShouldStop) -> Summary:
        assert not should_stop()
        service.stop.ask()
        assert not should_stop()
        service.stop.ask()
        assert should_stop()
        raise InterruptedRunError

    service.engine.script.append(stopped)
    service.submit()
    service.deliver()
    assert service.job().status is Status.RUNNING
    service.deliver()
    assert (service.job().status, service.job().attempt) == (Status.COMPLETED, 2)
    service.assert_at_rest()


def test_nothing_beats_for_a_job_that_is_handed_back(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the simulation: a beat on its way renewed the lease that had just been ended."""
    move, beating = service.world.jobs.move, list[bool]()

    def watched(before: Job, after: Job, *messages: Message) -> None:
        if before.status is Status.RUNNING:
            beating.append(any(thread.name == "heartbeat" for thread in threading.enumerate()))
        move(before, after, *messages)

    monkeypatch.setattr(service.world.jobs, "move", watched)
    service.engine.script.append(DiedError())
    service.submit()
    service.deliver()
    assert beating == [False]


def test_a_stop_lets_a_short_run_finish(service: Service) -> None:
    def asked(task: Task, _on: OnProgress, should_stop: ShouldStop) -> Summary:
        service.stop.ask()
        assert not should_stop()
        return write(task.output, 3, 0, "")

    service.engine.script.append(asked)
    service.submit()
    service.deliver()
    assert service.job().status is Status.COMPLETED


def test_progress_is_recorded_beside_the_version(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "REPORT_PAUSE", timedelta(0))
    seen: list[Job] = []

    def half(task: Task, on_progress: OnProgress, _stop: ShouldStop) -> Summary:
        before = service.job().version
        on_progress(Progress(records=10, fraction=0.5))
        seen.append(service.job())
        assert service.job().version == before
        return write(task.output, 3, 0, "")

    service.engine.script.append(half)
    service.submit()
    service.deliver()
    assert seen[0].progress == Progress(records=10, fraction=0.5)
    assert service.job().status is Status.COMPLETED


def test_a_broken_topic_leaves_the_message_in_the_outbox(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.submit()

    def away(_message: Message) -> None:
        raise OutageError("no topic")

    monkeypatch.setattr(service.world.topics, "publish", away)
    service.deliver()
    assert service.job().status is Status.COMPLETED
    assert service.inbox.depth() == 0
    assert [message.kind for message in service.world.outbox.pending(
        before=service.world.clock.now() + timedelta(seconds=1), limit=10
    )] == [Kind.JOB_COMPLETED]  # fmt: skip


def test_the_local_files_never_carry_the_owners_file_name(service: Service) -> None:
    service.submit(note="a note")
    service.deliver()
    [task] = service.engine.tasks
    assert "sample" not in f"{task.input}{task.output}"


def test_the_annotated_vcf_is_what_the_engine_wrote(service: Service) -> None:
    service.submit()
    service.deliver()
    stored = service.job().object_of(ObjectKind.ANNOTATED_VCF)
    assert stored is not None
    text = gzip.decompress(service.world.results.objects[stored.key].body).decode()
    assert text.startswith("##fileformat=VCF")
    assert text.count("\nMT\t") == 3


def _request() -> Message:
    return Message(kind=Kind.JOB_REQUESTED, job_id="job-1", user_id="ada")


def _refill(service: Service) -> None:
    """What the sweeper does when the queue gave the message up."""
    dead = service.world.dead_inbox(service.inbox.queue)
    for delivery in dead.receive():
        dead.done(delivery)
        service.inbox.put(delivery.body)


def _lose_one_answer(service: Service, monkeypatch: pytest.MonkeyPatch, status: Status) -> None:
    """The first move to that status is written, but its writer hears of an outage."""
    move, lost = service.world.jobs.move, list[Status]()

    def lossy(before: Job, after: Job, *messages: Message) -> None:
        move(before, after, *messages)
        if after.status is status and not lost:
            lost.append(status)
            raise OutageError("the answer was lost")

    monkeypatch.setattr(service.world.jobs, "move", lossy)


@pytest.mark.parametrize("minutes", [-5, 5])
def test_clocks_that_differ_by_minutes_never_make_two_results(
    service: Service, minutes: int
) -> None:
    """Row 19: a worker whose clock is ahead claims too early; the fence decides all the same."""
    before = service.world.clock.now()

    def meanwhile(task: Task, _on: OnProgress, _stop: ShouldStop) -> Summary:
        service.pass_time(60 * minutes)
        service.inbox.put(Message(kind=Kind.JOB_REQUESTED, job_id="job-1", user_id="ada").to_json())
        service.deliver()
        service.world.clock._now = before + timedelta(seconds=1)
        return write(task.output, 3, 0, "")

    service.engine.script.append(meanwhile)
    service.submit()
    service.deliver()
    service.pass_time(3600)
    while service.deliver():
        service.pass_time(3600)
    job = service.job()
    assert job.status is Status.COMPLETED
    assert job.attempt == (2 if minutes > 0 else 1)
    assert service.announced(Kind.JOB_COMPLETED) == 1
    service.assert_at_rest()
