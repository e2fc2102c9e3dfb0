"""The job's state machine, every (from, to) pair of it walked."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from gas.domain.errors import BusyJobError, IllegalMoveError, LostLeaseError
from gas.domain.job import (
    ARCHIVED_KINDS,
    STATUS_MOVES,
    STORAGE_MOVES,
    TERMINAL,
    Failure,
    Fault,
    Job,
    ObjectKind,
    RetrievalTier,
    Status,
    Storage,
)
from tests.builders import LEASE, NOW, a_completed_job, a_job, an_outcome

SECOND = timedelta(seconds=1)
FAILURE = Failure(code="not-a-vcf", text="Not a VCF.", fault=Fault.INPUT)
PENDING = a_job()
RUNNING = PENDING.claim(NOW, LEASE, "worker-1")
LATER = NOW + LEASE

BY_STATUS: dict[Status, Job] = {
    Status.PENDING: PENDING,
    Status.RUNNING: RUNNING,
    Status.COMPLETED: RUNNING.complete(NOW, 1, an_outcome()),
    Status.FAILED: RUNNING.fail(NOW, FAILURE, 1),
    Status.CANCELLED: RUNNING.cancel(NOW),
}
STATUS_METHODS: dict[Status, Callable[[Job], Job]] = {
    Status.RUNNING: lambda job: job.claim(LATER, LEASE, "worker-2"),
    Status.COMPLETED: lambda job: job.complete(LATER, 1, an_outcome()),
    Status.FAILED: lambda job: job.fail(LATER, FAILURE),
    Status.CANCELLED: lambda job: job.cancel(LATER),
}
AVAILABLE = a_completed_job()
ARCHIVING = AVAILABLE.start_archiving(LATER)
ARCHIVED = ARCHIVING.archive(LATER, dict.fromkeys(ARCHIVED_KINDS, "handle"))
IDS = dict.fromkeys(ARCHIVED_KINDS, "retrieval-1")
RETRIEVING = ARCHIVED.start_retrieval(LATER, RetrievalTier.EXPEDITED, IDS)
BY_STORAGE: dict[Storage | None, Job] = {
    None: PENDING,
    Storage.AVAILABLE: AVAILABLE,
    Storage.ARCHIVING: ARCHIVING,
    Storage.ARCHIVED: ARCHIVED,
    Storage.RETRIEVING: RETRIEVING,
    Storage.RESTORED: RETRIEVING.restore(LATER),
}
STORAGE_METHODS: dict[Storage, Callable[[Job], Job]] = {
    Storage.ARCHIVING: lambda job: job.start_archiving(LATER),
    Storage.AVAILABLE: Job.keep_available,
    Storage.ARCHIVED: lambda job: job.archive(LATER, {}),
    Storage.RETRIEVING: lambda job: job.start_retrieval(LATER, RetrievalTier.STANDARD, IDS),
    Storage.RESTORED: lambda job: job.restore(LATER),
}


@pytest.mark.parametrize("now", Status)
@pytest.mark.parametrize("to", STATUS_METHODS)
def test_only_listed_status_moves_are_legal(now: Status, to: Status) -> None:
    job, move = BY_STATUS[now], STATUS_METHODS[to]
    if now is to and now is not Status.RUNNING:
        assert move(job) is job
    elif to in STATUS_MOVES[now]:
        moved = move(job)
        assert (moved.status, moved.version) == (to, job.version + 1)
    else:
        with pytest.raises((IllegalMoveError, LostLeaseError)):
            move(job)


@pytest.mark.parametrize("now", [None, *Storage])
@pytest.mark.parametrize("to", STORAGE_METHODS)
def test_only_listed_storage_moves_are_legal(now: Storage | None, to: Storage) -> None:
    job, move = BY_STORAGE[now], STORAGE_METHODS[to]
    if now is to:
        assert move(job) is job
    elif now is None:  # Only a completed run brings a result into the store.
        assert STORAGE_MOVES[None] == {Storage.AVAILABLE}
        for unfinished in BY_STATUS.values():
            if unfinished.storage is None:
                with pytest.raises(IllegalMoveError):
                    move(unfinished)
    elif to in STORAGE_MOVES[now]:
        moved = move(job)
        assert (moved.storage, moved.version) == (to, job.version + 1)
        assert moved.status is Status.COMPLETED
    else:
        with pytest.raises(IllegalMoveError):
            move(job)


def test_a_lost_retrieval_goes_back_to_the_archive_and_only_from_there() -> None:
    assert RETRIEVING.lose_retrieval(LATER).storage is Storage.ARCHIVED
    assert RETRIEVING.lose_retrieval(LATER).retrieval_id is None
    for storage in (None, Storage.AVAILABLE, Storage.ARCHIVED, Storage.RESTORED):
        with pytest.raises(IllegalMoveError):
            BY_STORAGE[storage].lose_retrieval(LATER)


def test_nothing_leads_out_of_a_terminal_status() -> None:
    assert {status for status, moves in STATUS_MOVES.items() if not moves} == TERMINAL
    assert {status for status, job in BY_STATUS.items() if job.is_terminal} == TERMINAL


def test_every_status_and_every_storage_can_be_reached() -> None:
    assert set(STATUS_MOVES) == set(Status)
    assert set(STORAGE_MOVES) == {None, *Storage}
    assert set().union(*STATUS_MOVES.values()) == set(Status) - {Status.PENDING}
    assert set().union(*STORAGE_MOVES.values()) == set(Storage)


def test_a_leased_job_is_busy_until_the_lease_is_over_and_says_how_long() -> None:
    with pytest.raises(BusyJobError) as busy:
        RUNNING.claim(NOW + SECOND, LEASE, "worker-2")
    assert busy.value.retry_after == LEASE - SECOND
    again = RUNNING.claim(NOW + LEASE, LEASE, "worker-2")
    assert (again.attempt, again.owner, again.leased_until) == (2, "worker-2", NOW + 2 * LEASE)


def test_a_job_handed_back_can_be_claimed_at_once() -> None:
    given = RUNNING.hand_back(NOW + SECOND, 1)
    assert given.claim(NOW + SECOND, LEASE, "worker-2").attempt == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda job: job.complete(LATER, 1, an_outcome()),
        lambda job: job.fail(LATER, FAILURE, 1),
        lambda job: job.hand_back(LATER, 1),
    ],
    ids=["complete", "fail", "hand back"],
)
def test_what_an_older_attempt_still_tries_is_refused(act: Callable[[Job], Job]) -> None:
    overtaken = RUNNING.claim(LATER, LEASE, "worker-2")
    for job in (overtaken, overtaken.complete(LATER, 2, an_outcome()), overtaken.cancel(LATER)):
        with pytest.raises(LostLeaseError):
            act(job)


def test_a_claim_forgets_the_progress_of_the_run_before() -> None:
    assert RUNNING.claim(LATER, LEASE, "worker-2").progress is None


def test_only_the_annotated_objects_get_archive_handles() -> None:
    job = ARCHIVING.archive(LATER, dict.fromkeys(ARCHIVED_KINDS, "handle"))
    for stored in job.objects:
        assert (stored.archive_id == "handle") == (stored.kind in ARCHIVED_KINDS)


def test_the_log_of_a_failed_run_is_one_of_the_jobs_objects() -> None:
    log = an_outcome().objects[-1]
    job = RUNNING.fail(NOW, Failure(code="x", text="x", fault=Fault.SERVICE, log=log), 1)
    assert job.object_of(ObjectKind.LOG) == log
    assert job.keys == {log.key}
    assert PENDING.object_of(ObjectKind.LOG) is None


def test_a_mail_is_remembered_once() -> None:
    marked = AVAILABLE.mailed("completed:sent")
    assert marked.version == AVAILABLE.version + 1
    assert marked.mailed("completed:sent") is marked


def test_every_object_of_a_retrieval_has_its_own_id_until_it_is_over() -> None:
    ids = {kind: f"retrieval-{kind}" for kind in ARCHIVED_KINDS}
    job = ARCHIVED.start_retrieval(LATER, RetrievalTier.STANDARD, ids)
    assert {stored.kind: stored.retrieval_id for stored in job.annotated} == ids
    assert job.retrieval_id in ids.values()
    assert (job.retrieval_tier, job.retrieval_started_at) == (RetrievalTier.STANDARD, LATER)
    for over in (job.restore(LATER), job.lose_retrieval(LATER)):
        assert not any(stored.retrieval_id for stored in over.objects)


def test_handles_stay_on_a_restored_job_until_the_archive_is_forgotten() -> None:
    restored = RETRIEVING.restore(LATER)
    assert all(stored.archive_id == "handle" for stored in restored.annotated)
    forgotten = restored.forget_archive()
    assert not any(stored.archive_id for stored in forgotten.objects)
    assert forgotten.version == restored.version + 1
    assert forgotten.forget_archive() is forgotten


def test_every_storage_move_asks_the_sweep_to_look_but_giving_up() -> None:
    for job in (ARCHIVING, ARCHIVED, RETRIEVING, RETRIEVING.restore(LATER)):
        assert job.look_at == LATER
    assert AVAILABLE.look_at == AVAILABLE.completed_at
    assert ARCHIVING.keep_available().look_at is None
    rested = AVAILABLE.look_again(None)
    assert rested.look_at is None
    assert rested.look_again(None) is rested
