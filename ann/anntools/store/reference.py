"""The compiled reference of one assembly: built aside, switched to by one rename."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ann.anntools.errors import ReferenceUnusableError
from ann.anntools.store.alleles import AlleleWriter
from ann.anntools.store.chain import AlignedBlock, write_chain
from ann.anntools.store.checksums import write_checksums
from ann.anntools.store.genes import GeneWriter
from ann.anntools.store.intervals import IntervalWriter
from ann.anntools.store.manifest import Column, Manifest, Source, SourceInfo
from ann.anntools.store.sequence import SequenceWriter

CURRENT = "current"

SourceWriter = AlleleWriter | IntervalWriter | GeneWriter | SequenceWriter


class ReferenceWriter:
    """Builds `<root>/<assembly>/<release_id>`; on a clean exit `current` points to it.

    Sources are written in the order they were asked for.  Nothing is seen by readers before the
    exit; after an error nothing is left.
    """

    def __init__(
        self,
        root: Path,
        assembly: str,
        release_id: str,
        contigs: Mapping[str, int],
        *,
        switch: bool = True,
    ) -> None:
        self._home = root / assembly
        self._assembly = assembly
        self._release_id = release_id
        self._contigs = dict(contigs)
        self._switch = switch
        self._writers: list[SourceWriter] = []
        self._adopted: list[Source] = []
        self._home.mkdir(parents=True, exist_ok=True)
        self._work = Path(tempfile.mkdtemp(dir=self._home, prefix=".build-"))

    def alleles(self, info: SourceInfo, columns: Sequence[Column]) -> AlleleWriter:
        """A writer for values by allele."""
        writer = AlleleWriter(self._work, info, columns, self._work)
        self._writers.append(writer)
        return writer

    def intervals(self, info: SourceInfo, columns: Sequence[Column]) -> IntervalWriter:
        """A writer for values by overlap."""
        writer = IntervalWriter(self._work, info, columns)
        self._writers.append(writer)
        return writer

    def genes(self, info: SourceInfo) -> GeneWriter:
        """A writer for transcripts."""
        writer = GeneWriter(self._work, info)
        self._writers.append(writer)
        return writer

    def sequence(self, info: SourceInfo) -> SequenceWriter:
        """A writer for contig sequences."""
        writer = SequenceWriter(self._work, info)
        self._writers.append(writer)
        return writer

    def adopt(self, source: Source, path: Path) -> None:
        """Take a compiled file from elsewhere on the same disk, without copying it if possible."""
        target = self._work / source.file
        try:
            target.hardlink_to(path)
        except OSError:
            shutil.copyfile(path, target)
        self._adopted.append(source)

    def attach(self, name: str, text: str) -> None:
        """Put a text file beside the manifest."""
        (self._work / name).write_text(text, encoding="utf-8")

    def chain(self, info: SourceInfo, blocks: Iterable[AlignedBlock]) -> None:
        """Store the chain that lifts this assembly's positions to another."""
        self._adopted.append(write_chain(self._work, info, blocks))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._publish([*(writer.finish() for writer in self._writers), *self._adopted])
            else:
                for writer in self._writers:
                    if isinstance(writer, AlleleWriter | GeneWriter | SequenceWriter):
                        writer.discard()
        finally:
            shutil.rmtree(self._work, ignore_errors=True)

    def _publish(self, sources: list[Source]) -> None:
        manifest = Manifest(self._assembly, self._release_id, self._contigs, tuple(sources))
        manifest.write(self._work)
        write_checksums(self._work)
        self._work.chmod(0o755)
        target = self._home / self._release_id
        try:
            self._work.rename(target)
        except OSError:
            # The same release was published by another process meanwhile: theirs is as good.
            if not (target / "manifest.json").exists():
                raise
        if self._switch:
            switch_current(self._home, self._release_id)


def switch_current(home: Path, release_id: str) -> None:
    """Let `current` of an assembly point to a release, by one rename."""
    link = home / f".current-{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(release_id)
    link.replace(home / CURRENT)


def current_release(root: Path, assembly: str) -> Path:
    """The directory of the release in use; a run keeps it whatever `current` says later."""
    link = root / assembly / CURRENT
    if not link.exists():
        raise ReferenceUnusableError(
            f"no reference for {assembly}; build one with "
            f"`python -m ann.anntools build --assembly {assembly}`"
        )
    return link.resolve()
