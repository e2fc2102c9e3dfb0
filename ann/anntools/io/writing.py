"""Writing the annotated VCF, its index and the table, batch by batch."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np

from ann.anntools.annotator import Batch
from ann.anntools.errors import InputError
from ann.anntools.io.bgzf import EOF, compress, virtual_offsets
from ann.anntools.io.outputs import OutputNames, OutputSet
from ann.anntools.io.tabix import IndexBuilder

HeaderOf = Callable[[Sequence[bytes]], bytes]
"""The header for records on these contigs."""

MAX_CONTIGS = 100_000
_COPY = 1 << 20


class UnsortedError(Exception):
    """The records are not in order; they must be sorted first."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch ready to be written: blocks of the VCF (or its text) and of the table."""

    batch: Batch
    text: Sequence[bytes]
    table: Sequence[bytes]


def pack(batch: Batch, *, compressed: bool) -> Packed:
    """Compress a batch; runs in the thread that annotated it, before it annotates another."""
    text = compress(batch.text) if compressed else [bytes(batch.text)]
    return Packed(batch, text, compress(batch.table))


class ResultWriter:
    """The files of one pass; raises UnsortedError as soon as records are out of order."""

    def __init__(
        self, names: OutputNames, outputs: OutputSet, header_of: HeaderOf, *, table: bool
    ) -> None:
        self._names = names
        self._outputs = outputs
        self._header_of = header_of
        self._wants_table = table
        self._files = ExitStack()
        self._index = IndexBuilder()
        self._contigs: dict[bytes, None] = {}
        self._contig: bytes | None = None
        self._begin = 0
        self._header = b""
        self._header_size = 0
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

    def start(self, table_header: bytes) -> None:
        """Write the header of the VCF, as far as it is known, and the table's first line."""
        self._header = self._header_of([])
        self._header_size = self._write_header(self._out, self._header)
        if self._table:
            self._table.writelines(compress(table_header))

    def _write_header(self, out: IO[bytes], header: bytes) -> int:
        out.writelines(compress(header) if self._names.compressed else [header])
        return out.tell()

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
        """Write what ends the files, the contigs the header lacks, and the index."""
        if self._table:
            self._table.write(EOF)
        if self._names.compressed:
            self._out.write(EOF)
        self._files.close()
        moved = self._complete_header()
        if self._names.compressed:
            target = self._names.annotated
            path = target.with_name(target.name + self._index.suffix)
            self._outputs.path(path).write_bytes(self._index.data(moved))

    def _complete_header(self) -> int:
        """Put the header for all contigs before the records; returns how far these moved."""
        header = self._header_of(list(self._contigs))
        if header == self._header:
            return 0
        path = self._outputs.path(self._names.annotated)
        whole = Path(f"{path}.whole")
        with path.open("rb") as old, whole.open("wb") as new:
            size = self._write_header(new, header)
            old.seek(self._header_size)
            shutil.copyfileobj(old, new, _COPY)
        whole.replace(path)
        return size - self._header_size

    def _check_order(self, batch: Batch) -> None:
        place = 0
        for contig, count in batch.runs:
            begins = batch.begins[place : place + count]
            if contig == self._contig:
                ordered = int(begins[0]) >= self._begin
            else:
                ordered = contig not in self._contigs
                self._contigs[contig] = None
            if not ordered or (begins[1:] < begins[:-1]).any():
                raise UnsortedError
            self._contig, self._begin = contig, int(begins[-1])
            place += count
        if len(self._contigs) > MAX_CONTIGS:
            raise InputError(
                "too-many-contigs",
                f"the records name more than {MAX_CONTIGS} contigs",
                hint="Is the first column the contig?",
            )

    def _add_to_index(self, packed: Packed, place: int) -> None:
        batch = packed.batch
        stops = virtual_offsets(place, packed.text, batch.stops)
        starts = virtual_offsets(place, packed.text, np.r_[0, batch.stops[:-1]])
        done = 0
        for contig, count in batch.runs:
            span = slice(done, done + count)
            self._index.add(contig, batch.begins[span], batch.ends[span], starts[span], stops[span])
            done += count
