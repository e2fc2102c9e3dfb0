import pytest

from ann.anntools.assembly.contigs import LENGTHS, canonical
from ann.anntools.assembly.detect import detect, serves_mitochondrion
from ann.anntools.errors import InputError


@pytest.mark.parametrize(
    ("line", "assembly"),
    [
        ("##reference=1000GenomesPilot-NCBI36 ", "NCBI36"),
        ("##reference=human_b36_both.fasta", "NCBI36"),
        ("##reference=file:///ref/hg18.fa", "NCBI36"),
        ("##reference=file:///ref/human_g1k_v37.fasta", "GRCh37"),
        ("##reference=hs37d5.fa.gz", "GRCh37"),
        ("##assembly=b37", "GRCh37"),
        ("##reference=hg19", "GRCh37"),
        ("##contig=<ID=chr7,assembly=GRCh38.p13>", "GRCh38"),
        ("##reference=Homo_sapiens_assembly_hg38.fasta", "GRCh38"),
        ("##genome-build=b38", "GRCh38"),
        ("##reference=rCRS", "rCRS"),
        ('##Caller="analysis reference_sequence=/w/human_g1k_v37.fasta rod=[]"', "GRCh37"),
        ("##bcftools_callCommand=mpileup -f /x/GRCh38.fa y.bam", "GRCh38"),
    ],
)
def test_words_of_the_header_tell_the_assembly(line: str, assembly: str) -> None:
    assert detect(["##fileformat=VCFv4.2", line], {}, ["1"]).assembly == assembly


@pytest.mark.parametrize("assembly", ["NCBI36", "GRCh37", "GRCh38"])
def test_contig_lengths_outweigh_words(assembly: str) -> None:
    lengths = {f"chr{name}": length for name, length in LENGTHS[assembly].items()}
    found = detect(["##reference=hg19"], lengths, list(lengths))
    assert (found.assembly, found.evidence) == (assembly, "contig lengths")


def test_accessions_tell_the_assembly() -> None:
    assert detect([], {}, ["NC_000001.10"]).assembly == "GRCh37"
    assert detect([], {}, ["NC_000007.14"]).assembly == "GRCh38"
    assert detect([], {}, ["NC_000017.9"]).assembly == "NCBI36"


def test_a_database_named_by_another_line_is_no_evidence() -> None:
    with pytest.raises(InputError, match="nothing in the header") as caught:
        detect(["##source=dbSNP for hg19", "##fileDate=b37"], {}, ["1"])
    assert caught.value.code == "assembly-unknown"
    assert "--assembly" in caught.value.hint


def test_two_assemblies_with_equal_evidence_are_not_guessed_between() -> None:
    with pytest.raises(InputError) as caught:
        detect(["##reference=hg19", "##assembly=GRCh38"], {}, ["1"])
    assert caught.value.code == "assembly-ambiguous"


def test_a_file_of_the_mitochondrion_alone_is_known_by_its_length() -> None:
    assert detect([], {"chrM": 16_569}, ["chrM"]).assembly == "rCRS"
    with pytest.raises(InputError):
        detect([], {"chrM": 16_571}, ["chrM"])


@pytest.mark.parametrize(
    ("assembly", "name", "length", "words", "served"),
    [
        ("GRCh38", "chrM", None, "", True),
        ("GRCh38", "chrM", 16_571, "", False),
        ("GRCh37", "MT", None, "", True),
        ("GRCh37", "MT", None, "##reference=hg19", False),
        ("GRCh37", "chrM", None, "", False),
        ("GRCh37", "chrM", 16_569, "##reference=hg19", True),
        ("NCBI36", "MT", None, "", False),
        ("rCRS", "M", None, "", True),
    ],
)
def test_only_the_revised_cambridge_sequence_is_annotated_as_such(
    assembly: str, name: str, length: int | None, words: str, *, served: bool
) -> None:
    assert serves_mitochondrion(assembly, name, length, words) is served


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("1", "1"), ("chr1", "1"), ("CHR22", "22"), ("chrX", "X"), ("23", "X"),
        ("NC_000024.9", "Y"),
        ("chrM", "MT"), ("MT", "MT"), ("NC_012920.1", "MT"), ("chr1_random", None), ("", None),
        ("GL000192.1", None), ("NC_000001.12", None),
    ],
)  # fmt: skip
def test_contigs_have_one_canonical_name(name: str, known: str | None) -> None:
    assert canonical(name) == known
