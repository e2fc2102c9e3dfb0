"""The walls around an engine process, put up by the process itself with ctypes alone.

Each layer that the kernel grants is named in what `enter` returns; where one is refused (an old
kernel, a container without namespaces) the others stand.  Needs no privilege.
"""

import ctypes
import errno
import os
import resource
import signal
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ann import seccomp

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_O_PATH = 0o10000000

# Landlock's access rights, by the interface version (ABI) that brought them.
_EXECUTE, _WRITE, _READ, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_FILE_ONLY = _EXECUTE | _WRITE | _READ | 1 << 14 | 1 << 15
_TCP_RIGHTS = 0b11
_SCOPES = 0b11  # abstract unix sockets, signals
_ABI_NETWORK, _ABI_SCOPES = 4, 6

OPEN_FILES = 512


@dataclass(frozen=True, kw_only=True)
class Walls:
    """What a sandboxed process may use: folders to read, one to write, bytes and seconds."""

    readable: Sequence[Path]
    writable: Path
    memory_bytes: int
    file_bytes: int
    cpu_seconds: int


def enter(walls: Walls, parent: int) -> tuple[str, ...]:
    """Put up every wall; returns the names of those in force.

    `parent` is the process whose death ends this one.  Import everything first.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    in_force = []
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)  # The parent died before it could be watched.
    _limit(walls)
    in_force.append("rlimits")
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        in_force.append("namespaces")
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        in_force.append("no-new-privileges")
    abi = _landlock(libc, walls)
    if abi:
        in_force.append(f"landlock-{abi}")
    if seccomp.enter(libc):
        in_force.append("seccomp")
    return tuple(in_force)


def _limit(walls: Walls) -> None:
    """Never RLIMIT_AS: a memory-mapped reference counts there and costs nothing."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: walls.memory_bytes,
        resource.RLIMIT_FSIZE: walls.file_bytes,
        resource.RLIMIT_CPU: walls.cpu_seconds,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (allowed, allowed))


def _landlock(libc: ctypes.CDLL, walls: Walls) -> int:
    """Shut the file system but for the walls' folders; the interface version, 0 without."""
    abi = int(libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1))
    if abi < 1:
        return 0
    rights = sum(bits for since, bits in _ALL_FILE_RIGHTS.items() if since <= abi)
    network = _TCP_RIGHTS if abi >= _ABI_NETWORK else 0
    scopes = _SCOPES if abi >= _ABI_SCOPES else 0
    attributes = struct.pack("=QQQ", rights, network, scopes)
    size = 24 if scopes else 16 if network else 8
    rules = int(libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), 0))
    if rules < 0:
        return 0
    try:
        allowed = True
        for path in walls.readable:
            allowed &= _allow(libc, rules, path, _EXECUTE | _READ | _READ_DIR)
        allowed &= _allow(libc, rules, walls.writable, rights & ~_EXECUTE)
        if not allowed or libc.syscall(_LANDLOCK_RESTRICT, rules, 0) != 0:
            return 0
    finally:
        os.close(rules)
    return abi


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> bool:
    try:
        opened = os.open(path, _O_PATH | os.O_CLOEXEC)
    except OSError as error:
        return error.errno == errno.ENOENT  # What is not there needs no right.
    try:
        if not path.is_dir():
            rights &= _FILE_ONLY
        rule = struct.pack("=Qi", rights, opened)
        return bool(libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0) == 0)
    finally:
        os.close(opened)
