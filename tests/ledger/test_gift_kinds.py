"""Funds, pledges, donors and receipts: what each kind moves, what it refuses by its exact reason, what is kept of it.

Without these a donor's word could be bent: money for another purpose, a promise counted as money, a cap passed.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from audit.findings import FindingKind
from audit.reports import Period, Report, make_report, open_source
from audit.trace import trace_stored
from certificates.issue import is_live
from ledger.approving import approve
from ledger.entries.foreign import approval_needed, approval_rules
from ledger.entries.pledges import Instalment, Matching, PledgeMade, Recurring, due_of_matching, schedule, standing
from ledger.entries.restrictions import TALLY
from ledger.money import dong
from ledger.record import KINDS
from ledger.refusals import Reason
from ledger.registers import Key, decode_value
from ledger.store import read
from ledger.store.engine import reading
from tests import audits
from tests.ledger.refusing import refused
from tests.ledger.replayed import check_book
from tests.ledger.saying import DAY, parts, person, posted, record_at, request, reversal, reverse, say, size
from tests.ledger.story3 import gifts
from tests.worlds import OPEN_TO_ALL, SHA, World, vnd

R = Reason
CAP = {"base": "received", "permille": 100}
A, B, C = "A2345678", "B2345678", "C2345678"
USD = {"minor": 100_000, "unit": "USD"}
FAMILY = {
    "restriction_varied",
    "pledge_amended",
    "pledge_lapsed",
    "pledge_cancelled",
    "pledge_written_off",
    "donors_merged",
    "donors_unmerged",
    "consent_given",
    "consent_withdrawn",
    "credits_listed",
    "currency_exchanged",
}


@pytest.fixture
def world(sqlite_world: World) -> World:
    """On SQLite; that PostgreSQL gives the same bytes for every kind, test_golden holds."""
    return sqlite_world


def row_of(world: World, register: str, key: str) -> dict[str, Any] | None:
    """A register row as stored."""
    with reading(world.open.engine) as db:
        value = read.registers(db, world.open.code, [Key(register, key)]).get(Key(register, key))
    return None if value is None else decode_value(value)


def reported(world: World, kind: str, **options: str) -> Report:
    """A report over 2026 for who may open the vault."""
    with open_source(world.open, private=True) as source:
        return make_report(source, kind, Period.year(2026), options)


def cells(report: Report, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of every row."""
    at = [[column.name for column in report.columns].index(name) for name in names]
    return [tuple(row.cells[n] for n in at) for row in report.rows]


def capped(world: World, **cap: Any) -> None:
    say(world, "fund_opened", fund="cap", name="Nguồn có trần", admin_cap={**CAP, **cap})


def vary(world: World, minor: int = 100_000, **changed: Any) -> int:
    """A purpose varied by two persons; the index of the record."""
    fields = {"fund": "sua", "to_fund": "chung", "amount": vnd(minor), "consent_sha256": SHA, "varied_on": DAY}
    draft = {"kind": "restriction_varied", **fields, **changed}
    return decided(world, draft)


def decided(world: World, draft: dict[str, Any]) -> int:
    """What two persons decide."""
    proposal = world.say("proposed", draft=draft, proposed_on=DAY)
    done = approve(world.open, proposal.index, "chu-tk")
    assert done.entry is not None
    return done.entry.index


def exchange(world: World, **changed: Any) -> dict[str, Any]:
    """The request of 1,000 USD sold for 25,900,000 đồng."""
    usual: dict[str, Any] = {
        "kind": "currency_exchanged",
        "place": "bank:USD",
        "to_place": "bank:VCB",
        "fund": "chung",
        "amount": USD,
        "bought": vnd(25_900_000),
        "bought_parts": [],
        "exchanged_on": DAY,
        "parts": [],
        "rate_source": "Vietcombank",
    }
    return {**usual, **changed}


def dollars(world: World, **changed: Any) -> int:
    """1,000 USD from abroad in the general fund."""
    usual = {"place": "bank:USD", "fund": "chung", "amount": USD, "donor": person("Save the Children")}
    return say(world, "gift_received", **{**usual, **changed}).index


FOREIGN = {"country": "GB", "approval": "12/QĐ-UBND", "approved_on": "2026-08-20"}
RATE = {"vnd_minor": 25_900_000, "source": "Vietcombank", "rate_on": DAY}


# --- the story, and what each kind moves ----------------------------------------------------------------


def test_the_story_says_every_kind_of_the_family(world: World) -> None:
    """The golden book is made of it; the audit and the short replay find nothing in it."""
    gifts.tell(world)
    said = {record_at(world, index).entry.kind for index in range(size(world))}
    assert said & set(KINDS) >= FAMILY


def test_a_purpose_varied_moves_from_fund_to_fund(world: World) -> None:
    """Only the purpose view moves: the money lies where it lay."""
    gift = world.gift()
    index = vary(world, gift=gift.index)
    assert posted_at(world, index) == ["100000 VND fund:sua → fund:chung"]
    assert (world.balance("fund:sua"), world.balance("fund:chung"), world.balance("bank:VCB")) == (
        400_000,
        100_000,
        500_000,
    )
    assert row_of(world, "refunded", str(gift.index)) == {"minor": 0, "varied": 100_000}
    refused(R.NOT_REVERSIBLE, lambda: reverse(world, gift.index), "reversed")
    refused(R.NEEDS_APPROVAL, lambda: reverse(world, index))
    decided(world, reversal(world, index))
    assert row_of(world, "refunded", str(gift.index)) == {"minor": 0, "varied": 0}
    reverse(world, gift.index)
    assert world.balance("fund:sua") == 0


def posted_at(world: World, index: int) -> list[str]:
    return [f"{p.amount.minor} {p.amount.unit} {p.source} → {p.destination}" for p in record_at(world, index).postings]


def test_what_became_of_a_pledge(world: World) -> None:
    """The memo view holds what is still promised, through every change, reversal and end."""
    say(world, "pledge_made", pledge=A)
    amend = {"kind": "pledge_amended", "pledge": A, "amended_on": DAY, "consent_sha256": SHA}
    more = world.say(**amend, amount=vnd(600_000), due_on="2026-12-01")
    assert posted(world, more) == [f"100000 VND promised → pledge:{A}"]
    say(world, "gift_received", pledge={"pledge": A, "minor": 250_000})
    less = world.say(**amend, amount=vnd(300_000))
    assert posted(world, less) == [f"300000 VND pledge:{A} → promised"]
    same = world.say(**amend, amount=vnd(300_000), due_on="2027-01-01")
    assert posted(world, same) == []
    assert world.balance(f"pledge:{A}") == 50_000
    assert row_of(world, "pledge", A) == {
        "amount": vnd(300_000),
        "fund": "sua",
        "index": 10,
        "terms": same.index,
    }
    refused(R.NOT_REVERSIBLE, lambda: reverse(world, less.index), "reversed")
    refused(R.NOT_REVERSIBLE, lambda: reverse(world, 10), "reversed")
    ended = world.say("pledge_written_off", pledge=A, why="Giải thể", written_off_on=DAY, decision_sha256=SHA)
    assert posted(world, ended) == [f"50000 VND pledge:{A} → promised"]
    assert (world.balance(f"pledge:{A}"), world.balance("promised")) == (0, 0)
    assert (row_of(world, "pledge", A) or {})["ended"] == "pledge_written_off"
    refused(R.ALREADY_CLOSED, lambda: world.say(**amend, amount=vnd(700_000)), "pledge")
    refused(R.PARTS_DIFFER, lambda: say(world, "gift_received", pledge={"pledge": A, "minor": 1}), "pledge.minor")
    undone = reverse(world, ended.index)
    assert "ended" not in (row_of(world, "pledge", A) or {})
    reverse(world, undone.index)
    assert (row_of(world, "pledge", A) or {})["ended"] == "pledge_written_off"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("pledge_lapsed", {"lapsed_on": DAY}),
        ("pledge_cancelled", {"cancelled_on": DAY, "why": "Đổi ý"}),
        ("pledge_written_off", {"written_off_on": DAY, "why": "Giải thể", "decision_sha256": SHA}),
    ],
)
def test_a_pledge_ends_with_what_is_left_of_it(sqlite_world: World, kind: str, fields: dict[str, Any]) -> None:
    """What was kept stays kept; the rest is promised no more, and a kept pledge cannot end."""
    world = sqlite_world
    say(world, "pledge_made", pledge=A)
    say(world, "gift_received", amount=vnd(200_000), pledge={"pledge": A, "minor": 150_000})
    ended = world.say(kind, pledge=A, **fields)
    assert posted(world, ended) == [f"350000 VND pledge:{A} → promised"]
    assert world.balance("promised") == 0
    refused(R.ALREADY_CLOSED, lambda: world.say(kind, pledge=A, **fields), "pledge")
    say(world, "pledge_made", pledge=B)
    say(world, "gift_received", pledge={"pledge": B, "minor": 500_000})
    refused(R.PARTS_DIFFER, lambda: world.say(kind, pledge=B, **fields), "pledge")
    refused(R.NO_SUCH_PLEDGE, lambda: world.say(kind, pledge=C, **fields), "pledge")


def test_a_gift_larger_than_its_pledge_stands_with_the_part(world: World) -> None:
    """Nobody is asked to send money back because they gave more than they promised."""
    say(world, "pledge_made", pledge=A)
    gift = say(world, "gift_received", amount=vnd(800_000), pledge={"pledge": A, "minor": 500_000})
    assert posted(world, gift)[-1] == f"500000 VND pledge:{A} → promised"
    assert (world.balance("fund:sua"), world.balance(f"pledge:{A}")) == (800_000, 0)


def test_currency_exchanged_is_one_record_in_two_units(world: World) -> None:
    """A unit out and a unit in, in both views; at no index is one there without the other."""
    say(world, "place_opened", place="bank:USD", name="USD", currency="USD")
    dollars(world)
    sold = world.say(**exchange(world))
    assert posted(world, sold) == [
        "100000 USD fund:chung → exchange-purpose",
        "100000 USD bank:USD → exchange-place",
        "25900000 VND exchange-purpose → fund:chung",
        "25900000 VND exchange-place → bank:VCB",
    ]
    reverse(world, sold.index)
    assert (world.balance("fund:chung", "USD"), world.balance("fund:chung")) == (100_000, 0)


def test_currency_exchanged_explains_the_lines_of_both_banks(world: World) -> None:
    """Both statements have a line; the entry explains both, and a reversal lets both wait again."""
    say(world, "place_opened", place="bank:USD", name="USD", currency="USD")
    dollars(world)
    out = {"opening_minor": 100_000, "in_minor": 0, "out_minor": 100_000, "closing_minor": 0}
    usd = statement(world, place="bank:USD", currency="USD", **out)
    money_in = {"opening_minor": 0, "in_minor": 25_900_000, "out_minor": 0, "closing_minor": 25_900_000}
    dong_statement = statement(world, sha256="ab" * 32, **money_in)
    say(world, "suspense_paid", statement=usd, place="bank:USD", amount=USD)
    say(world, "suspense_received", statement=dong_statement, amount=vnd(25_900_000))
    whole = {"parts": parts((3, 100_000)), "bought_parts": parts((2, 25_900_000))}
    sold = world.say(**exchange(world, **whole))
    assert posted(world, sold) == [
        f"100000 USD senders → suspense:{3:032x}-0",
        "100000 USD fund:chung → exchange-purpose",
        "100000 USD outside → exchange-place",
        f"25900000 VND suspense:{2:032x}-0 → senders",
        "25900000 VND exchange-purpose → fund:chung",
        "25900000 VND exchange-place → outside",
    ]
    assert world.balance(f"suspense:{2:032x}-0") == world.balance(f"suspense:{3:032x}-0", "USD") == 0
    reverse(world, sold.index)
    assert world.balance(f"suspense:{2:032x}-0") == 25_900_000


def statement(world: World, **fields: Any) -> int:
    return say(world, "statement_imported", lines=1, new_lines=1, **fields).index


def test_one_envelope_and_one_gift_of_a_batch_go_back(world: World) -> None:
    """What is known to be one donor's goes back to that donor, and only so much; the others are untouched."""
    sheet, batch = say(world, "cash_sheet_received").index, say(world, "gateway_settled").index
    back = {"place": "cash:TM", "fund": "chung", "gift": sheet}
    first = say(world, "gift_refunded", **back, part=1, amount=vnd(30_000))
    assert posted(world, first) == ["30000 VND fund:chung → donors", "30000 VND cash:TM → outside"]
    refused(R.PARTS_DIFFER, lambda: say(world, "gift_refunded", **back, part=1, amount=vnd(20_001)), "amount")
    say(world, "gift_refunded", **back, part=0, amount=vnd(100_000))
    assert row_of(world, "refunded", str(sheet)) == {"minor": 130_000, "parts": {"0": 100_000, "1": 30_000}}
    refused(R.NOT_REVERSIBLE, lambda: reverse(world, sheet), "reversed")
    reverse(world, first.index)
    assert row_of(world, "refunded", str(sheet)) == {"minor": 100_000, "parts": {"0": 100_000, "1": 0}}
    say(world, "gift_refunded", fund="sua", gift=batch, part=0, amount=vnd(120_000))
    for bad in ({"part": 2}, {"part": None}, {"part": 0, "fund": "sua"}):
        refused(R.NOT_A_GIFT, lambda: say(world, "gift_refunded", **{**back, **bad}), "gift")  # noqa: B023
    refused(R.NOT_A_GIFT, lambda: say(world, "gift_refunded", fund="chung", gift=batch, part=0), "gift")
    refused(R.NOT_A_GIFT, lambda: say(world, "gift_refunded", gift=world.gift().index, part=0), "gift")


def test_a_sheet_whose_purpose_was_varied_does_not_go_back_too(world: World) -> None:
    """The money went where its donors agreed; what would go back to them now is others' money."""
    sheet = say(world, "cash_sheet_received").index
    world.gift(500_000, fund="chung", place="cash:TM")
    say(world, "fund_opened", fund="khac", name="Nguồn khác")
    vary(world, 120_000, fund="chung", to_fund="khac", gift=sheet)
    back = {"place": "cash:TM", "fund": "chung", "gift": sheet, "part": 0}
    refused(R.PARTS_DIFFER, lambda: say(world, "gift_refunded", **back, amount=vnd(30_001)), "amount")
    say(world, "gift_refunded", **back, amount=vnd(30_000))


def test_credits_move_nothing_and_add_to_nothing(world: World) -> None:
    """Who collected is thanked; the money is counted once. The newest list holds."""
    gift = world.gift(100_000).index
    listed = {"gift": gift, "listed_on": DAY}
    credit = [{"person": person("Nhóm 1"), "minor": 60_000}, {"person": person("Nhóm 2"), "minor": 40_000}]
    said = world.say("credits_listed", **listed, credits=credit)
    assert posted(world, said) == []
    assert len(list(record_at(world, said.index).entry.persons())) == 2
    again = world.say("credits_listed", **listed, credits=credit[:1])
    assert row_of(world, "credits", str(gift)) == {"index": again.index}
    shown = reported(world, "donors")
    assert sum(given for (given,) in cells(shown, "given_minor")) == 100_000
    page = reported(world, "donor", record=str(again.index))
    assert cells(page, "what", "given_minor", "credit_minor") == [("ghi nhận công vận động", None, 60_000)]
    one_more = [*credit, {"person": person("Nhóm 3"), "minor": 1}]
    refused(R.PARTS_DIFFER, lambda: world.say("credits_listed", **listed, credits=one_more), "credits")
    refused(R.NOT_A_GIFT, lambda: world.say("credits_listed", gift=0, listed_on=DAY, credits=[]), "gift")
    refused(R.NOT_A_GIFT, lambda: world.say("credits_listed", **listed, part=0, credits=[]), "gift")
    sheet = say(world, "cash_sheet_received").index
    too_much = [{"person": person("Lớp"), "minor": 50_001}]
    refused(
        R.PARTS_DIFFER,
        lambda: world.say("credits_listed", gift=sheet, part=1, listed_on=DAY, credits=too_much),
        "credits",
    )
    reverse(world, gift)
    refused(R.GIFT_TAKEN_BACK, lambda: world.say("credits_listed", **listed, credits=[]), "gift")


def test_merged_donors_are_one_and_unmerged_two_again(world: World) -> None:
    """An alias is followed, a duplicate only proposed; no record changes."""
    port = {"private": {"name": "Công ty Cảng", "tax_code": "0200000001"}}
    first = say(world, "donor_registered", donor=port, donor_kind="organisation").index
    # The same number, written with a space.
    second = say(
        world, "donor_registered", donor={"private": {"name": "CÔNG TY CẢNG", "tax_code": "0200 000001"}}
    ).index
    world.gift(100_000, donor={"same_as": first})
    world.gift(200_000, donor={"same_as": second})
    proposed = reported(world, "donors")
    assert cells(proposed, "index", "given_minor") == [(first, 100_000), (second, 200_000)]
    assert f"Có thể là một người: bản ghi {first}, {second} — may be one donor; not merged by itself" in proposed.notes
    world.say("donors_merged", alias=second, donor=first, merged_on=DAY)
    assert cells(reported(world, "donors"), "index", "given_minor", "gifts") == [(first, 300_000, 2)]
    assert len(reported(world, "donor", record=str(second)).rows) == 4
    world.say("donors_unmerged", alias=second, unmerged_on=DAY)
    assert cells(reported(world, "donors"), "index", "given_minor") == [(first, 100_000), (second, 200_000)]


def test_consent_is_what_was_said_last(world: World) -> None:
    """A name stands on a list because its owner said so, and no longer than that."""
    donor = say(world, "donor_registered").index
    assert cells(reported(world, "donors"), "anonymous") == [("ẩn danh",)]
    world.say("consent_given", donor=donor, given_on=DAY, consent_sha256=SHA)
    assert cells(reported(world, "donors"), "anonymous") == [("",)]
    world.say("consent_withdrawn", donor=donor, withdrawn_on=DAY)
    assert cells(reported(world, "donors"), "anonymous") == [("ẩn danh",)]
    refused(R.NOT_THE_RECORD, lambda: world.say("consent_withdrawn", donor=donor, withdrawn_on=DAY), "donor")


def test_who_may_not_open_the_vault_sees_no_name(world: World) -> None:
    """A report without the vault names the record, never the person."""
    say(world, "donor_registered")
    with open_source(world.open) as source:
        shown = make_report(source, "donors", Period.year(2026))
    assert cells(shown, "donor") == [("(bản ghi 10)",)]
    assert b"Nguy" not in shown.canonical().replace("người".encode(), b"").replace("Người".encode(), b"")


def test_praise_takes_off_what_went_back_to_the_giver_and_to_nobody_else(world: World) -> None:
    """An envelope given back is not taken off the neighbour on the sheet."""
    donors = [say(world, "donor_registered", donor=person(name)).index for name in ("Người Một", "Người Hai")]
    envelopes = [{"donor": {"same_as": donor}, "minor": 50_000} for donor in donors]
    sheet = say(world, "cash_sheet_received", amount=vnd(100_000), envelopes=envelopes).index
    place = record_at(world, sheet).entry.place  # type: ignore[attr-defined]
    fund = record_at(world, sheet).entry.fund  # type: ignore[attr-defined]
    back = {"gift": sheet, "part": 0, "fund": fund, "place": place, "amount": vnd(40_000)}
    say(world, "gift_refunded", **back)
    assert cells(reported(world, "praise"), "donor", "given") == [("Người Hai", 50_000), ("Người Một", 10_000)]


def test_who_may_not_open_the_vault_learns_of_no_other_gift(world: World) -> None:
    """Records bear fresh tags: who knows one gift of a person does not learn the others. Consent opens the list."""
    donor = say(world, "donor_registered").index
    first = world.gift(100_000, donor={"same_as": donor}).index
    second = world.gift(200_000, donor={"same_as": donor}).index
    reverse(world, second)

    def asked(kind: str, **options: str) -> Report:
        with open_source(world.open) as source:
            return make_report(source, kind, Period.year(2026), options)

    assert cells(asked("donors"), "index", "given_minor") == [(donor, 0), (first, 100_000), (second, 0)]
    assert cells(asked("donor", record=str(first)), "index") == [(first,)]
    assert cells(asked("praise"), "given") == [(100_000,)]
    assert cells(reported(world, "donors"), "index", "given_minor") == [(donor, 100_000)]
    world.say("consent_given", donor=donor, given_on=DAY, consent_sha256=SHA)
    assert cells(asked("donors"), "index", "given_minor") == [(donor, 100_000)]
    assert cells(asked("donor", record=str(first)), "given_minor")[1:] == [(100_000,), (200_000,), (-200_000,)]


# --- caps on management ---------------------------------------------------------------------------------


def test_management_stays_within_the_funds_cap(world: World) -> None:
    """A decision above it is refused to the đồng; a reversal gives the room back; a refund takes it."""
    capped(world)
    spend = {"place": "bank:VCB", "fund": "cap"}
    gift = world.gift(1_000_000, fund="cap")
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "management_spent", **spend, amount=vnd(100_001)), "amount")
    spent = say(world, "management_spent", **spend, amount=vnd(100_000))
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "management_spent", **spend, amount=vnd(1)), "amount")
    assert row_of(world, TALLY, "cap/VND") == {"costs": 100_000, "received": 1_000_000, "used": 0}
    undone = reverse(world, spent.index)
    assert row_of(world, TALLY, "cap/VND") == {"costs": 0, "received": 1_000_000, "used": 0}
    reverse(world, undone.index)
    say(world, "gift_refunded", fund="cap", gift=gift.index, amount=vnd(200_000))
    assert row_of(world, TALLY, "cap/VND") == {"costs": 100_000, "received": 800_000, "used": 0}
    report = audits.check_book(world, allow={FindingKind.ADMIN_CAP_EXCEEDED})
    assert [(f.account, f.detail, f.severity) for f in report.findings] == [("costs:cap", "20000 VND", "open")]
    world.gift(200_000, fund="cap")


def test_a_fee_over_the_cap_is_recorded_and_found(world: World) -> None:
    """The bank does not ask: the fee stands, the finding too, until the base has grown."""
    capped(world)
    world.gift(100_000, fund="cap")
    say(world, "bank_fee_charged", fund="cap", amount=vnd(10_001))
    report = audits.check_book(world, allow={FindingKind.ADMIN_CAP_EXCEEDED})
    assert [(f.kind, f.detail) for f in report.findings] == [(FindingKind.ADMIN_CAP_EXCEEDED, "1 VND")]
    assert cells(reported(world, "sources"), "fund", "cap", "over_minor") == [("cap", "10% số tiếp nhận", 1)]
    world.gift(10, fund="cap")


def test_a_cap_on_what_was_used_counts_deliveries_and_purchases(world: World) -> None:
    """Money in a commune's hands is not used yet; goods bought are."""
    capped(world, base="used")
    world.gift(1_000_000, fund="cap")
    spend = {"place": "bank:VCB", "fund": "cap"}
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "management_spent", **spend, amount=vnd(1)), "amount")
    say(world, "allocated", fund="cap", amount=vnd(800_000))
    say(world, "payment_ordered", amount=vnd(300_000))
    say(world, "money_advanced", amount=vnd(300_000))
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "management_spent", **spend, amount=vnd(1)), "amount")
    used = say(world, "delivered", fund="cap", handed="lc-1", amount=vnd(300_000))
    assert row_of(world, TALLY, "cap/VND") == {"costs": 0, "received": 1_000_000, "used": 300_000}
    supplier = {"holder": "cty-sua", "payee_kind": "supplier"}
    say(world, "payment_ordered", order="lc-2", amount=vnd(200_000), payee=supplier)
    say(world, "money_advanced", order="lc-2", amount=vnd(200_000), holder="cty-sua")
    bought = say(world, "purchased")
    assert (row_of(world, TALLY, "cap/VND") or {})["used"] == 500_000
    spent = say(world, "management_spent", **spend, amount=vnd(50_000))
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "management_spent", **spend, amount=vnd(1)), "amount")
    say(world, "grant_sent", amount=vnd(100_000))
    assert (row_of(world, TALLY, "cap/VND") or {})["used"] == 600_000
    reverse(world, bought.index)
    reverse(world, used.index)
    assert (row_of(world, TALLY, "cap/VND") or {})["used"] == 100_000
    reverse(world, spent.index)


def test_a_fund_without_a_cap_keeps_no_tally_and_says_so_in_the_report(world: World) -> None:
    """Old books stay as they are; that donations paid management without a disclosed cap is shown."""
    say(world, "cash_sheet_received")
    say(world, "management_spent")
    assert row_of(world, TALLY, "chung/VND") is None
    assert any("chưa công bố trần: chung" in note for note in reported(world, "sources").notes)


# --- when a pledge is due -------------------------------------------------------------------------------


def made(amount: int = 1_200_000, **terms: Any) -> PledgeMade:
    from ledger.entries.base import Person

    fields: dict[str, Any] = {"pledge": A, "fund": "sua", "donor": Person((), "5e" * 16), "firm": True}
    return PledgeMade(amount=dong(amount), pledged_on=date(2026, 1, 31), **fields, **terms)


def test_a_recurring_pledge_is_due_on_its_day_or_the_months_last() -> None:
    """The 31st of a short month is its last day, and the 31st again after it."""
    monthly = schedule(made(due_on=date(2026, 1, 31), recurring=Recurring(every="month", times=4)))
    assert [str(one.due_on) for one in monthly] == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
    assert {one.minor for one in monthly} == {300_000}
    yearly = schedule(made(due_on=date(2028, 2, 29), recurring=Recurring(every="year", times=2)))
    assert [str(one.due_on) for one in yearly] == ["2028-02-29", "2029-02-28"]
    quarterly = schedule(made(due_on=date(2026, 11, 30), recurring=Recurring(every="quarter", times=2)))
    assert [str(one.due_on) for one in quarterly] == ["2026-11-30", "2027-02-28"]
    assert schedule(made()) == ()
    assert schedule(made(due_on=date(2026, 3, 1))) == (Instalment(date(2026, 3, 1), 1_200_000),)


def test_what_was_kept_fulfils_the_oldest_instalment_first() -> None:
    """First in, first out, to the đồng; what is kept beyond the last stands nowhere."""
    two = (Instalment(date(2026, 1, 1), 300), Instalment(date(2026, 2, 1), 500))
    assert [one.kept for one in standing(two, 0)] == [0, 0]
    assert [one.kept for one in standing(two, 301)] == [300, 1]
    assert [one.kept for one in standing(two, 900)] == [300, 500]


def test_a_matching_pledge_owes_a_share_of_others_receipts_up_to_its_cap() -> None:
    """Receipts count on their day, corrections too; the last day is in, the day after is not."""
    half = Matching(from_on=date(2026, 1, 1), fund="sua", permille=500, to_on=date(2026, 6, 30))
    receipts = [(date(2025, 12, 31), 900), (date(2026, 1, 1), 101), (date(2026, 6, 30), 200), (date(2026, 7, 1), 900)]
    assert due_of_matching(half, 1_000, receipts) == 150
    assert due_of_matching(half, 149, receipts) == 149
    assert due_of_matching(half, 1_000, [*receipts, (date(2026, 3, 1), -500)]) == 0


def test_the_report_of_pledges_says_what_is_due_and_overdue(world: World) -> None:
    """A reminder is right only if part payments, ends and matching are."""
    two = [{"due_on": "2026-09-10", "minor": 200_000}, {"due_on": "2026-12-01", "minor": 300_000}]
    say(world, "pledge_made", pledge=A, due_on=None, instalments=two)
    world.gift(250_000, pledge={"pledge": A, "minor": 250_000})
    say(world, "pledge_made", pledge=B, due_on="2026-09-05", firm=False)
    matching = {"fund": "sua", "permille": 1_000, "from_on": "2026-01-01", "to_on": "2026-12-31"}
    say(world, "pledge_made", pledge=C, amount=vnd(400_000), due_on=None, matching=matching)
    world.gift(50_000, pledge={"pledge": C, "minor": 50_000})
    world.clock.moment = world.clock.moment.replace(month=9, day=20)
    say(world, "interest_received", received_on="2026-09-20")
    shown = reported(world, "pledges")
    words = ("pledge", "part", "minor", "kept_minor", "state")
    assert cells(shown, *words) == [
        (B, "1/1", 500_000, 0, "quá hạn"),
        (A, "1/2", 200_000, 200_000, "đã đủ"),
        (A, "2/2", 300_000, 50_000, "đã một phần"),
        (C, "1/2", 250_000, 50_000, "đã một phần"),  # a share of the 250.000 of others, not of its own 50.000
        (C, "2/2", 150_000, 0, "chưa đến hạn"),
    ]
    assert cells(reported(world, "pledges", state="overdue"), "pledge") == [(B,)]
    assert cells(reported(world, "pledges", state="due", within="90"), "pledge", "left_minor") == [(A, 250_000)]
    refused(R.MALFORMED, lambda: reported(world, "pledges", state="late"), "state")
    refused(R.MALFORMED, lambda: reported(world, "pledges", within="-1"), "within")


def test_the_report_of_expired_funds_lists_what_must_go_back_or_be_varied(world: World) -> None:
    """Money that outlived its purpose is seen, and leaves the list when it was returned or varied."""
    window = {**OPEN_TO_ALL, "from_on": "2026-08-01", "to_on": "2026-08-31"}
    say(world, "fund_opened", fund="thang8", name="Nguồn tháng tám", restriction=window)
    gift = world.gift(300_000, fund="thang8")
    say(world, "allocated", allocation="pb-8", fund="thang8", amount=vnd(100_000), allocated_on="2026-08-09")
    shown = reported(world, "expired-funds")
    assert cells(shown, "fund", "days", "fund_minor", "set_aside_minor") == [("thang8", 1, 200_000, 100_000)]
    assert gift.index in shown.rows[0].records
    # Both when decided and when spent: the decision of the day stands, but nothing is handed over in September.
    say(world, "payment_ordered", order="lc-8", allocation="pb-8", amount=vnd(100_000))
    say(world, "money_advanced", order="lc-8", amount=vnd(100_000))
    late: dict[str, Any] = {"allocation": "pb-8", "fund": "thang8", "handed": "lc-8", "amount": vnd(100_000)}
    refused(R.OUTSIDE_RESTRICTION, lambda: say(world, "delivered", **late), "day")
    say(world, "gift_refunded", fund="thang8", gift=gift.index, amount=vnd(150_000))
    vary(world, 50_000, fund="thang8", gift=gift.index)
    assert reported(world, "expired-funds").rows == ()


# --- what each kind refuses -----------------------------------------------------------------------------


class Stage:
    """Funds, pledges and donors on which refusals are tried."""

    def __init__(self, world: World) -> None:
        self.world = world
        say(world, "place_opened", place="bank:USD", name="USD", currency="USD")
        say(world, "fund_opened", fund="rieng", name="Nguồn riêng", places=["bank:AGR"])
        say(world, "fund_opened")
        self.gift = world.gift(1_000_000).index
        self.other = world.gift(200_000, fund="chung").index
        self.taken_back = world.gift(70_000).index
        reverse(world, self.taken_back)
        self.refunded = world.gift(90_000).index
        say(world, "gift_refunded", gift=self.refunded)
        self.dollars = dollars(world)
        say(world, "pledge_made", pledge=A)
        say(world, "gift_received", pledge={"pledge": A, "minor": 400_000})
        say(world, "pledge_made", pledge=B)
        world.say("pledge_lapsed", pledge=B, lapsed_on=DAY)
        matching = {"fund": "sua", "permille": 500, "from_on": DAY, "to_on": DAY}
        say(world, "pledge_made", pledge=C, due_on=None, matching=matching)
        self.first = say(world, "donor_registered").index
        self.second = say(world, "donor_registered").index
        self.third = say(world, "donor_registered").index
        world.say("donors_merged", alias=self.second, donor=self.first, merged_on=DAY)
        say(world, "bank_fee_charged", fund="thieu")
        self.size = size(world)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for all refusals: a refusal leaves nothing, and the last audit says so."""
    world = World.create(tmp_path_factory.mktemp("stage") / "home", None)
    made = Stage(world)
    yield made
    assert size(world) == made.size
    check_book(world)
    world.home.close()


Case = tuple[Reason, str | None, str, dict[str, Any]]
NEW = "D2345678"
VARIED = {"fund": "sua", "to_fund": "chung", "amount": vnd(1), "consent_sha256": SHA, "varied_on": DAY}
AMENDED = {"pledge": A, "amended_on": DAY, "amount": vnd(600_000), "consent_sha256": SHA}
ONE, TWO = {"due_on": "2026-10-01", "minor": 200_000}, {"due_on": "2026-11-01", "minor": 300_000}
EVERY = {"every": "month", "times": 5}
MATCHING = {"fund": "sua", "permille": 500, "from_on": DAY, "to_on": DAY}


def pledge(reason: Reason, field: str, **fields: Any) -> Case:
    return (reason, field, "pledge_made", {"pledge": NEW, "due_on": None, **fields})


def aid(reason: Reason, field: str, **fields: Any) -> Case:
    whole = {"place": "bank:USD", "fund": "chung", "amount": USD, "foreign": FOREIGN, "rate": RATE, **fields}
    return (reason, field, "gift_received", whole)


REFUSED: list[Case] = [
    # purposes
    (R.NEEDS_APPROVAL, None, "restriction_varied", VARIED),
    (R.NO_SUCH_FUND, "fund", "restriction_varied", {**VARIED, "fund": "khong"}),
    (R.NO_SUCH_FUND, "to_fund", "restriction_varied", {**VARIED, "to_fund": "khong"}),
    (R.MALFORMED, "to_fund", "restriction_varied", {**VARIED, "to_fund": "sua"}),
    (R.PLACE_NOT_OF_FUND, "to_fund", "restriction_varied", {**VARIED, "to_fund": "rieng"}),
    (R.SHORTFALL_OPEN, "fund", "restriction_varied", {**VARIED, "fund": "thieu"}),
    (R.NOT_A_GIFT, "gift", "restriction_varied", {**VARIED, "gift": 0}),
    (R.NOT_A_GIFT, "gift", "restriction_varied", {**VARIED, "gift": "other"}),
    (R.NOT_A_GIFT, "gift", "restriction_varied", {**VARIED, "gift": "dollars"}),
    (R.NO_SUCH_RECORD, None, "restriction_varied", {**VARIED, "gift": 9_999}),
    (R.GIFT_TAKEN_BACK, "gift", "restriction_varied", {**VARIED, "gift": "taken_back"}),
    (R.PARTS_DIFFER, "amount", "restriction_varied", {**VARIED, "gift": "gift", "amount": vnd(1_000_001)}),
    (R.PARTS_DIFFER, "amount", "restriction_varied", {**VARIED, "gift": "refunded", "amount": vnd(40_001)}),
    (R.DAY_IN_FUTURE, "varied_on", "restriction_varied", {**VARIED, "varied_on": "2026-09-02"}),
    (R.MALFORMED, None, "fund_opened", {"fund": "moi", "admin_cap": {"base": "received", "permille": 1_001}}),
    # pledges
    pledge(R.PARTS_DIFFER, "instalments", instalments=[ONE]),
    pledge(R.MALFORMED, "instalments", instalments=[]),
    pledge(R.MALFORMED, "instalments", instalments=[TWO, ONE]),
    pledge(R.MALFORMED, "instalments", instalments=[ONE, {**TWO, "due_on": ONE["due_on"]}]),
    pledge(R.MALFORMED, "instalments", instalments=[{**ONE, "due_on": "2026-08-31"}, TWO]),
    pledge(R.MALFORMED, "due_on", instalments=[ONE, TWO], due_on="2026-10-01"),
    pledge(R.MALFORMED, "recurring", recurring=EVERY),
    pledge(R.MALFORMED, "recurring", recurring=EVERY, instalments=[ONE, TWO], due_on="2026-10-01"),
    pledge(R.PARTS_DIFFER, "recurring.times", recurring={**EVERY, "times": 3}, due_on="2026-10-01"),
    pledge(R.NO_SUCH_FUND, "matching.fund", matching={**MATCHING, "fund": "khong"}),
    pledge(R.MALFORMED, "matching.to_on", matching={**MATCHING, "to_on": "2026-08-31"}),
    pledge(R.MALFORMED, "matching", matching=MATCHING, due_on="2026-10-01"),
    pledge(R.MALFORMED, "matching", matching=MATCHING, instalments=[ONE, TWO]),
    (R.NO_SUCH_PLEDGE, "pledge", "pledge_amended", {**AMENDED, "pledge": NEW}),
    (R.ALREADY_CLOSED, "pledge", "pledge_amended", {**AMENDED, "pledge": B}),
    (R.UNIT_DIFFERS, "amount", "pledge_amended", {**AMENDED, "amount": USD}),
    (R.PARTS_DIFFER, "amount", "pledge_amended", {**AMENDED, "amount": vnd(399_999)}),
    (R.PARTS_DIFFER, "instalments", "pledge_amended", {**AMENDED, "instalments": [ONE, TWO]}),
    (R.MALFORMED, "instalments", "pledge_amended", {**AMENDED, "pledge": C, "due_on": "2026-10-01"}),
    (R.DAY_IN_FUTURE, "amended_on", "pledge_amended", {**AMENDED, "amended_on": "2026-09-02"}),
    # donors
    (R.MALFORMED, "country", "donor_registered", {"country": "GB"}),
    (R.NOT_THE_RECORD, "alias", "donors_merged", {"alias": "gift", "donor": "first", "merged_on": DAY}),
    (R.NOT_THE_RECORD, "donor", "donors_merged", {"alias": "third", "donor": "gift", "merged_on": DAY}),
    (R.MALFORMED, "alias", "donors_merged", {"alias": "first", "donor": "first", "merged_on": DAY}),
    (R.ALREADY_EXISTS, "alias", "donors_merged", {"alias": "second", "donor": "third", "merged_on": DAY}),
    (R.NOT_THE_RECORD, "donor", "donors_merged", {"alias": "third", "donor": "second", "merged_on": DAY}),
    (R.NOT_THE_RECORD, "donor", "donors_merged", {"alias": "first", "donor": "second", "merged_on": DAY}),
    (R.NOT_THE_RECORD, "alias", "donors_unmerged", {"alias": "first", "unmerged_on": DAY}),
    (R.NOT_THE_RECORD, "donor", "consent_given", {"donor": "gift", "given_on": DAY, "consent_sha256": SHA}),
    # aid from abroad
    aid(R.AID_NOT_APPROVED, "foreign.approval", foreign={"country": "GB"}),
    aid(R.MALFORMED, "foreign.country", foreign={**FOREIGN, "country": "VN"}),
    aid(R.MALFORMED, "foreign.approved_on", foreign={"country": "GB", "approval": "12/QĐ-UBND"}),
    aid(R.DAY_IN_FUTURE, "foreign.approved_on", foreign={**FOREIGN, "approved_on": "2026-09-02"}),
    aid(R.MALFORMED, "rate", rate=None),
    aid(R.DAY_IN_FUTURE, "rate.rate_on", rate={**RATE, "rate_on": "2026-09-02"}),
    aid(R.UNIT_DIFFERS, "rate", place="bank:VCB", amount=vnd(1), foreign=None),
    # currencies
    (R.NO_SUCH_FUND, "fund", "currency_exchanged", {"fund": "khong"}),
    (R.UNIT_DIFFERS, "bought", "currency_exchanged", {"bought": USD}),
    (R.UNIT_DIFFERS, "amount", "currency_exchanged", {"to_place": "bank:USD"}),
    (R.UNIT_DIFFERS, "amount", "currency_exchanged", {"place": "bank:VCB"}),
    (R.PLACE_NOT_OF_FUND, "place", "currency_exchanged", {"fund": "rieng"}),
    (R.NO_SUCH_LINE, "parts[0]", "currency_exchanged", {"bought_parts": parts((7, 25_900_000))}),
    (R.PARTS_DIFFER, "parts", "currency_exchanged", {"bought_parts": parts((7, 1))}),
    (R.WOULD_BE_OVERDRAWN, None, "currency_exchanged", {"amount": {"minor": 100_001, "unit": "USD"}}),
    (R.SHORTFALL_OPEN, "fund", "currency_exchanged", {"fund": "thieu", "amount": vnd(1), "bought": USD}),
]


@pytest.mark.parametrize(
    ("reason", "field", "kind", "fields"), REFUSED, ids=[f"{c[2]}-{c[0]}-{n}".lower() for n, c in enumerate(REFUSED)]
)
def test_a_kind_refuses_exactly_this(stage: Stage, reason: Reason, field: str | None, kind: str, fields: Any) -> None:
    """The reason is part of the public API, and its order too."""
    named = {name: getattr(stage, said, said) if isinstance(said, str) else said for name, said in fields.items()}
    if kind == "currency_exchanged":
        asked = exchange(stage.world, **named)
    else:
        try:
            asked = request(kind, **named)
        except KeyError:
            asked = {"kind": kind, **named}
    refused(reason, lambda: stage.world.say(**asked), field)


# --- aid from abroad ------------------------------------------------------------------------------------


def test_the_rule_on_aid_from_abroad_is_dated_data() -> None:
    """The law of the day of the gift; never judged on records made before the product knew the row."""
    day = date(2026, 9, 1)
    assert approval_needed("social-fund", received_on=day, recorded_on=day) == "Nghị định 313/2025/NĐ-CP"
    before = date(2025, 12, 7)
    assert approval_needed("social-fund", received_on=before, recorded_on=day) == "Nghị định 80/2020/NĐ-CP"
    assert approval_needed("social-fund", received_on=date(2020, 9, 16), recorded_on=day) is None
    assert approval_needed("social-fund", received_on=day, recorded_on=date(2020, 1, 1)) is None
    assert approval_needed("khac", received_on=day, recorded_on=day) is None
    assert all(rule.applied_from >= rule.valid_from for rule in approval_rules())


def test_a_book_whose_regime_asks_nothing_takes_aid_without_approval(tmp_path: Path) -> None:
    """The rule is the regime's, not the program's."""
    world = World.create(tmp_path / "home", None, regime="khac")
    say(world, "place_opened", place="bank:USD", name="USD", currency="USD")
    dollars(world, foreign={"country": "GB"}, rate=RATE)
    check_book(world)
    world.home.close()


def test_the_list_of_aid_from_abroad_keeps_the_worth_of_its_day(world: World) -> None:
    """Country, approval, rate: asked once, kept for ever; a reversal is a negative line."""
    say(world, "place_opened", place="bank:USD", name="USD", currency="USD")
    gift = dollars(world, foreign=FOREIGN, rate=RATE)
    world.gift(5_000_000, foreign={**FOREIGN, "country": "KR"})
    shown = reported(world, "foreign-aid")
    assert cells(shown, "country", "approval", "minor", "vnd") == [
        ("GB", "12/QĐ-UBND", 100_000, 25_900_000),
        ("KR", "12/QĐ-UBND", 5_000_000, 5_000_000),
    ]
    reverse(world, gift)
    assert cells(reported(world, "foreign-aid"), "minor", "vnd")[-1] == (-100_000, -25_900_000)
    assert reported(world, "foreign-aid").notes == ()
    body = {"donor": person("Good Neighbors"), "donor_kind": "foreign", "country": "KR"}
    registered = say(world, "donor_registered", **body).index
    silent = world.gift(1_000, donor={"same_as": registered}).index
    world.gift(2_000)
    unnamed = dollars(world)
    shown = reported(world, "foreign-aid")
    assert cells(shown, "index", "country", "approval")[-2:] == [(silent, "KR", None), (unnamed, None, None)]
    assert shown.notes == (f"Chưa nêu văn bản phê duyệt: bản ghi {silent}, {unnamed} — without an approval",)


# --- what becomes of it elsewhere -----------------------------------------------------------------------


def test_an_envelope_given_back_is_told_apart_from_its_neighbours(world: World) -> None:
    """Its trace and its paper know it; the other envelope's know nothing of it."""
    sheet = say(world, "cash_sheet_received")
    paper = {"gift": sheet.index, "gift_leaf": sheet.leaf_hash.hex(), "paper": "receipt"}
    say(world, "gift_refunded", place="cash:TM", fund="chung", gift=sheet.index, part=1, amount=vnd(50_000))
    with reading(world.open.engine) as db:
        first, second = (trace_stored(db, world.open.code, sheet.index, part=part) for part in (0, 1))
        whole = trace_stored(db, world.open.code, sheet.index)
    assert (first.refunded, second.refunded, whole.refunded) == (0, 50_000, 50_000)
    refused(R.GIFT_TAKEN_BACK, lambda: say(world, "certificate_issued", **paper, part=1), "gift")
    given = say(world, "certificate_issued", **paper, part=0)
    assert is_live(world.open, given.index)
    say(world, "gift_refunded", place="cash:TM", fund="chung", gift=sheet.index, part=0, amount=vnd(1))
    assert not is_live(world.open, given.index)


def test_a_gift_is_followed_through_another_purpose_and_another_currency(world: World) -> None:
    """Its donor's money is found where it went, to the smallest part."""
    say(world, "place_opened", place="bank:USD", name="USD", currency="USD")
    gift = world.gift(300_000)
    other = world.gift(100_000, fund="chung")
    vary(world, 100_000, gift=gift.index)
    aid = dollars(world)
    world.say(**exchange(world, amount={"minor": 40_000, "unit": "USD"}, bought=vnd(10_360_000)))
    say(world, "management_spent", place="bank:VCB", fund="chung", amount=vnd(200_000))
    with reading(world.open.engine) as db:
        one, two, three = (trace_stored(db, world.open.code, index) for index in (gift.index, other.index, aid))
    assert {held.account: held.minor for held in one.held} == {"fund:sua": 200_000}
    assert [use.amount_minor for use in one.uses] == [100_000]
    assert [use.amount_minor for use in two.uses] == [100_000]
    assert sum(held.minor for held in three.held) == 100_000
    assert three.uses == ()
