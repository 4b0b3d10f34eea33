"""What an organisation has already, taken in: every fault with its row, all or nothing, once.

Without these a list of a thousand donors could enter half, twice, or with fifty thousand read as fifty.
"""

import csv
import io
import json
import shutil
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from starlette.testclient import TestClient

from api.v1.reading import MAX_BODY
from ledger.load.catalogue import FILES, load_catalogue, write_ready
from ledger.load.columns import Fault
from ledger.load.lists import LOADERS, Loaded, load
from ledger.load.npsp import load_npsp
from ledger.refusals import Reason, Rejected
from tests.api.test_cli import refused as failed
from tests.api.test_cli import sovang
from tests.audits import check_book
from tests.ledger.saying import MILK, bodies, record_at, size
from tests.shared import shared
from tests.worlds import LAI_XUAN, MINH_TAN, SHA, World

GIFTS = ("Ngày nhận", "Mã nguồn", "Nơi giữ", "Số tiền", "Họ tên, tên tổ chức", "Điện thoại")
"""Vietnamese headings alone, and not in the template's order of columns."""
NAME, PHONE = "Nguyễn Thị Bí Mật", "0909123123"
GIFT = ("31/12/2025", "sua", "bank:VCB", "1.500.000 ₫", NAME, PHONE)
EXPORT = "samples/npsp-dev_org"


def table(path: Path, *rows: tuple[object, ...], separator: str = ",") -> Path:
    """A CSV file."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def taken(world: World, what: str, path: Path, *rows: tuple[object, ...]) -> Loaded:
    """A list that must be taken whole."""
    loaded = load(world.open, what, table(path, *rows), by="ke-toan")
    assert loaded.faults == []
    return loaded


def faults(found: list[Fault]) -> set[tuple[int, str, Reason]]:
    return {(fault.row, fault.column.partition(" / ")[0], fault.reason) for fault in found}


def test_a_list_is_recorded_once_whoever_loads_it(world: World, tmp_path: Path) -> None:
    """Two equal rows are two gifts; the same file again is nothing; a longer file is what is new of it."""
    file = table(tmp_path / "g.csv", GIFTS, GIFT, GIFT)
    first = load(world.open, "gifts", file, by="ke-toan")
    assert (first.lines, first.recorded, first.repeated, first.faults) == (2, 2, 0, [])
    again = load(world.open, "gifts", file, by="thu-quy")
    assert (again.recorded, again.repeated) == (0, 2)
    longer = table(tmp_path / "g2.csv", GIFTS, GIFT, GIFT, GIFT, (*GIFT[:3], "70000", "", ""), separator=";")
    more = load(world.open, "gifts", longer, by="thu-quy")
    assert (more.recorded, more.repeated) == (2, 2)
    assert world.balance("bank:VCB") == 4_570_000
    held = b"".join(bodies(world))
    assert NAME.encode() not in held
    assert PHONE.encode() not in held
    check_book(world)


def test_every_fault_is_told_with_its_row_and_nothing_is_recorded(sqlite_world: World, tmp_path: Path) -> None:
    world, before = sqlite_world, size(sqlite_world)
    rows = (
        GIFT,
        ("31/02/2025", *GIFT[1:]),
        (GIFT[0], "khong-co", *GIFT[2:]),
        (*GIFT[:2], "bank:MAT", "50,000", NAME, PHONE),
        ("31/12/2099", *GIFT[1:]),
        ("", "sua", "VCB", "-5", NAME, f"{PHONE}\u202e"),
        (*GIFT[:2], "bank:MAT", *GIFT[3:]),
    )
    loaded = load(world.open, "gifts", table(tmp_path / "g.csv", GIFTS, *rows), by="ke-toan")
    assert faults(loaded.faults) == {
        (3, "Ngày nhận", Reason.ROW_MALFORMED),
        (4, "Mã nguồn", Reason.NO_SUCH_FUND),
        (5, "Số tiền", Reason.ROW_AMBIGUOUS),
        (6, "Ngày nhận", Reason.DAY_IN_FUTURE),
        (7, "Ngày nhận", Reason.ROW_MALFORMED),
        (7, "Nơi giữ", Reason.ROW_MALFORMED),
        (7, "Số tiền", Reason.ROW_MALFORMED),
        (7, "Điện thoại", Reason.ROW_MALFORMED),
        (8, "Nơi giữ", Reason.NO_SUCH_PLACE),
    }
    assert (loaded.lines, loaded.recorded, size(world)) == (7, 0, before)
    told = " ".join(f"{fault.column} {fault.message}" for fault in loaded.faults)
    assert NAME not in told
    assert PHONE not in told
    checked = load(world.open, "gifts", table(tmp_path / "ok.csv", GIFTS, GIFT), by="ke-toan", check=True)
    assert (checked.lines, checked.faults, size(world)) == (1, [], before)
    check_book(world)


def test_a_table_that_is_not_that_list_is_refused_whole(sqlite_world: World, tmp_path: Path) -> None:
    """What nobody asked for would silently be lost."""
    for reason, rows in (
        (Reason.HEADER_UNKNOWN, ((*GIFTS, "Ghi chú"), (*GIFT, "x"))),
        (Reason.HEADER_UNKNOWN, ((*GIFTS, "Amount"), (*GIFT, "1"))),
        (Reason.HEADER_UNKNOWN, (GIFTS[1:], GIFT[1:])),
        (Reason.NO_LINES, (GIFTS,)),
        (Reason.NO_LINES, ()),
    ):
        with pytest.raises(Rejected) as caught:
            load(sqlite_world.open, "gifts", table(tmp_path / "g.csv", *rows), by="ke-toan")
        assert caught.value.reason is reason
    check_book(sqlite_world)


def test_hostile_amounts_are_refused_or_read_exactly(sqlite_world: World, tmp_path: Path) -> None:
    cases = [json.loads(line) for line in shared("hostile/amounts_csv.jsonl").read_text().splitlines()]
    rows = [(*GIFT[:3], case["cell"], NAME, PHONE) for case in cases]
    loaded = load(sqlite_world.open, "gifts", table(tmp_path / "g.csv", GIFTS, *rows), by="ke-toan", check=True)
    refused = {fault.row for fault in loaded.faults}
    good = {}
    for row, case in enumerate(cases, 2):
        expect = case["expect"]
        said = expect.get("accept") or expect.get("accept-vi") if isinstance(expect, dict) else None
        assert (row in refused) == (said is None), case["id"]
        if said is not None:
            good[row] = int(said)
    lines = [rows[row - 2] for row in good]
    assert taken(sqlite_world, "gifts", tmp_path / "ok.csv", GIFTS, *lines).recorded == len(good)
    assert sqlite_world.balance("bank:VCB") == sum(good.values())
    check_book(sqlite_world)


@pytest.mark.parametrize("name", ["formula.xlsx", "bomb.xlsx", "lol.xlsx", "xxe.xlsx", "nested.zip", "empty.pdf"])
def test_hostile_files_are_refused_as_a_banks_are(sqlite_world: World, name: str) -> None:
    with pytest.raises(Rejected) as caught:
        load(sqlite_world.open, "gifts", shared(f"hostile/files/{name}"), by="ke-toan")
    assert caught.value.reason in {Reason.FILE_UNREADABLE, Reason.FILE_TOO_LARGE, Reason.NO_LINES}


def test_a_workbook_with_a_second_filled_sheet_is_refused(sqlite_world: World, tmp_path: Path) -> None:
    """Twelve months on twelve sheets: one of them taken without a word would be a year lost."""
    for sheets, reason in (((GIFTS, GIFT), ()), None), (((GIFTS, GIFT), (GIFTS, GIFT)), Reason.HEADER_UNKNOWN):
        book = xlsxwriter.Workbook(str(tmp_path / "g.xlsx"))
        for rows in sheets:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
        book.close()
        if reason is None:
            assert load(sqlite_world.open, "gifts", tmp_path / "g.xlsx", by="ke-toan", check=True).lines == 1
            continue
        with pytest.raises(Rejected) as caught:
            load(sqlite_world.open, "gifts", tmp_path / "g.xlsx", by="ke-toan")
        assert (caught.value.reason, caught.value.details) == (reason, {"sheets": 2})


def test_opening_balances_with_their_open_gifts(sqlite_world: World, tmp_path: Path) -> None:
    """Rows of one fund and place are one balance, and the old gifts stay apart for the trace."""
    heads = tuple(column.heading for column in LOADERS["opening"].columns)
    minutes = SHA.upper()
    rows = (
        ("chung", "bank:VCB", "700.000", "", "01/09/2026", minutes, "PT-118", "20/12/2025"),
        ("chung", "bank:VCB", "300.000", "", "01/09/2026", minutes, "PT-121", "30/12/2025"),
        ("chung", "bank:VCB", "50.000", "VND", "01/09/2026", minutes, "", ""),
        ("sua", "stock:KHO", "40", MILK, "01/09/2026", minutes, "", ""),
    )
    loaded = taken(sqlite_world, "opening", tmp_path / "o.csv", heads, *rows)
    assert (loaded.lines, loaded.recorded) == (4, 3)
    entry = record_at(sqlite_world, loaded.indices[0]).entry
    assert [gift.minor for gift in entry.gifts] == [700_000, 300_000]  # type: ignore[attr-defined]
    assert sqlite_world.balance("fund:chung") == 1_050_000
    assert sqlite_world.balance("stock:KHO", MILK) == 40
    check_book(sqlite_world)


def test_donors_and_pledges(sqlite_world: World, tmp_path: Path) -> None:
    donors = ("Kind", "Name", "Phone", "Mã số thuế", "May publish name")
    people = (("cá nhân", NAME, PHONE, "", "không"), ("TỔ CHỨC", "Công ty Cảng", "", "0200000001", "Có"))
    assert taken(sqlite_world, "donors", tmp_path / "d.csv", donors, *people).recorded == 2
    heads = ("Mã nguồn", "Số tiền", "Name", "Có giấy cam kết", "Ngày cam kết", "Hạn thực hiện")
    pledge = ("sua", "2.000.000", "Công ty Cảng", "có", "2026-08-01", "2026-12-31")
    file = tmp_path / "p.csv"
    assert taken(sqlite_world, "pledges", file, heads, pledge, pledge).recorded == 2
    assert load(sqlite_world.open, "pledges", file, by="khac").repeated == 2  # whatever codes were drawn
    parts = (*heads, "Số giấy cam kết")
    rows = (
        (*pledge[:5], "2026-12-31", "CK-1"),
        ("sua", "1.000.000", *pledge[2:5], "2026-10-31", "CK-1"),
        (*pledge[:5], "2026-12-31", "CK-2"),
    )
    made = taken(sqlite_world, "pledges", tmp_path / "i.csv", parts, *rows)
    entry = record_at(sqlite_world, made.indices[0]).entry
    assert [part.minor for part in entry.instalments] == [1_000_000, 2_000_000]  # type: ignore[attr-defined]
    assert (made.lines, made.recorded) == (3, 2)
    differing = table(tmp_path / "x.csv", parts, rows[0], ("chung", *rows[1][1:]))
    assert [fault.row for fault in load(sqlite_world.open, "pledges", differing, by="a").faults] == [3]
    wrong = load(
        sqlite_world.open, "donors", table(tmp_path / "w.csv", donors, ("ai đó", "", "", "", "có lẽ")), by="ke-toan"
    )
    assert faults(wrong.faults) == {(2, "Loại", Reason.ROW_MALFORMED), (2, "Được công khai tên", Reason.ROW_MALFORMED)}
    check_book(sqlite_world)


def test_foreign_money_keeps_its_rate(sqlite_world: World, tmp_path: Path) -> None:
    sqlite_world.say("place_opened", place="bank:USD", name="USD", currency="USD")
    heads = (*GIFTS, "Đơn vị", "Giá trị quy đổi ra đồng", "Nguồn tỷ giá")
    gift = (*GIFT[:2], "bank:USD", "1.234,50", NAME, PHONE, "USD", "31.356.300", "Vietcombank")
    loaded = taken(sqlite_world, "gifts", tmp_path / "g.csv", heads, gift)
    entry = record_at(sqlite_world, loaded.indices[0]).entry
    assert (entry.amount.minor, entry.rate.vnd_minor) == (123_450, 31_356_300)  # type: ignore[attr-defined]
    check_book(sqlite_world)


def test_needs_of_few_children_are_hidden(sqlite_world: World, tmp_path: Path) -> None:
    general = {"activity": "HOTRO", "general": "HOTRO", "name": "Hỗ trợ trẻ em", "sensitive": False}
    sqlite_world.say("activities_listed", activities=[general])
    heads = (
        *("Mã nhu cầu", "Mã chương trình", "Đợt khảo sát", "Ngày khảo sát", "Mã hoạt động", "Mã xã kèm ngày hiệu lực"),
        *("Mã tỉnh", "Số trẻ em", "Mã mặt hàng", "Số lượng", "Số tiền hoặc đơn giá", "Trường"),
    )
    at = ("HP256", "KS-2026", "15/08/2026")
    loaded = taken(
        sqlite_world,
        "needs",
        tmp_path / "n.csv",
        heads,
        ("NC-1", *at, "SUA", MINH_TAN, "31", "120", MILK, "240", "8.000", "Trường Bí Mật"),
        ("NC-2", *at, "SUA", LAI_XUAN, "31", "3", MILK, "6", "8.000", "Trường Bí Mật"),
    )
    told, hidden = (record_at(sqlite_world, index).entry for index in loaded.indices)
    assert told.scope.heads == 120  # type: ignore[attr-defined]
    assert told.wanted.minor == 1_920_000  # type: ignore[attr-defined]
    assert (hidden.scope, hidden.items) == (None, ())  # type: ignore[attr-defined]
    assert hidden.surveyed_on == date(2026, 8, 1)  # type: ignore[attr-defined]
    held = bodies(sqlite_world)[-1]
    assert LAI_XUAN.encode() not in held
    assert b"SUA" not in held
    assert "Bí Mật".encode() not in b"".join(bodies(sqlite_world))
    without = load(
        sqlite_world.open,
        "needs",
        table(tmp_path / "w.csv", heads, ("NC-3", *at, "SUA", LAI_XUAN, "", "3", "", "", "8.000", "")),
        by="ke-toan",
    )
    assert faults(without.faults) == {(2, "Mã tỉnh", Reason.SMALL_GROUP_OPEN)}
    check_book(sqlite_world)


def test_every_template_is_a_list_that_can_be_filled_in(sqlite_world: World, tmp_path: Path) -> None:
    """The workbook that the command writes, filled in as a spreadsheet does it, and the CSV beside it."""
    home = sqlite_world.home.path
    for what, loader in LOADERS.items():
        for suffix in (".csv", ".xlsx"):
            path = tmp_path / f"{what}{suffix}"
            ran = sovang("load", what, "--template", path, "--json", home=home)
            assert ran.said["columns"] == [column.heading for column in loader.columns]
            with pytest.raises(Rejected, match="NO_LINES"):
                load(sqlite_world.open, what, path, by="ke-toan")
    assert sovang("load", "gifts", "--template", tmp_path / "gifts.csv", home=home).code == 3  # never written over
    filled = tmp_path / "filled.xlsx"
    book = xlsxwriter.Workbook(filled)
    sheet = book.add_worksheet()
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    values: dict[str, Any] = {"fund": "sua", "place": "cash:TM", "amount": 250_000, "name": NAME, "phone": PHONE}
    for at, column in enumerate(LOADERS["gifts"].columns):
        sheet.write_string(0, at, column.heading)
        if column.name == "received_on":
            sheet.write_datetime(1, at, datetime(2026, 8, 30), day)
        elif column.name in values:
            sheet.write(1, at, values[column.name])
    book.close()
    assert sovang("load", "gifts", filled, "--check", "--json", home=home).said["faults"] == []
    said = sovang("load", "gifts", filled, "--json", home=home).said
    assert (said["lines"], said["recorded"], said["faults"]) == (1, 1, [])
    assert sqlite_world.balance("cash:TM") == 250_000
    check_book(sqlite_world)


def test_the_command_says_what_is_wrong_and_ends_with_one(sqlite_world: World, tmp_path: Path) -> None:
    home = sqlite_world.home.path
    wrong = table(tmp_path / "g.csv", GIFTS, (*GIFT[:3], "50,000", NAME, PHONE))
    ran = sovang("load", "gifts", wrong, "--json", home=home)
    assert (ran.code, ran.said["recorded"]) == (1, 0)
    assert [fault["reason"] for fault in ran.said["faults"]] == ["ROW_AMBIGUOUS"]
    assert "Số tiền" in sovang("load", "gifts", wrong, home=home).out
    failed(sovang("load", "khac", home=home), 2, "MISUSE")
    failed(sovang("load", "gifts", home=home), 2, "MISUSE")
    failed(sovang("load", "gifts", tmp_path / "khong-co.csv", home=home), 3, "FILE_UNREADABLE")
    failed(sovang("load", "npsp", tmp_path, home=home), 2, "MISUSE")
    check_book(sqlite_world)


def test_the_ready_catalogue_enters_once_and_an_edited_file_as_its_next_version(
    sqlite_world: World, tmp_path: Path
) -> None:
    world, folder = sqlite_world, tmp_path / "danh-muc"
    home = world.home.path
    first = sovang("load", "catalogue", "--json", home=home).said
    assert first["faults"] == []
    assert first["kept"] == ["HP256"]  # the world had opened it itself
    before = size(world)
    again = sovang("load", "catalogue", "--json", home=home).said
    assert (again["recorded"], size(world)) == (0, before)
    told = sovang("load", "catalogue", "--template", folder, "--json", home=home).said
    assert len(told["files"]) == len(FILES)
    assert write_ready(folder) == []  # what was edited is not written over
    packages, classes = folder / "packages.csv", folder / "classes.csv"
    line = "VC-1,Bộ vui chơi ngoài trời,HP256,VUICHOI,TCVN 6238,sach-vo:2;dep:3,5.000.000,VND,2025-01-01\n"
    packages.write_text(packages.read_text("utf-8") + line, "utf-8")
    assert load_catalogue(world.open, folder, by="ke-toan").recorded == 1
    for price in ("6.000.000", "5.000.000"):  # and back: the same words are said again
        packages.write_text(packages.read_text("utf-8").replace("5.000.000", "7").replace("6.000.000", "7"), "utf-8")
        packages.write_text(packages.read_text("utf-8").replace(",7,", f",{price},"), "utf-8")
        assert load_catalogue(world.open, folder, by="ke-toan").recorded == 1
        assert load_catalogue(world.open, folder, by="khac").recorded == 0
    edited = [row.replace("2019-01-01", "2026-09-01") if row.startswith("HN-01") else row for row in
              classes.read_text("utf-8").splitlines()]  # fmt: skip
    classes.write_text("\n".join(edited) + "\n", "utf-8")
    changed = load_catalogue(world.open, folder, by="ke-toan")
    assert (changed.recorded, changed.faults) == (1, [])
    entry = record_at(world, changed.indices[0]).entry
    assert [one.code for one in entry.classes] == ["HN-01"]  # type: ignore[attr-defined]
    packages.write_text(packages.read_text("utf-8").replace("sach-vo:2", "khong-co:2"), "utf-8")
    wrong = load_catalogue(world.open, folder, by="ke-toan")
    assert [(fault.row, fault.column, fault.reason) for fault in wrong.faults] == [
        (2, "packages.csv: items", Reason.NO_SUCH_GOODS)
    ]
    with pytest.raises(Rejected, match="FILE_UNREADABLE"):
        load_catalogue(world.open, tmp_path, by="ke-toan")
    check_book(world)


def test_the_ready_set_says_what_the_plans_say() -> None:
    """The product's own files against the facts they were taken from."""
    from importlib.resources import files

    def rows(name: str) -> list[dict[str, str]]:
        text = files("ledger").joinpath("data", name).read_text(encoding="utf-8")
        return list(csv.DictReader(text.splitlines()))

    def seeds(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(shared(f"data/{name}").read_text("utf-8").splitlines()))

    classes = {row["code"]: row for row in rows("classes.csv")}
    for seed in seeds("beneficiary_categories.csv"):
        assert classes[seed["code"]]["name_vi"] == seed["name_vi"]
        assert (classes[seed["code"]]["sensitive"] == "yes") == (seed["privacy_level"] == "never public")
    assert [f"HCDB-{number:02}" in classes for number in range(1, 15)] == [True] * 14
    targets = {row["target"]: row for row in rows("targets.csv")}
    for seed in seeds("targets_and_deadlines.csv"):
        if seed["kind"] == "target":
            assert (targets[seed["id"]]["value"], targets[seed["id"]]["by_on"][:4]) == (seed["value"], seed["due"])
    flagged = {row["code"] for row in rows("commune_flags.csv") if row["flag"] == "khu-vuc-2"}
    assert flagged == {row["old_code"] for row in seeds("seed_communes.csv") if "khu vực II" in row["region_class"]}
    assert {row["code"] for row in seeds("activity_types.csv")} == {r["code"] for r in rows("activities.csv")} - {
        "HOTRO"
    }


def test_an_export_of_another_system_with_its_totals(sqlite_world: World) -> None:
    """NPSP: every dollar of what is closed and won, by fund; what is not taken is said, with the reason."""
    folder, world = shared(EXPORT), sqlite_world
    world.say("place_opened", place="bank:USD", name="Tài khoản USD", currency="USD")

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((folder / f"{name}.csv").read_text("utf-8").splitlines()))

    def cents(text: str) -> int:
        return int(Decimal(text) * 100)

    home = world.home.path
    words = ("load", "npsp", folder, "--place", "bank:USD")
    before = size(world)
    checked = sovang(*words, "--check", "--json", home=home).said
    assert size(world) == before
    said = sovang(*words, "--json", home=home).said
    assert {name: said[name] for name in said if name != "unsigned"} == checked
    won = {row["id"]: cents(row["amount"]) for row in rows("Opportunity") if row["stage_name"] == "Closed Won"}
    assert said["gifts_minor"] == sum(won.values()) == world.balance("bank:USD", "USD") == 21_752_000
    parts: Counter[str] = Counter()
    for row in rows("Allocation__c"):
        parts[f"fund:npsp-gau-{row['General_Accounting_Unit__c']}"] += cents(row["Amount__c"])
    assert {fund: world.balance(fund, "USD") for fund in parts} == parts
    assert world.balance("fund:npsp-chung", "USD") == sum(won.values()) - sum(parts.values())
    pledged = sum(cents(row["amount"]) for row in rows("Opportunity") if row["stage_name"] == "Pledged")
    assert said["pledged_minor"] == pledged + 12 * 75_00
    assert -world.balance("promised", "USD") == said["pledged_minor"]
    credited = sum(cents(row["Amount__c"]) for row in rows("Partial_Soft_Credit__c") if row["Opportunity__c"] in won)
    assert said["credits_minor"] == credited
    persons = len(rows("Contact"))
    bodies_ = [row for row in rows("Account") if row["npe01__SYSTEM_AccountType__c"] != "Household Account"]
    assert said["taken"]["donor_registered"] == persons + len(bodies_)
    not_taken = {(one["object"], one["why"].partition(":")[0]): one["rows"] for one in said["refused"]}
    households = len(rows("Account")) - len(bodies_)
    assert not_taken["Account", "a household"] == households
    stages = Counter(row["stage_name"] for row in rows("Opportunity"))
    assert not_taken["Opportunity", "neither closed won nor pledged"] >= stages["Closed Lost"]
    counted = len(won) + stages["Pledged"] + sum(n for (of, _), n in not_taken.items() if of == "Opportunity")
    assert counted == len(rows("Opportunity"))
    again = load_npsp(world.open, folder, "bank:USD", by="khac")
    assert (sum(again.taken.values()), again.repeated, again.faults) == (0, sum(said["taken"].values()), [])
    held = b"".join(bodies(world)[before:])
    contact = rows("Contact")[1]
    assert contact["LastName"].encode() not in held
    failed(sovang("load", "npsp", folder, "--place", "stock:KHO", home=home), 1, "NO_SUCH_PLACE")
    failed(sovang("load", "npsp", folder.parent, "--place", "bank:USD", home=home), 1, "FILE_UNREADABLE")
    check_book(world)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("Contact", "\n2,", "\n2 hoặc 3,"),
        ("Opportunity", "\n2,", "\n1,"),
        ("npe03__Recurring_Donation__c", "\n1,", "\n#REF!,"),
        ("General_Accounting_Unit__c", "\n2,", "\n,"),
    ],
)
def test_an_export_whose_rows_are_not_known_by_ids(
    sqlite_world: World, tmp_path: Path, name: str, old: str, new: str
) -> None:
    """Rows are known again by their ids: one without, or two of one, stop the file with the row."""
    sqlite_world.say("place_opened", place="bank:USD", name="Tài khoản USD", currency="USD")
    shutil.copytree(shared(EXPORT), tmp_path, dirs_exist_ok=True)
    file = tmp_path / f"{name}.csv"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    before = size(sqlite_world)
    with pytest.raises(Rejected, match="ROW_MALFORMED") as caught:
        load_npsp(sqlite_world.open, tmp_path, "bank:USD", by="ke-toan")
    assert (caught.value.details["file"], caught.value.details["column"]) == (f"{name}.csv", "id")
    assert size(sqlite_world) == before


def test_an_amount_beyond_all_numbers_is_none(sqlite_world: World, tmp_path: Path) -> None:
    sqlite_world.say("place_opened", place="bank:USD", name="Tài khoản USD", currency="USD")
    shutil.copytree(shared(EXPORT), tmp_path, dirs_exist_ok=True)
    file = tmp_path / "Allocation__c.csv"
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    rows[0]["Amount__c"] = "1E999999"
    table(file, tuple(rows[0]), *(tuple(row.values()) for row in rows))
    loaded = load_npsp(sqlite_world.open, tmp_path, "bank:USD", by="ke-toan", check=True)
    assert loaded.refused["Allocation__c", "no amount, no unit, or more than the gift"] == 1


def test_a_list_sent_to_the_api(sqlite_world: World, sqlite_client: TestClient, tmp_path: Path) -> None:
    """The same list by the API: faults when asked, the first of them as the refusal, once however often it is sent."""
    good = table(tmp_path / "g.csv", GIFTS, GIFT).read_bytes()
    wrong = table(tmp_path / "w.csv", GIFTS, (*GIFT[:3], "50,000", NAME, PHONE)).read_bytes()

    def sent(body: bytes, query: str = "", kind: str = "text/csv", what: str = "gifts") -> tuple[int, dict[str, Any]]:
        answer = sqlite_client.post(f"/api/v1/load/{what}{query}", content=body, headers={"Content-Type": kind})
        return answer.status_code, answer.json()

    before = size(sqlite_world)
    assert sent(good, "?check=true") == (200, {"lines": 1, "recorded": 0, "repeated": 0, "faults": []})
    status, told = sent(wrong, "?check=true")
    assert (status, [fault["reason"] for fault in told["faults"]]) == (200, ["ROW_AMBIGUOUS"])
    status, problem = sent(wrong)
    assert (status, problem["reason"], problem["details"]["row"]) == (422, "ROW_AMBIGUOUS", 2)
    assert size(sqlite_world) == before
    assert sent(good)[1]["recorded"] == 1
    assert sent(good)[1]["repeated"] == 1
    assert sent(good, kind="application/json")[1]["reason"] == "FORMAT_UNKNOWN"
    assert sent(good, what="khac")[0] in (400, 404, 422)
    assert sent(b"x" * (MAX_BODY + 1))[0] == 413
    check_book(sqlite_world)
