"""One base replaced by one other: the common case, and the one the compiled kernel repeats.

The rules, in the order they are applied (the kernel must give the same text):
1. beside the transcript: upstream_gene_variant or downstream_gene_variant and the distance.
2. in an intron: region.INTRON_BASE by the distances from the two exons, capped at 18.
3. in an exon: non_coding_transcript_exon_variant, 5_prime_UTR_variant, 3_prime_UTR_variant, or by
   codon; and splice_region_variant within three bases of an intron.
4. a codon: coding_sequence_variant without sequence, in the partial codon before the frame, or
   where ALT or the codon holds an N (p.? then); incomplete_terminal_codon_variant with
   coding_sequence_variant in a partial last codon; start_retained_variant p.Met1= or start_lost
   p.Met1? in a start codon; stop_retained_variant p.Ter9=, synonymous_variant p.Gln8=, stop_gained
   p.Gln8Ter, stop_lost p.Ter9GlnextTer3, missense_variant p.Gln8Lys.
5. warnings: those of the model in a codon; before them WARNING_REF_DOES_NOT_MATCH_GENOME in an exon
   whose known base is not REF.
The codon is the transcript's own, REF or not; c. shows the record's REF.
"""

from bisect import bisect_right
from types import MappingProxyType

from ann.anntools.consequence import hgvs_p
from ann.anntools.consequence.codon import STOP, UNKNOWN, translate_to_stop
from ann.anntools.consequence.outcome import Effect, outside
from ann.anntools.consequence.region import EXON_REGION, intron_base_terms
from ann.anntools.consequence.so import Term, by_severity
from ann.anntools.consequence.transcript import Model

REF_MISMATCH = "WARNING_REF_DOES_NOT_MATCH_GENOME"
_CODON = 3
_SAME = MappingProxyType({b"A": "A", b"C": "C", b"G": "G", b"T": "T", b"N": "N"})
_OTHER = MappingProxyType({b"A": "T", b"C": "G", b"G": "C", b"T": "A", b"N": "N"})

_UNSETTLED = (Term.CODING_SEQUENCE,)
_PARTIAL = (Term.INCOMPLETE_TERMINAL_CODON, Term.CODING_SEQUENCE)
_NEAR_INTRON = MappingProxyType(
    {
        terms: by_severity((*terms, Term.SPLICE_REGION))
        for terms in (*((term,) for term in Term), _PARTIAL)
    }
)


def snv_effect(model: Model, at: int, ref: bytes, alt: bytes) -> Effect:
    """The effect of `ref` -> `alt` at 0-based genomic `at`, bases on the forward strand."""
    beside = outside(model, at, at + 1)
    if beside is not None:
        return beside
    letters = _SAME if model.forward else _OTHER
    change = f"{letters[ref]}>{letters[alt]}"
    starts, ends = model.exon_starts, model.exon_ends
    nth = bisect_right(starts, at) - 1
    if at >= ends[nth]:
        return _in_intron(model, nth, at, change)
    t = model.in_exon(nth, at)
    protein = ""
    warnings: tuple[str, ...] = ()
    if not model.coding:
        terms: tuple[Term, ...] = (Term.NON_CODING_EXON,)
        described = f"n.{t + 1}{change}"
    elif t < model.coding_start:
        terms, described = (Term.FIVE_PRIME_UTR,), f"c.{t - model.coding_start}{change}"
    elif t >= model.coding_end:
        terms, described = (Term.THREE_PRIME_UTR,), f"c.*{t - model.coding_end + 1}{change}"
    else:
        described = f"c.{t - model.coding_start + 1}{change}"
        terms, protein = _in_codon(model, t, letters[alt])
        warnings = model.warnings
    if model.known_base(t) not in (letters[ref], "N", "") and letters[ref] != "N":
        warnings = (REF_MISMATCH, *warnings)
    if (at - starts[nth] < EXON_REGION and nth and ends[nth - 1] < starts[nth]) or (
        ends[nth] - at <= EXON_REGION and nth + 1 < len(starts) and ends[nth] < starts[nth + 1]
    ):
        terms = _NEAR_INTRON[terms]
    rank = f"{nth + 1 if model.forward else len(starts) - nth}/{len(starts)}"
    return Effect(model.transcript, terms, described, protein, rank, t, None, warnings)


def _in_intron(model: Model, nth: int, at: int, change: str) -> Effect:
    after, before = at - model.exon_ends[nth] + 1, model.exon_starts[nth + 1] - at
    count = len(model.exon_starts) - 1
    if model.forward:
        terms, rank = intron_base_terms(after, before), f"{nth + 1}/{count}"
    else:
        terms, rank = intron_base_terms(before, after), f"{count - nth}/{count}"
    number = model.number(model.intron_point(nth, at))
    described = f"{'c' if model.coding else 'n'}.{number}{change}"
    return Effect(model.transcript, terms, described, "", rank)


def _in_codon(model: Model, t: int, alt: str) -> tuple[tuple[Term, ...], str]:
    """Terms and p. of putting `alt`, read along the transcript, at coding position `t`."""
    codon, within = divmod(t - model.frame_start, _CODON)
    start = model.frame_start + codon * _CODON
    if start + _CODON > model.coding_end:
        return _PARTIAL, ""
    old = model.bases(start, start + _CODON)
    if codon < 0 or old is None or model.protein is None:
        return _UNSETTLED, ""
    new = old[:within] + alt.encode("ascii") + old[within + 1 :]
    if codon == 0 and model.has_start:
        if model.keeps_start(new):
            return (Term.START_RETAINED,), hgvs_p.substitution("M", 1, "M")
        return (Term.START_LOST,), hgvs_p.START_LOST
    before, after = model.protein[codon], model.genetic_code.amino_acid.get(new, UNKNOWN)
    protein = hgvs_p.substitution(before, codon + 1, after)
    if UNKNOWN in (before, after):
        terms, protein = _UNSETTLED, hgvs_p.UNPREDICTABLE
    elif before == after:
        terms = (Term.STOP_RETAINED,) if after == STOP else (Term.SYNONYMOUS,)
    elif before == STOP:
        rest = (model.reading() or b"")[(codon + 1) * _CODON :]
        tail = translate_to_stop(new + rest, model.genetic_code)
        terms, protein = (Term.STOP_LOST,), hgvs_p.from_tail(codon, STOP, tail)
    else:
        terms = (Term.STOP_GAINED,) if after == STOP else (Term.MISSENSE,)
    return terms, protein
