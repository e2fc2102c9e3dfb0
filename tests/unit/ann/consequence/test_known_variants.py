"""Published names of well-known variants, on the stretch of sequence each needs.

Sequences are facts from NCBI RefSeq (public domain): NM_000518 (HBB, from c.1), NM_007294 (BRCA1,
from c.1), NM_000517 (HBA2, its last codons and 3' UTR), NM_000492 (CFTR, codons 506 to 510).
"""

import pytest

from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.transcript import Transcript

HBB = b"ATGGTGCATCTGACTCCTGAGGAGAAGTCTGCCGTTACTGCCCTGTGGGGCAAGGTGAACGTGGATGAAGTTGGTGGTGAGGCCCTGGGC"
BRCA1 = (
    b"ATGGATTTATCTGCTCTTCGCGTTGAAGAAGTACAAAATGTCATTAATGCTATGCAGAAAATCTTAGAGTGTCCCATCTGTCTG"
    b"GAGTTGATCAAGGAACCTGTCTCCACAAAGTGTGACCACATATTTTGC"
)
HBA2_END = b"ACCTCCAAATACCGTTAA"
HBA2_UTR = (
    b"GCTGGAGCCTCGGTAGCCGTTCCTCCTGCCCGCTGGGCCTCCCAACGGGCCCTCCTCCCCTCCTTGCACCGGCCCTTCCTG"
    b"GTCTTTGAATAAAGTCTGAGTGGGC"
)
CFTR_506 = b"ATCATCTTTGGTGTT"


def transcript(coding: bytes, utr: bytes = b"", *, ended: bool = False) -> Transcript:
    """One exon that is nothing but the coding sequence and the 3' UTR."""
    return Transcript(
        transcript_id="T",
        gene_id="G",
        gene_name="G",
        biotype="protein_coding",
        contig="1",
        strand=1,
        exons=((0, len(coding + utr)),),
        cds=(0, len(coding)),
        sequence=coding + utr,
        cds_end_nf=not ended,
    )


def filled(codons: int, rest: bytes) -> bytes:
    """`codons` codons before the ones of interest: ATG and then GCA."""
    return b"ATG" + b"GCA" * (codons - 1) + rest


@pytest.mark.parametrize(
    ("coding", "pos", "ref", "alt", "hgvs_c", "hgvs_p"),
    [
        (HBB, 20, b"A", b"T", "c.20A>T", "p.Glu7Val"),  # HbS
        (HBB, 19, b"G", b"A", "c.19G>A", "p.Glu7Lys"),  # HbC
        (HBB, 27, b"G", b"GG", "c.27dup", "p.Ser10ValfsTer14"),  # codons 8/9 +G
        (HBB, 51, b"C", b"T", "c.51C>T", "p.Gly17="),
        (HBB, 52, b"A", b"T", "c.52A>T", "p.Lys18Ter"),  # codon 17 A>T
        (BRCA1, 65, b"TAG", b"T", "c.68_69del", "p.Glu23ValfsTer17"),  # 185delAG
        (filled(505, CFTR_506), 1519, b"ATCT", b"A", "c.1521_1523del", "p.Phe508del"),  # deltaF508
        (filled(505, CFTR_506), 1521, b"CTTT", b"C", "c.1522_1524del", "p.Phe508del"),
    ],
)
def test_a_published_variant_has_its_published_name(
    coding: bytes, pos: int, ref: bytes, alt: bytes, hgvs_c: str, hgvs_p: str
) -> None:
    assert coding[pos - 1 : pos - 1 + len(ref)] == ref
    effect = annotate_allele(transcript(coding), pos, ref, alt)
    assert (effect.hgvs_c, effect.hgvs_p) == (hgvs_c, hgvs_p)


def test_haemoglobin_constant_spring_is_longer_by_thirty_one_residues() -> None:
    coding = filled(137, HBA2_END)
    effect = annotate_allele(transcript(coding, HBA2_UTR, ended=True), len(coding) - 2, b"T", b"C")
    assert (effect.hgvs_c, effect.hgvs_p) == ("c.427T>C", "p.Ter143GlnextTer31")
