"""SHA-256 of a release's files, in the form that `sha256sum --check` reads."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ann.anntools.errors import ReferenceUnusableError

CHECKSUMS = "SHA256SUMS"
_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_checksums(directory: Path) -> None:
    """Record the checksums of all files in the directory."""
    files = sorted(path for path in directory.iterdir() if path.is_file())
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in files if path.name != CHECKSUMS]
    (directory / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def read_checksums(directory: Path) -> dict[str, str]:
    """The recorded checksums by file name."""
    try:
        lines = (directory / CHECKSUMS).read_text(encoding="utf-8").splitlines()
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    except OSError as error:
        raise ReferenceUnusableError(f"{directory.name}: no checksums recorded") from error


def damaged_files(directory: Path) -> Iterator[str]:
    """Names of the files that are missing or other than when they were written."""
    for name, digest in read_checksums(directory).items():
        path = directory / name
        if not path.is_file() or sha256_of(path) != digest:
            yield name
