"""Makes the demo's two bank statements. Everybody in them is invented; run it and the same files come out.

    .venv/bin/python -m api.demo.make_statement        writes api/demo/agribank-2026-08-{a,b}.csv

The shape is that of a published statement of a real appeal: unaccented memos, bank prefixes, text cut at 35
characters, genuine lines alike in day, amount and memo, fees, interest, and a few lines that nobody can explain.
The names come from lists of common family, middle and given names, put together by a counter hashed with
SHA-256, so that no two Pythons differ.
"""

import csv
import hashlib
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

from ledger.statements.matching import make_code

HERE = Path(__file__).parent
ACCOUNT = "2100205099999"
OPENING = 191_750_000
"""What the old books and the bank say on the evening of 9 August 2026."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FAMILY = _words("Nguyễn Trần Lê Phạm Hoàng Phan Vũ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đào Đoàn Vương Trịnh Mai Tô")
MIDDLE = _words("Văn Thị Đức Minh Ngọc Thanh Hồng Quang Xuân Thu Hữu Kim Bảo Gia Hải Anh Tuấn Phương Khánh Diệu")
GIVEN = _words(
    "An Bình Chi Dung Duyên Giang Hà Hạnh Hiếu Hoà Huệ Hùng Hương Khoa Lan Linh Loan Long Mai Nam Nga Ngân "
    "Nhung Oanh Phong Phúc Quân Quyên Sơn Tâm Thảo Thắng Thuỷ Trang Trung Tú Tùng Uyên Vân Yến"
)

FOR_MILK = (
    "ung ho sua cho em",
    "Sua hoc duong cho cac chau",
    "UNG HO NGUON SUA",
    "gui cac be hop sua",
    "{name} ung ho sua tre em",
    "ung ho sua tre em 14 xa Hai Phong",
    "UH sua truong mam non",
)
FOR_CLOTHES = (
    "ao am cho em",
    "UNG HO DO AM MUA DONG",
    "{name} gui ao am cho cac chau",
    "ung ho do am tre em mien nui",
    "Ao am 2026",
)
FOR_ALL = (
    "ung ho quy bao tro tre em",
    "Ung ho tre em",
    "{name} ung ho quy",
    "UNG HO QUY BTTE HAI PHONG",
    "Gia dinh {given} ung ho cac em nho",
    "ung ho cac chau co hoan canh kho khan",
    "Tam long gui cac em",
    "gop chut long thanh cho tre em",
)
UNCLEAR = ("{name} chuyen tien", "chuyen khoan", "CK", "{name}", "{given} ck", "QR", "ngay 15")
AMOUNTS = (
    *(20_000, 50_000, 50_000, 50_000, 100_000, 100_000, 100_000, 100_000, 200_000, 200_000, 200_000, 300_000),
    *(300_000, 500_000, 500_000, 500_000, 1_000_000, 1_000_000, 2_000_000, 9_999, 68_686, 111_111, 150_000, 30_000),
)

Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class Pledge:
    """A promise of the demo; `code` stands in a memo of the statement."""

    code: str
    donor: str
    donor_kind: str
    fund: str
    minor: int
    pledged_on: date
    firm: bool


@dataclass(frozen=True, slots=True)
class BankLine:
    """One line: positive for money in, negative for money out."""

    day: date
    minor: int
    memo: str
    other: str = ""


@dataclass
class Maker:
    """Draws names, amounts and memos, always the same ones."""

    drawn: int = 0
    names: set[str] = field(default_factory=set)
    """Everybody who is named in a line, with accents."""

    def number(self, below: int) -> int:
        self.drawn += 1
        digest = hashlib.sha256(f"sovang demo/{self.drawn}".encode()).digest()
        return int.from_bytes(digest[:8]) % below

    def one(self, choices: Sequence[Choice]) -> Choice:
        return choices[self.number(len(choices))]

    def digits(self, count: int) -> str:
        return str(self.number(9 * 10 ** (count - 1)) + 10 ** (count - 1))

    def name(self) -> str:
        name = f"{self.one(FAMILY)} {self.one(MIDDLE)} {self.one(GIVEN)}"
        self.names.add(name)
        return name

    def memo(self, words: str, name: str) -> str:
        """As one of the banks writes it."""
        said, loud = words.format(name=plain(name), given=plain(name).split()[-1]), plain(name).upper()
        shapes = (
            said,
            said,
            said.upper(),
            f"{said} FT{self.digits(14)}",
            f"MBVCB.{self.digits(10)}.{self.digits(6)}.{said}.CT tu {self.digits(13)} {loud} toi {ACCOUNT} QUY BTTE",
            f"MB({self.digits(6)})({said})",
            f"CT DEN:{self.digits(12)} {said}",
            f"IBFT {said}",
            f"{loud} SHBMB {said}",
            f"{loud} chuyen khoan {said}"[:35],
            f"Chuyen tien den tu NAPAS Noi dung: {said}",
        )
        return self.one(shapes).strip()

    def gift(self, day: date) -> BankLine:
        """A line without a code. One in twenty does not say what it is for."""
        kind = self.number(20)
        words = self.one(FOR_MILK if kind < 7 else FOR_CLOTHES if kind < 11 else FOR_ALL if kind < 19 else UNCLEAR)
        name = self.name()
        return BankLine(day, self.one(AMOUNTS), self.memo(words, name), plain(name).upper())


def plain(text: str) -> str:
    """Without marks, as banks print names."""
    text = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(char for char in text if not unicodedata.combining(char))


def _pledge(number: int, donor: str, kind: str, fund: str, minor: int, day: int, *, firm: bool = False) -> Pledge:
    code = make_code(hashlib.sha256(f"sovang demo pledge {number}".encode()).digest())
    return Pledge(code, donor, kind, fund, minor, date(2026, 8, day), firm)


PLEDGES = (
    _pledge(1, "Công ty TNHH Ong Vàng Bến Lá", "organisation", "sua", 20_000_000, 10, firm=True),
    _pledge(2, "Công ty Cổ phần Dệt Mây Trắng", "organisation", "doam", 30_000_000, 10, firm=True),
    _pledge(3, "Trịnh Gia Quyên", "person", "sua", 5_000_000, 10),
    _pledge(4, "Nhóm bạn khoá 98 Phố Cau", "organisation", "doam", 10_000_000, 10),
    _pledge(5, "Đoàn Khánh Thuỷ", "person", "chung", 2_000_000, 10),
    _pledge(6, "Vương Hữu Phong", "person", "sua", 2_000_000, 10),
    _pledge(7, "Mai Diệu Ngân", "person", "doam", 3_000_000, 10),
    _pledge(8, "Tô Hải Uyên", "person", "doam", 600_000, 10),
    _pledge(9, "Lý Bảo Sơn", "person", "chung", 300_000, 10),
    _pledge(10, "Đào Xuân Loan", "person", "sua", 1_000_000, 20),
    _pledge(11, "Hồ Ngọc Tú", "person", "chung", 1_200_000, 20),
    _pledge(12, "Vũ Hồng Giang", "person", "sua", 500_000, 20),
)

SPLIT = "CTY TNHH DAU GIO QUE TRE ung ho sua 6 trieu va ao am 4 trieu"
TWICE = ("Nha thuoc Hoa Ngau ung ho do am dot 1/2", "Nha thuoc Hoa Ngau ung ho do am dot 2/2")
MISTAKEN = "TT TIEN SUA XE O TO DON 2208"
"""«Sửa xe», not «sữa»: a word without its marks decides nothing."""
GATEWAY = "CONG TT HOA SEN QUYET TOAN LO 0817 9 GD DA TRU PHI"
GATEWAY_GIFTS = (500_000, 200_000, 100_000, 1_000_000, 50_000, 300_000, 500_000, 300_000, 200_000)
GATEWAY_FEE = 34_650
ENVELOPES = (500_000, 200_000, 1_000_000, 100_000, 50_000, 2_000_000, 300_000, 500_000, 1_500_000, 350_000)
CASH_PAID_IN = "NOP TIEN MAT TAI QUAY MO HOM 20/08"
MILK_COST, BOXES = 96_000_000, 12_000
CAT_HAI, BACH_DANG = 30_000_000, 24_000_000
MISTAKEN_MINOR, PRINTING = 15_000_000, 3_300_000


def _day(number: int) -> date:
    return date(2026, 8, number)


def _with_code(make: Maker, number: int, shape: str, minor: int | None = None, *, day: int) -> BankLine:
    pledge = PLEDGES[number - 1]
    code = pledge.code
    name = plain(pledge.donor)
    memo = shape.format(
        code=f"SV{code}", low=f"sv{code.lower()}", gap=f"SV {code[:4]} {code[4:]}", ten=make.digits(10), name=name
    )
    return BankLine(_day(day), minor or pledge.minor, memo, name.upper())


def first_half(make: Maker) -> list[BankLine]:
    """10 to 21 August: gifts."""
    wrapped = f"{PLEDGES[3].donor} ung ho ao am"
    lines = [
        _with_code(make, 1, "MBVCB.{ten}.041877.{code} UNG HO SUA.CT tu CTY ONG VANG", day=12),
        _with_code(make, 2, "CT DEN:622519046612 {code} {name}", day=13),
        _with_code(make, 3, "{name} {low} sua cho em", day=12),
        _with_code(make, 4, plain(wrapped) + " S\nV" + PLEDGES[3].code, day=14),
        _with_code(make, 5, "{gap} ung ho", day=11),
        _with_code(make, 6, "IBFT {code}", day=18),
        _with_code(make, 7, "MB(300741)({low} do am)", day=19),
        _with_code(make, 8, "{code} ung ho do am", 500_000, day=17),
        _with_code(make, 9, "{code}.", day=20),
        BankLine(_day(13), MISTAKEN_MINOR, MISTAKEN, plain(make.name()).upper()),
        BankLine(_day(14), 10_000_000, SPLIT, "CTY TNHH DAU GIO QUE TRE"),
        BankLine(_day(15), -55_000, "PHI SMS BANKING T8/2026"),
        BankLine(_day(17), sum(GATEWAY_GIFTS) - GATEWAY_FEE, GATEWAY, "CONG THANH TOAN HOA SEN"),
        BankLine(_day(18), 8_000_000, TWICE[0], "NHA THUOC HOA NGAU"),
        BankLine(_day(19), 7_000_000, TWICE[1], "NHA THUOC HOA NGAU"),
        BankLine(_day(21), sum(ENVELOPES), CASH_PAID_IN),
    ]
    lines += [make.gift(_day(10 + number % 12)) for number in range(200)]
    return _alike(lines, make, first=10, last=21)


def second_half(make: Maker) -> list[BankLine]:
    """22 to 31 August: more gifts, and the payments that were ordered on the 24th."""
    fee = "THU PHI CHUYEN TIEN"
    lines = [
        _with_code(make, 10, "MBVCB.{ten}.118820.{low} sua", day=24),
        _with_code(make, 11, "{gap}", day=26),
        _with_code(make, 12, "Chuyen tien den tu NAPAS Noi dung: {code}", day=29),
        BankLine(_day(25), -MILK_COST, "CT CTY CP SUA DONG CO MAY LC-2026-081 HD 418", "CTY CP SUA DONG CO MAY"),
        BankLine(_day(25), -22_000, fee),
        BankLine(_day(25), 41_237, "TRA LAI TIEN GUI"),
        BankLine(_day(26), -CAT_HAI, "TAM UNG DO AM DAC KHU CAT HAI LC-2026-082", "UBND DAC KHU CAT HAI"),
        BankLine(_day(26), -11_000, fee),
        BankLine(_day(26), -BACH_DANG, "TAM UNG DO AM P BACH DANG LC-2026-083", "UBND PHUONG BACH DANG"),
        BankLine(_day(26), -11_000, fee),
        BankLine(_day(27), BACH_DANG, "HOAN TRA LENH CHUYEN SAI SO TK NGUOI HUONG LC-2026-083"),
        BankLine(_day(27), -MISTAKEN_MINOR, "HOAN TRA TIEN CHUYEN NHAM NGAY 13/08"),
        BankLine(_day(28), -BACH_DANG, "TAM UNG DO AM P BACH DANG LC-2026-083 LAN 2", "UBND PHUONG BACH DANG"),
        BankLine(_day(28), -11_000, fee),
        BankLine(_day(28), -PRINTING, "TT TIEN IN TO ROI HD 57", "NHA IN LA SEN"),
    ]
    lines += [make.gift(_day(22 + number % 10)) for number in range(134)]
    return _alike(lines, make, first=22, last=31)


def _alike(lines: list[BankLine], make: Maker, *, first: int, last: int) -> list[BankLine]:
    """Adds genuine lines that print the very same thing, and mixes each day."""
    for number in range(6):
        line = BankLine(_day(first + number % (last - first)), 50_000, ("ung ho tre em", "UNG HO SUA")[number % 2])
        lines += [line] * (2 + number % 2)
    shuffled = [(line.day, make.number(1 << 60), line) for line in lines]
    return [line for _, _, line in sorted(shuffled, key=lambda item: item[:2])]


def to_csv(lines: Sequence[BankLine], opening: int, make: Maker, first: date, last: date) -> tuple[str, int]:
    """The file as the bank writes it, and its closing balance."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["AGRIBANK - SAO KE TAI KHOAN (MAU / SAMPLE: MOI NGUOI DEU HU CAU)"])
    out.writerow(["Số tài khoản:", ACCOUNT])
    out.writerow(["Loại tiền:", "VND"])
    out.writerow(["Từ ngày:", f"{first:%d/%m/%Y}"])
    out.writerow(["Đến ngày:", f"{last:%d/%m/%Y}"])
    out.writerow(["Số dư đầu kỳ:", f"{opening:,}"])
    out.writerow(
        ["Date", "ReferenceNumber", "TransactionDetails", "DebitAmount", "CreditAmount", "Balance", "OffsetAccount"]
    )
    balance = opening
    for line in lines:
        balance += line.minor
        debit, credit = (f"{-line.minor:,}", "") if line.minor < 0 else ("", f"{line.minor:,}")
        out.writerow([f"{line.day:%d/%m/%Y}", make.digits(7), line.memo, debit, credit, f"{balance:,}", line.other])
    return text.getvalue(), balance


@dataclass(frozen=True, slots=True)
class Made:
    """Both files by name, and every name that stands in them (with accents)."""

    files: dict[str, str]
    names: frozenset[str]


def make_statements() -> Made:
    """Both files, made anew."""
    make = Maker()
    a, middle = to_csv(first_half(make), OPENING, make, _day(10), _day(21))
    b, _ = to_csv(second_half(make), middle, make, _day(22), _day(31))
    assert _day(22) - _day(21) == timedelta(days=1)
    people = make.names | {pledge.donor for pledge in PLEDGES}
    return Made({"agribank-2026-08-a.csv": a, "agribank-2026-08-b.csv": b}, frozenset(people))


if __name__ == "__main__":
    for name, content in make_statements().files.items():
        (HERE / name).write_bytes(content.encode())
