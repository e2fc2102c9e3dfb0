"""Every code a job can fail with has words, a hint, and a row for people."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ann.run import ENGINE_CODES
from gas.domain.failures import REASONS
from gas.domain.job import Fault

ROOT = Path(__file__).parents[2]
RAISED = {"InputError", "InputRefusedError"}


def _codes() -> Iterator[str]:
    """Every code that stands in the annotator's and the engine's source."""
    files = [*(ROOT / "ann").rglob("*.py"), ROOT / "gas/domain/failures.py", ROOT / "util/sweep.py"]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            said: list[ast.expr] = node.args[:1] if name in RAISED else []
            if name == "Failure":
                said = [word.value for word in node.keywords if word.arg == "code"]
            for expression in said:
                chosen = (
                    [expression.body, expression.orelse]
                    if isinstance(expression, ast.IfExp)
                    else [expression]
                )
                for part in chosen:
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def test_every_code_that_is_raised_is_known_and_no_other() -> None:
    assert set(_codes()) | set(ENGINE_CODES.values()) | {"result-incomplete"} == set(REASONS)


def test_every_reason_says_what_and_what_to_do() -> None:
    for code, reason in REASONS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert reason.text.endswith("."), code
        assert reason.hint.endswith("."), code


def test_the_page_for_people_is_the_table() -> None:
    page = (ROOT / "docs/failures.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (the file|ours) \| (.*) \| (.*) \|$", page, re.MULTILINE)
    whose = {Fault.INPUT: "the file", Fault.SERVICE: "ours"}
    assert rows == [
        (code, whose[reason.fault], reason.text, reason.hint) for code, reason in REASONS.items()
    ]
