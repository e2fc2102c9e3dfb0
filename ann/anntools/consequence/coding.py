"""What replacing bases of the coding sequence does to the protein.

Everything follows from translating the altered transcript and comparing it with the reference
translation; positions are transcript positions, bases read along the transcript.

Terms (Sequence Ontology definitions):
- start_lost / start_retained_variant: a base of the start codon changed. It is kept when the
  altered sequence has a codon for Met, or for the residue the old one had (Ile in human ND2), where
  the unaltered rest of the frame wants it; what follows is then read as usual. Beside start_lost no
  frame term is given: where translation would begin is not known. A first codon that never was a
  start codon is a codon like any other.
- stop_lost / stop_retained_variant: the stop codon touched, and the protein's end lost or not.
- frameshift_variant: the coding length changes by other than a multiple of three and the stop codon
  is not kept; with stop_gained where the first changed residue is a stop.
- conservative_inframe_*: whole codons are gone or new and no other codon changed, whichever base
  the change is written at; disruptive_inframe_*: any other change of length in frame.
- missense_variant: residues changed, their number not (multi-base changes included).
- incomplete_terminal_codon_variant: the last, partial codon of a sequence that ends in one.
Without sequence only what the structure proves is said: frameshift, in-frame by position, else
coding_sequence_variant.
"""

from typing import NamedTuple

from ann.anntools.consequence import hgvs_p
from ann.anntools.consequence.codon import STOP, UNKNOWN, translate, translate_to_stop
from ann.anntools.consequence.runs import common_prefix
from ann.anntools.consequence.so import Term
from ann.anntools.consequence.transcript import Model

CODON = 3


class CodingEffect(NamedTuple):
    """SO terms and the p. description (empty when nothing is known of the protein)."""

    terms: set[Term]
    hgvs_p: str


class _Edit(NamedTuple):
    """Transcript bases [start, end) replaced by `new`."""

    start: int
    end: int
    new: bytes

    @property
    def delta(self) -> int:
        return len(self.new) - (self.end - self.start)

    def meets(self, low: int, high: int) -> bool:
        """Whether a base of [low, high) is changed, or an insertion is between two of them."""
        if self.start == self.end:
            return low < self.start < high
        return self.start < high and self.end > low


def coding_effect(model: Model, start: int, end: int, new: bytes) -> CodingEffect:
    """The effect of replacing transcript bases [start, end), some of them coding, by `new`.

    An insertion (start == end) lies strictly between two coding bases.
    """
    edit = _Edit(start, end, new)
    beyond = set()
    if start < model.coding_start:
        beyond.add(Term.FIVE_PRIME_UTR)
    if end > model.coding_end:
        beyond.add(Term.THREE_PRIME_UTR)
    found = _start_effect(model, edit) or _inner_effect(model, edit)
    return CodingEffect(found.terms | beyond, found.hgvs_p)


def _start_effect(model: Model, edit: _Edit) -> CodingEffect | None:
    """None unless the start codon is touched and what follows need not be read."""
    first = model.coding_start
    if not (model.has_start and edit.meets(first, first + CODON)):
        return None
    if edit.start >= first or model.spliced is not None:
        if edit.end <= first + CODON and _frame_keeps_start(model, edit):
            return CodingEffect({Term.START_RETAINED}, hgvs_p.substitution("M", 1, "M"))
        if edit.start >= first and _codon_keeps_start(model, edit):
            after = _inner_effect(model, edit)
            return CodingEffect(after.terms | {Term.START_RETAINED}, after.hgvs_p)
    return CodingEffect({Term.START_LOST}, hgvs_p.START_LOST)


def _frame_keeps_start(model: Model, edit: _Edit) -> bool:
    """Whether a start still stands directly before the unaltered second codon."""
    second = model.coding_start + CODON
    # Where only the coding sequence is known there is nothing to look at before it.
    floor = model.coding_start if model.spliced is None else 0
    before = model.bases(max(floor, edit.start - CODON), edit.start) or b""
    after = model.bases(edit.end, second) or b""
    return model.keeps_start((before + edit.new + after)[-CODON:])


def _codon_keeps_start(model: Model, edit: _Edit) -> bool:
    """Whether the bases from the old start on still begin with one."""
    before = model.bases(model.coding_start, edit.start) or b""
    after = (model.reading() or b"")[edit.end - model.frame_start :][:CODON]
    return model.keeps_start((before + edit.new + after)[:CODON])


def _inner_effect(model: Model, edit: _Edit) -> CodingEffect:
    reading = model.reading()
    whole_codons = model.frame_start + CODON * len(model.protein or "")
    if model.protein is not None and whole_codons <= edit.start < model.coding_end:
        return CodingEffect({Term.CODING_SEQUENCE, Term.INCOMPLETE_TERMINAL_CODON}, "")
    readable = (
        reading is not None
        and edit.start >= model.frame_start
        and (edit.end <= model.coding_end or (model.spliced is not None and model.complete_end))
    )
    if reading is None or not readable:
        return CodingEffect(_structural_terms(model, edit), "")
    shifted = edit.delta % CODON or edit.end > model.coding_end
    return _tail_effect(model, edit, reading) if shifted else _codon_effect(model, edit, reading)


def _codon_effect(model: Model, edit: _Edit, reading: bytes) -> CodingEffect:
    """The frame is kept: only the codons that hold the change can differ."""
    protein = model.protein or ""
    start, end = edit.start - model.frame_start, edit.end - model.frame_start
    first = start // CODON
    last = first if start == end and start % CODON == 0 else -(-end // CODON)
    if CODON * last > model.coding_end - model.frame_start:
        return CodingEffect({Term.CODING_SEQUENCE, Term.INCOMPLETE_TERMINAL_CODON}, "")
    old = reading[CODON * first : CODON * last]
    new = reading[CODON * first : start] + edit.new + reading[end : CODON * last]
    ref, alt = protein[first:last], translate(new, model.genetic_code)
    length = _length_terms(old, new)
    if STOP in ref:
        return _stop_effect(model, first, alt, new + reading[CODON * last :], length)
    if UNKNOWN in ref or UNKNOWN in alt:
        return CodingEffect(length or {Term.CODING_SEQUENCE}, hgvs_p.UNPREDICTABLE)
    if STOP in alt and protein[first:].startswith(alt[: alt.index(STOP) + 1]):
        # The new stop stands where the old one did: nothing is lost.
        return _same_protein(protein, first, last)
    if STOP in alt:
        terms = length | {Term.STOP_GAINED}
    elif ref == alt:
        terms = {Term.SYNONYMOUS}
    else:
        terms = length or {Term.MISSENSE}
    return CodingEffect(terms, hgvs_p.in_frame(protein, first, ref, alt))


def _stop_effect(model: Model, first: int, alt: str, new: bytes, length: set[Term]) -> CodingEffect:
    """The codons changed in frame hold a stop; `alt` and `new` read from codon `first` on."""
    protein = model.protein or ""
    ref_tail = protein[first : protein.index(STOP, first) + 1]
    alt_tail = translate_to_stop(new, model.genetic_code)
    if alt_tail == ref_tail:
        return _same_protein(protein, first, first + len(ref_tail))
    stop = alt.find(STOP)
    if stop < 0:
        return CodingEffect(length | {Term.STOP_LOST}, hgvs_p.from_tail(first, ref_tail, alt_tail))
    if not length and stop < len(ref_tail) - 1:
        description = hgvs_p.in_frame(protein, first, ref_tail[:-1], alt_tail)
        return CodingEffect({Term.STOP_GAINED}, description)
    description = hgvs_p.in_frame(protein, first, ref_tail[:-1], alt_tail[:-1])
    return CodingEffect((length or {Term.MISSENSE}) | {Term.STOP_RETAINED}, description)


def _tail_effect(model: Model, edit: _Edit, reading: bytes) -> CodingEffect:
    """The frame shifts, or the change runs over the end of the coding sequence."""
    protein = model.protein or ""
    start, end = edit.start - model.frame_start, edit.end - model.frame_start
    first = start // CODON
    new = reading[CODON * first : start] + edit.new + reading[end:]
    ref_tail, alt_tail = protein[first:], translate_to_stop(new, model.genetic_code)
    touches_stop = model.complete_end and edit.meets(model.coding_end - CODON, model.coding_end)
    if alt_tail == ref_tail and model.complete_end:
        return _same_protein(protein, first, len(protein) if touches_stop else first + 1)
    terms = set()
    if edit.end <= model.coding_end:
        terms.add(Term.FRAMESHIFT)
    stop = CODON * (first + len(alt_tail)) if alt_tail.endswith(STOP) else 0
    if not touches_stop and 0 < stop <= start + len(edit.new):
        # HGVS has a stop that the inserted bases encode told as an insertion (protein/insertion).
        last = first if start == end and start % CODON == 0 else -(-end // CODON)
        description = hgvs_p.in_frame(protein, first, protein[first:last], alt_tail)
        return CodingEffect(terms | {Term.STOP_GAINED}, description)
    same = common_prefix(ref_tail, alt_tail)
    if alt_tail[same : same + 1] == STOP:
        terms.add(Term.STOP_GAINED)
    elif touches_stop:
        terms.add(Term.STOP_LOST)
    return CodingEffect(terms, hgvs_p.from_tail(first, ref_tail, alt_tail))


def _same_protein(protein: str, first: int, last: int) -> CodingEffect:
    """The residues from `first` up to `last` are as they were: a stop among them is retained."""
    last = max(first, last - 1)
    term = Term.STOP_RETAINED if protein[last] == STOP else Term.SYNONYMOUS
    return CodingEffect({term}, hgvs_p.unchanged(protein, first, last))


def _length_terms(old: bytes, new: bytes) -> set[Term]:
    """The in-frame term of codons `old` replaced by `new`; none when their number is the same."""
    if len(old) == len(new):
        return set()
    before = [old[i : i + CODON] for i in range(0, len(old), CODON)]
    after = [new[i : i + CODON] for i in range(0, len(new), CODON)]
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    whole = head + tail == shorter
    if len(new) > len(old):
        return {Term.CONSERVATIVE_INSERTION if whole else Term.DISRUPTIVE_INSERTION}
    return {Term.CONSERVATIVE_DELETION if whole else Term.DISRUPTIVE_DELETION}


def _structural_terms(model: Model, edit: _Edit) -> set[Term]:
    """What is certain without reading the sequence."""
    unsure = {Term.CODING_SEQUENCE}
    if edit.start < model.coding_start or edit.end > model.coding_end:
        return unsure
    if (model.complete_start and edit.meets(model.coding_start, model.coding_start + CODON)) or (
        model.complete_end and edit.meets(model.coding_end - CODON, model.coding_end)
    ):
        return unsure
    if edit.delta % CODON:
        return {Term.FRAMESHIFT}
    if edit.delta == 0 or edit.start < model.frame_start:
        return unsure
    between_codons = (edit.start - model.frame_start) % CODON == 0
    whole = between_codons and (not edit.new or edit.start == edit.end)
    if edit.delta > 0:
        return {Term.CONSERVATIVE_INSERTION if whole else Term.DISRUPTIVE_INSERTION}
    return {Term.CONSERVATIVE_DELETION if whole else Term.DISRUPTIVE_DELETION}
