"""The one-machine stack under another program's control: the demo, the journeys, the benchmarks.

with Stack(home) as stack:
    visit(stack.url)
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gas.config import environment
from util.announce import is_ready
from util.run import leash

HOST = "127.0.0.1"
PORTS = 3
START_SECONDS = 120
STOP_SECONDS = 60


class StackError(Exception):
    """The stack did not start or stop; the message holds the end of its logs."""


class Stack:
    """Every process of the service, started by `python -m util.run` on free ports."""

    def __init__(self, home: Path, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.port = free_ports(PORTS)
        self.url = (env or {}).get("GAS_BASE_URL", f"http://{HOST}:{self.port}")
        self._env = {
            **environment(),
            **(env or {}),
            "GAS_HOME": str(home),
            "GAS_PORT": str(self.port),
        }
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start every process, and return once the service answers."""
        self._supervisor = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [*leash(), sys.executable, "-m", "util.run"],
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        end = time.monotonic() + START_SECONDS
        while not is_ready(self.url):
            if self._supervisor.poll() is not None or time.monotonic() > end:
                raise StackError(f"the stack did not start\n{self._complaint()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop every process cleanly, as Ctrl-C does."""
        if self._supervisor is None:
            return
        self._supervisor.send_signal(signal.SIGINT)
        try:
            self._supervisor.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            for pid in (*self.pids().values(), self._supervisor.pid):
                os.kill(pid, signal.SIGKILL)
            raise StackError(f"the stack did not stop\n{self.logs()}") from error
        finally:
            if self._supervisor.stderr:
                self._supervisor.stderr.close()
            self._supervisor = None

    def pids(self) -> dict[str, int]:
        """The first process of every program that is up, by the module it runs."""
        if self._supervisor is None:
            return {}
        found: dict[str, int] = {}
        for pid in _children(self._supervisor.pid):
            module = _module(pid)
            if module:
                found[module] = pid
        return found

    def kill(self, module: str, how: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal to that program's process; whether it was up to receive it."""
        pid = self.pids().get(module)
        if pid is None:
            return False
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            return False
        return True

    def logs(self, last: int = 40) -> str:
        """The end of every log, for a failure's message."""
        parts = []
        for path in sorted((self.home / "log").glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-last:]
            parts.append("\n".join([f"== {path.name}", *lines]))
        return "\n".join(parts)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _complaint(self) -> str:
        said = b""
        if self._supervisor and self._supervisor.stderr and self._supervisor.poll() is not None:
            said = self._supervisor.stderr.read()
        return said.decode(errors="replace") + self.logs()


def free_ports(count: int) -> int:
    """The first of that many neighbouring ports that are free at this moment."""
    for _ in range(100):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            first: int = probe.getsockname()[1]
        if all(_is_free(first + offset) for offset in range(count)):
            return first
    raise StackError("no neighbouring free ports on this machine")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(child) for child in path.read_text().split()]
    except OSError:
        return []


def _module(pid: int) -> str | None:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    if b"-m" not in words[:-1]:
        return None
    return words[words.index(b"-m") + 1].decode()
