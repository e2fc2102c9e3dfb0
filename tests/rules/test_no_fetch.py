"""What the code never does: fetch an address somebody gave, unpickle, evaluate, search for ever."""

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for folder in ("gas", "web", "ann", "util")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
SPEAK = frozenset({"requests", "urllib.request", "http.client", "socket", "urllib3", "ftplib"})
MAY_SPEAK = {
    "ann/annotator.py": "asks what this machine is called",
    "ann/child.py": "talks to its parent over a pair of sockets",
    "ann/forkserver.py": "talks to its parent over a pair of sockets",
    "util/announce.py": "asks its own service whether it answers",
    "util/run.py": "looks for free ports",
    "util/stack.py": "looks for free ports",
    "util/visitor.py": "is a visitor of the service, for the demo and the tests",
    "gas/adapters/embedded_wakeup.py": "rings a bell between processes of one machine",
    "web/login/globus.py": "speaks to Globus Auth through its SDK, at a configured address",
    "web/store/patience.py": "bounds how long a client of the store may take",
}
"""Who may open a connection, and why.  Boto3 and SQLAlchemy connect to what is configured."""

OFFLINE_TOOLS = ("ann/anntools/build", "ann/anntools/kernel", "ann/anntools/bundled")
"""Commands for whoever installs the engine; no process of the service calls them."""

BANNED = frozenset({"pickle", "cPickle", "shelve", "marshal", "yaml", "dill", "jsonpickle"})
LONGEST = 20_000
QUICK_SECONDS = 2.0


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_only_the_login_speaks_to_an_address_and_that_is_configured() -> None:
    for path in FILES:
        name = _name(path)
        if name.startswith(OFFLINE_TOOLS):
            continue
        spoken = SPEAK & set(_imports(ast.parse(path.read_text())))
        assert not spoken or name in MAY_SPEAK, f"{name} imports {sorted(spoken)}"


def test_nothing_unpickles_or_loads_yaml() -> None:
    for path in FILES:
        tree = ast.parse(path.read_text())
        assert not BANNED & set(_imports(tree)), _name(path)
        calls = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"eval", "exec"}, _name(path)


def test_no_process_is_started_through_a_shell() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            for keyword in node.keywords:
                if keyword.arg == "shell":
                    assert isinstance(keyword.value, ast.Constant), _name(path)
                    assert not keyword.value.value, _name(path)


def _expressions() -> list[tuple[str, str]]:
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
            ):
                found.add((_name(path), node.args[0].value))
    return sorted(found)


@pytest.mark.parametrize(("place", "expression"), _expressions())
def test_every_regular_expression_is_quick_on_hostile_text(place: str, expression: str) -> None:
    """CPU time, so that a busy machine does not matter; a bad expression takes centuries."""
    compiled = re.compile(expression)
    letters = sorted({char for char in expression if char.isalnum() or char in './@-_~%<>=" ,;:'})
    for unit in [*letters, "a", "0", " ", "a.", "0a", "-a", "a@a.", "<a", '"a', "//", "\\"]:
        text = (unit * LONGEST)[:LONGEST]
        for hostile in (text, text + "\x00", "!" + text + "!"):
            start = time.process_time()
            compiled.match(hostile)
            compiled.fullmatch(hostile)
            assert time.process_time() - start < QUICK_SECONDS, f"{place}: {expression}: {unit!r}"
