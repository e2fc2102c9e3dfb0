from pathlib import Path

import pytest

from ann.anntools.assembly.contigs import LENGTHS
from ann.anntools.build.bundled import ensure
from ann.anntools.bundled import load
from ann.anntools.consequence.transcript import Transcript
from ann.anntools.engine import annotate
from ann.anntools.example import EXAMPLE, Note, notes
from ann.anntools.example.command import main

README = EXAMPLE.with_name("README.md")


@pytest.fixture(scope="module")
def clinical() -> dict[tuple[str, int, str, str], load.ClinicalVariant]:
    return {(x.contig, x.pos, x.ref, x.alt): x for x in load.clinical_variants()}


def records() -> list[list[str]]:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def test_the_example_is_small_sorted_and_on_grch38() -> None:
    rows = records()
    assert 30 <= len(rows) <= 60
    order = list(LENGTHS["GRCh38"])
    places = [(order.index(row[0]), int(row[1])) for row in rows]
    assert places == sorted(places)
    header = EXAMPLE.read_text(encoding="utf-8")
    assert "##reference=GRCh38\n" in header
    for contig in {row[0] for row in rows}:
        assert f"##contig=<ID={contig},length={LENGTHS['GRCh38'][contig]}," in header


def test_every_allele_has_a_note_and_a_line_in_the_readme() -> None:
    alleles = [(row[0], int(row[1]), row[3], alt) for row in records() for alt in row[4].split(",")]
    assert alleles == [(note.contig, note.pos, note.ref, note.alt) for note in notes()]
    readme = README.read_text(encoding="utf-8")
    for note in notes():
        assert f"| {note.contig}:{note.pos} | {note.ref}>{note.alt} |" in readme


@pytest.mark.parametrize("note", notes(), ids=lambda note: f"{note.contig}:{note.pos}{note.alt}")
def test_a_note_agrees_with_the_bundled_tables(
    note: Note, clinical: dict[tuple[str, int, str, str], load.ClinicalVariant]
) -> None:
    found = clinical.get((note.contig, note.pos, note.ref, note.alt))
    if note.variation_id is None:
        assert found is None
        assert note.source == f"dbSNP rs{note.rs}"
    else:
        assert found is not None
        assert str(found.variation_id) == note.variation_id
        assert found.significance == note.significance
        assert (str(found.rs) if found.rs else None) == note.rs
        assert note.source == f"ClinVar variation {note.variation_id}, 2024-12-15"


def test_every_note_names_the_gene_that_lies_there() -> None:
    genes = list(load.genes("GRCh38"))
    for note in notes():
        there = {
            gene.gene_name
            for gene in genes
            if gene.contig == note.contig and gene.start < note.pos <= gene.end
        }
        assert note.gene in there if note.gene else not there


def test_mitochondrial_references_are_those_of_the_rcrs() -> None:
    (row,) = load.sequences()
    for note in notes():
        if note.contig == "MT":
            assert row.sequence[note.pos - 1 : note.pos - 1 + len(note.ref)] == note.ref


def changed_residue(note: Note, transcript: Transcript) -> tuple[str, int, str]:
    code = {row.code: row for row in load.genetic_codes()}[2]
    bases = "TCAG"
    codons = [first + second + third for first in bases for second in bases for third in bases]
    amino_acid = dict(zip(codons, code.amino_acids, strict=True))
    (start, end), sequence = transcript.exons[0], transcript.sequence
    assert sequence is not None
    forward = transcript.strand > 0
    at = note.pos - 1 - start if forward else end - note.pos
    alt = note.alt if forward else note.alt.translate(str.maketrans("ACGT", "TGCA"))
    text = sequence.decode()
    changed = text[:at] + alt + text[at + 1 :]
    codon = at // 3 * 3
    before, after = text[codon : codon + 3], changed[codon : codon + 3]
    return amino_acid[before], codon // 3 + 1, amino_acid[after]


def test_mitochondrial_protein_changes_follow_from_the_sequence() -> None:
    letters = {
        "Ala": "A",
        "Arg": "R",
        "Asn": "N",
        "Asp": "D",
        "His": "H",
        "Leu": "L",
        "Met": "M",
        "Pro": "P",
        "Thr": "T",
        "Val": "V",
    }
    by_gene = {each.gene_name: each for each in load.mitochondrial_transcripts()}
    checked = 0
    for note in notes():
        if note.contig == "MT" and note.protein:
            assert note.gene is not None
            before, place, after = changed_residue(note, by_gene[note.gene])
            told = (letters[note.protein[2:5]], note.protein[5:-3], letters[note.protein[-3:]])
            assert (before, str(place), after) == told
            checked += 1
    assert checked == 11


def test_the_example_is_offered_as_a_file() -> None:
    assert EXAMPLE.is_file()
    assert EXAMPLE.suffix == ".vcf"
    assert Path(EXAMPLE).stat().st_size < 20_000


def test_the_command_writes_the_example_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == EXAMPLE.read_text(encoding="utf-8")
    target = tmp_path / "try.vcf"
    assert main(["-o", str(target)]) == 0
    assert target.read_bytes() == EXAMPLE.read_bytes()
    target.write_text("mine")
    assert main(["-o", str(target)]) == 2
    assert target.read_text() == "mine"


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[list[str], dict[str, str]]]:
    """Fields and INFO of each record of the annotated example."""
    folder = tmp_path_factory.mktemp("example")
    ensure(folder / "reference", "GRCh38")
    out = folder / "example.annot.vcf"
    summary = annotate(EXAMPLE, out, reference=folder / "reference", tables=False)
    assert (summary.assembly, summary.rejected) == ("GRCh38", 0)
    rows = [line.split("\t") for line in out.read_text().splitlines() if not line.startswith("#")]
    return [(row, dict(part.partition("=")[::2] for part in row[7].split(";"))) for row in rows]


def test_annotating_the_example_gives_the_documented_values(
    annotated: list[tuple[list[str], dict[str, str]]],
) -> None:
    known = {(note.contig, note.pos, note.ref, note.alt): note for note in notes()}
    for row, info in annotated:
        alts = row[4].split(",")
        found = [known[row[0], int(row[1]), row[3], alt] for alt in alts]
        for note in found:
            assert note.rs is None or f"rs{note.rs}" in row[2].split(";")
            if note.gene:
                assert note.gene in info["GENE"].split(",")
            if note.contig == "MT" and note.protein:
                assert any(
                    part.split("|")[0] == note.alt
                    and part.split("|")[3] == note.gene
                    and part.split("|")[10] == note.protein
                    for part in info["ANN"].split(",")
                )
        significances = [note.significance or "." for note in found]
        assert info.get("CLNSIG", ",".join("." for _ in alts)) == ",".join(significances)


def test_nothing_nuclear_is_guessed_without_a_sequence(
    annotated: list[tuple[list[str], dict[str, str]]],
) -> None:
    for row, info in annotated:
        if row[0] != "MT":
            assert "|p." not in info.get("ANN", "")
