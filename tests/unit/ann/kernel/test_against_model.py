"""The kernel writes what the plain model writes, on random and on hostile records."""

import random
import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from ann.anntools.annotator import Annotator, Batch, KeyTakenError
from ann.anntools.io.batches import Lines
from ann.anntools.io.header import Header
from ann.anntools.kernel.plan import Plan
from ann.anntools.sources.genes import Consequences
from ann.anntools.sources.resolved import resolve_sources
from ann.anntools.store.container import Container
from ann.anntools.store.manifest import Manifest
from ann.anntools.store.sequence import SequenceReader
from tests.model.plain import Expected, PlainAnnotator
from tests.model.worlds import World, any_allele, make_world

COLUMNS = 10
Both = tuple[Annotator, PlainAnnotator]

_MANY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module", params=["genome", "spliced", "cds", "none"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    kind: str = request.param
    known = "spliced" if kind == "genome" else kind
    root = tmp_path_factory.mktemp("world")
    return make_world(root, len(kind), known, genome=kind == "genome")


@pytest.fixture(scope="module")
def both(world: World) -> Both:
    manifest = Manifest.read(world.directory)
    header = Header([], "VCFv4.2", COLUMNS)
    sources = resolve_sources(world.directory, manifest, header)
    path = world.directory / "genome.ann"
    present = path.exists()
    sequences = SequenceReader(path) if present else None

    def contig_of(name: bytes) -> str | None:
        found = name.decode("latin-1")
        return found if found in manifest.contigs else None

    plan = Plan(sources, Container(path) if present else None, list(manifest.contigs))
    consequences = Consequences(world.directory / "genes.ann", sequences)
    lengths = list(manifest.contigs.values())
    annotator = Annotator(plan, consequences, COLUMNS, contig_of, lengths=lengths, table=True)
    return annotator, PlainAnnotator(sources, sequences, COLUMNS, contig_of)


def lines_of(text: bytes) -> Lines:
    return Lines(1, text.count(b"\n"), text)


def check(both: Both, text: bytes) -> tuple[Batch, Expected]:
    try:
        batch = both[0].annotate(lines_of(text))
    except KeyTakenError:
        reject()
    expected = both[1].annotate(text)
    lines = bytes(batch.text).splitlines(keepends=True)
    for found, wanted in zip(lines, expected.lines, strict=True):
        assert found == wanted
    assert [line for line, _, _ in batch.rejects] == expected.rejected
    assert np.stack([batch.begins, batch.ends], 1).tolist() == [list(x) for x in expected.places]
    assert batch.stops.tolist() == np.cumsum([len(line) for line in expected.lines]).tolist()
    return batch, expected


def record(contig: str, pos: int, ref: str, alts: list[str], rng: random.Random) -> bytes:
    identifier = rng.choice((".", "rs5", "x;y"))
    info = rng.choice((".", "DP=3", "END=17;A=b", f"A;END={pos + 4000}"))
    fields = [contig, str(pos), identifier, ref, ",".join(alts), "9", "PASS", info, "GT", "0/1"]
    return "\t".join(fields).encode() + b"\n"


@_MANY
@given(seed=st.integers(0, 2**32), ordered=st.booleans())
def test_records_of_the_genome_come_out_as_the_model_says(
    both: Both, world: World, seed: int, *, ordered: bool
) -> None:
    rng = random.Random(seed)  # noqa: S311  # repeatable, not secret
    rows = []
    for _ in range(rng.randint(1, 40)):
        if rng.random() < 0.5:
            contig, pos, ref, alt = rng.choice(world.alleles)
        else:
            contig = rng.choice(["1", "2", "3"])
            pos, ref, alt = any_allele(rng, world.genome[contig])
        alts = [alt]
        while rng.random() < 0.2:
            alts.append(
                rng.choice(
                    [
                        "*",
                        "<DEL>",
                        "<DUP:TANDEM>",
                        "<INV>",
                        "<INS>",
                        "A[2:900[",
                        "]3:5]T",
                        "<NON_REF>",
                        "<*>",
                        "<CNV>",
                        ref[:1],
                        ref + "A",
                        alt.lower(),
                        "G",
                        "N",
                    ]
                )
            )
        rows.append((contig, pos, ref, alts))
    if ordered:
        rows.sort(key=lambda row: (row[0], row[1]))
    check(both, b"".join(record(*row, rng) for row in rows))


_CELL = st.one_of(
    st.sampled_from(
        [
            b"",
            b".",
            b"1",
            b"2",
            b"3",
            b"A",
            b"ACGT",
            b"acgtn",
            b"A,C",
            b",",
            b"*",
            b"<DEL>",
            b"<DEL;x>",
            b"A]<c>:9]",
            b"<X>",
            b"[a|b:1[A",
            b"0",
        ]
    ),
    st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"").replace(b"\t", b"")),
    st.integers(-5, 1 << 33).map(lambda number: b"%d" % number),
    st.sampled_from([b"END=9", b"END=99999999999", b"END=", b"XEND=5;END=3000", b"A=1;END=20000"]),
    st.text("ACGTNacgt*<", max_size=40).map(str.encode),
)


@_MANY
@given(
    lines=st.lists(st.lists(_CELL, min_size=0, max_size=12).map(b"\t".join), max_size=8),
    end=st.sampled_from([b"\n", b"\r\n"]),
)
def test_hostile_lines_are_rejected_or_written_as_the_model_says(
    both: Both, lines: list[bytes], end: bytes
) -> None:
    check(both, b"".join(line + end for line in lines))


_EDGES = [0, 1, (1 << 31) - 2, (1 << 31) - 1, 1 << 31, 1 << 40, (1 << 44) - 2, 1 << 44]


@_MANY
@given(
    cells=st.tuples(
        st.sampled_from([b"1", b"2", b"3", b"9"]),
        st.one_of(
            st.integers(0, 31_000),
            st.sampled_from([0, 1, 2147483646, 2147483647, 2147483648, 1 << 40, 1 << 44]),
        ).map(lambda number: b"%d" % number),
        _CELL,
        _CELL,
        _CELL,
        _CELL,
        _CELL,
        _CELL,
        _CELL,
        _CELL,
    )
)
def test_strange_cells_in_a_whole_record_come_out_as_the_model_says(
    both: Both, cells: tuple[bytes, ...]
) -> None:
    check(both, b"\t".join(cells) + b"\n")


def test_the_kernel_settles_nearly_all_substitutions_itself(both: Both, world: World) -> None:
    rng = random.Random(5)  # noqa: S311  # repeatable, not secret
    text = b""
    for _ in range(2000):
        pos = rng.randint(1, 30_000)
        ref = world.genome["1"][pos - 1 : pos].decode()
        if ref != "N":
            text += record("1", pos, ref, [rng.choice([b for b in "ACGT" if b != ref])], rng)
    batch, expected = check(both, text)
    assert batch.routine_pairs < len(expected.lines) // 20


def test_the_kernel_settles_indels_deep_in_introns_where_the_genome_is_known(
    both: Both, world: World
) -> None:
    if not (world.directory / "genome.ann").exists():
        pytest.skip("this world has no genome")
    rng = random.Random(6)  # noqa: S311  # repeatable, not secret
    text = b""
    for _ in range(2000):
        pos = rng.randint(1, 29_000)
        ref = world.genome["1"][pos - 1 : pos + rng.randint(1, 5)].decode()
        alt = ref[0] if rng.random() < 0.5 else ref[:1] + ref
        text += record("1", pos, ref, [alt], rng)
    batch, _ = check(both, text)
    every = sum(text.count(b"|") for text in bytes(batch.text).split(b"ANN=")) // 15
    assert batch.routine_pairs < every // 2


@pytest.fixture
def text_of_many(world: World) -> Callable[[int], bytes]:
    def make(count: int) -> bytes:
        rng = random.Random(7)  # noqa: S311  # repeatable, not secret
        rows = [(c, *any_allele(rng, world.genome[c])) for c in rng.choices("123", k=count)]
        return b"".join(record(c, p, r, [a], rng) for c, p, r, a in rows)

    return make


def test_a_record_that_outgrows_its_room_is_written_again_whole(
    both: Both, text_of_many: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ann.anntools.annotator._RECORD_ROOM", 0)
    monkeypatch.setattr("ann.anntools.annotator._SCRATCH", 64)
    monkeypatch.setattr("ann.anntools.annotator._ENTRIES", 1)
    monkeypatch.setattr(both[0], "_local", threading.local())
    check(both, text_of_many(200))


def test_threads_share_an_annotator(both: Both, text_of_many: Callable[[int], bytes]) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # only this test needs it

    text = text_of_many(300)
    alone = bytes(both[0].annotate(lines_of(text)).text)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: bytes(both[0].annotate(lines_of(text)).text), range(16)))
    assert set(results) == {alone}
