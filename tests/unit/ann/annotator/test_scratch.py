"""The scratch folder: gone after each run, and after each process however it died."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ann import scratch as scratch_module
from ann.scratch import NoRoomError, Scratch, sweep

ROOT = Path(__file__).parents[4]
HOLDER = """
import sys
from pathlib import Path
from ann.scratch import Scratch
with Scratch(Path(sys.argv[1])).folder() as folder:
    (folder / "input").write_text("x")
    print("ready", flush=True)
    sys.stdin.read()
"""


def names_in(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


def test_a_runs_folder_is_its_own_and_gone_afterwards(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    with scratch.folder() as one, scratch.folder() as two:
        assert one != two
        (one / "input").write_text("x")
        assert one.stat().st_mode & 0o077 == 0
    assert not one.exists()
    scratch.close()
    assert not names_in(tmp_path)


def test_a_run_that_raises_leaves_nothing(tmp_path: Path) -> None:
    scratch, folders = Scratch(tmp_path), list[Path]()

    def run() -> None:
        with scratch.folder() as folder:
            folders.append(folder)
            (folder / "input").write_text("x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert not folders[0].exists()


def test_what_a_killed_process_left_is_swept_and_what_a_live_one_holds_is_not(
    tmp_path: Path,
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        held = names_in(tmp_path)
        assert sweep(tmp_path) == 0
        assert names_in(tmp_path) == held
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(timeout=30)
        assert sweep(tmp_path) == 1
        assert not names_in(tmp_path)
    finally:
        holder.kill()
        holder.communicate()


def test_a_folder_without_a_lock_belongs_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "123-dead" / "run").mkdir(parents=True)
    assert sweep(tmp_path) == 1
    assert not names_in(tmp_path)


def test_a_scratch_that_is_not_there_yet_has_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none") == 0


def test_room_is_three_times_the_input_and_a_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = Scratch(tmp_path)
    monkeypatch.setattr(scratch, "free_bytes", lambda: 300)
    scratch.check_room(100)
    with pytest.raises(NoRoomError) as refusal:
        scratch.check_room(101)
    assert refusal.value.retry_after is not None


def test_a_machine_without_disk_or_memory_takes_no_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = Scratch(tmp_path)
    assert scratch.has_room()
    with monkeypatch.context() as patch:
        patch.setattr(scratch_module, "RESERVE_BYTES", 1 << 62)
        assert scratch.free_bytes() == 0
        assert not scratch.has_room()
    with monkeypatch.context() as patch:
        patch.setattr(scratch_module, "MEMORY_BYTES", 1 << 62)
        assert not scratch.has_room()
        with pytest.raises(NoRoomError):
            scratch.check_room(0)
