"""Work done by several threads, results taken in order, with a bounded number under way."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Done:
    """The result of a call made at once, in the form of a future."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def result(self) -> bytes:
        """The value."""
        return self._value


def at_once(function: Callable[..., bytes], argument: list[bytes]) -> Done:
    """In place of an executor's submit where there is one thread."""
    return Done(function(argument))


def in_order(
    pool: Executor | None, ahead: int, function: Callable[[T], R], items: Iterable[T]
) -> Iterator[R]:
    """function(item) for each item, in order; `ahead` of them are under way in the pool."""
    if pool is None:
        yield from map(function, items)
        return
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
