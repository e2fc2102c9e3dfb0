"""Chain files: pairs of aligned blocks between two assemblies.

Format: UCSC's `chain`, which Ensembl's `assembly_mapping` files share.  A header line `chain score
tName tSize tStrand tStart tEnd qName qSize qStrand qStart qEnd id` is followed by lines `size dt
dq` and a last one `size`; t is the assembly lifted from.  Positions are 0-based half-open, on the
strand named.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ann.anntools.build.parse.lines import SourceError, lines, whole_number
from ann.anntools.store.chain import AlignedBlock

_FIELDS: Final = 13
_GAP_FIELDS: Final = 3


class _Chain:
    """One chain while its blocks are read."""

    def __init__(self, file: str, number: int, fields: list[str]) -> None:
        # The id at the end may be missing.
        if len(fields) not in {_FIELDS - 1, _FIELDS}:
            raise SourceError(file, f"{len(fields)} fields instead of 13", line=number)
        if fields[4] != "+":
            raise SourceError(file, "the first assembly is not forward", line=number, column=5)
        if fields[9] not in {"+", "-"}:
            raise SourceError(file, f"strand {fields[9]!r}", line=number, column=10)
        self._file = file
        self._contig, self._to_contig = fields[2], fields[7]
        self._at = whole_number(fields[5], file, number, 6)
        self._end = whole_number(fields[6], file, number, 7)
        self._to_size = whole_number(fields[8], file, number, 9)
        self._strand = 1 if fields[9] == "+" else -1
        self._to = whole_number(fields[10], file, number, 11)
        self.complete = False

    def block(self, number: int, fields: list[str]) -> AlignedBlock:
        """The block of a line; the last one completes the chain."""
        file = self._file
        if len(fields) not in {1, _GAP_FIELDS}:
            raise SourceError(file, "neither a chain's header nor a block", line=number)
        size = whole_number(fields[0], file, number, 1, low=1)
        start = self._to if self._strand > 0 else self._to_size - self._to - size
        if start < 0 or self._to + size > self._to_size:
            raise SourceError(file, "a block beyond the end of its contig", line=number)
        block = AlignedBlock(self._contig, self._at, self._to_contig, start, size, self._strand)
        self._at += size
        self._to += size
        if len(fields) == 1:
            if self._at != self._end:
                raise SourceError(
                    file, f"the chain ends at {self._at}, its header says {self._end}", line=number
                )
            self.complete = True
        else:
            self._at += whole_number(fields[1], file, number, 2)
            self._to += whole_number(fields[2], file, number, 3)
        return block


def read_chain(path: Path) -> Iterator[AlignedBlock]:
    """The aligned blocks of a chain file in file order."""
    chain: _Chain | None = None
    for number, line in lines(path):
        fields = line.split()
        if not fields or line.startswith("#"):
            continue
        if fields[0] == "chain":
            if chain is not None:
                raise SourceError(
                    path.name, "a chain begins before the last one ended", line=number
                )
            chain = _Chain(path.name, number, fields)
            continue
        if chain is None:
            raise SourceError(path.name, "a block outside a chain", line=number)
        yield chain.block(number, fields)
        if chain.complete:
            chain = None
    if chain is not None:
        raise SourceError(path.name, "ends inside a chain: cut short")
