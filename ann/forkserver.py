"""The process engine children are forked from: small, single-threaded, everything imported.

Run: `python -m ann.forkserver FD MODULE`, by ann/child.py alone.  FD is a SOCK_SEQPACKET socket.
A request to run brings two pipe ends: one the child tells its events on, one on which its exit is
told here.  The socket's end ends this process, and its death ends every child.
"""

import errno
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from ann import sandbox
from ann.engine import InputRefusedError, Summary

MESSAGE_BYTES = 1 << 16
PROGRESS_PAUSE = 0.2
"""Least seconds between two reports of progress."""

BUG_FRAMES = 4
"""How many calls of a bug's traceback are told."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class EnginePort(Protocol):
    """What an engine module offers."""

    def prepare(self, reference: Path | None) -> Path:
        """Make everything ready outside the sandbox; the folder of data that every run reads.

        A child has no home folder and no environment to find a default by.
        """
        ...

    def annotate(
        self,
        request: "Request",
        progress: Callable[[int, float], None],
    ) -> Summary:
        """Annotate in this process; raises InputRefusedError for what is wrong with the file."""
        ...


@dataclass(frozen=True, kw_only=True)
class Request:
    """A task as it travels to the child: paths as text, times in seconds."""

    folder: str
    input: str
    output: str
    assembly: str
    reference: str
    threads: int
    memory_bytes: int
    file_bytes: int
    cpu_seconds: int


class ForkServer:
    """Forks a child for each request, and tells of its exit."""

    def __init__(self, control: socket.socket, engine: EnginePort, reference: Path) -> None:
        self._control = control
        self._engine = engine
        self._reference = reference
        self._readable = (*_code_folders(), reference)
        self._children: dict[int, tuple[int, int]] = {}

    def serve(self) -> None:
        """Serve until the other end of the socket is gone."""
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            self._control.send(b"{}")
            while True:
                for key, _ in selector.select():
                    if key.fd == wake:
                        with suppress(BlockingIOError):
                            os.read(wake, 4096)
                        self._reap()
                    elif not self._hear():
                        return

    def _hear(self) -> bool:
        text, pipes, _flags, _address = socket.recv_fds(self._control, MESSAGE_BYTES, 2)
        if not text:
            return False
        order = json.loads(text)
        if "kill" in order:
            for pid, (number, _exits) in self._children.items():
                if number == order["kill"]:
                    _kill_group(pid)
            return True
        events, exits = pipes
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            request = Request(**order["task"], reference=str(self._reference))
            _be_child(self._engine, self._readable, request, events, parent)
        os.close(events)
        self._children[pid] = (order["run"], exits)
        return True

    def _reap(self) -> None:
        for pid in list(self._children):
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                _, exits = self._children.pop(pid)
                code = os.waitstatus_to_exitcode(status)
                _tell(exits, exit=code, rss_kib=usage.ru_maxrss)
                os.close(exits)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # It was forked a moment ago and leads no group yet.
        os.kill(pid, signal.SIGKILL)


def _tell(pipe: int, **facts: object) -> None:
    with suppress(BrokenPipeError):
        os.write(pipe, json.dumps(facts).encode() + b"\n")


def _be_child(
    engine: EnginePort, readable: tuple[Path, ...], request: Request, events: int, parent: int
) -> None:
    """Never returns: the child's whole life."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        code = _annotate(engine, readable, request, _only(events, request), parent)
    except BaseException:  # noqa: BLE001 - nothing of the child may run the parent's code
        traceback.print_exc()
    finally:
        os._exit(code)


def _only(events: int, request: Request) -> int:
    """Keep no descriptor but the events' pipe; what is printed goes to a file in the folder."""
    events = os.dup2(events, 3) if events != 3 else events  # noqa: PLR2004 - the first after stdio
    os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    nothing = os.open(os.devnull, os.O_RDONLY)
    printed = os.open(Path(request.folder, "printed"), os.O_WRONLY | os.O_CREAT, 0o600)
    for source, target in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(printed)
    return events


def _annotate(
    engine: EnginePort, readable: tuple[Path, ...], request: Request, events: int, parent: int
) -> int:
    walls = sandbox.Walls(
        readable=readable,
        writable=Path(request.folder),
        memory_bytes=request.memory_bytes,
        file_bytes=request.file_bytes,
        cpu_seconds=request.cpu_seconds,
    )
    in_force = sandbox.enter(walls, parent)
    _tell(events, sandbox=in_force)
    told = time.monotonic()

    def progress(records: int, fraction: float) -> None:
        nonlocal told
        if time.monotonic() - told >= PROGRESS_PAUSE:
            told = time.monotonic()
            _tell(events, records=records, fraction=min(max(fraction, 0.0), 1.0))

    try:
        summary = engine.annotate(request, progress)
    except InputRefusedError as error:
        facts = {"code": error.code, "message": error.message}
        _tell(events, refused={**facts, "hint": error.hint, "line": error.line})
    except MemoryError:
        _tell(events, ended="memory")
    except Exception as error:  # noqa: BLE001 - a bug's place is told, its words may quote the file
        full = isinstance(error, OSError) and error.errno in _NO_ROOM
        _tell(events, **({"ended": "disk"} if full else {"bug": _place_of(error)}))
    else:
        _tell(events, done=asdict(summary) | {"sandbox": in_force})
    return 0


def _place_of(error: Exception) -> str:
    """The kind of a bug and the innermost calls, without a word of what they worked on."""
    frames = traceback.extract_tb(error.__traceback__)[-BUG_FRAMES:]
    places = (f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__} at {' > '.join(places)}"


def _code_folders() -> tuple[Path, ...]:
    """What Python itself reads while it runs: libraries and our own code, no data."""
    root = Path(__file__).resolve().parent
    named = {Path(sys.prefix), Path(sys.base_prefix), Path("/usr/lib"), Path("/lib")}
    devices = {Path("/dev/null"), Path("/dev/urandom"), Path("/usr/share/zoneinfo")}
    cpus = {Path("/sys/devices/system/cpu"), Path("/lib64"), Path("/etc/ld.so.cache")}
    return tuple(sorted({root, *named, *devices, *cpus}))


def main() -> None:
    """Import the engine, make it ready, say so, and serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    module, reference = sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None  # noqa: PLR2004 - the optional one
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Only the annotator's end ends this process.
    engine = cast(EnginePort, cast(Any, importlib.import_module(module)))
    prepared = engine.prepare(Path(reference) if reference else None)
    gc.collect()
    gc.freeze()  # A child that collects would copy every page it only shares.
    with suppress(BrokenPipeError):  # The annotator is gone, and with it the need for this process.
        ForkServer(control, engine, prepared).serve()


if __name__ == "__main__":
    main()
