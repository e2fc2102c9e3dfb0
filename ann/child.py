"""The engine in a sandboxed child of its own, forked from a small server process.

`ForkedEngine` is started before any thread, and serves as many threads as like.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ann.engine import (
    CrashedError,
    DiedError,
    DiskFullError,
    EngineError,
    HungError,
    InputRefusedError,
    InterruptedRunError,
    OutOfMemoryError,
    Summary,
    Task,
    TimedOutError,
    Written,
)
from gas.domain.job import Progress

ENGINE = "ann.engine_port"
ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 300
"""Longest wait for the engine's own preparation: the first one may compile the reference."""

CHECK_SECONDS = 0.1
"""How often a caller's wish to stop is looked at."""

_CRASHES = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE}


class ForkedEngine:
    """An Engine whose every task runs in a child process of its own."""

    def __init__(self, *, engine: str = ENGINE, reference: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = [sys.executable, "-m", "ann.forkserver", str(theirs.fileno()), engine]
        # The server sees no setting and no secret: a parser gone wrong finds none in its memory.
        environment = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with theirs:
            self._server = subprocess.Popen(  # noqa: S603 - our own module, no user's word
                [*arguments, *([str(reference)] if reference else [])],
                cwd=ROOT,
                env=environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._wait_until_ready()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def server_pid(self) -> int:
        """The process the children are forked from."""
        return self._server.pid

    def is_alive(self) -> bool:
        """Whether children can still be forked."""
        return self._server.poll() is None

    def close(self) -> None:
        """End the server, and with it every child."""
        self._control.close()
        try:
            self._server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def annotate(
        self,
        task: Task,
        *,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> Summary:
        """As the port says."""
        kills = _out_of_memory_kills()
        with self._child(task) as (number, events, exits):
            watch = _Watch(task, on_progress, should_stop)
            try:
                for event in _events(events, watch.check):
                    watch.hear(event)
            except EngineError:
                self._send({"kill": number})
                _read_all(exits)
                raise
            status = _read_all(exits)
        if watch.verdict is not None:
            return watch.outcome()
        if not status:
            raise DiedError("the process that engines are forked from is gone")
        code = json.loads(status)["exit"]
        if code == -signal.SIGKILL and _out_of_memory_kills() > kills:
            raise OutOfMemoryError("the kernel ended the engine for want of memory")
        if code == -signal.SIGXCPU:
            raise TimedOutError("the engine used up its processor time")
        if code in _CRASHES or code >= 0:
            raise CrashedError(f"the engine ended with exit code {code} and no word")
        raise DiedError(f"the engine was ended by signal {-code}")

    @contextmanager
    def _child(self, task: Task) -> Iterator[tuple[int, int, int]]:
        """A running child: its number, and the reading ends of its events and its exit."""
        number = next(self._numbers)
        events, events_theirs = os.pipe2(os.O_CLOEXEC)
        exits, exits_theirs = os.pipe2(os.O_CLOEXEC)
        request = {
            "folder": str(task.folder),
            "input": str(task.input),
            "output": str(task.output),
            "assembly": task.assembly,
            "threads": task.threads,
            "memory_bytes": task.memory_bytes,
            "file_bytes": task.file_bytes,
            "cpu_seconds": int(task.time_limit.total_seconds()) * max(task.threads, 1) + 1,
        }
        try:
            try:
                self._send({"run": number, "task": request}, [events_theirs, exits_theirs])
            finally:
                os.close(events_theirs)
                os.close(exits_theirs)
            yield number, events, exits
        finally:
            os.close(events)
            os.close(exits)

    def _send(self, order: dict[str, Any], pipes: Sequence[int] = ()) -> None:
        try:
            with self._lock:
                socket.send_fds(self._control, [json.dumps(order).encode()], pipes)
        except OSError as error:
            raise DiedError("the process that engines are forked from is gone") from error

    def _wait_until_ready(self) -> None:
        self._control.settimeout(READY_SECONDS)
        try:
            ready = self._control.recv(16)
        except TimeoutError:
            ready = b""
        self._control.settimeout(None)
        if not ready:
            self.close()
            code = self._server.returncode
            raise DiedError(f"the engine cannot be made ready: its process ended with {code}")


class _Watch:
    """What a run has said so far, and whether it may go on."""

    def __init__(
        self,
        task: Task,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._task = task
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._started = self._heard = time.monotonic()
        self.verdict: dict[str, Any] | None = None

    def hear(self, event: dict[str, Any]) -> None:
        """Take in one event."""
        self._heard = time.monotonic()
        if "records" in event:
            self._on_progress(Progress(records=event["records"], fraction=event["fraction"]))
        elif "sandbox" not in event:
            self.verdict = event

    def check(self) -> None:
        """Raise where the run must end."""
        now = time.monotonic()
        if self._should_stop():
            raise InterruptedRunError("the run was stopped")
        if now - self._started > self._task.time_limit.total_seconds():
            raise TimedOutError(f"the engine ran for more than {self._task.time_limit}")
        if now - self._heard > self._task.stall_limit.total_seconds():
            raise HungError(f"the engine said nothing for {self._task.stall_limit}")

    def outcome(self) -> Summary:
        """The summary, or what the child said went wrong."""
        said = self.verdict or {}
        if "done" in said:
            facts = said["done"]
            outputs = tuple(Written(**written) for written in facts.pop("outputs"))
            return Summary(**facts | {"outputs": outputs, "sandbox": tuple(facts["sandbox"])})
        if "refused" in said:
            facts = said["refused"]
            raise InputRefusedError(
                facts["code"], facts["message"], hint=facts["hint"], line=facts["line"]
            )
        if "bug" in said:
            raise CrashedError(said["bug"])
        if said["ended"] == "memory":
            raise OutOfMemoryError("the engine reached its memory limit")
        raise DiskFullError("there was no room for the engine's output")


def _events(pipe: int, check: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """Every line the child writes, until it ends; `check` runs several times a second."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    rest = b""
    while True:
        check()
        if not poll.poll(CHECK_SECONDS * 1000):
            continue
        piece = os.read(pipe, 1 << 16)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from (json.loads(line) for line in lines)


def _read_all(pipe: int) -> bytes:
    pieces = []
    while piece := os.read(pipe, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def _out_of_memory_kills() -> int:
    """How many processes the kernel has ended for want of memory since it started."""
    for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0
