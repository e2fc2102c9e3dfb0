"""One file holding many arrays: written by streaming, read through one memory map.

Layout: magic, the arrays (each starting on a multiple of 64 bytes), a JSON directory
`{name: [offset, dtype, count]}`, its offset and length as two little-endian uint64, magic.
"""

import json
import mmap
import shutil
import struct
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from ann.anntools.errors import ReferenceUnusableError

MAGIC = b"ANNTARR1"
ALIGNMENT = 64
TAIL = struct.Struct("<QQ8s")

Array = npt.NDArray[Any]


class GrowingArray:
    """An array of one type that grows piece by piece in a file until the container closes."""

    def __init__(self, path: Path, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.count = 0
        self._path = path
        self._file: IO[bytes] = path.open("wb")

    def append(self, values: Array | bytes) -> None:
        """Add values at the end; bytes are taken as they are."""
        data = values if isinstance(values, bytes) else values.astype(self.dtype).tobytes()
        self.count += len(data) // self.dtype.itemsize
        self._file.write(data)

    def move_into(self, target: IO[bytes]) -> None:
        """Copy all values to the target and remove the file."""
        self._file.close()
        with self._path.open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)
        self._path.unlink()

    def discard(self) -> None:
        """Remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class ContainerWriter:
    """Collects named arrays and writes them as one file on a clean exit."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._arrays: dict[str, GrowingArray] = {}

    def array(self, name: str, dtype: str) -> GrowingArray:
        """The growing array of this name, made on first use."""
        if name not in self._arrays:
            part = self._path.with_name(f"{self._path.name}.part{len(self._arrays)}")
            self._arrays[name] = GrowingArray(part, dtype)
        return self._arrays[name]

    def put(self, name: str, values: Array) -> None:
        """Store a whole array at once."""
        self.array(name, values.dtype.str).append(values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write()
        else:
            self.discard()

    def discard(self) -> None:
        """Give up: remove what was collected."""
        for array in self._arrays.values():
            array.discard()

    def _write(self) -> None:
        directory: dict[str, tuple[int, str, int]] = {}
        with self._path.open("wb") as out:
            out.write(MAGIC)
            for name, array in self._arrays.items():
                out.write(b"\0" * (-out.tell() % ALIGNMENT))
                directory[name] = (out.tell(), array.dtype.str, array.count)
                array.move_into(out)
            # Packed fields are read eight bytes at a time: the last ones need something after them.
            out.write(b"\0" * (ALIGNMENT + -out.tell() % ALIGNMENT))
            text = json.dumps(directory, separators=(",", ":")).encode()
            start = out.tell()
            out.write(text)
            out.write(TAIL.pack(start, len(text), MAGIC))


class Container:
    """A container opened for reading; arrays are views of the memory map and live as long as it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ReferenceUnusableError(f"{path.name}: cannot be opened ({error})") from error
        size = len(self._map)
        if size < TAIL.size + len(MAGIC) or self._map[: len(MAGIC)] != MAGIC:
            raise ReferenceUnusableError(f"{path.name}: not a compiled source")
        start, length, magic = TAIL.unpack(self._map[size - TAIL.size :])
        if magic != MAGIC or start + length + TAIL.size != size:
            raise ReferenceUnusableError(f"{path.name}: cut short or damaged")
        self._directory: dict[str, tuple[int, str, int]] = json.loads(
            self._map[start : start + length]
        )
        self._end = start

    def __contains__(self, name: str) -> bool:
        return name in self._directory

    def __getitem__(self, name: str) -> Array:
        offset, dtype, count = self._directory[name]
        if offset + count * np.dtype(dtype).itemsize > self._end:
            raise ReferenceUnusableError(f"{self.path.name}: array {name} lies outside the file")
        return np.frombuffer(self._map, dtype, count, offset)

    def check(self) -> None:
        """Raise ReferenceUnusableError if an array lies outside the file."""
        for name in self._directory:
            self[name]

    def advise_random(self) -> None:
        """Tell the system not to read ahead: look-ups in a huge source touch few pages."""
        if hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_RANDOM)
