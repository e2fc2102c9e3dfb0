"""The policies compared: ours, AWS's stock one, and pools of a fixed size."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gas.domain.scaling import Load, ScalingPlan, desired_workers
from tests.scaling.pool import Look, Policy

START = datetime(2026, 1, 1, tzinfo=UTC)
OUT_PERIODS = 3
IN_PERIODS = 15
IN_SHARE = 0.9


def need(plan: ScalingPlan) -> Policy:
    """The product's own function, told what its daemon would be told."""

    def ask(looks: Sequence[Look], current: int) -> int:
        loads = [
            Load(
                at=START + timedelta(seconds=look.second),
                waiting=look.waiting,
                running=look.running,
            )
            for look in looks[-12:]
        ]
        return desired_workers(loads, current, plan)

    return ask


def stock(target: float) -> Policy:
    """AWS's target tracking on visible messages per instance.

    Out after three one-minute points above the target, in proportion; in after fifteen below 90 %
    of it (AWS documentation: how target tracking and its two alarms work).
    """

    def ask(looks: Sequence[Look], current: int) -> int:
        points = [look.waiting / max(1, look.in_service) for look in looks[-IN_PERIODS:]]
        machines = max(1, looks[-1].in_service)
        if len(points) >= OUT_PERIODS and min(points[-OUT_PERIODS:]) > target:
            return max(current, math.ceil(machines * points[-1] / target))
        if len(points) == IN_PERIODS and max(points) < IN_SHARE * target:
            return math.floor(machines * points[-1] / target) if points[-1] else current - 1
        return current

    return ask


def fixed(machines: int) -> Policy:
    """Always that many."""
    return lambda _looks, _current: machines
