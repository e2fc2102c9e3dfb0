"""The fuzzing loop, in a process that has the sanitizer's runtime loaded; see fuzz_kernel.py."""

import random
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from ann.anntools.annotator import Annotator, KeyTakenError
from ann.anntools.errors import ReferenceUnusableError
from ann.anntools.io.batches import Lines
from ann.anntools.io.header import Header
from ann.anntools.kernel import binding, rooms
from ann.anntools.kernel.gene_tables import GeneTables
from ann.anntools.kernel.plan import Plan
from ann.anntools.sources.genes import Consequences
from ann.anntools.sources.resolved import resolve_sources
from ann.anntools.store import container
from ann.anntools.store.manifest import Manifest
from ann.anntools.store.sequence import SequenceReader
from tests.model.worlds import make_world

CORPUS = Path(__file__).parent / "corpus"
COLUMNS = 10
_TOKENS = (
    b"\t", b"\n", b"\r\n", b",", b";", b"=", b"|", b".", b"*", b"<DEL>", b"END=", b"END=99999",
    b"A", b"C", b"G", b"T", b"N", b"ACGT" * 300, b"A" * 70, b"0", b"1", b"29999", b"30000",
    b"2147483647", b"4294967296", b"17592186044415", b"\0", b"\xff", b"ANN=", b"FREQ=1", b" ",
)  # fmt: skip


def mutated(rng: random.Random, text: bytes) -> bytes:
    """The text with a few bytes changed, cut, doubled, or replaced by telling ones."""
    data = bytearray(text)
    for _ in range(rng.choice((0, 1, 1, 2, 4, 16))):
        at = rng.randint(0, len(data))
        kind = rng.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at : at + rng.choice((1, 3, 40))]
        elif kind == 2:
            data[at:at] = rng.choice(_TOKENS)
        elif kind == 3:
            data[at:at] = data[at : at + rng.randint(1, 80)]
        else:
            data[at : at + rng.randint(1, 5)] = rng.choice(_TOKENS)
    return bytes(data)


class DamagedReads:
    """Arrays of containers as copies of their own, some bytes of them changed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.flips = 0
        read = container.Container.__getitem__

        def copied(store: container.Container, name: str) -> container.Array:
            values = np.array(read(store, name))
            if self.flips and len(values) and rng.random() < 0.2:
                raw = values.view(np.uint8)
                for _ in range(self.flips):
                    raw[rng.randrange(len(raw))] = rng.choice((0, 1, 255, rng.randrange(256)))
            return values

        container.Container.__getitem__ = copied  # type: ignore[method-assign]


def exact_rooms() -> None:
    """Give the kernel memory of exactly the size it may use."""

    def exact(held: rooms.Rooms, name: str, size: int, dtype: np.dtype[np.void]) -> object:
        found = held._arrays[name] = np.empty(size, dtype)
        return found

    rooms.Rooms.get = exact  # type: ignore[method-assign,assignment]


def annotator_of(directory: Path, damage: DamagedReads, flips: int) -> Annotator | None:
    """An annotator over a reference with flipped bytes; None when it is refused."""
    manifest = Manifest.read(directory)
    sources = resolve_sources(directory, manifest, Header([], "VCFv4.2", COLUMNS))
    path = directory / "genome.ann"
    sequences = container.Container(path) if path.exists() else None
    consequences = Consequences(
        directory / "genes.ann", SequenceReader(path) if sequences else None
    )
    damage.flips = flips
    try:
        # The routine reads sound data: it is the kernel that is looked at.
        consequences.tables = GeneTables(consequences.genes.container)
        plan = Plan(sources, sequences, list(manifest.contigs))
    except ReferenceUnusableError:
        return None
    finally:
        damage.flips = 0
    return Annotator(
        plan,
        consequences,
        COLUMNS,
        lambda name: name.decode("latin-1"),
        lengths=list(manifest.contigs.values()),
        table=True,
    )


def main(arguments: list[str]) -> int:
    """Fuzz until the time is up; the sanitizer ends the process when it finds something."""
    library, work = Path(arguments[0]), Path(arguments[1])
    seconds, rng = float(arguments[2]), random.Random(int(arguments[3]))  # noqa: S311 - chance that can be repeated
    binding.library = lambda: library
    exact_rooms()
    damage = DamagedReads(rng)
    directories = [
        make_world(work / known, number, known, genome=known == "spliced").directory
        for number, known in enumerate(("spliced", "cds", "none"))
    ]
    corpus = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
    rounds, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        annotator = annotator_of(rng.choice(directories), damage, rng.choice((0, 1, 8)))
        if annotator is None:
            continue
        for _ in range(40):
            text = mutated(rng, b"".join(rng.choices(corpus, k=rng.randint(1, 3)))) + b"\n"
            (work / "input").write_bytes(text)
            with suppress(KeyTakenError):
                annotator.annotate(Lines(1, text.count(b"\n"), text))
            rounds += 1
    sys.stdout.write(f"{rounds} batches, nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
