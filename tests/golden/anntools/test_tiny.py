"""A small file and its results, byte for byte: what changes here changes for every user.

To accept a change: delete the results in tiny/ and run this test twice.
"""

import re
from pathlib import Path

import pytest

from ann.anntools.engine import annotate

HERE = Path(__file__).parent / "tiny"
RESULTS = ("tiny.annot.vcf", "tiny.count.log", "tiny.rejects.tsv")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    annotate(HERE / "tiny.vcf", folder / "tiny.annot.vcf", reference=bundle, tables=False)
    return folder


@pytest.mark.parametrize("name", RESULTS)
def test_the_small_file_gives_the_same_results_as_ever(results: Path, name: str) -> None:
    # The id of the bundle changes with any of its tables; what it says of these variants may not.
    found = re.sub(r"bundled-[0-9a-f]+", "bundled", (results / name).read_text())
    expected = HERE / name
    if not expected.exists():
        expected.write_text(found)
        pytest.fail(f"{name} was missing and has been written; look at it, then run again")
    assert found == expected.read_text()
