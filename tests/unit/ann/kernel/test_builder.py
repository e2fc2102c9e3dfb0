import subprocess
import sys
from pathlib import Path

import pytest

from ann.anntools.errors import KernelUnavailableError
from ann.anntools.kernel import builder
from ann.anntools.kernel.__main__ import main
from ann.anntools.kernel.binding import kernel


def test_the_name_of_the_library_follows_its_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "kernel.c").write_text("int x;")
    monkeypatch.setattr(builder, "SOURCE", tmp_path)
    before = builder.library_name()
    (tmp_path / "kernel.c").write_text("int y;")
    assert builder.library_name() != before
    assert sys.platform in before


def test_where_the_source_cannot_be_written_to_the_cache_folder_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "kernel.c").write_text("int answer(void) { return 42; }")
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    monkeypatch.setattr(builder, "SOURCE", blocked)
    monkeypatch.setattr(builder, "UNIT", tmp_path / "kernel.c")
    monkeypatch.setattr(builder, "cache_folder", lambda: tmp_path / "cache")
    assert builder.build().parent == tmp_path / "cache"
    assert builder.library().exists()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_without_any_compiler_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none(name: str) -> None:
        return None

    monkeypatch.setattr(builder.shutil, "which", none)
    monkeypatch.setattr(builder, "_borrow", lambda folder: f"no wheel in {folder.name[:7]}")
    monkeypatch.setattr(builder, "SOURCE", tmp_path)
    monkeypatch.setattr(builder, "cache_folder", lambda: tmp_path / "cache")
    with pytest.raises(KernelUnavailableError, match=r"install a C compiler.*no wheel in anntool"):
        builder.build()
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unit = tmp_path / "kernel.c"
    unit.write_text("this is not C")
    monkeypatch.setattr(builder, "UNIT", unit)
    monkeypatch.setattr(builder, "_borrow", lambda _: "offline")
    with pytest.raises(KernelUnavailableError, match="error"):
        builder._compile(tmp_path / "out.so")


def test_the_command_builds_once_and_knows_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    kernel()
    assert main(["build"]) == 0
    assert capsys.readouterr().out.startswith("kernel-")
    assert main([]) == 2


def test_the_kernel_compiles_without_warnings(tmp_path: Path) -> None:
    done = subprocess.run(
        ["cc", *builder.FLAGS, "-Wall", "-Werror", "-o", str(tmp_path / "k.so"), str(builder.UNIT)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
