"""The disk under the embedded adapters, counting how often somebody waits for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

STANDARD = apsw.vfs_names()[0]


class CountingDisk(apsw.VFS):
    """Every file SQLite opens goes through here, and every `os.fsync` is counted too."""

    def __init__(self) -> None:
        self.syncs = 0
        super().__init__("counting", base=STANDARD, makedefault=True)

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - apsw's name
        return _CountingFile(self, name, flags)


class _CountingFile(apsw.VFSFile):
    def __init__(self, disk: CountingDisk, name: object, flags: list[int]) -> None:
        self._disk = disk
        super().__init__(STANDARD, name, flags)  # type: ignore[arg-type]

    def xSync(self, flags: int) -> None:  # noqa: N802 - apsw's name
        self._disk.syncs += 1
        super().xSync(flags)


@contextmanager
def counting_disk() -> Iterator[CountingDisk]:
    """Databases opened inside the block are on this disk."""
    disk = CountingDisk()
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        disk.syncs += 1
        fsync(descriptor)

    os.fsync = counted
    try:
        yield disk
    finally:
        os.fsync = fsync
        disk.unregister()
        apsw.set_default_vfs(STANDARD)
