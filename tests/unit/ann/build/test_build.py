"""Whole builds against the local server: real formats, trouble on the way, one switch."""

import gzip
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from ann.anntools.build import release, sources, verify
from ann.anntools.build.command import main
from ann.anntools.store.genes import GeneReader
from ann.anntools.store.reference import current_release

Ask = Callable[[Path, str, str], dict[str, str]]
GFF3 = "ftp.ensembl.org/pub/release-115/gff3/homo_sapiens/Homo_sapiens.GRCh38.115.gff3.gz"
CLINVAR = "ftp.ncbi.nlm.nih.gov/pub/clinvar/vcf_GRCh38/clinvar.vcf.gz"
BANDS = "hgdownload.soe.ucsc.edu/goldenPath/hg38/database/cytoBand.txt.gz"


class Served(Protocol):
    url: str
    files: dict[str, bytes]
    broken: dict[str, list[int]]
    asked: list[tuple[str, str | None, int]]
    stalls_at: dict[str, int]

    def put(self, path: str, data: bytes | str) -> None: ...


def build(root: Path, site: Served, *more: str, assembly: str = "GRCh38") -> int:
    options = ["--assembly", assembly, "--reference", str(root), "--mirror", site.url]
    return main([*options, "--threads", "1", *more])


@pytest.mark.parametrize("assembly", ["GRCh37", "GRCh38"])
def test_the_default_sources_are_built_and_annotate(
    root: Path, site: Served, ask: Ask, capsys: pytest.CaptureFixture[str], assembly: str
) -> None:
    threads = {"GRCh37": "1", "GRCh38": "2"}[assembly]
    assert build(root, site, "--threads", threads, assembly=assembly) == 0
    assert "in use now" in capsys.readouterr().out
    assert verify.main(["--reference", str(root)]) == 0
    found = ask(root, assembly, "1 1000150 A G")
    assert found["ID"] == "rs900101"
    assert found["CLNSIG"] == "Pathogenic"
    assert found["CLNREVSTAT"] == "criteria_provided%2C_single_submitter"
    assert found["GENE"] == "PLUS1"
    assert found["cytoBand"] == "1p36.33"
    assert found["gwasCatalog"] == "12345678|Type_2_diabetes"
    assert found["genomicSuperDups"] == "chr2:500000|0.99"
    assert found["dgv_Cnv"] == "deletion"
    assert found["cpgIslandExt"] == "CpG:_30"
    if assembly == "GRCh37":
        assert found["tfbsRegion"] == "V$MADEUP_01,V$OTHER_02"
    # Base 50 of the coding sequence, whose letters come from the CDS file.
    assert "|ENST90000000001.3|protein_coding|1/2|c.50" in found["ANN"]
    assert "|p." in found["ANN"]
    # The mitochondrion stays the bundled one.
    assert "p.Arg340His" in ask(root, assembly, "MT 11778 G A")["ANN"]
    facts = {fact.name: fact for fact in sources.describe(root) if fact.assembly == assembly}
    assert facts["clinvar"].release == "2026-11-08"
    assert facts["clinvar"].records == 4
    assert (
        facts["clinvar"].sha256
        == hashlib.sha256(site.files[CLINVAR.replace("GRCh38", assembly)]).hexdigest()
    )
    assert (facts["hgnc"].records, facts["hgnc"].licence) == (1, "HGNC: CC0")
    # The chain of NCBI36 comes with any build.
    assert (root / "NCBI36" / "current" / "lift.ann").is_file()


def test_the_base_before_an_interval_is_not_in_it(root: Path, site: Served, ask: Ask) -> None:
    assert build(root, site, "--only", "cpgIslandExt,wgRna") == 0
    assert "cpgIslandExt" not in ask(root, "GRCh38", "1 1000000 A C")
    assert "cpgIslandExt" in ask(root, "GRCh38", "1 1000001 A C")
    assert "cpgIslandExt" in ask(root, "GRCh38", "1 1000300 A C")
    assert "cpgIslandExt" not in ask(root, "GRCh38", "1 1000301 A C")
    assert ask(root, "GRCh38", "1 1020001 A C")["wgRna"] == "hsa-mir-9000|miRNA"


def test_dbsnp_gives_ids_and_frequencies_by_allele(root: Path, site: Served, ask: Ask) -> None:
    assert build(root, site, "--only", "dbsnp") == 0
    found = ask(root, "GRCh38", "1 1000150 A T,G")
    assert (found["ID"], found["GMAF"]) == ("rs900101", "0.05,0.15")
    # GACAC>GAC and GACAC>G, written here as the deletions of one and two units.
    assert ask(root, "GRCh38", "1 1000160 GAC G")["GMAF"] == "0.4"
    assert ask(root, "GRCh38", "1 1000160 GACAC G")["GMAF"] == "0.1"
    # A study that does not tell an allele's frequency says nothing of it.
    assert ask(root, "GRCh38", "1 10001 T C")["GMAF"] == "0"
    assert "GMAF" not in ask(root, "GRCh38", "1 10001 T A")
    assert ask(root, "GRCh38", "MT 8993 T G")["ID"] == "rs199476133"
    facts = {fact.name: fact for fact in sources.describe(root)}
    assert (facts["dbsnp"].release, facts["dbsnp"].records) == ("build 157", 9)


def test_a_source_in_one_file_a_chromosome_is_one_source(
    root: Path, site: Served, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = "storage.googleapis.com/gcp-public-data--gnomad/release/4.1/vcf/exomes"
    head = '##INFO=<ID=AF,Number=A,Type=Float,Description="x">\n'
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    for contig in [*map(str, range(1, 23)), "X", "Y"]:
        row = f"chr{contig}\t1000150\t.\tA\tG\t.\tAC0\tAC=1;AF=0.12345\n"
        path = f"{folder}/gnomad.exomes.v4.1.sites.chr{contig}.vcf.bgz"
        site.files[path] = gzip.compress((head + columns + row).encode())
    assert build(root, site, "--only", "gnomad") == 0
    assert ask(root, "GRCh38", "chrY 1000150 A G")["gnomAD_AF"] == "0.123"
    facts = {fact.name: fact for fact in sources.describe(root)}
    assert facts["gnomad"].records == 24
    site.files[path] = gzip.compress((head + columns + row.replace("chrY", "chr1")).encode())
    assert build(root, site, "--only", "gnomad", "--refresh") == 3
    assert (
        "chrY.vcf.bgz: contig 1 comes back after others; sort the file" in capsys.readouterr().err
    )


def test_transcripts_carry_flags_phases_and_sequences(root: Path, site: Served) -> None:
    assert build(root, site, "--only", "ensembl") == 0
    genes = GeneReader(current_release(root, "GRCh38") / "transcripts.ann")
    assert len(genes) == 3 + 37
    plus, minus, non_coding = (genes.transcript(number) for number in range(3))
    assert (plus.transcript_id, plus.gene_name) == ("ENST90000000001.3", "PLUS1")
    assert (plus.mane_select, plus.canonical, plus.cds_start_nf) == (True, True, False)
    assert plus.cds == (1_000_100, 1_000_400)
    assert plus.cds_sequence is not None
    assert (len(plus.cds_sequence), plus.cds_sequence[:3]) == (180, b"ATG")
    assert (minus.strand, minus.cds_phase, minus.cds_start_nf) == (-1, 1, True)
    assert minus.cds_sequence is not None
    # The two N that Ensembl pads with are gone.
    assert (len(minus.cds_sequence), b"N" in minus.cds_sequence) == (121, False)
    assert minus.model.protein is not None
    assert (non_coding.cds, non_coding.gene_name) == (None, "ENSG90000000003")


def test_a_second_build_changes_nothing_and_downloads_nothing(
    root: Path, site: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(root, site) == 0
    first = current_release(root, "GRCh38")
    asked = len(site.asked)
    assert build(root, site) == 0
    assert "nothing has changed" in capsys.readouterr().out
    assert current_release(root, "GRCh38") == first
    assert len(site.asked) == asked


def test_refresh_fetches_only_what_has_changed(root: Path, site: Served, ask: Ask) -> None:
    only = ("--only", "cytoBand,cpgIslandExt")
    assert build(root, site, *only) == 0
    first = current_release(root, "GRCh38")
    site.put(BANDS, "chr1\t0\t2300000\tp99\tgneg\n")
    site.asked.clear()
    assert build(root, site, *only, "--refresh") == 0
    assert sorted(status for _, _, status in site.asked) == [200, 304]
    assert ask(root, "GRCh38", "1 5 A C")["cytoBand"] == "1p99"
    # A job that began before keeps what it opened.
    assert (first / "cytoBand.ann").is_file()


def test_a_build_that_cannot_get_a_file_leaves_the_reference_in_use(
    root: Path, site: Served, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(root, site, "--only", "cytoBand") == 0
    before = current_release(root, "GRCh38")
    del site.files[GFF3]
    assert build(root, site) == 3
    told = capsys.readouterr().err
    assert "404" in told
    assert "still serves" in told
    assert current_release(root, "GRCh38") == before
    assert ask(root, "GRCh38", "1 5 A C")["cytoBand"] == "1p36.33"


@pytest.mark.parametrize(
    ("path", "old", "new", "told"),
    [
        (BANDS, "\t2300000\tp36.33", "\t23x\tp36.33", "cytoBand.txt.gz, line 1, column 3: '23x'"),
        (BANDS, "0\t2300000", "9\t5", "line 1, column 3: '5' is no number of at least 9"),
        (BANDS, "2300000\t5300000", "2300000\t999999999", "line 2: position 999999999 lies beyond"),
        (BANDS, "chr1\t0\t2300000\tp36.33\tgneg", "chr1\t0", "line 1, column 3: the line has 2"),
        (BANDS, "chr1\t", "lambda\t", "no row on a chromosome of GRCh38 (contigs: lambda"),
        (GFF3, "\tID=transcript:ENST90000000003;", "\tID=x;", "line 26, column 9: part of"),
        (GFF3, "248956422\n", "249250621\n", "is on another assembly"),
        (GFF3, "lnc_RNA\t1020001\t1020200", "lnc_RNA\t1020001", "8 columns instead of 9"),
        (GFF3, "1000001\t1000200\t.\t+\t.\tParent=transcript:ENST90000000001;Name=ENSE1",
         "1000111\t1000200\t.\t+\t.\tParent=transcript:ENST90000000001;Name=ENSE1",
         "does not lie in its exons"),
        (CLINVAR, "##reference=GRCh38", "##reference=GRCh37", "clinvar.vcf.gz: is on GRCh37"),
        (CLINVAR, "1\t1000150\t101", "1\t10x\t101", "line 13, column 2: POS '10x'"),
        (CLINVAR, "\tGAC\tG\t", "\tG-C\tG\t", "line 15, column 4: REF 'G-C'"),
        (CLINVAR, "1\t1000170\t104\tC\t.\t.\t.\t", "1\t1000170\t104\t", "line 16: 4 columns"),
        (CLINVAR, "\t101\t", "\tabc\t", "line 13, column ID: 'abc'"),
        (CLINVAR, "ID=CLNSIG,", "ID=CLNSIC,", "has no INFO key CLNSIG"),
        (CLINVAR, "#CHROM", "CHROM", "line 12: not a VCF"),
    ],
)  # fmt: skip
def test_a_source_that_makes_no_sense_is_refused_by_file_line_and_column(
    root: Path,
    site: Served,
    capsys: pytest.CaptureFixture[str],
    path: str,
    old: str,
    new: str,
    told: str,
) -> None:
    text = gzip.decompress(site.files[path]).decode()
    assert old in text
    site.put(path, text.replace(old, new))
    site.put(f"{CLINVAR}.md5", hashlib.md5(site.files[CLINVAR], usedforsecurity=False).hexdigest())
    name = {BANDS: "cytoBand", GFF3: "ensembl", CLINVAR: "clinvar"}[path]
    assert build(root, site, "--only", name) == 3
    assert told in capsys.readouterr().err
    assert not (root / "GRCh38" / "current").exists()
    assert not list((root / "GRCh38").glob(".*-*"))


def test_two_builds_of_one_assembly_do_not_run_at_once(
    root: Path, site: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    with release._alone(root / "GRCh38"):
        assert build(root, site, "--only", "cytoBand") == 4
    assert "another build of GRCh38" in capsys.readouterr().err


def start_build(root: Path, site: Served, only: str) -> subprocess.Popen[bytes]:
    code = "import sys; from ann.anntools.build.command import main; sys.exit(main(sys.argv[1:]))"
    options = ["--assembly", "GRCh38", "--reference", str(root), "--mirror", site.url]
    return subprocess.Popen(
        [sys.executable, "-c", code, *options, "--only", only, "--threads", "1"],
        cwd=Path(__file__).parents[4],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )


def kill_when(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    for _ in range(6000):
        if reached():
            break
        assert process.poll() is None, "the build ended before it could be killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def test_a_download_that_was_killed_half_way_is_resumed(root: Path, site: Served, ask: Ask) -> None:
    padding = "".join(f"# {hashlib.sha256(str(n).encode()).hexdigest()}\n" for n in range(60_000))
    table = "chr1\t0\t2300000\tp36.33\tgneg\n"
    site.put(BANDS, table + padding.replace("# ", "chrUn_").replace("\n", "\t0\t5\tx\tgneg\n"))
    size = len(site.files[BANDS])
    site.stalls_at[BANDS] = size // 2
    process = start_build(root, site, "cytoBand")
    part = root / "downloads" / "GRCh38-cytoBand-data-cytoBand.txt.gz.part"
    kill_when(process, lambda: part.is_file() and part.stat().st_size > size // 4)
    have = part.stat().st_size
    assert 0 < have < size
    site.stalls_at.clear()
    site.asked.clear()
    assert build(root, site, "--only", "cytoBand") == 0
    assert [(wanted, status) for _, wanted, status in site.asked] == [(f"bytes={have}-", 206)]
    assert ask(root, "GRCh38", "1 5 A C")["cytoBand"] == "1p36.33"


def test_a_compilation_that_was_killed_leaves_no_trace_after_the_next_build(
    root: Path, site: Served
) -> None:
    rows = "".join(f"chr1\t{n * 10}\t{n * 10 + 5}\tp{n}\tgneg\n" for n in range(60_000))
    site.put(BANDS, rows)
    home = root / "GRCh38"
    process = start_build(root, site, "cytoBand")
    kill_when(process, lambda: bool(list(home.glob(".source-*"))))
    assert not (home / "current").exists()
    assert build(root, site, "--only", "cytoBand") == 0
    assert not list(home.glob(".source-*"))
    assert verify.check(root, "GRCh38").problems == ()


def test_old_releases_go_and_the_last_two_stay(root: Path, site: Served) -> None:
    made = []
    for number in range(4):
        site.put(BANDS, f"chr1\t0\t2300000\tp{number}\tgneg\n")
        assert build(root, site, "--only", "cytoBand", "--refresh") == 0
        made.append(current_release(root, "GRCh38").name)
        # Releases are told apart by their age, which some file systems keep in whole seconds.
        for age, name in enumerate(reversed(made)):
            manifest_home = root / "GRCh38" / name
            if manifest_home.exists():
                os.utime(manifest_home, (1_700_000_000 - age, 1_700_000_000 - age))
    left = {path.name for path in (root / "GRCh38").glob("built-*")}
    assert left == set(made[1:])
    assert len(list((root / "GRCh38" / "sources").iterdir())) == 1


def test_the_sources_are_listed_without_building(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--assembly", "GRCh37", "--list", "--reference", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "ensembl: Ensembl transcripts, 87" in told
    assert "dbsnp" not in told
    assert list(tmp_path.iterdir()) == []


def test_offline_uses_what_is_there_and_says_what_is_not(
    root: Path, site: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(root, site, "--only", "cytoBand") == 0
    asked = len(site.asked)
    assert build(root, site, "--only", "cytoBand", "--offline") == 0
    assert build(root, site, "--only", "wgRna", "--offline") == 3
    assert "without --offline" in capsys.readouterr().err
    assert len(site.asked) == asked


def test_an_unknown_source_is_named_with_those_there_are(
    root: Path, site: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(root, site, "--with", "gadAll") == 2
    told = capsys.readouterr().err
    assert "no source gadAll of GRCh38" in told
    assert "clinvar" in told


def test_the_chain_alone_is_built_by_the_command_that_a_refusal_names(
    root: Path, site: Served
) -> None:
    options = ["--chain", "NCBI36", "--reference", str(root), "--mirror", site.url]
    assert main(options) == 0
    assert (root / "NCBI36" / "current" / "lift.ann").is_file()
    assert verify.check(root, "NCBI36").problems == ()


def test_a_build_goes_on_without_the_chain(
    root: Path, site: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    del site.files["ftp.ensembl.org/pub/assembly_mapping/homo_sapiens/NCBI36_to_GRCh37.chain.gz"]
    assert build(root, site) == 0
    assert "build --chain NCBI36" in capsys.readouterr().err
    assert not (root / "NCBI36" / "current").exists()
