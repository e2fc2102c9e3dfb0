"""The set of files a run writes: under temporary names, renamed together when all is well."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class OutputNames:
    """Names of the files that go with an annotated VCF."""

    annotated: Path
    table: Path
    log: Path
    rejects: Path
    provenance: Path

    @property
    def compressed(self) -> bool:
        """Whether the VCF is to be BGZF, by its name."""
        return self.annotated.name.endswith((".gz", ".bgz"))

    @classmethod
    def of(cls, annotated: Path, log: Path | None = None) -> "OutputNames":
        """DIR/STEM.annot.vcf.gz gives STEM.annot.tsv.gz, STEM.count.log and so on."""
        base = annotated.name
        for suffix in (".gz", ".bgz", ".vcf"):
            base = base.removesuffix(suffix)
        stem = base.removesuffix(".annot")
        return cls(
            annotated,
            annotated.with_name(f"{base}.tsv.gz"),
            log or annotated.with_name(f"{stem}.count.log"),
            annotated.with_name(f"{stem}.rejects.tsv"),
            annotated.with_name(f"{stem}.provenance.json"),
        )


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file as it was written."""

    path: Path
    size: int
    sha256: str


class OutputSet:
    """A working folder beside the outputs; `publish` moves all into place, an error leaves none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._work = Path()
        self._files: list[Path] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._work = Path(tempfile.mkdtemp(dir=self._folder, prefix=".annotating-"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    @property
    def work(self) -> Path:
        """The folder for anything that must not be seen."""
        return self._work

    def path(self, target: Path) -> Path:
        """Where to write what shall become the target."""
        if target not in self._files:
            self._files.append(target)
        return self._work / target.name

    def forget(self) -> None:
        """Drop what was written so far; a run starts again."""
        for target in self._files:
            (self._work / target.name).unlink(missing_ok=True)
        self._files.clear()

    def publish(self) -> tuple[OutputFile, ...]:
        """Rename every file to its target."""
        done = []
        for target in self._files:
            source = self._work / target.name
            digest = hashlib.sha256()
            with source.open("rb") as file:
                while piece := file.read(_READ):
                    digest.update(piece)
            size = source.stat().st_size
            source.replace(target)
            done.append(OutputFile(target, size, digest.hexdigest()))
        return tuple(done)
