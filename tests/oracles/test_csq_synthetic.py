"""Every substitution of made-up contigs against `bcftools csq -l`: all of it equal."""

import re
from collections import Counter
from pathlib import Path

import pytest

from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.outcome import Effect
from ann.anntools.consequence.so import Term
from tests.oracles.csq import as_csq_change, as_csq_terms, csq_calls, write_vcf
from tests.unit.ann.consequence.worlds import World, random_allele, random_world, seeded

pytestmark = pytest.mark.full

# csq adds these to replacements and symbolic alleles; ANN has its own words for length.
LENGTH_TERMS = {"feature_elongation", "feature_truncation"}
UNEXPLAINED = "unexplained"


@pytest.mark.parametrize(("seed", "code"), [(1, 1), (2, 1), (3, 2)])
def test_every_substitution_has_the_class_and_amino_acids_of_csq(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int, code: int
) -> None:
    world = random_world(seeded(seed), 25, code=code)
    world.write(tmp_path)
    rows = [
        (at + 1, world.sequence[at : at + 1], bytes([base]))
        for at in range(len(world.sequence))
        for base in b"ACGT"
        if base != world.sequence[at]
    ]
    write_vcf(tmp_path / "in.vcf", world.contig, len(world.sequence), rows)
    calls = csq_calls(
        tmp_path / "genome.fa", tmp_path / "genes.gff3", tmp_path / "in.vcf", code=code
    )
    assert len(calls) == len(rows)
    compared = 0
    for (pos, ref, alt), told in zip(rows, calls, strict=True):
        for transcript in world.transcripts:
            if not transcript.start < pos <= transcript.end:
                continue
            effect = annotate_allele(transcript, pos, ref, alt, world.genome)
            here = [call for call in told if call.gene == transcript.gene_name]
            terms = frozenset().union(*(call.terms for call in here))
            terms -= not_said(effect)
            # csq takes a start or stop codon that an intron splits for any other codon.
            if not in_split_end(effect):
                assert as_csq_terms(effect) == terms, (pos, ref, alt, effect)
            ours = as_csq_change(effect.hgvs_p)
            theirs = next((call.change for call in here if call.change), "")
            if ours.endswith("?"):
                theirs = theirs.split(">")[0] + ">" + ours.split(">")[1]
            assert ours == theirs, (pos, ref, alt, effect)
            compared += bool(ours)
    assert compared > 5_000
    with capsys.disabled():
        print(
            f"\nbcftools csq -l -C {code}: {len(rows)} substitutions, {compared} amino acids equal"
        )


def in_split_end(effect: Effect) -> bool:
    """Whether the codon is the first or the stop codon, and an intron lies inside it."""
    model = effect.transcript.model
    if effect.aa_pos is None or effect.aa_pos not in (1, effect.aa_len + 1):
        return False
    start = model.frame_start + 3 * (effect.aa_pos - 1)
    return abs(model.to_genomic(start + 2) - model.to_genomic(start)) != 2


def not_said(effect: Effect) -> frozenset[str]:
    """What csq adds to a substitution and we leave out, by rule."""
    left_out = set()
    if Term.START_RETAINED in effect.terms:
        # With code 2 csq says both start_lost and synonymous of ATG to ATA.
        left_out.add("start_lost")
    if Term.START_LOST in effect.terms:
        # With code 2 ATG to AGG: beside a lost start no codon is read (coding.py).
        left_out.add("stop_gained")
    if {Term.SPLICE_DONOR, Term.SPLICE_ACCEPTOR} & set(effect.terms):
        # In an intron of few bases the region of one end meets the site of the other (region.py).
        left_out.add("splice_region")
    return frozenset(left_out)


def test_indels_differ_from_csq_only_where_a_rule_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = random_world(seeded(11), 60)
    world.write(tmp_path)
    rng = seeded(12)
    rows = []
    for transcript in world.transcripts:
        for _ in range(120):
            at = rng.randrange(transcript.start, transcript.end - 30)
            pos, ref, alt = random_allele(rng, world.sequence, at)
            if len(ref) != len(alt) and ref[:1] == alt[:1] and 1 in (len(ref), len(alt)):
                rows.append((pos, ref, alt, transcript))
    rows.sort(key=lambda row: row[0])
    write_vcf(tmp_path / "in.vcf", world.contig, len(world.sequence), [row[:3] for row in rows])
    calls = csq_calls(tmp_path / "genome.fa", tmp_path / "genes.gff3", tmp_path / "in.vcf")
    reasons: Counter[str] = Counter()
    unexplained = []
    for (pos, ref, alt, transcript), told in zip(rows, calls, strict=True):
        effect = annotate_allele(transcript, pos, ref, alt, world.genome)
        if effect.distance is not None or not effect.hgvs_c:
            reasons["beyond the transcript: not compared"] += 1
            continue
        here = [call for call in told if call.gene == transcript.gene_name]
        theirs = frozenset().union(*(call.terms for call in here)) - LENGTH_TERMS
        reason = why(world, (pos, ref, alt), effect, theirs)
        reasons[reason] += 1
        if reason == UNEXPLAINED:
            unexplained.append((pos, ref, alt, effect[1:4], sorted(theirs)))
    with capsys.disabled():
        print(f"\nbcftools csq -l, classes of {len(rows)} insertions and deletions:")
        for reason, count in reasons.most_common():
            print(f"  {count:6d} {reason}")
    assert not unexplained, unexplained[:5]
    assert reasons["equal"] > 0.85 * len(rows)


def why(
    world: World, allele: tuple[int, bytes, bytes], effect: Effect, theirs: frozenset[str]
) -> str:
    """The rule that explains a difference in class."""
    ours = as_csq_terms(effect)
    if ours == theirs:
        return "equal"
    codons = {"start_lost", "stop_lost", "stop_retained"}
    reasons = {
        "csq does not name the immediate stop of a frameshift": theirs == ours - {"stop_gained"},
        "csq reads a repeat at the record's place, we at one place (decision 120)": movable(
            world, allele
        ),
        "start or stop codon: csq adds frame terms, or stops at coding_sequence": bool(
            codons & (ours | theirs)
            or Term.START_RETAINED in effect.terms
            or (effect.cds_pos is not None and "3_prime_utr" in ours)
        ),
        "on or over an exon/intron border: we predict no protein there": bool(
            re.search(r"\d[+-]\d", effect.hgvs_c) or {"splice_donor", "splice_acceptor"} & ours
        ),
        "splice_region beside a splice site or at the edge of the region": ours ^ theirs
        <= {"splice_region", "intron"},
    }
    return next((reason for reason, holds in reasons.items() if holds), UNEXPLAINED)


def movable(world: World, allele: tuple[int, bytes, bytes]) -> bool:
    """Whether an insertion or deletion can be written at a neighbouring place too."""
    pos, ref, alt = allele
    unit = ref[1:] or alt[1:]
    start, end = pos, pos + len(ref) - 1
    sequence = world.sequence
    return sequence[end : end + 1] == unit[:1] or sequence[start - 1 : start] == unit[-1:]
