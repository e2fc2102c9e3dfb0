"""What must hold for any transcript and any allele."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ann.anntools.consequence.ann import FIELDS, ann_text
from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.so import SEVERITY
from tests.unit.ann.consequence.worlds import random_allele, random_world, seeded

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
    world = random_world(seeded(seed), 2, code=1 + seed % 2, letters=letters)
    for transcript in world.transcripts:
        effect = annotate_allele(transcript, pos, ref, alt, world.genome if known else None, end)
        assert list(effect.terms) == sorted(set(effect.terms), key=SEVERITY.__getitem__)
        text = ann_text(alt.decode("latin-1"), effect)
        assert text.count("|") == len(FIELDS) - 1
        assert not set(text) & set("=;, \t\r\n")


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
