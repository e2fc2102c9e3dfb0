"""Tabix and CSI indexes made from positions and offsets in memory.

Formats: Tabix and CSIv1 specifications of the samtools project (hts-specs).
"""

import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ann.anntools.io.bgzf import EOF, compress

TBI_LIMIT = 1 << 29
_WINDOW = 14
_TBI_DEPTH = 5
_META = struct.pack("<6i", 2, 1, 2, 0, ord("#"), 0)

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


@dataclass(slots=True)
class _Contig:
    begins: list[I64] = field(default_factory=list)
    ends: list[I64] = field(default_factory=list)
    firsts: list[U64] = field(default_factory=list)
    lasts: list[U64] = field(default_factory=list)


def bins(begins: I64, ends: I64, depth: int) -> I64:
    """The smallest bin that holds each interval (0-based half-open)."""
    found = np.zeros(len(begins), np.int64)
    done = np.zeros(len(begins), bool)
    last = ends - 1
    for level in range(depth, 0, -1):
        shift = _WINDOW + 3 * (depth - level)
        fits = ~done & ((begins >> shift) == (last >> shift))
        found[fits] = ((1 << 3 * level) - 1) // 7 + (begins[fits] >> shift)
        done |= fits
    return found


class IndexBuilder:
    """Takes sorted records in pieces, one contig at a time."""

    def __init__(self) -> None:
        self._contigs: dict[bytes, _Contig] = {}
        self._furthest = 0

    def add(self, contig: bytes, begins: I64, ends: I64, firsts: U64, lasts: U64) -> None:
        """Records' 0-based half-open intervals and the virtual offsets they span."""
        if not len(begins):
            return
        part = self._contigs.setdefault(contig, _Contig())
        part.begins.append(begins)
        part.ends.append(np.maximum(ends, begins + 1))
        part.firsts.append(firsts)
        part.lasts.append(lasts)
        self._furthest = max(self._furthest, int(part.ends[-1].max()))

    @property
    def suffix(self) -> str:
        """.tbi, or .csi when a position lies beyond what a tabix index reaches."""
        return ".tbi" if self._furthest <= TBI_LIMIT else ".csi"

    def data(self, moved: int = 0) -> bytes:
        """The index file of data that have moved by some bytes since they were added."""
        names = b"".join(name + b"\0" for name in self._contigs)
        if self.suffix == ".tbi":
            out = [b"TBI\x01", struct.pack("<i", len(self._contigs)), _META]
            out += [struct.pack("<i", len(names)), names]
            depth = _TBI_DEPTH
        else:
            depth = _TBI_DEPTH
            while self._furthest > 1 << (_WINDOW + 3 * depth):
                depth += 1
            out = [b"CSI\x01", struct.pack("<3i", _WINDOW, depth, len(_META) + 4 + len(names))]
            out += [_META, struct.pack("<i", len(names)), names]
            out.append(struct.pack("<i", len(self._contigs)))
        for part in self._contigs.values():
            out += self._contig(part, depth, moved << 16, linear=self.suffix == ".tbi")
        return b"".join((*compress(b"".join(out)), EOF))

    @staticmethod
    def _contig(part: _Contig, depth: int, moved: int, *, linear: bool) -> list[bytes]:
        begins, ends = np.concatenate(part.begins), np.concatenate(part.ends)
        firsts, lasts = np.concatenate(part.firsts), np.concatenate(part.lasts)
        firsts, lasts = (
            (offsets.astype(np.int64) + moved).astype(np.uint64) for offsets in (firsts, lasts)
        )
        steps = _first_offsets(begins, ends, firsts)
        number = bins(begins, ends, depth)
        # Neighbouring records of one bin are one chunk.
        heads = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
        chunk_bin = number[heads]
        chunks = np.stack([firsts[heads], lasts[np.r_[heads[1:], len(number)] - 1]], axis=1)
        order = np.argsort(chunk_bin, kind="stable")
        chunk_bin, chunks = chunk_bin[order], chunks[order].astype("<u8")
        used, starts = np.unique(chunk_bin, return_index=True)
        stops = np.r_[starts[1:], len(chunk_bin)]
        out = [struct.pack("<i", len(used) + 1)]
        for bin_, start, stop in zip(used.tolist(), starts.tolist(), stops.tolist(), strict=True):
            if linear:
                out.append(struct.pack("<Ii", bin_, stop - start))
            else:
                place = np.array([_bin_start(bin_, depth) >> _WINDOW])
                offset = int(_at_windows(steps, place)[0])
                out.append(struct.pack("<IQi", bin_, offset, stop - start))
            out.append(chunks[start:stop].tobytes())
        # A bin beyond the last one tells where the contig's records are and how many.
        out.append(struct.pack("<I", ((1 << 3 * (depth + 1)) - 1) // 7 + 1))
        out += [struct.pack("<Q", 0)] * (not linear)
        out.append(struct.pack("<i4Q", 2, int(firsts[0]), int(lasts[-1]), len(begins), 0))
        if linear:
            windows = _at_windows(steps, np.arange(((int(ends.max()) - 1) >> _WINDOW) + 1))
            out += [struct.pack("<i", len(windows)), windows.astype("<u8").tobytes()]
        return out


def _first_offsets(begins: I64, ends: I64, firsts: U64) -> tuple[I64, U64]:
    """Windows of 16 kb from which on a record is the first that reaches into them, and its offset.

    Records are in order, so that only one that ends beyond all before it is first anywhere.
    """
    first, last = begins >> _WINDOW, (ends - 1) >> _WINDOW
    before = np.r_[np.int64(-1), np.maximum.accumulate(last)[:-1]]
    new = last > before
    return np.maximum(first, before + 1)[new], firsts[new]


def _at_windows(steps: tuple[I64, U64], windows: I64) -> U64:
    """The offset at which to begin for each window; 0 before the first."""
    places = np.searchsorted(steps[0], windows, side="right")
    found: U64 = np.r_[np.uint64(0), steps[1]][places]
    return found


def _bin_start(number: int, depth: int) -> int:
    """The first position of a bin."""
    level, first = 0, 0
    while number >= first + (1 << 3 * level):
        first += 1 << 3 * level
        level += 1
    return (number - first) << (_WINDOW + 3 * (depth - level))
