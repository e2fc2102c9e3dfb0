"""A doorbell between processes: whoever waits for a queue hears at once that something came.

Each waiting thread listens on a unix datagram socket of its own, and a writer sends one datagram to
every listener of the queue after its commit.  A ring that nobody hears costs nothing: a listener
looks for itself every quarter of a second.
"""

import os
import secrets
import select
import socket
import threading
import weakref
from contextlib import suppress
from pathlib import Path

LOOK_EVERY = 0.25
"""Longest wait in seconds between two looks of a listener."""


class Listener:
    """The hearing end of a bell, for one thread."""

    def __init__(self, descriptor: int, bell: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        weakref.finalize(self, _hang_up, self._socket, bell, os.getpid())
        # Without /proc there is no bell; the regular look remains.
        with suppress(OSError):
            self._socket.bind(_short(descriptor, bell))

    def forget(self) -> None:
        """Drop what was heard so far; call it before looking, so that no later ring is lost."""
        with suppress(OSError):
            while self._socket.recv(1):
                pass

    def wait(self, seconds: float) -> None:
        """Wait for a ring, that long and never longer than until the next look."""
        ready = select.poll()
        ready.register(self._socket, select.POLLIN)
        ready.poll(min(seconds, LOOK_EVERY) * 1000)


class _Listeners(threading.local):
    def __init__(self) -> None:
        self.by_key: dict[tuple[int, str], Listener] = {}


class Doorbell:
    """The bells of one deployment: one folder, one socket a listening thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        # A socket's path may not exceed 107 bytes, a home's may: through the descriptor of its
        # folder every bell has a short one.
        self._descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self._listeners = _Listeners()

    def ring(self, queue: str) -> None:
        """Wake whoever listens for that queue; never an error, never a wait."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0)
            for bell in self._folder.glob(f"{queue}.*"):
                try:
                    sender.sendto(b"!", _short(self._descriptor, bell))
                except ConnectionRefusedError:
                    # Its process is gone, and no other ever takes this name.
                    bell.unlink(missing_ok=True)
                except OSError:
                    # A listener that is behind with its bells, or was just closed, looks anyway.
                    continue

    def listener(self, queue: str) -> Listener:
        """This thread's listener for that queue; it hears every ring from now on."""
        listeners = self._listeners.by_key
        key = (os.getpid(), queue)  # a forked child listens for itself
        if key not in listeners:
            listeners[key] = Listener(
                self._descriptor, self._folder / f"{queue}.{secrets.token_hex(8)}"
            )
        return listeners[key]


def _short(descriptor: int, bell: Path) -> str:
    return f"/proc/self/fd/{descriptor}/{bell.name}"


def _hang_up(listening: socket.socket, bell: Path, pid: int) -> None:
    listening.close()
    # The bell of a process that was forked is its parent's, who still listens.
    if pid == os.getpid():
        bell.unlink(missing_ok=True)
