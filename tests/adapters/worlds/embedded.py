"""The embedded adapters in a folder of their own, on a clock that moves only when told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gas.adapters.embedded import connect_embedded
from gas.adapters.memory import MemoryClock
from gas.config import Settings
from tests.adapters.worlds import World


def embedded_settings(home: Path, **changes: str) -> Settings:
    """Settings of an embedded deployment under that home; `changes` by their GAS_ names."""
    return Settings.from_env(
        {
            "GAS_HOME": str(home),
            "GAS_BASE_URL": "http://127.0.0.1:8080",
            "GAS_STORE_URL": "http://127.0.0.1:8081",
            "GAS_SECRET_KEY": "a secret of the tests",
            "DATABASE_URL": "sqlite://",
            "GAS_GLOBUS_CLIENT_ID": "client",
            "GAS_GLOBUS_CLIENT_SECRET": "secret",
            # An empty queue is found empty at once: no test waits for what does not come.
            "GAS_POLL_SECONDS": "0.000001",
            **changes,
        }
    )


@contextmanager
def embedded_world(folder: Path) -> Iterator[World]:
    clock = MemoryClock()
    settings = embedded_settings(folder / "home")
    ports = connect_embedded(settings, clock)
    yield World(
        clock=clock,
        jobs=ports.jobs,
        outbox=ports.outbox,
        topics=ports.topics,
        uploads=ports.uploads,
        files=ports.inputs,
        inbox=ports.inbox,
        dead_inbox=ports.dead_inbox,
        dead_letters=lambda queue: [body for body, _ in ports.dead_inbox(queue).listed()],
        pass_time=clock.advance,
        visibility=settings.lease,
        max_receives=settings.max_receives,
    )
