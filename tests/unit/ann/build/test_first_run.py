"""What a newcomer gets offline, straight after install, on the original's own sample inputs."""

import os
import shutil
from pathlib import Path

import pytest

from ann.anntools.build.chains import publish_chain
from ann.anntools.engine import annotate
from ann.anntools.errors import InputError
from ann.anntools.store.manifest import SourceInfo

pytestmark = pytest.mark.data
CHAIN_INFO = SourceInfo("lift", "Chain", "NCBI36 to GRCh37", "2026-01-01", "Ensembl", "", "")


@pytest.fixture
def data() -> Path:
    # The shared data are named by the environment; the service's settings know nothing of them.
    folder = os.environ.get("GAS_TEST_DATA")  # noqa: TID251
    if not folder:
        pytest.skip("GAS_TEST_DATA is not set")
    return Path(folder)


@pytest.fixture
def lifting(root: Path, data: Path) -> Path:
    """The bundled reference with Ensembl's chain."""
    for assembly in ("GRCh37", "GRCh38"):
        (release,) = (root / assembly).iterdir()
        (root / assembly / "current").symlink_to(release.name)
    chain = data / "liftover" / "NCBI36_to_GRCh37.chain"
    publish_chain(root, CHAIN_INFO, chain, "NCBI36", "GRCh37", "test")
    return root


def records(path: Path) -> list[list[str]]:
    lines = path.read_text().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def in_genes(rows: list[list[str]]) -> int:
    return sum(";GENE=" in f";{row[7]}" for row in rows)


def test_the_mitochondrial_sample_gets_genes_and_amino_acids(
    tmp_path: Path, bundled_reference: Path, data: Path
) -> None:
    out = tmp_path / "free_1.annot.vcf"
    annotate(data / "anntools/data/free_1.vcf", out, reference=bundled_reference, tables=False)
    rows = records(out)
    assert len(rows) == 1141
    assert in_genes(rows) >= 934
    assert sum("|p." in row[7] for row in rows) >= 760


@pytest.mark.parametrize(
    ("name", "total", "least"), [("premium_1", 3000, 2980), ("premium_3", 3431, 3400)]
)
def test_ncbi36_samples_are_put_into_genes_and_keep_their_positions(
    tmp_path: Path, lifting: Path, data: Path, name: str, total: int, least: int
) -> None:
    source = data / f"anntools/data/{name}.vcf"
    out = tmp_path / "out.vcf"
    annotate(source, out, reference=lifting, tables=False)
    rows = records(out)
    assert len(rows) == total
    assert in_genes(rows) >= least
    before = [line.split("\t", 2)[:2] for line in source.read_text().splitlines() if line[0] != "#"]
    assert sorted(row[:2] for row in rows) == sorted(before)


def test_without_the_chain_an_ncbi36_file_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, lifting: Path, data: Path
) -> None:
    shutil.rmtree(lifting / "NCBI36")
    out = tmp_path / "out.vcf"
    with pytest.raises(InputError, match="build --chain NCBI36") as refused:
        annotate(data / "anntools/data/premium_1.vcf", out, reference=lifting)
    assert refused.value.code == "chain-missing"
    assert list(tmp_path.glob("out*")) == []


def test_real_slices_of_ncbi_files_are_compiled(tmp_path: Path, root: Path, data: Path) -> None:
    from ann.anntools.build.command import main  # noqa: PLC0415  # only this test builds

    folder = data / "exomiser/exomiser-data-genome/src/test/resources"
    catalogue = tmp_path / "own.toml"
    catalogue.write_text(
        f"""
[[source]]
name = "clinvarSlice"
assembly = "GRCh37"
format = "vcf"
path = "{folder}/clinvar-test.vcf.gz"
columns = [{{ key = "SLICE_SIG", from = "INFO/CLNSIG" }}]
[[source]]
name = "dbsnpSlice"
assembly = "GRCh37"
format = "vcf"
path = "{folder}/test_first_ten_dbsnp.vcf.gz"
columns = [{{ key = "ID", from = "ID", integer = true, prefix = "rs" }}]
"""
    )
    options = ["--assembly", "GRCh37", "--reference", str(root), "--catalogue", str(catalogue)]
    assert main([*options, "--only", "clinvarSlice,dbsnpSlice", "--threads", "1"]) == 0
