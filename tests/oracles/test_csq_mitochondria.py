"""The sample input of real mitochondrial variants against `bcftools csq -l -C 2`."""

from collections import Counter
from pathlib import Path

import pytest

from ann.anntools.consequence.allele import is_sequence
from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.outcome import Effect
from ann.anntools.consequence.so import Term
from tests.oracles.csq import as_csq_change, as_csq_terms, csq_calls, write_vcf
from tests.oracles.ensembl import sequences, transcripts
from tests.support.data import data_file

pytestmark = [pytest.mark.full, pytest.mark.data]

LENGTH_TERMS = {"feature_elongation", "feature_truncation"}


def test_every_mitochondrial_call_is_that_of_csq_with_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fasta, gff = data_file("mito/MT.fa"), data_file("mito/MT.gff3")
    bases = sequences(fasta)["MT"]
    genes = transcripts(gff, {"MT": bases}, code=2)
    assert len(genes) == 37

    def genome(start: int, end: int) -> bytes | None:
        return bases[start:end] if 0 <= start <= end <= len(bases) else None

    rows = alleles(bases)
    write_vcf(tmp_path / "in.vcf", "MT", len(bases), rows)
    calls = csq_calls(fasta, gff, tmp_path / "in.vcf", code=2)
    counts: Counter[str] = Counter()
    for (pos, ref, alt), told in zip(rows, calls, strict=True):
        for gene in genes:
            effect = annotate_allele(gene, pos, ref, alt, genome)
            if effect.distance is not None or effect.terms == (Term.INTERGENIC,):
                continue
            here = [call for call in told if call.gene == gene.gene_name]
            theirs = frozenset().union(*(call.terms for call in here)) - LENGTH_TERMS
            if not comparable(effect):
                counts["in a partial or a first codon: by our rule"] += 1
                continue
            change = next((call.change for call in here if call.change), "")
            assert as_csq_terms(effect) == theirs, (pos, ref, alt, effect, told)
            if len(ref) == len(alt) == 1:
                ours = as_csq_change(effect.hgvs_p)
                if ours.endswith("?"):
                    # HGVS tells no residue for a lost start: p.Met1?
                    change = change[:-1] + "?"
                assert ours == change, (pos, ref, alt, effect, told)
            counts["with amino acids" if effect.hgvs_p else "without"] += 1
    with capsys.disabled():
        print(f"\nbcftools csq -l -C 2 on free_1: {len(rows)} alleles, {dict(counts)}")
    assert counts["with amino acids"] >= 760


def alleles(bases: bytes) -> list[tuple[int, bytes, bytes]]:
    """POS, REF and each ALT spelled in bases of the records whose REF is the reference's."""
    rows = []
    for line in data_file("anntools/data/free_1.vcf").read_text().splitlines():
        fields = line.split("\t")
        if line.startswith("#") or len(fields) < 5:
            continue
        pos, ref = int(fields[1]), fields[3].encode().upper()
        alts = [alt.encode().upper() for alt in fields[4].split(",")]
        if bases[pos - 1 : pos - 1 + len(ref)] == ref:
            rows += [(pos, ref, alt) for alt in alts if is_sequence(alt)]
    return sorted(rows, key=lambda row: row[0])


def comparable(effect: Effect) -> bool:
    """csq has no rule for a codon completed by the poly-A tail, nor for a kept start (ND2: ATT)."""
    return not {Term.INCOMPLETE_TERMINAL_CODON, Term.START_RETAINED} & set(effect.terms)


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "gene", "expected"),
    [
        (3460, b"G", b"A", "MT-ND1", "p.Ala52Thr"),
        (8860, b"A", b"G", "MT-ATP6", "p.Thr112Ala"),
        (8993, b"T", b"G", "MT-ATP6", "p.Leu156Arg"),
        (10398, b"A", b"G", "MT-ND3", "p.Thr114Ala"),
        (11778, b"G", b"A", "MT-ND4", "p.Arg340His"),
        (13708, b"G", b"A", "MT-ND5", "p.Ala458Thr"),
        (14484, b"T", b"C", "MT-ND6", "p.Met64Val"),
        (15326, b"A", b"G", "MT-CYB", "p.Thr194Ala"),
    ],
)
def test_well_known_mitochondrial_variants_have_their_published_amino_acids(
    pos: int, ref: bytes, alt: bytes, gene: str, expected: str
) -> None:
    bases = sequences(data_file("mito/MT.fa"))["MT"]
    genes = transcripts(data_file("mito/MT.gff3"), {"MT": bases}, code=2)
    transcript = next(one for one in genes if one.gene_name == gene)
    assert annotate_allele(transcript, pos, ref, alt).hgvs_p == expected
