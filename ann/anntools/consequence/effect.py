"""What one allele does to one transcript: the routine that settles every allele.

HGVS c. names the most 3' of equal placements, the terms and p. the least disruptive one: see
placement.py, choice.py and decision 120.

cDNA.pos, CDS.pos and AA.pos tell the 5'-most changed base that is exonic, for an insertion the base
before it. Upstream and downstream reach 5,000 bases; the distance is that to the nearest changed
base, 1 for the base beside the transcript.
"""

from ann.anntools.consequence import hgvs_c, hgvs_p
from ann.anntools.consequence.allele import Change, Kind, read_allele
from ann.anntools.consequence.choice import choose
from ann.anntools.consequence.coding import coding_effect
from ann.anntools.consequence.codon import reverse_complement
from ann.anntools.consequence.outcome import Effect, outside
from ann.anntools.consequence.placement import Genome, Reference, Span, rotate, shifts
from ann.anntools.consequence.region import exon_terms, in_splice_region, intron_terms
from ann.anntools.consequence.snv import REF_MISMATCH, snv_effect
from ann.anntools.consequence.so import Term, by_severity
from ann.anntools.consequence.structural import first_changed, structural_effect
from ann.anntools.consequence.transcript import Model, Place, Transcript

REALIGNED = "INFO_REALIGN_3_PRIME"
# Symbolic events longer than this are told by their place, not read base by base.
LONGEST_READ = 10_000
_N = ord("N")


def annotate_allele(
    transcript: Transcript,
    pos: int,
    ref: bytes,
    alt: bytes,
    genome: Genome | None = None,
    end: int | None = None,
) -> Effect:
    """The effect of replacing `ref` at 1-based `pos` by `alt` on the forward strand.

    `genome(start, end)` gives the contig's bases [start, end), 0-based, or None. `end` is INFO/END
    of a symbolic allele. Never raises on an allele; ValueError on a transcript that contradicts
    itself.
    """
    model = transcript.model
    change = read_allele(pos, ref, alt, end)
    if change.is_snv:
        return snv_effect(model, change.start, change.removed, change.inserted)
    beside = outside(model, change.start, change.end)
    if beside is not None:
        return beside
    spelled = ref if change.kind is Kind.SEQUENCE else b""
    reference = Reference(model, genome, pos - 1, spelled)
    change = _spelled(model, change, reference)
    inside = model.exon_starts[0] <= change.start and change.end <= model.exon_ends[-1]
    if change.kind is Kind.INSERTION:
        effect = _unknown_insertion(model, change.start)
    elif change.kind is Kind.SEQUENCE and change.removed == change.inserted:
        effect = _unchanged(model, change)
    elif change.kind in (Kind.SEQUENCE, Kind.DELETION) and inside:
        effect = _small_effect(model, change, reference)
    else:
        effect = structural_effect(model, change)
    return effect


def _spelled(model: Model, change: Change, reference: Reference) -> Change:
    """A symbolic event as bases taken out and put in, where its bases are known and few."""
    start, end = change.start, change.end
    if (
        change.kind not in (Kind.DELETION, Kind.DUPLICATION, Kind.INVERSION)
        or end - start > LONGEST_READ
        or start < model.exon_starts[0]
        or end > model.exon_ends[-1]
    ):
        return change
    one_place = choose(model, start, end, Span(0, 0)).place is not None
    bases = reference.bases(start, end)
    if bases is None or not (one_place or change.kind is Kind.DELETION):
        return change
    if change.kind is Kind.DELETION:
        return Change(Kind.SEQUENCE, start, end, bases)
    if change.kind is Kind.INVERSION:
        return Change(Kind.SEQUENCE, start, end, bases, reverse_complement(bases))
    return change if end == model.exon_ends[-1] else Change(Kind.SEQUENCE, end, end, b"", bases)


def _small_effect(model: Model, change: Change, reference: Reference) -> Effect:
    """A deletion, insertion or replacement inside the transcript."""
    start, end = change.start, change.end
    span, described = Span(0, 0), None
    if not change.inserted:
        if change.removed:
            bounds = (model.exon_starts[0], model.exon_ends[-1])
            span = shifts(change, change.removed, reference, bounds)
        shift = span.right if model.forward else -span.left
        described = hgvs_c.over(model, start + shift, end + shift, "del")
    elif start == end:
        bounds = (model.exon_starts[0] + 1, model.exon_ends[-1] - 1)
        span = shifts(change, change.inserted, reference, bounds)
        shift = span.right if model.forward else -span.left
        described = _insertion_text(model, start + shift, rotate(change.inserted, shift), reference)
    else:
        shift = 0
        described = hgvs_c.replacement(model, start, end, change.removed, change.inserted)
    if (start, end) == (model.exon_starts[0], model.exon_ends[-1]):
        return structural_effect(model, change, described)
    where = choose(model, start, end, span)
    unit = rotate(change.inserted, where.shift) if start == end else change.inserted
    realigned: tuple[str, ...] = (REALIGNED,) if shift else ()
    chosen = Change(change.kind, start + where.shift, end + where.shift, b"", unit)
    place = where.place or _touching_exons(model, chosen)
    if place is None:
        return structural_effect(model, chosen, described, shifted=shift != 0)
    if not place.exonic:
        terms = by_severity(intron_terms(model, place.nth, chosen.start, chosen.end))
        return Effect(model.transcript, terms, described, "", model.rank(place), warnings=realigned)
    known = reference.exonic(start, end) if change.removed else None
    mismatch = known is not None and any(
        a != b and _N not in (a, b) for a, b in zip(known, change.removed, strict=True)
    )
    warnings = (REF_MISMATCH, *realigned) if mismatch else realigned
    return _exonic_effect(model, place.nth, chosen, described, warnings)


def _exonic_effect(
    model: Model, nth: int, change: Change, described: str, warnings: tuple[str, ...]
) -> Effect:
    first, before = _along(model, nth, change)
    last = first + change.end - change.start
    protein = ""
    terms = exon_terms(model, first, last)
    if Term.CODING_SEQUENCE in terms:
        new = change.inserted if model.forward else reverse_complement(change.inserted)
        terms, protein = coding_effect(model, first, last, new)
        warnings = (*warnings, *model.warnings)
    if in_splice_region(model, nth, change.start, change.end):
        terms = terms | {Term.SPLICE_REGION}
    rank = model.rank(Place(exonic=True, nth=nth))
    return Effect(
        model.transcript, by_severity(terms), described, protein, rank, before, None, warnings
    )


def _along(model: Model, nth: int, change: Change) -> tuple[int, int]:
    """Where a change in exon `nth` begins on the transcript, and the position ANN shows for it."""
    if model.forward:
        first = model.in_exon(nth, change.start)
    else:
        first = model.in_exon(nth, change.end - 1)
    inserted = change.start == change.end and first > model.exon_offsets[nth]
    return first, first - inserted


def _touching_exons(model: Model, change: Change) -> Place | None:
    """The 5' exon where the change runs over exons that touch: there is no intron to cross."""
    first, last = model.to_transcript(change.start), model.to_transcript(change.end - 1)
    if first is None or last is None or abs(last - first) != change.end - 1 - change.start:
        return None
    return first_changed(model, change.start, change.end)[0]


def _insertion_text(model: Model, at: int, unit: bytes, reference: Reference) -> str:
    """`dup` of the bases directly 5' of `at` where the unit repeats them, else `ins`."""
    low, high = model.exon_starts[0], model.exon_ends[-1]
    step = 1 if model.forward else -1
    # The bases at the transcript's end can be repeated though nothing can be inserted after them.
    for to in (step, 0):
        place, repeated = at + to, rotate(unit, to)
        start, end = sorted((place, place - step * len(unit)))
        at_edge = place in (low, high)
        if to and not at_edge:
            continue
        if low <= start and end <= high and reference.bases(start, end) == repeated:
            return hgvs_c.over(model, start, end, "dup")
    text = hgvs_c.inserted_text(unit if model.forward else reverse_complement(unit))
    return hgvs_c.insertion(model, at, text)


def _unknown_insertion(model: Model, at: int) -> Effect:
    """`<INS>`: bases that are not told, before genomic base `at`."""
    place = choose(model, at, at, Span(0, 0)).place or Place(exonic=False, nth=0)
    described = hgvs_c.insertion(model, at, hgvs_c.UNKNOWN_INSERT)
    if not place.exonic:
        terms = by_severity(intron_terms(model, place.nth, at, at))
        return Effect(model.transcript, terms, described, "", model.rank(place))
    first, before = _along(model, place.nth, Change(Kind.INSERTION, at, at))
    found = exon_terms(model, first, first) | {Term.FEATURE_ELONGATION}
    protein = ""
    warnings: tuple[str, ...] = ()
    if Term.CODING_SEQUENCE in found:
        protein = hgvs_p.UNPREDICTABLE if model.protein is not None else ""
        warnings = model.warnings
    if in_splice_region(model, place.nth, at, at):
        found.add(Term.SPLICE_REGION)
    return Effect(
        model.transcript,
        by_severity(found),
        described,
        protein,
        model.rank(place),
        before,
        None,
        warnings,
    )


def _unchanged(model: Model, change: Change) -> Effect:
    place, t = first_changed(model, change.start, change.end)
    described = hgvs_c.over(model, change.start, change.end, "=")
    return Effect(model.transcript, (Term.SEQUENCE,), described, "", model.rank(place), t)
