"""Interval sources: values of every row that overlaps a position.

Per contig the places where the set of overlapping rows changes (`brk`, 0-based, ascending, the
first is 0) and the set that holds from there (`set`, 0 is the empty one); for all contigs together
the members of each set (`set/off`, `set/val`) and the texts of each value (`val<i>/off|text`).
Rows with the same values are one value: it is listed once at a place it covers twice.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ann.anntools.errors import AnnToolsError
from ann.anntools.store.container import ContainerWriter
from ann.anntools.store.manifest import Column, Source, SourceInfo
from ann.anntools.store.text import encode


class SetPool:
    """Distinct ordered sets of numbers, numbered from 1; 0 is the empty set."""

    def __init__(self) -> None:
        self._ids: dict[tuple[int, ...], int] = {(): 0}

    def id_of(self, members: tuple[int, ...]) -> int:
        """The number of this set."""
        return self._ids.setdefault(members, len(self._ids))

    def write(self, out: ContainerWriter) -> None:
        """Store as `set/off` (uint64) and `set/val` (uint32)."""
        offsets = np.zeros(len(self._ids) + 1, np.uint64)
        np.cumsum([len(members) for members in self._ids], out=offsets[1:])
        out.put("set/off", offsets)
        values = [value for members in self._ids for value in members]
        out.put("set/val", np.array(values, np.uint32))


def write_breakpoints(
    out: ContainerWriter,
    contig: str,
    rows: Iterable[tuple[int, int, int]] | npt.NDArray[np.uint32],
    sets: SetPool,
    order: Callable[[int], tuple[int, int]] | None = None,
) -> None:
    """Store the breakpoints of rows (start, end, number).

    A set lists numbers in the order of their rows' places, or in the order of a key.
    """
    table = np.array(rows if isinstance(rows, np.ndarray) else list(rows), np.int64).reshape(-1, 3)
    table = table[np.lexsort((table[:, 2], table[:, 1], table[:, 0]))]
    starts, ends, numbers = (column.tolist() for column in table.T)
    closing = np.argsort(table[:, 1], kind="stable").tolist()
    breaks, ids = [0], [0]
    active: dict[int, None] = {}
    opened = closed = 0
    count = len(starts)
    while closed < count:
        place = ends[closing[closed]]
        if opened < count and starts[opened] < place:
            place = starts[opened]
        while closed < count and ends[closing[closed]] == place:
            del active[closing[closed]]
            closed += 1
        # Rows open in ascending order, so that insertion order is row order.
        while opened < count and starts[opened] == place:
            active[opened] = None
            opened += 1
        members = dict.fromkeys(numbers[index] for index in active)
        found = sets.id_of(tuple(sorted(members, key=order) if order else members))
        if place == breaks[-1]:
            ids[-1] = found
        elif found != ids[-1]:
            breaks.append(place)
            ids.append(found)
    out.put(f"{contig}/brk", np.array(breaks, np.uint32))
    out.put(f"{contig}/set", np.array(ids, np.uint32))


class IntervalWriter:
    """Takes rows in any order."""

    def __init__(self, directory: Path, info: SourceInfo, columns: Sequence[Column]) -> None:
        self._info = info
        self._columns = tuple(columns)
        self._file = f"{info.name}.ann"
        self._path = directory / self._file
        self._values: dict[tuple[bytes, ...], int] = {}
        # Three numbers a row, side by side: millions of rows must fit.
        self._rows: dict[str, array[int]] = {}
        self._records = 0

    def add(self, contig: str, start: int, end: int, values: Sequence[str | None]) -> None:
        """Add a row (0-based half-open) with a value, or None, of each column."""
        if len(values) != len(self._columns):
            raise AnnToolsError(f"{self._info.name}: {len(values)} values for a row")
        if not 0 <= start < end:
            raise AnnToolsError(f"{self._info.name}: an interval from {start} to {end}")
        texts = tuple(b"." if value is None else encode(value) for value in values)
        number = self._values.setdefault(texts, len(self._values))
        if contig not in self._rows:
            self._rows[contig] = array("I")
        self._rows[contig].extend((start, end, number))
        self._records += 1

    def finish(self) -> Source:
        """Write the file and say what it is."""
        sets = SetPool()
        with ContainerWriter(self._path) as out:
            for contig in list(self._rows):
                rows = np.frombuffer(self._rows.pop(contig), np.uint32).reshape(-1, 3)
                write_breakpoints(out, contig, rows, sets)
            sets.write(out)
            for index in range(len(self._columns)):
                texts = [value[index] for value in self._values]
                offsets = np.zeros(len(texts) + 1, np.uint64)
                np.cumsum([len(text) for text in texts], out=offsets[1:])
                out.put(f"val{index}/off", offsets)
                out.array(f"val{index}/text", "u1").append(b"".join(texts))
        return Source(self._info, "interval", self._columns, self._records, self._file)
