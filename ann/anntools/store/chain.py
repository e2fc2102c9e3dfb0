"""A chain between assemblies: where a base of one lies in the other.

Per contig the aligned blocks by their start: `start`, `size`, `to` (number of the contig in
`contigs`, a text of names parted by tabs), `to_start` (0-based, forward strand) and `strand` (1, or
-1 where the block runs backwards).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ann.anntools.store.container import Container, ContainerWriter
from ann.anntools.store.manifest import Source, SourceInfo


class Lifted(NamedTuple):
    """A base in the other assembly, 0-based; strand -1: its letter there is the complement."""

    contig: str
    pos0: int
    strand: int


class AlignedBlock(NamedTuple):
    """`size` bases from `start` on `contig` lie from `to_start` on `to_contig` (0-based)."""

    contig: str
    start: int
    to_contig: str
    to_start: int
    size: int
    strand: int


def write_chain(directory: Path, info: SourceInfo, blocks: Iterable[AlignedBlock]) -> Source:
    """Store blocks; of two that overlap the first stands.  Records are blocks."""
    name = f"{info.name}.ann"
    names: dict[str, int] = {}
    by_contig: dict[str, list[AlignedBlock]] = {}
    for block in blocks:
        names.setdefault(block.to_contig, len(names))
        by_contig.setdefault(block.contig, []).append(block)
    records = 0
    with ContainerWriter(directory / name) as out:
        for contig, found in by_contig.items():
            rows = _apart(found)
            records += len(rows)
            columns = {
                "start": ([row.start for row in rows], np.uint32),
                "size": ([row.size for row in rows], np.uint32),
                "to": ([names[row.to_contig] for row in rows], np.uint16),
                "to_start": ([row.to_start for row in rows], np.uint32),
                "strand": ([row.strand for row in rows], np.int8),
            }
            for column, (values, kind) in columns.items():
                out.put(f"{contig}/{column}", np.array(values, kind))
        out.array("contigs", "u1").append("\t".join(names).encode())
    return Source(info, "chain", (), records, name)


def _apart(blocks: list[AlignedBlock]) -> list[AlignedBlock]:
    """Without those that overlap an earlier one, by start."""
    kept: list[AlignedBlock] = []
    taken = np.zeros((0, 2), np.int64)
    for block in blocks:
        end = block.start + block.size
        if not bool(((taken[:, 0] < end) & (taken[:, 1] > block.start)).any()):
            kept.append(block)
            taken = np.vstack([taken, [block.start, end]])
    return sorted(kept, key=lambda row: row.start)


class ChainReader:
    """Lifts positions."""

    def __init__(self, path: Path) -> None:
        self._store = Container(path)
        self._contigs = self._store["contigs"].tobytes().decode().split("\t")

    def lift(self, contig: str, pos0: int) -> Lifted | None:
        """Where a 0-based position lies in the other assembly, None where nowhere."""
        if f"{contig}/start" not in self._store:
            return None
        starts = self._store[f"{contig}/start"]
        row = int(np.searchsorted(starts, pos0, side="right")) - 1
        if row < 0:
            return None
        inside = pos0 - int(starts[row])
        size = int(self._store[f"{contig}/size"][row])
        if inside >= size:
            return None
        strand = int(self._store[f"{contig}/strand"][row])
        to_start = int(self._store[f"{contig}/to_start"][row])
        name = self._contigs[int(self._store[f"{contig}/to"][row])]
        return Lifted(name, to_start + (inside if strand > 0 else size - 1 - inside), strand)

    def lift_range(self, contig: str, start: int, end: int) -> Lifted | None:
        """Where `start` of a range lies if all of start..end moves as one, forward; else None."""
        first = self.lift(contig, start)
        last = self.lift(contig, max(start, end - 1))
        if first is None or last is None or first.contig != last.contig:
            return None
        same = first.strand == last.strand
        if not same or abs(last.pos0 - first.pos0) != max(start, end - 1) - start:
            return None
        return first if first.strand > 0 else Lifted(last.contig, last.pos0, last.strand)
