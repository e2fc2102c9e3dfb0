"""Which parts of a transcript an interval or an insertion point touches, as SO terms.

Beside a donor or acceptor term no finer splice term is given: the worse one says it all. An intron
of no length (touching exons) has no splice sites. An insertion lies between two bases: it is in a
part when both are, and in a splice region also when it is exactly on the exon/intron border.
"""

from typing import NamedTuple

from ann.anntools.consequence.so import Term, by_severity
from ann.anntools.consequence.transcript import Model

SPLICE_SITE = 2
EXON_REGION = 3
INTRON_REGION = 8
_FIFTH = 5
_DONOR_REGION = 6
_TRACT = 17


def _intron_base(after_donor: int, before_acceptor: int) -> tuple[Term, ...]:
    """Terms of one intron base, 1-based distances from its two exons."""
    sites = {Term.INTRON}
    if after_donor <= SPLICE_SITE:
        sites.add(Term.SPLICE_DONOR)
    if before_acceptor <= SPLICE_SITE:
        sites.add(Term.SPLICE_ACCEPTOR)
    if len(sites) == 1:
        if after_donor <= INTRON_REGION or before_acceptor <= INTRON_REGION:
            sites.add(Term.SPLICE_REGION)
        if after_donor == _FIFTH:
            sites.add(Term.SPLICE_DONOR_5TH_BASE)
        elif after_donor <= _DONOR_REGION:
            sites.add(Term.SPLICE_DONOR_REGION)
        if before_acceptor <= _TRACT:
            sites.add(Term.SPLICE_POLYPYRIMIDINE_TRACT)
    return by_severity(sites)


_DEEP = _TRACT + 1
INTRON_BASE = tuple(
    tuple(_intron_base(donor, acceptor) for acceptor in range(1, _DEEP + 1))
    for donor in range(1, _DEEP + 1)
)


def intron_base_terms(after_donor: int, before_acceptor: int) -> tuple[Term, ...]:
    """Terms of one intron base from a table: beyond 17 bases distances make no difference."""
    return INTRON_BASE[min(after_donor, _DEEP) - 1][min(before_acceptor, _DEEP) - 1]


class Touched(NamedTuple):
    """Terms of place, and how many exons are covered whole."""

    terms: set[Term]
    exons_lost: int


def in_splice_region(model: Model, nth: int, start: int, end: int) -> bool:
    """Whether [start, end) inside exon `nth` comes within three bases of an intron.

    An insertion point (start == end) also counts on the border itself.
    """
    exon_start, exon_end = model.exon_starts[nth], model.exon_ends[nth]
    if start == end:
        near_left = start < exon_start + EXON_REGION
        near_right = start > exon_end - EXON_REGION
    else:
        near_left = start < exon_start + EXON_REGION
        near_right = end > exon_end - EXON_REGION
    return (near_left and nth > 0 and model.exon_ends[nth - 1] < exon_start) or (
        near_right and nth + 1 < len(model.exon_starts) and model.exon_starts[nth + 1] > exon_end
    )


def intron_terms(model: Model, nth: int, start: int, end: int) -> set[Term]:
    """Terms of [start, end), clipped to intron `nth`; `start == end` is an insertion point."""
    low, high = model.exon_ends[nth], model.exon_starts[nth + 1]
    donor, acceptor = (low, high) if model.forward else (high, low)
    side = 1 if model.forward else -1
    found = {Term.INTRON}
    if _meets(donor, side, 0, SPLICE_SITE, start, end):
        found.add(Term.SPLICE_DONOR)
    if _meets(acceptor, -side, 0, SPLICE_SITE, start, end):
        found.add(Term.SPLICE_ACCEPTOR)
    if len(found) > 1:
        return found
    if _meets(donor, side, -EXON_REGION, INTRON_REGION, start, end) or _meets(
        acceptor, -side, -EXON_REGION, INTRON_REGION, start, end
    ):
        found.add(Term.SPLICE_REGION)
    if start == end:
        # The finer terms name bases, and an insertion changes none.
        return found
    if _meets(donor, side, _FIFTH - 1, _FIFTH, start, end):
        found.add(Term.SPLICE_DONOR_5TH_BASE)
    if _meets(donor, side, SPLICE_SITE, _FIFTH - 1, start, end) or _meets(
        donor, side, _FIFTH, _DONOR_REGION, start, end
    ):
        found.add(Term.SPLICE_DONOR_REGION)
    if _meets(acceptor, -side, SPLICE_SITE, _TRACT, start, end):
        found.add(Term.SPLICE_POLYPYRIMIDINE_TRACT)
    return found


def _meets(border: int, side: int, first: int, last: int, start: int, end: int) -> bool:
    """Whether [start, end) meets the bases `first`..`last` steps into the intron from `border`."""
    low, high = (border + first, border + last) if side == 1 else (border - last, border - first)
    if start == end:
        return low < start < high
    return start < high and end > low


def exon_terms(model: Model, start: int, end: int) -> set[Term]:
    """Terms of transcript positions [start, end) by UTR, coding sequence or non-coding exon."""
    if not model.coding:
        return {Term.NON_CODING_EXON}
    if start == end:
        if start <= model.coding_start:
            return {Term.FIVE_PRIME_UTR}
        if start >= model.coding_end:
            return {Term.THREE_PRIME_UTR}
        return {Term.CODING_SEQUENCE}
    found = set()
    if start < model.coding_start:
        found.add(Term.FIVE_PRIME_UTR)
    if end > model.coding_end:
        found.add(Term.THREE_PRIME_UTR)
    if start < model.coding_end and end > model.coding_start:
        found.add(Term.CODING_SEQUENCE)
    return found


def touched(model: Model, start: int, end: int) -> Touched:
    """Everything [start, end) overlaps of the transcript, a base or more of it."""
    terms: set[Term] = set()
    lost = 0
    sites = False
    for nth, (exon_start, exon_end) in enumerate(model.transcript.exons):
        low, high = max(start, exon_start), min(end, exon_end)
        if low < high:
            first, last = model.to_transcript(low), model.to_transcript(high - 1)
            if first is not None and last is not None:
                terms |= exon_terms(model, min(first, last), max(first, last) + 1)
            lost += low == exon_start and high == exon_end
            if in_splice_region(model, nth, low, high):
                terms.add(Term.SPLICE_REGION)
        following = nth + 1
        if following < len(model.exon_starts):
            low, high = max(start, exon_end), min(end, model.exon_starts[following])
            if low < high:
                here = intron_terms(model, nth, low, high)
                sites = sites or bool(here & {Term.SPLICE_DONOR, Term.SPLICE_ACCEPTOR})
                terms |= here
    if sites:
        terms -= {
            Term.SPLICE_REGION,
            Term.SPLICE_DONOR_REGION,
            Term.SPLICE_DONOR_5TH_BASE,
            Term.SPLICE_POLYPYRIMIDINE_TRACT,
        }
    return Touched(terms, lost)
