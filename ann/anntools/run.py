"""One annotation run: read the header, choose the reference, then batch by batch."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ann.anntools.annotator import Annotator
from ann.anntools.assembly.contigs import canonical, is_mitochondrial
from ann.anntools.assembly.detect import Detected, detect, serves_mitochondrion
from ann.anntools.build.bundled import ensure
from ann.anntools.errors import InputError
from ann.anntools.io.batches import Lines, line_batches
from ann.anntools.io.header import Header, HeaderReader, modernise, parse_header
from ann.anntools.io.inflate import inflated_blocks
from ann.anntools.io.outputs import OutputNames, OutputSet
from ann.anntools.io.reading import Meter, form_of, text_of
from ann.anntools.io.sorting import Sorted, Sorter
from ann.anntools.io.summary import Counts, Summary, count_log, provenance, rejects_table
from ann.anntools.io.writing import Packed, ResultWriter, UnsortedError, pack
from ann.anntools.kernel.plan import Plan
from ann.anntools.kernel.records import Reject
from ann.anntools.limits import Limits
from ann.anntools.pipeline import at_once, in_order
from ann.anntools.sources.genes import TERMS, Consequences
from ann.anntools.sources.resolved import Resolved, info_lines, resolve_sources
from ann.anntools.store.container import Container
from ann.anntools.store.manifest import Manifest
from ann.anntools.store.reference import CURRENT
from ann.anntools.store.sequence import SequenceReader
from ann.anntools.version import VERSION

Progress = Callable[[int, float], None]

_READ = 1 << 20
_PEEK = 200
# Threads cost more than they give on a file that one thread annotates in a blink.
_SMALL_INPUT = 1 << 20


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run."""

    assembly: str
    reference: Path
    threads: int
    tables: bool
    limits: Limits


@dataclass(slots=True)
class _Tally:
    """Sums over batches."""

    records_in: int = 0
    records_out: int = 0
    unannotated: int = 0
    rejects: list[Reject] = field(default_factory=list)
    annotated: list[int] = field(default_factory=list)
    by_rank: list[int] = field(default_factory=list)


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
        threads = options.threads or os.cpu_count() or 1
        self._threads = 1 if path.stat().st_size < _SMALL_INPUT else threads

    def annotate(self) -> Summary:
        """Write all files but publish none."""
        with ExitStack() as stack:
            pool: Executor | None = None
            if self._threads > 1:
                pool = stack.enter_context(ThreadPoolExecutor(self._threads))
            return self._annotate(pool)

    def _annotate(self, pool: Executor | None) -> Summary:
        with ExitStack() as files:
            header, batches = self._open(files, pool)
            first = next(batches, None)
            found = self._assembly(header, first)
            plan, manifest, annotator = self._prepare(header, found)
            head = _output_header(header, plan.resolved, found, manifest)
            sorted_: Sorted | None = None
            try:
                tally = self._write(head, annotator, _chained(first, batches), pool)
            except UnsortedError:
                sorted_ = None
                tally = None
        if tally is None:
            self._outputs.forget()
            sorted_ = self._sort(header, pool)
            with ExitStack() as files:
                pieces = text_of(sorted_.path, "plain", self._limits, Meter(sorted_.path))
                ordered = line_batches(pieces, b"", 1, self._limits)
                tally = self._write(head, annotator, ordered, pool)
            sorted_.path.unlink()
            tally.records_in = sorted_.records_in
            tally.rejects = list(sorted_.rejects)
        notes = list(header.notes)
        if sorted_:
            notes.append("The records were not in order; they were sorted, keeping ties as given.")
        summary = Summary(
            version=VERSION,
            assembly=found.assembly,
            evidence=found.evidence,
            lifted=False,
            sorted_here=sorted_ is not None,
            release_id=manifest.release_id,
            counts=_counts(tally, plan.resolved),
            sources=manifest.sources,
            notes=tuple(notes),
            options={"assembly": self._options.assembly},
        )
        self._write_reports(summary, tally.rejects)
        return summary

    def _open(self, files: ExitStack, pool: Executor | None) -> tuple[Header, Iterator[Lines]]:
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
            found = Detected(self._options.assembly, "option")
        else:
            seen = _contigs_of(first.text) if first else []
            found = detect(header.meta, header.lengths, [*header.contigs, *seen])
        if found.assembly == "NCBI36":
            raise InputError(
                "chain-missing",
                "the positions are on NCBI36 and there is no chain to lift them for the look-up",
                hint="Run `python -m ann.anntools build --chain NCBI36`.",
            )
        return found

    def _prepare(self, header: Header, found: Detected) -> tuple[Plan, Manifest, Annotator]:
        directory = _reference_for(self._options.reference, found.assembly)
        manifest = Manifest.read(directory)
        sources = resolve_sources(directory, manifest, header)
        sequence = next((s for s in manifest.sources if s.kind == "sequence"), None)
        path = directory / sequence.file if sequence else None
        plan = Plan(sources, Container(path) if path else None, list(manifest.contigs))
        genes = next((r for r in sources if r.source.kind == "gene"), None)
        consequences = None
        if genes:
            consequences = Consequences(genes.path, SequenceReader(path) if path else None)
        annotator = Annotator(
            plan,
            consequences,
            header.columns,
            _namer(header, found.assembly, manifest),
            table=self._options.tables,
        )
        return plan, manifest, annotator

    def _write(
        self,
        head: bytes,
        annotator: Annotator,
        batches: Iterator[Lines],
        pool: Executor | None,
    ) -> _Tally:
        tally = _Tally()
        compressed = self._names.compressed

        def work(lines: Lines) -> Packed:
            return pack(annotator.annotate(lines), compressed=compressed)

        with ResultWriter(self._names, self._outputs, table=self._options.tables) as writer:
            writer.start(head, annotator.table_header())
            for packed in in_order(pool, self._threads + 1, work, batches):
                writer.add(packed)
                _add(tally, packed)
                if self._progress:
                    self._progress(tally.records_in, self._meter.fraction)
            writer.finish()
        return tally

    def _sort(self, header: Header, pool: Executor | None) -> Sorted:
        sorter = Sorter(self._outputs.work, header.columns, list(header.contigs))
        with ExitStack() as files:
            _, batches = self._open(files, pool)
            for lines in batches:
                sorter.add(lines)
        return sorter.finish()

    def _write_reports(self, summary: Summary, rejects: list[Reject]) -> None:
        digest = hashlib.sha256()
        with self._path.open("rb") as file:
            while piece := file.read(_READ):
                digest.update(piece)
        path = self._outputs.path
        path(self._names.log).write_text(count_log(summary), encoding="utf-8")
        path(self._names.rejects).write_bytes(rejects_table(rejects))
        text = provenance(summary, self._path.name, digest.hexdigest())
        path(self._names.provenance).write_text(text, encoding="utf-8")


def _chained(first: Lines | None, rest: Iterator[Lines]) -> Iterator[Lines]:
    if first is not None:
        yield first
    yield from rest


def _add(tally: _Tally, packed: Packed) -> None:
    batch = packed.batch
    tally.records_out += len(batch.stops)
    tally.records_in += len(batch.stops) + len(batch.rejects)
    tally.unannotated += batch.unannotated
    tally.rejects += batch.rejects
    if not tally.annotated:
        tally.annotated = [0] * len(batch.annotated)
        tally.by_rank = [0] * len(batch.by_rank)
    tally.annotated = np.add(tally.annotated, batch.annotated).tolist()
    tally.by_rank = np.add(tally.by_rank, batch.by_rank).tolist()


def _counts(tally: _Tally, resolved: tuple[Resolved, ...]) -> Counts:
    annotated = tally.annotated or [0] * len(resolved)
    by_rank = tally.by_rank or [0] * len(TERMS)
    genes = any(r.source.kind == "gene" for r in resolved)
    return Counts(
        records_in=tally.records_in,
        records_out=tally.records_out,
        rejected=len(tally.rejects),
        unannotated=tally.unannotated,
        annotated={
            r.source.info.name: count for r, count in zip(resolved, annotated, strict=False)
        },
        consequences={
            term.value: count for term, count in zip(TERMS, by_rank, strict=False) if genes
        },
    )


def _contigs_of(text: bytes) -> list[str]:
    names = dict.fromkeys(line.split(b"\t", 1)[0] for line in text.split(b"\n")[:_PEEK] if line)
    return [name.decode("utf-8", "replace") for name in names]


def _reference_for(root: Path, assembly: str) -> Path:
    """The release in use; where none was built, the bundled one, compiled on first use."""
    if assembly != "rCRS":
        return ensure(root, assembly)
    for name in ("rCRS", "GRCh38", "GRCh37"):
        if (root / name / CURRENT).exists():
            return ensure(root, name)
    return ensure(root, "GRCh38")


def _namer(header: Header, assembly: str, manifest: Manifest) -> Callable[[bytes], str | None]:
    words = " ".join(header.meta[:_PEEK]).lower()
    known: dict[bytes, str | None] = {}

    def contig_of(raw: bytes) -> str | None:
        if raw not in known:
            name = raw.decode("utf-8", "replace")
            found = canonical(name)
            if found is None and name in manifest.contigs:
                found = name
            if is_mitochondrial(name):
                length = header.contigs.get(name)
                if not serves_mitochondrion(assembly, name, length, words):
                    found = None
            known[raw] = found if found in manifest.contigs else None
        return known[raw]

    return contig_of


def _output_header(
    header: Header, sources: tuple[Resolved, ...], found: Detected, manifest: Manifest
) -> bytes:
    lines = modernise(header)
    lines += info_lines(sources)
    lines.append(
        f'##GAS=<ID=AnnTools,Version="{VERSION}",Assembly={found.assembly},'
        f'Reference="{manifest.release_id}">'
    )
    lines.append(header.lines[-1])
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
