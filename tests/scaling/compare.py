"""The comparison: every policy on the same jobs, as figures and as a table."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

from gas.domain.scaling import ScalingPlan
from tests.bench.measure import Measure
from tests.scaling.policies import fixed, need, stock
from tests.scaling.pool import Conditions, Outcome, Policy, Pool
from tests.scaling.trace import LONG_JOBS, REFERENCE, Trace, jobs_of

SEEDS = range(5)
PLAN = ScalingPlan()
STOCK_WAIT = 300
"""Acceptable wait in seconds; over the mean job it is AWS's target of messages an instance."""

LABELS = {
    "need": "need-based (ours)",
    "stock": "visible per instance (AWS stock)",
    "fixed2": "fixed 2",
    "fixed6": "fixed 6",
    "fixed20": "fixed 20",
}


def policy_of(name: str, trace: Trace) -> Policy:
    """The policy of that name, told the mean running time of the trace's jobs."""
    if name == "need":
        return need(replace(PLAN, mean_job=timedelta(seconds=trace.mean_seconds)))
    if name == "stock":
        return stock(STOCK_WAIT / trace.mean_seconds)
    return fixed(int(name.removeprefix("fixed")))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Means over the seeds: seconds waited, dollars, share of jobs run again, machines at most."""

    p50: float
    p95: float
    p99: float
    usd_per_1000: float
    redone_pct: float
    most: float


def percentile(ordered: list[float], share: float) -> float:
    """The value below which that share of an ordered list lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@cache
def figures(name: str, trace: Trace = REFERENCE, conditions: Conditions | None = None) -> Figures:
    """Run one policy on every seed."""
    machines = int(name.removeprefix("fixed")) if name.startswith("fixed") else None
    conditions = conditions or Conditions()
    if machines:
        conditions = replace(conditions, least=machines, most=machines)
    policy = policy_of(name, trace)
    runs = [Pool(jobs_of(trace, seed), policy, conditions, seed).run() for seed in SEEDS]

    def mean(values: Iterator[float]) -> float:
        return sum(values) / len(runs)

    def jobs(run: Outcome) -> int:
        return len(run.waits)

    return Figures(
        p50=mean(percentile(run.waits, 0.50) for run in runs),
        p95=mean(percentile(run.waits, 0.95) for run in runs),
        p99=mean(percentile(run.waits, 0.99) for run in runs),
        usd_per_1000=mean(run.usd / jobs(run) * 1000 for run in runs),
        redone_pct=mean(run.redone / jobs(run) * 100 for run in runs),
        most=mean(float(run.most_machines) for run in runs),
    )


def measures(found: dict[str, Figures], long_jobs: Figures) -> Iterator[Measure]:
    """What `.bench/results.json` keeps; `redone_pct` is the worse of the two traces."""
    for name, value in found.items():
        redone = max(value.redone_pct, long_jobs.redone_pct if name == "need" else 0.0)
        rows = {
            "p50_s": (value.p50, "s"),
            "p95_s": (value.p95, "s"),
            "p99_s": (value.p99, "s"),
            "usd_per_1000": (value.usd_per_1000, "USD"),
            "redone_pct": (redone, "%"),
        }
        for row, (figure, unit) in rows.items():
            yield Measure(
                name=f"scaling.{name}.{row}", value=round(figure, 3), unit=unit, better="lower"
            )


def measure(only: str) -> list[Measure]:
    """Every figure whose name begins with `only`."""
    found = {name: figures(name) for name in LABELS}
    rows = measures(found, figures("need", LONG_JOBS))
    return [row for row in rows if row.name.startswith(only)]


def row(label: str, value: Figures) -> str:
    """One line of a Markdown table."""
    return (
        f"| {label} | {value.p50:.0f} | {value.p95:.0f} | {value.p99:.0f} "
        f"| {value.usd_per_1000:.2f} | {value.redone_pct:.1f} | {value.most:.0f} |"
    )


HEADER = (
    "| policy | wait p50 (s) | p95 (s) | p99 (s) "
    "| USD per 1,000 jobs | redone (%) | most machines |\n"
    "|---|---|---|---|---|---|---|"
)


def tables() -> Iterator[tuple[str, list[str]]]:
    """Every table of docs/scaling.md: its title and its lines."""
    reference = {label: figures(name) for name, label in LABELS.items()}
    yield "Reference trace", [row(label, value) for label, value in reference.items()]
    adaptive = ("need", "stock")
    worlds = {
        "metric 180 s late": Conditions(metric_delay=180),
        "boot in 30 s, metric at once": Conditions(boot=30, metric_delay=0),
        "Spot, 5 % of machines an hour": Conditions(interruptions_per_hour=0.05),
    }
    yield (
        "Other conditions, same trace",
        [
            row(f"{LABELS[name]}: {world}", figures(name, REFERENCE, conditions))
            for world, conditions in worlds.items()
            for name in adaptive
        ],
    )
    yield (
        "Jobs of ten minutes: draining against killing at scale-in",
        [
            row(f"{LABELS[name]}: {how}", figures(name, LONG_JOBS, Conditions(drains=drains)))
            for how, drains in (("drains", True), ("kills", False))
            for name in adaptive
        ],
    )
