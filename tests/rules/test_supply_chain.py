"""What the service is made of is pinned, listed and licensed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.supply_chain.audit import CLEAN, FAILED, NOT_AUDITED, judge
from tests.supply_chain.lock import ROOT, licence_of, locked
from tests.supply_chain.sbom import bill


def test_every_requirement_of_the_runtime_is_listed_with_its_licence() -> None:
    rows = re.findall(
        r"^\| (\S+) \| (\S+) \| ([^|]+) \|", (ROOT / "docs/licences.md").read_text(), re.MULTILINE
    )
    listed = {(name, version): licence for name, version, licence in rows[1:]}
    for each in locked():
        assert (each.name, each.version) in listed, f"{each.name}: run `make licences`"
        assert listed[each.name, each.version] != "not declared", each.name
    assert len(listed) == len(locked())


def test_every_requirement_asked_for_is_locked_with_hashes() -> None:
    known = {each.name for each in locked()}
    for line in (ROOT / "requirements.in").read_text().splitlines():
        if line and not line.startswith("#"):
            assert line.split("==")[0] in known, f"{line}: run `make lock`"
    assert all(each.hashes for each in locked())
    audit = locked(ROOT / "requirements-audit.txt")
    assert "pip-audit" in {each.name for each in audit}
    assert all(each.hashes for each in audit)


def test_the_bill_of_materials_names_every_requirement_and_is_not_committed() -> None:
    document: Any = json.loads(json.dumps(bill()))
    assert document["bomFormat"] == "CycloneDX"
    found = {(row["name"], row["version"]) for row in document["components"]}
    assert found == {(each.name, each.version) for each in locked()}
    refs = {row["bom-ref"] for row in document["components"]}
    assert set(document["dependencies"][0]["dependsOn"]) == refs
    assert not list(Path(ROOT).glob("*.cdx.json"))


def test_a_licence_comes_from_the_package_itself() -> None:
    assert licence_of("flask") == "BSD-3-Clause"


def _row(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "version": "1.0", "vulns": [], **more}


@pytest.mark.parametrize(
    ("report", "code", "said"),
    [
        (None, NOT_AUDITED, "not audited"),
        ({"dependencies": []}, NOT_AUDITED, "not audited"),
        ({"dependencies": [{"name": "a", "skip_reason": "offline"}]}, NOT_AUDITED, "not audited"),
        ({"dependencies": [_row("a"), _row("B")]}, CLEAN, "clean: 2 packages"),
        ({"dependencies": [_row("a")]}, FAILED, "b: could not be looked up"),
        (
            {"dependencies": [_row("a"), {"name": "b", "skip_reason": "not found"}]},
            FAILED,
            "b: could not be looked up (not found)",
        ),
        (
            {
                "dependencies": [
                    _row("a"),
                    _row("b", vulns=[{"id": "CVE-1", "fix_versions": ["2"]}]),
                ]
            },
            FAILED,
            "b 1.0: CVE-1 (fixed in 2)",
        ),
    ],
)
def test_only_an_audit_that_looked_everything_up_is_clean(
    report: dict[str, Any] | None, code: int, said: str
) -> None:
    verdict = judge(report, ["a", "b"])
    assert verdict.code == code
    assert said in "\n".join(verdict.lines)
