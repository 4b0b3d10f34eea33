"""The numbers of a batch's pieces: which are free, which of them a share has, and how many count for whom.

Whole numbers only; it knows no lot. Many numbers are said as spans.
"""

from collections.abc import Iterable, Sequence
from math import gcd

Span = tuple[int, int]
"""Piece numbers, the end not included."""


def lowest(spans: Sequence[Span], pieces: int) -> tuple[list[Span], list[Span]]:
    """So many numbers from the front, and those that are left."""
    taken: list[Span] = []
    left = list(spans)
    while pieces:
        start, end = left[0]
        n = min(end - start, pieces)
        taken.append((start, start + n))
        left[:1] = [(start + n, end)] if start + n < end else []
        pieces -= n
    return taken, left


def highest(spans: Sequence[Span], pieces: int) -> tuple[list[Span], list[Span]]:
    """So many numbers from the back, and those that are left."""
    taken: list[Span] = []
    left = list(spans)
    while pieces:
        start, end = left.pop()
        n = min(end - start, pieces)
        if start < end - n:
            left.append((start, end - n))
        taken.append((end - n, end))
        pieces -= n
    return taken, left


def cut(spans: Sequence[Span], ranges: Iterable[Span]) -> list[Span]:
    """The numbers that stand at these places of the row that `spans` are, one behind the other."""
    found: list[Span] = []
    for first, last in ranges:
        at = 0
        for start, end in spans:
            low, high = max(first - at, 0), min(last - at, end - start)
            if low < high:
                found.append((start + low, start + high))
            at += end - start
    return found


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same numbers from the lowest on, in as few spans as can be."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def counted(spans: Sequence[Span], pieces: int, before: int, width: int, total: int) -> int:
    """How many of these numbers, of a batch of `pieces`, count for what sits from `before` on, `width` of `total`."""
    step = _spread(pieces)
    low, high = _steps_below(before, pieces, total), _steps_below(before + width, pieces, total)

    def below(end: int, high: int) -> int:
        """How many k in 0…end−1 have (k·step mod pieces) in 0…high−1."""
        return _floor_sum(end, pieces, step, 0) - _floor_sum(end, pieces, step, pieces - high) + end

    return sum(below(end, high) - below(end, low) - below(start, high) + below(start, low) for start, end in spans)


def _steps_below(before: int, pieces: int, total: int) -> int:
    """How many of `pieces` equal steps over `total` have their middle below `before`."""
    return -((total - 2 * before * pieces) // (2 * total))


def _spread(pieces: int) -> int:
    """A step near the golden section of n without common factor: k·step mod n visits all, evenly."""
    step = max(1, pieces * 618_034 // 1_000_000)
    while gcd(step, pieces) != 1:
        step += 1
    return step


def _floor_sum(n: int, m: int, a: int, b: int) -> int:
    """Σ ⌊(a·i + b) / m⌋ for i in 0…n−1, in a number of steps like Euclid's (all arguments ≥ 0, m > 0)."""
    total = 0
    while n:
        total += n * (n - 1) // 2 * (a // m) + n * (b // m)
        a, b = a % m, b % m
        top = a * n + b
        if top < m:
            break
        n, b, m, a = top // m, top % m, a, m
    return total
