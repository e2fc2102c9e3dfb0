"""Changes told by their place alone: symbolic alleles, deletions of exons or whole transcripts.

- a deletion of the whole transcript is transcript_ablation, a duplication of it
  transcript_amplification; an inversion of it leaves it whole: sequence_variant.
- a deletion over a border has the terms of every part it takes a base from; exon_loss_variant for
  an exon taken whole, start_lost or stop_lost where it takes a base of a complete start or stop
  codon.
- a duplication, or an insertion of unknown bases, has the terms of the place and, in an exon,
  feature_elongation.
- `*`, `.`, `<*>`, `<CNV>` and breakends have the terms of the place and no HGVS.
HGVS p. is p.? where coding bases are changed and the sequence is known: the splicing of what is
left, and so its translation, is not (protein/deletion, exons 1 to 2).
"""

from ann.anntools.consequence import hgvs_c, hgvs_p
from ann.anntools.consequence.allele import Change, Kind
from ann.anntools.consequence.outcome import Effect
from ann.anntools.consequence.region import touched
from ann.anntools.consequence.so import Term, by_severity
from ann.anntools.consequence.transcript import Model, Place

_CODON = 3
_SPLICING = {
    Term.SPLICE_ACCEPTOR,
    Term.SPLICE_DONOR,
    Term.SPLICE_REGION,
    Term.SPLICE_DONOR_5TH_BASE,
    Term.SPLICE_DONOR_REGION,
    Term.SPLICE_POLYPYRIMIDINE_TRACT,
}
_CODING = {Term.CODING_SEQUENCE, Term.START_LOST, Term.STOP_LOST}
_WHOLE = {
    Kind.DELETION: Term.TRANSCRIPT_ABLATION,
    Kind.DUPLICATION: Term.TRANSCRIPT_AMPLIFICATION,
    Kind.INVERSION: Term.SEQUENCE,
}
_SUFFIX = {Kind.DELETION: "del", Kind.DUPLICATION: "dup", Kind.INVERSION: "inv"}


def structural_effect(
    model: Model, change: Change, described: str | None = None, *, shifted: bool = False
) -> Effect:
    """The effect of a change that overlaps the transcript, from its interval alone.

    `described` is the HGVS c. description where the caller knows it better than the interval does.
    """
    kind, start, end = change.kind, change.start, change.end
    if kind is Kind.SEQUENCE and end - start > len(change.inserted):
        kind = Kind.DELETION
    covers = start <= model.exon_starts[0] and end >= model.exon_ends[-1]
    if covers and kind in _WHOLE:
        return Effect(model.transcript, (_WHOLE[kind],))
    found = touched(model, start, end)
    terms = set(found.terms)
    if kind in (Kind.PLACE, Kind.DUPLICATION):
        # Nothing is taken away: the splice sites are still there.
        terms -= _SPLICING
    else:
        terms |= _codons_lost(model, start, end)
    if kind is Kind.DELETION and found.exons_lost:
        terms.add(Term.EXON_LOSS)
    elif kind is Kind.DUPLICATION and terms != {Term.INTRON}:
        terms.add(Term.FEATURE_ELONGATION)
    if described is None and kind in _SUFFIX:
        described = hgvs_c.over(model, start, end, _SUFFIX[kind])
    coding = bool(terms & _CODING)
    predictable = kind is Kind.PLACE or not coding or model.protein is None
    place, t = first_changed(model, start, end)
    return Effect(
        model.transcript,
        by_severity(terms),
        described or "",
        "" if predictable else hgvs_p.UNPREDICTABLE,
        model.rank(place),
        t,
        None,
        (model.warnings if coding else ()) + (("INFO_REALIGN_3_PRIME",) if shifted else ()),
    )


def first_changed(model: Model, start: int, end: int) -> tuple[Place, int | None]:
    """The exon of the 5'-most changed exonic base and its position, else the intron."""
    start, end = max(start, model.exon_starts[0]), min(end, model.exon_ends[-1])
    at = start if model.forward else end - 1
    place = model.exon_at(at)
    if not place.exonic:
        nth = place.nth + 1 if model.forward else place.nth
        beyond = model.exon_starts[nth] if model.forward else model.exon_ends[nth] - 1
        if not start <= beyond < end:
            return place, None
        at, place = beyond, Place(exonic=True, nth=nth)
    return place, model.in_exon(place.nth, at)


def _codons_lost(model: Model, start: int, end: int) -> set[Term]:
    """Whether a base of a complete start or stop codon lies in [start, end)."""
    lost = set()
    if model.complete_start and _holds(model, model.coding_start, start, end):
        lost.add(Term.START_LOST)
    if model.complete_end and _holds(model, model.coding_end - _CODON, start, end):
        lost.add(Term.STOP_LOST)
    return lost


def _holds(model: Model, codon: int, start: int, end: int) -> bool:
    first, last = max(codon, model.coding_start), min(codon + _CODON, model.coding_end)
    return any(start <= model.to_genomic(t) < end for t in range(first, last))
