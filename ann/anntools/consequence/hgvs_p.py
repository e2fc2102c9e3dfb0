"""HGVS descriptions of a protein: p., three letters, Ter for stop, without parentheses.

Rules and where they are stated (hgvs-nomenclature.org, release 21, recommendations/protein):
- every description is a prediction; the parentheses HGVS puts round predictions are left out, as
  the ANN standard and the tools that read it do.
- only the two proteins are compared; what happened to the DNA is not used (general, questions).
- the most C-terminal of equal placements is described (3' rule, deletion and insertion pages).
- substitution: p.Gln8Lys; stop gained p.Gln8Ter; unchanged p.Gln8= or p.Gln8_Leu9=; a changed
  start codon that no longer starts p.Met1? (substitution page).
- frameshift: p.Arg97ProfsTer23 from the first changed residue, the new stop counted from it as 1;
  fsTer? when no stop is met; an immediate stop is p.Tyr4Ter (frameshift page). A deletion from
  before the stop codon into it is described as a frameshift (deletion page).
- extension: p.Ter110GlnextTer17, the new stop counted from the replaced one as 0, as in
  p.(Ter315TyrextAsnLysGlyThrTer) for a stop five residues on; extTer? when none is met. Residues
  added directly before the stop are an extension too (insertion and duplication pages).
- residues lost directly before the stop make the stop immediate: p.Lys23Ter (deletion page).
- p.Lys23del, p.Lys23_Val25del, p.Lys23dup, p.Lys23_Leu24insArgSerGln, p.Cys28delinsTrpVal. A
  stop that is encoded by inserted bases ends the insertion or delins, in frame or not:
  p.Met3_His4insGlyTer, p.Asn47delinsSerSerTer; one that comes first is p.Tyr4Ter.
- residues changed apart from each other by one allele are one delins: the bracket form of HGVS
  holds a semicolon, which separates the fields of VCF's INFO.
- more than 100 inserted residues are given by their number, insX[120], or up to a stop, insTer120.
- p.? where a coding change has no predictable protein (deletion page, exons 1 to 2).
"""

from ann.anntools.consequence.codon import STOP, THREE_LETTERS, UNKNOWN, spell
from ann.anntools.consequence.runs import common_prefix, common_suffix

UNPREDICTABLE = "p.?"
START_LOST = "p.Met1?"
LONGEST_SPELLED = 100


def substitution(ref: str, number: int, alt: str) -> str:
    """One residue replaced by another, by a stop or by itself."""
    if ref == alt:
        return f"p.{THREE_LETTERS[ref]}{number}="
    return f"p.{THREE_LETTERS[ref]}{number}{THREE_LETTERS[alt]}"


def unchanged(protein: str, first: int, last: int) -> str:
    """Residues `first`..`last`, from 0 and inclusive, spelled as unchanged."""
    start = f"p.{THREE_LETTERS[protein[first]]}{first + 1}"
    if last <= first:
        return f"{start}="
    return f"{start}_{THREE_LETTERS[protein[last]]}{last + 1}="


def from_tail(first: int, ref: str, alt: str) -> str:
    """Proteins that read `ref` and `alt` from residue `first` (from 0) on, each to its end.

    For changes after which the frame or the end differs. Either may lack its stop, when the
    sequence ends before one is met.
    """
    same = common_prefix(ref, alt)
    if ref and ref == alt:
        return substitution(ref[0], first + 1, ref[0])
    if same >= len(alt) or same >= len(ref) or UNKNOWN in (ref[same], alt[same]):
        return UNPREDICTABLE
    number = first + same + 1
    start = f"p.{THREE_LETTERS[ref[same]]}{number}{THREE_LETTERS[alt[same]]}"
    if alt[same] == STOP:
        return start
    stop = len(alt) - 1 - same if alt.endswith(STOP) else None
    if ref[same] == STOP:
        return f"{start}extTer{'?' if stop is None else stop}"
    return f"{start}fsTer{'?' if stop is None else stop + 1}"


def in_frame(protein: str, first: int, ref: str, alt: str) -> str:
    """Residues `ref` at `first` (from 0) of the protein replaced by `alt`, the frame kept.

    `protein` is the whole reference translation, its stop included. `ref` holds no final stop.
    """
    last = first + max(len(ref), 1) - 1
    stop = alt.find(STOP)
    if stop >= 0:
        alt = alt[: stop + 1]
    if UNKNOWN in ref or UNKNOWN in alt:
        return UNPREDICTABLE
    head = common_prefix(ref, alt)
    first, ref, alt = first + head, ref[head:], alt[head:]
    tail = common_suffix(ref, alt)
    if tail:
        ref, alt = ref[:-tail], alt[:-tail]
    if not ref and not alt:
        text = unchanged(protein, first - head, last)
    elif alt.startswith(STOP):
        known = first < len(protein)
        text = substitution(protein[first], first + 1, STOP) if known else UNPREDICTABLE
    elif not ref:
        text = _insertion(protein, first, alt)
    elif not alt:
        text = _deletion(protein, first, len(ref))
    elif len(ref) == len(alt) == 1:
        text = substitution(ref, first + 1, alt)
    else:
        text = f"{_range(protein, first, first + len(ref) - 1)}delins{_residues(alt)}"
    return text


def _deletion(protein: str, first: int, count: int) -> str:
    while (
        first + count < len(protein)
        and protein[first + count] != STOP
        and protein[first] == protein[first + count]
    ):
        first += 1
    if protein[first + count : first + count + 1] == STOP:
        return substitution(protein[first], first + 1, STOP)
    return f"{_range(protein, first, first + count - 1)}del"


def _insertion(protein: str, at: int, new: str) -> str:
    """`new` before residue `at` (from 0)."""
    if STOP not in new:
        while at < len(protein) and protein[at] == new[0]:
            new = new[1:] + new[0]
            at += 1
        if protein[at : at + 1] != STOP and protein[max(0, at - len(new)) : at] == new:
            return f"{_range(protein, at - len(new), at - 1)}dup"
    if at in (0, len(protein)):
        return UNPREDICTABLE
    if protein[at] == STOP:
        return f"p.Ter{at + 1}{THREE_LETTERS[new[0]]}extTer{len(new.rstrip(STOP))}"
    return f"{_range(protein, at - 1, at)}ins{_residues(new)}"


def _range(protein: str, first: int, last: int) -> str:
    text = f"p.{THREE_LETTERS[protein[first]]}{first + 1}"
    return text if first == last else f"{text}_{THREE_LETTERS[protein[last]]}{last + 1}"


def _residues(new: str) -> str:
    if len(new) <= LONGEST_SPELLED:
        return spell(new)
    return f"Ter{len(new)}" if new.endswith(STOP) else f"X[{len(new)}]"
