import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from ann.anntools.assembly.contigs import LENGTHS
from ann.anntools.engine import annotate
from ann.anntools.errors import InputError
from ann.anntools.io.summary import Summary
from ann.anntools.store.chain import AlignedBlock
from ann.anntools.store.manifest import Column, SourceInfo
from ann.anntools.store.reference import ReferenceWriter

HEAD = "##fileformat=VCFv4.2\n##reference=GRCh38\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"

Made = tuple[Summary, list[str], list[str]]


@pytest.fixture
def made(tmp_path: Path, tiny_reference: Path) -> Callable[..., Made]:
    """Annotate rows (blanks for tabs); gives the summary, header lines and records."""

    def make(*rows: str, head: str = HEAD, columns: str = COLUMNS, **options: object) -> Made:
        source = tmp_path / "in.vcf"
        lines = "".join(row.replace(" ", "\t") + "\n" for row in rows)
        source.write_text(head + columns + lines)
        out = tmp_path / "in.annot.vcf.gz"
        reference = options.pop("reference", tiny_reference)
        summary = annotate(source, out, reference=reference, **options)  # type: ignore[arg-type]
        text = gzip.decompress(out.read_bytes()).decode().splitlines()
        with pysam.VariantFile(str(out)) as variants:
            assert sum(1 for _ in variants) == summary.records_out
        records = [line for line in text if not line.startswith("#")]
        return summary, [line for line in text if line.startswith("#")], records

    return make


def test_unsorted_records_are_sorted_stably_and_rejects_keep_their_line_numbers(
    made: Callable[..., Made], tmp_path: Path
) -> None:
    head = HEAD + "##contig=<ID=2>\n##contig=<ID=1>\n"
    summary, _, records = made(
        "1 300 a A G . . .",
        "1 100 b A G . . .",
        "X 7 x A G . . .",
        "bad line",
        "1 100 c A T . . .",
        "2 9 d A G . . .",
        head=head,
    )
    assert [record.split("\t")[2] for record in records] == ["d", "b;rs334", "c;rs335", "a", "x"]
    assert summary.sorted_here
    assert "not in order" in (tmp_path / "in.count.log").read_text()
    assert (tmp_path / "in.rejects.tsv").read_text().splitlines()[1].startswith("9\t")
    assert summary.records_in == 6


def test_sorting_in_many_runs_gives_the_same(
    made: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{number % 3} {number * 7919 % 1000} r{number} A G . . ." for number in range(500)]
    _, _, whole = made(*rows)
    monkeypatch.setattr("ann.anntools.io.sorting.RUN_BYTES", 500)
    monkeypatch.setattr("ann.anntools.io.batches.BATCH", 300)
    assert made(*rows)[2] == whole
    places = [(r.split("\t")[0], int(r.split("\t")[1])) for r in whole]
    order = list(dict.fromkeys(row.split(" ")[0] for row in rows))
    assert places == sorted(places, key=lambda place: (order.index(place[0]), place[1]))


def test_contigs_that_the_header_lacks_are_added_with_their_lengths(
    made: Callable[..., Made],
) -> None:
    head = HEAD + "##contig=<ID=chr2,length=5>\n"
    _, lines, _ = made(
        "chr2 1 . A G . . .", "chrMT 8860 . A G . . .", "odd 3 . A G . . .", head=head
    )
    found = [line for line in lines if line.startswith("##contig")]
    assert found == [
        "##contig=<ID=chr2,length=5>",
        "##contig=<ID=chrMT,length=16569,assembly=GRCh38>",
        "##contig=<ID=odd,assembly=GRCh38>",
    ]


def test_the_index_fits_when_contig_lines_were_added_afterwards(
    made: Callable[..., Made], tmp_path: Path
) -> None:
    made(*(f"{contig} {pos} . A G . . ." for contig in "12" for pos in range(1, 50_000, 500)))
    with pysam.VariantFile(str(tmp_path / "in.annot.vcf.gz")) as variants:
        assert [r.pos for r in variants.fetch("2", 40_000, 41_000)] == [40_001, 40_501]
        assert len(list(variants.fetch("1"))) == 100


def test_our_keys_are_prefixed_where_the_input_declares_or_uses_them(
    made: Callable[..., Made],
) -> None:
    head = HEAD + '##INFO=<ID=CYTOBAND,Number=1,Type=String,Description="mine">\n'
    _, lines, records = made("1 100 . A G . . CYTOBAND=old;dbSNP_AF=9", head=head)
    assert records[0].split("\t")[7] == (
        "CYTOBAND=old;dbSNP_AF=9;GAS_dbSNP_AF=0.5;GAS_CYTOBAND=p36.33;CNV=a%3Bb%3Dc%20d;CNV_PM=1"
    )
    ids = [line for line in lines if line.startswith("##INFO=<ID=GAS_")]
    assert len(ids) == 2


def test_old_metadata_is_rewritten_and_kept(made: Callable[..., Made]) -> None:
    head = (
        "##fileformat=VCFv3.3\n##reference=hg19\n"
        '##INFO=DP,1,Integer,"Total ""Depth"\n##FILTER=q10,"Low"\n##FORMAT=GQ,-1,Integer,"Q"\n'
    )
    _, lines, _ = made("1 100 . A G . . DP=3", head=head)
    assert lines[0] == "##fileformat=VCFv4.2"
    assert '##FILTER=<ID=q10,Description="Low">' in lines
    assert '##FORMAT=<ID=GQ,Number=.,Type=Integer,Description="Q">' in lines
    assert '##GAS_original=##FILTER=q10,"Low"' in lines
    assert "##GAS_original=##fileformat=VCFv3.3" in lines


def test_all_else_is_kept_byte_for_byte(made: Callable[..., Made]) -> None:
    head = HEAD + '##weird "line" with \\ and ;=,\n##X=<ID=é,Description="ü">\n'
    columns = COLUMNS.strip() + "\tFORMAT\tS 1\tS2\n"
    row = "7 5 x;y a <DEL>,* 1e-3 q;s A=1;B GT:XX 0|1:a,b .:. "
    _, lines, records = made(row.strip(), head=head, columns=columns)
    assert records == [row.strip().replace(" ", "\t")]
    assert lines[:4] == head.splitlines()
    assert lines[-1] + "\n" == columns


def test_alleles_that_are_no_sequences_get_values_by_overlap_only(
    made: Callable[..., Made],
) -> None:
    _, _, records = made(
        "1 100 . A <DEL> . . END=200",
        "1 100 . A *,. . . .",
        "1 100 . A A[2:100[ . . .",
        "1 200 . ctt c,G . . .",
        "1 300 . N A . . .",
    )
    info = [record.split("\t")[7] for record in records]
    assert info[0] == "END=200;CYTOBAND=p36.33,p36.32;CNV=a%3Bb%3Dc%20d,e;CNV_PM=1,2"
    assert all("AF" not in info[n] for n in (0, 1, 2, 4))
    assert "dbSNP_AF=0.25,." in info[3]


def test_a_wrong_assembly_is_refused_with_the_numbers(tmp_path: Path) -> None:
    info = SourceInfo("genome", "Genome", "1", "", "", "", "")
    with ReferenceWriter(tmp_path / "r", "GRCh38", "g1", {"1": 1000}) as writer:
        writer.sequence(info).add("1", [b"ACGT" * 250])
    source = tmp_path / "in.vcf"
    right = "".join(f"1\t{pos}\t.\t{'ACGT'[(pos - 1) % 4]}\tN\t.\t.\t.\n" for pos in range(1, 60))
    source.write_text(HEAD + COLUMNS + right)
    summary = annotate(source, tmp_path / "a.vcf", reference=tmp_path / "r")
    assert (summary.counts.ref_checked, summary.counts.ref_differs) == (59, 0)
    source.write_text(HEAD + COLUMNS + right.replace("\tA\t", "\tG\t").replace("\tC\t", "\tG\t"))
    with pytest.raises(InputError, match="30 of 59 records") as caught:
        annotate(source, tmp_path / "b.vcf", reference=tmp_path / "r")
    assert caught.value.code == "assembly-mismatch"
    assert not (tmp_path / "b.vcf").exists()


@pytest.fixture
def lifting_reference(tmp_path: Path) -> Path:
    root = tmp_path / "lifting"
    info = SourceInfo("rows", "Rows", "1", "", "", "", "")
    with ReferenceWriter(root, "GRCh37", "g37", LENGTHS["GRCh37"]) as writer:
        rows = writer.intervals(info, [Column("ROW", ".", "String", "row")])
        rows.add("1", 5_099, 5_100, ["here"])
        rows.add("2", 10, 20, ["there"])
        alleles = writer.alleles(
            SourceInfo("known", "Known", "1", "", "", "", ""),
            [Column("ID", "A", "String", "rs", integer=True, prefix="rs")],
        )
        alleles.start_contig("1")
        alleles.add(5_100, "A", "G", [42])
    return root


def test_ncbi36_is_looked_up_on_grch37_and_keeps_its_own_positions(
    made: Callable[..., Made], lifting_reference: Path
) -> None:
    with ReferenceWriter(lifting_reference, "NCBI36", "c1", LENGTHS["NCBI36"]) as writer:
        blocks = [
            AlignedBlock("1", 0, "1", 5_000, 200, 1),
            AlignedBlock("1", 300, "2", 10, 5, 1),
            AlignedBlock("1", 400, "1", 5_000, 200, -1),
        ]
        writer.chain(SourceInfo("lift", "Chain", "chain-1", "", "", "", ""), blocks)
    summary, lines, records = made(
        "1 100 . A G . . .",
        "1 199 . AAAA A . . .",
        "1 301 . A G . . .",
        "1 500 . A G . . .",
        head="##fileformat=VCFv4.0\n##reference=human_b36_both.fasta\n",
        reference=lifting_reference,
    )
    assert [r.split("\t")[1:3] + r.split("\t")[7:] for r in records] == [
        ["100", "rs42", "ROW=here"],
        ["199", ".", "."],
        ["301", ".", "ROW=there"],
        ["500", ".", "."],
    ]
    assert summary.lifted
    assert summary.counts.unannotated == 2
    assert any("Assembly=NCBI36,LookedUpOn=GRCh37" in line for line in lines)
    assert f"##contig=<ID=1,length={LENGTHS['NCBI36']['1']},assembly=NCBI36>" in lines


def test_ncbi36_without_a_chain_is_refused_with_the_command_that_mends_it(
    made: Callable[..., Made], lifting_reference: Path
) -> None:
    with pytest.raises(InputError, match="no chain") as caught:
        made("1 100 . A G . . .", assembly="NCBI36", reference=lifting_reference)
    assert caught.value.code == "chain-missing"
    assert "build --chain NCBI36" in caught.value.hint


def test_the_table_has_a_row_for_each_allele_with_values_as_people_read_them(
    made: Callable[..., Made], tmp_path: Path
) -> None:
    made("1 100 . A T,G . . .", "9 1 . A G . . .")
    text = gzip.decompress((tmp_path / "in.annot.tsv.gz").read_bytes()).decode().splitlines()
    assert [line.split("\t") for line in text] == [
        ["CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER",
         "dbSNP_AF", "CYTOBAND", "CNV", "CNV_PM"],
        ["1", "100", "rs335;rs334", "A", "T", ".", ".", ".", "p36.33", "a;b=c d", "1"],
        ["1", "100", "rs335;rs334", "A", "G", ".", ".", "0.5", "p36.33", "a;b=c d", "1"],
        ["9", "1", ".", "A", "G", ".", ".", ".", ".", ".", "."],
    ]  # fmt: skip


def test_progress_ends_with_the_number_of_records(made: Callable[..., Made]) -> None:
    seen: list[tuple[int, float]] = []
    made("1 100 . A G . . .", "junk", progress=lambda *told: seen.append(told))
    assert seen[-1] == (2, 1.0)


def test_the_log_and_the_provenance_tell_what_was_done_and_nothing_of_the_machine(
    made: Callable[..., Made], tmp_path: Path
) -> None:
    made("1 100 . A G . . .")
    log = (tmp_path / "in.count.log").read_text()
    assert "Total: 1\nWritten: 1\nRejected: 0\n" in log
    assert "  dbsnp: 1 (100.00%)\n  bands: 1 (100.00%)\n  cnv: 1 (100.00%)\n" in log
    facts = json.loads((tmp_path / "in.provenance.json").read_text())
    assert facts["assembly"] == {
        "name": "GRCh38", "evidence": "reference lines", "lifted_to": None
    }  # fmt: skip
    assert facts["counts"]["annotated"] == {"dbsnp": 1, "bands": 1, "cnv": 1}
    for name in ("in.count.log", "in.provenance.json"):
        assert str(tmp_path) not in (tmp_path / name).read_text()


@pytest.mark.debian
def test_bcftools_reads_what_was_written_without_a_warning(
    made: Callable[..., Made], tmp_path: Path
) -> None:
    made("1 100 . A T,G . . .", "1 200 . CTT C . . .", "2 50 . A * . . .")
    out = str(tmp_path / "in.annot.vcf.gz")
    for arguments in (["view", out], ["stats", out], ["view", "-r", "2:50-60", out]):
        try:
            done = subprocess.run(["bcftools", *arguments], capture_output=True, check=True)
        except FileNotFoundError:
            pytest.skip("bcftools is not installed")
        assert b"[W::" not in done.stderr
        assert b"[E::" not in done.stderr
