import pytest

from ann.anntools.consequence.allele import Change, Kind, is_sequence, read_allele


@pytest.mark.parametrize(
    ("ref", "alt", "start", "end", "removed", "inserted"),
    [
        (b"A", b"G", 9, 10, b"A", b"G"),
        (b"AT", b"A", 10, 11, b"T", b""),
        (b"A", b"AT", 10, 10, b"", b"T"),
        (b"ACGT", b"AGGT", 10, 11, b"C", b"G"),
        (b"ACGT", b"ATTT", 10, 12, b"CG", b"TT"),
        (b"TAT", b"T", 10, 12, b"AT", b""),
        (b"acg", b"aTg", 10, 11, b"C", b"T"),
    ],
)
def test_an_allele_is_what_ref_and_alt_do_not_share(
    ref: bytes, alt: bytes, start: int, end: int, removed: bytes, inserted: bytes
) -> None:
    assert read_allele(10, ref, alt) == Change(Kind.SEQUENCE, start, end, removed, inserted)


@pytest.mark.parametrize(
    ("alt", "end", "expected"),
    [
        (b"<DEL>", 20, Change(Kind.DELETION, 10, 20)),
        (b"<DEL:ME:ALU>", 20, Change(Kind.DELETION, 10, 20)),
        (b"<DUP:TANDEM>", 20, Change(Kind.DUPLICATION, 10, 20)),
        (b"<INV>", 20, Change(Kind.INVERSION, 10, 20)),
        (b"<INS>", None, Change(Kind.INSERTION, 10, 10)),
        (b"<CNV>", 20, Change(Kind.PLACE, 9, 20)),
        (b"<DEL>", None, Change(Kind.PLACE, 9, 10)),
        (b"<DEL>", 3, Change(Kind.PLACE, 9, 10)),
        (b"*", None, Change(Kind.PLACE, 9, 10)),
        (b"A[2:100[", None, Change(Kind.PLACE, 9, 10)),
        (b"", None, Change(Kind.PLACE, 9, 10)),
    ],
)
def test_what_is_not_a_sequence_is_an_interval(
    alt: bytes, end: int | None, expected: Change
) -> None:
    assert read_allele(10, b"A", alt, end) == expected


def test_only_acgtn_spell_a_sequence() -> None:
    assert is_sequence(b"acgtN")
    assert not is_sequence(b"ACR")
    assert not is_sequence(b"")


def test_long_alleles_are_compared_fast_and_right() -> None:
    body = b"ACGGT" * 20_000
    change = read_allele(1, body + b"A" + body, body + b"C" + body)
    assert (change.start, change.end, change.inserted) == (100_000, 100_001, b"C")
