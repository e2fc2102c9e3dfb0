"""Writing the annotated VCF, its index and the table, batch by batch."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

import numpy as np

from ann.anntools.annotator import Batch
from ann.anntools.io.bgzf import EOF, compress, virtual_offsets
from ann.anntools.io.outputs import OutputNames, OutputSet
from ann.anntools.io.tabix import IndexBuilder


class UnsortedError(Exception):
    """The records are not in order; they must be sorted first."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch ready to be written: blocks of the VCF (or its text) and of the table."""

    batch: Batch
    text: Sequence[bytes]
    table: Sequence[bytes]


def pack(batch: Batch, *, compressed: bool) -> Packed:
    """Compress a batch; runs in the thread that annotated it."""
    text = compress(batch.text) if compressed else [bytes(batch.text)]
    return Packed(batch, text, compress(batch.table))


class ResultWriter:
    """The files of one pass; raises UnsortedError as soon as records are out of order."""

    def __init__(self, names: OutputNames, outputs: OutputSet, *, table: bool) -> None:
        self._names = names
        self._outputs = outputs
        self._wants_table = table
        self._files = ExitStack()
        self._index = IndexBuilder()
        self._contigs: set[bytes] = set()
        self._contig = b""
        self._begin = 0
        self._out: IO[bytes]
        self._table: IO[bytes] | None = None

    def __enter__(self) -> Self:
        opened = self._files.enter_context
        self._out = opened(self._outputs.path(self._names.annotated).open("wb"))
        if self._wants_table:
            self._table = opened(self._outputs.path(self._names.table).open("wb"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.close()

    def start(self, header: bytes, table_header: bytes) -> None:
        """Write the header of the VCF and the first line of the table."""
        for block in compress(header) if self._names.compressed else [header]:
            self._out.write(block)
        if self._table:
            self._table.writelines(compress(table_header))

    def add(self, packed: Packed) -> None:
        """Write a batch."""
        self._check_order(packed.batch)
        place = self._out.tell()
        self._out.writelines(packed.text)
        if self._table:
            self._table.writelines(packed.table)
        if self._names.compressed:
            self._add_to_index(packed, place)

    def finish(self) -> None:
        """Write what ends the files, and the index."""
        if self._table:
            self._table.write(EOF)
        if self._names.compressed:
            self._out.write(EOF)
            target = self._names.annotated
            path = target.with_name(target.name + self._index.suffix)
            self._outputs.path(path).write_bytes(self._index.data())

    def _check_order(self, batch: Batch) -> None:
        place = 0
        for contig, count in batch.runs:
            begins = batch.begins[place : place + count]
            if contig == self._contig:
                ordered = int(begins[0]) >= self._begin
            else:
                ordered = contig not in self._contigs
                self._contigs.add(contig)
            if not ordered or (begins[1:] < begins[:-1]).any():
                raise UnsortedError
            self._contig, self._begin = contig, int(begins[-1])
            place += count

    def _add_to_index(self, packed: Packed, place: int) -> None:
        batch = packed.batch
        blocks = packed.text
        stops = virtual_offsets(place, blocks, batch.stops)
        starts = virtual_offsets(place, blocks, np.r_[0, batch.stops[:-1]])
        done = 0
        for contig, count in batch.runs:
            span = slice(done, done + count)
            self._index.add(contig, batch.begins[span], batch.ends[span], starts[span], stops[span])
            done += count
