"""Speed as ratios: ours and a reference take turns in one run, so that a slow minute slows both.

A ratio is the reference's time over ours, for the same bytes (1.0 = as fast as the bare thing). `floor` is what
we hold ourselves to. Where ours is set against ours (memory, one proof, an audit that goes on) the ratio is ours over
the reference, and `floor` a ceiling. Absolute times say something about this machine only.
"""

import csv
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from audit.checks_log import check_log
from audit.database import verify_home
from audit.queries import balances, prove, write_tiles
from audit.trace import trace_stored
from audit.verify import verify_tiles
from ledger.book import Draft
from ledger.days import day_of, to_instant
from ledger.home import Home, OpenBook
from ledger.intake import Intake
from ledger.log import canonical
from ledger.record import leaf_of
from ledger.store import read
from ledger.store.engine import open_engine, reading, sqlite_url, writing

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report; `unit` is that of ours and of the reference."""

    name: str
    what: str
    unit: str
    ours: float
    reference: float
    ratio: float
    floor: float | None
    ok: bool


def run(names: list[str]) -> list[Result]:
    """Runs the named benches, or all; raises KeyError for a name that is none."""
    chosen = {name: BENCHES[name] for name in names} if names else BENCHES
    try:
        return [bench() for bench in chosen.values()]
    finally:
        let_go()


def as_json(results: list[Result]) -> list[dict[str, Any]]:
    """The results as plain values."""
    return [asdict(result) for result in results]


def _result(name: str, what: str, ours: float, reference: float, count: int, floor: float | None) -> Result:
    ratio = reference / ours
    scale = 1e6 / count
    return Result(
        name,
        what,
        "us/record",
        round(ours * scale, 2),
        round(reference * scale, 2),
        round(ratio, 3),
        floor,
        floor is None or ratio >= floor,
    )


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class _Fixture:
    """A book of its own in a temporary folder, and a bare table beside it with the same pragmas."""

    def __init__(self, folder: Path) -> None:
        self.opened = Home(folder / "home").create_book("bench", "Bench", by="bench")
        opened_at = datetime.now(UTC)
        self.day = day_of(to_instant(opened_at - timedelta(days=1)), self.opened.opened.zone)
        for entry in (
            {"kind": "place_opened", "place": "bank:B", "name": "B", "currency": "VND"},
            {
                "kind": "fund_opened",
                "fund": "f",
                "name": "F",
                "source": "gift",
                "restriction": {"activities": [], "classes": [], "communes": []},
                "places": [],
            },
        ):
            self.opened.requests.submit([{"entry": entry}], "bench")
        self.raw = open_engine(sqlite_url(folder / "raw.db"))
        with writing(self.raw) as db:
            db.exec_driver_sql('CREATE TABLE raw ("index" INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT')

    def request(self, number: int) -> dict[str, Any]:
        """A gift from a bank line, with a name for the vault."""
        return {
            "entry": {
                "kind": "gift_received",
                "place": "bank:B",
                "amount": {"minor": 50_000 + number, "unit": "VND"},
                "fund": "f",
                "received_on": self.day.isoformat(),
                "donor": {"private": {"name": "Nguyen Van An"}},
                "parts": [],
            },
            "reference": f"bench-{number}",
        }

    def drafts(self, start: int) -> list[Draft]:
        """A batch of gifts, sealed and checked, not yet recorded."""
        requests = (self.request(number) for number in range(start, start + BATCH))
        make = self.opened.requests.draft
        return [make(r["entry"], f"bench/{r['reference']}", canonical.encode(r)) for r in requests]

    def bodies(self, start: int) -> list[bytes]:
        """The stored bytes from a record on."""
        with reading(self.opened.engine) as db:
            return [bytes(row.body) for row in read.record_rows(db, self.opened.code, start)]

    def insert_raw(self, first: int, bodies: list[bytes]) -> None:
        """One transaction of bare rows."""
        rows = [(first + number, body) for number, body in enumerate(bodies)]
        with writing(self.raw) as db:
            db.exec_driver_sql('INSERT INTO raw ("index", body) VALUES (?, ?)', rows)


def append(batches: int = 20) -> Result:
    """Book.record in batches of 1,000, every rule and every table, against bare executemany of the same bytes."""
    with TemporaryDirectory() as folder:
        fixture = _Fixture(Path(folder))
        ours = reference = 0.0
        for number in range(batches + 1):
            drafts = fixture.drafts(number * BATCH)
            start = 3 + number * BATCH
            spent = _timed(lambda drafts=drafts: fixture.opened.book.record(drafts, "bench"))  # type: ignore[misc]
            bodies = fixture.bodies(start)
            bare = _timed(lambda s=start, b=bodies: fixture.insert_raw(s, b))  # type: ignore[misc]
            if number:  # the first round warms up
                ours, reference = ours + spent, reference + bare
        # Requests are read and sealed before the clock starts; all that the head's lock covers is inside it.
        what = (
            "Book.record, batches of 1,000: references, all rules, Merkle, MACs, every table, commit "
            "/ bare executemany of the same bytes, same pragmas, commit"
        )
        return _result("append", what, ours, reference, batches * BATCH, 0.10)


def verify_log(count: int = 100_000, rounds: int = 5) -> Result:
    """Leaf, link and Merkle root of every record, against hashing the same bytes in memory."""
    bodies = list(_chain(count))
    ours = reference = 0.0
    for _ in range(rounds):
        ours += _timed(lambda: check_log(bodies, book="bench"))
        reference += _timed(lambda: _hash_all(bodies))
    what = "leaf + chain + Merkle / hashlib loop over the same bytes"
    return _result("verify_log", what, ours, reference, count * rounds, 0.15)


def _hash_all(bodies: list[bytes]) -> None:
    for body in bodies:
        sha256(b"\0" + body).digest()


def _chain(count: int) -> Iterator[bytes]:
    """A chain of records of typical size, made as they are read: nothing is kept."""
    previous = "0" * 64
    for index in range(count):
        body = _TEMPLATE % (index, previous)
        yield body.encode()
        previous = leaf_of(body.encode()).hex()


_TEMPLATE = (
    '{"at":"2026-09-01T01:00:00.000000Z","book":"bench","by":"bench","entry":{"amount":{"minor":500000,"unit":"VND"},'
    '"donor":{"seals":[{"commitment":"' + "0" * 64 + '","field":"name"}],"tag":"' + "0" * 32 + '"},"fund":"f",'
    '"kind":"gift_received","parts":[],"place":"bank:B","received_on":"2026-09-01"},"index":%d,"postings":'
    '[{"amount":{"minor":500000,"unit":"VND"},"destination":"fund:f","source":"donors"},{"amount":{"minor":500000,'
    '"unit":"VND"},"destination":"bank:B","source":"outside"}],"previous":"%s","reference":"bench/7","v":1}'
)


def verify_memory() -> Result:
    """Peak memory of the log check at 1M records against that at 100k, each in a process of its own."""
    what = "peak memory of the log check, 1M records / 100k records (a ceiling)"
    return _ceiling("verify_memory", what, "MB", _peak(1_000_000), _peak(100_000), 1.1)


def _peak(count: int) -> float:
    program = (
        "import resource; from api.bench import _chain; from audit.checks_log import check_log; "
        f"assert check_log(_chain({count}), book='bench').size == {count}; "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return int(done.stdout) / 1024


class _Month(_Fixture):
    """A book as it grows in use: statements with a gift a line, allocations, orders, payments, deliveries."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        super().__init__(folder)
        for entry in (
            {
                "kind": "programme_opened",
                "programme": "P",
                "name": "P",
                "activities": [{"activity": "A", "name": "A"}],
                "from_on": "2021-01-01",
                "to_on": "2099-12-31",
            },
            {
                "kind": "communes_listed",
                "programme": "P",
                "communes": [{"commune": _COMMUNE, "name": "C", "province": "31"}],
            },
        ):
            self.opened.requests.submit([{"entry": entry}], "bench")
        self.tiles = folder / "tiles"
        self._random = Random("bench")

    def close(self) -> None:
        """Takes the book off the disk."""
        self.opened.engine.dispose()
        self.raw.dispose()
        self._folder.cleanup()

    def grow(self, size: int) -> None:
        """Records batches of 1,000 until there are `size` records, then signs and publishes them."""
        while (start := self.size()) < size:
            entries = list(self._batch(start))[: size - start]
            make = self.opened.requests.draft
            drafts = [make(e, f"bench/{start + n}", canonical.encode(e)) for n, e in enumerate(entries)]
            self.opened.book.record(drafts, "bench")
        self.opened.checkpointer.run()
        write_tiles(self.opened, self.tiles)

    def size(self) -> int:
        """How many records there are."""
        with reading(self.opened.engine) as db:
            head = read.head(db, self.opened.code)
        return 0 if head is None else head.size

    def _batch(self, start: int) -> Iterator[dict[str, Any]]:
        day, gifts, uses = self.day.isoformat(), 835, 41  # twenty gifts to a use; a use is four records
        code = f"b-{start}"
        line = {"place": "bank:B", "fund": "f", "received_on": day, "parts": [], "statement": start}
        total = gifts * 50_000
        opening = start // BATCH * total
        yield {
            "kind": "statement_imported",
            "place": "bank:B",
            "sha256": sha256(code.encode()).hexdigest(),
            "taken": "file",
            "format": "csv",
            "currency": "VND",
            "from_on": day,
            "to_on": day,
            "lines": gifts,
            "new_lines": gifts,
            "in_minor": total,
            "out_minor": 0,
            "opening_minor": opening,
            "closing_minor": opening + total,
            "control": "printed",
        }
        for number in range(gifts):
            yield line | {
                "kind": "gift_received",
                "amount": {"minor": 50_000, "unit": "VND"},
                "donor": {"private": {"name": "Nguyen Van An"}},
                "line": f"{self._random.randbytes(16).hex()}-{number}",
            }
        paid = {"minor": 40_000, "unit": "VND"}
        for number in range(uses):
            order = f"{code}-{number}"
            handed = {"amount": paid, "holder": "h", "order": order}
            yield {
                "kind": "allocated",
                "activity": "A",
                "allocated_on": day,
                "allocation": order,
                "amount": paid,
                "communes": [_COMMUNE],
                "decision_sha256": "0" * 64,
                "fund": "f",
            }
            yield {
                "kind": "payment_ordered",
                "allocation": order,
                "amount": paid,
                "order": order,
                "ordered_on": day,
                "payee": {"holder": "h", "payee_kind": "commune"},
                "place": "bank:B",
            }
            yield handed | {"kind": "money_advanced", "paid_on": day, "place": "bank:B", "parts": []}
            yield {
                "kind": "delivered",
                "allocation": order,
                "amount": paid,
                "delivered_on": day,
                "fund": "f",
                "handed": order,
                "holder": "h",
                "scope": {"activity": "A", "commune": _COMMUNE, "heads": 20},
            }


_COMMUNE = "11500@2019-01-01"


_MADE = ExitStack()


@cache
def _month(size: int) -> _Month:
    """A book of this size; made once for all the benches of a run."""
    month = _Month()
    _MADE.callback(month.close)
    month.grow(size)
    return month


def let_go() -> None:
    """Takes the books that benches have shared off the disk."""
    _month.cache_clear()
    _MADE.close()


def proof(large: int = 1_000_000, small: int = 10_000, rounds: int = 200) -> Result:
    """One inclusion proof out of a large book against one out of a small one, the database's cache empty."""
    ours = reference = 0.0
    draw = Random("proof")
    books = (_month(large), _month(small))
    for _ in range(rounds):
        for book, size in zip(books, (large, small), strict=True):
            index = draw.randrange(size)
            book.opened.engine.dispose()
            book.size()  # connects
            spent = _timed(lambda b=book, i=index: prove(b.opened, i))  # type: ignore[misc]
            if book is books[0]:
                ours += spent
            else:
                reference += spent
    what = f"one inclusion proof of {large:,} records / of {small:,} (a ceiling)"
    return _ceiling("proof", what, "us", ours * 1e6 / rounds, reference * 1e6 / rounds, 3.0)


def _asked(
    large: int, small: int, rounds: int, ask: Callable[[_Month, int, int], object], seed: str
) -> tuple[float, float]:
    """Microseconds that a question about one record, as of a size after it, costs in a large book and in a small one;
    the database's cache is empty. Every second record is among the oldest gifts, which are used by now."""
    draw = Random(seed)
    spent = {large: 0.0, small: 0.0}
    for number in range(rounds):
        for size in (large, small):
            book = _month(size)
            index = draw.randrange(3, size // 30 if number % 2 else size)
            at = draw.randrange(index + 1, size + 1)
            book.opened.engine.dispose()
            book.size()  # connects
            spent[size] += _timed(lambda b=book, i=index, s=at: ask(b, i, s))  # type: ignore[misc]
    return spent[large] * 1e6 / rounds, spent[small] * 1e6 / rounds


def trace(large: int = 1_000_000, small: int = 10_000, rounds: int = 200) -> Result:
    """What one gift did, or whose gifts made one use, as of any size: a large book against a small one."""

    def ask(book: _Month, index: int, size: int) -> None:
        with reading(book.opened.engine) as db:
            trace_stored(db, book.opened.code, index, size)

    what = f"trace of one record as of any size, of {large:,} records / of {small:,} (a ceiling)"
    return _ceiling("trace", what, "us", *_asked(large, small, rounds, ask, "trace"), 3.0)


def balance(large: int = 1_000_000, small: int = 10_000, rounds: int = 200) -> Result:
    """One account's balance as of any index: a large book against a small one."""

    def ask(book: _Month, index: int, size: int) -> None:
        balances(book.opened, at=size - 1, account=("fund:f", "bank:B", "donors")[index % 3])

    what = f"one account's balance as of any index, of {large:,} records / of {small:,} (a ceiling)"
    return _ceiling("balance", what, "us", *_asked(large, small, rounds, ask, "balance"), 3.0)


def incremental(large: int = 1_000_000, new: int = 1_000) -> Result:
    """An audit of new records that goes on from a saved one, and is saved again, against the full audit."""
    month = _month(large)
    state, reference = _audited(month, None)
    month.grow(large + new)
    # One takes minutes and the other a second, so they cannot take turns: it is the processor's time that counts.
    ours = min(_audited(month, state)[1] for _ in range(3))
    what = f"verify of {new:,} new records after {large:,}, from a saved state / verify of all (a ceiling)"
    return _ceiling("incremental", what, "ms", ours * 1e3, reference * 1e3, 0.02)


def _audited(month: _Month, state: bytes | None) -> tuple[bytes, float]:
    """What an audit leaves for the next one, and the seconds it took."""
    started = time.process_time()
    report = verify_tiles(month.tiles, month.opened.vkey, state=state, keep_state=True)
    spent = time.process_time() - started
    if not report.whole or report.state is None:
        raise AssertionError(f"the bench's own book does not verify: {report.findings[:3]}")
    return report.state, spent


def _ceiling(name: str, what: str, unit: str, ours: float, reference: float, most: float) -> Result:
    ratio = ours / reference
    return Result(name, what, unit, round(ours, 1), round(reference, 1), round(ratio, 4), most, ratio <= most)


def audit(batches: int = 10) -> Result:
    """The full audit with replay and every stored row, against hashing the same bytes in memory."""
    with TemporaryDirectory() as folder:
        fixture = _Fixture(Path(folder))
        for number in range(batches):
            fixture.opened.book.record(fixture.drafts(number * BATCH), "bench")
        fixture.opened.checkpointer.run()
        bodies = fixture.bodies(0)
        ours = reference = 0.0
        for _ in range(3):
            ours += _timed(lambda: verify_home(fixture.opened, database=True))
            reference += _timed(lambda: _hash_all(bodies))
        what = "full audit with replay, every stored row / hashlib loop over the same bytes"
        return _result("audit", what, ours, reference, 3 * len(bodies), None)


def statement(lines: int = 5_000) -> Result:
    """Statement import with matching, per line, against bare executemany of the records it makes."""
    with TemporaryDirectory() as folder:
        fixture = _Fixture(Path(folder))
        path = Path(folder) / "statement.csv"
        _write_statement(path, fixture.day.strftime("%d/%m/%Y"), lines)
        ours = _timed(lambda: _import(fixture.opened, path))
        bodies = fixture.bodies(3)
        reference = 0.0
        for start in range(0, len(bodies), BATCH):
            page = bodies[start : start + BATCH]
            reference += _timed(lambda s=start, p=page: fixture.insert_raw(s, p))  # type: ignore[misc]
        what = "import of a CSV statement, match and suspense / executemany of the same bytes"
        return _result("import", what, ours, reference, lines, None)


def _import(opened: OpenBook, path: Path) -> None:
    Intake(opened).run(path, "bank:B", by="bench")


def _write_statement(path: Path, day: str, lines: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Date", "ReferenceNumber", "TransactionDetails", "DebitAmount", "CreditAmount", "Balance"])
        balance = 1_000_000
        for number in range(lines):
            balance += 50_000
            memo = f"NGUYEN VAN AN {number} ung ho tre em vung cao"
            writer.writerow([day, 7_000_000 + number, memo, "", "50,000", f"{balance:,}"])


BENCHES: dict[str, Callable[[], Result]] = {
    "append": append,
    "verify_log": verify_log,
    "verify_memory": verify_memory,
    "proof": proof,
    "incremental": incremental,
    "trace": trace,
    "balance": balance,
    "audit": audit,
    "import": statement,
}
