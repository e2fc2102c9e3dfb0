"""Five hundred histories of the whole pipeline, and what the simulation promises of itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from gas.config import environment
from tests.simulation.__main__ import main
from tests.simulation.engine import POISON
from tests.simulation.faults import Faults
from tests.simulation.history import play

ROOT = Path(__file__).parents[2]
BLOCK = 50


@pytest.mark.parametrize("first", range(0, 500, BLOCK))
def test_no_seed_breaks_an_invariant(first: int) -> None:
    reports = [play(seed) for seed in range(first, first + BLOCK)]
    broken = [report.tell() for report in reports if report.violations]
    assert not broken, "\n".join(broken[:1])
    seen = set().union(*(report.checked for report in reports))
    assert seen == {"I1", "I2", "I3", "I4", "I7", "I8", "I9", "I10"}


def test_the_same_seed_gives_the_same_history() -> None:
    first, second = play(17, keep=True), play(17, keep=True)
    assert first.digest == second.digest
    assert len(first.lines) == len(second.lines) > 100
    assert play(18).digest != first.digest


def test_another_process_with_other_hashes_plays_the_same_history() -> None:
    command = "from tests.simulation.history import play; print(play(17).digest)"
    answer = subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOT,
        env=environment() | {"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert answer.stdout.strip() == play(17).digest


def test_with_nothing_but_wrong_clocks_no_job_runs_twice() -> None:
    for seed in range(40):
        report = play(seed, faults=Faults())
        assert not report.violations, report.tell()
        # A file that makes every engine fall over is given its second run.
        assert all(runs <= 1 for runs, text in report.runs if not text.startswith(POISON))


def test_every_kind_of_fault_happens() -> None:
    lines = [line for seed in range(40) for line in play(seed, keep=True).lines]
    for sign in (
        "throttled",
        "answer lost",
        "killed before",
        "killed after",
        "paused for",
        "stop twice",
        "clock",
        "is away for",
        "StaleJobError",
        "LostLeaseError",
        "ObjectChangedError",
    ):
        assert any(sign in line for line in lines), sign


def test_the_command_counts_what_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "4", "--processes", "1"]) == 0
    told = capsys.readouterr().out
    assert "4 histories" in told
    assert "I10" in told


def test_the_command_tells_one_history_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3"]) == 0
    told = capsys.readouterr().out
    assert "jobs.add" in told
    assert "alone: python -m tests.simulation --seed 3" in told
