"""docs/security.md tells the truth: sixty rows, and every test it names exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = {
    int(found[1]): found[2]
    for found in re.finditer(
        r"^\| (\d+) \|.*\| ([^|]+) \|$", (ROOT / "docs/security.md").read_text(), re.MULTILINE
    )
}


def test_every_attack_has_its_row() -> None:
    assert sorted(ROWS) == list(range(1, 61))


@pytest.mark.parametrize("number", range(1, 61))
def test_every_test_that_a_row_names_exists(number: int) -> None:
    ids = re.findall(r"`(tests/[^`]+)`", ROWS[number])
    assert ids or "not showable here: " in ROWS[number]
    for node in ids:
        path, _, name = node.partition("::")
        assert (ROOT / path).is_file(), node
        if name:
            assert name in _tests_of(ROOT / path), node


def _tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
