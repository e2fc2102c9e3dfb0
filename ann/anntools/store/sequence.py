"""Sequences at three bits a base: two for the base, one that says it is none of A, C, G, T."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ann.anntools.store.container import Container, ContainerWriter, GrowingArray
from ann.anntools.store.manifest import Source, SourceInfo

Bytes = npt.NDArray[np.uint8]

_BITS = np.zeros(256, np.uint8)
_KNOWN = np.zeros(256, bool)
for _number, _base in enumerate(b"ACGT"):
    for _byte in (_base, _base | 0x20):
        _BITS[_byte] = _number
        _KNOWN[_byte] = True
_FOUR = tuple(bytes(b"ACGT"[byte >> shift & 3] for shift in (0, 2, 4, 6)) for byte in range(256))
_BLOCK = 1 << 22


def pack_sequence(sequence: bytes) -> tuple[bytes, bytes]:
    """Two bits a base and one bit for unknown; anything but ACGT (either case) is unknown."""
    text = np.frombuffer(sequence, np.uint8)
    two = _BITS[text]
    pairs = np.stack([two & 1, two >> 1], axis=1)
    bits = np.packbits(pairs, axis=None, bitorder="little").tobytes()
    return bits, np.packbits(~_KNOWN[text], bitorder="little").tobytes()


def unpack_sequence(bits: Bytes, mask: Bytes, start: int, end: int) -> bytes:
    """Bases start..end (0-based half-open) as upper-case ASCII, N where unknown."""
    first = start >> 2
    text = b"".join([_FOUR[byte] for byte in bits[first : (end + 3) >> 2].tobytes()])
    text = text[start - (first << 2) : end - (first << 2)]
    unknown = mask[start >> 3 : (end + 7) >> 3]
    if not unknown.any():
        return text
    flags = np.unpackbits(unknown, bitorder="little")[start & 7 :][: end - start]
    letters = np.frombuffer(text, np.uint8)
    return np.where(flags == 1, ord("N"), letters).astype(np.uint8).tobytes()


class SequenceWriter:
    """Takes whole contigs, each in pieces."""

    def __init__(self, directory: Path, info: SourceInfo) -> None:
        self._info = info
        self._file = f"{info.name}.ann"
        self._path = directory / self._file
        self._out = ContainerWriter(self._path)
        self.lengths: dict[str, int] = {}

    def add(self, contig: str, pieces: Iterable[bytes]) -> None:
        """Store a contig's sequence."""
        bits = self._out.array(f"{contig}/bits", "u1")
        mask = self._out.array(f"{contig}/mask", "u1")
        waiting = b""
        length = 0
        for piece in pieces:
            waiting += piece
            if len(waiting) >= _BLOCK:
                whole = len(waiting) // 8 * 8
                length += self._append(bits, mask, waiting[:whole])
                waiting = waiting[whole:]
        length += self._append(bits, mask, waiting)
        self.lengths[contig] = length

    @staticmethod
    def _append(bits: GrowingArray, mask: GrowingArray, sequence: bytes) -> int:
        two, unknown = pack_sequence(sequence)
        bits.append(two)
        mask.append(unknown)
        return len(sequence)

    def finish(self) -> Source:
        """Write the file and say what it is; records are contigs."""
        with self._out as out:
            for contig, length in self.lengths.items():
                out.put(f"{contig}/length", np.array([length], np.uint64))
        return Source(self._info, "sequence", (), len(self.lengths), self._file)

    def discard(self) -> None:
        """Give up: remove what was collected."""
        self._out.discard()


class SequenceReader:
    """Reads bases of a stored contig."""

    def __init__(self, path: Path) -> None:
        self.container = Container(path)

    def length(self, contig: str) -> int:
        """Length of the contig, 0 when it is not stored."""
        name = f"{contig}/length"
        return int(self.container[name][0]) if name in self.container else 0

    def fetch(self, contig: str, start: int, end: int) -> bytes | None:
        """Bases start..end, or None where the contig does not reach."""
        if not 0 <= start <= end <= self.length(contig):
            return None
        return unpack_sequence(
            self.container[f"{contig}/bits"], self.container[f"{contig}/mask"], start, end
        )
