"""`sources`: what the active reference is made of."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ann.anntools.build.bundled import ASSEMBLIES, ensure
from ann.anntools.locations import default_reference
from ann.anntools.store.manifest import Manifest
from ann.anntools.store.reference import CURRENT, current_release


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One source of a release in use; `keys` are the INFO keys it writes."""

    assembly: str
    release_id: str
    name: str
    title: str
    kind: str
    release: str
    retrieved_at: str
    licence: str
    url: str
    sha256: str
    records: int
    keys: tuple[str, ...]


_SHOWN: Final = ("assembly", "name", "release", "records", "retrieved_at", "licence", "keys")


def assemblies_of(root: Path) -> list[str]:
    """The assemblies that have a release in use under `root`."""
    if not root.is_dir():
        return []
    return sorted(path.name for path in root.iterdir() if (path / CURRENT).exists())


def describe(root: Path) -> list[SourceFacts]:
    """Every source of the releases in use, by assembly and in the order keys are written."""
    found = []
    for assembly in assemblies_of(root):
        manifest = Manifest.read(current_release(root, assembly))
        for source in manifest.sources:
            keys = ("ANN",) if source.kind == "gene" else tuple(c.key for c in source.columns)
            found.append(
                SourceFacts(
                    assembly=assembly,
                    release_id=manifest.release_id,
                    kind=source.kind,
                    records=source.records,
                    keys=keys,
                    **asdict(source.info),
                )
            )
    return found


def _table(facts: Sequence[SourceFacts]) -> str:
    rows = [_SHOWN] + [
        tuple(
            " ".join(fact.keys) if column == "keys" else str(getattr(fact, column))
            for column in _SHOWN
        )
        for fact in facts
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(_SHOWN))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in rows
    )


def main(argv: Sequence[str]) -> int:
    """Print the sources; a default reference that does not exist yet is compiled first."""
    parser = argparse.ArgumentParser(prog="anntools sources", description=__doc__)
    parser.add_argument("--reference", type=Path, help="reference directory")
    parser.add_argument("--json", action="store_true", help="machine-readable, one JSON array")
    options = parser.parse_args(argv)
    root: Path = options.reference or default_reference()
    if options.reference is None:
        for assembly in ASSEMBLIES:
            ensure(root, assembly)
    facts = describe(root)
    if options.json:
        text = json.dumps([asdict(fact) for fact in facts], indent=1, ensure_ascii=False) + "\n"
    else:
        text = _table(facts)
    sys.stdout.write(text)
    return 0
