"""Building a release: downloads, compiled sources kept for the next build, one switch at the end.

Below `<reference>/<assembly>/`: the releases, `current`, and `sources/NAME-KEY/`, where each
compiled source lives; a release is hard links to them.  A source is compiled again only if its
files, its catalogue entry or the store's format change, so a build that was killed goes on where it
stopped.
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from ann.anntools.assembly.contigs import LENGTHS
from ann.anntools.build import bundled
from ann.anntools.build.catalogue import CatalogueError, SourceSpec
from ann.anntools.build.compiling import Compiled, Job, compile_source
from ann.anntools.build.download import Downloader, Fetched
from ann.anntools.build.progress import ProgressBar, megabytes
from ann.anntools.errors import AnnToolsError
from ann.anntools.store.checksums import sha256_of
from ann.anntools.store.manifest import FORMAT, MANIFEST, Column, Manifest, Source, SourceInfo
from ann.anntools.store.reference import CURRENT, ReferenceWriter, switch_current
from ann.anntools.version import VERSION

DOWNLOADS: Final = "downloads"
BUILD_RECORD: Final = "build.json"
PREFIX: Final = "built-"
# `current` and the two before it: a job that has begun opens its files within its first seconds.
KEPT_RELEASES: Final = 3
_SOURCES: Final = "sources"
_RECORD: Final = "record.json"
# Compiled sources take less than their packed originals, and so does the space to sort them in.
_ROOM_SHARE: Final = 1.0
_ROOM_LEAST: Final = 100_000_000

Say = Callable[[str], None]


class BuildError(AnnToolsError):
    """A build that cannot go on: what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build came to."""

    release_id: str
    directory: Path
    sources: int
    records: int
    changed: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """A compiled source in its own directory."""

    directory: Path
    compiled: Compiled


def build_release(
    root: Path,
    assembly: str,
    specs: Sequence[SourceSpec],
    downloader: Downloader,
    say: Say,
    *,
    threads: int,
) -> Built:
    """Build a release of these sources and the bundled ones they do not replace, and switch to it.

    Raises an AnnToolsError; then `current` still points to where it did.
    """
    home = root / assembly
    home.mkdir(parents=True, exist_ok=True)
    _check_names(assembly, specs)
    with _alone(home):
        for leftover in home.glob(".source-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        files = {spec.name: _download(spec, downloader, say) for spec in specs}
        _check_room(home, files)
        base = _bundle(root, assembly, say)
        kept = _compile_all(home, specs, files, base, say, threads)
        built = _publish(root, assembly, specs, kept, base)
        _prune(home, kept.values())
    return built


def _check_names(assembly: str, specs: Sequence[SourceSpec]) -> None:
    replaced = frozenset[str]().union(*(spec.replaces for spec in specs))
    names = Counter(spec.name for spec in specs)
    names.update(bundled.names(assembly) - replaced)
    for name, count in names.items():
        if count > 1:
            raise CatalogueError(
                f"two sources are called {name}: rename one, or let it say "
                f'replaces = ["{name}"] if it takes the place of the bundled one'
            )
    genomes = [spec.name for spec in specs if spec.format == "fasta"]
    if len(genomes) > 1:
        raise CatalogueError(f"only one source of sequences can be built: {', '.join(genomes)}")
    keys = Counter(
        column.column.key for spec in specs for column in spec.columns if column.column.key != "ID"
    )
    for key, count in keys.items():
        if count > 1:
            raise CatalogueError(f"two sources write the INFO key {key}: give one another key")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other builds of the same assembly out; the lock goes with the process."""
    with (home / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BuildError(
                f"another build of {home.name} is running here; wait for it to end"
            ) from error
        yield


def _download(spec: SourceSpec, downloader: Downloader, say: Say) -> dict[str, Fetched]:
    found = {}
    for file in spec.files:
        bar = ProgressBar(f"{spec.name} {file.role}")
        try:
            prefix = f"{spec.assembly}-{spec.name}"
            found[file.role] = downloader.fetch(file, prefix, bar)
        finally:
            bar.close()
        size = found[file.role].path.stat().st_size
        say(f"{spec.name}: {found[file.role].path.name}, {megabytes(size)}")
    return found


def _check_room(home: Path, files: dict[str, dict[str, Fetched]]) -> None:
    total = sum(file.path.stat().st_size for roles in files.values() for file in roles.values())
    needed = int(total * _ROOM_SHARE) + _ROOM_LEAST
    free = shutil.disk_usage(home).free
    if needed > free:
        raise BuildError(
            f"compiling needs about {megabytes(needed)} and there are {megabytes(free)} free in "
            f"{home}; make room and run the command again"
        )


def _bundle(root: Path, assembly: str, say: Say) -> Path | None:
    """The compiled bundle of the assembly; the release in use stays."""
    if assembly not in bundled.ASSEMBLIES:
        return None
    directory = root / assembly / bundled.release_id()
    if not (directory / MANIFEST).exists():
        say("bundled tables: compiling")
        bundled.compile_bundle(root, assembly, switch=False)
    return directory


def _key(spec: SourceSpec, files: dict[str, Fetched], sequences: str) -> str:
    facts = asdict(spec) | {"replaces": sorted(spec.replaces), "files": None, "default": None}
    shas = {role: file.sha256 for role, file in files.items()}
    text = json.dumps([FORMAT, VERSION, facts, shas, sequences], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _compile_all(
    home: Path,
    specs: Sequence[SourceSpec],
    files: dict[str, dict[str, Fetched]],
    base: Path | None,
    say: Say,
    threads: int,
) -> dict[str, _Kept]:
    kept: dict[str, _Kept] = {}
    sequences = [base / "rCRS.ann"] if base else []
    # Sequences first: indels of the others are aligned with them.
    ordered = sorted(specs, key=lambda spec: spec.format != "fasta")
    waiting: list[tuple[SourceSpec, Future[_Kept]]] = []
    with _workers(threads) as pool:
        for spec in ordered:
            job = Job(spec, files[spec.name], tuple(sequences))
            if spec.format == "fasta":
                kept[spec.name] = _compiled(home, job, say, None)
                sequences.append(kept[spec.name].directory / f"{spec.name}.ann")
            elif spec.format != "vcf" and pool is not None:
                waiting.append((spec, pool.submit(_compiled, home, job, None, None)))
        for spec in ordered:
            if spec.name not in kept and spec.name not in {each.name for each, _ in waiting}:
                job = Job(spec, files[spec.name], tuple(sequences))
                kept[spec.name] = _compiled(home, job, say, pool)
        for spec, future in waiting:
            kept[spec.name] = future.result()
            _tell(spec, kept[spec.name], say)
    return kept


@contextmanager
def _workers(threads: int) -> Iterator[Executor | None]:
    """Processes to compile with; none where there is but one core to use."""
    if threads <= 1:
        yield None
        return
    with ProcessPoolExecutor(threads, mp_context=get_context("forkserver")) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _tell(spec: SourceSpec, kept: _Kept, say: Say) -> None:
    counts = ", ".join(f"{each.records} in {each.info.name}" for each in kept.compiled.sources)
    notes = "".join(f"; {note}" for note in kept.compiled.notes)
    say(f"{spec.name}: compiled, {counts}{notes}")


def _compiled(home: Path, job: Job, say: Say | None, pool: Executor | None) -> _Kept:
    """The compiled source, from an earlier build if nothing has changed."""
    key = _key(job.spec, job.files, " ".join(str(path.parent.name) for path in job.sequences))
    directory = home / _SOURCES / f"{job.spec.name}-{key}"
    record = _read_record(directory)
    if record is None:
        directory.parent.mkdir(exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=home, prefix=".source-"))
        try:
            compiled = compile_source(job, work, pool)
            _write_record(work, compiled)
            work.chmod(0o755)
            if directory.exists():
                shutil.rmtree(directory)
            work.rename(directory)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        record = compiled
    kept = _Kept(directory, record)
    if say is not None:
        _tell(job.spec, kept, say)
    return kept


def _write_record(directory: Path, compiled: Compiled) -> None:
    files = {source.file: sha256_of(directory / source.file) for source in compiled.sources}
    data = {
        "sources": [asdict(source) for source in compiled.sources],
        "notes": compiled.notes,
        "files": files,
    }
    (directory / _RECORD).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def _read_record(directory: Path) -> Compiled | None:
    """A compiled source that is whole; None where there is none or it is damaged."""
    try:
        data = json.loads((directory / _RECORD).read_text(encoding="utf-8"))
        for name, digest in data["files"].items():
            if sha256_of(directory / name) != digest:
                return None
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    sources = [
        Source(
            info=SourceInfo(**source["info"]),
            kind=source["kind"],
            columns=tuple(Column(**column) for column in source["columns"]),
            records=source["records"],
            file=source["file"],
        )
        for source in data["sources"]
    ]
    return Compiled(sources, data["notes"])


def _publish(
    root: Path,
    assembly: str,
    specs: Sequence[SourceSpec],
    kept: dict[str, _Kept],
    base: Path | None,
) -> Built:
    adopted: list[tuple[Source, Path]] = []
    if base is not None:
        replaced = frozenset[str]().union(*(spec.replaces for spec in specs))
        adopted += [
            (source, base / source.file)
            for source in Manifest.read(base).sources
            if source.info.name not in replaced
        ]
    adopted += [
        (source, kept[spec.name].directory / source.file)
        for spec in specs
        for source in kept[spec.name].compiled.sources
    ]
    names = [path.parent.name for _, path in adopted]
    text = json.dumps([[source.file for source, _ in adopted], names])
    release_id = PREFIX + hashlib.sha256(text.encode()).hexdigest()[:12]
    home = root / assembly
    records = sum(source.records for source, _ in adopted)
    if (home / release_id / MANIFEST).exists():
        changed = (home / CURRENT).resolve().name != release_id
        switch_current(home, release_id)
        return Built(release_id, home / release_id, len(adopted), records, changed)
    with ReferenceWriter(root, assembly, release_id, LENGTHS[assembly]) as writer:
        for source, path in adopted:
            writer.adopt(source, path)
        writer.attach(BUILD_RECORD, _build_record(specs, kept))
    return Built(release_id, home / release_id, len(adopted), records, changed=True)


def _build_record(specs: Sequence[SourceSpec], kept: dict[str, _Kept]) -> str:
    entries = [
        {"source": spec.name, "release": each.info.release, "notes": kept[spec.name].compiled.notes}
        for spec in specs
        for each in kept[spec.name].compiled.sources[:1]
    ]
    data = {
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": VERSION,
        "sources": entries,
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _prune(home: Path, kept: Iterable[_Kept]) -> None:
    """Remove compiled sources out of use and all but the newest releases."""
    used = {each.directory.name for each in kept}
    for directory in (home / _SOURCES).glob("*-*"):
        if directory.name not in used:
            shutil.rmtree(directory, ignore_errors=True)
    current = (home / CURRENT).resolve()
    others = [path.parent for path in home.glob(f"{PREFIX}*/{MANIFEST}") if path.parent != current]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for directory in others[KEPT_RELEASES - 1 :]:
        shutil.rmtree(directory, ignore_errors=True)
