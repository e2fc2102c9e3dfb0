"""Tabix and CSI indexes made from positions and offsets in memory.

Formats: Tabix and CSIv1 specifications of the samtools project (hts-specs).
"""

import struct

import numpy as np
import numpy.typing as npt

from ann.anntools.io.bgzf import EOF, compress

TBI_LIMIT = 1 << 29
_WINDOW = 14
_TBI_DEPTH = 5
_MAX_DEPTH = 10
_HEIGHT = 48
_META = struct.pack("<6i", 2, 1, 2, 0, ord("#"), 0)

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


class _Contig:
    """What an index says of one contig, gathered from records in order."""

    def __init__(self) -> None:
        self._chunks: list[tuple[I64, U64, U64]] = []
        self._steps: list[tuple[I64, U64]] = []
        self._reached = -1
        self._span = (0, 0)
        self.records = 0
        self.end = 0

    def add(self, begins: I64, ends: I64, firsts: U64, lasts: U64) -> None:
        keys = bin_keys(begins, ends)
        # Neighbouring records of one bin are one chunk.
        heads = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        tails = np.r_[heads[1:], len(keys)] - 1
        self._chunks.append((keys[heads], firsts[heads], lasts[tails]))
        windows, reach = begins >> _WINDOW, (ends - 1) >> _WINDOW
        # A record is the first in any window only if it ends beyond all before it.
        before = np.maximum(np.r_[self._reached, np.maximum.accumulate(reach)[:-1]], self._reached)
        new = reach > before
        self._steps.append((np.maximum(windows, before + 1)[new], firsts[new]))
        self._reached = max(self._reached, int(reach.max()))
        self._span = (self._span[0] if self.records else int(firsts[0]), int(lasts[-1]))
        self.records += len(begins)
        self.end = max(self.end, int(ends.max()))

    def data(self, depth: int, moved: int, *, linear: bool) -> list[bytes]:
        """The contig's part of an index of this depth whose data have moved by some offset."""
        keys, firsts, lasts = (
            np.concatenate([chunk[part] for chunk in self._chunks]) for part in range(3)
        )
        numbers = bin_numbers(keys, depth)
        chunks = np.stack([_moved(firsts, moved), _moved(lasts, moved)], axis=1)
        order = np.argsort(numbers, kind="stable")
        numbers, chunks = numbers[order], chunks[order].astype("<u8")
        used, starts = np.unique(numbers, return_index=True)
        stops = np.r_[starts[1:], len(numbers)]
        out = [struct.pack("<i", len(used) + 1)]
        for bin_, start, stop in zip(used.tolist(), starts.tolist(), stops.tolist(), strict=True):
            out.append(struct.pack("<I", bin_))
            if not linear:
                place = np.array([_bin_start(bin_, depth) >> _WINDOW])
                out.append(struct.pack("<Q", int(self._offsets(place, moved)[0])))
            out += [struct.pack("<i", stop - start), chunks[start:stop].tobytes()]
        # A bin beyond the last one tells where the contig's records are and how many.
        out.append(struct.pack("<I", ((1 << 3 * (depth + 1)) - 1) // 7 + 1))
        out += [struct.pack("<Q", 0)] * (not linear)
        first, last = self._span[0] + moved, self._span[1] + moved
        out.append(struct.pack("<i4Q", 2, first, last, self.records, 0))
        if linear:
            windows = self._offsets(np.arange(((self.end - 1) >> _WINDOW) + 1), moved)
            out += [struct.pack("<i", len(windows)), windows.astype("<u8").tobytes()]
        return out

    def _offsets(self, windows: I64, moved: int) -> U64:
        """The offset at which to begin for each window of 16 kb; 0 before the first."""
        steps, offsets = (np.concatenate([step[part] for step in self._steps]) for part in (0, 1))
        places = np.searchsorted(steps, windows, side="right")
        found: U64 = np.r_[np.uint64(0), _moved(offsets, moved)][places]
        return found


def _moved(offsets: U64, moved: int) -> U64:
    shifted: U64 = (offsets.astype(np.int64) + moved).astype(np.uint64)
    return shifted


def bin_keys(begins: I64, ends: I64) -> I64:
    """The smallest bin that holds each interval (0-based half-open), whatever the index's depth.

    The key has the bin's height above the leaves in its high bits and its place among those of
    that height in the low ones.
    """
    found = np.zeros(len(begins), np.int64)
    left = np.ones(len(begins), bool)
    last = ends - 1
    for height in range(_MAX_DEPTH + 1):
        shift = _WINDOW + 3 * height
        fits = left & ((begins >> shift) == (last >> shift))
        found[fits] = (height << _HEIGHT) | (begins[fits] >> shift)
        left &= ~fits
    return found


def bin_numbers(keys: I64, depth: int) -> I64:
    """The numbers of bins in an index of this depth."""
    height, place = keys >> _HEIGHT, keys & ((1 << _HEIGHT) - 1)
    numbers: I64 = ((1 << 3 * (depth - height)) - 1) // 7 + place
    return numbers


class IndexBuilder:
    """Takes sorted records in pieces, one contig at a time."""

    def __init__(self) -> None:
        self._contigs: dict[bytes, _Contig] = {}
        self._furthest = 0

    def add(self, contig: bytes, begins: I64, ends: I64, firsts: U64, lasts: U64) -> None:
        """Records' 0-based half-open intervals and the virtual offsets they span."""
        if not len(begins):
            return
        ends = np.maximum(ends, begins + 1)
        self._contigs.setdefault(contig, _Contig()).add(begins, ends, firsts, lasts)
        self._furthest = max(self._furthest, int(ends.max()))

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
            out += part.data(depth, moved << 16, linear=self.suffix == ".tbi")
        return b"".join((*compress(b"".join(out)), EOF))


def _bin_start(number: int, depth: int) -> int:
    """The first position of a bin."""
    level, first = 0, 0
    while number >= first + (1 << 3 * level):
        first += 1 << 3 * level
        level += 1
    return (number - first) << (_WINDOW + 3 * (depth - level))
