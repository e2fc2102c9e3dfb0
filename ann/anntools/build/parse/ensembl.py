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
from ann.anntools.build.parse.table import gff3_attributes, gff_fields
from ann.anntools.consequence.transcript import Transcript

_GENE: Final = "gene:"
_TRANSCRIPT: Final = "transcript:"
_REGION: Final = "##sequence-region"
_STRANDS: Final = {"+": 1, "-": -1}
_CODON: Final = 3
_ORDER: Final = {name: index for index, name in enumerate(LENGTHS["GRCh38"])}


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


class SequenceFile:
    """Sequences of a FASTA file by id without version, kept in a scratch file."""

    def __init__(self, path: Path, work: Path) -> None:
        self._scratch = work / f"{path.name}.letters"
        self._places: dict[str, tuple[int, int]] = {}
        at = 0
        with self._scratch.open("wb") as out:
            for name, pieces in sequences(path):
                start = at
                for piece in pieces:
                    at += out.write(piece.upper())
                self._places[name.partition(".")[0]] = (start, at)
        self._letters = self._scratch.open("rb")

    def get(self, identifier: str) -> bytes | None:
        """The sequence of a transcript, None where it has none."""
        place = self._places.get(identifier)
        if place is None:
            return None
        self._letters.seek(place[0])
        return self._letters.read(place[1] - place[0])

    def close(self) -> None:
        """Remove the scratch file."""
        self._letters.close()
        self._scratch.unlink()


class GeneModels:
    """Genes and transcripts of the chromosomes, the mitochondrion's not among them.

    Transcripts come as they are read, block by block: `###` in the file says that all parts of what
    came before have been told.  `unmatched` counts CDS whose sequence does not fit.
    """

    def __init__(
        self,
        gff3: Path,
        assembly: str,
        cds: SequenceFile | None = None,
        cdna: SequenceFile | None = None,
    ) -> None:
        self._path = gff3
        self._assembly = assembly
        self._places = Places(gff3.name, assembly)
        self._cds = cds
        self._cdna = cdna
        self._names: dict[str, str] = {}
        self._open: dict[str, _Building] = {}
        self.genes: list[GeneRow] = []
        self.coding = 0
        self.unmatched = 0
        self.without_sequence = 0

    def transcripts(self) -> Iterator[Transcript]:
        """All transcripts; after the last one `genes` and the counts are complete."""
        self._check_regions()
        for line, fields in gff_blocks(self._path):
            if fields:
                self._feature(line, fields)
            else:
                yield from self._finished()
        yield from self._finished()
        self._places.finish()
        self.genes.sort(key=lambda gene: (_ORDER[gene.contig], gene.start, gene.end, gene.gene_id))
        if self._cds and self.unmatched + self.without_sequence > self.coding / 2:
            raise SourceError(
                self._path.name,
                "the coding sequences fit fewer than half of the coding transcripts: are both "
                "files of one release?",
            )

    def _finished(self) -> Iterator[Transcript]:
        for building in self._open.values():
            yield self._made(building)
        self._open = {}

    def _feature(self, line: int, fields: list[str]) -> None:
        contig = self._places.name(fields[0], line)
        if contig is None or contig == "MT":
            return
        attributes = gff3_attributes(fields[8])
        identity = attributes.get("ID", "")
        parent = attributes.get("Parent", "")
        if identity.startswith(_GENE):
            self._gene(line, contig, fields, attributes)
        elif identity.startswith(_TRANSCRIPT):
            self._transcript(line, contig, fields, attributes)
        elif parent.startswith(_TRANSCRIPT) and fields[2] in {"exon", "CDS"}:
            self._part(line, fields, parent.removeprefix(_TRANSCRIPT))

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
        self._names[gene_id] = name
        biotype = attributes.get("biotype", ".")
        self.genes.append(GeneRow(contig, start, end, gene_id, name, biotype))

    def _transcript(
        self, line: int, contig: str, fields: list[str], attributes: dict[str, str]
    ) -> None:
        if fields[6] not in _STRANDS:
            raise SourceError(self._path.name, f"strand {fields[6]!r}", line=line, column=7)
        stable = attributes["ID"].removeprefix(_TRANSCRIPT)
        version = attributes.get("version")
        self._open[stable] = _Building(
            line,
            f"{stable}.{version}" if version else stable,
            attributes.get("Parent", "").removeprefix(_GENE),
            attributes.get("biotype", "."),
            contig,
            _STRANDS[fields[6]],
            frozenset(attributes.get("tag", "").split(",")),
        )

    def _part(self, line: int, fields: list[str], parent: str) -> None:
        building = self._open.get(parent)
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

    def _made(self, building: _Building) -> Transcript:
        file = self._path.name
        if not building.exons:
            raise SourceError(
                file, f"transcript {building.transcript_id} has no exon", line=building.line
            )
        exons = tuple(sorted(building.exons))
        stable = building.transcript_id.partition(".")[0]
        sequence = self._cdna.get(stable) if self._cdna else None
        if sequence is not None and len(sequence) != sum(end - start for start, end in exons):
            sequence = None
        cds = None
        phase = 0
        cds_sequence = None
        open_start = "cds_start_NF" in building.tags
        open_end = "cds_end_NF" in building.tags
        if building.cds:
            parts = sorted(building.cds)
            cds = (parts[0][0], parts[-1][1])
            phase = parts[0 if building.strand > 0 else -1][2]
            length = sum(end - start for start, end, _ in parts)
            inside = sum(max(0, min(end, cds[1]) - max(start, cds[0])) for start, end in exons)
            if not any(start <= cds[0] < end for start, end in exons) or inside < length:
                raise SourceError(
                    file,
                    f"the coding sequence of {building.transcript_id} does not lie in its exons",
                    line=building.line,
                )
            open_start = open_start or phase > 0
            open_end = open_end or (not open_start and length % _CODON > 0)
            self.coding += 1
            # Where ribosomes slip, CDS parts leave bases out: such a sequence cannot be numbered.
            if inside == length:
                cds_sequence = self._fitting(stable, length)
        return Transcript(
            transcript_id=building.transcript_id,
            gene_id=building.gene,
            gene_name=self._names.get(building.gene, building.gene),
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

    def _fitting(self, identifier: str, length: int) -> bytes | None:
        """The coding sequence without Ensembl's padding; None where it is not of this length."""
        sequence = self._cds.get(identifier) if self._cds else None
        if sequence is None:
            self.without_sequence += 1
            return None
        padding = len(sequence) - length
        if padding in {1, 2} and sequence[:padding] == b"N" * padding:
            sequence = sequence[padding:]
        if len(sequence) != length:
            self.unmatched += 1
            return None
        return sequence


def gff_blocks(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The nine fields of each feature; no fields where the file says that a block ends."""
    for line, text in lines(path):
        if text == "###":
            yield line, []
        elif text and not text.startswith("#"):
            yield line, gff_fields(path.name, line, text)
