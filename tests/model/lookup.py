"""Look-ups in compiled sources, one allele or position at a time."""

from pathlib import Path

import numpy as np

from ann.anntools.store.alleles import CHUNK, FIRST_COMPLEX
from ann.anntools.store.container import Array, Container
from ann.anntools.store.keys import BASES, allele_code
from ann.anntools.store.manifest import Column
from ann.anntools.store.text import read_pool

_FIXED_FIELDS = 2


class AlleleLookup:
    """Rows of an allele source by position and normalised alleles."""

    def __init__(self, path: Path, columns: tuple[Column, ...]) -> None:
        self._store = Container(path)
        self._columns = columns

    def find(self, contig: str, pos: int, ref: bytes, alt: bytes) -> int:
        """The first row of this allele, or -1."""
        if f"{contig}/first" not in self._store:
            return -1
        firsts = self._store[f"{contig}/first"]
        # A position may fill the end of one chunk and the beginning of the next.
        chunk = max(0, int(np.searchsorted(firsts, pos, side="left")) - 1)
        while chunk < len(firsts) and firsts[chunk] <= pos:
            found = self._find_in(contig, chunk, pos, ref, alt)
            if found >= 0:
                return found
            chunk += 1
        return -1

    def _find_in(self, contig: str, chunk: int, pos: int, ref: bytes, alt: bytes) -> int:
        code = allele_code(ref, alt)
        for row in np.flatnonzero(self._field(contig, chunk, 0) == pos).tolist():
            allele = int(self._field(contig, chunk, 1)[row])
            if allele < FIRST_COMPLEX:
                same = ref == BASES[allele >> 2 :][:1] and alt == BASES[allele & 3 :][:1]
            else:
                same = self._same(contig, chunk, allele - FIRST_COMPLEX, code, ref, alt)
            if same:
                return chunk * CHUNK + int(row)
        return -1

    def _same(  # what tells an allele apart
        self, contig: str, chunk: int, place: int, code: int, ref: bytes, alt: bytes
    ) -> bool:
        start = int(self._store[f"{contig}/excstart"][chunk])
        codes = self._store[f"{contig}/exc"]
        if int(codes[start + place]) != code:
            return False
        if not code & 1:
            return True
        hashed = int((codes[start : start + place] & 1).sum())
        offset = self._store[f"{contig}/long"][
            int(self._store[f"{contig}/longstart"][chunk]) + hashed
        ]
        text = ref + b"\0" + alt + b"\0"
        stored = self._store["long"][int(offset) : int(offset) + len(text)].tobytes()
        return bool(stored == text)

    def value(self, contig: str, row: int, column: int) -> bytes | None:
        """The text of a row's value, or None."""
        number = int(self._field(contig, row // CHUNK, _FIXED_FIELDS + column)[row % CHUNK])
        if not number:
            return None
        spec = self._columns[column]
        if spec.integer:
            return f"{spec.prefix}{number - 1}".encode()
        return read_pool(self._store, f"pool{column}", number)

    def _field(self, contig: str, chunk: int, field: int) -> Array:
        fields = _FIXED_FIELDS + len(self._columns)
        rows = int(self._store[f"{contig}/rows"][0])
        count = min(CHUNK, rows - chunk * CHUNK)
        entry = int(self._store[f"{contig}/dir"][chunk * fields + field])
        base = int(self._store[f"{contig}/base"][chunk * fields + field])
        offset, width = entry >> 8, entry & 0xFF
        size = (count * width + 7) // 8
        packed = self._store[f"{contig}/bits"][offset : offset + size]
        bits = np.unpackbits(packed, bitorder="little")[: count * width].reshape(count, width)
        weights = np.uint64(1) << np.arange(width, dtype=np.uint64)
        return bits.astype(np.uint64) @ weights + np.uint64(base)


class IntervalLookup:
    """Values of an interval source that overlap a range."""

    def __init__(self, path: Path) -> None:
        self._store = Container(path)

    def find(self, contig: str, start: int, end: int) -> list[int]:
        """Numbers of the values over start..end, each once, in row order of the first place."""
        if f"{contig}/brk" not in self._store:
            return []
        breaks = self._store[f"{contig}/brk"]
        sets = self._store[f"{contig}/set"]
        offsets, values = self._store["set/off"], self._store["set/val"]
        segment = max(0, int(np.searchsorted(breaks, start, side="right")) - 1)
        found: dict[int, None] = {}
        while segment < len(breaks) and (breaks[segment] < end or breaks[segment] <= start):
            members = sets[segment]
            for value in values[int(offsets[members]) : int(offsets[members + 1])]:
                found[int(value)] = None
            segment += 1
        return list(found)

    def value(self, number: int, column: int) -> bytes:
        """The text of a value."""
        offsets = self._store[f"val{column}/off"]
        text = self._store[f"val{column}/text"]
        return text[int(offsets[number]) : int(offsets[number + 1])].tobytes()
