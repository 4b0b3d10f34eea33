"""The demo's story: one month of an invented fund, told through the same doors that people use.

Every step goes through `Requests` and `Intake`, as the API and the commands do. The clock is handed in and walks
from 10 August to 14 September 2026, so a run differs from another only by its random keys and tags.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from api.demo import make_statement as bank
from certificates.issue import issue, render_paper
from certificates.words import format_vnd
from ledger.book import Recorded
from ledger.catalogue_data import activities, communes, communes_of
from ledger.entries.base import Person
from ledger.entries.certificates import Paper
from ledger.entries.receipts import GiftReceived
from ledger.files import write_durably
from ledger.home import Home, OpenBook
from ledger.intake import ImportResult, Intake, waiting
from ledger.record import decode
from ledger.requests import open_person
from ledger.store import read
from ledger.store.engine import reading

HERE = Path(__file__).parent
BANK, CASH, STORE = "bank:AGR", "cash:TM", "stock:KHO"
ACCOUNTANT, CHIEF = "ke-toan", "ke-toan-truong"
MILK = "sua-hop-180ml"
SUPPLIER, BACH_DANG, CAT_HAI = "cty-sua-dong-co-may", "ubnd-p-bach-dang", "ubnd-dk-cat-hai"
OFFICER = "can-bo-quy"
IN_BACH_DANG, IN_CAT_HAI = "11473@2025-07-01", "11914@2025-07-01"
DECISION = "37/QĐ-HĐBT"


def vnd(minor: int) -> dict[str, Any]:
    """An amount of đồng in its request form."""
    return {"minor": minor, "unit": "VND"}


def boxes(count: int) -> dict[str, Any]:
    """A number of milk boxes."""
    return {"minor": count, "unit": MILK}


def paper_hash(title: str) -> str:
    """Stands for the SHA-256 of a scanned paper: the demo has no scans."""
    return hashlib.sha256(f"sovang demo paper: {title}".encode()).hexdigest()


@dataclass
class StoryClock:
    """The clock of the story: a day in August or September 2026, a millisecond on at every look."""

    moment: datetime = datetime(2026, 8, 10, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def go(self, month: int, day: int, hour: int = 8) -> date:
        """Moves to an hour of a day in Vietnam; returns the day."""
        self.moment = datetime(2026, month, day, hour, tzinfo=UTC) - timedelta(hours=7)
        return date(2026, month, day)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A statement line in suspense, with what the vault says of it to the accountant."""

    line: str
    index: int
    minor: int
    day: date
    memo: str

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The whole line, as an entry that explains it names it."""
        return [{"line": self.line, "minor": abs(self.minor)}]


@dataclass
class Story:
    """The fund, its book, and what has been told so far."""

    home: Home
    clock: StoryClock
    opened: OpenBook = field(init=False)
    lines: list[str] = field(default_factory=list)
    named: dict[str, int] = field(default_factory=dict)
    """Records that the story comes back to."""
    imports: list[ImportResult] = field(default_factory=list)
    memos: dict[int, tuple[date, str]] = field(default_factory=dict)
    """Day and memo of the lines looked at so far: a record never changes, the vault is opened once for each."""
    certificates: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, vietnamese: str, english: str) -> None:
        """One line of the story."""
        self.lines.append(f"{self.clock.moment + timedelta(hours=7):%d/%m}  {vietnamese} — {english}")

    def say(self, kind: str, by: str = ACCOUNTANT, **fields: Any) -> Recorded:
        """Records one entry; raises Rejected."""
        return self.opened.requests.submit([{"entry": {"kind": kind, **fields}}], by)[0]

    def say_all(self, entries: Sequence[dict[str, Any]], by: str = ACCOUNTANT) -> tuple[Recorded, ...]:
        """Records many in one transaction, all or none."""
        return self.opened.requests.submit([{"entry": entry} for entry in entries], by)

    def sign(self) -> int:
        """A checkpoint over everything recorded so far; returns its size."""
        return self.opened.checkpointer.run()[0].size

    def waits(self) -> list[Waiting]:
        """What is in suspense, oldest line first."""
        rows = waiting(self.opened)
        self._look([row["index"] for row in rows if row["index"] not in self.memos])
        return [Waiting(row["line"], row["index"], row["minor"], *self.memos[row["index"]]) for row in rows]

    def _look(self, indexes: list[int]) -> None:
        """What the accountant sees of these lines: the day, and the memo out of the vault."""
        opened = self.opened
        with reading(opened.engine) as db:
            for index in indexes:
                body = read.body(db, opened.code, index)
                assert body is not None
                entry = decode(body).entry
                person: Person = next(entry.persons())
                known, day = open_person(db, opened.code, opened.vault, index, person), entry.money_day()
                assert known is not None
                assert day is not None
                self.memos[index] = (day, known[1].get("memo", ""))

    def take(self, words: str) -> list[Waiting]:
        """The lines in suspense whose memo holds these words."""
        return [line for line in self.waits() if words in line.memo]


def tell_story(home: Home, clock: StoryClock) -> Story:
    """Fills a fresh home; raises Rejected when the book is there already."""
    story = Story(home, clock)
    open_book(story)
    open_catalogue(story)
    bring_balances(story)
    promise(story)
    open_box(story)
    import_first(story)
    decide(story)
    import_second(story)
    buy_and_deliver(story)
    give_papers(story)
    return story


def open_book(story: Story) -> None:
    """The book, and the places where its money and goods lie."""
    story.clock.go(8, 10)
    story.opened = story.home.create_book(
        "hp-mau", "Quỹ Bảo trợ trẻ em Hải Phòng (sổ mẫu)", by="quan-tri", seat="Hải Phòng", regime="social-fund"
    )
    money = {"kind": "place_opened", "currency": "VND"}
    story.say_all(
        [
            {**money, "place": BANK, "name": "Agribank, tài khoản tiếp nhận", "number": bank.ACCOUNT},
            {**money, "place": CASH, "name": "Quỹ tiền mặt"},
            {"kind": "place_opened", "place": STORE, "name": "Kho của Quỹ"},
        ]
    )


def open_catalogue(story: Story) -> None:
    """The plan with its 14 communes, the units they lie in now, and the four funds."""
    plan = [kind for kind in activities().values() if "HP" in kind.plans]
    own = [activities()[code] for code in ("SUA", "DOAM", "TRUYENTHONG")]
    then, now = communes_of("HP14", date(2019, 1, 1)), communes_of("HP14", date(2026, 8, 10))
    both = [unit.commune for unit in (*then, *now)]
    everything: dict[str, Any] = {"activities": [], "classes": [], "communes": []}
    winter = {"activities": ["DOAM"], "classes": [], "communes": both, "from_on": "2026-08-01", "to_on": "2027-02-28"}
    fund = {"kind": "fund_opened", "source": "gift", "places": []}
    story.say_all(
        [
            _programme("HP256", "Kế hoạch 256/KH-UBND: trẻ em 14 xã miền núi", plan, "2019-01-01", "2025-12-31"),
            _programme("QUY-2026", "Chương trình năm 2026 của Quỹ, tiếp nối 14 xã", own, "2026-01-01", "2026-12-31"),
            _communes("HP256", then),
            _communes("QUY-2026", now),
            {"kind": "goods_listed", "goods": MILK, "name": "Sữa hộp 180 ml", "counted_in": "hộp"},
            {
                **fund,
                "fund": "sua",
                "name": "Nguồn sữa cho 14 xã",
                "restriction": {"activities": ["SUA"], "classes": [], "communes": both},
            },
            {**fund, "fund": "doam", "name": "Nguồn đồ ấm mùa đông", "restriction": winter},
            {**fund, "fund": "chung", "name": "Nguồn chung, không chỉ định mục đích", "restriction": everything},
            {**fund, "fund": "quanly", "name": "Nguồn quản lý", "source": "budget", "restriction": everything},
        ]
    )
    story.tell(
        f"Mở sổ: {len(plan)} hoạt động của Kế hoạch 256, {len(then)} xã cũ nay thuộc {len(now)} đơn vị, 4 nguồn",
        "book opened: activities, 14 communes in today's 4 units, funds",
    )


def _programme(code: str, name: str, kinds: Sequence[Any], first: str, last: str) -> dict[str, Any]:
    done = [{"activity": kind.code, "name": kind.name} for kind in kinds]
    return {
        "kind": "programme_opened",
        "programme": code,
        "name": name,
        "activities": done,
        "from_on": first,
        "to_on": last,
    }


def _communes(programme: str, units: Sequence[Any]) -> dict[str, Any]:
    named = [{"commune": unit.commune, "name": unit.title, "province": unit.province} for unit in units]
    return {"kind": "communes_listed", "programme": programme, "communes": named}


OPEN_GIFTS = ((40_000_000, "PT-2026-0118", "2026-05-29"), (31_400_000, "PT-2026-0142", "2026-06-17"))


def bring_balances(story: Story) -> None:
    """What the old books held on the evening of 9 August, with the gifts that were still unused."""
    gifts = [{"minor": minor, "paper": paper, "received_on": day} for minor, paper, day in OPEN_GIFTS]
    milk = sum(minor for minor, _, _ in OPEN_GIFTS)
    brought: tuple[tuple[str, str, int, list[dict[str, Any]]], ...] = (
        (BANK, "sua", milk, gifts),
        (BANK, "chung", 96_350_000, []),
        (BANK, "quanly", bank.OPENING - milk - 96_350_000, []),
        (CASH, "chung", 5_200_000, []),
    )
    for place, fund, minor, open_gifts in brought:
        story.say(
            "balance_brought",
            place=place,
            fund=fund,
            amount=vnd(minor),
            gifts=open_gifts,
            minutes_sha256=paper_hash("biên bản bàn giao sổ cũ"),
            brought_on="2026-08-09",
        )
    story.tell(
        f"Số dư chuyển từ sổ cũ: ngân hàng {format_vnd(bank.OPENING)}, tiền mặt {format_vnd(5_200_000)}",
        "balances brought over",
    )
    story.sign()


def promise(story: Story) -> None:
    """Twelve donors register and promise; each promise has a code for the bank memo."""
    _promise(story, bank.PLEDGES[:9])
    promised = format_vnd(sum(pledge.minor for pledge in bank.PLEDGES))
    story.tell(
        f"12 cam kết, {promised}, mỗi cam kết một mã như SV{bank.PLEDGES[0].code}",
        "twelve pledges, each with its code",
    )
    story.clock.go(8, 20, 9)
    _promise(story, bank.PLEDGES[9:])


def _promise(story: Story, pledges: Sequence[bank.Pledge]) -> None:
    registered = story.say_all(
        [
            {
                "kind": "donor_registered",
                "donor": {"private": {"name": pledge.donor}},
                "donor_kind": pledge.donor_kind,
                "may_publish_name": pledge.donor_kind == "organisation",
            }
            for pledge in pledges
        ]
    )
    story.say_all(
        [
            {
                "kind": "pledge_made",
                "pledge": pledge.code,
                "fund": pledge.fund,
                "amount": vnd(pledge.minor),
                "donor": {"same_as": known.index},
                "firm": pledge.firm,
                "pledged_on": pledge.pledged_on.isoformat(),
            }
            for pledge, known in zip(pledges, registered, strict=True)
        ]
    )


def open_box(story: Story) -> None:
    """A donation box is opened before witnesses; the cash goes to the bank the next day."""
    day = story.clock.go(8, 20, 16)
    envelopes: list[dict[str, Any]] = [
        {"donor": {"private": {"name": name}} if name else {"private": {}}, "minor": minor}
        for minor, name in zip(bank.ENVELOPES, ("Ngô Thanh Yến", *[""] * 9), strict=True)
    ]
    story.named["box"] = story.say(
        "cash_sheet_received",
        place=CASH,
        fund="chung",
        amount=vnd(sum(bank.ENVELOPES)),
        envelopes=envelopes,
        minutes_sha256=paper_hash("biên bản mở hòm 20/08"),
        received_on=day.isoformat(),
    ).index
    story.tell(
        f"Mở hòm quyên góp, có biên bản: {len(envelopes)} phong bì, {format_vnd(sum(bank.ENVELOPES))}",
        "donation box opened",
    )


def import_first(story: Story) -> None:
    """The first statement: codes find their pledges, everything else waits for the accountant."""
    story.clock.go(8, 22)
    _import(story, "agribank-2026-08-a.csv")
    explain_special(story)
    gifts = explain_gifts(story)
    left = len(story.waits())
    story.tell(
        f"Kế toán xác định {gifts} khoản ủng hộ, phí, cổng thanh toán 9 khoản, 1 dòng tách 2, 2 dòng gộp 1; chờ {left}",
        f"explained by a person; {left} still wait",
    )
    story.tell(
        f"«{bank.MISTAKEN}» {format_vnd(bank.MISTAKEN_MINOR)}: sửa xe, không phải sữa; chuyển nhầm, giữ hộ",
        "mistaken money, held",
    )
    story.sign()


def _import(story: Story, name: str) -> ImportResult:
    done = Intake(story.opened).run(HERE / name, BANK, by=ACCOUNTANT)
    story.imports.append(done)
    story.tell(
        f"Nhập {name}: {done.lines} dòng, số dư {format_vnd(done.opening)} → {format_vnd(done.closing)}; "
        f"khớp mã {done.matched}, chờ {done.suspense}",
        "matched, in suspense",
    )
    return done


def explain_special(story: Story) -> None:
    """The lines of the first statement that no rule of thumb explains."""
    (fee,) = story.take("PHI SMS")
    story.say("bank_fee_charged", **_out(fee), charged_on=fee.day.isoformat(), fund="quanly")
    (mistaken,) = story.take(bank.MISTAKEN)
    story.say(
        "mistaken_money_held",
        **_in(mistaken),
        case="CN-01",
        held_on=mistaken.day.isoformat(),
        sender={"same_as": mistaken.index},
    )
    (cash,) = story.take(bank.CASH_PAID_IN)
    story.say("cash_paid_in", **_in(cash), cash=CASH, paid_in_on=cash.day.isoformat())
    (batch,) = story.take(bank.GATEWAY)
    funds = ("sua", "doam", "chung")
    story.named["gateway"] = story.say(
        "gateway_settled",
        place=BANK,
        parts=batch.parts,
        credited=vnd(batch.minor),
        fee_minor=bank.GATEWAY_FEE,
        fee_fund="quanly",
        gateway="HOASEN",
        gifts=[
            {"donor": {"private": {"gateway-id": f"HS0817-{n + 1}"}}, "fund": funds[n % 3], "minor": minor}
            for n, minor in enumerate(bank.GATEWAY_GIFTS)
        ],
        list_sha256=paper_hash("bảng kê cổng thanh toán 17/08"),
        received_on=batch.day.isoformat(),
    ).index
    (split,) = story.take(bank.SPLIT)
    donor = {"same_as": split.index, "private": {"name": "Công ty TNHH Dầu Gió Que Tre"}}
    for fund, minor in (("sua", 6_000_000), ("doam", 4_000_000)):
        part = [{"line": split.line, "minor": minor}]
        story.named[f"split {fund}"] = _gift(story, split, fund, minor, parts=part, donor=donor)
    first, second = (story.take(words)[0] for words in bank.TWICE)
    donor = {"same_as": first.index, "private": {"name": "Nhà thuốc Hoa Ngâu"}}
    story.named["joined"] = _gift(
        story, second, "doam", first.minor + second.minor, parts=first.parts + second.parts, donor=donor
    )
    # The code is right, the amount is not what was promised: a person decides that it is a part of it.
    promised = bank.PLEDGES[7]
    (less,) = story.take(f"SV{promised.code}")
    _gift(story, less, promised.fund, less.minor, pledge={"minor": less.minor, "pledge": promised.code})


def _gift(story: Story, line: Waiting, fund: str, minor: int, **fields: Any) -> int:
    given = {"parts": line.parts, "donor": {"same_as": line.index}} | fields
    day = line.day.isoformat()
    return story.say("gift_received", place=BANK, amount=vnd(minor), fund=fund, received_on=day, **given).index


def _in(line: Waiting) -> dict[str, Any]:
    return {"place": BANK, "parts": line.parts, "amount": vnd(line.minor)}


def _out(line: Waiting) -> dict[str, Any]:
    return {"place": BANK, "parts": line.parts, "amount": vnd(-line.minor)}


_PURPOSES = (
    ("sua", re.compile(r"\bsua\b")),
    ("doam", re.compile(r"\b(do am|ao am)\b")),
    ("chung", re.compile(r"\b(tre em|quy|cac em|cac chau|cac be)\b")),
)


def purpose_of(memo: str) -> str | None:
    """The fund that a memo names to a reader, or None. In the demo this stands for the accountant's eye."""
    said = bank.plain(memo).lower().partition(".ct tu ")[0]
    return next((fund for fund, words in _PURPOSES if words.search(said)), None)


def explain_gifts(story: Story) -> int:
    """Every line in suspense that plainly says what it is for becomes a gift; returns how many."""
    named = [(line, fund) for line in story.waits() if line.minor > 0 and (fund := purpose_of(line.memo))]
    gifts = [
        {
            "kind": "gift_received",
            "place": BANK,
            "amount": vnd(line.minor),
            "fund": fund,
            "received_on": line.day.isoformat(),
            "donor": {"same_as": line.index},
            "parts": line.parts,
        }
        for line, fund in named
    ]
    story.say_all(gifts)
    return len(gifts)


def decide(story: Story) -> None:
    """Allocations, one of them wrong and reversed, and the payment orders."""
    day = story.clock.go(8, 24).isoformat()
    both = [IN_BACH_DANG, IN_CAT_HAI]
    winter = bank.CAT_HAI + bank.BACH_DANG
    everywhere = [unit.commune for unit in communes_of("HP14", date(2026, 8, 24))]
    _allocate(story, "PB-SUA-01", "sua", "SUA", bank.MILK_COST, everywhere)
    _allocate(story, "PB-DOAM-01", "doam", "DOAM", winter, both)
    story.tell(
        f"Phân bổ sữa {format_vnd(bank.MILK_COST)} cho 4 đơn vị, đồ ấm {format_vnd(winter)} cho Bạch Đằng và Cát Hải",
        "allocated",
    )
    wrong, right = 50_000_000, 5_000_000
    _reverse(story, _allocate(story, "PB-HB-01", "chung", "HOCBONG", wrong, []), why="Ghi thừa một số 0", on=day)
    _allocate(story, "PB-HB-02", "chung", "HOCBONG", right, [])
    story.tell(
        f"Học bổng ghi nhầm {format_vnd(wrong)}: đảo bút toán, ghi lại {format_vnd(right)}; không sửa, không xóa",
        "reversed, never edited",
    )
    orders = (
        ("LC-2026-081", "PB-SUA-01", bank.MILK_COST, SUPPLIER, "supplier"),
        ("LC-2026-082", "PB-DOAM-01", bank.CAT_HAI, CAT_HAI, "commune"),
        ("LC-2026-083", "PB-DOAM-01", bank.BACH_DANG, BACH_DANG, "commune"),
    )
    for order, allocation, minor, holder, kind in orders:
        payee = {"holder": holder, "payee_kind": kind}
        story.say(
            "payment_ordered",
            by=CHIEF,
            order=order,
            allocation=allocation,
            amount=vnd(minor),
            payee=payee,
            place=BANK,
            ordered_on=day,
        )
    story.tell("3 lệnh chi LC-2026-081 … 083", "three payment orders")
    story.sign()


def _allocate(story: Story, code: str, fund: str, what: str, minor: int, where: list[str]) -> Recorded:
    return story.say(
        "allocated",
        by=CHIEF,
        allocation=code,
        fund=fund,
        activity=what,
        communes=where,
        amount=vnd(minor),
        allocated_on="2026-08-24",
        decision_sha256=paper_hash(f"quyết định phân bổ {code}"),
    )


def _reverse(story: Story, wrong: Recorded, *, why: str, on: str) -> None:
    with reading(story.opened.engine) as db:
        body = read.body(db, story.opened.code, wrong.index)
    assert body is not None
    story.say(
        "reversed",
        by=CHIEF,
        reversed=wrong.index,
        leaf=wrong.leaf_hash.hex(),
        undone_postings=msgspec.to_builtins(decode(body).postings),
        reversed_on=on,
        why=why,
    )


def import_second(story: Story) -> None:
    """The second statement shows the payments; each debit is explained by its order."""
    story.clock.go(9, 1)
    _import(story, "agribank-2026-08-b.csv")
    for fee in story.take("THU PHI CHUYEN TIEN"):
        story.say("bank_fee_charged", **_out(fee), charged_on=fee.day.isoformat(), fund="quanly")
    (interest,) = story.take("TRA LAI TIEN GUI")
    story.say("interest_received", **_in(interest), fund="chung", received_on=interest.day.isoformat())
    (again,) = story.take("LC-2026-083 LAN 2")
    (milk,) = story.take("LC-2026-081")
    (cat_hai,) = story.take("LC-2026-082")
    (bounced,) = story.take("HOAN TRA LENH CHUYEN")
    first = next(line for line in story.take("LC-2026-083") if line.minor < 0 and line.line != again.line)
    _advance(story, milk, "LC-2026-081", SUPPLIER)
    _advance(story, cat_hai, "LC-2026-082", CAT_HAI)
    _advance(story, first, "LC-2026-083", BACH_DANG)
    story.say(
        "payment_bounced", **_in(bounced), order="LC-2026-083", holder=BACH_DANG, bounced_on=bounced.day.isoformat()
    )
    _advance(story, again, "LC-2026-083", BACH_DANG)
    (returned,) = story.take("HOAN TRA TIEN CHUYEN NHAM")
    story.say("mistaken_money_returned", **_out(returned), case="CN-01", returned_on=returned.day.isoformat())
    (printing,) = story.take("TT TIEN IN TO ROI")
    story.say(
        "management_spent",
        **_out(printing),
        fund="quanly",
        spent_on=printing.day.isoformat(),
        what="In tờ rơi vận động",
    )
    gifts = explain_gifts(story)
    waits = story.waits()
    story.tell(
        f"Chi khớp lệnh; lệnh 083 bị hoàn, {format_vnd(bank.BACH_DANG)} chuyển lại lần 2; trả tiền chuyển nhầm; "
        f"{gifts} khoản ủng hộ",
        "paid; one bounced and was paid again",
    )
    total = sum(line.minor for line in waits)
    story.tell(
        f"Còn {len(waits)} dòng, {format_vnd(total)}, chưa rõ mục đích: để chờ, không đoán",
        "in suspense, never guessed",
    )
    story.sign()


def _advance(story: Story, line: Waiting, order: str, holder: str) -> None:
    story.say("money_advanced", **_out(line), order=order, holder=holder, paid_on=line.day.isoformat())


def buy_and_deliver(story: Story) -> None:
    """Money becomes milk, milk reaches children; a small group stays hidden, the rest comes back."""
    day = story.clock.go(9, 3).isoformat()
    milk = {"allocation": "PB-SUA-01", "store": STORE}
    story.say(
        "purchased",
        **milk,
        currency="VND",
        holder=SUPPLIER,
        order="LC-2026-081",
        invoice_sha256=paper_hash("hóa đơn 418"),
        items=[{"cost_minor": bank.MILK_COST, "goods": MILK, "quantity": bank.BOXES}],
        purchased_on="2026-08-26",
    )
    issued = (("XK-014", BACH_DANG, 7_200), ("XK-015", CAT_HAI, 3_880), ("XK-016", OFFICER, 160))
    for issue_code, holder, count in issued:
        story.say("goods_issued", **milk, issue=issue_code, holder=holder, amount=boxes(count), issued_on=day)
    story.tell(
        f"{format_vnd(bank.MILK_COST)} thành 12.000 hộp sữa; xuất Bạch Đằng 7.200, Cát Hải 3.880, cán bộ 160",
        "milk bought and issued",
    )
    today = story.clock.go(9, 10)
    sent = (
        ("XK-014", BACH_DANG, boxes(7_200), IN_BACH_DANG, 240, date(2026, 9, 8)),
        ("XK-015", CAT_HAI, boxes(3_840), IN_CAT_HAI, 128, date(2026, 9, 9)),
        # A small group, so not through its commune: whose hands the boxes were in would say where they went.
        ("XK-016", OFFICER, boxes(160), IN_CAT_HAI, 4, date(2026, 9, 9)),
        ("LC-2026-082", CAT_HAI, vnd(bank.CAT_HAI), IN_CAT_HAI, 95, date(2026, 9, 9)),
        ("LC-2026-083", BACH_DANG, vnd(22_800_000), IN_BACH_DANG, 76, date(2026, 9, 8)),
    )
    for handed, holder, amount, place, heads, on in sent:
        fund, what = ("doam", "DOAM") if amount["unit"] == "VND" else ("sua", "SUA")
        reached = _reached(what, place, heads, on, k=story.opened.opened.k)
        story.say(
            "delivered",
            allocation=f"PB-{what}-01",
            fund=fund,
            handed=handed,
            holder=holder,
            amount=amount,
            **reached,
        )
    story.say("goods_returned", **milk, issue="XK-015", holder=CAT_HAI, amount=boxes(40), returned_on=today.isoformat())
    story.tell(
        "Đã trao 11.200 hộp sữa, 52.800.000 ₫ đồ ấm; nhóm dưới 10 trẻ chỉ ghi tỉnh, tháng; nhập lại 40 hộp; "
        "1.200.000 ₫ còn ở phường",
        "delivered; small groups hidden",
    )
    story.sign()


def _reached(what: str, place: str, heads: int, day: date, *, k: int) -> dict[str, Any]:
    """Where, what and how many: open for a group of k, for a smaller one the province and the month only."""
    if heads >= k:
        scope = {"activity": what, "commune": place, "heads": heads}
        listed = paper_hash(f"danh sách ký nhận {what} {place}")
        return {"scope": scope, "delivered_on": day.isoformat(), "list_sha256": listed}
    detail = {"activity": what, "commune": place, "heads": str(heads), "day": day.isoformat()}
    hidden = {"detail": {"private": detail}, "province": communes()[place].province}
    return {"hidden": hidden, "delivered_on": day.replace(day=1).isoformat()}


def give_papers(story: Story) -> None:
    """Three receipts and five certificates, each with its proof inside."""
    day = story.clock.go(9, 14)
    pledged = {gift.pledge.pledge: index for index, gift in _gifts(story) if gift.pledge is not None}
    story.named["traced"] = pledged[bank.PLEDGES[0].code]
    certified: tuple[tuple[int, int | None], ...] = (
        (pledged[bank.PLEDGES[0].code], None),
        (pledged[bank.PLEDGES[1].code], None),
        (pledged[bank.PLEDGES[4].code], None),
        (story.named["joined"], None),
        (story.named["split sua"], None),
    )
    receipted = ((pledged[bank.PLEDGES[2].code], None), (story.named["box"], 0), (story.named["gateway"], 3))
    issued: list[tuple[Paper, int, int | None, int]] = []
    for gift, part in certified:
        made = issue(
            story.opened,
            gift,
            "certificate",
            by=CHIEF,
            issued_on=day,
            part=part,
            decision=DECISION,
            decided_on=date(2026, 9, 11),
        )
        issued.append(("certificate", gift, part, made.index))
    for gift, part in receipted:
        made = issue(story.opened, gift, "receipt", by=ACCOUNTANT, issued_on=day, part=part)
        issued.append(("receipt", gift, part, made.index))
    story.sign()
    folder = story.home.path / "papers"
    folder.mkdir()
    for paper, gift, part, index in issued:
        path = folder / f"{paper}-{gift}{'' if part is None else f'-{part}'}.pdf"
        pdf = render_paper(story.opened, index)
        write_durably(path, pdf, private=True)
        row = {"path": str(path), "index": index, "gift": gift, "sha256": hashlib.sha256(pdf).hexdigest()}
        (story.certificates if paper == "certificate" else story.receipts).append(row)
    story.tell(
        f"Cấp {len(certified)} giấy chứng nhận (theo {DECISION}), {len(receipted)} giấy xác nhận → {folder}",
        "papers with their proofs inside",
    )


def _gifts(story: Story) -> Iterator[tuple[int, GiftReceived]]:
    with reading(story.opened.engine) as db:
        for row in read.record_rows(db, story.opened.code):
            entry = decode(bytes(row.body)).entry
            if isinstance(entry, GiftReceived):
                yield row.index, entry


def count_gifts(story: Story) -> int:
    """Gifts in the book: single ones, envelopes, and those of the gateway's batch."""
    return sum(1 for _ in _gifts(story)) + len(bank.ENVELOPES) + len(bank.GATEWAY_GIFTS)
