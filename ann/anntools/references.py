"""Which compiled reference serves a file, and which of its contigs a name of the file means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ann.anntools.annotator import Annotator
from ann.anntools.assembly.contigs import canonical, is_mitochondrial
from ann.anntools.assembly.detect import Detected, serves_mitochondrion
from ann.anntools.assembly.lift import Lifter
from ann.anntools.errors import InputError, ReferenceUnusableError
from ann.anntools.io.header import Header
from ann.anntools.kernel.plan import Plan
from ann.anntools.sources.genes import Consequences
from ann.anntools.sources.resolved import Resolved, resolve_sources
from ann.anntools.store.container import Container
from ann.anntools.store.manifest import Manifest, Source
from ann.anntools.store.reference import CURRENT, current_release
from ann.anntools.store.sequence import SequenceReader

# Release ids of compiled bundles begin so; a bundle may be older than this version.
BUNDLED = "bundled-"
LIFTED = "NCBI36"
LIFT_TARGET = "GRCh37"
_PEEK = 200


@dataclass(frozen=True, slots=True)
class Serving:
    """A release in use for a file: its sources under this file's key names, and the annotator."""

    manifest: Manifest
    chain: Source | None
    sources: tuple[Resolved, ...]
    annotator: Annotator
    namer: "Namer"

    @property
    def reference_id(self) -> str:
        """The names of all releases used."""
        return self.manifest.release_id + (f"+{self.chain.info.release}" if self.chain else "")


def serve(root: Path, header: Header, found: Detected, *, table: bool) -> Serving:
    """Open the reference for a file's assembly.

    Raises InputError `chain-missing` when positions cannot be lifted, ReferenceUnusableError when
    the reference cannot be used.
    """
    chain = _chain(root) if found.assembly == LIFTED else None
    directory = _directory(root, LIFT_TARGET if chain else found.assembly)
    manifest = Manifest.read(directory)
    sources = resolve_sources(directory, manifest, header)
    sequence = next((s for s in manifest.sources if s.kind == "sequence"), None)
    path = directory / sequence.file if sequence else None
    contigs = list(manifest.contigs)
    plan = Plan(sources, Container(path) if path else None, contigs)
    genes = next((r for r in sources if r.source.kind == "gene"), None)
    consequences = None
    if genes:
        consequences = _consequences(genes.path, genes.path.stat().st_mtime_ns, path)
    lifter = None
    if chain:
        numbers = {name: number for number, name in enumerate(contigs)}
        lifter = Lifter(Container(chain[0] / chain[1].file), numbers)
    namer = Namer(header, found.assembly, manifest.contigs)
    annotator = Annotator(
        plan,
        consequences,
        header.columns,
        namer,
        lengths=list(manifest.contigs.values()),
        lifter=lifter,
        table=table,
    )
    return Serving(manifest, chain[1] if chain else None, tuple(sources), annotator, namer)


@lru_cache(maxsize=4)
def _consequences(path: Path, _written: int, sequences: Path | None) -> Consequences:
    """Genes stay open from run to run, with the transcripts that were read."""
    return Consequences(path, SequenceReader(sequences) if sequences else None)


def _chain(root: Path) -> tuple[Path, Source]:
    try:
        directory = current_release(root, LIFTED)
        chain = next(s for s in Manifest.read(directory).sources if s.kind == "chain")
    except (ReferenceUnusableError, StopIteration) as error:
        raise InputError(
            "chain-missing",
            "the positions are on NCBI36 and there is no chain to lift them for the look-up",
            hint="The operator can add it: `python -m ann.anntools build --chain NCBI36`.",
        ) from error
    return directory, chain


def _directory(root: Path, assembly: str) -> Path:
    """The release in use; where none was built, the bundled one, compiled on first use."""
    names = ("rCRS", "GRCh38", "GRCh37") if assembly == "rCRS" else (assembly,)
    for name in names:
        current = root / name / CURRENT
        if current.exists():
            found = current.resolve()
            return found if not found.name.startswith(BUNDLED) else _ensure(root, name)
    return _ensure(root, "GRCh38" if assembly == "rCRS" else assembly)


def _ensure(root: Path, assembly: str) -> Path:
    # What compiles the bundle is not needed, and not loaded, where a reference was built.
    from ann.anntools.build.bundled import ensure  # noqa: PLC0415

    return ensure(root, assembly)


class Namer:
    """The reference's name of a contig as the file names it, or None."""

    def __init__(self, header: Header, assembly: str, contigs: Mapping[str, int]) -> None:
        self._words = " ".join(header.meta[:_PEEK]).lower()
        self._declared = header.contigs
        self._assembly = assembly
        self._contigs = contigs
        self._known: dict[bytes, str | None] = {}

    def __call__(self, raw: bytes) -> str | None:
        """Look a name up; what was found once is kept."""
        if raw not in self._known:
            self._known[raw] = self._find(raw.decode("utf-8", "replace"))
        return self._known[raw]

    def _find(self, name: str) -> str | None:
        found = canonical(name) or name
        if is_mitochondrial(name) and not serves_mitochondrion(
            self._assembly, name, self._declared.get(name), self._words
        ):
            return None
        return found if found in self._contigs else None


def undeclared(header: Header, contigs: Sequence[bytes]) -> list[str]:
    """Contigs of the records that the header does not declare."""
    names = [name.decode("utf-8", "surrogateescape") for name in contigs]
    return [name for name in names if name not in header.contigs]
