"""`sources`: what the active reference is made of."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ann.anntools.build.bundled import ASSEMBLIES, ensure
from ann.anntools.errors import AnnToolsError
from ann.anntools.locations import default_reference
from ann.anntools.store.manifest import Manifest
from ann.anntools.store.reference import CURRENT, current_release

_FAILED: Final = 4


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


def _text(facts: Sequence[SourceFacts]) -> str:
    """A paragraph for each source."""
    parts = []
    release = ""
    for fact in facts:
        if release != fact.assembly + fact.release_id:
            release = fact.assembly + fact.release_id
            parts.append(f"{fact.assembly} ({fact.release_id})\n")
        keys = f" -> {' '.join(fact.keys)}" if fact.keys else ""
        parts.append(
            f"  {fact.name}: {fact.title}, {fact.records:,} records{keys}\n"
            f"    release {fact.release}, retrieved {fact.retrieved_at}\n"
            f"    licence {fact.licence}\n"
        )
    return "".join(parts)


def main(argv: Sequence[str]) -> int:
    """Print the sources; a default reference that does not exist yet is compiled first."""
    parser = argparse.ArgumentParser(prog="anntools sources", description=__doc__)
    parser.add_argument("--reference", type=Path, help="reference directory")
    parser.add_argument("--json", action="store_true", help="machine-readable, one JSON array")
    options = parser.parse_args(argv)
    root: Path = options.reference or default_reference()
    try:
        if options.reference is None:
            for assembly in ASSEMBLIES:
                ensure(root, assembly)
        facts = describe(root)
    except (AnnToolsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return _FAILED
    if options.json:
        text = json.dumps([asdict(fact) for fact in facts], indent=1, ensure_ascii=False) + "\n"
    else:
        text = _text(facts)
    sys.stdout.write(text)
    return 0
