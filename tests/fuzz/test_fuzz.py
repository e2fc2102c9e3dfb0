import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.full
def test_a_short_run_of_the_fuzzer_finds_nothing() -> None:
    if not shutil.which("gcc"):
        pytest.skip("gcc with its sanitizer libraries is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_kernel", "--seconds", "20"],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=250,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert b"nothing found" in done.stdout
