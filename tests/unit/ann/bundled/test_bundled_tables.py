"""The manifest's facts, and facts that everyone in the field knows, against the tables."""

import gzip
import hashlib
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from ann.anntools.bundled import load
from ann.anntools.consequence.transcript import Transcript

CONTIGS = [*map(str, range(1, 23)), "X", "Y", "MT"]
RANK = {name: rank for rank, name in enumerate(CONTIGS)}
MANIFEST = json.loads(load.MANIFEST.read_text(encoding="utf-8"))
BUDGET = 12_000_000


@pytest.fixture(scope="module")
def transcripts() -> dict[str, Transcript]:
    return {each.transcript_id: each for each in load.transcripts()}


@pytest.mark.parametrize("name", MANIFEST["tables"])
def test_a_table_is_what_the_manifest_says(name: str) -> None:
    entry = MANIFEST["tables"][name]
    packed = load.table_path(name).read_bytes()
    assert hashlib.sha256(packed).hexdigest() == entry["sha256"]
    assert len(packed) == entry["bytes"]
    header, *rows = gzip.decompress(packed).decode().splitlines()
    assert header == "#" + "\t".join(entry["columns"])
    assert len(rows) == entry["rows"]
    for field in ("what", "assembly", "release", "licence", "sorted_by"):
        assert entry[field]
    for source in entry["sources"]:
        assert source["registry"] in {"PyPI", "npm", "Debian"}
        assert source["version"]
        assert source["licence"] in {"MIT", "CC0-1.0", "public domain"}
        assert len(source["archive_sha256"]) == 64
        assert source["members"]


def test_all_tables_are_listed_and_fit_the_budget() -> None:
    files = {path.name for path in (load.HERE / "tables").iterdir()}
    assert files == {f"{name}.tsv.gz" for name in MANIFEST["tables"]}
    assert sum(entry["bytes"] for entry in MANIFEST["tables"].values()) < BUDGET


def test_intervals_are_sorted_half_open_and_on_known_contigs() -> None:
    sources: list[Callable[[], list[tuple[str, int, int]]]] = [
        lambda: [(x.contig, x.start, x.end) for x in load.genes("GRCh37")],
        lambda: [(x.contig, x.start, x.end) for x in load.genes("GRCh38")],
        lambda: [(x.contig, x.start, x.end) for x in load.mane()],
        lambda: [(x.contig, x.start, x.end) for x in load.mitochondrial_genes()],
    ]
    for source in sources:
        rows = source()
        keys = [(RANK[contig], start, end) for contig, start, end in rows]
        assert keys == sorted(keys)
        assert all(0 <= start < end for _, start, end in rows)


def test_transcripts_are_sorted_and_their_exons_make_sense(
    transcripts: dict[str, Transcript],
) -> None:
    places = [(RANK[each.contig], each.exons[0][0]) for each in transcripts.values()]
    assert places == sorted(places)
    for each in transcripts.values():
        assert each.strand in (1, -1)
        assert all(start < end for start, end in each.exons)
        assert all(left[1] < right[0] for left, right in pairwise(each.exons))
        if each.cds is not None:
            assert each.exons[0][0] <= each.cds[0] < each.cds[1] <= each.exons[-1][1]


def test_the_mitochondrion_is_the_revised_cambridge_reference() -> None:
    (row,) = load.sequences()
    assert (row.contig, row.length, len(row.sequence)) == ("MT", 16569, 16569)
    digest = hashlib.md5(row.sequence.encode(), usedforsecurity=False).hexdigest()
    assert digest == row.md5 == "c68f52674c9fb33aef52dcf399755519"
    assert row.sequence[3106] == "N"


def test_the_mitochondrion_has_37_genes_and_six_incomplete_stops() -> None:
    genes = list(load.mitochondrial_genes())
    assert Counter(gene.biotype for gene in genes) == {
        "protein_coding": 13,
        "Mt_tRNA": 22,
        "Mt_rRNA": 2,
    }
    assert {gene.gene_name: gene.stop_bases_added for gene in genes if gene.stop_bases_added} == {
        "MT-ND1": 1,
        "MT-ND2": 2,
        "MT-CO3": 2,
        "MT-ND3": 2,
        "MT-ND4": 2,
        "MT-CYB": 2,
    }
    # The genes written on the light strand.
    assert {gene.gene_name for gene in genes if gene.strand < 0} == {
        *("MT-TQ", "MT-TA", "MT-TN", "MT-TC", "MT-TY", "MT-TS1", "MT-ND6", "MT-TE", "MT-TP"),
    }
    assert len({gene.transcript_id for gene in genes}) == 37
    assert len({gene.gene_id for gene in genes}) == 37


def test_every_mitochondrial_protein_reads_through_to_its_stop() -> None:
    code = {row.code: row for row in load.genetic_codes()}[2]
    bases = "TCAG"
    codons = [first + second + third for first in bases for second in bases for third in bases]
    amino_acid = dict(zip(codons, code.amino_acids, strict=True))
    start = dict(zip(codons, code.starts, strict=True))
    added = {gene.transcript_id: gene.stop_bases_added for gene in load.mitochondrial_genes()}
    lengths = {}
    for transcript in load.mitochondrial_transcripts():
        if transcript.cds is None:
            continue
        assert transcript.sequence is not None
        assert transcript.genetic_code == 2
        text = transcript.sequence.decode() + "A" * added[transcript.transcript_id]
        protein = "".join(amino_acid[text[at : at + 3]] for at in range(0, len(text), 3))
        assert start[text[:3]] == "M"
        assert protein.index("*") == len(protein) - 1
        lengths[transcript.gene_name] = len(protein) - 1
    # Lengths of the 13 proteins as UniProt has them.
    assert lengths == {
        "MT-ND1": 318,
        "MT-ND2": 347,
        "MT-CO1": 513,
        "MT-CO2": 227,
        "MT-ATP8": 68,
        "MT-ATP6": 226,
        "MT-CO3": 261,
        "MT-ND3": 115,
        "MT-ND4L": 98,
        "MT-ND4": 459,
        "MT-ND5": 603,
        "MT-ND6": 174,
        "MT-CYB": 380,
    }


def test_the_mitochondrial_code_differs_from_the_standard_one_in_four_codons() -> None:
    standard, mitochondrial = load.genetic_codes()
    bases = "TCAG"
    codons = [first + second + third for first in bases for second in bases for third in bases]
    letters = zip(codons, standard.amino_acids, mitochondrial.amino_acids, strict=True)
    assert {codon: (one, two) for codon, one, two in letters if one != two} == {
        "TGA": ("*", "W"),
        "ATA": ("I", "M"),
        "AGA": ("R", "*"),
        "AGG": ("R", "*"),
    }


@pytest.mark.parametrize(
    ("assembly", "x_length", "band_of_hbb"),
    [
        ("NCBI36", 154913754, (5203271, "p15.4")),
        ("GRCh37", 155270560, (5248231, "p15.4")),
        ("GRCh38", 156040895, (5227001, "p15.4")),
    ],
)
def test_bands_tile_the_24_chromosomes(
    assembly: str, x_length: int, band_of_hbb: tuple[int, str]
) -> None:
    bands = list(load.cytobands(assembly))
    assert len(bands) == 862
    assert [each.contig for each in bands] == sorted(
        (each.contig for each in bands), key=lambda contig: RANK[contig]
    )
    for left, right in pairwise(bands):
        assert right.start == (left.end if left.contig == right.contig else 0)
    assert {each.contig for each in bands} == set(CONTIGS) - {"MT"}
    assert max(each.end for each in bands if each.contig == "X") == x_length
    place, name = band_of_hbb
    assert [x.band for x in bands if x.contig == "11" and x.start <= place < x.end] == [name]


@pytest.mark.parametrize(
    ("assembly", "name", "contig", "first", "last"),
    [
        ("GRCh37", "BRCA1", "17", 41_196_312, 41_277_500),
        ("GRCh38", "BRCA1", "17", 43_044_295, 43_170_245),
        ("GRCh37", "CFTR", "7", 117_105_838, 117_356_025),
        ("GRCh38", "HBB", "11", 5_225_464, 5_229_395),
        ("GRCh37", "MT-ND4", "MT", 10_760, 12_137),
        ("GRCh38", "MT-ND4", "MT", 10_760, 12_137),
    ],
)
def test_well_known_genes_lie_where_everyone_knows(
    assembly: str, name: str, contig: str, first: int, last: int
) -> None:
    found = [gene for gene in load.genes(assembly) if gene.gene_name == name]
    assert [(gene.contig, gene.start + 1, gene.end) for gene in found] == [(contig, first, last)]


def test_mane_select_of_brca1_spans_the_known_interval() -> None:
    (brca1,) = (row for row in load.mane() if row.gene_name == "BRCA1")
    assert (brca1.contig, brca1.start + 1, brca1.end) == ("17", 43_044_295, 43_125_364)
    assert brca1.refseq_transcript == "NM_007294.4"
    assert brca1.hgnc_id == "HGNC:1100"
    assert brca1.status == "select"


def test_hbb_has_three_exons_and_its_coding_sequence(transcripts: dict[str, Transcript]) -> None:
    hbb = transcripts["ENST00000335295.4"]
    assert hbb.mane_select
    assert hbb.strand == -1
    assert hbb.exons == ((5225463, 5225726), (5226576, 5226799), (5226929, 5227071))
    assert hbb.cds == (5225597, 5227021)
    coding = sum(min(e, hbb.cds[1]) - max(s, hbb.cds[0]) for s, e in hbb.exons)
    # 147 amino acids, the first methionine counted, and a stop.
    assert coding == 148 * 3


def test_mane_select_coding_sequences_are_whole_codons(transcripts: dict[str, Transcript]) -> None:
    odd = []
    for each in transcripts.values():
        if each.mane_select and each.cds is not None:
            low, high = each.cds
            coding = sum(max(0, min(e, high) - max(s, low)) for s, e in each.exons)
            if coding % 3:
                odd.append(each.gene_name)
    # Ribosomes slip on the messages of these genes (Ensembl annotates the slip as a gap).
    assert len(odd) < 10


def test_clinvar_holds_the_well_known_variants() -> None:
    rows = {(x.contig, x.pos, x.ref, x.alt): x for x in load.clinical_variants()}
    keys = [(RANK[contig], pos, ref, alt) for contig, pos, ref, alt in rows]
    assert keys == sorted(keys)
    sickle = rows["11", 5227002, "T", "A"]
    assert (sickle.variation_id, sickle.significance, sickle.rs) == (15333, "Pathogenic", 334)
    assert any("Hb_SS_disease" in name for name in sickle.conditions)
    deletion = rows["7", 117559590, "ATCT", "A"]
    assert (deletion.variation_id, deletion.rs) == (7105, 113993960)
    assert deletion.review == "practice_guideline"
    assert deletion.consequences == ("SO:0001822|inframe_deletion",)
    leber = rows["MT", 11778, "G", "A"]
    assert "Leber_optic_atrophy" in " ".join(leber.conditions)
    assert rows["MT", 3243, "A", "G"].significance == "Pathogenic/Likely_pathogenic"


def test_clinvar_mitochondrial_references_are_the_bundled_sequence() -> None:
    (sequence,) = load.sequences()
    checked = 0
    for row in load.clinical_variants():
        if row.contig == "MT":
            assert sequence.sequence[row.pos - 1 : row.pos - 1 + len(row.ref)] == row.ref
            checked += 1
    assert checked == 111


def test_clinvar_missense_variants_lie_in_the_bundled_coding_sequences(
    transcripts: dict[str, Transcript],
) -> None:
    coding: dict[str, list[list[int]]] = {}
    parts = sorted(
        (each.contig, max(start, each.cds[0]), min(end, each.cds[1]))
        for each in transcripts.values()
        if each.cds is not None
        for start, end in each.exons
        if max(start, each.cds[0]) < min(end, each.cds[1])
    )
    for contig, start, end in parts:
        merged = coding.setdefault(contig, [[start, end]])
        if start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    inside: Counter[bool] = Counter()
    for row in load.clinical_variants():
        if row.contig != "MT" and row.consequences == ("SO:0001583|missense_variant",):
            merged = coding[row.contig]
            at = bisect_right(merged, [row.pos - 1, 1 << 40]) - 1
            inside[at >= 0 and row.pos - 1 < merged[at][1]] += 1
    assert inside[True] > 14_000
    assert inside[True] / inside.total() > 0.999
