import pytest

from ann.anntools.consequence.codon import (
    genetic_code,
    reverse_complement,
    spell,
    translate,
    translate_to_stop,
)


def test_the_mitochondrial_code_differs_in_exactly_four_codons() -> None:
    standard = genetic_code(1).amino_acid
    mitochondrial = genetic_code(2).amino_acid
    differing = {
        codon: (standard[codon], mitochondrial[codon])
        for codon in standard
        if standard[codon] != mitochondrial[codon]
    }
    assert differing == {
        b"TGA": ("*", "W"),
        b"ATA": ("I", "M"),
        b"AGA": ("R", "*"),
        b"AGG": ("R", "*"),
    }


def test_the_standard_code_has_sixty_one_sense_codons() -> None:
    table = genetic_code(1).amino_acid
    assert len(table) == 64
    assert {codon for codon, letter in table.items() if letter == "*"} == {b"TAA", b"TAG", b"TGA"}


def test_translation_stops_where_it_is_told_and_marks_what_it_cannot_read() -> None:
    code = genetic_code(1)
    assert translate(b"ATGAANTAAGGGC", code) == "MX*G"
    assert translate_to_stop(b"ATGAANTAAGGGC", code) == "MX*"
    assert translate_to_stop(b"ATGAA", code) == "M"


def test_the_other_strand_is_read_backwards() -> None:
    assert reverse_complement(b"AACGTN") == b"NACGTT"


def test_amino_acids_are_spelled_in_three_letters() -> None:
    assert spell("MU*X") == "MetSecTerXaa"


def test_a_genetic_code_that_is_not_carried_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="genetic code 11 is not carried"):
        genetic_code(11)
