"""The reference trace: two days of a diurnal load with two bursts, and how long each job runs."""

import math
import random
from dataclasses import dataclass

HOUR = 3600
NIGHT_SHARE = 0.25
"""Share of the daily peak that also comes at night."""


@dataclass(frozen=True, kw_only=True)
class Burst:
    """That many jobs within `seconds`, from the hour on: a cohort uploaded by a script."""

    hour: float
    jobs: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What comes; `sigma` is that of the lognormal running times, in log seconds."""

    hours: int = 48
    peak_per_hour: float = 240
    mean_seconds: float = 60
    sigma: float = 1.0
    bursts: tuple[Burst, ...] = (
        Burst(hour=10, jobs=200, seconds=120),
        Burst(hour=30, jobs=400, seconds=300),
    )


REFERENCE = Trace()
LONG_JOBS = Trace(
    peak_per_hour=40,
    mean_seconds=600,
    bursts=(Burst(hour=10, jobs=40, seconds=120), Burst(hour=30, jobs=80, seconds=300)),
)
"""Jobs of ten minutes, at about the same work an hour."""


@dataclass(frozen=True, kw_only=True)
class SimulatedJob:
    """A job by its number in order of arrival, its second of arrival, its running time."""

    number: int
    arrives: float
    lasts: float


def jobs_of(trace: Trace, seed: int) -> list[SimulatedJob]:
    """The jobs of a trace: the same seed gives the same jobs to every policy."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    arrivals: list[float] = []
    second = 0.0
    while second < trace.hours * HOUR:
        daylight = max(0.0, math.sin((second / HOUR % 24 - 6) / 24 * 2 * math.pi))
        per_hour = trace.peak_per_hour * (NIGHT_SHARE + (1 - NIGHT_SHARE) * daylight)
        second += chance.expovariate(per_hour / HOUR)
        arrivals.append(second)
    for burst in trace.bursts:
        first = burst.hour * HOUR
        arrivals += [first + chance.random() * burst.seconds for _ in range(burst.jobs)]
    middle = math.log(trace.mean_seconds) - trace.sigma**2 / 2
    return [
        SimulatedJob(
            number=number, arrives=arrives, lasts=chance.lognormvariate(middle, trace.sigma)
        )
        for number, arrives in enumerate(sorted(arrivals))
    ]
