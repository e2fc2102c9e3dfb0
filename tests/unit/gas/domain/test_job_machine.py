"""The job's state machine under any sequence of moves, by however many workers."""

from contextlib import suppress
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gas.domain.errors import BusyJobError, IllegalMoveError, LostLeaseError
from gas.domain.job import (
    ARCHIVED_KINDS,
    STATUS_MOVES,
    STORAGE_MOVES,
    Failure,
    Fault,
    Job,
    RetrievalTier,
    Status,
    Storage,
)
from tests.builders import LEASE, NOW, a_job, an_outcome

FAILURE = Failure(code="x", text="x", fault=Fault.SERVICE)
SECONDS = st.integers(min_value=0, max_value=300)
STORAGE_STEPS = st.sampled_from(
    ["freeze", "keep", "archive", "thaw", "lose", "restore", "forget", "rest"]
)
WORKERS = st.sampled_from(["one", "two", "three"])


class JobMachine(RuleBasedStateMachine):
    """Workers claim, finish and lose; the owner cancels; the archive comes and goes.

    `claims` keeps what each worker believes it holds: that belief may be long out of date.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOW
        self.job: Job = a_job()
        self.claims: dict[str, int] = {}
        self.history: list[Job] = [self.job]
        self.finishes = 0

    def become(self, after: Job) -> None:
        before = self.job
        if after is before:
            return
        assert after.version == before.version + 1
        if after.status is not before.status:
            assert after.status in STATUS_MOVES[before.status]
        if after.storage is not before.storage and after.storage is not None:
            assert after.storage in STORAGE_MOVES[before.storage]
        if after.is_terminal and not before.is_terminal:
            self.finishes += 1
        self.job = after
        self.history.append(after)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(worker=WORKERS)
    def claim(self, worker: str) -> None:
        leased = self.job.leased_until is not None and self.now < self.job.leased_until
        try:
            after = self.job.claim(self.now, LEASE, worker)
        except BusyJobError:
            assert leased
        except IllegalMoveError:
            assert self.job.is_terminal
        else:
            assert not leased
            assert after.attempt == self.job.attempt + 1
            self.claims[worker] = after.attempt
            self.become(after)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), how=st.sampled_from(["complete", "fail", "hand back"]))
    def finish(self, data: st.DataObject, how: str) -> None:
        worker = data.draw(st.sampled_from(sorted(self.claims)))
        attempt = self.claims[worker]
        is_current = attempt == self.job.attempt
        try:
            if how == "complete":
                after = self.job.complete(
                    self.now, attempt, an_outcome(self.job.job_id, attempt=attempt)
                )
            elif how == "fail":
                after = self.job.fail(self.now, FAILURE, attempt)
            else:
                after = self.job.hand_back(self.now, attempt)
        except LostLeaseError:
            assert not is_current or self.job.status is not Status.RUNNING
        else:
            assert is_current
            self.become(after)

    @rule()
    def cancel(self) -> None:
        try:
            self.become(self.job.cancel(self.now))
        except IllegalMoveError:
            assert self.job.is_terminal

    @rule()
    def give_up(self) -> None:
        try:
            self.become(self.job.fail(self.now, FAILURE))
        except IllegalMoveError:
            assert self.job.is_terminal

    @rule(
        move=st.sampled_from(
            ["freeze", "keep", "archive", "thaw", "lose", "restore", "forget", "rest"]
        )
    )
    def archive(self, move: str) -> None:
        moves = {
            "freeze": lambda: self.job.start_archiving(self.now),
            "keep": self.job.keep_available,
            "archive": lambda: self.job.archive(self.now, dict.fromkeys(ARCHIVED_KINDS, "handle")),
            "thaw": lambda: self.job.start_retrieval(
                self.now, RetrievalTier.EXPEDITED, dict.fromkeys(ARCHIVED_KINDS, "retrieval")
            ),
            "lose": lambda: self.job.lose_retrieval(self.now),
            "forget": self.job.forget_archive,
            "rest": lambda: self.job.look_again(None),
            "restore": lambda: self.job.restore(self.now),
        }
        with suppress(IllegalMoveError):
            self.become(moves[move]())

    @rule(mark=st.sampled_from(["completed:sending", "completed:sent"]))
    def mail(self, mark: str) -> None:
        self.become(self.job.mailed(mark))

    @invariant()
    def a_job_ends_at_most_once(self) -> None:
        assert self.finishes <= 1

    @invariant()
    def attempts_and_versions_only_rise(self) -> None:
        if len(self.history) > 1:
            before, after = self.history[-2:]
            assert after.attempt >= before.attempt
            assert after.version > before.version

    @invariant()
    def only_a_completed_job_has_a_result_in_the_store(self) -> None:
        completed = self.job.status is Status.COMPLETED
        assert (self.job.storage is not None) == completed
        assert (self.job.outcome is not None) == completed

    @invariant()
    def a_result_is_that_of_the_recorded_attempt(self) -> None:
        if self.job.outcome is not None:
            assert all(f"~{self.job.attempt}~" in stored.key for stored in self.job.objects)

    @invariant()
    def a_job_that_is_over_is_leased_to_nobody(self) -> None:
        if self.job.is_terminal:
            assert self.job.leased_until is None
            assert self.job.completed_at is not None

    @invariant()
    def what_is_archived_has_its_handles(self) -> None:
        if self.job.storage in {Storage.ARCHIVED, Storage.RETRIEVING, Storage.RESTORED}:
            for stored in self.job.objects:
                assert (stored.archive_id is not None) == (stored.kind in ARCHIVED_KINDS)


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
