"""One annotation run: read the header, choose the reference, then batch by batch."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ann.anntools.annotator import KeyTakenError
from ann.anntools.assembly.contigs import LENGTHS, canonical, is_mitochondrial
from ann.anntools.assembly.detect import Detected, detect
from ann.anntools.errors import InputError
from ann.anntools.io.batches import Lines, line_batches
from ann.anntools.io.header import Header, HeaderReader, contig_line, modernise, parse_header
from ann.anntools.io.inflate import inflated_blocks
from ann.anntools.io.outputs import OutputNames, OutputSet
from ann.anntools.io.reading import Meter, form_of, text_of
from ann.anntools.io.rejects import RejectsFile
from ann.anntools.io.sorting import Sorter
from ann.anntools.io.summary import Counts, Summary, count_log, provenance
from ann.anntools.io.writing import Packed, ResultWriter, UnsortedError, pack
from ann.anntools.limits import Limits
from ann.anntools.pipeline import at_once, in_order
from ann.anntools.references import Serving, serve, undeclared
from ann.anntools.sources.genes import TERMS
from ann.anntools.sources.resolved import info_lines
from ann.anntools.version import VERSION

Progress = Callable[[int, float], None]

_READ = 1 << 20
_PEEK = 200
# Threads cost more than they give on a file that one thread annotates in a blink.
_SMALL_INPUT = 1 << 20
# Of unlike assemblies about 70 in 100 REF bases differ, of the right one next to none.
_MOST_WRONG = 0.2
_ENOUGH_CHECKED = 20
_SORTED = "The records were not in order; they were sorted, those of one place as they came."


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run."""

    assembly: str
    reference: Path
    threads: int
    tables: bool
    limits: Limits


class Run:
    """A run over one input."""

    def __init__(
        self,
        path: Path,
        names: OutputNames,
        outputs: OutputSet,
        options: Options,
        progress: Progress | None,
    ) -> None:
        self._path = path
        self._names = names
        self._outputs = outputs
        self._options = options
        self._limits = options.limits
        self._progress = progress
        self._form = form_of(path)
        self._meter = Meter(path)
        threads = options.threads or len(os.sched_getaffinity(0))
        self._threads = 1 if path.stat().st_size < _SMALL_INPUT else threads
        self._taken: set[str] = set()
        self._sorted: Path | None = None
        self._rejects = RejectsFile(self._outputs.path(names.rejects))

    def annotate(self) -> Summary:
        """Write all files but publish none."""
        with ExitStack() as stack:
            pool: Executor | None = None
            if self._threads > 1:
                pool = stack.enter_context(ThreadPoolExecutor(self._threads))
            while True:
                try:
                    return self._pass(pool)
                except UnsortedError:
                    self._start_again()
                    self._sort(pool)
                except KeyTakenError as error:
                    self._start_again()
                    self._taken.add(error.key)

    def _start_again(self) -> None:
        if self._sorted is None:
            self._rejects = RejectsFile(self._outputs.path(self._names.rejects))

    def _pass(self, pool: Executor | None) -> Summary:
        with ExitStack() as files:
            header, batches = self._open(files, pool)
            header.info_ids |= self._taken
            first = next(batches, None)
            found = self._assembly(header, first)
            if self._sorted:
                lines = text_of(self._sorted, "plain", self._limits, Meter(self._sorted))
                batches = line_batches(lines, b"", 1, self._limits)
            elif first:
                batches = _chained(first, batches)
            serving = serve(self._options.reference, header, found, table=self._options.tables)
            counts = self._write(header, found, serving, batches, pool)
        summary = Summary(
            version=VERSION,
            assembly=found.assembly,
            evidence=found.evidence,
            lifted=serving.chain is not None,
            sorted_here=self._sorted is not None,
            release_id=serving.reference_id,
            counts=counts,
            sources=(*serving.manifest.sources, *([serving.chain] if serving.chain else [])),
            notes=(*header.notes, *([_SORTED] if self._sorted else [])),
            options={"assembly": self._options.assembly},
        )
        self._write_reports(summary)
        return summary

    def _open(self, files: ExitStack, pool: Executor | None) -> tuple[Header, Iterator[Lines]]:
        self._meter.read = 0
        pieces = self._pieces(files, pool)
        reader = HeaderReader(self._limits)
        found = None
        for piece in pieces:
            found = reader.feed(piece)
            if found:
                break
        raw, rest = found or reader.end()
        return parse_header(raw), line_batches(pieces, rest, reader.line + 1, self._limits)

    def _pieces(self, files: ExitStack, pool: Executor | None) -> Iterator[bytes]:
        if self._form != "bgzf":
            return text_of(self._path, self._form, self._limits, self._meter)
        file = files.enter_context(self._path.open("rb"))
        submit, ahead = (pool.submit, 2 * self._threads) if pool else (at_once, 0)
        return inflated_blocks(file, self._limits, self._meter, submit, ahead)

    def _assembly(self, header: Header, first: Lines | None) -> Detected:
        if self._options.assembly != "detect":
            return Detected(self._options.assembly, "option")
        seen = _contigs_of(first.text) if first else []
        return detect(header.meta, header.lengths, [*header.contigs, *seen])

    def _write(
        self,
        header: Header,
        found: Detected,
        serving: Serving,
        batches: Iterator[Lines],
        pool: Executor | None,
    ) -> Counts:
        annotator, compressed = serving.annotator, self._names.compressed
        counts = Counts()
        annotated = np.zeros(max(1, len(serving.sources)), np.int64)
        by_rank = np.zeros(len(TERMS), np.int64)

        def work(lines: Lines) -> Packed:
            return pack(annotator.annotate(lines), compressed=compressed)

        def header_of(contigs: Sequence[bytes]) -> bytes:
            return _output_header(header, found, serving, contigs)

        tables = self._options.tables
        with ResultWriter(self._names, self._outputs, header_of, table=tables) as writer:
            writer.start(annotator.table_header())
            for packed in in_order(pool, self._threads + 1, work, batches):
                writer.add(packed)
                batch = packed.batch
                counts.records_out += len(batch.stops)
                counts.unannotated += batch.unannotated
                counts.ref_checked += batch.ref_checked
                counts.ref_differs += batch.ref_wrong
                annotated += batch.annotated
                by_rank += batch.by_rank[: len(by_rank)]
                self._rejects.add(batch.rejects)
                self._refuse_wrong_assembly(counts, found)
                if self._progress:
                    self._progress(counts.records_out + self._rejects.count, self._meter.fraction)
            writer.finish()
        counts.rejected = self._rejects.count
        counts.records_in = counts.records_out + counts.rejected
        names = [resolved.source.info.name for resolved in serving.sources]
        counts.annotated = dict(zip(names, annotated.tolist(), strict=False))
        if any(resolved.source.kind == "gene" for resolved in serving.sources):
            terms = [term.value for term in TERMS]
            counts.consequences = dict(zip(terms, by_rank.tolist(), strict=True))
        return counts

    @staticmethod
    def _refuse_wrong_assembly(counts: Counts, found: Detected) -> None:
        wrong, checked = counts.ref_differs, counts.ref_checked
        if checked >= _ENOUGH_CHECKED and wrong > _MOST_WRONG * checked:
            raise InputError(
                "assembly-mismatch",
                f"{wrong} of {checked} records have a REF that {found.assembly} does not have "
                f"there (assembly told by: {found.evidence})",
                hint="Say which assembly the positions are on, or check where the file comes from.",
            )

    def _sort(self, pool: Executor | None) -> None:
        with ExitStack() as files:
            header, batches = self._open(files, pool)
            sorter = Sorter(self._outputs.work, header.columns, list(header.contigs))
            for lines in batches:
                self._rejects.add(sorter.add(lines))
        self._sorted = sorter.finish()

    def _write_reports(self, summary: Summary) -> None:
        digest = hashlib.sha256()
        with self._path.open("rb") as file:
            while piece := file.read(_READ):
                digest.update(piece)
        path = self._outputs.path
        path(self._names.log).write_text(count_log(summary), encoding="utf-8")
        text = provenance(summary, self._path.name, digest.hexdigest())
        path(self._names.provenance).write_text(text, encoding="utf-8")


def _chained(first: Lines, rest: Iterator[Lines]) -> Iterator[Lines]:
    yield first
    yield from rest


def _contigs_of(text: bytes) -> list[str]:
    names = dict.fromkeys(line.split(b"\t", 1)[0] for line in text.split(b"\n")[:_PEEK] if line)
    return [name.decode("utf-8", "replace") for name in names]


def _output_header(
    header: Header, found: Detected, serving: Serving, contigs: Sequence[bytes]
) -> bytes:
    lines = modernise(header)
    lengths = LENGTHS[found.assembly]
    for name in undeclared(header, contigs):
        # A mitochondrion that is not known to be the revised Cambridge sequence has any length.
        other = is_mitochondrial(name) and serving.namer(name.encode()) is None
        length = None if other else lengths.get(canonical(name) or "")
        lines.append(contig_line(name, length, found.assembly))
    lines += info_lines(serving.sources)
    lifted = ",LookedUpOn=GRCh37" if serving.chain else ""
    lines.append(
        f'##GAS=<ID=AnnTools,Version="{VERSION}",Assembly={found.assembly}{lifted},'
        f'Reference="{serving.reference_id}">'
    )
    lines.append(header.lines[-1])
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
