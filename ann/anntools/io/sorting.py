"""Sorting records by place in bounded memory: sorted runs in files, then one merge."""

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from ann.anntools.io.batches import Lines
from ann.anntools.kernel.records import Reject, contig_runs, scan
from ann.anntools.kernel.rooms import Rooms
from ann.anntools.store.container import Array

RUN_BYTES = 64 << 20
_READ = 1 << 20


class Sorter:
    """Takes batches; contigs come in the order of the header, then in that of their appearance."""

    def __init__(self, folder: Path, columns: int, contigs: list[str]) -> None:
        self._folder = folder
        self._columns = columns
        self._rooms = Rooms()
        self._order = {name.encode("utf-8", "surrogateescape"): i for i, name in enumerate(contigs)}
        self._runs: list[Path] = []
        self._texts: list[bytes] = []
        self._keys: list[Array] = []
        self._size = 0

    def add(self, lines: Lines) -> tuple[Reject, ...]:
        """Add a batch of lines; returns those that are no records."""
        text = lines.text
        found = scan(lines, self._columns, self._rooms)
        records = found.records
        for name, first, stop in contig_runs(text, records, self._rooms):
            number = self._order.setdefault(name, len(self._order))
            records["contig"][first:stop] = number
        keys = np.empty((len(records), 4), np.int64)
        keys[:, 0] = records["contig"]
        keys[:, 1] = records["begin"]
        keys[:, 2] = records["start"].astype(np.int64) + self._size
        keys[:, 3] = records["end"].astype(np.int64) + self._size
        self._texts.append(text)
        self._keys.append(keys)
        self._size += len(text)
        if self._size >= RUN_BYTES:
            self._spill()
        return found.rejects

    def _spill(self) -> None:
        if not self._keys:
            return
        keys, text = np.concatenate(self._keys), b"".join(self._texts)
        self._texts, self._keys, self._size = [], [], 0
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        path = self._folder / f"run{len(self._runs)}"
        with path.open("wb") as file:
            for contig, begin, start, end in keys[order].tolist():
                file.write(b"%d\t%d\t%b\n" % (contig, begin, text[start:end]))
        self._runs.append(path)

    def finish(self) -> Path:
        """Merge the runs into one file of records alone, in order."""
        self._spill()
        target = self._folder / "sorted"
        files = [path.open("rb", _READ) for path in self._runs]
        try:
            with target.open("wb", _READ) as out:
                # Runs are in input order, and merging is stable: so is the whole.
                for _, line in heapq.merge(*(map(_lines, files)), key=lambda item: item[0]):
                    out.write(line)
        finally:
            for file, path in zip(files, self._runs, strict=True):
                file.close()
                path.unlink()
        return target


def _lines(file: IO[bytes]) -> Iterator[tuple[tuple[int, int], bytes]]:
    for line in file:
        contig, begin, text = line.split(b"\t", 2)
        yield (int(contig), int(begin)), text
