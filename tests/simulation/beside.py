"""Threads and signals whose every switch the scheduler decides."""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from tests.simulation.scheduler import SECOND, Process, Task

T = TypeVar("T")


class SimulatedSignal:
    """A signal within one process."""

    def __init__(self, process: Process) -> None:
        self._scheduler = process.scheduler
        self._is_set = False
        self._waiting: list[Task] = []

    def set(self) -> None:
        self._scheduler.check()
        self._is_set = True
        self._scheduler.wake_all(self._waiting)

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float) -> bool:
        if not self._is_set:
            me = self._scheduler.current
            assert me is not None
            self._waiting.append(me)
            self._scheduler.sleep(round(timeout * SECOND))
            if me in self._waiting:
                self._waiting.remove(me)
        return self._is_set


class SimulatedThread:
    """A task that is joined; it has no business raising."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def join(self) -> None:
        scheduler = self._task.process.scheduler
        scheduler.check()
        scheduler.join(self._task)
        if self._task.error is not None:
            scheduler.falls.append(f"{self._task.name}: {self._task.error!r}")


class SimulatedThreads:
    """The annotator's `Threads`, for one process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def signal(self) -> SimulatedSignal:
        return SimulatedSignal(self._process)

    def start(self, work: Callable[[], None], name: str) -> SimulatedThread:
        return SimulatedThread(self._process.spawn(work, name))

    def gather(self, works: Sequence[Callable[[], T]], *, at_once: int) -> tuple[T, ...]:
        left = list(reversed(list(enumerate(works))))
        answers: dict[int, T] = {}
        errors: dict[int, Exception] = {}

        def work_off() -> None:
            while left:
                number, work = left.pop()
                try:
                    answers[number] = work()
                except Exception as error:  # noqa: BLE001 - raised again below
                    errors[number] = error

        for task in [self._process.spawn(work_off, "beside") for _ in range(at_once)]:
            self._process.scheduler.join(task)
        if errors:
            raise errors[min(errors)]
        return tuple(cast(T, answers[number]) for number in range(len(works)))

    def monotonic(self) -> float:
        return self._process.scheduler.micros / SECOND
