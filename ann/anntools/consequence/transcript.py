"""A transcript and its coordinate maps: genome <-> transcript (cDNA) <-> coding sequence.

Coordinates: the genome is 0-based half-open on the forward strand; a transcript position `t` is
0-based from the 5' end of the spliced transcript; a CDS position is `t - coding_start`. An intronic
or exonic base is a `Point(t, offset)`: offset 0 in an exon, +n or -n for the n-th intron base after
or before exonic base `t`. The middle base of an odd intron belongs to the upstream exon (HGVS,
background/numbering, "introns").

Incomplete coding sequences: `cds_phase` bases at the 5' end belong to a codon whose beginning is
unknown; codon and amino acid 1 is the first complete one, c.1 the first coding base there is.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

from ann.anntools.consequence.codon import (
    SELENOCYSTEINE,
    STOP,
    GeneticCode,
    genetic_code,
    translate,
)
from ann.anntools.consequence.escape import encode

_TGA = b"TGA"
_CODON = 3
_MITOCHONDRIAL = 2


class Point(NamedTuple):
    """A base of the transcript or of one of its introns."""

    t: int
    offset: int


class Place(NamedTuple):
    """Where a genomic base is: the exon or intron `nth` in genomic order, from 0."""

    exonic: bool
    nth: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """One transcript as the annotation routine sees it; `exons` ascend on the genome.

    `sequence` is the spliced transcript, 5' to 3'; where only the coding part is known it is
    `cds_sequence`. Both are capitals ACGTN. Raises ValueError on a model that contradicts itself.
    """

    transcript_id: str
    gene_id: str
    gene_name: str
    biotype: str
    contig: str
    strand: int
    exons: tuple[tuple[int, int], ...]
    cds: tuple[int, int] | None = None
    cds_phase: int = 0
    sequence: bytes | None = None
    cds_sequence: bytes | None = None
    genetic_code: int = 1
    mane_select: bool = False
    mane_plus_clinical: bool = False
    canonical: bool = False
    cds_start_nf: bool = False
    cds_end_nf: bool = False
    _model: "list[Model]" = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def start(self) -> int:
        """The first genomic base, 0-based."""
        return self.exons[0][0]

    @property
    def end(self) -> int:
        """One past the last genomic base."""
        return self.exons[-1][1]

    @property
    def model(self) -> "Model":
        """The coordinate maps, made on first use and kept."""
        if not self._model:
            self._model.append(Model(self))
        return self._model[0]


class Model:
    """The tables behind a transcript: made once, read for every allele."""

    __slots__ = (
        "aa_length",
        "ann_names",
        "coding_end",
        "coding_start",
        "complete_end",
        "complete_start",
        "exon_ends",
        "exon_offsets",
        "exon_starts",
        "forward",
        "frame_start",
        "genetic_code",
        "has_start",
        "length",
        "protein",
        "spliced",
        "transcript",
        "warnings",
    )

    def __init__(self, transcript: Transcript) -> None:
        _check_exons(transcript)
        self.transcript = transcript
        self.forward = transcript.strand == 1
        self.exon_starts = tuple(start for start, _ in transcript.exons)
        self.exon_ends = tuple(end for _, end in transcript.exons)
        sizes = [end - start for start, end in transcript.exons]
        self.length = sum(sizes)
        # The transcript position of the 5'-most base of each exon, exons in genomic order.
        if self.forward:
            self.exon_offsets = tuple(accumulate(sizes, initial=0))[:-1]
        else:
            self.exon_offsets = tuple(accumulate(sizes[::-1], initial=0))[-2::-1]
        self.genetic_code: GeneticCode = genetic_code(transcript.genetic_code)
        self.coding_start, self.coding_end = self._coding_span()
        self.spliced = self._spliced()
        self.frame_start = self.coding_start + (transcript.cds_phase if self.coding_end else 0)
        self.complete_start = not (transcript.cds_start_nf or transcript.cds_phase)
        self.protein = self._protein()
        self.has_start = self._has_start()
        self.complete_end = self._complete_end()
        whole = max(0, (self.coding_end - self.frame_start) // _CODON)
        self.aa_length = whole - 1 if self.complete_end and whole else whole
        self.warnings = self._coding_warnings()
        names = (transcript.gene_name, transcript.gene_id)
        identity = (transcript.transcript_id, transcript.biotype)
        # Fields 4 to 8 of ANN are the same for every allele.
        self.ann_names = "|".join(map(encode, (*names, "transcript", *identity)))

    @property
    def coding(self) -> bool:
        """Whether there is a coding sequence."""
        return self.coding_end > 0

    def exon_at(self, genomic: int) -> Place:
        """The exon or intron that holds a base inside the transcript's span."""
        index = bisect_right(self.exon_starts, genomic) - 1
        return Place(genomic < self.exon_ends[index], index)

    def rank(self, place: Place) -> str:
        """`n/m` in transcript order: of exons, or of introns."""
        count = len(self.exon_starts) - (not place.exonic)
        number = place.nth + 1 if self.forward else count - place.nth
        return f"{number}/{count}"

    def to_transcript(self, genomic: int) -> int | None:
        """The transcript position of an exonic base; None in an intron or outside."""
        index = bisect_right(self.exon_starts, genomic) - 1
        if index < 0 or genomic >= self.exon_ends[index]:
            return None
        return self.in_exon(index, genomic)

    def to_genomic(self, t: int) -> int:
        """The genomic position of transcript position `t` (0 <= t < length)."""
        for index, offset in enumerate(self.exon_offsets):
            inside = t - offset
            if 0 <= inside < self.exon_ends[index] - self.exon_starts[index]:
                if self.forward:
                    return self.exon_starts[index] + inside
                return self.exon_ends[index] - 1 - inside
        raise IndexError(f"transcript position {t} is outside 0..{self.length - 1}")

    def point(self, genomic: int) -> Point | None:
        """Exonic position or nearest exonic base with the intron offset; None outside."""
        index = bisect_right(self.exon_starts, genomic) - 1
        if index < 0:
            return None
        if genomic < self.exon_ends[index]:
            return Point(self.in_exon(index, genomic), 0)
        if index + 1 == len(self.exon_starts):
            return None
        return self.intron_point(index, genomic)

    def intron_point(self, index: int, genomic: int) -> Point:
        """The point of a base that intron `index` (in genomic order) is known to hold."""
        after = genomic - self.exon_ends[index] + 1
        before = self.exon_starts[index + 1] - genomic
        # The middle base of an odd intron is as far from both: the upstream exon takes it.
        left = after < before or (after == before and self.forward)
        border = self.exon_ends[index] - 1 if left else self.exon_starts[index + 1]
        offset = after if left else -before
        t = self.in_exon(index if left else index + 1, border)
        return Point(t, offset if self.forward else -offset)

    def point_to_genomic(self, point: Point) -> int:
        """The inverse of `point`."""
        exonic = self.to_genomic(point.t)
        return exonic + point.offset if self.forward else exonic - point.offset

    def number(self, point: Point) -> str:
        """The HGVS c. or n. number of a base: 12, -3, *7, 123+4, 124-2."""
        if not self.coding:
            text = str(point.t + 1)
        elif point.t < self.coding_start:
            text = str(point.t - self.coding_start)
        elif point.t >= self.coding_end:
            text = f"*{point.t - self.coding_end + 1}"
        else:
            text = str(point.t - self.coding_start + 1)
        return f"{text}{point.offset:+d}" if point.offset else text

    def bases(self, start: int, end: int) -> bytes | None:
        """Transcript bases [start, end); None where any of them is not known."""
        if self.spliced is not None:
            return self.spliced[start:end]
        known = self.transcript.cds_sequence
        if known is None or start < self.coding_start or end > self.coding_end:
            return None
        return known[start - self.coding_start : end - self.coding_start]

    def known_base(self, t: int) -> str:
        """The letter at transcript position `t`; empty where the sequence is not known."""
        if self.spliced is not None:
            return chr(self.spliced[t])
        known = self.transcript.cds_sequence
        if known is None or not self.coding_start <= t < self.coding_end:
            return ""
        return chr(known[t - self.coding_start])

    def reading(self) -> bytes | None:
        """From the first complete codon to the end of what is known; None without sequence."""
        if not self.coding:
            return None
        if self.spliced is not None:
            return self.spliced[self.frame_start :]
        known = self.transcript.cds_sequence
        return None if known is None else known[self.transcript.cds_phase :]

    def keeps_start(self, codon: bytes) -> bool:
        """Whether a codon in the start codon's stead still reads as Met, or as the old one did."""
        letter = self.genetic_code.amino_acid.get(codon)
        return letter is not None and letter in ("M", (self.protein or "")[:1])

    def in_exon(self, index: int, genomic: int) -> int:
        """The transcript position of a base that exon `index` is known to hold."""
        if self.forward:
            return self.exon_offsets[index] + genomic - self.exon_starts[index]
        return self.exon_offsets[index] + self.exon_ends[index] - 1 - genomic

    def _coding_span(self) -> tuple[int, int]:
        if self.transcript.cds is None:
            return 0, 0
        low, high = self.transcript.cds
        ends = (self.to_transcript(low), self.to_transcript(high - 1))
        if low >= high or ends[0] is None or ends[1] is None:
            raise ValueError(f"{self.transcript.transcript_id}: the CDS does not lie in the exons")
        if not 0 <= self.transcript.cds_phase < _CODON:
            raise ValueError(f"{self.transcript.transcript_id}: the CDS phase is not 0, 1 or 2")
        return min(ends[0], ends[1]), max(ends[0], ends[1]) + 1

    def _spliced(self) -> bytes | None:
        transcript = self.transcript
        if transcript.sequence is not None and len(transcript.sequence) != self.length:
            raise ValueError(
                f"{transcript.transcript_id}: {len(transcript.sequence)} bases of sequence "
                f"for {self.length} bases of exons"
            )
        known = transcript.cds_sequence
        if known is not None and len(known) != self.coding_end - self.coding_start:
            raise ValueError(
                f"{transcript.transcript_id}: {len(known)} bases of coding sequence "
                f"for {self.coding_end - self.coding_start} bases of CDS"
            )
        return transcript.sequence

    def _protein(self) -> str | None:
        """The reference translation, a stop at its end if it has one; Sec where TGA is inside."""
        if not self.coding:
            return None
        coding = self.bases(self.frame_start, self.coding_end)
        if coding is None:
            return None
        protein = translate(coding, self.genetic_code)
        inner = protein.find(STOP, 0, max(0, len(protein) - 1))
        if inner < 0 or self.genetic_code.table != 1:
            return protein
        letters = list(protein)
        for i, letter in enumerate(letters[:-1]):
            if letter == STOP and coding[_CODON * i : _CODON * i + _CODON] == _TGA:
                letters[i] = SELENOCYSTEINE
        return "".join(letters)

    def _has_start(self) -> bool:
        """Whether the first codon is known, complete and a start codon."""
        if not self.complete_start or self.coding_end - self.coding_start < _CODON:
            return False
        first = self.bases(self.coding_start, self.coding_start + _CODON)
        return first in self.genetic_code.starts

    def _complete_end(self) -> bool:
        """Whether the last codon is a stop: looked at where it is known, else taken as told."""
        if self.protein is not None:
            return self.protein.endswith(STOP)
        broken = (self.coding_end - self.frame_start) % _CODON
        return self.coding and not self.transcript.cds_end_nf and not broken

    def _coding_warnings(self) -> tuple[str, ...]:
        """What a reader of a coding call must know of the model, in SnpEff's vocabulary."""
        if not self.coding:
            return ()
        if self.protein is None:
            return ("WARNING_SEQUENCE_NOT_AVAILABLE",)
        found = []
        tail = self.bases(self.frame_start + _CODON * len(self.protein), self.coding_end)
        # Six human mitochondrial genes end in T or TA: the poly-A tail makes it a stop codon.
        completed = self.genetic_code.table == _MITOCHONDRIAL and tail in (b"T", b"TA")
        if not self.complete_start or (tail and not completed):
            found.append("WARNING_TRANSCRIPT_INCOMPLETE")
        if self.complete_start and not self.has_start:
            found.append("WARNING_TRANSCRIPT_NO_START_CODON")
        if STOP in self.protein[:-1]:
            found.append("WARNING_TRANSCRIPT_MULTIPLE_STOP_CODONS")
        if not (self.complete_end or completed or "WARNING_TRANSCRIPT_INCOMPLETE" in found):
            found.append("WARNING_TRANSCRIPT_NO_STOP_CODON")
        return tuple(found)


def _check_exons(transcript: Transcript) -> None:
    name = transcript.transcript_id
    if transcript.strand not in (1, -1):
        raise ValueError(f"{name}: the strand is {transcript.strand}, not +1 or -1")
    if not transcript.exons:
        raise ValueError(f"{name}: there is no exon")
    if any(start < 0 or start >= end for start, end in transcript.exons):
        raise ValueError(f"{name}: an exon is empty or negative")
    # Exons may touch: Ensembl has transcripts whose frameshift introns are 0 or 1 base long.
    if any(left[1] > right[0] for left, right in pairwise(transcript.exons)):
        raise ValueError(f"{name}: the exons overlap or do not ascend")
