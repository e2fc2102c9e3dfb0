"""How far two sequences agree, from either end."""

from typing import AnyStr


def common_prefix(left: AnyStr, right: AnyStr, limit: int | None = None) -> int:
    """How many of the first `limit` letters agree; long runs are compared by halves."""
    high = min(len(left), len(right))
    if limit is not None:
        high = min(high, limit)
    if left[:high] == right[:high]:
        return high
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low


def common_suffix(left: AnyStr, right: AnyStr, limit: int | None = None) -> int:
    """As `common_prefix`, from the other end."""
    return common_prefix(left[::-1], right[::-1], limit)
