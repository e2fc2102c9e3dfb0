"""Ensembl's GFF3 of genes with its CDS (and cDNA) FASTA: transcripts and genes.

Ensembl pads a coding sequence whose beginning is not found with one or two N to whole codons; its
GFF3 gives the phase of the first CDS part instead.  Sequences are matched by id without version.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ann.anntools.assembly.contigs import LENGTHS
from ann.anntools.build.parse.fasta import sequences
from ann.anntools.build.parse.lines import SourceError, lines, whole_number
from ann.anntools.build.parse.place import Places
from ann.anntools.build.parse.table import gff3_attributes, gff_lines
from ann.anntools.consequence.transcript import Transcript

_GENE: Final = "gene:"
_TRANSCRIPT: Final = "transcript:"
_REGION: Final = "##sequence-region"
_STRANDS: Final = {"+": 1, "-": -1}
_CODON: Final = 3


@dataclass(frozen=True, slots=True)
class GeneRow:
    """A gene, 0-based half-open."""

    contig: str
    start: int
    end: int
    gene_id: str
    gene_name: str
    biotype: str


@dataclass(slots=True)
class _Building:
    """A transcript whose parts are being read."""

    line: int
    transcript_id: str
    gene: str
    biotype: str
    contig: str
    strand: int
    tags: frozenset[str]
    exons: list[tuple[int, int]] = field(default_factory=list)
    cds: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass(slots=True)
class GeneModels:
    """All that a GFF3 file tells; `unmatched` counts CDS whose sequence does not fit."""

    genes: list[GeneRow]
    transcripts: list[Transcript]
    unmatched: int
    without_sequence: int


def read_models(
    gff3: Path, assembly: str, cds: Path | None = None, cdna: Path | None = None
) -> GeneModels:
    """Genes and transcripts of the chromosomes, the mitochondrion's not among them."""
    reader = _Reader(gff3, assembly)
    reader.read()
    models = GeneModels(reader.genes, [], 0, 0)
    coding = _by_id(cds) if cds else {}
    spliced = _by_id(cdna) if cdna else {}
    for building in reader.transcripts.values():
        transcript = _transcript(gff3.name, building, reader.names, coding, spliced, models)
        models.transcripts.append(transcript)
    if (
        cds
        and reader.transcripts
        and models.unmatched + models.without_sequence
        > sum(bool(each.cds) for each in reader.transcripts.values()) / 2
    ):
        raise SourceError(
            cds.name,
            f"fits fewer than half of the coding transcripts of {gff3.name}: "
            "are they of one release?",
        )
    return models


def _by_id(path: Path) -> dict[str, bytes]:
    return {name.partition(".")[0]: b"".join(pieces).upper() for name, pieces in sequences(path)}


class _Reader:
    def __init__(self, path: Path, assembly: str) -> None:
        self._path = path
        self._assembly = assembly
        self._places = Places(path.name, assembly)
        self.names: dict[str, str] = {}
        self.genes: list[GeneRow] = []
        self.transcripts: dict[str, _Building] = {}

    def read(self) -> None:
        """Read all features."""
        self._check_regions()
        for line, fields in gff_lines(self._path):
            contig = self._places.name(fields[0], line)
            if contig is None or contig == "MT":
                continue
            attributes = gff3_attributes(fields[8])
            identity = attributes.get("ID", "")
            parent = attributes.get("Parent", "")
            if identity.startswith(_GENE):
                self._gene(line, contig, fields, attributes)
            elif identity.startswith(_TRANSCRIPT):
                self._transcript(line, contig, fields, attributes)
            elif parent.startswith(_TRANSCRIPT) and fields[2] in {"exon", "CDS"}:
                self._part(line, fields, parent.removeprefix(_TRANSCRIPT))
        self._places.finish()

    def _check_regions(self) -> None:
        """Compare the lengths in the file's head with the assembly's."""
        for line, text in lines(self._path):
            if not text.startswith("#"):
                return
            words = text.split()
            if words[0] == _REGION and len(words) > _CODON and words[1] in LENGTHS["GRCh38"]:
                expected = LENGTHS[self._assembly].get(words[1])
                if words[1] != "MT" and expected is not None and words[3] != str(expected):
                    raise SourceError(
                        self._path.name,
                        f"contig {words[1]} has {words[3]} bases here and {expected} in "
                        f"{self._assembly}: the file is on another assembly",
                        line=line,
                    )

    def _span(self, line: int, contig: str, fields: list[str]) -> tuple[int, int]:
        start = whole_number(fields[3], self._path.name, line, 4, low=1) - 1
        end = whole_number(fields[4], self._path.name, line, 5, low=start + 1)
        self._places.check(contig, end, line)
        return start, end

    def _gene(self, line: int, contig: str, fields: list[str], attributes: dict[str, str]) -> None:
        start, end = self._span(line, contig, fields)
        gene_id = attributes["ID"].removeprefix(_GENE)
        name = attributes.get("Name", gene_id)
        self.names[gene_id] = name
        biotype = attributes.get("biotype", ".")
        self.genes.append(GeneRow(contig, start, end, gene_id, name, biotype))

    def _transcript(
        self, line: int, contig: str, fields: list[str], attributes: dict[str, str]
    ) -> None:
        if fields[6] not in _STRANDS:
            raise SourceError(self._path.name, f"strand {fields[6]!r}", line=line, column=7)
        stable = attributes["ID"].removeprefix(_TRANSCRIPT)
        version = attributes.get("version")
        self.transcripts[stable] = _Building(
            line,
            f"{stable}.{version}" if version else stable,
            attributes.get("Parent", "").removeprefix(_GENE),
            attributes.get("biotype", "."),
            contig,
            _STRANDS[fields[6]],
            frozenset(attributes.get("tag", "").split(",")),
        )

    def _part(self, line: int, fields: list[str], parent: str) -> None:
        building = self.transcripts.get(parent)
        if building is None:
            raise SourceError(
                self._path.name,
                f"part of transcript {parent}, which has not been told of",
                line=line,
                column=9,
            )
        start, end = self._span(line, building.contig, fields)
        if fields[2] == "exon":
            building.exons.append((start, end))
        else:
            phase = whole_number(fields[7], self._path.name, line, 8) if fields[7] != "." else 0
            building.cds.append((start, end, phase))


def _transcript(
    file: str,
    building: _Building,
    names: dict[str, str],
    coding: dict[str, bytes],
    spliced: dict[str, bytes],
    models: GeneModels,
) -> Transcript:
    if not building.exons:
        raise SourceError(
            file, f"transcript {building.transcript_id} has no exon", line=building.line
        )
    exons = tuple(sorted(building.exons))
    stable = building.transcript_id.partition(".")[0]
    cds = None
    phase = 0
    sequence = spliced.get(stable)
    cds_sequence = None
    open_start = "cds_start_NF" in building.tags
    open_end = "cds_end_NF" in building.tags
    if sequence is not None and len(sequence) != sum(end - start for start, end in exons):
        sequence = None
    if building.cds:
        parts = sorted(building.cds)
        cds = (parts[0][0], parts[-1][1])
        phase = parts[0 if building.strand > 0 else -1][2]
        open_start = open_start or phase > 0
        length = sum(end - start for start, end, _ in parts)
        inside = sum(max(0, min(end, cds[1]) - max(start, cds[0])) for start, end in exons)
        if not any(start <= cds[0] < end for start, end in exons) or inside < length:
            raise SourceError(
                file,
                f"the coding sequence of {building.transcript_id} does not lie in its exons",
                line=building.line,
            )
        if not open_start and (length - phase) % _CODON:
            open_end = True
        # Where ribosomes slip, CDS parts leave bases out: such a sequence cannot be numbered.
        if inside == length:
            cds_sequence = _fitting(coding.get(stable), length, models)
    return Transcript(
        transcript_id=building.transcript_id,
        gene_id=building.gene,
        gene_name=names.get(building.gene, building.gene),
        biotype=building.biotype,
        contig=building.contig,
        strand=building.strand,
        exons=exons,
        cds=cds,
        cds_phase=phase,
        sequence=sequence,
        cds_sequence=None if sequence else cds_sequence,
        mane_select="MANE_Select" in building.tags,
        mane_plus_clinical="MANE_Plus_Clinical" in building.tags,
        canonical="Ensembl_canonical" in building.tags,
        cds_start_nf=open_start,
        cds_end_nf=open_end,
    )


def _fitting(sequence: bytes | None, length: int, models: GeneModels) -> bytes | None:
    """The coding sequence without Ensembl's padding; None where it is not of this length."""
    if sequence is None:
        models.without_sequence += 1
        return None
    padding = len(sequence) - length
    if padding in {1, 2} and sequence[:padding] == b"N" * padding:
        sequence = sequence[padding:]
    if len(sequence) != length:
        models.unmatched += 1
        return None
    return sequence


def gene_names(models: GeneModels) -> Iterator[GeneRow]:
    """Genes by place."""
    order = {name: index for index, name in enumerate(LENGTHS["GRCh38"])}
    yield from sorted(
        models.genes, key=lambda gene: (order[gene.contig], gene.start, gene.end, gene.gene_id)
    )
