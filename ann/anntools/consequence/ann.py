"""The ANN text of one effect: 16 fields of the ANN standard, version 1.0 of January 2015.

Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | Feature_Type | Feature_ID |
Transcript_BioType | Rank | HGVS.c | HGVS.p | cDNA.pos/cDNA.length | CDS.pos/CDS.length |
AA.pos/AA.length | Distance | ERRORS/WARNINGS/INFO

Rules of the text:
- terms and warnings are joined by `&`, the worst term first; positions are `pos/length`, or empty;
- Feature_Type is `transcript`; Rank is `n/m` of exons or introns; Distance is given upstream and
  downstream only, in bases;
- inside a field the characters that INFO or ANN keep for themselves are percent-encoded (VCF 4.3,
  section 1.2): % ; = , | & blank, tab, line ends. So `p.Gln8=` reads `p.Gln8%3D`, as in VEP.
"""

from functools import lru_cache

from ann.anntools.consequence.escape import encode
from ann.anntools.consequence.outcome import Effect
from ann.anntools.consequence.so import IMPACT, Term

FIELDS = (
    "Allele",
    "Annotation",
    "Annotation_Impact",
    "Gene_Name",
    "Gene_ID",
    "Feature_Type",
    "Feature_ID",
    "Transcript_BioType",
    "Rank",
    "HGVS.c",
    "HGVS.p",
    "cDNA.pos / cDNA.length",
    "CDS.pos / CDS.length",
    "AA.pos / AA.length",
    "Distance",
    "ERRORS / WARNINGS / INFO",
)
DESCRIPTION = f"Functional annotations: '{' | '.join(FIELDS)}'"


@lru_cache(maxsize=1024)
def _terms(terms: tuple[Term, ...]) -> str:
    """Fields 2 and 3."""
    return f"{'&'.join(terms)}|{IMPACT[terms[0]].value}"


def ann_text(allele: str, effect: Effect) -> str:
    """The 16 fields, `allele` as the record writes it."""
    model = effect.transcript.model
    if effect.terms == (Term.INTERGENIC,):
        return intergenic_text(allele)
    cdna = f"{effect.t + 1}/{model.length}" if effect.t is not None else ""
    coding_at, residue = effect.cds_pos, effect.aa_pos
    cds = f"{coding_at}/{effect.cds_len}" if coding_at is not None else ""
    aa = f"{residue}/{model.aa_length}" if residue is not None else ""
    protein = effect.hgvs_p.replace("=", "%3D")
    distance = "" if effect.distance is None else effect.distance
    return (
        f"{encode(allele)}|{_terms(effect.terms)}|{model.ann_names}|{effect.rank}|"
        f"{effect.hgvs_c.replace('=', '%3D')}|{protein}|{cdna}|{cds}|{aa}|{distance}|"
        f"{'&'.join(effect.warnings)}"
    )


def intergenic_text(allele: str) -> str:
    """The 16 fields of an allele that is in and beside no gene."""
    return f"{encode(allele)}|{_terms((Term.INTERGENIC,))}|||{Term.INTERGENIC.value}||||||||||"
