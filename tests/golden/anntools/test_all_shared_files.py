"""Every VCF and BCF of the shared data ends in a result or in a clean refusal."""

import re
from pathlib import Path

import pysam
import pytest

from ann.anntools.build.bundled import ensure
from ann.anntools.engine import annotate
from ann.anntools.errors import InputError
from ann.anntools.io.summary import Summary
from tests.support.data import data_folder

_NAMES = re.compile(r"\.(vcf|bcf)(\.gz|\.bgz)?$|\.vcf\.")
_INDEXES = {".tbi", ".csi", ".idx"}
_UNKNOWN = {"assembly-unknown", "assembly-ambiguous", "assembly-mismatch", "chain-missing"}


def shared_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and _NAMES.search(path.name) and path.suffix not in _INDEXES
    )


@pytest.fixture
def reference(bundle: Path) -> Path:
    ensure(bundle, "GRCh37")
    return bundle


def records_of(path: Path) -> int | None:
    try:
        with pysam.VariantFile(str(path)) as variants:
            return sum(1 for _ in variants)
    except (OSError, ValueError, NotImplementedError):
        return None


@pytest.mark.full
@pytest.mark.data
@pytest.mark.timeout(3000)
def test_every_shared_file_ends_in_a_result_or_a_clean_refusal(
    reference: Path, tmp_path: Path
) -> None:
    files = shared_files(data_folder())
    pysam.set_verbosity(0)
    annotated, lost = 0, []
    for path in files:
        summary: Summary | None = None
        for assembly in ("detect", "GRCh38", "GRCh37"):
            out = tmp_path / "out" / "x.annot.vcf.gz"
            try:
                summary = annotate(path, out, assembly=assembly, reference=reference)
                break
            except InputError as error:
                if error.code not in _UNKNOWN:
                    break
        if summary is None:
            continue
        annotated += 1
        assert summary.records_in == summary.records_out + summary.rejected
        before, after = records_of(path), records_of(tmp_path / "out" / "x.annot.vcf.gz")
        if before is not None and (after is None or after + summary.rejected < before):
            lost.append((path.name, before, after))
    assert annotated > 0.9 * len(files)
    assert lost == []
