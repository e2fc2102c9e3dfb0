"""One step at a time, in an order the seed decides: tasks, processes and a time of their own.

A task is a greenlet of one process.  It runs until it waits for something (every port call does),
then the scheduler goes on with whoever is due next.  A killed process's tasks are left where they
stand, as SIGKILL leaves threads: no `finally` and no `except` of theirs ever runs to any effect.
"""

import heapq
import itertools
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta

from greenlet import getcurrent, greenlet

from gas.adapters.memory_clock import START, MemoryClock
from gas.worker import Stop

SECOND = 1_000_000
"""Microseconds: the scheduler's time is a whole number of them."""

FOREVER = 1 << 62


class KilledError(BaseException):
    """The process of this task was killed: nothing of it goes on."""


class Task:
    """Work that goes on in a process."""

    def __init__(self, process: "Process", work: Callable[[], object], name: str) -> None:
        self.process = process
        self.name = name
        self.answer: object = None
        self.error: Exception | None = None
        self.is_over = False
        self.is_dead = False
        self.turn = 0
        self.waiting: list[Task] = []
        self._work = work
        self.greenlet = greenlet(self._go, process.scheduler.hub)

    def _go(self) -> None:
        try:
            self.answer = self._work()
        except KilledError:
            return
        except Exception as error:  # noqa: BLE001 - whoever joins the task looks at it
            self.error = error
        if not self.is_dead:
            self.is_over = True
            self.process.tasks.remove(self)
            self.process.scheduler.wake_all(self.waiting)


class Process:
    """Something that can be killed, stopped, paused and started anew; `skew` is its clock's."""

    def __init__(
        self, scheduler: "Scheduler", name: str, body: Callable[["Process"], object]
    ) -> None:
        self.scheduler = scheduler
        self.name = name
        self.skew = timedelta(0)
        self.paused_until = 0
        self.is_alive = False
        self.starts = 0
        self.tasks: list[Task] = []
        self.stop = Stop()
        self.on_kill: list[Callable[[], None]] = []
        self._body = body

    def start(self) -> None:
        """Begin its body, in a fresh memory."""
        if self.is_alive:
            return
        self.is_alive, self.stop, self.paused_until = True, Stop(), 0
        self.starts += 1
        self.spawn(self._main, "main")

    def spawn(self, work: Callable[[], object], name: str) -> Task:
        """Begin a task of this process."""
        task = Task(self, work, name)
        self.tasks.append(task)
        self.scheduler.tasks.append(task)
        self.scheduler.wake(task, self.scheduler.micros)
        return task

    def kill(self) -> None:
        """SIGKILL; where this is the running process itself, the call does not come back."""
        if not self.is_alive:
            return
        self.is_alive = False
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task.is_dead = True
            self.scheduler.wake_all(task.waiting)
        for clean in self.on_kill:
            clean()
        self.on_kill.clear()
        if self.scheduler.current is not None and self.scheduler.current.process is self:
            self.scheduler.give_way()

    def _main(self) -> None:
        try:
            self._body(self)
        except Exception:  # noqa: BLE001 - a daemon fell over: that is what is looked for
            self.scheduler.falls.append(f"{self.name}: {traceback.format_exc()}")
        self.is_alive = False


class Scheduler:
    """Time and turns."""

    def __init__(self) -> None:
        self.hub = getcurrent()
        self.micros = 0
        self.steps = 0
        self.current: Task | None = None
        self.tasks: list[Task] = []
        self.falls: list[str] = []
        """What a daemon, or a thread of one, died of by itself."""
        self._numbers = itertools.count()
        self._due: list[tuple[int, int, Task, int]] = []

    def wake(self, task: Task, at: int) -> None:
        """The task goes on at that moment, and at no other asked for before."""
        task.turn += 1
        heapq.heappush(self._due, (at, next(self._numbers), task, task.turn))

    def wake_all(self, tasks: list[Task]) -> None:
        """Those that wait go on now."""
        for task in tasks:
            self.wake(task, self.micros)
        tasks.clear()

    def sleep(self, micros: int) -> None:
        """The running task goes on that much later, or when it is woken."""
        self.check()
        assert self.current is not None
        self.wake(self.current, self.micros + micros)
        self.give_way()

    def give_way(self) -> None:
        """Go on with whoever is due; comes back when the running task is."""
        self.hub.switch()
        self.check()

    def check(self) -> None:
        """Nothing that a dead process still tries may have an effect."""
        if self.current is not None and self.current.is_dead:
            raise KilledError

    def join(self, task: Task, micros: int = FOREVER) -> bool:
        """Wait for the task's end, at most that long; whether it came to its end."""
        if not task.is_over and not task.is_dead:
            assert self.current is not None
            me = self.current
            task.waiting.append(me)
            self.sleep(micros)
            if me in task.waiting:
                task.waiting.remove(me)
        return task.is_over

    def run(self, until: int, is_done: Callable[[], bool], after: Callable[[], None]) -> None:
        """Go on until that moment or until it is done; `after` is called after every step."""
        while self._due and not is_done():
            at, _number, task, turn = heapq.heappop(self._due)
            if turn != task.turn or task.is_dead or task.is_over:
                continue
            if at > until:
                heapq.heappush(self._due, (at, _number, task, turn))
                self.micros = until
                return
            if task.process.paused_until > at:
                self.wake(task, task.process.paused_until)
                continue
            self.micros = max(self.micros, at)
            self.steps += 1
            self.current = task
            task.greenlet.switch()
            self.current = None
            after()

    def reap(self) -> None:
        """Let go of every task that is still in the middle of something."""
        for task in self.tasks:
            if task.greenlet and not task.greenlet.dead:
                task.is_dead = True
                self.current = task
                task.greenlet.throw(KilledError)
        self.current = None


class TrueClock(MemoryClock):
    """The time of the world outside, which the stores and queues keep."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._scheduler = scheduler

    def now(self) -> datetime:
        return START + timedelta(microseconds=self._scheduler.micros)

    def sleep(self, seconds: float) -> None:
        self._scheduler.sleep(max(round(seconds * SECOND), 1))


class ProcessClock:
    """The clock of one machine, fast or slow by its process's skew."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        micros = self._process.scheduler.micros
        return START + timedelta(microseconds=micros) + self._process.skew

    def sleep(self, seconds: float) -> None:
        self._process.scheduler.sleep(max(round(seconds * SECOND), 1))
