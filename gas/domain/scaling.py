"""How many annotator machines the backlog asks for.  Pure: the daemon and the simulator call it.

Out at once, in late: a burst is met by the first look that sees it, and a machine is given up only
when nothing in the last `hold` asked for it.  Running work counts, so that a pool is never shrunk
below what it is doing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Load:
    """One look at the queue: jobs that wait, jobs that run."""

    at: datetime
    waiting: int
    running: int


@dataclass(frozen=True, kw_only=True)
class ScalingPlan:
    """What the pool is to promise: a job waits about `acceptable_wait` for its slot.

    `mean_job` is the mean running time of a job, `slots` the jobs one machine runs side by side,
    `hold` how long nothing must have asked for a machine before it goes.
    """

    least: int = 2
    most: int = 20
    slots: int = 2
    mean_job: timedelta = timedelta(seconds=60)
    acceptable_wait: timedelta = timedelta(seconds=120)
    hold: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        """Refuse a plan that no pool can follow."""
        if not 1 <= self.least <= self.most:
            raise ValueError("a pool needs 1 <= least <= most machines")
        if self.slots < 1:
            raise ValueError("a machine runs at least one job")
        if min(self.mean_job, self.acceptable_wait) <= timedelta(0) or self.hold < timedelta(0):
            raise ValueError("times of a scaling plan are greater than nought")


def needed_workers(load: Load, plan: ScalingPlan) -> int:
    """Machines that work the waiting jobs off within the wait, and keep those that run.

    A slot works off `acceptable_wait / mean_job` jobs in that time.  Not yet bounded by the plan.
    """
    slots = load.waiting * (plan.mean_job / plan.acceptable_wait) + load.running
    return math.ceil(slots / plan.slots)


def desired_workers(loads: Sequence[Load], current: int, plan: ScalingPlan) -> int:
    """The size to give the pool, from looks at the queue (oldest first) and its present size.

    Without any look the pool stays as it is, within its bounds.  A history shorter than the hold
    never shrinks the pool: whoever looks for the first time has not seen what asked for it.
    """
    if not loads:
        return _bounded(current, plan)
    latest = loads[-1]
    needed = needed_workers(latest, plan)
    if needed < current:
        held = [load for load in loads if latest.at - load.at < plan.hold]
        highest = max([needed, *(needed_workers(load, plan) for load in held)])
        seen_long_enough = latest.at - loads[0].at >= plan.hold
        needed = min(current, highest) if seen_long_enough else current
    return _bounded(needed, plan)


def _bounded(workers: int, plan: ScalingPlan) -> int:
    return max(plan.least, min(plan.most, workers))
