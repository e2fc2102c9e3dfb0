from dataclasses import replace

import pytest

from ann.anntools.consequence.transcript import Place, Point, Transcript

# Exons of 10, 6 and 12 bases; introns of 5 and 20.
FORWARD = Transcript(
    transcript_id="T1",
    gene_id="G1",
    gene_name="GENE",
    biotype="protein_coding",
    contig="1",
    strand=1,
    exons=((100, 110), (115, 121), (141, 153)),
    cds=(104, 147),
)
REVERSE = replace(FORWARD, strand=-1)


def test_transcript_positions_run_from_the_five_prime_end() -> None:
    assert [FORWARD.model.to_transcript(g) for g in (100, 109, 115, 141, 152)] == [0, 9, 10, 16, 27]
    assert [REVERSE.model.to_transcript(g) for g in (152, 141, 120, 109, 100)] == [
        0,
        11,
        12,
        18,
        27,
    ]
    assert FORWARD.model.to_transcript(110) is None
    assert FORWARD.model.to_transcript(99) is None
    assert FORWARD.model.to_transcript(153) is None


@pytest.mark.parametrize("transcript", [FORWARD, REVERSE])
def test_every_exonic_base_maps_there_and_back(transcript: Transcript) -> None:
    model = transcript.model
    for t in range(model.length):
        assert model.to_transcript(model.to_genomic(t)) == t


@pytest.mark.parametrize("transcript", [FORWARD, REVERSE])
def test_every_base_of_the_span_has_a_point_that_leads_back(transcript: Transcript) -> None:
    model = transcript.model
    for genomic in range(transcript.start, transcript.end):
        point = model.point(genomic)
        assert point is not None
        assert model.point_to_genomic(point) == genomic


def test_the_middle_of_an_odd_intron_counts_from_the_upstream_exon() -> None:
    assert FORWARD.model.point(112) == Point(9, 3)
    assert FORWARD.model.point(113) == Point(10, -2)
    assert REVERSE.model.point(112) == Point(17, 3)
    assert REVERSE.model.point(111) == Point(18, -2)


def test_numbers_follow_hgvs_on_both_sides_of_the_coding_sequence() -> None:
    number = FORWARD.model.number
    assert (FORWARD.model.coding_start, FORWARD.model.coding_end) == (4, 22)
    assert [number(Point(t, 0)) for t in (0, 3, 4, 21, 22)] == ["-4", "-1", "1", "18", "*1"]
    assert number(Point(9, 2)) == "6+2"
    assert number(Point(10, -1)) == "7-1"
    non_coding = replace(FORWARD, cds=None).model
    assert non_coding.number(Point(9, 2)) == "10+2"


def test_exons_and_introns_are_ranked_along_the_transcript() -> None:
    assert FORWARD.model.exon_at(105) == Place(exonic=True, nth=0)
    assert FORWARD.model.rank(Place(exonic=True, nth=0)) == "1/3"
    assert REVERSE.model.rank(Place(exonic=True, nth=0)) == "3/3"
    assert FORWARD.model.rank(FORWARD.model.exon_at(130)) == "2/2"
    assert REVERSE.model.rank(REVERSE.model.exon_at(130)) == "1/2"


def test_the_stop_codon_is_not_counted_as_an_amino_acid() -> None:
    complete = replace(FORWARD, cds_sequence=b"ATGAAACCCGGGTTTTAA")
    assert complete.model.protein == "MKPGF*"
    assert complete.model.aa_length == 5
    open_ended = replace(FORWARD, cds_sequence=b"ATGAAACCCGGGTTTAAA", cds_end_nf=True)
    assert open_ended.model.aa_length == 6
    assert FORWARD.model.aa_length == 5
    assert replace(FORWARD, cds_end_nf=True).model.aa_length == 6


def test_codons_of_a_sequence_without_its_start_begin_after_the_phase() -> None:
    partial = replace(
        FORWARD, cds_sequence=b"CATGAAACCCGGGTTTTA", cds_phase=1, cds_start_nf=True
    ).model
    assert partial.protein == "MKPGF"
    assert partial.warnings == ("WARNING_TRANSCRIPT_INCOMPLETE",)


def test_a_stop_inside_the_standard_code_is_selenocysteine_when_it_is_tga() -> None:
    selenoprotein = replace(FORWARD, cds_sequence=b"ATGTGACCCGGGTTTTAA").model
    assert selenoprotein.protein == "MUPGF*"
    assert selenoprotein.warnings == ()
    broken = replace(FORWARD, cds_sequence=b"ATGTAACCCGGGTTTTAA").model
    assert broken.warnings == ("WARNING_TRANSCRIPT_MULTIPLE_STOP_CODONS",)


def test_doubts_about_the_model_are_named() -> None:
    assert FORWARD.model.warnings == ("WARNING_SEQUENCE_NOT_AVAILABLE",)
    headless = replace(FORWARD, cds_sequence=b"AAAAAACCCGGGTTTAAA").model
    assert headless.warnings == (
        "WARNING_TRANSCRIPT_NO_START_CODON",
        "WARNING_TRANSCRIPT_NO_STOP_CODON",
    )


def test_a_stop_completed_by_the_poly_a_tail_is_no_doubt_in_mitochondria() -> None:
    ends = {
        code: replace(
            FORWARD,
            cds=(104, 146),
            cds_sequence=b"ATGAAACCCGGGTTTTA",
            genetic_code=code,
        ).model.warnings
        for code in (1, 2)
    }
    assert ends == {1: ("WARNING_TRANSCRIPT_INCOMPLETE",), 2: ()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exons": ()}, "no exon"),
        ({"exons": ((10, 10),)}, "empty"),
        ({"exons": ((10, 20), (15, 30))}, "overlap"),
        ({"strand": 0}, "strand"),
        ({"cds": (104, 112)}, "does not lie"),
        ({"cds_phase": 3}, "phase"),
        ({"sequence": b"ACGT"}, "4 bases of sequence"),
        ({"cds_sequence": b"ACGT"}, "4 bases of coding sequence"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _ = replace(FORWARD, **change).model  # type: ignore[arg-type]
