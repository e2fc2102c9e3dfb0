"""What may go wrong in one history, and how often: drawn from the seed, each kind on or off.

Histories with a few kinds of fault each, rare in one and frenzied in the next, reach further than
histories that all have a little of everything.
"""

from dataclasses import dataclass, fields
from random import Random


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Chances a port call (the last eight: a message, a listing, an engine's run, a second)."""

    throttle: float = 0
    """Refused before the effect."""
    lose: float = 0
    """Done, and its answer lost."""
    crash_before: float = 0
    crash_after: float = 0
    pause: float = 0
    """The process stands still for minutes, past its lease, and wakes as a zombie."""
    slow: float = 0
    """The call takes seconds."""

    duplicate: float = 0
    delay: float = 0
    reorder: float = 0
    stale: float = 0
    """An index answers as of some seconds ago."""
    engine: float = 0
    """The engine dies, hangs or runs out of memory, through no fault of the file."""
    room: float = 0
    """The machine has no room for a run."""
    chaos: float = 0
    """A second in which a process is killed, stopped, paused or has its clock set."""
    outage: float = 0
    """A second in which a service goes away for up to minutes."""


CALM = Faults()

MOST = {
    "throttle": 0.1,
    "lose": 0.08,
    "crash_before": 0.015,
    "crash_after": 0.02,
    "pause": 0.005,
    "slow": 0.05,
    "duplicate": 0.4,
    "delay": 0.4,
    "reorder": 0.8,
    "stale": 0.8,
    "engine": 0.3,
    "room": 0.2,
    "chaos": 0.06,
    "outage": 0.01,
}


def drawn(rng: Random) -> Faults:
    """A mixture: two thirds of the kinds, each between a tenth and all of its most."""
    return Faults(
        **{
            kind.name: MOST[kind.name] * 10 ** -rng.random() if rng.random() < 0.67 else 0.0
            for kind in fields(Faults)
        }
    )
