"""The promises of docs/scaling.md, in simulated seconds: the same on every machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from gas.domain.scaling import ScalingPlan
from tests.scaling.__main__ import drawn, written
from tests.scaling.compare import Figures, figures, measure
from tests.scaling.policies import fixed, need
from tests.scaling.pool import Conditions, Pool
from tests.scaling.trace import LONG_JOBS, REFERENCE, SimulatedJob, Trace, jobs_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ours() -> Figures:
    return figures("need")


def test_ninety_five_of_a_hundred_jobs_start_within_285_seconds(ours: Figures) -> None:
    assert ours.p95 <= 285
    assert ours.p50 <= 10
    assert ours.p99 <= 600


def test_a_thousand_jobs_cost_at_most_a_dollar_eighty(ours: Figures) -> None:
    assert ours.usd_per_1000 <= 1.80


def test_our_policy_beats_the_stock_one_and_a_pool_that_costs_twice_as_much(ours: Figures) -> None:
    assert ours.p95 < figures("stock").p95
    assert ours.p95 < figures("fixed6").p95
    assert ours.usd_per_1000 * 2 < figures("fixed6").usd_per_1000


def test_draining_redoes_no_job_however_long_it_runs(ours: Figures) -> None:
    assert ours.redone_pct == 0
    assert figures("need", LONG_JOBS).redone_pct == 0


def test_without_draining_long_jobs_are_redone() -> None:
    assert figures("need", LONG_JOBS, Conditions(drains=False)).redone_pct > 5


def test_a_spot_fleet_redoes_few_jobs_and_keeps_its_promise() -> None:
    spot = figures("need", REFERENCE, Conditions(interruptions_per_hour=0.05))
    assert 0 < spot.redone_pct < 1
    assert spot.p95 <= 300


def test_a_later_metric_makes_people_wait_longer(ours: Figures) -> None:
    late = figures("need", REFERENCE, Conditions(metric_delay=180))
    assert 30 * 2 < late.p95 - ours.p95 < 80 * 2


def test_the_results_hold_every_figure_of_every_policy() -> None:
    names = {row.name for row in measure("")}
    for policy in ("need", "stock", "fixed2", "fixed6", "fixed20"):
        for figure in ("p95_s", "usd_per_1000", "redone_pct"):
            assert f"scaling.{policy}.{figure}" in names


def test_the_page_and_the_picture_show_what_the_simulator_says() -> None:
    assert written() in (ROOT / "docs/scaling.md").read_text(), "run `make scaling`"
    assert drawn() == (ROOT / "docs/scaling.svg").read_text(), "run `make scaling`"


def _one(lasts: float, arrives: float = 0.0, number: int = 0) -> SimulatedJob:
    return SimulatedJob(number=number, arrives=arrives, lasts=lasts)


def test_a_free_slot_takes_a_job_at_once() -> None:
    run = Pool([_one(60)], fixed(2), Conditions(), 0).run()
    assert run.waits == [0.0]


def test_a_job_without_a_slot_waits_for_the_next_one() -> None:
    jobs = [_one(100), _one(100, 10, 1), _one(100, 20, 2)]
    run = Pool(jobs, fixed(1), Conditions(slots=2, least=1, most=1), 0).run()
    assert run.waits == [0.0, 0.0, 80.0]


def test_machines_are_paid_from_their_order_to_their_end() -> None:
    run = Pool([_one(3600)], fixed(2), Conditions(least=2, most=2), 0).run()
    assert run.usd == pytest.approx(2 * 0.0816)


def test_every_job_of_a_trace_ends_even_when_machines_are_taken_away() -> None:
    trace = replace(REFERENCE, hours=6, bursts=())
    jobs = jobs_of(trace, 1)
    conditions = Conditions(interruptions_per_hour=2)
    run = Pool(jobs, need(ScalingPlan()), conditions, 1).run()
    assert len(run.waits) == len(jobs)
    assert run.redone > 0


def test_the_same_seed_brings_the_same_jobs() -> None:
    assert jobs_of(Trace(), 3) == jobs_of(Trace(), 3)
    assert jobs_of(Trace(), 3) != jobs_of(Trace(), 4)
