"""What must hold for any transcript and any allele."""

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ann.anntools.consequence.ann import FIELDS, ann_text
from ann.anntools.consequence.codon import reverse_complement, translate_to_stop
from ann.anntools.consequence.effect import REALIGNED, annotate_allele
from ann.anntools.consequence.so import SEVERITY
from ann.anntools.consequence.transcript import Transcript
from tests.unit.ann.consequence.hgvs_reader import agrees, altered_contig, genomic_numbers
from tests.unit.ann.consequence.worlds import (
    World,
    mirrored,
    odd_transcripts,
    random_allele,
    random_world,
    seeded,
)

SYMBOLIC = (b"<DEL>", b"<DUP>", b"<DUP:TANDEM>", b"<INV>", b"<INS:ME:ALU>", b"<CNV>", b"<*>")
ODD = (b"*", b".", b"A[2:100[", b"]1:5]T", b"<>", b"", b"N", b"ACGNNT", b"R")
LETTERS = (b"ACGT", b"AC", b"AGT", b"A")
alts = st.one_of(st.sampled_from(SYMBOLIC + ODD), st.binary(max_size=12))


@given(
    seed=st.integers(0, 10_000),
    letters=st.sampled_from(LETTERS),
    pos=st.integers(-5, 12_000),
    ref=st.one_of(st.text("ACGTN", max_size=40).map(str.encode), st.binary(max_size=5)),
    alt=alts,
    end=st.one_of(st.none(), st.integers(-10, 12_000)),
    known=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_no_allele_however_odd_is_too_much(
    *, seed: int, letters: bytes, pos: int, ref: bytes, alt: bytes, end: int | None, known: bool
) -> None:
    rng = seeded(seed)
    world = random_world(rng, 2, code=1 + seed % 2, letters=letters)
    for transcript in (*world.transcripts, *odd_transcripts(rng, world.sequence)):
        effect = annotate_allele(transcript, pos, ref, alt, world.genome if known else None, end)
        assert list(effect.terms) == sorted(set(effect.terms), key=SEVERITY.__getitem__)
        text = ann_text(alt.decode("latin-1"), effect)
        assert text.count("|") == len(FIELDS) - 1
        assert not set(text) & set("=;, \t\r\n")


@given(seed=st.integers(0, 1_000_000), letters=st.sampled_from(LETTERS), known=st.booleans())
@settings(max_examples=300, deadline=None)
def test_odd_transcripts_get_descriptions_that_hold(
    *, seed: int, letters: bytes, known: bool
) -> None:
    rng = seeded(seed)
    world = random_world(rng, 1, letters=letters)
    for transcript in odd_transcripts(rng, world.sequence):
        for _ in range(6):
            at = rng.randrange(max(0, transcript.start - 2), transcript.end + 2)
            pos, ref, alt = random_allele(rng, world.sequence, at)
            effect = annotate_allele(transcript, pos, ref, alt, world.genome if known else None)
            if effect.hgvs_c:
                altered = altered_contig(world, transcript, effect.hgvs_c)
                assert altered == vcf_applied(world.sequence, pos, ref, alt), effect.hgvs_c


@given(seed=st.integers(0, 100_000), letters=st.sampled_from(LETTERS), known=st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_same_allele_always_has_the_same_effect(
    *, seed: int, letters: bytes, known: bool
) -> None:
    rng = seeded(seed)
    world = random_world(rng, 1, letters=letters)
    transcript = world.transcripts[0]
    at = rng.randrange(transcript.start, transcript.end)
    pos, ref, alt = random_allele(rng, world.sequence, at)
    genome = world.genome if known else None
    again = random_world(seeded(seed), 1, letters=letters).transcripts[0]
    first = annotate_allele(transcript, pos, ref, alt, genome)
    assert first == annotate_allele(again, pos, ref, alt, genome)


def vcf_applied(sequence: bytes, pos: int, ref: bytes, alt: bytes) -> bytes:
    return sequence[: pos - 1] + alt + sequence[pos - 1 + len(ref) :]


@given(seed=st.integers(0, 1_000_000), letters=st.sampled_from(LETTERS), known=st.booleans())
@settings(max_examples=400, deadline=None)
def test_applying_the_c_description_makes_the_altered_sequence(
    *, seed: int, letters: bytes, known: bool
) -> None:
    rng = seeded(seed)
    world = random_world(rng, 1, letters=letters)
    transcript = world.transcripts[0]
    for _ in range(8):
        at = rng.randrange(transcript.start, transcript.end)
        pos, ref, alt = random_allele(rng, world.sequence, at)
        effect = annotate_allele(transcript, pos, ref, alt, world.genome if known else None)
        inside = transcript.start <= pos - 1 and pos - 1 + len(ref) <= transcript.end - 1
        assert effect.hgvs_c or not inside or effect.distance is not None
        if effect.hgvs_c:
            altered = altered_contig(world, transcript, effect.hgvs_c)
            assert altered == vcf_applied(world.sequence, pos, ref, alt), effect.hgvs_c


@given(seed=st.integers(0, 1_000_000), letters=st.sampled_from(LETTERS), known=st.booleans())
@settings(max_examples=400, deadline=None)
def test_the_p_description_tells_what_translating_both_sequences_shows(
    *, seed: int, letters: bytes, known: bool
) -> None:
    rng = seeded(seed)
    code = 1 + seed % 2
    world = random_world(rng, 1, code=code, letters=letters)
    transcript = world.transcripts[0]
    for _ in range(8):
        at = rng.randrange(transcript.start, transcript.end)
        pos, ref, alt = random_allele(rng, world.sequence, at)
        genome = world.genome if known else None
        effect = annotate_allele(transcript, pos, ref, alt, genome)
        told = effect.hgvs_p not in ("", "p.?", "p.Met1?", "p.Met1=")
        if not (told and in_one_exon(transcript, effect.hgvs_c)):
            continue
        before, after = proteins(world, transcript, effect.hgvs_c)
        assert agrees(effect.hgvs_p, before, after), (effect.hgvs_p, before, after)


@given(seed=st.integers(0, 1_000_000), letters=st.sampled_from(LETTERS))
@settings(max_examples=200, deadline=None)
def test_a_gene_turned_to_the_other_strand_has_the_same_effects(
    *, seed: int, letters: bytes
) -> None:
    rng = seeded(seed)
    world = random_world(rng, 1, letters=letters)
    turned = mirrored(world)
    transcript = world.transcripts[0]
    for _ in range(8):
        at = rng.randrange(transcript.start - 3, transcript.end + 3)
        pos, ref, alt = random_allele(rng, world.sequence, at)
        one = annotate_allele(transcript, pos, ref, alt, world.genome)
        other = annotate_allele(
            turned.transcripts[0],
            len(world.sequence) - (pos - 1 + len(ref)) + 1,
            reverse_complement(ref),
            reverse_complement(alt),
            turned.genome,
        )
        if not (one.hgvs_c and other.hgvs_c):
            # At the transcript's own ends the record decides whether the allele is in it.
            continue
        assert one._replace(transcript=None, warnings=()) == other._replace(
            transcript=None, warnings=()
        )
        assert set(one.warnings) - {REALIGNED} == set(other.warnings) - {REALIGNED}


@given(seed=st.integers(0, 1_000_000), letters=st.sampled_from(LETTERS))
@settings(max_examples=200, deadline=None)
def test_an_allele_has_one_effect_however_its_record_is_written(
    *, seed: int, letters: bytes
) -> None:
    rng = seeded(seed)
    world = random_world(rng, 1, letters=letters)
    transcript = world.transcripts[0]
    pos, ref, alt = random_allele(
        rng, world.sequence, rng.randrange(transcript.start + 30, transcript.end + 30)
    )
    altered = vcf_applied(world.sequence, pos, ref, alt)
    effects = set()
    for other in range(max(1, pos - 12), pos + 12):
        size = len(ref)
        new = world.sequence[other - 1 : other - 1 + size]
        into = altered[other - 1 : other - 1 + len(alt)]
        if new and into and vcf_applied(world.sequence, other, new, into) == altered:
            effect = annotate_allele(transcript, other, new, into, world.genome)
            effects.add(effect._replace(warnings=()))
    if ref != alt and all(effect.distance is None and effect.hgvs_c for effect in effects):
        assert len(effects) <= 1


def in_one_exon(transcript: Transcript, text: str) -> bool:
    """Whether a description names exonic bases with no intron between them."""
    match = re.match(r"c\.(\d+)(?:_(\*?\d+))?[a-zA-Z>=]", text)
    if match is None:
        return False
    numbers = genomic_numbers(transcript)
    low, high = sorted((numbers[match[1]], numbers[match[2] or match[1]]))
    return any(start <= low and high < end for start, end in transcript.exons)


def proteins(world: World, transcript: Transcript, text: str) -> tuple[str, str]:
    """The reference protein and the one after a change told in exonic c. numbers."""
    exonic = World("t", transcript.sequence or b"", ())
    length = len(exonic.sequence)
    assert transcript.cds is not None
    model = transcript.model
    whole = replace(
        transcript, strand=1, exons=((0, length),), cds=(model.coding_start, model.coding_end)
    )
    altered = altered_contig(exonic, whole, text)
    code = model.genetic_code
    return (
        translate_to_stop(exonic.sequence[model.coding_start :], code),
        translate_to_stop(altered[model.coding_start :], code),
    )
