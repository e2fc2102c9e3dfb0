"""Every gap between two effects of archive, restore and thaw: the process dies there.

One result walks from AVAILABLE to the archive and back, and each effect on the way fails once,
before or after it takes place.  Fresh daemons and the sweep go on; at every moment the bytes are
somewhere (I4), and in the end the result is where its owner's plan wants it (I5).
"""

from datetime import timedelta

import pytest

from gas.domain.account import Tier
from gas.domain.errors import OutageError
from gas.domain.job import Storage
from gas.domain.message import Queue
from tests.support.archiving import Lifecycle
from tests.unit.util.test_crashes import CrashError, Fuse

EFFECTS = 45
"""How many effects the walk has; the last test counts them anew."""


def arm(life: Lifecycle, fuse: Fuse) -> None:
    world = life.world
    for port, methods, name in (
        (world.jobs, ("move", "sent"), "jobs"),
        (
            world.archives,
            ("archive", "drop_original", "start_retrieval", "materialise", "delete"),
            "archives",
        ),
        (world.accounts, ("settle_plan",), "accounts"),
        (world.topics, ("publish",), "topics"),
        *((world.inboxes[queue], ("done",), queue.value) for queue in Queue),
    ):
        for method in methods:
            fuse.put_into(port, method, f"{name}.{method}")


def go_on(life: Lifecycle, seconds: float) -> None:
    """Let time pass; a crash ends the process in hand, and all are started anew."""
    end = life.now + timedelta(seconds=seconds)
    while life.now < end:
        try:
            life.run(min(60.0, (end - life.now).total_seconds()), sweep=True)
        except CrashError:
            life.start()
        life.assert_nothing_is_lost()


def walk(life: Lifecycle, fuse: Fuse) -> None:
    life.complete()
    arm(life, fuse)
    go_on(life, 4200)
    archived = life.job()
    life.set_tier(Tier.PREMIUM, announce=False)
    life.assert_nothing_is_lost()
    go_on(life, 7200)
    life.world.clock.advance(timedelta(days=2))
    go_on(life, 7 * 3600)
    assert archived.storage is Storage.ARCHIVED


@pytest.mark.parametrize("error", [CrashError, OutageError])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(EFFECTS))
def test_whatever_fails_no_byte_is_lost_and_the_result_follows_the_plan(
    number: int, moment: str, error: type[BaseException]
) -> None:
    life = Lifecycle()
    fuse = Fuse(number=number, after=moment == "after", error=error)
    walk(life, fuse)
    assert fuse.blown
    life.assert_at_rest(life.job(), Storage.RESTORED)
    assert life.world.accounts.get("ada").plan_changed_at is None
    for queue in Queue:
        assert not life.world.inbox(queue).dead, fuse.blown
        assert not life.world.inbox(queue).depth(), fuse.blown


def test_every_effect_of_the_walk_is_among_the_cases() -> None:
    life, fuse = Lifecycle(), Fuse()
    walk(life, fuse)
    assert fuse.seen == EFFECTS
    life.assert_at_rest(life.job(), Storage.RESTORED)
