"""AnnTools itself behind the engine port: in its child, inside every wall."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ann.anntools.engine import annotate
from ann.child import ForkedEngine
from ann.engine import InputRefusedError, Summary, Task
from ann.results import count_records

HEAD = "##fileformat=VCFv4.2\n##reference=GRCh37\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture(scope="module")
def engine(tiny_reference: Path) -> Iterator[ForkedEngine]:
    with ForkedEngine(reference=tiny_reference) as engine:
        yield engine


def go(engine: ForkedEngine, folder: Path, text: str, threads: int = 1) -> tuple[Task, Summary]:
    (folder / "out").mkdir(parents=True)
    task = Task(
        folder=folder,
        input=folder / "input",
        output=folder / "out" / "result.annot.vcf.gz",
        assembly="detect",
        threads=threads,
        memory_bytes=1 << 32,
        file_bytes=1 << 28,
        time_limit=timedelta(minutes=4),
        stall_limit=timedelta(minutes=4),
    )
    task.input.write_text(text)
    summary = engine.annotate(task, on_progress=lambda _progress: None, should_stop=lambda: False)
    return task, summary


def test_a_child_writes_what_the_engine_writes_outside_of_it(
    engine: ForkedEngine, tiny_reference: Path, tmp_path: Path
) -> None:
    text = HEAD + "1\t100\t.\tA\tG\t.\t.\t.\n"
    task, summary = go(engine, tmp_path / "run", text)
    assert (summary.records_in, summary.records_out, summary.assembly) == (1, 1, "GRCh37")
    assert count_records(task.output) == 1
    plain = annotate(task.input, tmp_path / "plain" / task.output.name, reference=tiny_reference)
    expected = {written.path.name: written.sha256 for written in plain.outputs}
    assert {written.name: written.sha256 for written in summary.outputs} == expected
    for written in summary.outputs:
        body = (task.output.parent / written.name).read_bytes()
        assert hashlib.sha256(body).hexdigest() == written.sha256


def test_a_large_file_is_annotated_by_several_threads_inside_the_walls(
    engine: ForkedEngine, tmp_path: Path
) -> None:
    records = "".join(f"1\t{pos}\t.\tA\tG\t.\t.\tNOTE={'x' * 40}\n" for pos in range(1, 30_001))
    task, summary = go(engine, tmp_path / "run", HEAD + records, threads=2)
    assert summary.records_out == 30_000
    assert count_records(task.output) == 30_000


def test_what_is_no_vcf_is_refused_with_a_code(engine: ForkedEngine, tmp_path: Path) -> None:
    with pytest.raises(InputRefusedError) as refusal:
        go(engine, tmp_path / "run", "\x89PNG\r\n\x1a\n")
    assert refusal.value.code == "not-a-vcf"
    assert not list((tmp_path / "run" / "out").iterdir())
