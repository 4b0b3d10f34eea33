"""Invented bank files, and what an import made of them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ledger.entries.base import EntryBase, LineFact
from ledger.record import decode
from ledger.registers import decode_value
from ledger.store import read
from ledger.store.engine import reading
from tests.worlds import World

HEADER = ("Date", "ReferenceNumber", "TransactionDetails", "DebitAmount", "CreditAmount", "Balance")
AUGUST = date(2026, 8, 3)


@dataclass(frozen=True)
class Booked:
    """One invented line; without reference and with `printed=False` nothing tells it from its equals."""

    on: date
    minor: int
    memo: str
    reference: str = ""


def booked(count: int, *, seed: int = 0, first: date = AUGUST, days: int = 10) -> list[Booked]:
    """Gifts of many people over some days, each with its reference."""
    return [
        Booked(
            first + timedelta(days=number * days // count),
            20_000 + 1000 * (number % 17),
            f"NGUYEN THI HOA {number % 97} ung ho dong bao",
            f"{seed}{number:07}",
        )
        for number in range(count)
    ]


def write(path: Path, lines: Sequence[Booked], *, opening: int = 1000, balances: bool = True) -> Path:
    """The lines as a bank's CSV with running balances (or none)."""
    balance = opening
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        for line in lines:
            balance += line.minor
            debit, credit = (f"{-line.minor:,}", "") if line.minor < 0 else ("", f"{line.minor:,}")
            day = line.on.strftime("%d/%m/%Y")
            out.writerow((day, line.reference, line.memo, debit, credit, f"{balance:,}" if balances else ""))
    return path


def size(world: World) -> int:
    """How many records the book has."""
    with reading(world.open.engine) as db:
        head = read.head(db, world.open.code)
    assert head is not None
    return head.size


def line_keys(world: World, place: str | None = None) -> set[str]:
    """The statement lines the book has."""
    with reading(world.open.engine) as db:
        rows = read.register_rows(db, world.open.code, "line")
        return {key for key, value in rows if place is None or decode_value(value)["place"] == place}


def entries(world: World, start: int = 0) -> list[EntryBase]:
    """The entries from record `start` on."""
    with reading(world.open.engine) as db:
        return [decode(bytes(row.body)).entry for row in read.record_rows(db, world.open.code, start)]


def line_facts(world: World) -> list[LineFact]:
    """The entries that took a statement line."""
    return [entry for entry in entries(world) if isinstance(entry, LineFact) and entry.line is not None]
