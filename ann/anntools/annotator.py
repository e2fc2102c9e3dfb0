"""Annotating a batch of lines with the kernel."""

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ann.anntools.kernel import structures as c
from ann.anntools.kernel.binding import kernel
from ann.anntools.kernel.plan import Plan
from ann.anntools.kernel.records import Reject, contig_runs, scan
from ann.anntools.sources.genes import Answers, Consequences
from ann.anntools.sources.resolved import ID_KEY
from ann.anntools.store.container import Array

TABLE_COLUMNS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER")
TABLE_ANN = (
    "ANNOTATION", "IMPACT", "GENE_NAME", "GENE_ID", "FEATURE_TYPE", "FEATURE_ID",
    "TRANSCRIPT_BIOTYPE", "RANK", "HGVS_C", "HGVS_P", "CDNA_POS", "CDS_POS", "AA_POS",
    "DISTANCE", "WARNINGS",
)  # fmt: skip
_SCRATCH = 1 << 18
_ENTRIES = 1 << 12
# Room at first; a batch that needs more is rendered again from the record that did not fit.
_GROWTH = 2
_RECORD_ROOM = 700

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of a batch: text of whole records, where each lies, and what was noticed.

    `runs` are (contig, number of records); `begins`, `ends` 0-based half-open; `stops` the end of
    each record in `text`; `annotated` records by source, `by_rank` records by the rank of their
    most severe consequence.
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


class Annotator:
    """Adds the values of a plan's sources to records; safe to use from several threads."""

    def __init__(
        self,
        plan: Plan,
        consequences: Consequences | None,
        columns: int,
        contig_of: Callable[[bytes], str | None],
        *,
        table: bool,
    ) -> None:
        self._plan = plan
        self._consequences = consequences
        self._columns = columns
        self._contig_of = contig_of
        self._numbers = {name: number for number, name in enumerate(plan.contigs)}
        self._table = table
        self._kernel = kernel()
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

    def annotate(self, first_line: int, text: bytes) -> Batch:
        """Annotate the lines of a batch, which ends with a newline."""
        found = scan(text, first_line, self._columns)
        records = found.records
        runs, unannotated = self._name_contigs(text, records)
        job, kept = self._job(text, records, found.alleles)
        if self._kernel.anntools_resolve(job):
            raise AssertionError("the kernel found more alleles than it had counted")
        answers = self._settle(job, kept, text, records)
        out, table = self._render(job, kept, len(text), len(records))
        return Batch(
            out[: job.out_used].data,
            table[: job.table_used].data,
            records["begin"],
            records["stop"],
            kept["stops"],
            tuple(runs),
            found.rejects,
            unannotated,
            kept["annotated"],
            kept["by_rank"],
            answers,
        )

    def _name_contigs(self, text: bytes, records: Array) -> tuple[list[tuple[bytes, int]], int]:
        runs, unannotated = [], 0
        for name, first, stop in contig_runs(text, records):
            number = self._numbers.get(self._contig_of(name) or "", -1)
            records["contig"][first:stop] = number
            unannotated += (stop - first) if number < 0 else 0
            runs.append((name, stop - first))
        return runs, unannotated

    def _job(self, text: bytes, records: Array, alleles: int) -> tuple[c.Job, dict[str, Any]]:
        plan = self._plan
        if not hasattr(self._local, "hints"):
            self._local.hints, self._local.stamps = plan.hints()
        sources = len(plan.resolved)
        kept: dict[str, Any] = {
            "alleles": np.empty(alleles, c.ALLELE),
            "rows": np.empty(alleles * max(1, plan.allele_sources), np.int64),
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
            rows=c.address(kept["rows"]),
            sources=plan.sources,
            source_count=sources,
            allele_source_count=plan.allele_sources,
            sequences=plan.sequences,
            contigs=len(plan.contigs),
            hints=self._local.hints,
            stops=c.address(kept["stops"]),
            slots=c.address(kept["slots"]),
            slot_count=self._slots,
            hits=c.address(kept["hits"]),
            annotated=c.address(kept["annotated"]),
            by_rank=c.address(kept["by_rank"]),
            ranks=c.MAX_RANKS,
        )
        return job, kept

    def _settle(self, job: c.Job, kept: dict[str, Any], text: bytes, records: Array) -> int:
        """Have the routine answer for the pairs the kernel leaves to it; how many there were."""
        if self._consequences is None:
            return 0
        room = max(256, int(job.allele_count))
        while True:
            pairs = np.empty((room, 2), np.int64)
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

    def _render(
        self, job: c.Job, kept: dict[str, Any], size: int, records: int
    ) -> tuple[Array, Array]:
        out = np.empty(size + records * _RECORD_ROOM + _SCRATCH, np.uint8)
        table = np.empty(len(out) if self._table else 0, np.uint8)
        scratch, entries = _SCRATCH, _ENTRIES
        while True:
            kept["scratch"] = np.empty(scratch, np.uint8)
            kept["entries"] = np.empty((2, entries * c.ENTRY_BYTES), np.uint8)
            job.out, job.out_room = c.address(out), len(out)
            job.table, job.table_room = c.address(table), len(table)
            job.scratch, job.scratch_room = c.address(kept["scratch"]), scratch
            job.entries = c.address(kept["entries"][0])
            job.sorted = c.address(kept["entries"][1])
            job.entry_room = entries
            if not self._kernel.anntools_render(job):
                return out, table
            out = np.concatenate([out, np.empty(len(out) * (_GROWTH - 1), np.uint8)])
            if self._table:
                table = np.concatenate([table, np.empty(len(table) * (_GROWTH - 1), np.uint8)])
            scratch, entries = scratch * _GROWTH, entries * _GROWTH
