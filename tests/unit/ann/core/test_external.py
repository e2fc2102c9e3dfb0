import gzip
import json
import shutil
import sys
from pathlib import Path

import pysam
import pytest

from ann.anntools.external import ExternalAnnotator, ExternalError, annotate_externally

TEXT = (
    "##fileformat=VCFv4.2\n##contig=<ID=1,length=1000>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    "1\t5\t.\tA\tG\t.\t.\t.\n1\t9\t.\tC\tT\t.\t.\t.\n"
)
COPY = "import sys; t = open(sys.argv[1]).read(); "


def python(code: str, *, files: str = "{input} {output}", seconds: float = 60) -> ExternalAnnotator:
    command = f'{sys.executable} -c "{COPY}{code}" {files}'
    return ExternalAnnotator("copier", command, f"{sys.executable} --version", seconds)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in put.vcf"
    path.write_text(TEXT)
    return path


def test_the_output_of_another_annotator_is_checked_indexed_and_told_of(
    source: Path, tmp_path: Path
) -> None:
    annotator = python(
        "open(sys.argv[2], 'w').write(t.replace('\\t.\\n', '\\tX=1\\n')); "
        "open(sys.argv[3], 'w').write('done')",
        files="{input} {output} {log}",
    )
    out = tmp_path / "out" / "x.annot.vcf.gz"
    summary = annotate_externally(annotator, source, out)
    assert (summary.records_in, summary.records_out) == (2, 2)
    with pysam.TabixFile(str(out)) as file:
        assert [row.split("\t")[7] for row in file.fetch("1", 8, 9)] == ["X=1"]
    assert (tmp_path / "out" / "x.count.log").read_text() == "done"
    facts = json.loads((tmp_path / "out" / "x.provenance.json").read_text())
    assert facts["tool"] == "copier"
    assert facts["version"].startswith("Python 3")


def test_a_result_that_is_printed_is_taken_too(source: Path, tmp_path: Path) -> None:
    annotator = python("sys.stdout.write(t) if sys.argv[2] else 0")
    out = tmp_path / "x.annot.vcf"
    annotate_externally(annotator, source, out)
    assert out.read_text() == TEXT


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.exit('broken')", "exit code 1: broken"),
        ("open(sys.argv[2], 'w').write('junk')", "no VCF"),
        ("open(sys.argv[2], 'w').write(t.rsplit('1\\t9', 1)[0])", "records in their order"),
        ("open(sys.argv[2], 'w').write(t.replace('1\\t9', '1\\t8'))", "records in their order"),
        ("import time; time.sleep(60)", "did not end"),
    ],
)
def test_what_goes_wrong_in_it_is_said_and_nothing_is_left(
    source: Path, tmp_path: Path, code: str, message: str
) -> None:
    seconds = 0.5 if "sleep" in code else 60
    with pytest.raises(ExternalError, match=message):
        annotate_externally(python(code, seconds=seconds), source, tmp_path / "o" / "x.vcf.gz")
    assert list((tmp_path / "o").iterdir()) == []


def test_no_shell_reads_the_command(source: Path, tmp_path: Path) -> None:
    hostile = source.with_name("$(touch owned); x.vcf")
    source.rename(hostile)
    out = tmp_path / "x.annot.vcf"
    annotate_externally(python("open(sys.argv[2], 'w').write(t)"), hostile, out)
    assert out.read_text() == TEXT
    assert not (tmp_path / "owned").exists()


def test_a_command_without_its_files_or_that_does_not_exist_is_refused(
    source: Path, tmp_path: Path
) -> None:
    for command in ("cat {input}", "/nonexistent/tool {input} {output}"):
        annotator = ExternalAnnotator("x", command, f"{sys.executable} --version", 9)
        with pytest.raises(ExternalError, match=r"needs|cannot be started"):
            annotate_externally(annotator, source, tmp_path / "x.vcf")


@pytest.mark.debian
def test_bcftools_can_take_the_engines_place(source: Path, tmp_path: Path) -> None:
    if not shutil.which("bcftools"):
        pytest.skip("bcftools is not installed")
    annotator = ExternalAnnotator(
        "bcftools annotate",
        "bcftools annotate --set-id %CHROM-%POS -Ov -o {output} {input}",
        "bcftools --version",
        60,
    )
    out = tmp_path / "x.annot.vcf.gz"
    summary = annotate_externally(annotator, source, out)
    assert summary.version.startswith("bcftools 1.")
    assert b"\t1-9\tC" in gzip.decompress(out.read_bytes())
