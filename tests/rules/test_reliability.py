"""The fault matrix names tests that exist, and leaves out no row."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| .* \| .* \| (.*) \|$", PAGE, flags=re.MULTILINE)
NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_row_of_the_matrix_is_there_once_and_in_order() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 57))


def test_every_row_names_a_test_or_says_why_it_has_none() -> None:
    for number, shown in ROWS:
        assert NODE.search(shown) or "not showable here" in shown or shown == "archive issue", (
            number
        )


def test_every_test_that_is_named_exists() -> None:
    for path, name in NODE.findall(PAGE):
        tree = ast.parse((ROOT / path).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{path}::{name}"
