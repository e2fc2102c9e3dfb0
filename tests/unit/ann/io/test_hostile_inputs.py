"""What an attacker puts into a file, and what the engine makes of it."""

import gzip
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from ann.anntools.engine import annotate
from ann.anntools.errors import InputError

HEAD = (
    "##fileformat=VCFv4.2\n##reference=GRCh38\n##contig=<ID=1,length=248956422>\n"
    '##INFO=<ID=NOTE,Number=1,Type=String,Description="n">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
)


@pytest.fixture
def run(tmp_path: Path, tiny_reference: Path) -> Callable[[bytes], Path]:
    def annotated(data: bytes) -> Path:
        source = tmp_path / "in.vcf.gz"
        source.write_bytes(data)
        out = tmp_path / "out" / "in.annot.vcf.gz"
        annotate(source, out, reference=tiny_reference)
        return out.parent

    return annotated


def _vcf(*records: str) -> bytes:
    return "\n".join([HEAD, *records, ""]).encode()


def _lines(path: Path) -> list[list[str]]:
    text = gzip.decompress(path.read_bytes()).decode()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def _zip() -> bytes:
    body = BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("a.vcf", _vcf())
    return body.getvalue()


def _tar_with_a_link() -> bytes:
    body = BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        link = tarfile.TarInfo("a.vcf")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return body.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"MZ\x90\x00" + bytes(200),
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
        b"\x7fELF\x02\x01\x01" + bytes(200),
        _zip(),
        _tar_with_a_link(),
        gzip.compress(_tar_with_a_link()),
        lzma.compress(_vcf()),
        b"<html><script>alert(1)</script></html>\n",
    ],
    ids=["png", "exe", "pdf", "elf", "zip", "tar", "tar.gz", "xz", "html"],
)
def test_another_kind_of_file_is_refused_by_its_first_bytes(
    run: Callable[[bytes], Path], body: bytes
) -> None:
    with pytest.raises(InputError) as caught:
        run(body)
    assert caught.value.code == "not-a-vcf"


def test_very_wide_records_are_annotated_or_refused(run: Callable[[bytes], Path]) -> None:
    samples = 20_000
    names = "\t".join(f"s{number}" for number in range(samples))
    calls = "\t".join(["0/1"] * samples)
    keys = ";".join(f"K{number}=1" for number in range(10_000))
    body = f"{HEAD}\tFORMAT\t{names}\n1\t100\t.\tA\tG\t.\t.\t{keys}\tGT\t{calls}\n".encode()
    (record,) = _lines(run(body) / "in.annot.vcf.gz")
    assert len(record) == 9 + samples
    assert record[7].startswith("K0=1;K1=1;")
    assert "K9999=1" in record[7]


def test_control_characters_go_to_the_rejects_written_out(run: Callable[[bytes], Path]) -> None:
    out = run(_vcf("1\t100\t.\tA\tG\t.\t.\tNOTE=\x1b[31mred", "1\t200\t.\tA\tG\t.\t.\t."))
    assert [record[1] for record in _lines(out / "in.annot.vcf.gz")] == ["200"]
    rejects = (out / "in.rejects.tsv").read_bytes()
    assert b"\\x1b[31mred" in rejects
    for path in (out / "in.rejects.tsv", out / "in.count.log"):
        assert b"\x1b" not in path.read_bytes()


def test_impossible_positions_are_rejected_and_symbolic_alleles_pass(
    run: Callable[[bytes], Path],
) -> None:
    positions = ("-1", "1" + "0" * 30, "NaN", "1e9", "", "0x10")
    alleles = ("*", "<DEL>", ".", "<script>alert(1)</script>")
    out = run(
        _vcf(
            *(f"1\t{pos}\t.\tA\tG\t.\t.\t." for pos in positions),
            "1\t0\t.\tN\tG\t.\t.\t.",
            *(f"1\t100\t.\tA\t{alt}\t.\t.\t." for alt in alleles),
            "1\t100\t.\t<script>\tG\t.\t.\t.",
        )
    )
    kept = _lines(out / "in.annot.vcf.gz")
    rejects = (out / "in.rejects.tsv").read_text().splitlines()[1:]
    assert len(rejects) >= len(positions)
    assert len(kept) + len(rejects) == len(positions) + 2 + len(alleles)
    assert {"*", "<DEL>", "."} <= {record[4] for record in kept}


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "@SUM(1)", "+A1", "-2+3+cmd|'x'!A0", "="])
def test_no_cell_of_the_table_is_a_formula(run: Callable[[bytes], Path], cell: str) -> None:
    out = run(_vcf(f"1\t150\t{cell}\tA\tG\t-1.5\t{cell}\tNOTE=x", f"{cell}\tx\t.\tA\tG\t.\t.\t."))
    rows = gzip.decompress((out / "in.annot.tsv.gz").read_bytes()).decode().splitlines()
    first = rows[1].split("\t")
    assert (first[2], first[5], first[6]) == (f"'{cell}", "-1.5", f"'{cell}")
    rejected = (out / "in.rejects.tsv").read_text().splitlines()[1].split("\t")
    assert rejected[2].startswith(f"'{cell[0]}")
    (record,) = _lines(out / "in.annot.vcf.gz")
    assert (record[2], record[6]) == (cell, cell)


def test_an_index_beside_the_input_is_never_opened(
    run: Callable[[bytes], Path], tmp_path: Path
) -> None:
    """A pipe with no writer would hold whoever opened it for ever."""
    import os  # noqa: PLC0415 - only here is a pipe made

    for ending in (".tbi", ".csi", ".gzi"):
        os.mkfifo(tmp_path / f"in.vcf.gz{ending}")
    assert _lines(run(_vcf("1\t100\t.\tA\tG\t.\t.\t.")) / "in.annot.vcf.gz")
