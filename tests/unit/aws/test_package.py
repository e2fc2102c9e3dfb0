"""The release really made, and really installed into an environment of its own."""

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.stubs import Stubs
from tests.unit.aws.test_install import AWS, Machine

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.full, pytest.mark.timeout(1500), pytest.mark.xdist_group("package")]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of this tree, made from a copy of its commit."""
    tree = tmp_path_factory.mktemp("package") / "tree"
    subprocess.run(["git", "clone", "--quiet", ROOT, tree], check=True)
    done = subprocess.run(
        ["bash", "aws/bin/package"],
        cwd=tree,
        env={**os.environ, "PYTHON": sys.executable},  # noqa: TID251 - pip's own settings
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    (made,) = (tree / "dist").glob("gas-*.tar.gz")
    return made


@pytest.fixture(scope="module")
def unpacked(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(release) as archive:
        archive.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def test_a_release_is_what_its_checksum_says(release: Path) -> None:
    said = release.with_name(release.name + ".sha256").read_text().split()[0]
    assert hashlib.sha256(release.read_bytes()).hexdigest() == said


def test_every_file_of_a_release_is_listed_with_its_checksum(unpacked: Path) -> None:
    listed = {
        line.split(maxsplit=1)[1].removeprefix("./"): line.split()[0]
        for line in (unpacked / "SHA256SUMS").read_text().splitlines()
    }
    there = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert there - {"SHA256SUMS"} == set(listed)
    for name in ("install.sh", "VERSION", "program/requirements.txt"):
        assert hashlib.sha256((unpacked / name).read_bytes()).hexdigest() == listed[name]


def test_a_release_holds_no_tests_no_caches_and_no_secrets(unpacked: Path) -> None:
    names = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*")}
    for part in ("tests", "__pycache__", ".git", ".env", "environments"):
        assert not any(part in Path(name).parts for name in names), part


def test_the_compiled_engine_asks_for_no_newer_system_than_amazon_linux(unpacked: Path) -> None:
    (library,) = (unpacked / "program/ann/anntools/kernel").glob("kernel-*.so")
    asked = {
        tuple(int(part) for part in word.split(b"\0")[0].split(b"_")[1].split(b"."))
        for word in library.read_bytes().split(b"\0")
        if word.startswith(b"GLIBC_2.")
    }
    assert asked
    assert max(asked) <= (2, 34)


def test_the_release_installs_and_annotates_without_a_network_or_a_compiler(
    unpacked: Path, tmp_path: Path
) -> None:
    machine = Machine(tmp_path)
    machine.release = unpacked
    # This time Python is real: a virtual environment of its own, filled from the wheels.
    machine.stubs.add("python3.11", f'exec "{sys.executable}" "$@"')
    machine.stubs.add("aws", AWS)
    status, said = machine.install("annotator", PIP_NO_INDEX="1")
    assert status == 0, said
    home = machine.root / f"opt/gas-{(unpacked / 'VERSION').read_text().strip()}"
    python = home / ".venv/bin/python"
    quiet = Stubs(tmp_path / "quiet")
    for name in ("gcc", "cc", "clang"):
        quiet.add(name, "exit 1")
    done = quiet.run(
        *(python, "-c", "import gas.wiring, web.app, ann.annotator, util.notify, util.scale"),
        cwd=home,
    )
    assert done.returncode == 0, done.stderr
    example = home / "ann/anntools/example/example.vcf"
    annotated = tmp_path / "out"
    annotated.mkdir()
    done = quiet.run(
        *(python, "-m", "ann.anntools", "annotate", example, "--output", annotated / "out.vcf.gz"),
        *("--reference", home / "reference"),
        env={"XDG_CACHE_HOME": str(tmp_path / "cache")},
        cwd=home,
    )
    assert done.returncode == 0, done.stderr
    assert list(annotated.glob("*.vcf.gz"))
    assert not (tmp_path / "cache/anntools/reference").exists()
    assert not list((tmp_path / "cache").rglob("kernel-*.so"))
