from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gas.adapters.memory import MemoryClock
from gas.config import Settings
from gas.domain.errors import OutageError
from gas.domain.scaling import ScalingPlan
from gas.ports import Backlog
from util.scale import Scaler, plan_of


@dataclass
class APool:
    machines: int = 2
    queue: Backlog = field(default_factory=lambda: Backlog(waiting=0, running=0))
    is_down: bool = False
    asked: list[int] = field(default_factory=list)

    def backlog(self) -> Backlog:
        if self.is_down:
            raise OutageError("the queue cannot be reached")
        return self.queue

    def size(self) -> int:
        return self.machines

    def resize(self, machines: int) -> None:
        self.asked.append(machines)
        self.machines = machines


class SomeGauges:
    def __init__(self) -> None:
        self.shown: list[Mapping[str, float]] = []

    def show(self, figures: Mapping[str, float]) -> None:
        self.shown.append(dict(figures))


class World:
    def __init__(self) -> None:
        self.pool, self.gauges, self.clock = APool(), SomeGauges(), MemoryClock()
        self.scaler = self.a_scaler()

    def a_scaler(self) -> Scaler:
        return Scaler(pool=self.pool, gauges=self.gauges, clock=self.clock, plan=ScalingPlan())

    def minutes(self, count: float) -> None:
        for _ in range(int(count * 2)):
            self.clock.advance(timedelta(seconds=30))
            self.scaler.scale()


def test_a_burst_is_met_at_the_next_look() -> None:
    world = World()
    world.minutes(1)
    world.pool.queue = Backlog(waiting=40, running=4)
    world.minutes(0.5)
    assert world.pool.asked == [12]


def test_a_pool_that_is_right_is_not_touched() -> None:
    world = World()
    world.minutes(30)
    assert world.pool.asked == []


def test_a_pool_shrinks_ten_minutes_after_nothing_asked_for_it() -> None:
    world = World()
    world.pool.queue = Backlog(waiting=40, running=0)
    world.minutes(0.5)
    world.pool.queue = Backlog(waiting=0, running=0)
    world.minutes(9.5)
    assert world.pool.machines == 10
    world.minutes(0.5)
    assert world.pool.machines == 2


def test_a_scaler_that_was_just_restarted_shrinks_nothing() -> None:
    world = World()
    world.pool.machines = 15
    world.minutes(9.5)
    world.scaler = world.a_scaler()
    world.minutes(9.5)
    assert world.pool.machines == 15


def test_an_outage_leaves_the_pool_as_it_is_and_the_next_look_decides() -> None:
    world = World()
    world.pool.queue, world.pool.is_down = Backlog(waiting=40, running=0), True
    world.minutes(2)
    assert world.pool.asked == []
    world.pool.is_down = False
    world.minutes(0.5)
    assert world.pool.machines == 10


def test_every_look_is_shown() -> None:
    world = World()
    world.pool.queue = Backlog(waiting=4, running=3)
    world.minutes(1)
    assert world.gauges.shown == [{"JobsWaiting": 4, "JobsRunning": 3, "MachinesWanted": 3}] * 2


def test_only_the_looks_that_count_are_kept() -> None:
    world = World()
    world.minutes(60)
    assert len(world.scaler.loads) == 21


def test_the_plan_is_what_the_settings_say() -> None:
    env = {
        "GAS_BASE_URL": "http://127.0.0.1:8080",
        "GAS_SECRET_KEY": "secret",
        "DATABASE_URL": "sqlite://",
        "GAS_GLOBUS_CLIENT_ID": "id",
        "GAS_GLOBUS_CLIENT_SECRET": "secret",
    }
    assert plan_of(Settings.from_env(env)) == ScalingPlan()
    changed = {"GAS_SCALE_LEAST": "3", "GAS_SCALE_MOST": "9", "GAS_MEAN_JOB_SECONDS": "600"}
    plan = plan_of(Settings.from_env({**env, **changed}))
    assert (plan.least, plan.most, plan.mean_job) == (3, 9, timedelta(minutes=10))
