"""From records to vouchers: each kind on its forms, numbers and names as recorded, every reprint counted."""

import subprocess
import sys
from datetime import date
from typing import Any

import pytest

from api.printing import accounts_of
from api.printing import render_printed as printed_with_accounts
from certificates.forms import Account, render_form
from certificates.vouchers import (
    blank,
    fill,
    forms_of,
    money,
    money_words,
    print_voucher,
    render_printed,
    render_voucher,
)
from ledger.record import Record, decode, leaf_of
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading
from tests.audits import check_book
from tests.certificates.test_layout import shown, text_of
from tests.worlds import MINH_TAN, SHA, TODAY, World, vnd

DAY = TODAY.isoformat()
PAYER = {"private": {"name": "Nguyễn Thị Hoà", "address": "Số 5 Lạch Tray, Hải Phòng"}}


def record(world: World, index: int) -> tuple[Record, str]:
    """A record and its leaf hash."""
    with reading(world.open.engine) as db:
        body = read.body(db, world.open.code, index)
    assert body is not None
    return decode(body), leaf_of(body).hex()


def usual(world: World, index: int) -> tuple[str, ...]:
    return forms_of(record(world, index)[0])


def voucher(world: World, index: int, form: str | None = None) -> bytes:
    return render_voucher(world.open, index, form)


def milk(world: World) -> dict[str, int]:
    """Milk from gift to children; the index of each step."""
    scope = {"activity": "SUA", "commune": MINH_TAN, "heads": 40}
    cartons = {"minor": 400, "unit": "sua-hop-180ml"}
    bought = [{"cost_minor": 7_000_000, "goods": "sua-hop-180ml", "quantity": 1000}]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("gift", {"kind": "gift_received", "place": "bank:VCB", "amount": vnd(20_000_000), "fund": "sua"}),
        ("allocated", {"activity": "SUA", "amount": vnd(10_000_000), "communes": [MINH_TAN], "fund": "sua"}),
        ("payment_ordered", {"amount": vnd(9_000_000), "ordered_on": DAY, "place": "bank:VCB"}),
        ("money_advanced", {"amount": vnd(9_000_000), "paid_on": DAY, "place": "bank:VCB", "parts": []}),
        ("purchased", {"currency": "VND", "items": bought, "invoice_sha256": SHA, "purchased_on": DAY}),
        ("goods_issued", {"amount": cartons, "issue": "X1", "issued_on": DAY}),
        ("money_returned", {"amount": vnd(500_000), "returned_on": DAY, "place": "cash:TM", "parts": []}),
        ("delivered", {"amount": cartons, "delivered_on": DAY, "fund": "sua", "handed": "X1", "scope": scope}),
    ]
    common: dict[str, dict[str, Any]] = {
        "gift": {"received_on": DAY, "donor": {"private": {"name": "Công ty Minh Phúc"}}, "parts": []},
        "allocated": {"allocated_on": DAY, "allocation": "A1", "decision_sha256": SHA},
        "payment_ordered": {
            "allocation": "A1",
            "order": "L1",
            "payee": {"holder": "minh-phuc", "payee_kind": "supplier"},
        },
        "money_advanced": {"holder": "minh-phuc", "order": "L1"},
        "purchased": {"allocation": "A1", "holder": "minh-phuc", "order": "L1", "store": "stock:KHO"},
        "goods_issued": {"allocation": "A1", "holder": "ubnd-minh-tan", "store": "stock:KHO"},
        "money_returned": {"allocation": "A1", "holder": "minh-phuc", "order": "L1"},
        "delivered": {"allocation": "A1", "holder": "ubnd-minh-tan"},
    }
    return {name: world.say(**{"kind": name, **fields, **common[name]}).index for name, fields in steps}


def test_each_step_of_the_aid_has_its_papers(sqlite_world: World) -> None:
    """Where a step has no paper, the accountant keeps a second set of books to print from."""
    world = sqlite_world
    steps = milk(world)
    assert {name: usual(world, index) for name, index in steps.items()} == {
        "gift": ("xac-nhan-tai-tro",),
        "allocated": (),
        "payment_ordered": (),
        "money_advanced": (),
        "purchased": ("phieu-nhap-kho", "giao-nhan", "thanh-toan-tam-ung"),
        "goods_issued": ("phieu-xuat-kho", "giao-nhan"),
        "money_returned": ("phieu-thu", "thanh-toan-tam-ung"),
        "delivered": ("giao-nhan", "danh-sach-ky-nhan"),
    }
    for index in steps.values():
        for form in usual(world, index):
            assert "None" not in text_of(voucher(world, index, form))

    received = voucher(world, steps["purchased"])
    for wanted in ("Sữa hộp 180 ml", "hộp", "1.000", "7.000 ₫", "7.000.000 ₫", "Bảy triệu đồng chẵn", "Kho"):
        assert shown(wanted, received), wanted
    issued = voucher(world, steps["goods_issued"])
    assert shown("400", issued)
    assert shown("ubnd-minh-tan", issued)
    handed = voucher(world, steps["goods_issued"], "giao-nhan")
    assert shown("Bên giao: Quỹ Bảo trợ trẻ em Hải Phòng", handed)
    assert shown("Bên nhận: ubnd-minh-tan", handed)
    confirmed = voucher(world, steps["gift"])
    assert shown("Bên tài trợ: Công ty Minh Phúc", confirmed)
    assert shown("Hai mươi triệu đồng chẵn", confirmed)
    assert shown("Nguồn sữa", confirmed)

    # As of the purchase nothing had come back yet; as of the return 1,500,000 is still owed.
    early = [row["value"] for row in fill(world.open, steps["purchased"], "thanh-toan-tam-ung").rows]
    late = [row["value"] for row in fill(world.open, steps["money_returned"], "thanh-toan-tam-ung").rows]
    assert early == ["9.000.000 ₫", "7.000.000 ₫", "0 ₫", "2.000.000 ₫", "0 ₫"]
    assert late == ["9.000.000 ₫", "7.000.000 ₫", "500.000 ₫", "1.500.000 ₫", "0 ₫"]
    check_book(world)


def test_a_form_that_does_not_fit_the_record_is_refused(sqlite_world: World) -> None:
    """A phiếu thu for money that never was cash would make the cash book wrong."""
    world = sqlite_world
    gift = world.gift().index
    for index, form in ((gift, "phieu-thu"), (0, None), (gift, "khong-co")):
        with pytest.raises(Rejected) as refused:
            voucher(world, index, form)
        assert refused.value.reason is Reason.NO_SUCH_FORM
        with pytest.raises(Rejected):
            print_voucher(world.open, index, form, by="ke-toan", printed_on=TODAY)
    with pytest.raises(Rejected) as refused:
        voucher(world, 9_999)
    assert refused.value.reason is Reason.NO_SUCH_RECORD
    check_book(world)


def test_a_number_given_by_the_book_stands_on_the_paper(sqlite_world: World) -> None:
    """Paper and book must bear one number, or neither finds the other."""
    world = sqlite_world
    series = {"kind": "phieu-thu", "moves": ["cash_in"], "series": "PT", "typed": False, "leaves": 50}
    world.say("vouchers_set", series=[series], set_on=DAY)
    gift = world.gift(1_500_000, place="cash:TM", donor=PAYER).index
    pdf = voucher(world, gift)
    for wanted in (
        "Số: PT-0001",
        "Quyển số: 1",
        "Họ và tên người nộp tiền: Nguyễn Thị Hoà",
        "Địa chỉ: Số 5 Lạch Tray, Hải Phòng",
        "Tiếp nhận ủng hộ (Nguồn sữa)",
        "1.500.000 ₫",
        "Một triệu năm trăm nghìn đồng chẵn",
        f"Bản ghi số {gift}",
        "ngày ghi sổ 01/09/2026",
    ):
        assert shown(wanted, pdf), wanted
    said = {"series": "PT", "voucher_on": "2026-08-30", "bank_on": "2026-08-31"}
    other = voucher(world, world.gift(place="cash:TM", voucher=said).index)
    assert shown("Số: PT-0002", other)
    assert shown("Ngày 30 tháng 08 năm 2026", other)
    assert shown("ngày ngân hàng 31/08/2026", other)
    without = voucher(world, world.gift().index)
    assert shown("Số: ......", without)
    check_book(world)


def test_the_second_print_and_every_later_one_says_so(sqlite_world: World) -> None:
    """The first copy is the voucher; what is printed again is told from it for ever."""
    world = sqlite_world
    gift = world.gift(place="cash:TM").index

    def printed(form: str | None = None) -> bytes:
        index = print_voucher(world.open, gift, form, by="thu-quy", printed_on=TODAY).index
        pdf = render_printed(world.open, index)
        assert render_printed(world.open, index) == pdf, "one printing is one file"
        return pdf

    first, second, third = printed(), printed(), printed()
    assert not shown("BẢN IN LẠI", first)
    assert shown("BẢN IN LẠI lần 1 — reprint 1", second)
    assert shown("BẢN IN LẠI lần 2 — reprint 2", third)
    assert not shown("BẢN IN LẠI", printed("bien-lai")), "another form has its own copies"
    check_book(world)


def test_made_again_elsewhere_it_is_the_same_bytes(sqlite_world: World) -> None:
    world = sqlite_world
    gift = world.gift(place="cash:TM").index
    index = print_voucher(world.open, gift, by="thu-quy", printed_on=TODAY).index
    pdf = printed_with_accounts(world.open, index)
    world.gift()
    program = (
        "import sys; from pathlib import Path; from ledger.home import Home; from api.printing import render_printed; "
        "sys.stdout.buffer.write(render_printed(Home(Path(sys.argv[1])).open_book('hp'), int(sys.argv[2])))"
    )
    command = [sys.executable, "-c", program, str(world.home.path), str(index)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == pdf
    check_book(world)


def test_debit_and_credit_come_from_the_regime(sqlite_world: World) -> None:
    """«Nợ 1111, Có 431»: without them the paper cannot be booked."""
    world = sqlite_world
    gift = world.gift(1_500_000, place="cash:TM").index
    assert accounts_of(world.open, gift) == (Account("1111", "431", "1.500.000 ₫", verified=False),)
    index = print_voucher(world.open, gift, by="thu-quy", printed_on=TODAY).index
    pdf = printed_with_accounts(world.open, index)
    assert shown("Nợ: 1111 1.500.000 ₫", pdf)
    assert shown("Có: 431 1.500.000 ₫", pdf)
    assert shown("Số hiệu tài khoản chưa được kiểm chứng", pdf)
    check_book(world)


def test_a_reversal_prints_the_original_and_its_negatives(sqlite_world: World) -> None:
    """Law on Accounting 2015, art. 27: put right by a paper and the difference, never by crossing out."""
    world = sqlite_world
    gift = world.gift(1_500_000).index
    said, leaf = record(world, gift)
    undone = [{"amount": vnd(p.amount.minor), "destination": p.destination, "source": p.source} for p in said.postings]
    why = "Ghi nhầm số tiền"
    index = world.say("reversed", leaf=leaf, reversed=gift, reversed_on=DAY, undone_postings=undone, why=why).index
    assert usual(world, index) == ("chung-tu-dieu-chinh",)
    pdf = voucher(world, index)
    for wanted in ("CHỨNG TỪ ĐIỀU CHỈNH", why, f"số {gift}", "-1.500.000", "Nguồn: Nguồn sữa", "Tiền gửi: Vietcombank"):
        assert shown(wanted, pdf), wanted
    assert text_of(pdf).count("-1.500.000") == 2
    check_book(world)


def test_a_gift_in_kind_says_what_was_not_valued(sqlite_world: World) -> None:
    """A value that nobody set must not be read as nothing, nor made up."""
    world = sqlite_world
    world.say("goods_listed", goods="ao-am", name="Áo ấm", counted_in="chiếc")
    items = [
        {"goods": "sua-hop-180ml", "quantity": 100, "value_minor": 700_000},
        {"goods": "ao-am", "quantity": 12},
    ]
    index = world.say(
        "goods_received",
        donor=PAYER,
        fund="chung",
        items=items,
        received_on=DAY,
        store="stock:KHO",
        valuation_sha256=SHA,
    ).index
    assert usual(world, index) == ("phieu-nhap-kho", "giao-nhan", "xac-nhan-tai-tro")
    pdf = voucher(world, index, "giao-nhan")
    for wanted in ("Bên giao: Nguyễn Thị Hoà", "Áo ấm", "chưa định giá", "700.000 ₫"):
        assert shown(wanted, pdf), wanted
    assert not shown("Cộng", pdf), "a sum of some would be read as the sum of all"
    assert shown("100 hộp Sữa hộp 180 ml; 12 chiếc Áo ấm", voucher(world, index, "xac-nhan-tai-tro"))
    check_book(world)


def test_a_small_group_stays_hidden_on_paper(sqlite_world: World) -> None:
    """A voucher passes through many hands: whom the aid is for never stands on one."""
    world = sqlite_world
    milk(world)
    ten = {"minor": 10, "unit": "sua-hop-180ml"}
    hands = {"allocation": "A1", "holder": "ubnd-minh-tan", "amount": ten}
    world.say("goods_issued", **hands, issue="X2", issued_on=DAY, store="stock:KHO")
    detail = {"private": {"name": "Trần Văn Bé", "commune": MINH_TAN, "heads": "3", "address": "Thôn Đông"}}
    index = world.say(
        "delivered",
        **hands,
        delivered_on=DAY,
        fund="sua",
        handed="X2",
        hidden={"detail": detail, "province": "31"},
    ).index
    assert usual(world, index)
    for form in usual(world, index):
        text = text_of(voucher(world, index, form))
        assert "Bé" not in text
        assert "Thôn Đông" not in text
    check_book(world)


def test_a_count_of_cash_prints_its_notes(sqlite_world: World) -> None:
    world = sqlite_world
    world.gift(1_500_000, place="cash:TM")
    notes = [{"pieces": 2, "value_minor": 500_000}, {"pieces": 4, "value_minor": 100_000}]
    counted = {"counted_minor": 1_400_000, "counted_on": DAY, "currency": "VND", "minutes_sha256": SHA}
    index = world.say("cash_counted", **counted, notes=notes, place="cash:TM").index
    values = fill(world.open, index).values
    assert (values["balance"], values["over"], values["short"]) == ("1.500.000 ₫", "0 ₫", "100.000 ₫")
    pdf = voucher(world, index)
    for wanted in ("500.000 ₫", "Cộng", "1.400.000 ₫", "Một triệu bốn trăm nghìn đồng chẵn"):
        assert shown(wanted, pdf), wanted


def test_empty_forms_carry_what_the_book_says_and_no_child(sqlite_world: World) -> None:
    """The list that goes to a school is written by hand: a printed list of poor children gets lost."""
    world = sqlite_world
    steps = milk(world)
    counted = render_form(blank(world.open, "kiem-ke-quy", on=TODAY, place="cash:TM"))
    assert shown("I. Số dư theo sổ quỹ: 500.000 ₫", counted)
    confirmed = render_form(blank(world.open, "doi-chieu-so-du", on=TODAY, place="bank:VCB"))
    for wanted in ("Vietcombank", "11.000.000 ₫", "Mười một triệu đồng chẵn", "ngày 01 tháng 09 năm 2026"):
        assert shown(wanted, confirmed), wanted
    with pytest.raises(Rejected) as refused:
        blank(world.open, "kiem-ke-quy", on=TODAY, place="cash:KHAC")
    assert refused.value.reason is Reason.NO_SUCH_PLACE
    with pytest.raises(Rejected) as refused:
        blank(world.open, "ban-giao", on=TODAY)
    assert refused.value.reason is Reason.NOT_CHECKPOINTED, "a hand-over is bound to a signed state"
    world.open.checkpointer.run()
    handed = render_form(blank(world.open, "ban-giao", on=TODAY))
    for wanted in ("gồm 18 bản ghi", "Kho: Sữa hộp 180 ml", "600", "11.000.000"):
        assert shown(wanted, handed), wanted
    listed = text_of(render_form(blank(world.open, "danh-sach-ky-nhan", on=TODAY, rows=3)))
    assert listed == text_of(render_form(blank(world.open, "danh-sach-ky-nhan", on=date(2026, 9, 2), rows=3)))
    assert "Họ tên người nhận thay" in listed
    assert shown("Đã trao", voucher(world, steps["delivered"], "danh-sach-ky-nhan"))
    with pytest.raises(Rejected):
        blank(world.open, "danh-sach-ky-nhan", on=TODAY, rows=0)
    check_book(world)


def test_foreign_money_in_figures_and_words() -> None:
    assert money(120_050, "USD") == "1.200,50 USD"
    assert money_words(120_050, "USD") == "Một nghìn hai trăm phẩy năm không USD"
    assert money_words(7, "JPY") == "Bảy JPY"
