"""Compiled sources as the kernel reads them: checked once, then pointed to."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ann.anntools.errors import ReferenceUnusableError
from ann.anntools.kernel import structures as c
from ann.anntools.sources.resolved import ID_KEY, Resolved
from ann.anntools.store.alleles import CHUNK
from ann.anntools.store.container import Array, Container
from ann.anntools.store.manifest import Column

_FIXED_FIELDS = 2
_KINDS = {"allele": c.ALLELE_SOURCE, "interval": c.INTERVAL_SOURCE, "gene": c.GENE_SOURCE}


class Plan:
    """Structs for a run: sources in order, by contig number; keeps alive what they point to."""

    def __init__(
        self,
        sources: Sequence[Resolved],
        sequences: Container | None,
        contigs: Sequence[str],
    ) -> None:
        self._kept: list[Any] = []
        self.contigs = tuple(contigs)
        self.resolved = tuple(sources)
        self.sources = (c.Source * max(1, len(sources)))()
        self.distinct: list[int] = []
        for struct, resolved in zip(self.sources, sources, strict=False):
            self._fill(struct, resolved)
        self.sequences = (c.Sequence * max(1, len(contigs)))()
        for struct, contig in zip(self.sequences, contigs, strict=False):
            if sequences and f"{contig}/length" in sequences:
                self._fill_sequence(struct, sequences, contig)
        if sum(resolved.source.kind == "gene" for resolved in sources) > 1:
            raise ReferenceUnusableError("the reference has more than one source of genes")

    @property
    def values(self) -> int:
        """How many values an allele has: the columns of all sources looked up by allele."""
        return sum(len(r.columns) for r in self.resolved if r.source.kind == "allele")

    def keep(self, array: Array) -> int:
        """The address of an array that lives as long as the plan."""
        self._kept.append(array)
        return c.address(array)

    def _text(self, text: bytes) -> int:
        buffer = ctypes.create_string_buffer(text, len(text))
        self._kept.append(buffer)
        return ctypes.addressof(buffer)

    def _fill(self, struct: c.Source, resolved: Resolved) -> None:
        store = Container(resolved.path)
        kind = _KINDS[resolved.source.kind]
        struct.kind = kind
        struct.columns = len(resolved.columns)
        columns = (c.Column * max(1, len(resolved.columns)))()
        for index, (column, spec, name) in enumerate(
            zip(columns, resolved.columns, resolved.names, strict=False)
        ):
            pool = f"pool{index}" if kind == c.ALLELE_SOURCE else f"val{index}"
            self._fill_column(column, store, spec, name, pool)
        struct.column = columns
        self._kept.append(columns)
        distinct = 0
        if kind == c.ALLELE_SOURCE:
            store.advise_random()
            fields = _FIXED_FIELDS + len(resolved.columns)
            alleles = (c.AlleleContig * max(1, len(self.contigs)))()
            for part, contig in zip(alleles, self.contigs, strict=False):
                if f"{contig}/first" in store:
                    self._fill_alleles(part, store, contig, fields)
            struct.alleles = alleles
            self._kept.append(alleles)
            struct.long_text = self.keep(store["long"])
            struct.long_len = len(store["long"])
        else:
            intervals = (c.IntervalContig * max(1, len(self.contigs)))()
            for part, contig in zip(intervals, self.contigs, strict=False):
                if f"{contig}/brk" in store:
                    self._fill_intervals(part, store, contig)
            struct.intervals = intervals
            self._kept.append(intervals)
            distinct = self._fill_sets(struct.sets, store, kind)
        self.distinct.append(distinct)

    def _fill_column(
        self, struct: c.Column, store: Container, spec: Column, name: str, pool: str
    ) -> None:
        # What is written after the name depends on the kind of source: see consequences.c.
        text = name.encode()
        struct.name, struct.name_len = self._text(text), len(text)
        struct.number = ord("I" if spec.key == ID_KEY else spec.number)
        if spec.number not in {"A", ".", "0", "1"}:
            raise ReferenceUnusableError(f"key {spec.key}: Number={spec.number} is not supported")
        struct.integer = int(spec.integer)
        prefix = spec.prefix.encode()
        struct.prefix, struct.prefix_len = self._text(prefix), len(prefix)
        if f"{pool}/off" in store:
            offsets, text_array = store[f"{pool}/off"], store[f"{pool}/text"]
            struct.off, struct.texts = self.keep(offsets), len(offsets) - 1
            struct.text, struct.text_len = self.keep(text_array), len(text_array)

    def _fill_alleles(
        self, struct: c.AlleleContig, store: Container, contig: str, fields: int
    ) -> None:
        arrays = {
            name: store[f"{contig}/{name}"]
            for name in ("first", "dir", "base", "bits", "exc", "excstart", "long", "longstart")
        }
        chunks = len(arrays["first"])
        rows = int(store[f"{contig}/rows"][0])
        if (
            len(arrays["dir"]) != chunks * fields
            or len(arrays["base"]) != chunks * fields
            or len(arrays["excstart"]) != chunks + 1
            or len(arrays["longstart"]) != chunks + 1
            or -(-rows // CHUNK) != chunks
        ):
            raise ReferenceUnusableError(f"{store.path.name}: contig {contig} is damaged")
        struct.first = self.keep(arrays["first"])
        struct.dir = self.keep(arrays["dir"])
        struct.base = self.keep(arrays["base"])
        struct.bits = self.keep(arrays["bits"])
        struct.exc = self.keep(arrays["exc"])
        struct.exc_start = self.keep(arrays["excstart"])
        struct.longs = self.keep(arrays["long"])
        struct.long_start = self.keep(arrays["longstart"])
        struct.chunks, struct.rows = chunks, rows
        struct.bits_len = len(arrays["bits"])
        struct.exc_len = len(arrays["exc"])
        struct.longs_len = len(arrays["long"])

    def _fill_intervals(self, struct: c.IntervalContig, store: Container, contig: str) -> None:
        breaks, sets = store[f"{contig}/brk"], store[f"{contig}/set"]
        if len(breaks) != len(sets):
            raise ReferenceUnusableError(f"{store.path.name}: contig {contig} is damaged")
        struct.breaks, struct.sets = self.keep(breaks), self.keep(sets)
        struct.segments = len(breaks)

    def _fill_sets(self, struct: c.Sets, store: Container, kind: int) -> int:
        offsets, values = store["set/off"], store["set/val"]
        struct.off, struct.values = self.keep(offsets), self.keep(values)
        struct.sets, struct.values_len = len(offsets) - 1, len(values)
        distinct = len(store["val0/off"]) - 1 if kind == c.INTERVAL_SOURCE else 0
        if kind == c.GENE_SOURCE:
            distinct = int(values.max()) + 1 if len(values) else 0
        struct.distinct = distinct
        return distinct

    def _fill_sequence(self, struct: c.Sequence, store: Container, contig: str) -> None:
        bits, mask = store[f"{contig}/bits"], store[f"{contig}/mask"]
        length = int(store[f"{contig}/length"][0])
        if length > 4 * len(bits) or length > 8 * len(mask):
            raise ReferenceUnusableError(f"{store.path.name}: contig {contig} is damaged")
        struct.bits, struct.mask, struct.length = self.keep(bits), self.keep(mask), length

    def hints(self) -> tuple[Any, list[Array]]:
        """Fresh hints for one thread, and the arrays they point to."""
        hints = (c.Hint * max(1, len(self.resolved)))()
        kept: list[Array] = []
        for hint, distinct in zip(hints, self.distinct, strict=False):
            hint.contig = -1
            if distinct:
                arrays = [np.zeros(distinct, np.uint32) for _ in range(2)]
                kept += arrays
                hint.stamps, hint.near = map(c.address, arrays)
        return hints, kept
