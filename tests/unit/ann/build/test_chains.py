import os
from pathlib import Path

import pytest

from ann.anntools.build.chains import publish_chain
from ann.anntools.build.parse.chain import read_chain
from ann.anntools.build.parse.lines import SourceError
from ann.anntools.store.chain import AlignedBlock, ChainReader, Lifted
from ann.anntools.store.manifest import SourceInfo
from ann.anntools.store.reference import current_release

INFO = SourceInfo("lift", "Ensembl chain", "test", "2026-01-01", "no restriction", "", "")
FORWARD = "chain 1 1 247249719 + 100 220 1 249250621 + 1000 1130 1\n50 10 20\n40 5 0\n15\n\n"
# 249250621 - 249250521 = 100: the block lies on 90..100 of the forward strand.
BACKWARD = "chain 1 chr2 242951149 + 5 15 1 249250621 - 249250521 249250531 2\n10\n"


def chain_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.chain"
    path.write_text(text)
    return path


def reader(tmp_path: Path, text: str) -> ChainReader:
    publish_chain(tmp_path, INFO, chain_file(tmp_path, text), "NCBI36", "GRCh37", "r1")
    return ChainReader(current_release(tmp_path, "NCBI36") / "lift.ann")


def test_blocks_follow_the_gaps(tmp_path: Path) -> None:
    assert list(read_chain(chain_file(tmp_path, FORWARD))) == [
        AlignedBlock("1", 100, "1", 1000, 50, 1),
        AlignedBlock("1", 160, "1", 1070, 40, 1),
        AlignedBlock("1", 205, "1", 1110, 15, 1),
    ]


def test_a_base_is_lifted_inside_blocks_only(tmp_path: Path) -> None:
    chain = reader(tmp_path, FORWARD)
    assert chain.lift("1", 99) is None
    assert chain.lift("1", 100) == Lifted("1", 1000, 1)
    assert chain.lift("1", 149) == Lifted("1", 1049, 1)
    assert chain.lift("1", 150) is None
    assert chain.lift("1", 160) == Lifted("1", 1070, 1)
    assert chain.lift("1", 219) == Lifted("1", 1124, 1)
    assert chain.lift("1", 220) is None
    assert chain.lift("3", 100) is None


def test_a_backward_block_runs_down(tmp_path: Path) -> None:
    chain = reader(tmp_path, BACKWARD)
    assert chain.lift("2", 5) == Lifted("1", 99, -1)
    assert chain.lift("2", 14) == Lifted("1", 90, -1)
    assert chain.lift_range("2", 5, 8) == Lifted("1", 97, -1)


def test_a_range_is_lifted_whole_or_not_at_all(tmp_path: Path) -> None:
    chain = reader(tmp_path, FORWARD)
    assert chain.lift_range("1", 100, 150) == Lifted("1", 1000, 1)
    assert chain.lift_range("1", 140, 170) is None


def test_of_two_overlapping_blocks_the_first_stands(tmp_path: Path) -> None:
    chain = reader(tmp_path, FORWARD + FORWARD.replace("+ 1000 1130", "+ 5000 5130"))
    assert chain.lift("1", 100) == Lifted("1", 1000, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("chain 1 1 247249719 +\n", "line 1: 5 fields"),
        (FORWARD.replace("50 10 20", "50 x 20"), "line 2, column 2"),
        (FORWARD.replace("40 5 0", "40 5"), "line 3: neither"),
        (FORWARD.replace("\n15\n", "\n14\n"), "line 4: the chain ends at 219"),
        (FORWARD[: FORWARD.index("15\n")], "cut short"),
        ("10\n", "line 1: a block outside"),
        ("", "no chromosome of NCBI36"),
        (
            FORWARD.replace("249250621 + 1000", "999999999 + 249250600"),
            "reaches beyond 1 of GRCh37",
        ),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused_by_line(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(SourceError, match=told):
        reader(tmp_path, text)
    assert not (tmp_path / "NCBI36" / "current").exists()


@pytest.mark.data
def test_ensembls_chain_lifts_the_start_of_brca1(tmp_path: Path) -> None:
    # The shared data are named by the environment; the service's settings know nothing of them.
    folder = os.environ.get("GAS_TEST_DATA")  # noqa: TID251
    if not folder:
        pytest.skip("GAS_TEST_DATA is not set")
    data = Path(folder)
    chain_path = data / "liftover" / "NCBI36_to_GRCh37.chain"
    publish_chain(tmp_path, INFO, chain_path, "NCBI36", "GRCh37", "r1")
    chain = ChainReader(current_release(tmp_path, "NCBI36") / "lift.ann")
    # The start of BRCA1 in both assemblies.
    assert chain.lift("17", 38_449_839) == Lifted("17", 41_196_313, 1)
    assert chain.lift("MT", 100) is None
