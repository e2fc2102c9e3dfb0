"""A run's files: counted anew in their own bytes, and believed only when they add up."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ann.engine import Summary
from ann.results import OUTPUT, ResultError, collect, count_records
from gas.domain.job import ObjectKind
from tests.builders import a_job
from tests.support.fake_engine import BGZF_END, write


def vcf(path: Path, text: str, end: bytes = BGZF_END) -> Path:
    path.write_bytes(gzip.compress(text.encode()) + end)
    return path


HEAD = "##fileformat=VCFv4.2\n##x=\n#CHROM\tPOS\n"


@pytest.mark.parametrize(
    ("text", "records"),
    [
        (HEAD, 0),
        (HEAD + "1\t1\n1\t2\n", 2),
        (HEAD + "#odd\t1\n", 1),
        ("#CHROM\tPOS\n1\t1\n", 1),
        ("##long=" + "x" * (3 << 20) + "\n#CHROM\tPOS\n" + "1\t1\n" * 500_000, 500_000),
    ],
    ids=["no record", "two", "hash after the header", "header of one line", "several pieces"],
)
def test_records_are_counted_after_the_header(tmp_path: Path, text: str, records: int) -> None:
    assert count_records(vcf(tmp_path / "a.vcf.gz", text)) == records


def test_a_file_of_several_gzip_members_is_counted_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf.gz"
    members = [gzip.compress(text.encode()) for text in (HEAD, "1\t1\n", "1\t2\n1\t3\n")]
    path.write_bytes(b"".join([*members, BGZF_END]))
    assert count_records(path) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[: len(body) // 2],
        lambda body: body.removesuffix(BGZF_END),
        lambda body: body[: -len(BGZF_END) - 6] + BGZF_END,
        lambda body: body[:30] + bytes([body[30] ^ 0xFF]) + body[31:],
        lambda _body: b"",
        lambda _body: BGZF_END,
    ],
    ids=["cut", "no end", "cut before the end", "a flipped byte", "empty", "no header"],
)
def test_a_file_that_is_not_whole_is_not_believed(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = vcf(tmp_path / "a.vcf.gz", HEAD + "".join(f"1\t{pos}\n" for pos in range(5000)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ResultError):
        count_records(path)


def test_a_summary_that_does_not_add_up_is_not_believed(tmp_path: Path) -> None:
    summary = write(tmp_path / OUTPUT, 3, 1, "")
    for wrong in (
        replace(summary, records_out=4),
        replace(summary, records_in=5),
        replace(summary, rejected=0),
    ):
        with pytest.raises(ResultError):
            collect(tmp_path, a_job(), wrong)
    assert collect(tmp_path, a_job(), summary)


@pytest.mark.parametrize("name", ["result.annot.tsv.gz", "result.count.log", f"{OUTPUT}.tbi"])
def test_a_file_that_is_missing_or_changed_is_not_believed(tmp_path: Path, name: str) -> None:
    summary = write(tmp_path / OUTPUT, 3, 0, "")
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(ResultError, match=name):
        collect(tmp_path, a_job(), summary)
    (tmp_path / name).unlink()
    with pytest.raises(ResultError):
        collect(tmp_path, a_job(), summary)


def test_an_engine_that_wrote_nothing_is_not_believed(tmp_path: Path) -> None:
    summary = write(tmp_path / OUTPUT, 3, 0, "")
    (tmp_path / OUTPUT).unlink()
    with pytest.raises(ResultError):
        collect(tmp_path, a_job(), summary)


def test_the_other_kind_of_index_is_taken_too(tmp_path: Path) -> None:
    summary: Summary = write(tmp_path / OUTPUT, 1, 0, "")
    (tmp_path / f"{OUTPUT}.tbi").rename(tmp_path / f"{OUTPUT}.csi")
    outputs = tuple(
        replace(written, name=written.name.replace(".tbi", ".csi")) for written in summary.outputs
    )
    files = collect(tmp_path, a_job(), replace(summary, outputs=outputs))
    [index] = [file for file in files if file.kind is ObjectKind.INDEX]
    assert index.file_name == "sample.annot.vcf.gz.csi"


def test_the_log_tells_the_job_the_run_and_the_walls(tmp_path: Path) -> None:
    summary = replace(write(tmp_path / OUTPUT, 1, 0, ""), sandbox=("rlimits", "seccomp"))
    collect(tmp_path, a_job(attempt=2), summary)
    log = (tmp_path / "result.count.log").read_text()
    assert "Job: job-1\nRun: 2\nSandbox: rlimits, seccomp\n" in log
