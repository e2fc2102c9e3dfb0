import gzip
import json
from pathlib import Path

import pysam
import pytest

from ann.anntools.cli import main
from ann.anntools.engine import annotate
from ann.anntools.errors import InputError

HEAD = "##fileformat=VCFv4.2\n##reference=GRCh38\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def vcf(tmp_path: Path, *rows: str, head: str = HEAD, name: str = "in.vcf") -> Path:
    path = tmp_path / name
    lines = "".join(row.replace(" ", "\t") + "\n" for row in rows)
    path.write_text(head + COLUMNS + lines)
    return path


def rows_of(path: Path) -> list[list[str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as lines:
        return [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]


def test_values_of_every_source_are_added_by_allele_and_by_overlap(
    tmp_path: Path, tiny_reference: Path
) -> None:
    source = vcf(
        tmp_path,
        "1 100 . A T,C,G 50 PASS DP=3",
        "1 200 x CTT C . . .",
        "1 300 . A ACGCGCGCGCGCGCGCGCGCGCGCGCGCGCGCGCGCGCGCG . . .",
        "9 1 . A T . . .",
    )
    out = tmp_path / "out" / "in.annot.vcf.gz"
    summary = annotate(source, out, reference=tiny_reference)
    assert rows_of(out) == [
        [
            "1",
            "100",
            "rs335;rs334",
            "A",
            "T,C,G",
            "50",
            "PASS",
            "DP=3;dbSNP_AF=.,.,0.5;CYTOBAND=p36.33;CNV=a%3Bb%3Dc%20d;CNV_PM=1",
        ],
        [
            "1",
            "200",
            "x;rs7",
            "CTT",
            "C",
            ".",
            ".",
            "dbSNP_AF=0.25;CYTOBAND=p36.32;CNV=a%3Bb%3Dc%20d,e;CNV_PM=1,2",
        ],
        ("1 300 rs8 A A" + "CG" * 20 + " . . dbSNP_AF=0.125;CYTOBAND=p36.32").split(" "),
        ["9", "1", ".", "A", "T", ".", ".", "."],
    ]
    assert (summary.records_in, summary.records_out, summary.rejected) == (4, 4, 0)
    assert summary.counts.annotated == {"dbsnp": 3, "bands": 3, "cnv": 2}


def test_the_output_set_is_complete_and_readable_by_pysam(
    tmp_path: Path, tiny_reference: Path
) -> None:
    source = vcf(tmp_path, "1 100 . A G . . .", "1 900 . A G . . .", "2 5 . A G . . .")
    out = tmp_path / "in.annot.vcf.gz"
    annotate(source, out, reference=tiny_reference)
    assert {path.name for path in tmp_path.iterdir()} == {
        "in.vcf",
        "in.annot.vcf.gz",
        "in.annot.vcf.gz.tbi",
        "in.annot.tsv.gz",
        "in.count.log",
        "in.rejects.tsv",
        "in.provenance.json",
    }
    with pysam.VariantFile(str(out)) as variants:
        assert variants.header.info["CYTOBAND"].description == "Band"
        assert [record.pos for record in variants.fetch("1", 800, 1000)] == [900]
        assert [record.pos for record in variants.fetch("2")] == [5]
    facts = json.loads((tmp_path / "in.provenance.json").read_text())
    assert facts["reference"]["sources"][0]["licence"] == "CC0"


def test_lines_that_cannot_be_understood_go_to_the_rejects(
    tmp_path: Path, tiny_reference: Path
) -> None:
    source = vcf(
        tmp_path, "1 100 . A G . . .", "1 100 . A", "1 -1 . A G . . .", "", "1 1x . A G . . ."
    )
    summary = annotate(source, tmp_path / "o.annot.vcf.gz", reference=tiny_reference)
    assert (summary.records_in, summary.records_out, summary.rejected) == (4, 1, 3)
    lines = (tmp_path / "o.rejects.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["line", "5", "6", "8"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"hello\nworld\n", "not-a-vcf"),
        (b"PK\x03\x04rest", "not-a-vcf"),
        ("##fileformat=VCFv4.2\n".encode("utf-16"), "not-a-vcf"),
        (b"##fileformat=VCFv4.2\n", "no-header"),
        (b"##fileformat=VCFv4.2\n1\t2\n", "no-header"),
        (b"##fileformat=VCFv4.2\n#CHROM\tPOS\n", "bad-column-line"),
        (HEAD.replace("GRCh38", "?").encode() + COLUMNS.encode(), "assembly-unknown"),
        (gzip.compress(b"##fileformat=VCFv4.2\n" * 9, mtime=0)[:-9], "truncated-gzip"),
        (b"\x1f\x8b\x08\x00" + b"rubbish" * 9, "corrupt-gzip"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_and_nothing_is_left(
    tmp_path: Path, tiny_reference: Path, content: bytes, code: str
) -> None:
    source = tmp_path / "in.vcf"
    source.write_bytes(content)
    with pytest.raises(InputError) as caught:
        annotate(source, tmp_path / "in.annot.vcf.gz", reference=tiny_reference)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == [source]


def test_without_o_the_command_writes_beside_the_input(
    tmp_path: Path, tiny_reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = vcf(tmp_path, "1 100 . A G . . .", name="x.vcf")
    assert main(["annotate", str(source), "--reference", str(tiny_reference)]) == 0
    assert (tmp_path / "x.annot.vcf").exists()
    assert "dbsnp: 1 (100.00%)" in (tmp_path / "x.vcf.count.log").read_text()
    assert "1 of 1 records written" in capsys.readouterr().out


def test_a_fault_of_the_file_is_one_json_object_when_asked_for(
    tmp_path: Path, tiny_reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "x.vcf"
    source.write_text("nonsense\n")
    command = ["annotate", str(source), "--reference", str(tiny_reference), "--json-errors"]
    assert main(command) == 3
    assert json.loads(capsys.readouterr().err)["code"] == "not-a-vcf"
