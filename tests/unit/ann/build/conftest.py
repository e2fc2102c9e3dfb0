"""A reference compiled once from the bundled tables, and the engine to ask it with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ann.anntools.build import bundled
from ann.anntools.engine import annotate

Ask = Callable[[Path, str, str], dict[str, str]]


@pytest.fixture(scope="session")
def bundled_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reference")
    for assembly in bundled.ASSEMBLIES:
        bundled.ensure(root, assembly)
    return root


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """What the engine writes for `contig pos ref alt`: the INFO keys, and ID."""

    def asked(root: Path, assembly: str, variant: str) -> dict[str, str]:
        contig, pos, ref, alt = variant.split()
        source = tmp_path / "asked.vcf"
        source.write_text(
            "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
            f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n"
        )
        out = tmp_path / "answer.vcf"
        annotate(source, out, assembly=assembly, reference=root, tables=False)
        fields = out.read_text().splitlines()[-1].split("\t")
        found = {"ID": fields[2]}
        for part in fields[7].split(";"):
            key, _, value = part.partition("=")
            found[key] = value
        return found

    return asked
