"""The folder of running jobs: one part a process, one folder a run, nothing left behind.

A process holds a lock on its part for as long as it lives, however it dies; a part whose lock can
be had belongs to nobody and is removed.
"""

import fcntl
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from gas.domain.errors import TemporaryError

log = logging.getLogger(__name__)

MIB = 1 << 20
RESERVE_BYTES = 256 * MIB
"""Disk space that is never counted on."""

INPUT_TIMES = 3
"""Room a run needs on disk, as a multiple of its input."""

MEMORY_BYTES = 192 * MIB
"""Least memory the machine must have to spare before a run starts."""


NO_ROOM_DELAY = timedelta(seconds=60)
"""How long a message waits that this machine has no room for."""


class NoRoomError(TemporaryError):
    """This machine has no room for the run: another one may."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=NO_ROOM_DELAY)


class Scratch:
    """This process's part of the scratch folder; stale parts of others are removed at the start."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root = root
        swept = sweep(root)
        if swept:
            log.info("stale scratch folders were removed", extra={"count": swept})
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = _take(root / f"{name}.lock")
        self._part = root / name
        self._part.mkdir(mode=0o700)

    def close(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self._part, ignore_errors=True)
        (self._root / f"{self._part.name}.lock").unlink(missing_ok=True)
        os.close(self._lock)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A fresh folder, gone afterwards."""
        path = self._part / secrets.token_hex(8)
        path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def free_bytes(self) -> int:
        """Disk space a run may use, the reserve taken off."""
        return max(shutil.disk_usage(self._root).free - RESERVE_BYTES, 0)

    def has_room(self) -> bool:
        """Whether this machine can take any work at all."""
        return self.free_bytes() > 0 and _available_memory() >= MEMORY_BYTES

    def check_room(self, input_bytes: int) -> None:
        """Raise NoRoomError where the machine lacks disk space or memory for such an input."""
        if self.free_bytes() < INPUT_TIMES * input_bytes:
            raise NoRoomError("the scratch disk has no room for the input")
        if _available_memory() < MEMORY_BYTES:
            raise NoRoomError("the machine has no memory to spare")


def sweep(root: Path) -> int:
    """Remove every part whose process is dead; returns how many there were."""
    if not root.is_dir():
        return 0
    swept = 0
    for lock_file in root.glob("*.lock"):
        lock = _try(lock_file)
        if lock is not None:
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock_file.unlink(missing_ok=True)
            os.close(lock)
            swept += 1
    for part in root.iterdir():
        # The lock is made before the folder and removed after it.
        if part.is_dir() and not part.with_name(f"{part.name}.lock").exists():
            shutil.rmtree(part, ignore_errors=True)
            swept += 1
    return swept


def _try(path: Path) -> int | None:
    """The lock, where nobody holds it."""
    try:
        opened = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return None
    return opened


def _take(path: Path) -> int:
    """A new lock; another process's sweep may remove the file before it is locked: then again."""
    while True:
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(opened, fcntl.LOCK_EX)
        try:
            if path.stat().st_ino == os.fstat(opened).st_ino:
                return opened
        except FileNotFoundError:
            pass
        os.close(opened)


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return MEMORY_BYTES
