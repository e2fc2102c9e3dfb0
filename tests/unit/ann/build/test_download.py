import hashlib
import os
import shutil
from pathlib import Path
from typing import Protocol

import pytest

from ann.anntools.build.catalogue import FileSpec
from ann.anntools.build.download import Downloader, DownloadError, Policy

PATH = "ucsc/table.txt.gz"
NAME = "GRCh38-x-data-table.txt.gz"


class Served(Protocol):
    url: str
    files: dict[str, bytes]
    broken: dict[str, list[int]]
    asked: list[tuple[str, str | None, int]]
    ranges: bool

    def put(self, path: str, data: bytes | str) -> None: ...


def nothing(done: int, total: int) -> None:
    """No progress to show."""


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def downloader(tmp_path: Path, site: Served, waits: list[float]) -> Downloader:
    noise = "".join(hashlib.sha256(str(n).encode()).hexdigest() + "\n" for n in range(20_000))
    site.put(PATH, noise)
    return Downloader(tmp_path / "d", mirror=site.url, policy=Policy(sleep=waits.append))


def spec(**more: str) -> FileSpec:
    return FileSpec("data", f"https://{PATH}", **more)  # type: ignore[arg-type]  # only texts


def test_a_file_is_kept_with_its_checksum_and_not_asked_for_again(
    downloader: Downloader, site: Served
) -> None:
    first = downloader.fetch(spec(), "GRCh38-x", nothing)
    assert first.path.name == NAME
    assert first.path.read_bytes() == site.files[PATH]
    assert first.sha256 == hashlib.sha256(site.files[PATH]).hexdigest()
    assert downloader.fetch(spec(), "GRCh38-x", nothing) == first
    assert len(site.asked) == 1
    assert {path.name for path in first.path.parent.iterdir()} == {NAME, f"{NAME}.json"}


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    downloader: Downloader, site: Served, waits: list[float]
) -> None:
    site.broken[PATH] = [-300_000, -200_000]
    found = downloader.fetch(spec(), "GRCh38-x", nothing)
    assert found.path.read_bytes() == site.files[PATH]
    assert [(wanted, status) for _, wanted, status in site.asked] == [
        (None, 200),
        ("bytes=300000-", 206),
        ("bytes=500000-", 206),
    ]
    assert waits == [1.0, 2.0]


def test_a_busy_server_is_asked_again_more_and_more_slowly(
    downloader: Downloader, site: Served, waits: list[float]
) -> None:
    site.broken[PATH] = [503, 429, 500]
    downloader.fetch(spec(), "GRCh38-x", nothing)
    assert waits == [1.0, 2.0, 4.0]


def test_a_server_that_never_answers_well_is_given_up_with_what_to_do(
    downloader: Downloader, site: Served, tmp_path: Path
) -> None:
    site.broken[PATH] = [-1000] * 5
    with pytest.raises(DownloadError, match=r"cut short at 5000 of .*run the same command again"):
        downloader.fetch(spec(), "GRCh38-x", nothing)
    assert (tmp_path / "d" / f"{NAME}.part").stat().st_size == 5000


def test_a_file_that_is_not_there_is_not_asked_for_twice(
    downloader: Downloader, site: Served
) -> None:
    site.files.clear()
    with pytest.raises(DownloadError, match=r"404 .*catalogue of your own"):
        downloader.fetch(spec(), "GRCh38-x", nothing)
    assert len(site.asked) == 1


def test_a_server_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    lost = Downloader(tmp_path, mirror="http://127.0.0.1:1", policy=Policy(2, sleep=lambda _: None))
    with pytest.raises(DownloadError, match="no answer from the server"):
        lost.fetch(spec(), "x", nothing)


def test_a_server_without_ranges_starts_over(downloader: Downloader, site: Served) -> None:
    site.ranges = False
    site.broken[PATH] = [-300_000]
    found = downloader.fetch(spec(), "GRCh38-x", nothing)
    assert found.path.read_bytes() == site.files[PATH]


def test_a_file_that_changed_while_it_was_downloaded_starts_over(
    downloader: Downloader, site: Served, tmp_path: Path
) -> None:
    site.broken[PATH] = [-1000] * 5
    with pytest.raises(DownloadError):
        downloader.fetch(spec(), "GRCh38-x", nothing)
    site.put(PATH, "other\n" * 5000)
    found = downloader.fetch(spec(), "GRCh38-x", nothing)
    assert found.path.read_bytes() == site.files[PATH]


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_wrong_checksum_is_refused_after_a_second_try(
    downloader: Downloader, site: Served, tmp_path: Path, kind: str
) -> None:
    wrong = "0" * (32 if kind == "md5" else 64)
    site.put("sums/table.md5", f"{wrong}  table.txt.gz\n")
    more = {"md5": "https://sums/table.md5"} if kind == "md5" else {"sha256": wrong}
    told = f"{kind.upper().replace('SHA', 'SHA-')} is [0-9a-f]+.*{wrong}; downloaded twice"
    with pytest.raises(DownloadError, match=told):
        downloader.fetch(spec(**more), "GRCh38-x", nothing)
    assert [path for path, _, _ in site.asked].count(PATH) == 2
    assert not list((tmp_path / "d").glob("*table*"))


def test_a_right_checksum_is_accepted_in_either_case(downloader: Downloader, site: Served) -> None:
    digest = hashlib.md5(site.files[PATH], usedforsecurity=False).hexdigest().upper()
    site.put("sums/table.md5", f"{digest}  /panfs/somewhere/table.txt.gz\n")
    found = downloader.fetch(spec(md5="https://sums/table.md5"), "GRCh38-x", nothing)
    assert found.path.is_file()


def test_a_packed_file_that_arrives_damaged_is_noticed_without_any_checksum(
    downloader: Downloader, site: Served
) -> None:
    site.files[PATH] = site.files[PATH][:-8]
    with pytest.raises(DownloadError, match="arrived damaged"):
        downloader.fetch(spec(), "GRCh38-x", nothing)


def test_a_full_disk_is_noticed_before_the_download(
    downloader: Downloader, site: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(DownloadError, match=r"needs .* MB and there are 1\.0 MB free"):
        downloader.fetch(spec(), "GRCh38-x", nothing)
    assert not list((tmp_path / "d").glob("*.part"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_on_the_way_is_told_of(downloader: Downloader, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / f"{NAME}.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"no room left .*goes on where it stopped"):
        downloader.fetch(spec(), "GRCh38-x", nothing)


def test_progress_runs_from_nothing_to_all(downloader: Downloader, site: Served) -> None:
    seen: list[tuple[int, int]] = []
    downloader.fetch(spec(), "GRCh38-x", lambda done, total: seen.append((done, total)))
    size = len(site.files[PATH])
    assert seen[0] == (0, size)
    assert seen[-1] == (size, size)


def test_a_file_of_ones_own_stays_where_it_is(downloader: Downloader, tmp_path: Path) -> None:
    own = tmp_path / "panel.bed"
    own.write_text("1\t0\t1\n")
    os.utime(own, (1_700_000_000, 1_700_000_000))
    found = downloader.fetch(FileSpec("data", own.name, own), "GRCh38-x", nothing)
    assert (found.path, found.url, found.retrieved_at) == (own, "panel.bed", "2023-11-14")
    with pytest.raises(DownloadError, match="the catalogue says 0000"):
        downloader.fetch(FileSpec("data", own.name, own, None, "0" * 64), "GRCh38-x", nothing)
    with pytest.raises(DownloadError, match="not there"):
        downloader.fetch(FileSpec("data", "x", tmp_path / "x"), "GRCh38-x", nothing)
