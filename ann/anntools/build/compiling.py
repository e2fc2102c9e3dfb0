"""From the files of one source to compiled sources in a directory."""

from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ann.anntools.assembly.contigs import LENGTHS
from ann.anntools.build import bundled
from ann.anntools.build.catalogue import SourceSpec
from ann.anntools.build.chains import canonical_blocks
from ann.anntools.build.download import Fetched
from ann.anntools.build.parse import table
from ann.anntools.build.parse.ensembl import GeneModels, SequenceFile
from ann.anntools.build.parse.fasta import sequences
from ann.anntools.build.parse.hgnc import COLUMNS as HGNC_COLUMNS
from ann.anntools.build.parse.hgnc import hgnc
from ann.anntools.build.parse.lines import SourceError
from ann.anntools.build.parse.place import Places
from ann.anntools.build.parse.vcf import VcfPlan, make_plan, read_header, record_blocks
from ann.anntools.build.parse.vcf_rows import BlockRows, block_rows
from ann.anntools.bundled import load
from ann.anntools.store.alleles import AlleleWriter, MixedContigsError
from ann.anntools.store.chain import write_chain
from ann.anntools.store.genes import GeneWriter
from ann.anntools.store.intervals import IntervalWriter
from ann.anntools.store.manifest import Source, SourceInfo
from ann.anntools.store.sequence import SequenceWriter

# Blocks on their way to and from the processes that make rows: enough to keep them busy.
_IN_FLIGHT: Final = 4


@dataclass(frozen=True, slots=True)
class Job:
    """A source to compile: its files by role and the sequences that alleles are aligned with."""

    spec: SourceSpec
    files: dict[str, Fetched]
    sequences: tuple[Path, ...] = ()


@dataclass(slots=True)
class Compiled:
    """What came of a job; `notes` are for the person who builds."""

    sources: list[Source]
    notes: list[str] = field(default_factory=list)


def info_of(job: Job, release: str = "") -> SourceInfo:
    """Where a compiled source comes from."""
    files = list(job.files.values())
    return SourceInfo(
        name=job.spec.name,
        title=job.spec.title,
        release=release or job.spec.release,
        retrieved_at=max(file.retrieved_at for file in files),
        licence=job.spec.licence,
        url=" ".join(file.url for file in files),
        sha256=" ".join(file.sha256 for file in files),
    )


def compile_source(job: Job, directory: Path, pool: Executor | None = None) -> Compiled:
    """Compile into files in `directory`; a VCF's blocks are made into rows by `pool`."""
    if job.spec.format == "vcf":
        return _vcf(job, directory, pool)
    if job.spec.format == "tsv" and job.spec.layout.alt is not None:
        return _allele_table(job, directory)
    special = {"ensembl": _ensembl, "fasta": _fasta, "hgnc": _hgnc, "chain": _chain}
    return special.get(job.spec.format, _intervals)(job, directory)


def _data(job: Job) -> Path:
    if "data" not in job.files:
        raise SourceError(job.spec.name, "needs file.data")
    return job.files["data"].path


@contextmanager
def _or_discarded(writer: AlleleWriter | GeneWriter | SequenceWriter) -> Iterator[None]:
    try:
        yield
    except BaseException:
        writer.discard()
        raise


def _vcf(job: Job, directory: Path, pool: Executor | None) -> Compiled:
    files = [(file.path, read_header(file.path, job.spec)) for file in job.files.values()]
    release = files[0][1].release if job.spec.release == "date in the file" else ""
    columns = tuple(column.column for column in job.spec.columns)
    writer = AlleleWriter(directory, info_of(job, release), columns, directory, grouped=True)
    skipped: Counter[str] = Counter()
    with _or_discarded(writer):
        for path, header in files:
            plan = make_plan(path, job.spec, header, job.sequences)
            records = 0
            tasks = ((plan, first, text) for first, text in record_blocks(path, header))
            for made in _in_order(tasks, pool):
                records += made.records
                skipped.update(made.skipped)
                try:
                    for part in made.parts:
                        writer.add_rows(part)
                except MixedContigsError as error:
                    raise SourceError(path.name, str(error)) from error
            if not records:
                raise SourceError(path.name, "holds no record")
        source = writer.finish()
    if not source.records:
        raise SourceError(files[0][0].name, f"no record on a chromosome of {job.spec.assembly}")
    return Compiled([source], [f"{count} {what} left out" for what, count in skipped.items()])


def _in_order(
    tasks: Iterator[tuple[VcfPlan, int, bytes]], pool: Executor | None
) -> Iterator[BlockRows]:
    if pool is None:
        for task in tasks:
            yield block_rows(*task)
        return
    waiting: deque[Future[BlockRows]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(block_rows, *task))
            if len(waiting) >= _IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _intervals(job: Job, directory: Path) -> Compiled:
    path, spec = _data(job), job.spec
    readers = {
        "bed": table.bed,
        "ucsc": table.ucsc,
        "gff3": table.gff,
        "gtf": table.gff,
        "tsv": table.tsv_intervals,
    }
    columns = table.bed_columns(spec) if spec.format == "bed" else spec.columns
    writer = IntervalWriter(directory, info_of(job), tuple(each.column for each in columns))
    for row in readers[spec.format](path, spec):
        writer.add(row.contig, row.start, row.end, row.values)
    return Compiled([writer.finish()])


def _allele_table(job: Job, directory: Path) -> Compiled:
    columns = tuple(each.column for each in job.spec.columns)
    writer = AlleleWriter(directory, info_of(job), columns, directory)
    contig = ""
    with _or_discarded(writer):
        for row in table.tsv_alleles(_data(job), job.spec):
            if row.contig != contig:
                contig = row.contig
                writer.start_contig(contig)
            writer.add(row.pos, row.ref, row.alt, row.values)
        return Compiled([writer.finish()])


def _hgnc(job: Job, directory: Path) -> Compiled:
    writer = IntervalWriter(directory, info_of(job), HGNC_COLUMNS)
    for row in hgnc(_data(job), job.spec.assembly):
        writer.add(row.contig, row.start, row.end, row.values)
    return Compiled([writer.finish()])


def _chain(job: Job, directory: Path) -> Compiled:
    spec = job.spec
    blocks = canonical_blocks(_data(job), spec.assembly, spec.lifts_to or "")
    return Compiled([write_chain(directory, info_of(job), blocks)])


def _fasta(job: Job, directory: Path) -> Compiled:
    path = _data(job)
    lengths = LENGTHS[job.spec.assembly]
    writer = SequenceWriter(directory, info_of(job))
    places = Places(path.name, job.spec.assembly)
    with _or_discarded(writer):
        for name, pieces in sequences(path):
            contig = places.name(name, 1)
            if contig is None or contig == "MT":
                for _ in pieces:
                    pass
                continue
            writer.add(contig, pieces)
            if writer.lengths[contig] != lengths[contig]:
                raise SourceError(
                    path.name,
                    f"contig {name} has {writer.lengths[contig]} bases and {lengths[contig]} in "
                    f"{job.spec.assembly}",
                )
        places.finish()
        # A reference has one source of sequences: the bundled mitochondrion goes with it.
        for row in load.sequences():
            writer.add(row.contig, [row.sequence.encode()])
        return Compiled([writer.finish()])


def _ensembl(job: Job, directory: Path) -> Compiled:
    if "gff3" not in job.files:
        raise SourceError(job.spec.name, "needs file.gff3")
    path = job.files["gff3"].path
    info = replace(info_of(job), name="transcripts", title="Transcripts")
    with ExitStack() as stack:
        found = {
            role: stack.enter_context(closing(SequenceFile(job.files[role].path, directory)))
            for role in ("cds", "cdna")
            if role in job.files
        }
        models = GeneModels(path, job.spec.assembly, found.get("cds"), found.get("cdna"))
        writer = GeneWriter(directory, info)
        stack.enter_context(_or_discarded(writer))
        for transcript in models.transcripts():
            try:
                writer.add(transcript)
            except ValueError as error:
                raise SourceError(path.name, str(error)) from error
        for transcript in load.mitochondrial_transcripts():
            writer.add(transcript)
        transcripts = writer.finish()
    columns = (bundled.GENE, bundled.GENE_ID, bundled.HGNC)
    intervals = IntervalWriter(directory, replace(info, name="genes", title="Genes"), columns)
    hgnc_ids = bundled.hgnc_ids()
    for gene in models.genes:
        values = (gene.gene_name, gene.gene_id, hgnc_ids.get(gene.gene_id))
        intervals.add(gene.contig, gene.start, gene.end, values)
    for each in load.mitochondrial_genes():
        intervals.add(
            each.contig, each.start, each.end, (each.gene_name, each.gene_id, each.hgnc_id)
        )
    notes = []
    if models.unmatched:
        notes.append(f"{models.unmatched} coding sequences do not fit their exons: left out")
    if models.without_sequence:
        notes.append(f"{models.without_sequence} coding transcripts have no sequence")
    return Compiled([transcripts, intervals.finish()], notes)
