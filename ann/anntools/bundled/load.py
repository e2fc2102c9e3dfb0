"""Typed rows of the bundled tables, in the order in which they are sorted."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from ann.anntools.consequence.transcript import Transcript

_T = TypeVar("_T")

HERE: Final = Path(__file__).parent
MANIFEST: Final = HERE / "manifest.json"
MITOCHONDRIAL_CODE: Final = 2

SEQUENCES: Final = "sequences"
MITOCHONDRIAL_GENES: Final = "mitochondrial_genes"
GENETIC_CODES: Final = "genetic_codes"
CYTOBANDS: Final = "cytobands"
TRANSCRIPTS: Final = "transcripts_GRCh38"
MANE: Final = "mane"
CLINVAR: Final = "clinvar_GRCh38"
CONDITIONS: Final = "clinvar_conditions"


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the manifest says of one table."""

    name: str
    what: str
    assembly: str
    release: str
    licence: str
    sha256: str
    rows: int
    retrieved_at: str
    purls: tuple[str, ...]  # package URLs of the packages it was made from


@dataclass(frozen=True, slots=True)
class SequenceRow:
    """A whole contig; `md5` is of the upper-case bases."""

    contig: str
    accession: str
    length: int
    md5: str
    sequence: str


@dataclass(frozen=True, slots=True)
class MitochondrialGene:
    """A gene of the mitochondrion, one exon; start and end 0-based half-open."""

    contig: str
    start: int
    end: int
    strand: int
    gene_id: str
    gene_name: str
    biotype: str
    transcript_id: str
    protein_id: str | None
    entrez_id: str | None
    hgnc_id: str
    stop_bases_added: int  # A bases that polyadenylation adds to complete the stop codon
    name: str


@dataclass(frozen=True, slots=True)
class GeneticCode:
    """A translation table of NCBI: 64 letters, bases in the order TCAG, the third fastest."""

    code: int
    name: str
    amino_acids: str
    starts: str


@dataclass(frozen=True, slots=True)
class Band:
    """A Giemsa band; start and end 0-based half-open."""

    assembly: str
    contig: str
    start: int
    end: int
    band: str
    stain: str


@dataclass(frozen=True, slots=True)
class Gene:
    """Where a gene lies, 0-based half-open; strand is 0 and biotype None where unknown."""

    contig: str
    start: int
    end: int
    strand: int
    gene_id: str
    gene_name: str
    biotype: str | None


@dataclass(frozen=True, slots=True)
class ManeTranscript:
    """A MANE transcript; `status` is select or plus_clinical."""

    contig: str
    start: int
    end: int
    strand: int
    gene_id: str
    gene_name: str
    hgnc_id: str
    entrez_id: str
    name: str
    ensembl_transcript: str
    ensembl_protein: str
    refseq_transcript: str
    refseq_protein: str
    status: str


@dataclass(frozen=True, slots=True)
class ClinicalVariant:
    """A ClinVar record, one allele; `pos` is 1-based as in VCF, conditions are names."""

    contig: str
    pos: int
    ref: str
    alt: str
    variation_id: int
    significance: str
    review: str
    type: str
    consequences: tuple[str, ...]  # Sequence Ontology id|term
    origin: int | None
    rs: int | None
    af_exac: float | None
    conditions: tuple[str, ...]
    condition_ids: tuple[str, ...]  # MONDO ids, "" where there is none


def manifest() -> dict[str, TableFacts]:
    """The manifest's facts by table name."""
    data: dict[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return {
        name: TableFacts(
            name,
            entry["what"],
            entry["assembly"],
            entry["release"],
            entry["licence"],
            entry["sha256"],
            entry["rows"],
            data["retrieved_at"],
            tuple(source["purl"] for source in entry["sources"]),
        )
        for name, entry in data["tables"].items()
    }


def table_path(name: str) -> Path:
    """The file of a table."""
    return HERE / "tables" / f"{name}.tsv.gz"


def _rows(name: str) -> Iterator[list[str]]:
    with gzip.open(table_path(name), "rt", encoding="utf-8", newline="\n") as stream:
        next(stream)
        for line in stream:
            yield line.rstrip("\n").split("\t")


def _known(text: str, convert: Callable[[str], _T]) -> _T | None:
    return None if text == "." else convert(text)


def _strand(text: str) -> int:
    return {"+": 1, "-": -1, ".": 0}[text]


def sequences() -> Iterator[SequenceRow]:
    """The sequence of the mitochondrion, NC_012920.1."""
    for contig, accession, length, md5, sequence in _rows(SEQUENCES):
        yield SequenceRow(contig, accession, int(length), md5, sequence)


def mitochondrial_genes() -> Iterator[MitochondrialGene]:
    """The 37 genes of the mitochondrion."""
    for row in _rows(MITOCHONDRIAL_GENES):
        yield MitochondrialGene(
            row[0],
            int(row[1]),
            int(row[2]),
            _strand(row[3]),
            gene_id=row[4],
            gene_name=row[5],
            biotype=row[6],
            transcript_id=row[7],
            protein_id=_known(row[8], str),
            entrez_id=_known(row[9], str),
            hgnc_id=row[10],
            stop_bases_added=_known(row[11], int) or 0,
            name=row[12],
        )


def genetic_codes() -> Iterator[GeneticCode]:
    """NCBI translation tables 1 and 2."""
    for code, name, amino_acids, starts in _rows(GENETIC_CODES):
        yield GeneticCode(int(code), name, amino_acids, starts)


def cytobands(assembly: str) -> Iterator[Band]:
    """The bands of NCBI36, GRCh37 or GRCh38."""
    for row_assembly, contig, start, end, band, stain in _rows(CYTOBANDS):
        if row_assembly == assembly:
            yield Band(assembly, contig, int(start), int(end), band, stain)


def genes(assembly: str) -> Iterator[Gene]:
    """The genes of GRCh37 or GRCh38."""
    for contig, start, end, strand, gene_id, name, biotype in _rows(f"genes_{assembly}"):
        known = _known(biotype, str)
        yield Gene(contig, int(start), int(end), _strand(strand), gene_id, name, known)


def mane() -> Iterator[ManeTranscript]:
    """MANE Select and MANE Plus Clinical transcripts of GRCh38."""
    for row in _rows(MANE):
        yield ManeTranscript(row[0], int(row[1]), int(row[2]), _strand(row[3]), *row[4:])


def transcripts() -> Iterator[Transcript]:
    """The coding transcripts of GRCh38 without sequence, the mitochondrion's not among them.

    A transcript whose Ensembl id is unknown goes by its Ensembl name, such as HBB-206.
    """
    for row in _rows(TRANSCRIPTS):
        contig, start_text, strand, gene_id, gene_name, number, identifier, biotype, mane_status = (
            row[:9]
        )
        cds_start, cds_length, open_ends, blocks = row[9:]
        start = int(start_text)
        cds = None
        if cds_start != ".":
            first = start + int(cds_start)
            cds = (first, first + int(cds_length))
        yield Transcript(
            transcript_id=f"{gene_name}-{number}" if identifier == "." else identifier,
            gene_id=gene_id,
            gene_name=gene_name,
            biotype=biotype,
            contig=contig,
            strand=_strand(strand),
            exons=_exons(start, blocks),
            cds=cds,
            mane_select=mane_status == "select",
            mane_plus_clinical=mane_status == "plus_clinical",
            canonical=mane_status == "select",
            cds_start_nf=open_ends[0] == "1",
            cds_end_nf=open_ends[1] == "1",
        )


def _exons(start: int, blocks: str) -> tuple[tuple[int, int], ...]:
    exons, at = [], start
    for index, length in enumerate(map(int, blocks.split(","))):
        if index % 2 == 0:
            exons.append((at, at + length))
        at += length
    return tuple(exons)


def mitochondrial_transcripts() -> Iterator[Transcript]:
    """The mitochondrion's transcripts with their sequence, read with genetic code 2."""
    contigs = {row.contig: row.sequence.encode() for row in sequences()}
    complement = bytes.maketrans(b"ACGT", b"TGCA")
    for gene in mitochondrial_genes():
        sequence = contigs[gene.contig][gene.start : gene.end]
        if gene.strand < 0:
            sequence = sequence[::-1].translate(complement)
        coding = gene.biotype == "protein_coding"
        yield Transcript(
            transcript_id=gene.transcript_id,
            gene_id=gene.gene_id,
            gene_name=gene.gene_name,
            biotype=gene.biotype,
            contig=gene.contig,
            strand=gene.strand,
            exons=((gene.start, gene.end),),
            cds=(gene.start, gene.end) if coding else None,
            sequence=sequence,
            genetic_code=MITOCHONDRIAL_CODE,
            canonical=True,
        )


def clinical_variants() -> Iterator[ClinicalVariant]:
    """ClinVar's pathogenic and likely pathogenic variants of GRCh38."""
    conditions = [(name, mondo) for _, mondo, name in _rows(CONDITIONS)]
    for row in _rows(CLINVAR):
        indexes = [] if row[12] == "." else [int(index) for index in row[12].split(",")]
        yield ClinicalVariant(
            row[0],
            int(row[1]),
            row[2],
            row[3],
            int(row[4]),
            row[5],
            row[6],
            row[7],
            () if row[8] == "." else tuple(row[8].split(",")),
            _known(row[9], int),
            _known(row[10], int),
            _known(row[11], float),
            tuple(conditions[index][0] for index in indexes),
            tuple(conditions[index][1].removeprefix(".") for index in indexes),
        )
