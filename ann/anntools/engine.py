"""Annotate a file: the one function behind the command line and the service."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from ann.anntools.annotator import Annotator, Batch
from ann.anntools.assembly.contigs import canonical, is_mitochondrial
from ann.anntools.assembly.detect import Detected, detect, serves_mitochondrion
from ann.anntools.build.bundled import ensure
from ann.anntools.errors import InputError
from ann.anntools.io.batches import line_batches
from ann.anntools.io.bgzf import EOF, compress, virtual_offsets
from ann.anntools.io.header import Header, HeaderReader, modernise, parse_header
from ann.anntools.io.outputs import OutputNames, OutputSet
from ann.anntools.io.reading import Meter, form_of, text_of
from ann.anntools.io.summary import Counts, Summary, count_log, provenance, rejects_table
from ann.anntools.io.tabix import IndexBuilder
from ann.anntools.limits import DEFAULT, Limits
from ann.anntools.locations import default_reference
from ann.anntools.sources.resolved import Resolved, info_lines, resolve_sources
from ann.anntools.store.manifest import Manifest
from ann.anntools.store.reference import CURRENT
from ann.anntools.version import VERSION

Progress = Callable[[int, float], None]

_READ = 1 << 20
_PEEK = 200


def annotate(  # noqa: PLR0913  # the options of the command line
    input: Path,  # noqa: A002  # the contract's name
    output: Path,
    *,
    assembly: str = "detect",
    reference: Path | None = None,
    threads: int = 0,
    progress: Progress | None = None,
    tables: bool = True,
    log: Path | None = None,
    limits: Limits = DEFAULT,
) -> Summary:
    """Annotate `input` into `output` and the files that go with it.

    `output` ending in .gz is BGZF with an index beside it.  `assembly` is "detect" or a name;
    `threads` 0 means as many as there are cores.  Raises InputError for what is wrong with the
    file, ReferenceUnusableError for what is wrong with the reference; then nothing is written.
    """
    names = OutputNames.of(output, log)
    with OutputSet(names.annotated.parent) as outputs:
        run = _Run(input, names, outputs, limits, tables=tables)
        summary = run.annotate(assembly, reference or default_reference(), progress)
        return replace(summary, outputs=outputs.publish())


class _Run:
    def __init__(
        self, path: Path, names: OutputNames, outputs: OutputSet, limits: Limits, *, tables: bool
    ) -> None:
        self._tables = tables
        self._path = path
        self._names = names
        self._outputs = outputs
        self._limits = limits
        self._form = form_of(path)
        self._meter = Meter(path)

    def _open(self) -> tuple[Header, int, bytes, Iterator[bytes]]:
        """Header, number of its lines, and what follows it."""
        pieces = text_of(self._path, self._form, self._limits, self._meter)
        reader = HeaderReader(self._limits)
        found = None
        for piece in pieces:
            found = reader.feed(piece)
            if found:
                break
        raw, rest = found or reader.end()
        return parse_header(raw), len(raw), rest, pieces

    def annotate(self, assembly: str, reference: Path, progress: Progress | None) -> Summary:
        header, lines, rest, pieces = self._open()
        batches = line_batches(pieces, rest, lines + 1, self._limits)
        first = next(batches, None)
        seen = _contigs_of(first[1]) if first else []
        found = (
            detect(header.meta, header.lengths, [*header.contigs, *seen])
            if assembly == "detect"
            else Detected(assembly, "option")
        )
        if found.assembly == "NCBI36":
            raise InputError(
                "chain-missing",
                "the positions are on NCBI36 and there is no chain to lift them for the look-up",
                hint="Run `python -m ann.anntools build --chain NCBI36`.",
            )
        directory = _reference_for(reference, found.assembly)
        manifest = Manifest.read(directory)
        sources = resolve_sources(directory, manifest, header)
        annotator = Annotator(sources, header.columns, _namer(header, found.assembly, manifest))
        counts = Counts(
            annotated={r.source.info.name: 0 for r in sources if r.source.kind != "gene"}
        )
        head = _output_header(header, sources, found, manifest)
        rejects = self._write(head, first, batches, annotator, counts, progress)
        summary = Summary(
            version=VERSION,
            assembly=found.assembly,
            evidence=found.evidence,
            lifted=False,
            sorted_here=False,
            release_id=manifest.release_id,
            counts=counts,
            sources=manifest.sources,
            notes=tuple(header.notes),
            options={"assembly": assembly},
        )
        self._write_reports(summary, rejects)
        return summary

    def _write(  # what a pass needs
        self,
        head: bytes,
        first: tuple[int, bytes] | None,
        batches: Iterator[tuple[int, bytes]],
        annotator: Annotator,
        counts: Counts,
        progress: Progress | None,
    ) -> list[tuple[int, str, bytes]]:
        rejects: list[tuple[int, str, bytes]] = []
        index = IndexBuilder()
        target = self._names.annotated
        with ExitStack() as files:
            out = files.enter_context(self._outputs.path(target).open("wb"))
            table = None
            if self._tables:
                table = files.enter_context(self._outputs.path(self._names.table).open("wb"))
                _emit(table, annotator.table_header(), compressed=True)
            _emit(out, head, compressed=self._names.compressed)
            for number, text in [first] if first else []:
                self._batch(annotator.annotate(number, text), out, table, index, counts, rejects)
            for number, text in batches:
                self._batch(annotator.annotate(number, text), out, table, index, counts, rejects)
                if progress:
                    progress(counts.records_in, self._meter.fraction)
            if self._names.compressed:
                out.write(EOF)
            if table:
                table.write(EOF)
        if progress:
            progress(counts.records_in, 1.0)
        if self._names.compressed:
            path = target.with_name(target.name + index.suffix)
            self._outputs.path(path).write_bytes(index.data())
        return rejects

    def _batch(
        self,
        batch: Batch,
        out: IO[bytes],
        table: IO[bytes] | None,
        index: IndexBuilder,
        counts: Counts,
        rejects: list[tuple[int, str, bytes]],
    ) -> None:
        counts.records_in += batch.records_in
        counts.records_out += len(batch.stops)
        counts.rejected += len(batch.rejects)
        counts.unannotated += batch.unannotated
        for name, count in batch.annotated.items():
            counts.annotated[name] += count
        rejects += batch.rejects
        if table:
            _emit(table, batch.table, compressed=True)
        start = out.tell()
        blocks = compress(batch.text)
        if not self._names.compressed:
            out.write(batch.text)
            return
        for block in blocks:
            out.write(block)
        stops = virtual_offsets(start, blocks, batch.stops)
        starts = virtual_offsets(start, blocks, np.r_[0, batch.stops[:-1]])
        done = 0
        for contig, count in batch.runs:
            span = slice(done, done + count)
            index.add(contig, batch.begins[span], batch.ends[span], starts[span], stops[span])
            done += count

    def _write_reports(self, summary: Summary, rejects: list[tuple[int, str, bytes]]) -> None:
        digest = hashlib.sha256()
        with self._path.open("rb") as file:
            while piece := file.read(_READ):
                digest.update(piece)
        path = self._outputs.path
        path(self._names.log).write_text(count_log(summary), encoding="utf-8")
        path(self._names.rejects).write_bytes(rejects_table(rejects))
        text = provenance(summary, self._path.name, digest.hexdigest())
        path(self._names.provenance).write_text(text, encoding="utf-8")


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
    header: Header, sources: list[Resolved], found: Detected, manifest: Manifest
) -> bytes:
    lines = modernise(header)
    lines += info_lines(sources)
    lines.append(
        f'##GAS=<ID=AnnTools,Version="{VERSION}",Assembly={found.assembly},'
        f'Reference="{manifest.release_id}">'
    )
    lines.append(header.lines[-1])
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")


def _emit(out: IO[bytes], text: bytes, *, compressed: bool) -> None:
    if compressed:
        for block in compress(text):
            out.write(block)
    else:
        out.write(text)
