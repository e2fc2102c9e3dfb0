"""What a run does beside itself: threads, signals between them, and the time that never jumps.

One small port, so that the seeded simulation can own every switch from one thread to another.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Protocol, TypeVar

T = TypeVar("T")


class Signal(Protocol):
    """Something that is set once, and that others wait for."""

    def set(self) -> None:
        """Set it; setting twice is no error."""
        ...

    def is_set(self) -> bool:
        """Whether it was set."""
        ...

    def wait(self, timeout: float) -> bool:
        """Wait that many seconds or until it is set; whether it is."""
        ...


class Thread(Protocol):
    """Work that goes on beside its starter's."""

    def join(self) -> None:
        """Wait for its end."""
        ...


class Threads(Protocol):
    """Where signals and threads come from."""

    def signal(self) -> Signal:
        """A fresh one, not set."""
        ...

    def start(self, work: Callable[[], None], name: str) -> Thread:
        """Begin the work beside this thread; it must not raise."""
        ...

    def gather(self, works: Sequence[Callable[[], T]], *, at_once: int) -> tuple[T, ...]:
        """Do them side by side; what each returned, in their order, or the first one's error."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that nobody sets."""
        ...


class SystemThreads:
    """The machine's own."""

    def signal(self) -> Signal:
        """As the port says."""
        return threading.Event()

    def start(self, work: Callable[[], None], name: str) -> Thread:
        """As the port says."""
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    def gather(self, works: Sequence[Callable[[], T]], *, at_once: int) -> tuple[T, ...]:
        """As the port says; each work logs with the fields of its starter."""
        with ThreadPoolExecutor(at_once, thread_name_prefix="beside") as pool:
            waiting = [pool.submit(copy_context().run, work) for work in works]
            return tuple(work.result() for work in waiting)

    def monotonic(self) -> float:
        """As the port says."""
        return time.monotonic()
