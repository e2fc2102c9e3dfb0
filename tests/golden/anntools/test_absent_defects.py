"""Defects measured in the original AnnTools, each shown absent."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from ann.anntools.cli import main

HEAD = "##fileformat=VCFv4.1\n##reference=GRCh38\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
# HbS, rs334: a pathogenic A>T of ClinVar in HBB, on the reverse strand.
SICKLE = "11\t5227002\t{id}\t{ref}\t{alt}\t.\t.\t{info}\n"


class Runner:
    def __init__(self, folder: Path, reference: Path) -> None:
        self.folder = folder
        self._reference = reference

    def __call__(self, body: str, *, head: str = HEAD, name: str = "in.vcf") -> list[list[str]]:
        path = self.folder / name
        data = (head + COLUMNS + body).encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        out = self.folder / "in.annot.vcf"
        command = ["annotate", str(path), "-o", str(out), "--reference", str(self._reference)]
        assert main(command) == 0
        lines = out.read_text().splitlines()
        self.header = [line for line in lines if line.startswith("#")]
        return [line.split("\t") for line in lines if not line.startswith("#")]

    def info(self, body: str) -> dict[str, str]:
        text = self(body)[0][7]
        return dict(part.partition("=")[::2] for part in text.split(";"))


@pytest.fixture
def run(tmp_path: Path, bundle: Path) -> Runner:
    return Runner(tmp_path, bundle)


def sickle(**parts: str) -> str:
    return SICKLE.format(**({"id": ".", "ref": "T", "alt": "A", "info": "."} | parts))


def test_a_quote_in_chrom_or_pos_is_data_not_a_query(run: Runner) -> None:
    body = '1" OR "1"="1\t5\t.\tA\tG\t.\t.\t.\n' + "1\t5;DROP TABLE dbSNP\t.\tA\tG\t.\t.\t.\n"
    rows = run(body.replace(" ", "_") + sickle())
    assert rows[0][0] == '1"_OR_"1"="1'
    assert "ANN=" not in rows[0][7]
    assert len(rows) == 2


def test_columns_are_parted_by_tabs_alone(run: Runner) -> None:
    rows = run(sickle() + sickle(info="DP=1"))
    assert all(len(row) == 8 and cell == cell.strip() for row in rows for cell in row)


def test_every_added_key_has_an_info_line(run: Runner) -> None:
    keys = {part.partition("=")[0] for part in run(sickle())[0][7].split(";")}
    declared = {line[11:].partition(",")[0] for line in run.header if "##INFO=<ID=" in line}
    assert keys
    assert keys <= declared


def test_no_key_stands_twice_in_a_record(run: Runner) -> None:
    keys = [part.partition("=")[0] for part in run(sickle(info="GENE=x;DP=2"))[0][7].split(";")]
    assert len(keys) == len(set(keys))


def test_no_value_holds_what_parts_values(run: Runner) -> None:
    for value in run.info(sickle()).values():
        assert not set(value) & set("; \t=")


def test_alt_matters(run: Runner) -> None:
    assert "CLNSIG" in run.info(sickle(alt="A"))
    assert "CLNSIG" not in run.info(sickle(alt="C"))


def test_a_complementary_ref_is_another_variant(run: Runner) -> None:
    assert "CLNSIG" not in run.info(sickle(ref="A", alt="T"))


def test_identifiers_that_were_there_stay(run: Runner) -> None:
    assert run(sickle(id="mine;rs1"))[0][2].split(";")[:2] == ["mine", "rs1"]
    assert run("1\t5\tkept\tA\tG\t.\t.\t.\n")[0][2] == "kept"


def test_indels_are_matched_however_they_are_written(run: Runner) -> None:
    # F508del of CFTR in ClinVar: 7:117559590 ATCT>A.
    plain = run.info("7\t117559590\t.\tATCT\tA\t.\t.\t.\n")
    assert "CLNSIG" in plain
    padded = run.info("7\t117559590\t.\tATCTG\tAG\t.\t.\t.\n")
    assert padded["CLNSIG"] == plain["CLNSIG"]


def test_the_base_before_a_gene_is_outside_it(run: Runner) -> None:
    # BRCA1 lies at 17:43,044,295-43,125,364, counted from 1.
    def genes(pos: int) -> list[str]:
        return run.info(f"17\t{pos}\t.\tA\tG\t.\t.\tX=1\n").get("GENE", "").split(",")

    assert "BRCA1" in genes(43_044_295)
    assert "BRCA1" not in genes(43_044_294)
    assert "BRCA1" in genes(43_125_364)


def test_the_output_does_not_depend_on_the_hash_seed(tmp_path: Path, bundle: Path) -> None:
    source = tmp_path / "in.vcf"
    source.write_text(HEAD + COLUMNS + sickle() + "17\t43044295\t.\tA\tG\t.\t.\t.\n")
    found = set()
    for seed in ("0", "1", "77"):
        out = tmp_path / seed / "o.annot.vcf"
        command = [sys.executable, "-m", "ann.anntools", "annotate", str(source), "-o", str(out)]
        subprocess.run(
            [*command, "--reference", str(bundle)],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
        )
        found.add(b"".join(path.read_bytes() for path in sorted(out.parent.iterdir())))
    assert len(found) == 1


def test_a_blank_line_is_no_trouble(run: Runner) -> None:
    assert len(run("\n" + sickle() + "\n\n")) == 1


def test_seven_columns_are_a_reject_not_a_crash(run: Runner) -> None:
    assert len(run("1\t5\t.\tA\tG\t.\t.\n" + sickle())) == 1
    assert "columns" in (run.folder / "in.rejects.tsv").read_text()


def test_a_gzipped_file_is_read(run: Runner) -> None:
    assert len(run(sickle(), name="in.vcf.gz")) == 1


def test_no_temporary_file_is_left(run: Runner) -> None:
    run(sickle())
    assert {path.name for path in run.folder.iterdir()} == {
        "in.vcf",
        "in.annot.vcf",
        "in.annot.tsv.gz",
        "in.count.log",
        "in.rejects.tsv",
        "in.provenance.json",
    }


def test_the_total_is_the_number_of_records(run: Runner) -> None:
    run(sickle() * 3)
    assert "\nTotal: 3\n" in (run.folder / "in.count.log").read_text()
    facts = json.loads((run.folder / "in.provenance.json").read_text())
    assert facts["counts"]["records_in"] == 3


@pytest.mark.parametrize("name", ["M", "MT", "chrM", "chrMT"])
def test_the_mitochondrion_is_found_by_any_of_its_names(run: Runner, name: str) -> None:
    info = run.info(f"{name}\t8860\t.\tA\tG\t.\t.\t.\n")
    assert "p.Thr112Ala" in info["ANN"]
    assert "MT-ATP6" in info["GENE"]


def test_readers_accept_the_file(run: Runner) -> None:
    run(sickle() + "17\t43044295\t.\tA\tG,T\t.\t.\t.\n")
    with pysam.VariantFile(str(run.folder / "in.annot.vcf")) as variants:
        assert [record.info["GENE"] for record in variants] == [("HBB",), ("BRCA1",)]
