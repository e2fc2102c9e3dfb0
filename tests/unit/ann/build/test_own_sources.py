"""Sources of an operator's own: a few lines of TOML for a file in a usual format."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from ann.anntools.build.catalogue import CATALOGUE, CatalogueError, read_catalogue
from ann.anntools.build.command import main

Ask = Callable[[Path, str, str], dict[str, str]]


def own(tmp_path: Path, toml: str, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / name.replace("__", ".")
        raw = text.encode()
        path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    catalogue = tmp_path / "own.toml"
    catalogue.write_text(toml)
    return catalogue


def build(root: Path, catalogue: Path, name: str) -> int:
    options = ["--assembly", "GRCh38", "--reference", str(root), "--threads", "1"]
    return main([*options, "--catalogue", str(catalogue), "--only", name])


def entry(name: str, form: str, path: str, rest: str = "") -> str:
    return (
        f'[[source]]\nname = "{name}"\nassembly = "GRCh38"\nformat = "{form}"\n'
        f'path = "{path}"\n{rest}\n'
    )


def test_a_bed_file_needs_four_lines(tmp_path: Path, root: Path, ask: Ask) -> None:
    bed = "track name=x\nchr1\t99\t200\tone thing\n1 300 301\nchr1_KI270706v1_random\t1\t2\tz\n"
    catalogue = own(tmp_path, entry("panel", "bed", "a.bed.gz"), a__bed__gz=bed)
    assert build(root, catalogue, "panel") == 0
    assert "panel" not in ask(root, "GRCh38", "1 99 A C")
    assert ask(root, "GRCh38", "1 100 A C")["panel"] == "one_thing"
    assert ask(root, "GRCh38", "chr1 301 A C")["panel"] == "1:301-301"


def test_columns_of_a_bed_file_get_keys_of_their_own(tmp_path: Path, root: Path, ask: Ask) -> None:
    columns = """columns = [
  { key = "CAPTURE", from = 4, description = "Capture target" },
  { key = "SCORE", from = [5, 6], join = "/" },
]"""
    bed = "1\t0\t10\tA;B\t7\t+\n1\t5\t10\tC\t.\t.\n"
    catalogue = own(tmp_path, entry("panel", "bed", "a.bed", columns), a__bed=bed)
    assert build(root, catalogue, "panel") == 0
    found = ask(root, "GRCh38", "1 7 A C")
    assert (found["CAPTURE"], found["SCORE"]) == ("A%3BB,C", "7/+,.")


def test_a_vcf_gives_values_by_allele(tmp_path: Path, root: Path, ask: Ask) -> None:
    vcf = (
        "##fileformat=VCFv4.2\n"
        '##INFO=<ID=AF,Number=A,Type=Float,Description="x">\n'
        '##INFO=<ID=AD,Number=R,Type=Integer,Description="x">\n'
        '##INFO=<ID=WHY,Number=.,Type=String,Description="x">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
        "chr1\t100\tlocal7\tA\tG,T\t.\t.\tAF=0.123456,1e-7;AD=5,3,2;WHY=a,b\tGT\t0/1\n"
        "chr1\t200\t.\tCAAA\tC,CA,<DEL>,*\t.\t.\tAF=0.5,0.25,0,0\tGT\t0/1\r\n"
        "chr1\t300\tlocal9\tN\tA\t.\t.\tAF=.\tGT\t0/1\n"
        "chrX\t400\t.\tA\tG[chr2:5[\t.\t.\tWHY=x\tGT\t0/1"
    )
    columns = """columns = [
  { key = "ID", from = "ID", integer = true, prefix = "local" },
  { key = "LOCAL_AF", from = "INFO/AF", type = "Float", digits = 3 },
  { key = "LOCAL_AD", from = "INFO/AD", type = "Integer" },
  { key = "LOCAL_WHY", from = "INFO/WHY" },
]"""
    catalogue = own(tmp_path, entry("cohort", "vcf", "c.vcf", columns), c__vcf=vcf)
    assert build(root, catalogue, "cohort") == 0
    found = ask(root, "GRCh38", "1 100 A T,C,G")
    assert found["ID"] == "local7"
    assert found["LOCAL_AF"] == "1e-07,.,0.123"
    assert found["LOCAL_AD"] == "2,.,3"
    assert found["LOCAL_WHY"] == "a%2Cb,.,a%2Cb"
    # CAAA>CA written shorter.
    assert ask(root, "GRCh38", "1 200 CAA C")["LOCAL_AF"] == "0.25"


def test_gff3_and_gtf_features_are_picked_by_type(tmp_path: Path, root: Path, ask: Ask) -> None:
    gff = (
        "##gff-version 3\n1\tx\tenhancer\t11\t20\t.\t+\t.\tID=e1;Note=a%2Cb\n"
        "1\tx\tsilencer\t15\t30\t.\t+\t.\tID=s1\n##FASTA\n>1\nACGT\n"
    )
    gtf = '1\tx\texon\t11\t20\t.\t+\t.\tgene_id "G1"; exon_number 2; tag "a"; tag "b";\n'
    toml = entry(
        "regions",
        "gff3",
        "r.gff3",
        'feature = "enhancer"\n'
        'columns = [{ key = "ENH", from = ["attribute/ID", "attribute/Note"] }]',
    ) + entry(
        "exons",
        "gtf",
        "e.gtf",
        'columns = [{ key = "EXON", from = ["attribute/gene_id", "attribute/exon_number", '
        '"attribute/tag"] }]',
    )
    catalogue = own(tmp_path, toml, r__gff3=gff, e__gtf=gtf)
    assert build(root, catalogue, "regions,exons") == 0
    found = ask(root, "GRCh38", "1 20 A C")
    assert (found["ENH"], found["EXON"]) == ("e1|a%2Cb", "G1|2|a%2Cb")
    assert "ENH" not in ask(root, "GRCh38", "1 21 A C")
    assert "ENH" not in ask(root, "GRCh38", "1 10 A C")


def test_a_table_tells_its_columns_by_name(tmp_path: Path, root: Path, ask: Ask) -> None:
    table = (
        "##made by hand\n#Chrom\tFrom\tTo\tWhat\n1\t10\t20\tin vivo\n1\t\t\tnowhere\n"
        "1\t12;15\t\thaplotype\n"
    )
    rest = """header = true
contig = "Chrom"
start = "From"
end = "To"
skip_without_place = true
columns = [{ key = "HAND", from = "What" }]"""
    catalogue = own(tmp_path, entry("hand", "tsv", "t.tsv", rest), t__tsv=table)
    assert build(root, catalogue, "hand") == 0
    assert ask(root, "GRCh38", "1 10 A C")["HAND"] == "in_vivo"
    assert ask(root, "GRCh38", "1 20 A C")["HAND"] == "in_vivo"
    assert "HAND" not in ask(root, "GRCh38", "1 21 A C")


def test_a_table_with_alleles_is_matched_by_allele(tmp_path: Path, root: Path, ask: Ask) -> None:
    table = "2\t100\tA\tG\tbad\n1\t50\tCT\tC\tworse\n1\t10\ta\tt\tlower\n"
    rest = """contig = 1
start = 2
ref = 3
alt = 4
columns = [{ key = "LAB", from = 5, number = "A" }]"""
    catalogue = own(tmp_path, entry("lab", "tsv", "l.tsv", rest), l__tsv=table)
    assert build(root, catalogue, "lab") == 0
    assert ask(root, "GRCh38", "2 100 A T,G")["LAB"] == ".,bad"
    assert ask(root, "GRCh38", "1 50 CTT CT")["LAB"] == "worse"
    assert ask(root, "GRCh38", "1 10 A T")["LAB"] == "lower"


def test_a_source_of_ones_own_may_take_the_place_of_a_bundled_one(
    tmp_path: Path, root: Path, ask: Ask
) -> None:
    rest = 'replaces = ["cytoBand"]\ncolumns = [{ key = "cytoBand", from = 4 }]'
    catalogue = own(tmp_path, entry("bands", "bed", "b.bed", rest), b__bed="1\t0\t9\tmine\n")
    assert build(root, catalogue, "bands") == 0
    assert ask(root, "GRCh38", "1 5 A C")["cytoBand"] == "mine"


@pytest.mark.parametrize(
    ("form", "rest", "text", "told"),
    [
        ("bed", "", "1\t5\n", "f.txt, line 1: 2 columns"),
        ("bed", "", "1\t5\t4\tx\n", "f.txt, line 1, column 3: '4' is no number of at least 5"),
        ("bed", "", "1\t5\t6\n1\t-5\t4\n", "f.txt, line 2, column 2: '-5'"),
        ("bed", "", "1\t5\t6\n1\t5\t\xff6\n".encode().decode(), "line 2, column 3"),
        ("bed", 'columns = [{ key = "K", from = 7 }]', "1\t5\t6\n", "line 1, column 7: the line"),
        ("bed", "", "scaffold9\t5\t6\n", "no row on a chromosome of GRCh38"),
        ("bed", "", "21\t5\t48129895\n", "lies beyond contig 21, which has 46709983 bases; is"),
        ("bed", "", "NC_000001.10\t5\t6\n", "NC_000001.10 is a contig of GRCh37"),
        ("bed", "", "", "no row"),
        ("gff3", 'columns = [{ key = "K", from = 2 }]', "1\tx\ty\t1\t2\n", "5 columns instead"),
        ("gff3", 'columns = [{ key = "K", from = 2 }]', "1\tx\ty\t0\t2\t.\t+\t.\tID=1\n",
         "line 1, column 4: '0' is no number of at least 1"),
        ("tsv", 'header = true\nstart = "At"\ncolumns = [{ key = "K", from = 3 }]',
         "c\tpos\tv\n1\t1\tx\n", "column At: there is no such column (c, pos, v)"),
        ("tsv", 'ref = 3\nalt = 4\ncolumns = [{ key = "K", from = 5 }]',
         "1\t1\tA\t<DEL>\tx\n", "line 1, column 4: '<DEL>' is no sequence"),
        ("tsv", 'columns = [{ key = "K", from = 3, integer = true }]',
         "1\t1\t1.5\n", "line 1, column 3: '1.5'"),
        ("vcf", 'columns = [{ key = "K", from = "INFO/X" }]', "1\t1\n", "line 1: not a VCF"),
        ("vcf", 'columns = [{ key = "K", from = 3 }]',
         "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", "comes from ID or INFO/KEY"),
    ],
)  # fmt: skip
def test_a_bad_line_is_refused_by_file_line_and_column(
    tmp_path: Path,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    form: str,
    rest: str,
    text: str,
    told: str,
) -> None:
    catalogue = own(tmp_path, entry("mine", form, "f.txt", rest), f__txt=text)
    assert build(root, catalogue, "mine") == 3
    assert told in capsys.readouterr().err


def test_text_in_another_encoding_is_refused_by_line(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = own(tmp_path, entry("mine", "bed", "f.bed"))
    (tmp_path / "f.bed").write_bytes(b"1\t5\t6\n1\t7\t8\tcaf\xe9\n")
    assert build(root, catalogue, "mine") == 3
    assert "f.bed, line 2: not UTF-8" in capsys.readouterr().err


def test_a_file_cut_short_is_refused(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = own(tmp_path, entry("mine", "bed", "f.bed.gz"))
    (tmp_path / "f.bed.gz").write_bytes(gzip.compress(b"1\t5\t6\n" * 1000)[:-20])
    assert build(root, catalogue, "mine") == 3
    assert "f.bed.gz: cut short or damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[[source]\n", "own.toml: "),
        ("x = 1\n", "must hold [[source]] entries and nothing else"),
        ('[[source]]\nname = "a b"\n', "own.toml: source 1 (a b): a name is a letter"),
        (entry("a", "bam", "x"), "format 'bam' is none of bed, vcf"),
        (entry("a", "bed", "x").replace("GRCh38", "hg38"), "assembly 'hg38' is none of"),
        (entry("a", "bed", "x", "colour = 1"), "does not know 'colour'; known are"),
        (entry("a", "tsv", "x"), "needs columns"),
        (entry("a", "bed", "x", 'url = "https://x"'), "needs either url or path"),
        (entry("a", "bed", "x").replace('path = "x"', 'url = "ftp://x"'), "must begin with https"),
        (entry("a", "bed", "x", 'columns = [{ key = "A B", from = 4 }]'), "is no INFO key"),
        (entry("a", "bed", "x", 'columns = [{ key = "A", from = 0 }]'), "column 1: 'from' must"),
        (entry("a", "bed", "x", "one_based = 1"), "'one_based' is of the wrong type"),
        (entry("a", "bed", "x", 'sha256 = "12"'), "64 hexadecimal digits"),
        (entry("a", "bed", "x") * 2, "a of GRCh38 is there twice"),
        (entry("genes", "bed", "x.bed"), "two sources are called genes: rename one, or let it say"),
        (entry("a", "bed", "x", 'columns = [{ key = "K", from = 4 }]')
         + entry("b", "bed", "x", 'columns = [{ key = "K", from = 4 }]'), "write the INFO key K"),
    ],
)  # fmt: skip
def test_a_catalogue_that_makes_no_sense_is_refused_by_entry(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], toml: str, told: str
) -> None:
    catalogue = own(tmp_path, toml, x__bed="1\t0\t1\n", x="1\t0\t1\tz\n")
    options = ["--assembly", "GRCh38", "--reference", str(root), "--catalogue", str(catalogue)]
    assert main([*options, "--only", "a,b" if toml.count("[[source") > 1 else "genes"]) == 2
    assert told in capsys.readouterr().err


def test_the_catalogue_itself_is_understood_and_polite() -> None:
    specs = read_catalogue(CATALOGUE)
    assert {spec.assembly for spec in specs} == {"GRCh37", "GRCh38", "NCBI36"}
    for spec in specs:
        assert spec.licence != "not said"
        assert spec.megabytes
        # Nothing large is fetched without being asked for.
        assert not (spec.default and spec.megabytes > 1000)
        for file in spec.files:
            assert file.url.startswith("https://")
            # UCSC's own chain files may not be used by everyone.
            assert "liftOver" not in file.url


def test_a_missing_catalogue_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"no\.toml: cannot be read"):
        read_catalogue(tmp_path / "no.toml")


def test_the_worked_example_of_the_documentation_works(
    tmp_path: Path, root: Path, ask: Ask
) -> None:
    text = (Path(__file__).parents[4] / "docs" / "reference-data.md").read_text()
    toml = text.split("```toml\n")[1].split("```")[0]
    vcf = (
        '##INFO=<ID=AF,Number=A,Type=Float,Description="x">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n1\t100\tlocal3\tA\tG\t.\t.\tAF=0.12345\n"
    )
    catalogue = own(
        tmp_path, toml, classified__tsv="Chrom\tPos\tRef\tAlt\tClass\n1\t100\tA\tG\t5\n"
    )
    (tmp_path / "panel.bed.gz").write_bytes(gzip.compress(b"1\t50\t150\ttarget\n"))
    (tmp_path / "cohort.vcf.gz").write_bytes(gzip.compress(vcf.encode()))
    assert build(root, catalogue, "panel,cohort,lab") == 0
    found = ask(root, "GRCh38", "1 100 A G")
    assert found["ID"] == "local3"
    assert (found["panel"], found["COHORT_AF"], found["LAB_CLASS"]) == ("target", "0.123", "5")
