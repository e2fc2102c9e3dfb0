"""The scaler: looks at the request queue and gives the annotator pool the size it needs.

    queue in: none (it looks at `annotate`)    queue out: none    run: python -m util.scale

Any number may run: each decides from what it saw itself, all decide alike, and one that has just
started shrinks nothing.  What it saw and decided is shown to the operator every time; an alarm
tells when nothing is shown any more.
"""

import logging
from collections import deque
from collections.abc import Sequence

from gas import log as gas_log
from gas.adapters.clock import SystemClock
from gas.adapters.scaling_aws import connect_scaling
from gas.config import Settings
from gas.domain.errors import TemporaryError
from gas.domain.scaling import Load, ScalingPlan, desired_workers
from gas.ports import Clock, Gauges, Pool
from gas.worker import Stop

log = logging.getLogger(__name__)


class Scaler:
    """One pool, and the looks at its queue that still count."""

    def __init__(self, *, pool: Pool, gauges: Gauges, clock: Clock, plan: ScalingPlan) -> None:
        self._pool = pool
        self._gauges = gauges
        self._clock = clock
        self._plan = plan
        self._loads: deque[Load] = deque()

    @property
    def loads(self) -> Sequence[Load]:
        """The looks that still count, oldest first."""
        return tuple(self._loads)

    def scale(self) -> None:
        """Look, decide, resize, show; an outage leaves the pool as it is until the next look."""
        try:
            self._scale()
        except TemporaryError as error:
            log.warning("the pool was left as it is", extra={"reason": str(error)})

    def _scale(self) -> None:
        backlog, current = self._pool.backlog(), self._pool.size()
        self._remember(
            Load(at=self._clock.now(), waiting=backlog.waiting, running=backlog.running),
        )
        wanted = desired_workers(self._loads, current, self._plan)
        if wanted != current:
            log.info("the pool was resized", extra={"machines": wanted, "before": current})
            self._pool.resize(wanted)
        self._gauges.show(
            {
                "JobsWaiting": backlog.waiting,
                "JobsRunning": backlog.running,
                "MachinesWanted": wanted,
            }
        )

    def _remember(self, load: Load) -> None:
        """Keep one look as old as the hold: it shows that the whole hold was watched."""
        self._loads.append(load)
        while len(self._loads) > 1 and load.at - self._loads[1].at >= self._plan.hold:
            self._loads.popleft()


def plan_of(settings: Settings) -> ScalingPlan:
    """What the settings ask of the pool."""
    return ScalingPlan(
        least=settings.scale_least,
        most=settings.scale_most,
        slots=settings.slots,
        mean_job=settings.mean_job,
        acceptable_wait=settings.scale_wait,
        hold=settings.scale_hold,
    )


def main() -> None:
    """Scale until SIGTERM."""
    gas_log.set_up("scale")
    settings = Settings.from_env()
    stop = Stop()
    stop.listen()
    clock = SystemClock()
    outside = connect_scaling(settings, clock)
    scaler = Scaler(pool=outside.pool, gauges=outside.gauges, clock=clock, plan=plan_of(settings))
    scaler.scale()
    while not stop.wait(settings.scale_every):
        scaler.scale()


if __name__ == "__main__":
    main()
