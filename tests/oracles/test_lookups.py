"""Alleles as `bcftools norm` and `annotate` match them, intervals as vcfanno, index as tabix."""

import gzip
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ann.anntools.engine import annotate
from ann.anntools.io.bgzf import EOF, compress
from ann.anntools.store.keys import normalise
from ann.anntools.store.manifest import Column, SourceInfo
from ann.anntools.store.reference import ReferenceWriter
from tests.model.worlds import any_allele, bases

pytestmark = [pytest.mark.full, pytest.mark.debian]

SIZE = 60_000
HEAD = (
    "##fileformat=VCFv4.2\n##reference=GRCh38\n"
    f"##contig=<ID=1,length={SIZE}>\n"
    '##INFO=<ID=N,Number=1,Type=Integer,Description="number">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
Allele = tuple[int, str, str]


def _info(name: str) -> SourceInfo:
    return SourceInfo(name, name, "1", "", "", "", "")


@pytest.fixture(autouse=True)
def _tools() -> None:
    for name in ("bcftools", "vcfanno", "tabix"):
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed")


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20260101)  # noqa: S311  # repeatable, not secret


@pytest.fixture
def genome(rng: random.Random) -> bytes:
    return bases(rng, SIZE).replace(b"N", b"A")


def write_vcf(path: Path, rows: Sequence[tuple[int, str, str, str]]) -> None:
    lines = (
        f"1\t{pos}\t{name}\t{ref}\t{alt}\t.\t.\tN={number}\n"
        for number, (pos, ref, alt, name) in enumerate(rows)
    )
    text = (HEAD + "".join(lines)).encode()
    path.write_bytes(b"".join(compress(text)) + EOF)


def run(*command: str, folder: Path) -> bytes:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def rewritten(rng: random.Random, genome: bytes, allele: Allele) -> Allele:
    """The same change with bases around it spelled out."""
    pos, ref, alt = allele
    left, right = rng.randint(0, 4), rng.randint(0, 4)
    start, end = pos - 1 - left, pos - 1 + len(ref) + right
    if start < 0 or end > SIZE:
        return allele
    before, after = genome[start : pos - 1].decode(), genome[end - right : end].decode()
    return start + 1, before + ref + after, before + alt + after


def test_alleles_match_as_bcftools_matches_them(
    tmp_path: Path, rng: random.Random, genome: bytes
) -> None:
    lines = b"\n".join(genome[at : at + 60] for at in range(0, SIZE, 60))
    (tmp_path / "g.fa").write_bytes(b">1\n" + lines + b"\n")
    known: dict[tuple[int, bytes, bytes], Allele] = {}
    for _ in range(6000):
        pos, ref, alt = any_allele(rng, genome)
        if ref != alt:
            form = normalise(pos, ref.encode(), alt.encode(), genome.__getitem__)
            known.setdefault(form, (pos, ref, alt))
    alleles = sorted(known.values())
    write_vcf(tmp_path / "k.vcf.gz", [(*a, f"rs{n + 1}") for n, a in enumerate(alleles)])
    # bcftools gives a known allele to one record only: each is asked for once.
    wanted = [rewritten(rng, genome, allele) for allele in rng.sample(alleles, 3000)]
    wanted += [a for a in (any_allele(rng, genome) for _ in range(3000)) if a[1] != a[2]]
    forms = {normalise(a[0], a[1].encode(), a[2].encode(), genome.__getitem__): a for a in wanted}
    asked = list(forms.values())
    write_vcf(tmp_path / "q.vcf.gz", [(*allele, ".") for allele in sorted(asked)])

    for name in "kq":
        normal = ["bcftools", "norm", "-f", "g.fa", "-Oz", "-o", f"{name}.norm.vcf.gz"]
        run(*normal, f"{name}.vcf.gz", folder=tmp_path)
        run("bcftools", "index", f"{name}.norm.vcf.gz", folder=tmp_path)
    told = run(
        "bcftools", "annotate", "-a", "k.norm.vcf.gz", "-c", "ID", "q.norm.vcf.gz", folder=tmp_path
    )
    theirs = ids_by_number(told)

    with ReferenceWriter(tmp_path / "r", "GRCh38", "r1", {"1": SIZE}) as writer:
        writer.sequence(_info("genome")).add("1", [genome])
        column = Column("ID", "A", "String", "id", integer=True, prefix="rs")
        source = writer.alleles(_info("known"), [column])
        source.start_contig("1", genome.__getitem__)
        for number, allele in enumerate(alleles, 1):
            source.add(*allele, [number])
    annotate(tmp_path / "q.vcf.gz", tmp_path / "o.vcf.gz", reference=tmp_path / "r")
    ours = ids_by_number(gzip.decompress((tmp_path / "o.vcf.gz").read_bytes()))
    assert len(ours) == len(asked)
    assert sum(value != "." for value in ours.values()) >= 2900
    assert ours == theirs


def ids_by_number(text: bytes) -> dict[int, str]:
    rows = (line.split("\t") for line in text.decode().splitlines() if not line.startswith("#"))
    return {int(row[7].split("N=")[1].split(";")[0]): row[2] for row in rows}


def test_intervals_overlap_as_vcfanno_says(
    tmp_path: Path, rng: random.Random, genome: bytes
) -> None:
    rows = []
    for number in range(3000):
        start = rng.randrange(SIZE - 1)
        end = min(SIZE, start + rng.choice((1, 2, 10, 200, 4000)))
        rows.append((start, end, f"r{number}"))
    rows.sort()
    bed = "".join(f"1\t{start}\t{end}\t{name}\n" for start, end, name in rows).encode()
    (tmp_path / "t.bed.gz").write_bytes(b"".join(compress(bed)) + EOF)
    run("tabix", "-p", "bed", "t.bed.gz", folder=tmp_path)
    (tmp_path / "c.toml").write_text(
        '[[annotation]]\nfile="t.bed.gz"\ncolumns=[4]\nnames=["T"]\nops=["self"]\n'
    )
    asked = sorted(any_allele(rng, genome) for _ in range(4000))
    write_vcf(tmp_path / "q.vcf.gz", [(*allele, ".") for allele in asked])
    theirs = values_by_number(run("vcfanno", "c.toml", "q.vcf.gz", folder=tmp_path))
    with ReferenceWriter(tmp_path / "r", "GRCh38", "r1", {"1": SIZE}) as writer:
        source = writer.intervals(_info("t"), [Column("T", ".", "String", "t")])
        for start, end, name in rows:
            source.add("1", start, end, [name])
    annotate(tmp_path / "q.vcf.gz", tmp_path / "o.vcf.gz", reference=tmp_path / "r")
    ours = values_by_number(gzip.decompress((tmp_path / "o.vcf.gz").read_bytes()))
    assert len(ours) == len(asked)
    assert ours == theirs
    for start in range(0, SIZE, 997):
        region = f"1:{start + 1}-{start + 300}"
        mine = run("tabix", "o.vcf.gz", region, folder=tmp_path)
        expected = [n for n, (pos, ref, _) in enumerate(asked)
                    if pos - 1 < start + 300 and pos - 1 + len(ref) > start]  # fmt: skip
        assert list(values_by_number(mine)) == expected


def values_by_number(text: bytes) -> dict[int, list[str]]:
    found = {}
    for line in text.decode().splitlines():
        if not line.startswith("#"):
            parts = dict(part.partition("=")[::2] for part in line.split("\t")[7].split(";"))
            found[int(parts["N"])] = sorted(filter(None, parts.get("T", "").split(",")))
    return found
