"""An invented fund to test with: a book, its places, funds, programme, communes and goods.

Time and randomness are given: two worlds made alike hold the same bytes.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.book import Recorded
from ledger.home import Home, OpenBook

START = datetime(2026, 9, 1, 1, 0, 0, tzinfo=UTC)
TODAY = date(2026, 9, 1)


@dataclass
class Clock:
    """A clock that moves one millisecond a look, or as told."""

    moment: datetime = START

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment


@dataclass
class Randomness:
    """Bytes that look random and are the same every time."""

    seed: str = "sovang"
    drawn: int = 0

    def __call__(self, length: int) -> bytes:
        self.drawn += 1
        return hashlib.shake_256(f"{self.seed}/{self.drawn}".encode()).digest(length)


def vnd(minor: int) -> dict[str, Any]:
    """An amount of đồng in its request form."""
    return {"minor": minor, "unit": "VND"}


SHA = "5e" * 32


@dataclass
class World:
    """The fund, and short ways to say things in its book."""

    home: Home
    open: OpenBook
    clock: Clock
    database: str | None
    numbers: int = field(default=0)

    @classmethod
    def create(
        cls, path: Path, database: str | None, *, seed: str = "sovang", code: str = "hp", **options: Any
    ) -> "World":
        clock = Clock()
        home = Home(path, database_url=database, clock=clock, random_bytes=Randomness(seed))
        opened = home.create_book(code, "Quỹ Bảo trợ trẻ em Hải Phòng", by="admin", **options)
        world = cls(home, opened, clock, database)
        for entry in FOUNDATIONS:
            world.say(**entry)
        return world

    def say(self, kind: str, **fields: Any) -> Recorded:
        """Records one entry by `ke-toan`; raises Rejected."""
        return self.open.requests.submit([{"entry": {"kind": kind, **fields}}], "ke-toan")[0]

    def gift(self, minor: int = 500_000, fund: str = "sua", name: str = "Nguyễn Thị Hoà", **fields: Any) -> Recorded:
        """A gift into the bank account, outside any statement."""
        asked = {
            "place": "bank:VCB",
            "amount": vnd(minor),
            "fund": fund,
            "received_on": TODAY.isoformat(),
            "donor": {"private": {"name": name}},
            "parts": [],
        }
        return self.say("gift_received", **{**asked, **fields})

    def balance(self, account: str, unit: str = "VND") -> int:
        """A stored balance."""
        from ledger.store import read
        from ledger.store.engine import reading

        with reading(self.open.engine) as db:
            return read.balances(db, self.open.code, [(account, unit)]).get((account, unit), 0)


OPEN_TO_ALL: dict[str, list[str]] = {"activities": [], "classes": [], "communes": []}
MINH_TAN = "11500@2019-01-01"
LAI_XUAN = "11476@2019-01-01"

FOUNDATIONS: tuple[dict[str, Any], ...] = (
    {
        "kind": "place_opened",
        "place": "bank:VCB",
        "name": "Vietcombank",
        "currency": "VND",
        "number": "0031000123456",
    },
    {"kind": "place_opened", "place": "bank:AGR", "name": "Agribank", "currency": "VND"},
    {"kind": "place_opened", "place": "cash:TM", "name": "Quỹ tiền mặt", "currency": "VND"},
    {"kind": "place_opened", "place": "stock:KHO", "name": "Kho"},
    {
        "kind": "programme_opened",
        "programme": "HP256",
        "name": "Kế hoạch 256/KH-UBND",
        "activities": [
            {"activity": "SUA", "name": "Sữa, sản phẩm từ sữa"},
            {"activity": "DOAM", "name": "Đồ ấm"},
            {"activity": "TRUYENTHONG", "name": "Truyền thông"},
        ],
        "from_on": "2021-01-01",
        "to_on": "2030-12-31",
    },
    {
        "kind": "communes_listed",
        "programme": "HP256",
        "communes": [
            {"commune": MINH_TAN, "name": "Minh Tân", "province": "31"},
            {"commune": LAI_XUAN, "name": "Lại Xuân", "province": "31"},
        ],
    },
    {"kind": "goods_listed", "goods": "sua-hop-180ml", "name": "Sữa hộp 180 ml", "counted_in": "hộp"},
    {
        "kind": "fund_opened",
        "fund": "chung",
        "name": "Nguồn chung",
        "source": "gift",
        "restriction": OPEN_TO_ALL,
        "places": [],
    },
    {
        "kind": "fund_opened",
        "fund": "sua",
        "name": "Nguồn sữa",
        "source": "gift",
        "restriction": {"activities": ["SUA"], "classes": [], "communes": [MINH_TAN, LAI_XUAN]},
        "places": [],
    },
)
