"""HGVS descriptions on a transcript: c. for coding, n. for non-coding ones.

Rules and where they are stated (hgvs-nomenclature.org, release 21):
- numbers: c.1 is the first coding base, c.-1 and c.*1 the UTR bases beside the coding sequence,
  c.12+3 and c.13-3 intron bases; n.1 is the first base of a non-coding transcript
  (background/numbering). Nothing is described beyond the transcript's ends (same page, "transcript
  flanking"): the description is then empty. There is no c.0.
- no reference sequence is named before the colon: the ANN field names the transcript beside it.
- priority: substitution, deletion, inversion, duplication, insertion (recommendations/general).
- bases deleted, duplicated or inverted are not spelled out (DNA/deletion, DNA/duplication).
- 3' rule: see placement.py. It is applied to deletions, insertions and duplications.
- an insertion that repeats the bases directly 5' of it is a `dup` (DNA/duplication), any other is
  `ins` between its two flanking bases (DNA/insertion). The repeat format `[n]` is not used: it says
  the same as del and dup, and its rules in coding sequence differ by reader.
- one VCF allele is one description: bases changed apart from each other are one `delins`
  (DNA/delins; the VCF record says that they are on one molecule).
- two or more bases replaced by their reverse complement are `inv` (DNA/inversion).
- an inserted sequence longer than 500 bases is given by its length, `insN[512]`, an unknown one as
  `insN[?]` (DNA/insertion, "incomplete descriptions").
- an allele equal to the reference is `c.12=` (DNA/substitution).
"""

from ann.anntools.consequence.codon import reverse_complement
from ann.anntools.consequence.transcript import Model

LONGEST_SPELLED = 500
UNKNOWN_INSERT = "N[?]"


def prefix(model: Model) -> str:
    """`c.` or `n.`."""
    return "c." if model.coding else "n."


def interval(model: Model, start: int, end: int) -> str:
    """The number or range of the genomic bases [start, end); empty when any lies outside."""
    first, last = (start, end - 1) if model.forward else (end - 1, start)
    low = model.point(first)
    if low is None:
        return ""
    if first == last:
        return model.number(low)
    high = model.point(last)
    return "" if high is None else f"{model.number(low)}_{model.number(high)}"


def inserted_text(bases: bytes) -> str:
    """The bases, or their number where they are too many to spell."""
    if len(bases) > LONGEST_SPELLED:
        return f"N[{len(bases)}]"
    return bases.decode("ascii")


def substitution(model: Model, at: int, ref: bytes, alt: bytes) -> str:
    """`c.12A>G` for genomic bases given on the forward strand."""
    where = interval(model, at, at + 1)
    if not where:
        return ""
    if not model.forward:
        ref, alt = reverse_complement(ref), reverse_complement(alt)
    return f"{prefix(model)}{where}{ref.decode('ascii')}>{alt.decode('ascii')}"


def over(model: Model, start: int, end: int, suffix: str) -> str:
    """`c.12_14` and the suffix: `del`, `dup`, `inv`, `=`."""
    where = interval(model, start, end)
    return f"{prefix(model)}{where}{suffix}" if where else ""


def insertion(model: Model, at: int, text: str) -> str:
    """`c.12_13insACG` before genomic base `at`; `text` reads along the transcript."""
    where = interval(model, at - 1, at + 1)
    return f"{prefix(model)}{where}ins{text}" if where else ""


def replacement(model: Model, start: int, end: int, removed: bytes, inserted: bytes) -> str:
    """`inv` or `delins` of the genomic bases [start, end)."""
    if not model.forward:
        removed, inserted = reverse_complement(removed), reverse_complement(inserted)
    if len(removed) > 1 and inserted == reverse_complement(removed) and b"N" not in removed:
        return over(model, start, end, "inv")
    return over(model, start, end, f"delins{inserted_text(inserted)}")
