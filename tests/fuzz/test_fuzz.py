"""Parsers under spoilt input: they say yes, or no in one of their own words. Lost without it: a traceback that stops
an audit, a statement that hangs the server, a file that eats its memory.

    pytest tests/fuzz                                   what CI runs: 100,000 inputs a parser; of statements fewer,
                                                        as each is a file that is read several times (targets.py)
    SOVANG_FUZZ=5000000 pytest tests/fuzz -k proof -n 2           the long run, one parser, on two cores
    SOVANG_FUZZ=5000000 SOVANG_FUZZ_SEED=second pytest …          other inputs

An input that fails is printed as a line of Python to put into `tests/fuzz/cases.py`.
"""

import os
import resource
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.cases import CASES
from tests.fuzz.mutate import Mutator
from tests.fuzz.targets import BY_NAME, TARGETS, Target

INPUTS = int(os.environ.get("SOVANG_FUZZ", "0"))
SEED = os.environ.get("SOVANG_FUZZ_SEED", "sovang")
PARTS = 4
"""Pieces that each parser's inputs are cut into, for several cores."""
BATCH = 500
PATIENCE_SECONDS = 60
"""For one batch, which takes well under a second: beyond it, an input hangs."""
ROOM_BYTES = 512 * 2**20
"""Address space that a run may take beyond what the process has when it begins."""

_PHRASES = (
    *("not UTF-8", "byte order mark", "not JSON", "fractions", "beyond", "no sign", "levels", "not a character"),
    *("twice", "canonical form", "in NFC", "an assigned", "ASCII", "no empty line", "does not start with"),
    *("extra data", "no index line", "base64", "base45", "deflate", "unpacks", "no line end", "hashes", "not 'old"),
    *("no_blank_line", "no_final", "signature_line", "_syntax", "control_character", "line_empty", "index"),
)
"""Of parsers whose refusals have one reason and many causes, or none: what the message says."""


class Hangs(BaseException):
    """No parser may catch it."""


def outcome(error: Exception) -> str:
    """The name under which a refusal is counted."""
    reason = str(getattr(error, "reason", ""))
    if reason not in ("", "malformed"):
        return reason
    message = str(error)
    return next((phrase for phrase in _PHRASES if phrase in message), reason or "other")


@contextmanager
def guarded() -> Iterator[None]:
    """Time by an alarm for each batch, memory by a limit on the process."""

    def ring(*_: object) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, ring)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM_BYTES, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def run(target: Target, seed: str, count: int, folder: Path) -> Counter[str]:
    """Reads `count` spoilt inputs; what becomes of them. Fails on anything but a refusal of the parser's own."""
    mutator = Mutator(seed, target.corpus(), target.words)
    read, draw, refuses = target.prepare(folder), target.draw, target.refuses
    seen: Counter[str] = Counter()
    data = b""
    try:
        with guarded():
            for start in range(0, count, BATCH):
                signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
                for _ in range(min(BATCH, count - start)):
                    data = draw(mutator)
                    try:
                        read(data)
                    except refuses as error:
                        seen[outcome(error)] += 1
                    else:
                        seen["accepted"] += 1
    except (Exception, Hangs) as error:
        raise AssertionError(f"{type(error).__name__}: {error}\n    ({target.name!r}, {data!r}),") from error
    return seen


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a place: a hundred thousand files are written one over the other."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as made:
        yield Path(made)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", BY_NAME)
def test_spoilt_inputs(name: str, part: int, folder: Path, record_property: Any) -> None:
    """Accepted, or refused by name; and both happen, in enough ways to show that every check was reached."""
    target = BY_NAME[name]
    count = (INPUTS or target.usual) // PARTS
    started = time.process_time()
    seen = run(target, f"{SEED}/{name}/{part}", count, folder)
    record_property("fuzz", [name, count, time.process_time() - started, dict(seen)])
    assert seen.total() == count
    assert seen["accepted"] > 0, seen
    assert len(seen) - 1 >= target.reasons, seen


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_corpus_is_accepted(target: Target, folder: Path) -> None:
    """A corpus that is refused would make every mutation shallow."""
    read = target.prepare(folder)
    for data in target.corpus():
        read(data)


@pytest.mark.parametrize(("name", "data"), CASES)
def test_what_once_failed(name: str, data: bytes, folder: Path) -> None:
    """Inputs that once got past a parser's own words."""
    target = BY_NAME[name]
    with guarded():
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
        try:
            target.prepare(folder)(data)
        except target.refuses:
            return


def test_same_seed_same_inputs() -> None:
    """A failure that cannot be made again is of no use."""
    first, second = (Mutator("a", TARGETS[0].corpus(), TARGETS[0].words) for _ in range(2))
    drawn = [first.draw() for _ in range(500)]
    assert drawn == [second.draw() for _ in range(500)]
    assert len(set(drawn)) > 450
