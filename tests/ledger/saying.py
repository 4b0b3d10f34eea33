"""Short ways to say every kind of entry in an invented fund, and to read back what it did.

`DEFAULTS` holds one request a kind; a test names only what matters to it. Given in the order of `FIRST_YEAR`
they make a whole story, which the golden book is.
"""

from typing import Any

from ledger.book import Recorded
from ledger.log import replacement
from ledger.log.cosignature import CosigningKey
from ledger.log.merkle import leaf_hash, root_of
from ledger.log.note import SigningKey
from ledger.record import Record, decode, leaf_of
from ledger.store import read
from ledger.store.engine import reading
from tests.worlds import LAI_XUAN, MINH_TAN, OPEN_TO_ALL, SHA, World, vnd

DAY = "2026-09-01"
PLEDGE = "K7M4X2PQ"
HOLDER = "xa-minh-tan"
SUPPLIER = "cty-sua"
MILK = "sua-hop-180ml"


def line(number: int) -> str:
    """The identity of an invented statement line."""
    return f"{number:032x}-0"


def parts(*explained: tuple[int, int]) -> list[dict[str, Any]]:
    """`parts((2, 100_000))`: 100,000 of line 2."""
    return [{"line": line(number), "minor": minor} for number, minor in explained]


def person(name: str) -> dict[str, Any]:
    """Somebody in request form."""
    return {"private": {"name": name}}


def cartons(minor: int) -> dict[str, Any]:
    """An amount of milk."""
    return {"minor": minor, "unit": MILK}


def witness(name: str, number: int) -> str:
    """A witness's line of a policy."""
    return f"witness {name} {CosigningKey.from_seed(f'{name}.example.org', bytes([number]) * 32).vkey}"


POLICY = [witness("bao", 1), witness("truong", 2), "group du 1 bao truong", "quorum du"]

DEFAULTS: dict[str, dict[str, Any]] = {
    "place_opened": {"place": "bank:BIDV", "name": "BIDV", "currency": "VND"},
    "programme_opened": {
        "programme": "HP300",
        "name": "Kế hoạch 300",
        "activities": [{"activity": "HOCBONG", "name": "Học bổng"}],
        "from_on": "2026-01-01",
        "to_on": "2026-12-31",
    },
    "communes_listed": {
        "programme": "HP256",
        "communes": [{"commune": "11500@2025-01-01", "name": "Bạch Đằng", "province": "31"}],
    },
    "goods_listed": {"goods": "ao-am-6-8t", "name": "Áo ấm 6-8 tuổi", "counted_in": "chiếc"},
    "fund_opened": {
        "fund": "thieu",
        "name": "Nguồn chưa có tiền",
        "source": "gift",
        "restriction": OPEN_TO_ALL,
        "places": [],
    },
    "balance_brought": {
        "place": "bank:VCB",
        "fund": "chung",
        "amount": vnd(1_000_000),
        "gifts": [
            {"minor": 700_000, "paper": "PT-2025-118", "received_on": "2025-12-20"},
            {"minor": 300_000, "paper": "PT-2025-121", "received_on": "2025-12-30"},
        ],
        "minutes_sha256": SHA,
        "brought_on": DAY,
    },
    "donor_registered": {
        "donor": {"private": {"name": "Nguyễn Thị Hoà", "phone": "0900000000"}},
        "donor_kind": "person",
        "may_publish_name": False,
    },
    "pledge_made": {
        "pledge": PLEDGE,
        "fund": "sua",
        "amount": vnd(500_000),
        "donor": person("Công ty Cảng"),
        "firm": True,
        "pledged_on": DAY,
        "due_on": "2026-12-01",
    },
    "statement_imported": {
        "place": "bank:VCB",
        "sha256": SHA,
        "taken": "file",
        "format": "vcb-csv",
        "currency": "VND",
        "from_on": "2026-08-01",
        "to_on": "2026-08-31",
        "lines": 3,
        "new_lines": 3,
        "in_minor": 800_000,
        "out_minor": 11_000,
        "opening_minor": 1_000_000,
        "closing_minor": 1_789_000,
        "control": "printed",
    },
    "gift_received": {
        "place": "bank:VCB",
        "amount": vnd(500_000),
        "fund": "sua",
        "received_on": DAY,
        "donor": person("Nguyễn Thị Hoà"),
        "parts": [],
    },
    "suspense_received": {
        "place": "bank:VCB",
        "amount": vnd(300_000),
        "line": line(2),
        "statement": 0,
        "received_on": DAY,
        "sender": person("NGUYEN VAN A CHUYEN TIEN"),
    },
    "suspense_paid": {
        "place": "bank:VCB",
        "amount": vnd(11_000),
        "line": line(3),
        "statement": 0,
        "paid_on": DAY,
        "payee": person("PHI DICH VU"),
    },
    "cash_sheet_received": {
        "place": "cash:TM",
        "fund": "chung",
        "amount": vnd(150_000),
        "envelopes": [
            {"donor": person("Phong bì 1"), "minor": 100_000},
            {"donor": person("Phong bì 2"), "minor": 50_000},
        ],
        "minutes_sha256": SHA,
        "received_on": DAY,
    },
    "gateway_settled": {
        "place": "bank:VCB",
        "credited": vnd(198_000),
        "fee_minor": 2_000,
        "fee_fund": "chung",
        "gateway": "momo",
        "gifts": [
            {"donor": person("Ví 1"), "fund": "sua", "minor": 120_000},
            {"donor": person("Ví 2"), "fund": "chung", "minor": 80_000},
        ],
        "list_sha256": SHA,
        "received_on": DAY,
        "parts": [],
    },
    "mistaken_money_held": {
        "place": "bank:VCB",
        "amount": vnd(100_000),
        "case": "nham-1",
        "held_on": DAY,
        "sender": person("NGUYEN VAN A"),
        "parts": [],
    },
    "mistaken_money_returned": {
        "place": "bank:VCB",
        "amount": vnd(100_000),
        "case": "nham-1",
        "returned_on": DAY,
        "parts": [],
    },
    "gift_refunded": {
        "place": "bank:VCB",
        "amount": vnd(50_000),
        "fund": "sua",
        "refunded_on": DAY,
        "parts": [],
    },
    "bank_fee_charged": {
        "place": "bank:VCB",
        "amount": vnd(11_000),
        "charged_on": DAY,
        "fund": "chung",
        "parts": [],
    },
    "interest_received": {
        "place": "bank:VCB",
        "amount": vnd(3_210),
        "fund": "chung",
        "received_on": DAY,
        "parts": [],
    },
    "transfer_sent": {
        "place": "bank:VCB",
        "amount": vnd(400_000),
        "sent_on": DAY,
        "transfer": "ct-1",
        "parts": [],
    },
    "transfer_arrived": {
        "place": "bank:AGR",
        "amount": vnd(400_000),
        "arrived_on": DAY,
        "transfer": "ct-1",
        "parts": [],
    },
    "cash_paid_in": {
        "place": "bank:AGR",
        "amount": vnd(100_000),
        "cash": "cash:TM",
        "paid_in_on": DAY,
        "parts": [],
    },
    "cash_withdrawn": {
        "place": "bank:AGR",
        "amount": vnd(30_000),
        "cash": "cash:TM",
        "withdrawn_on": DAY,
        "parts": [],
    },
    "allocated": {
        "allocation": "pb-1",
        "activity": "SUA",
        "allocated_on": DAY,
        "amount": vnd(600_000),
        "communes": [MINH_TAN],
        "decision_sha256": SHA,
        "fund": "sua",
    },
    "payment_ordered": {
        "allocation": "pb-1",
        "amount": vnd(350_000),
        "order": "lc-1",
        "ordered_on": DAY,
        "payee": {"holder": HOLDER, "payee_kind": "commune"},
        "place": "bank:VCB",
    },
    "money_advanced": {
        "place": "bank:VCB",
        "amount": vnd(350_000),
        "holder": HOLDER,
        "order": "lc-1",
        "paid_on": DAY,
        "parts": [],
    },
    "payment_bounced": {
        "place": "bank:VCB",
        "amount": vnd(350_000),
        "holder": HOLDER,
        "order": "lc-1",
        "bounced_on": DAY,
        "parts": [],
    },
    "money_returned": {
        "place": "bank:VCB",
        "allocation": "pb-1",
        "amount": vnd(50_000),
        "holder": HOLDER,
        "order": "lc-1",
        "returned_on": DAY,
        "parts": [],
    },
    "purchased": {
        "allocation": "pb-1",
        "currency": "VND",
        "holder": SUPPLIER,
        "invoice_sha256": SHA,
        "items": [{"cost_minor": 200_000, "goods": MILK, "quantity": 40}],
        "order": "lc-2",
        "purchased_on": DAY,
        "store": "stock:KHO",
    },
    "goods_issued": {
        "allocation": "pb-1",
        "amount": cartons(30),
        "holder": HOLDER,
        "issue": "px-1",
        "issued_on": DAY,
        "store": "stock:KHO",
    },
    "delivered": {
        "allocation": "pb-1",
        "amount": cartons(25),
        "delivered_on": DAY,
        "fund": "sua",
        "handed": "px-1",
        "holder": HOLDER,
        "list_sha256": SHA,
        "scope": {"activity": "SUA", "commune": MINH_TAN, "heads": 25},
    },
    "goods_returned": {
        "allocation": "pb-1",
        "amount": cartons(5),
        "holder": HOLDER,
        "issue": "px-1",
        "returned_on": DAY,
        "store": "stock:KHO",
    },
    "management_spent": {
        "place": "cash:TM",
        "amount": vnd(20_000),
        "fund": "chung",
        "spent_on": DAY,
        "what": "Văn phòng phẩm",
        "parts": [],
    },
    "shortfall_covered": {"fund": "thieu", "amount": vnd(11_000), "from_fund": "chung"},
    "certificate_issued": {
        "paper": "certificate",
        "issued_on": DAY,
        "decision": "12/QĐ-QBTTE",
        "decided_on": "2026-08-20",
    },
    "certificate_revoked": {
        "paper": "certificate",
        "number": 1,
        "year": 2026,
        "revoked_on": DAY,
        "why": "Sai tên trên giấy",
    },
    "disputed": {
        "amount": vnd(300_000),
        "answer_by_on": "2026-10-01",
        "place": "bank:VCB",
        "raised_on": DAY,
        "sender": {"private": {"name": "Nguyễn Văn A", "reference": "FT26243", "contact": "0900000001"}},
        "transferred_on": "2026-08-30",
    },
    "dispute_answered": {"answered_on": DAY, "outcome": "not_received", "why": "Sao kê không có khoản này"},
    "grant_sent": {
        "place": "bank:VCB",
        "allocation": "pb-1",
        "amount": vnd(150_000),
        "sent_on": DAY,
        "to_name": "Hội Bảo vệ quyền trẻ em",
        "to_origin": "sovang/hoi/1",
        "parts": [],
    },
    "grant_received": {
        "place": "bank:VCB",
        "amount": vnd(250_000),
        "from_index": 41,
        "from_leaf": "ab" * 32,
        "from_name": "Quỹ Bảo trợ trẻ em Việt Nam",
        "from_origin": "sovang/qg/1",
        "fund": "sua",
        "received_on": DAY,
        "parts": [],
    },
    "external_contributed": {
        "programme": "HP256",
        "activity": "SUA",
        "amount": cartons(480),
        "communes": [MINH_TAN, LAI_XUAN],
        "contributed_on": DAY,
        "evidence_sha256": SHA,
        "organisation": "Công ty Sữa",
    },
    "children_reported": {
        "programme": "HP256",
        "activity": "SUA",
        "commune": MINH_TAN,
        "from_on": "2026-08-01",
        "to_on": "2026-08-31",
        "heads": 40,
        "report_sha256": SHA,
        "reported_on": DAY,
    },
    "witnesses_set": {"policy": POLICY},
    "key_replaced": {"compromised": False},
    "restored": {
        "backup_size": 3,
        "signed_size": 5,
        "signed_root": SHA,
        "officers": ["giam-doc", "ke-toan-truong"],
        "minutes_sha256": SHA,
        "restored_on": DAY,
    },
    "book_closed": {
        "closed_on": DAY,
        "minutes_sha256": SHA,
        "officers": ["giam-doc", "ke-toan-truong"],
        "why": "Sáp nhập vào quỹ thành phố",
    },
}


def request(kind: str, **changed: Any) -> dict[str, Any]:
    """The usual request of a kind with some fields changed; a field set to None is left out."""
    fields = {**DEFAULTS[kind], **changed}
    return {"kind": kind, **{name: value for name, value in fields.items() if value is not None}}


def say(world: World, kind: str, **changed: Any) -> Recorded:
    """Records the usual request of a kind, with some fields changed."""
    return world.say(**request(kind, **changed))


def reversal(world: World, index: int, **changed: Any) -> dict[str, Any]:
    """The request that reverses a record."""
    from ledger.entries.control import line_back
    from ledger.log import canonical

    record = record_at(world, index)
    back = line_back(record.entry)
    written = {
        "kind": "reversed",
        "leaf": leaf_at(world, index),
        "reversed": index,
        "reversed_on": DAY,
        "undone_postings": [canonical.parse(canonical.encode_typed(p)) for p in record.postings],
        "why": "Ghi nhầm",
        "line_back": None if back is None else canonical.parse(canonical.encode_typed(back)),
    }
    return {name: value for name, value in {**written, **changed}.items() if value is not None}


def reverse(world: World, index: int, **changed: Any) -> Recorded:
    """Reverses a record."""
    return world.say(**reversal(world, index, **changed))


def next_key(world: World, number: int = 1) -> SigningKey:
    """A log key that the book has not had yet."""
    return SigningKey.from_seed(world.open.signer.verifier.name, bytes([number]) * 32)


def key_replaced(
    old: SigningKey, new: SigningKey, *, compromised: bool = False, origin: str | None = None, **changed: Any
) -> dict[str, Any]:
    """The request that puts `new` in the place of `old`, rightly signed unless `changed` says otherwise."""
    said = replacement.statement(origin or old.name, old.vkey, new.vkey, compromised=compromised)
    fields = {
        "compromised": compromised,
        "new_key": new.vkey,
        "new_signature": replacement.sign(new, said),
        "old_key": old.vkey,
        "old_signature": None if compromised else replacement.sign(old, said),
    }
    return request("key_replaced", **{**fields, **changed})


def bodies(world: World) -> list[bytes]:
    """Every record's bytes as stored."""
    with reading(world.open.engine) as db:
        return [bytes(row.body) for row in read.record_rows(db, world.open.code)]


def body_at(world: World, index: int) -> bytes:
    """A stored record's bytes."""
    with reading(world.open.engine) as db:
        body = read.body(db, world.open.code, index)
    assert body is not None
    return body


def record_at(world: World, index: int) -> Record:
    """A stored record."""
    return decode(body_at(world, index))


def leaf_at(world: World, index: int) -> str:
    """A stored record's leaf hash, hex."""
    return leaf_of(body_at(world, index)).hex()


def size(world: World) -> int:
    """How many records the book has."""
    with reading(world.open.engine) as db:
        head = read.head(db, world.open.code)
    assert head is not None
    return head.size


def posted(world: World, recorded: Recorded) -> list[str]:
    """A record's postings as stored: `500000 VND donors → fund:sua`."""
    return [
        f"{p.amount.minor} {p.amount.unit} {p.source} → {p.destination}"
        for p in record_at(world, recorded.index).postings
    ]


def first_year(world: World) -> None:
    """A story in which every kind is said at least once. The golden book of 0.1: never changed, only followed
    by another story in another golden book."""
    say(world, "fund_opened")
    say(world, "balance_brought")
    say(world, "donor_registered")
    say(world, "pledge_made")
    statement = say(world, "statement_imported").index
    gift = say(
        world,
        "gift_received",
        line=line(1),
        statement=statement,
        pledge={"pledge": PLEDGE, "minor": 500_000},
    )
    say(world, "suspense_received", statement=statement)
    say(world, "suspense_paid", statement=statement)
    say(world, "cash_sheet_received")
    say(world, "gateway_settled")
    say(world, "mistaken_money_held", parts=parts((2, 100_000)))
    say(world, "mistaken_money_returned")
    wrong = say(world, "gift_received", amount=vnd(200_000), parts=parts((2, 200_000)))
    say(world, "bank_fee_charged", parts=parts((3, 11_000)))
    say(world, "interest_received")
    say(world, "transfer_sent")
    say(world, "transfer_arrived")
    say(world, "cash_paid_in")
    say(world, "cash_withdrawn")
    say(world, "allocated")
    say(world, "payment_ordered")
    say(world, "money_advanced")
    say(world, "payment_bounced")
    say(world, "money_advanced")
    say(world, "money_returned")
    buyer = {"holder": SUPPLIER, "payee_kind": "supplier"}
    say(world, "payment_ordered", order="lc-2", amount=vnd(200_000), payee=buyer)
    say(world, "money_advanced", order="lc-2", amount=vnd(200_000), holder=SUPPLIER)
    say(world, "purchased")
    say(world, "goods_issued")
    say(world, "delivered")
    say(world, "goods_returned")
    hidden = {"province": "31", "detail": {"private": {"commune": LAI_XUAN, "activity": "SUA", "heads": "3"}}}
    say(
        world,
        "delivered",
        amount=vnd(300_000),
        handed="lc-1",
        scope=None,
        hidden=hidden,
    )
    say(world, "management_spent")
    say(world, "bank_fee_charged", fund="thieu")
    say(world, "shortfall_covered")
    say(world, "gift_refunded", gift=gift.index, amount=vnd(20_000))
    undone = reverse(world, wrong.index)
    reverse(world, undone.index, why="Không nhầm")
    papered = say(world, "gift_received", amount=vnd(70_000), fund="chung")
    say(world, "certificate_issued", gift=papered.index, gift_leaf=papered.leaf_hash.hex())
    say(world, "certificate_revoked")
    world.clock.moment = world.clock.moment.replace(hour=0)
    say(world, "interest_received", amount=vnd(1))


def second_year(world: World) -> None:
    """What came with 0.2, to the book's end: the golden book of 0.2, never changed, only followed by another."""
    world.gift(1_000_000)
    say(world, "witnesses_set")
    say(world, "allocated")
    statement = say(world, "statement_imported").index
    say(world, "suspense_received", statement=statement)
    say(world, "suspense_paid", statement=statement)
    missed = say(world, "disputed")
    received = say(world, "grant_received", parts=parts((2, 250_000)))
    say(world, "grant_received", amount=vnd(90_000), fund="chung")
    sent = say(world, "grant_sent")
    say(world, "grant_sent", amount=vnd(11_000), parts=parts((3, 11_000)))
    reverse(world, sent.index)
    answer = {"dispute": missed.index, "dispute_leaf": missed.leaf_hash.hex()}
    say(world, "dispute_answered", **answer, outcome="found", found=received.index, why="Đã ghi vào nguồn sữa")
    say(world, "disputed", place=None)
    say(world, "external_contributed")
    say(world, "external_contributed", amount=vnd(5_000_000), communes=[])
    say(world, "children_reported")
    say(world, "children_reported", commune=None, heads=3, organisation="Công ty Sữa")
    first, second, third = world.open.signer.key(), next_key(world), next_key(world, 2)
    world.say(**key_replaced(first, second))
    root = root_of([leaf_hash(body) for body in bodies(world)[:5]])
    say(world, "restored", signed_root=root.hex())
    world.say(**key_replaced(second, third, compromised=True))
    say(world, "witnesses_set", policy=[])
    say(world, "book_closed", successor="sovang/tp/1")
