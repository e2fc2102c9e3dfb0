"""`verify`: whether the reference in use is whole."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ann.anntools.build.bundled import ASSEMBLIES, ensure
from ann.anntools.build.sources import assemblies_of
from ann.anntools.errors import AnnToolsError, ReferenceUnusableError
from ann.anntools.locations import default_reference
from ann.anntools.store.checksums import damaged_files, read_checksums
from ann.anntools.store.container import Container
from ann.anntools.store.manifest import MANIFEST, Manifest, Source
from ann.anntools.store.reference import CURRENT, current_release

_DAMAGED = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one assembly's release in use; no problems: it is whole."""

    assembly: str
    release_id: str
    files: int
    sources: int
    records: int
    problems: tuple[str, ...]


def _rows_of_alleles(container: Container, contigs: Sequence[str]) -> int:
    names = [f"{contig}/rows" for contig in contigs]
    return sum(int(np.sum(container[name])) for name in names if name in container)


def _source_problems(directory: Path, source: Source, contigs: Sequence[str]) -> list[str]:
    try:
        container = Container(directory / source.file)
        container.check()
        if source.kind == "allele":
            rows = _rows_of_alleles(container, contigs)
            if rows != source.records:
                return [f"{source.file}: {rows} rows, the manifest says {source.records}"]
    except ReferenceUnusableError as error:
        return [str(error)]
    return []


def check_release(directory: Path) -> Finding:
    """Compare a release's files with their checksums and its sources with the manifest."""
    problems: list[str] = []
    manifest = Manifest.read(directory)
    try:
        files = read_checksums(directory)
        problems += [
            f"{name}: missing or not as it was written" for name in damaged_files(directory)
        ]
        named = {MANIFEST, *(source.file for source in manifest.sources)}
        problems += [f"{name}: has no checksum" for name in sorted(named - set(files))]
    except ReferenceUnusableError as error:
        files = {}
        problems.append(str(error))
    for source in manifest.sources:
        problems += _source_problems(directory, source, list(manifest.contigs))
    return Finding(
        manifest.assembly,
        manifest.release_id,
        len(files),
        len(manifest.sources),
        sum(source.records for source in manifest.sources),
        tuple(dict.fromkeys(problems)),
    )


def check(root: Path, assembly: str) -> Finding:
    """As `check_release` for what `current` points to, whatever is wrong with it."""
    try:
        return check_release(current_release(root, assembly))
    except ReferenceUnusableError as error:
        name = (root / assembly / CURRENT).resolve().name
        return Finding(assembly, name, 0, 0, 0, (str(error),))


def main(argv: Sequence[str]) -> int:
    """Print a line for each assembly and its problems; 4 if anything is damaged."""
    parser = argparse.ArgumentParser(prog="anntools verify", description=__doc__)
    parser.add_argument("--reference", type=Path, help="reference directory")
    parser.add_argument("--json", action="store_true", help="machine-readable, one JSON array")
    options = parser.parse_args(argv)
    root: Path = options.reference or default_reference()
    try:
        if options.reference is None:
            for assembly in ASSEMBLIES:
                ensure(root, assembly)
    except (AnnToolsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return _DAMAGED
    assemblies = assemblies_of(root)
    if not assemblies:
        sys.stderr.write(
            "there is no reference here; build one with "
            "`python -m ann.anntools build --assembly GRCh38`\n"
        )
        return _DAMAGED
    findings = [check(root, assembly) for assembly in assemblies]
    if options.json:
        sys.stdout.write(json.dumps([asdict(each) for each in findings], indent=1) + "\n")
    else:
        for each in findings:
            state = "damaged" if each.problems else "whole"
            sys.stdout.write(
                f"{each.assembly} {each.release_id}: {state}, {each.files} files, "
                f"{each.sources} sources, {each.records} records\n"
            )
            sys.stdout.writelines(f"  {problem}\n" for problem in each.problems)
    return _DAMAGED if any(each.problems for each in findings) else 0
