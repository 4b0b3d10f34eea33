"""The lines of one bank file, copied to disk with their keys, so that what is checked is what is recorded.

The copy holds memos. It is a file without a name inside the home: nobody else can open it, and it is
gone with the process, however that ends.

A line's key is `<12 hex of its place and day><20 hex of its class>-<ordinal>`: all lines of a day stand
together in the register "line", so one range read says what of a day is already recorded.
"""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

import msgspec

from ledger.refusals import Reason, Rejected
from ledger.statements import Line, Statement, day_evidence, keyed_lines
from ledger.statements.line import Evidence
from ledger.store.engine import StoreUnavailable

MAX_EQUALS = 10_000
DAY_HEX, CLASS_HEX = 12, 20
_WORST: dict[Evidence, int] = {"strong": 0, "time": 1, "none": 2}

Mac = Callable[[bytes], bytes]


class Spooled(msgspec.Struct, array_like=True, frozen=True):
    """One line with its key."""

    key: str
    line: Line


@dataclass(slots=True)
class Day:
    """The lines of one day: their numbers in the file and their keys."""

    day: date
    mark: str
    keys: list[tuple[int, str]]
    evidence: Evidence = "strong"

    def counts(self) -> Counter[str]:
        """How often each class occurs."""
        return Counter(class_of(key) for _, key in self.keys)


def day_mark(place: str, day: date, mac: Mac) -> str:
    """What the keys of this place and day begin with."""
    return mac(f"day\0{place}\0{day.isoformat()}".encode()).hex()[:DAY_HEX]


def class_of(key: str) -> str:
    """A line's key without the ordinal."""
    return key.partition("-")[0]


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"cannot keep a copy of the statement: {error.strerror}") from error


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


class Spool(Statement):
    """A statement read once: `lines()` are those of the copy."""

    def __init__(self, statement: Statement, folder: Path) -> None:
        self.path, self.head, self.sha256 = statement.path, statement.head, statement.sha256
        self.days_in_order = statement.days_in_order
        self.count = 0
        self.equals = 0
        """Lines with an equal before them on the same day."""
        with _disk():
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by `close`

    @classmethod
    def of(
        cls, statement: Statement, folder: Path, place: str, mac: Mac, check: Callable[[int, Line], None]
    ) -> "Spool":
        """Copies every line; `check` sees each with how many there have been. Raises Rejected."""
        spool = cls(statement, folder)
        try:
            spool._copy(statement, place, mac, check)
        except BaseException:
            spool.close()
            raise
        return spool

    def _copy(self, statement: Statement, place: str, mac: Mac, check: Callable[[int, Line], None]) -> None:
        encode = msgspec.json.Encoder().encode
        marked: tuple[date | None, str] = (None, "")
        for line, name, ordinal in keyed_lines(statement, place, mac):
            if ordinal >= MAX_EQUALS:
                raise Rejected(Reason.FILE_TOO_LARGE, f"more than {MAX_EQUALS} equal lines on one day", row=line.row)
            if line.booked_on != marked[0]:
                marked = (line.booked_on, day_mark(place, line.booked_on, mac))
            self.count += 1
            self.equals += ordinal > 0
            check(self.count, line)
            raw = encode(Spooled(f"{marked[1]}{name[:CLASS_HEX]}-{ordinal}", line)) + b"\n"
            with _disk():
                self._file.write(raw)
        with _disk():
            self._file.flush()
        if _sha256(statement.path) != statement.sha256:
            raise Rejected(Reason.FILE_UNREADABLE, "the file changed while it was read")

    def close(self) -> None:
        """Lets the copy go."""
        with suppress(OSError):  # what could not be written need not be
            self._file.close()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def spooled(self) -> Iterator[Spooled]:
        """Every line with its key, in the file's order."""
        decode = msgspec.json.Decoder(Spooled).decode
        self._file.seek(0)
        for raw in self._file:
            yield decode(raw)

    def lines(self) -> Iterator[Line]:
        return (each.line for each in self.spooled())

    def days(self) -> Iterator[Day]:
        """The file day by day; holds one day at a time where the days stand in order, else all of them."""
        days: dict[date, Day] = {}
        for number, each in enumerate(self.spooled()):
            day = each.line.booked_on
            if day not in days:
                if self.days_in_order:
                    yield from days.values()
                    days.clear()
                days[day] = Day(day, each.key[:DAY_HEX], [])
            days[day].keys.append((number, each.key))
            evidence = day_evidence((each.line,))
            if _WORST[evidence] > _WORST[days[day].evidence]:
                days[day].evidence = evidence
        yield from days.values()
