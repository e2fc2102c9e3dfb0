import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from ann.anntools.engine import annotate
from ann.anntools.errors import InputError
from ann.anntools.io.bgzf import EOF, compress
from ann.anntools.limits import Limits

HEAD = "##fileformat=VCFv4.2\n##reference=GRCh38\n##contig=<ID=1,length=248956422>\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
ROWS = "".join(f"1\t{pos}\t.\tA\tG\t.\t.\tDP={pos}\n" for pos in range(100, 4000, 3))
TEXT = (HEAD + '##INFO=<ID=DP,Number=1,Type=Integer,Description="d">\n' + COLUMNS + ROWS).encode()


def bgzf(text: bytes) -> bytes:
    return b"".join(compress(text)) + EOF


def body_of(path: Path) -> bytes:
    return b"".join(
        line
        for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        if not line.startswith(b"##")
    )


@pytest.fixture
def run(tmp_path: Path, tiny_reference: Path) -> Callable[..., Path]:
    def annotated(data: bytes, name: str = "in.vcf", **options: object) -> Path:
        source = tmp_path / name
        source.write_bytes(data)
        out = tmp_path / "out" / "in.annot.vcf.gz"
        annotate(source, out, reference=tiny_reference, **options)  # type: ignore[arg-type]
        return out

    return annotated


@pytest.mark.parametrize(
    "wrapped",
    [
        gzip.compress(TEXT),
        bgzf(TEXT),
        gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:]),
        bgzf(TEXT) + b"\0" * 100,
        TEXT.replace(b"\n", b"\r\n"),
        TEXT.removesuffix(b"\n"),
        b"\xef\xbb\xbf" + TEXT,
        TEXT.replace(b"#CHROM", b"\n#CHROM", 1).replace(b"\n1\t", b"\n\n1\t", 1),
    ],
    ids=["gzip", "bgzf", "members", "padding", "crlf", "no-last-newline", "bom", "blank-lines"],
)
def test_every_wrapping_gives_the_same_records(run: Callable[..., Path], wrapped: bytes) -> None:
    plain = body_of(run(TEXT))
    assert body_of(run(wrapped, name="named.wrongly")) == plain


def test_bcf_is_read_by_its_first_bytes(run: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "a.vcf").write_bytes(TEXT)
    with (
        pysam.VariantFile(str(tmp_path / "a.vcf")) as old,
        pysam.VariantFile(str(tmp_path / "a.bcf"), "wb", header=old.header) as new,
    ):
        for record in old:
            new.write(record)
    data = (tmp_path / "a.bcf").read_bytes()
    assert body_of(run(data)) == body_of(run(TEXT))
    with pytest.raises(InputError, match="BCF data are damaged"):
        run(data[: len(data) // 2])


def test_a_file_of_many_blocks_gives_the_same_bytes_with_any_number_of_threads(
    run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ann.anntools.run._SMALL_INPUT", 0)
    monkeypatch.setattr("ann.anntools.io.batches.BATCH", 4096)
    found = set()
    for threads in (1, 2, 5):
        out = run(bgzf(TEXT), threads=threads)
        files = sorted(out.parent.iterdir())
        found.add(b"".join(path.read_bytes() for path in files))
    assert len(found) == 1


@pytest.mark.parametrize("cut", [30, 200, -1, -28, -40])
def test_bgzf_cut_short_anywhere_is_refused(run: Callable[..., Path], cut: int) -> None:
    data = bgzf(TEXT)[:cut]
    if cut == -28:
        # Only the empty block at the end is gone: every record is there.
        assert body_of(run(data)) == body_of(run(TEXT))
        return
    with pytest.raises(InputError) as caught:
        run(data)
    assert caught.value.code in {"truncated-gzip", "corrupt-gzip"}


def test_a_flipped_bit_in_a_block_is_noticed(run: Callable[..., Path]) -> None:
    data = bytearray(bgzf(TEXT))
    data[500] ^= 16
    with pytest.raises(InputError) as caught:
        run(bytes(data))
    assert caught.value.code == "corrupt-gzip"


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    line = b"1\t5\t.\tA\tG\t.\t.\t" + b"A" * 80_000 + b"\n"
    return b"".join(
        [packer.compress(TEXT), *(packer.compress(line) for _ in range(200)), packer.flush()]
    )


@pytest.mark.parametrize(
    ("data", "limits", "code"),
    [
        (HEAD.encode() + COLUMNS.encode() + b"1\t" + b"A" * 3_000_000, Limits(line_bytes=2_000_000),
         "line-too-long"),
        (b"##fileformat=VCFv4.2\n" + b"##x=y\n" * 2000, Limits(header_bytes=5000),
         "header-too-large"),
        (b"##fileformat=VCFv4.2\n##" + b"x" * 20_000, Limits(header_bytes=5000),
         "header-too-large"),
        (b"##fileformat=VCFv4.2\n" + b"##contig=<ID=1>\n" * 200, Limits(header_lines=100),
         "header-too-large"),
        (_bomb(), Limits(ratio=100, ratio_from_bytes=1 << 20), "compression-bomb"),
        (b"##fileformat=VCFv4.2\n##\0\n", Limits(), "not-a-vcf"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, Limits(), "not-a-vcf"),
        (b"\n\n\n", Limits(), "no-header"),
        (b"##fileformat=BED\n", Limits(), "no-header"),
        (b"##fileformat=BED\n" + COLUMNS.encode(), Limits(), "not-a-vcf"),
    ],
    ids=["line", "header", "header-line", "contigs", "bomb", "nul", "png", "blank", "cut", "bed"],
)  # fmt: skip
def test_what_would_exhaust_memory_or_is_no_vcf_is_refused_by_name(
    run: Callable[..., Path], tmp_path: Path, data: bytes, limits: Limits, code: str
) -> None:
    with pytest.raises(InputError) as caught:
        run(data, limits=limits)
    assert caught.value.code == code
    assert list((tmp_path / "out").iterdir()) == []
    assert not code[0].isupper()


def test_long_alleles_many_samples_and_an_empty_body_are_annotated(
    run: Callable[..., Path], tiny_reference: Path
) -> None:
    long = "ACGT" * 25_000
    samples = "\t".join(f"S{number}" for number in range(10_000))
    head = HEAD + COLUMNS.strip() + f"\tFORMAT\t{samples}\n"
    row = f"1\t100\t.\tA\tG,{long}\t.\t.\t.\tGT" + "\t0/1" * 10_000 + "\n"
    out = gzip.decompress(run((head + row).encode()).read_bytes()).decode().splitlines()[-1]
    assert out.startswith("1\t100\trs334\tA\tG,ACGT")
    assert "dbSNP_AF=0.5,.;CYTOBAND=p36.33" in out
    assert out.endswith("\tGT" + "\t0/1" * 10_000)
    empty = run(head.encode())
    assert gzip.decompress(empty.read_bytes()).endswith(b"S9999\n")
    with pysam.VariantFile(str(empty)) as variants:
        assert list(variants) == []
