"""A software bill of materials (CycloneDX 1.6, JSON): `python -m tests.supply_chain.sbom [FILE]`.

It is made from the lock file with its hashes, so it says what an installation gets, not what one
machine happens to have.
"""

import json
import sys
from pathlib import Path

from tests.supply_chain.lock import ROOT, Locked, home_of, licence_of, locked

PLACE = ROOT / "dist/sbom.cdx.json"


def bill() -> dict[str, object]:
    """The whole document; the same lock file gives the same document."""
    components = [_component(each) for each in locked()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "gas", "bom-ref": "gas"}},
        "components": components,
        "dependencies": [{"ref": "gas", "dependsOn": [each["bom-ref"] for each in components]}],
    }


def _component(each: Locked) -> dict[str, object]:
    address = f"pkg:pypi/{each.name.lower()}@{each.version}"
    component: dict[str, object] = {
        "type": "library",
        "bom-ref": address,
        "name": each.name,
        "version": each.version,
        "purl": address,
        # One release has a file, and so a hash, for each kind of machine.
        "properties": [{"name": "gas:sha256", "value": value} for value in each.hashes],
    }
    if licence := licence_of(each.name):
        component["licenses"] = [{"license": {"name": licence}}]
    if home := home_of(each.name):
        component["externalReferences"] = [{"type": "website", "url": home}]
    return component


def main() -> None:
    """Write it to the file named, or into dist/."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(bill(), indent=2) + "\n")
    print(f"{path}: {len(locked())} components")


if __name__ == "__main__":
    main()
