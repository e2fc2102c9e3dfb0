"""The house checks itself: what is said once in one place is true everywhere else."""

import re
import subprocess
from pathlib import Path

import pytest

from gas.config import Backend, Settings, setting_names
from gas.domain.message import SUBSCRIPTIONS, TOPIC_OF, Kind, Queue, Topic
from util.run import processes

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
CODE = [ROOT / name for name in TRACKED if name.endswith(".py") and (ROOT / name).exists()]
TEXT = [
    ROOT / name
    for name in TRACKED
    if Path(name).suffix in {".py", ".md", ".toml", ".txt", ".in", ".service", ".html", ".js", ""}
    and (ROOT / name).is_file()
]
CONSUMERS = {
    Queue.ANNOTATE: "ann.annotator",
    Queue.NOTIFY: "util.notify",
    Queue.ARCHIVE: "util.archive",
    Queue.RESTORE: "util.restore",
    Queue.THAW: "util.thaw",
}


def _settings() -> Settings:
    required = {
        "GAS_BASE_URL": "http://127.0.0.1:8080",
        "GAS_SECRET_KEY": "secret",
        "DATABASE_URL": "sqlite://",
        "GAS_GLOBUS_CLIENT_ID": "id",
        "GAS_GLOBUS_CLIENT_SECRET": "secret",
    }
    return Settings.from_env(required)


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z0-9_]+)`", page, flags=re.MULTILINE))
    assert documented == set(setting_names())


def test_every_queue_has_one_consumer_and_every_topic_a_queue() -> None:
    assert set(CONSUMERS) == set(Queue)
    assert set(SUBSCRIPTIONS) == set(Topic)
    assert {queue for queues in SUBSCRIPTIONS.values() for queue in queues} == set(Queue)
    assert set(TOPIC_OF) == set(Kind)


def test_every_process_that_serves_in_production_has_a_systemd_unit() -> None:
    local_only = {"standin", "store", "announce"}
    aws_only = {"scale": "util.scale"}
    stack = {process.name: process.module for process in processes(_settings())}
    assert _settings().backend is Backend.EMBEDDED
    units = {}
    for path in (ROOT / "aws/systemd").glob("gas-*.service"):
        found = re.search(r"^ExecStart=\S+/python -m (\S+)$", path.read_text(), re.MULTILINE)
        assert found, path.name
        units[path.stem.removeprefix("gas-")] = found[1]
    served = {name: module for name, module in stack.items() if name not in local_only}
    assert units == served | aws_only
    assert set(CONSUMERS.values()) <= set(units.values())


def test_every_makefile_target_has_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: (\S+)$", makefile, flags=re.MULTILINE)
    for target in targets:
        assert re.search(rf"^{target}:.*## \S", makefile, flags=re.MULTILINE), target


def test_every_requirement_is_pinned_with_a_hash() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        for block in re.split(r"\n(?=\S)", text):
            if block.startswith("#") or not block.strip():
                continue
            assert re.match(r"[A-Za-z0-9._\[\]-]+==\S+", block), block[:60]
            assert "--hash=sha256:" in block, block[:60]


def test_every_suppressed_lint_rule_is_named_and_has_its_reason() -> None:
    """The reason stands behind the code, or in a comment right above the statement."""
    named = re.compile(r": [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*(\s+(- |# )\S)?")
    for path in CODE:
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if path == Path(__file__):
                continue
            for mark in re.findall(r"#\s*noqa(.*)$", line):
                found = named.match(mark)
                assert found, f"{path}:{number} names no rule"
                above = lines[max(0, number - 4) : number - 1]
                assert found[2] or any("#" in each for each in above), f"{path}:{number}: why?"
            for mark in re.findall(r"#\s*type: ignore(.*)$", line):
                assert re.match(r"\[[a-z-]+(,[a-z-]+)*\]", mark), f"{path}:{number}"


def test_no_text_carries_a_path_of_one_machine() -> None:
    pattern = re.compile(r"(?<![\w/.-])/(work|root|home/\w+)/")
    for path in TEXT:
        found = pattern.search(path.read_text(errors="replace"))
        assert not found or path == Path(__file__), f"{path}: {found and found[0]}"


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"])
def test_every_link_between_documents_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} -> {target}"
