from dataclasses import replace

import pytest

from ann.anntools.consequence.ann import DESCRIPTION, FIELDS, ann_text, intergenic_text
from ann.anntools.consequence.effect import annotate_allele
from tests.unit.ann.consequence.table_world import PLACES, TRANSCRIPTS, WORLD

ALPHA = TRANSCRIPTS["ALPHA"]
FIRST = PLACES["ALPHA"] + 1
HEAD = "Alpha|G_ALPHA|transcript|ALPHA|protein_coding"


def text(pos: int, ref: str, alt: str, transcript: str = "ALPHA") -> str:
    effect = annotate_allele(TRANSCRIPTS[transcript], pos, ref.encode(), alt.encode(), WORLD.genome)
    return ann_text(alt, effect)


def test_a_missense_change_fills_the_sixteen_fields() -> None:
    assert text(FIRST + 13, "A", "G") == (
        f"G|missense_variant|MODERATE|{HEAD}|1/3|c.4A>G|p.Lys2Glu|14/83|4/51|2/16||"
    )


def test_an_equals_sign_is_encoded_because_info_keeps_it() -> None:
    assert text(FIRST + 15, "A", "G") == (
        f"G|synonymous_variant|LOW|{HEAD}|1/3|c.6A>G|p.Lys2%3D|16/83|6/51|2/16||"
    )


def test_an_intron_has_its_rank_and_no_positions() -> None:
    assert text(FIRST + 31, "G", "A") == (
        f"A|splice_donor_variant&intron_variant|HIGH|{HEAD}|1/2|c.21+1G>A||||||"
    )


def test_the_distance_is_given_beside_the_transcript() -> None:
    assert text(FIRST - 7, "G", "A") == f"A|upstream_gene_variant|MODIFIER|{HEAD}|||||||7|"


def test_a_utr_base_has_a_transcript_position_only() -> None:
    assert text(FIRST, "C", "T") == f"T|5_prime_UTR_variant|MODIFIER|{HEAD}|1/3|c.-10C>T||1/83||||"


def test_the_stop_codon_is_numbered_past_the_last_amino_acid() -> None:
    last = FIRST + 129
    assert text(last, "T", "C") == (
        f"C|stop_lost|HIGH|{HEAD}|3/3|c.49T>C|p.Ter17GlnextTer2|59/83|49/51|17/16||"
    )


def test_an_insertion_is_placed_at_the_base_before_it() -> None:
    assert text(FIRST + 21, "T", "TGGT") == (
        f"TGGT|conservative_inframe_insertion|MODERATE|{HEAD}|1/3|c.12_13insGGT"
        "|p.Asp4_Ser5insGly|22/83|12/51|4/16||"
    )


def test_a_moved_name_is_said() -> None:
    assert text(FIRST + 12, "GA", "G").endswith("|INFO_REALIGN_3_PRIME")


def test_a_ref_that_is_not_the_transcripts_base_is_said() -> None:
    assert text(FIRST + 13, "C", "G").endswith("|WARNING_REF_DOES_NOT_MATCH_GENOME")
    assert text(FIRST + 13, "CCC", "G").endswith("|WARNING_REF_DOES_NOT_MATCH_GENOME")


def test_a_coding_call_without_sequence_says_so() -> None:
    assert text(FIRST + 13, "A", "G", "BARE") == (
        "G|coding_sequence_variant|MODIFIER|Alpha|G_ALPHA|transcript|BARE|protein_coding"
        "|1/3|c.4A>G||14/83|4/51|2/16||WARNING_SEQUENCE_NOT_AVAILABLE"
    )


def test_a_partial_codon_has_no_amino_acid_number() -> None:
    start = PLACES["DELTA"] + 1
    assert text(start, "C", "A", "DELTA").split("|")[11:14] == ["1/12", "1/12", ""]
    assert text(start + 10, "G", "C", "DELTA").split("|")[11:14] == ["11/12", "11/12", ""]
    assert text(start + 1, "A", "G", "DELTA").split("|")[11:14] == ["2/12", "2/12", "1/3"]


def test_names_cannot_break_the_field() -> None:
    odd = replace(ALPHA, gene_name="a|b;c=d,e f&g%h")
    effect = annotate_allele(odd, FIRST, b"C", b"T")
    assert ann_text("T", effect).split("|")[3] == "a%7Cb%3Bc%3Dd%2Ce%20f%26g%25h"


def test_what_is_in_no_gene_is_intergenic() -> None:
    expected = "A|intergenic_region|MODIFIER|||intergenic_region||||||||||"
    assert intergenic_text("A") == expected
    assert text(FIRST - 5_001, "G", "A") == expected


@pytest.mark.parametrize("transcript", sorted(TRANSCRIPTS))
def test_there_are_sixteen_fields_whatever_is_changed(transcript: str) -> None:
    start = TRANSCRIPTS[transcript].start
    for offset in range(-5, 20):
        for alt in ("T", "<DEL>", "*", "GATTACA", "]13:123456]T"):
            assert text(start + offset, "G", alt, transcript).count("|") == len(FIELDS) - 1


def test_the_header_names_the_fields_as_the_standard_does() -> None:
    assert DESCRIPTION.startswith(
        "Functional annotations: 'Allele | Annotation | Annotation_Impact"
    )
    assert DESCRIPTION.endswith("Distance | ERRORS / WARNINGS / INFO'")
