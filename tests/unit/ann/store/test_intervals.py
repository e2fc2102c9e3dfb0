import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ann.anntools.store.container import Container, ContainerWriter
from ann.anntools.store.intervals import SetPool, write_breakpoints

ROWS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 25), st.integers(0, 5)).map(
        lambda row: (row[0], row[0] + row[1], row[2])
    ),
    max_size=30,
)


@given(rows=ROWS)
def test_the_set_at_a_place_is_what_overlaps_it_in_row_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("intervals") / "a.ann"
    sets = SetPool()
    with ContainerWriter(path) as out:
        write_breakpoints(out, "1", np.array(rows, np.uint32).reshape(-1, 3), sets)
        sets.write(out)
    store = Container(path)
    breaks, members = store["1/brk"], store["1/set"]
    for place in range(90):
        segment = int(np.searchsorted(breaks, place, side="right")) - 1
        low, high = store["set/off"][members[segment] : members[segment] + 2].tolist()
        found = store["set/val"][low:high].tolist()
        expected = dict.fromkeys(n for s, e, n in sorted(rows) if s <= place < e)
        assert found == list(expected)
