from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas.domain.scaling import Load, ScalingPlan, desired_workers, needed_workers

START = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = ScalingPlan()


def _load(waiting: int, running: int = 0, minute: float = 0) -> Load:
    return Load(at=START + timedelta(minutes=minute), waiting=waiting, running=running)


def _history(*waiting: int) -> list[Load]:
    """One look a minute."""
    return [_load(count, minute=minute) for minute, count in enumerate(waiting)]


def test_an_idle_pool_keeps_its_smallest_size() -> None:
    assert desired_workers(_history(*[0] * 20), 2, PLAN) == 2


def test_a_burst_is_met_at_the_first_look() -> None:
    # 40 jobs of 60 s within 120 s take 20 slots, which is 10 machines of two.
    assert desired_workers([_load(40)], 2, PLAN) == 10


def test_the_pool_never_grows_beyond_its_largest_size() -> None:
    assert desired_workers([_load(10_000)], 2, PLAN) == 20


def test_running_jobs_keep_their_machines() -> None:
    looks = [_load(0, running=12, minute=minute) for minute in range(30)]
    assert desired_workers(looks, 6, PLAN) == 6
    assert desired_workers(looks, 9, PLAN) == 6


def test_a_machine_goes_only_when_nothing_in_the_hold_asked_for_it() -> None:
    peak_nine_minutes_ago = [40, *[0] * 9]
    assert desired_workers(_history(0, *peak_nine_minutes_ago), 10, PLAN) == 10
    peak_ten_minutes_ago = [40, *[0] * 10]
    assert desired_workers(_history(0, *peak_ten_minutes_ago), 10, PLAN) == 2


def test_whoever_has_just_started_to_look_never_shrinks_the_pool() -> None:
    assert desired_workers(_history(*[0] * 10), 10, PLAN) == 10
    assert desired_workers(_history(*[0] * 11), 10, PLAN) == 2


def test_without_a_look_the_pool_stays_within_its_bounds() -> None:
    assert desired_workers([], 7, PLAN) == 7
    assert desired_workers([], 0, PLAN) == 2
    assert desired_workers([], 99, PLAN) == 20


def test_longer_jobs_ask_for_more_machines() -> None:
    longer = replace(PLAN, mean_job=timedelta(seconds=600))
    assert needed_workers(_load(6), PLAN) == 2
    assert needed_workers(_load(6), longer) == 15


@pytest.mark.parametrize(
    "changes",
    [
        {"least": 0},
        {"least": 5, "most": 4},
        {"slots": 0},
        {"mean_job": timedelta(0)},
        {"acceptable_wait": timedelta(0)},
        {"hold": timedelta(seconds=-1)},
    ],
)
def test_a_plan_no_pool_can_follow_is_refused(changes: dict[str, int | timedelta]) -> None:
    with pytest.raises(ValueError, match=r"pool|machine|times"):
        replace(PLAN, **changes)  # type: ignore[arg-type]


_counts = st.integers(0, 5_000)


@given(st.lists(st.tuples(_counts, _counts), max_size=30), st.integers(0, 60))
def test_the_size_is_always_within_the_plan(counts: list[tuple[int, int]], current: int) -> None:
    looks = [_load(waiting, running, minute) for minute, (waiting, running) in enumerate(counts)]
    assert PLAN.least <= desired_workers(looks, current, PLAN) <= PLAN.most


@given(_counts, _counts, st.integers(2, 20))
def test_the_pool_is_never_made_smaller_than_the_latest_look_asks(
    waiting: int, running: int, current: int
) -> None:
    looks = [_load(waiting, running, minute) for minute in range(15)]
    needed = needed_workers(looks[-1], PLAN)
    assert desired_workers(looks, current, PLAN) >= min(needed, PLAN.most)


@given(_counts, st.integers(1, 500), st.integers(2, 20))
def test_more_waiting_jobs_never_ask_for_fewer_machines(
    waiting: int, more: int, current: int
) -> None:
    fewer = [_load(waiting, minute=minute) for minute in range(15)]
    larger = [_load(waiting + more, minute=minute) for minute in range(15)]
    assert desired_workers(larger, current, PLAN) >= desired_workers(fewer, current, PLAN)


def test_without_a_hold_the_pool_follows_every_look() -> None:
    plan = replace(PLAN, hold=timedelta(0))
    assert desired_workers(_history(40, 0), 10, plan) == 2
