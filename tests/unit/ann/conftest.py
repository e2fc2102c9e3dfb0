from pathlib import Path

import pytest

from ann.anntools.store.manifest import Column, SourceInfo
from ann.anntools.store.reference import ReferenceWriter


def _info(name: str) -> SourceInfo:
    return SourceInfo(name, name.upper(), "2026-01", "2026-01-01", "CC0", "", "")


@pytest.fixture(scope="session")
def tiny_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference of GRCh37 and GRCh38 with one source of each kind of value."""
    root = tmp_path_factory.mktemp("reference")
    for assembly in ("GRCh37", "GRCh38"):
        contigs = {"1": 248_956_422, "2": 242_193_529, "MT": 16_569}
        with ReferenceWriter(root, assembly, "tiny-1", contigs) as writer:
            known = writer.alleles(
                _info("dbsnp"),
                [
                    Column("ID", "A", "String", "rs", integer=True, prefix="rs"),
                    Column("dbSNP_AF", "A", "Float", "Allele frequency"),
                ],
            )
            known.start_contig("1")
            known.add(100, "A", "G", [334, "0.5"])
            known.add(100, "A", "T", [335, None])
            known.add(200, "CTT", "C", [7, "0.25"])
            known.add(300, "A", "A" + "CG" * 20, [8, "0.125"])
            known.start_contig("MT")
            known.add(8860, "A", "G", [2001031, "0.99"])
            bands = writer.intervals(_info("bands"), [Column("CYTOBAND", ".", "String", "Band")])
            bands.add("1", 0, 150, ["p36.33"])
            bands.add("1", 150, 1000, ["p36.32"])
            cnv = writer.intervals(
                _info("cnv"),
                [Column("CNV", ".", "String", "Variant"), Column("CNV_PM", ".", "String", "PMID")],
            )
            cnv.add("1", 99, 250, ["a;b=c d", "1"])
            cnv.add("1", 199, 202, ["e", "2"])
    return root
