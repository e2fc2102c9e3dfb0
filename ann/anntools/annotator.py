"""Annotating a batch of lines with the kernel."""

import ctypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ann.anntools.assembly.lift import Lifter
from ann.anntools.io.batches import Lines
from ann.anntools.kernel import structures as c
from ann.anntools.kernel.binding import kernel
from ann.anntools.kernel.plan import Plan
from ann.anntools.kernel.records import Reject, contig_runs, scan
from ann.anntools.kernel.rooms import Rooms
from ann.anntools.sources.genes import Answers, Consequences
from ann.anntools.sources.resolved import ID_KEY
from ann.anntools.store.container import Array

TABLE_COLUMNS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER")
TABLE_ANN = (
    "ANN_EFFECT", "ANN_IMPACT", "ANN_GENE", "ANN_GENEID", "ANN_FEATURE", "ANN_FEATUREID",
    "ANN_BIOTYPE", "ANN_RANK", "ANN_HGVS_C", "ANN_HGVS_P", "ANN_CDNA", "ANN_CDS", "ANN_AA",
    "ANN_DISTANCE", "ANN_WARNINGS",
)  # fmt: skip
# Compiled sources hold positions of 31 bits.
_MAX_LOOKUP = (1 << 31) - 2
_SCRATCH = 1 << 18
_ENTRIES = 1 << 12
# Room at first; a batch that needs more is rendered again from the record that did not fit.
_RECORD_ROOM = 700

_I64 = np.dtype(np.int64)
_U8 = np.dtype(np.uint8)
_U32 = np.dtype(np.uint32)

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of a batch: text of whole records, where each lies, and what was noticed.

    `runs` are (contig, number of records); `begins`, `ends` 0-based half-open; `stops` the end of
    each record in `text`; `annotated` records by source, `by_rank` records by the rank of their
    most severe consequence; `ref_checked` records whose REF could be compared with the reference,
    `ref_wrong` those of them that differ.
    """

    text: memoryview
    table: memoryview
    begins: I64
    ends: I64
    stops: I64
    runs: tuple[tuple[bytes, int], ...]
    rejects: tuple[Reject, ...]
    unannotated: int
    annotated: I64
    by_rank: I64
    routine_pairs: int
    ref_checked: int
    ref_wrong: int


class KeyTakenError(Exception):
    """A record has, undeclared, a key that was to be added; the name must be another."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Annotator:
    """Adds the values of a plan's sources to records; safe to use from several threads."""

    def __init__(
        self,
        plan: Plan,
        consequences: Consequences | None,
        columns: int,
        contig_of: Callable[[bytes], str | None],
        *,
        lengths: Sequence[int],
        lifter: Lifter | None = None,
        table: bool,
    ) -> None:
        self._plan = plan
        self._consequences = consequences
        self._columns = columns
        self._contig_of = contig_of
        self._numbers = {name: number for number, name in enumerate(plan.contigs)}
        self._table = table
        self._lifter = lifter
        self._lengths = np.array(lengths, np.int64)
        self._names = [name for resolved in plan.resolved for name in resolved.names]
        self._kernel = kernel()
        self._genes = consequences.tables if consequences else None
        self._local = threading.local()
        self._slots = sum(
            column.key != ID_KEY
            for resolved in plan.resolved
            if resolved.source.kind != "gene"
            for column in resolved.columns
        )

    def table_header(self) -> bytes:
        """The first line of the table."""
        names = list(TABLE_COLUMNS)
        for resolved in self._plan.resolved:
            if resolved.source.kind == "gene":
                names += TABLE_ANN
            else:
                pairs = zip(resolved.names, resolved.columns, strict=True)
                names += [name for name, column in pairs if column.key != ID_KEY]
        return "\t".join(names).encode() + b"\n"

    def annotate(self, lines: Lines) -> Batch:
        """Annotate a batch; its texts are overwritten when this thread annotates the next one."""
        if not hasattr(self._local, "rooms"):
            self._local.rooms = Rooms()
            self._local.hints, self._local.stamps = self._plan.hints()
        rooms: Rooms = self._local.rooms
        text = lines.text
        found = scan(lines, self._columns, rooms)
        records = found.records
        runs, unannotated = self._name_contigs(text, records, rooms)
        job, kept = self._job(text, records, found.alleles, rooms)
        if self._kernel.anntools_resolve(job):
            raise AssertionError("the kernel found more alleles than it had counted")
        if job.taken:
            raise KeyTakenError(self._names[job.taken - 1])
        answers = self._settle(job, kept, text, records, rooms)
        out, table = self._render(job, len(text), len(records), rooms)
        return Batch(
            out[: job.out_used].data,
            table[: job.table_used].data,
            records["begin"].copy(),
            records["stop"].copy(),
            kept["stops"],
            tuple(runs),
            found.rejects,
            unannotated,
            kept["annotated"],
            kept["by_rank"],
            answers,
            job.ref_checked,
            job.ref_wrong,
        )

    def _name_contigs(
        self, text: bytes, records: Array, rooms: Rooms
    ) -> tuple[list[tuple[bytes, int]], int]:
        runs, unannotated = [], 0
        for name, first, stop in contig_runs(text, records, rooms):
            contig = self._contig_of(name)
            part = records[first:stop]
            if contig is None or self._lifter is None:
                part["contig"] = self._numbers.get(contig or "", -1)
            else:
                part["contig"], part["delta"] = self._lifter.lift(
                    contig, part["begin"], part["stop"]
                )
            part["contig"][part["begin"] > _MAX_LOOKUP] = -1
            unannotated += int(np.count_nonzero(part["contig"] < 0))
            runs.append((name, stop - first))
        return runs, unannotated

    def _job(
        self, text: bytes, records: Array, alleles: int, rooms: Rooms
    ) -> tuple[c.Job, dict[str, Any]]:
        plan = self._plan
        sources = len(plan.resolved)
        kept: dict[str, Any] = {
            "alleles": rooms.get("alleles", alleles, c.ALLELE),
            "values": rooms.get("values", alleles * plan.values, _U32),
            "stops": np.empty(len(records), np.int64),
            "slots": np.zeros(2 * max(1, self._slots + 1), np.int64),
            "hits": np.zeros(max(1, sources), np.int64),
            "annotated": np.zeros(max(1, sources), np.int64),
            "by_rank": np.zeros(c.MAX_RANKS, np.int64),
            "text": text,
        }
        job = c.Job(
            text=ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p),
            text_len=len(text),
            records=c.address(records),
            record_count=len(records),
            alleles=c.address(kept["alleles"]),
            allele_count=alleles,
            values=c.address(kept["values"]),
            sources=plan.sources,
            source_count=sources,
            value_count=plan.values,
            sequences=plan.sequences,
            lengths=c.address(self._lengths),
            contigs=len(plan.contigs),
            hints=self._local.hints,
            genes=ctypes.pointer(self._genes.struct) if self._genes else None,
            stops=c.address(kept["stops"]),
            slots=c.address(kept["slots"]),
            slot_count=self._slots,
            hits=c.address(kept["hits"]),
            annotated=c.address(kept["annotated"]),
            by_rank=c.address(kept["by_rank"]),
            ranks=c.MAX_RANKS,
        )
        return job, kept

    def _settle(
        self, job: c.Job, kept: dict[str, Any], text: bytes, records: Array, rooms: Rooms
    ) -> int:
        """Have the routine answer for the pairs the kernel leaves to it; how many there were."""
        if self._consequences is None:
            return 0
        room = max(256, int(job.allele_count))
        while True:
            pairs = rooms.get("pairs", 2 * room, _I64).reshape(-1, 2)
            job.pairs, job.pair_room = c.address(pairs), room
            count = int(self._kernel.anntools_pairs(job))
            if count <= room:
                break
            room = count
        answers: Answers = self._consequences.answer(text, records, kept["alleles"], pairs[:count])
        kept["pairs"] = pairs
        kept["answers"] = answers
        job.answer_off = c.address(answers.offsets)
        job.answer_rank = c.address(answers.ranks)
        job.answer_text = ctypes.cast(ctypes.c_char_p(answers.text), ctypes.c_void_p)
        job.intergenic = ctypes.cast(
            ctypes.c_char_p(self._consequences.intergenic), ctypes.c_void_p
        )
        job.intergenic_len = len(self._consequences.intergenic)
        job.intergenic_rank = self._consequences.intergenic_rank
        return count

    def _render(self, job: c.Job, size: int, records: int, rooms: Rooms) -> tuple[Array, Array]:
        wanted = size + records * _RECORD_ROOM + _SCRATCH
        out = rooms.get("out", wanted, _U8)
        table = rooms.get("table", wanted if self._table else 0, _U8)
        scratch = rooms.get("scratch", _SCRATCH, _U8)
        entries = rooms.get("entries", _ENTRIES * c.ENTRY_BYTES, _U8)
        ordered = rooms.get("sorted", _ENTRIES * c.ENTRY_BYTES, _U8)
        while True:
            job.out, job.out_room = c.address(out), len(out)
            job.table, job.table_room = c.address(table), len(table)
            job.scratch, job.scratch_room = c.address(scratch), len(scratch)
            job.entries, job.sorted = c.address(entries), c.address(ordered)
            job.entry_room = len(entries) // c.ENTRY_BYTES
            if not self._kernel.anntools_render(job):
                return out, table
            # Something did not fit: go on from that record with more room for everything.
            out = rooms.grow("out", job.out_used)
            if self._table:
                table = rooms.grow("table", job.table_used)
            scratch, entries = rooms.grow("scratch", 0), rooms.grow("entries", 0)
            ordered = rooms.grow("sorted", 0)
