import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ann.anntools.errors import InputError
from ann.anntools.io.batches import line_batches
from ann.anntools.limits import Limits
from ann.anntools.pipeline import in_order


def test_results_come_in_order_and_few_are_under_way() -> None:
    taken = 0
    gate = threading.Event()

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    def work(number: int) -> int:
        if number == 0:
            gate.wait(30)
        return number * number

    with ThreadPoolExecutor(3) as pool:
        results = in_order(pool, 4, work, items())
        threading.Timer(0.05, gate.set).start()
        first = next(results)
        assert first == 0
        assert taken <= 6
        assert [first, *results] == [number * number for number in range(100)]


def test_an_error_of_the_work_ends_the_whole() -> None:
    def work(number: int) -> float:
        return 1 / (number - 5)

    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(in_order(pool, 3, work, range(1000)))


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_batches_end_with_lines_whatever_the_pieces(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ann.anntools.io.batches.BATCH", 64)
    text = b"".join(b"x" * (number * 37 % 150) + b"\n" for number in range(300)) + b"end"
    pieces = iter([text[at : at + size] for at in range(0, len(text), size)])
    batches = list(line_batches(pieces, b"", 5, Limits()))
    whole = list(line_batches(iter([text]), b"", 5, Limits()))
    assert batches == whole
    assert b"".join(batch.text for batch in batches) == text + b"\n"
    assert all(batch.text.endswith(b"\n") for batch in batches)
    number = 5
    for batch in batches:
        assert (batch.first, batch.lines) == (number, batch.text.count(b"\n"))
        number += batch.lines


def test_a_line_without_end_is_refused_with_its_number() -> None:
    pieces = iter([b"short\n"] + [b"A" * (1 << 20)] * 9)
    with pytest.raises(InputError) as caught:
        list(line_batches(pieces, b"", 1, Limits(line_bytes=3 << 20)))
    assert (caught.value.code, caught.value.line) == ("line-too-long", 2)
