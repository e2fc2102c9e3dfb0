"""The result of annotating one allele against one transcript."""

from typing import NamedTuple

from ann.anntools.consequence.so import Impact, Term, impact_of
from ann.anntools.consequence.transcript import Model, Transcript

FLANK = 5_000
_CODON = 3


class Effect(NamedTuple):
    """Terms, the most severe first, and what ANN says beside them.

    `t` is the 0-based transcript position of the 5'-most changed exonic base, None without one.
    """

    transcript: Transcript
    terms: tuple[Term, ...]
    hgvs_c: str = ""
    hgvs_p: str = ""
    rank: str = ""
    t: int | None = None
    distance: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def impact(self) -> Impact:
        """The impact of the most severe term."""
        return impact_of(self.terms)

    @property
    def cdna_pos(self) -> int | None:
        """1-based position in the spliced transcript."""
        return None if self.t is None else self.t + 1

    @property
    def cdna_len(self) -> int:
        """Length of the spliced transcript."""
        return self.transcript.model.length

    @property
    def cds_pos(self) -> int | None:
        """1-based position in the coding sequence."""
        model = self.transcript.model
        if self.t is None or not model.coding_start <= self.t < model.coding_end:
            return None
        return self.t - model.coding_start + 1

    @property
    def cds_len(self) -> int:
        """Length of the coding sequence, stop codon included."""
        model = self.transcript.model
        return model.coding_end - model.coding_start

    @property
    def aa_pos(self) -> int | None:
        """1-based number of the codon; None in a partial codon at either end."""
        model = self.transcript.model
        if self.t is None or not model.frame_start <= self.t < model.coding_end:
            return None
        number = (self.t - model.frame_start) // _CODON + 1
        whole = (model.coding_end - model.frame_start) // _CODON
        return number if number <= whole else None

    @property
    def aa_len(self) -> int:
        """Number of amino acids, the stop not counted."""
        return self.transcript.model.aa_length


def outside(model: Model, start: int, end: int) -> Effect | None:
    """The effect of changing bases [start, end) beside the transcript; None if they are not."""
    low, high = model.exon_starts[0], model.exon_ends[-1]
    if end <= low:
        distance = low - end + 1
        upstream = model.forward
    elif start >= high:
        distance = start - high + 1
        upstream = not model.forward
    else:
        return None
    if distance > FLANK:
        return Effect(model.transcript, (Term.INTERGENIC,))
    terms = (Term.UPSTREAM,) if upstream else (Term.DOWNSTREAM,)
    return Effect(model.transcript, terms, distance=distance)
