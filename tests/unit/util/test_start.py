"""Row 53: a process without its settings does not start, and says why in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DAEMONS = ("ann.annotator", "util.notify", "util.sweep", "util.scale", "web", "web.store")


@pytest.mark.parametrize("module", DAEMONS)
def test_a_process_without_its_settings_names_them_and_ends(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *(["--once"] if module == "util.sweep" else [])],
        cwd=ROOT,
        env={"GAS_SECRET_KEY": "made up", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "GAS_BASE_URL is not set" in last
    assert "DATABASE_URL is not set" in last
    assert "made up" not in done.stderr
