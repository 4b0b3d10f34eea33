"""Funds, pledges, donors, receipts: every kind of this family said once."""

from typing import Any

from ledger.book import Recorded
from tests.ledger.saying import DAY, parts, person, say
from tests.worlds import OPEN_TO_ALL, SHA, World, vnd

FIRM, MATCH, SOFT, TWICE = "K7M4X2PQ", "A2345678", "B2345678", "C2345678"
USD = {"minor": 100_000, "unit": "USD"}


def tell(world: World) -> None:
    """From a world fresh from tests.worlds."""
    say(world, "place_opened", place="bank:USD", name="Vietcombank USD", currency="USD")
    say(
        world,
        "fund_opened",
        fund="cap",
        name="Nguồn có trần chi quản lý",
        admin_cap={"base": "received", "permille": 50},
    )
    window = {**OPEN_TO_ALL, "from_on": "2026-08-01", "to_on": "2026-08-31"}
    say(world, "fund_opened", fund="thang8", name="Nguồn tháng tám", restriction=window)
    donors(world)
    pledges(world)
    receipts(world)


def donors(world: World) -> None:
    """Registered twice, put together, taken apart; consents; a company abroad."""
    port = say(
        world,
        "donor_registered",
        donor={"private": {"name": "Công ty Cảng", "tax_code": "0200000001", "phone": "0900000000"}},
        donor_kind="organisation",
        country="VN",
        support_forms=["tien", "hien-vat"],
    ).index
    again = say(world, "donor_registered", donor={"private": {"name": "CONG TY CANG", "tax_code": "0200000001"}}).index
    world.say("donors_merged", alias=again, donor=port, merged_on=DAY)
    world.say("donors_unmerged", alias=again, unmerged_on=DAY)
    world.say("donors_merged", alias=again, donor=port, merged_on=DAY)
    world.say("consent_given", donor=port, given_on=DAY, consent_sha256=SHA)
    world.say("consent_withdrawn", donor=port, withdrawn_on=DAY)


def pledges(world: World) -> None:
    """Instalments amended, a soft one lapsed, a recurring one cancelled, a matching one written off."""
    instalments = [{"due_on": "2026-10-01", "minor": 200_000}, {"due_on": "2027-01-01", "minor": 300_000}]
    say(world, "pledge_made", pledge=FIRM, due_on=None, instalments=instalments)
    later = [{"due_on": "2026-10-01", "minor": 200_000}, {"due_on": "2027-03-01", "minor": 400_000}]
    amended = {"pledge": FIRM, "amended_on": DAY, "consent_sha256": SHA}
    world.say("pledge_amended", **amended, amount=vnd(600_000), instalments=later)
    world.say("pledge_amended", **amended, amount=vnd(550_000), due_on="2027-01-01")
    say(world, "gift_received", amount=vnd(250_000), pledge={"pledge": FIRM, "minor": 200_000})
    say(world, "pledge_made", pledge=SOFT, firm=False, amount=vnd(100_000))
    world.say("pledge_lapsed", pledge=SOFT, lapsed_on=DAY)
    recurring = {"every": "quarter", "times": 4}
    say(world, "pledge_made", pledge=TWICE, amount=vnd(400_000), due_on="2026-09-30", recurring=recurring)
    world.say("pledge_cancelled", pledge=TWICE, cancelled_on=DAY, why="Người ủng hộ đổi ý")
    matching = {"fund": "sua", "permille": 500, "from_on": "2026-08-01", "to_on": "2026-12-31"}
    say(world, "pledge_made", pledge=MATCH, amount=vnd(1_000_000), due_on=None, matching=matching)
    ended = {"decision_sha256": SHA, "why": "Công ty giải thể", "written_off_on": DAY}
    world.say("pledge_written_off", pledge=MATCH, **ended)


def receipts(world: World) -> None:
    """A fund with a cap, money from abroad exchanged, a purpose varied, an envelope given back, credits."""
    given = say(world, "gift_received", fund="cap", amount=vnd(1_000_000)).index
    say(world, "bank_fee_charged", fund="cap", amount=vnd(10_000))
    say(world, "management_spent", place="bank:VCB", fund="cap", amount=vnd(30_000))
    consent = {"fund": "cap", "to_fund": "sua", "consent_sha256": SHA, "varied_on": DAY}
    varied = {"amount": vnd(100_000), "gift": given, **consent}
    two_persons(world, "restriction_varied", **varied)
    say(
        world,
        "gift_received",
        place="bank:USD",
        fund="chung",
        amount=USD,
        donor=person("Save the Children"),
        foreign={"country": "GB", "approval": "12/QĐ-UBND", "approved_on": "2026-08-20"},
        rate={"vnd_minor": 25_900_000, "source": "Vietcombank", "rate_on": DAY},
    )
    exchange = {
        "place": "bank:USD",
        "to_place": "bank:VCB",
        "fund": "chung",
        "exchanged_on": DAY,
        "rate_source": "Vietcombank, phiếu bán ngoại tệ",
        "parts": [],
    }
    world.say(
        "currency_exchanged",
        **exchange,
        amount={"minor": 60_000, "unit": "USD"},
        bought=vnd(15_540_000),
        bought_parts=[],
    )
    statement = say(
        world, "statement_imported", lines=1, new_lines=1, out_minor=0, in_minor=10_360_000, closing_minor=11_360_000
    ).index
    say(world, "suspense_received", statement=statement, amount=vnd(10_360_000))
    world.say(
        "currency_exchanged",
        **exchange,
        amount={"minor": 40_000, "unit": "USD"},
        bought=vnd(10_360_000),
        bought_parts=parts((2, 10_360_000)),
    )
    sheet = say(world, "cash_sheet_received").index
    say(world, "gift_refunded", place="cash:TM", fund="chung", amount=vnd(50_000), gift=sheet, part=1)
    batch = say(world, "gateway_settled").index
    say(world, "gift_refunded", fund="chung", amount=vnd(80_000), gift=batch, part=1)
    credits = [{"person": person("Lớp chuyên Toán"), "minor": 60_000}, {"person": person("Tổ Hóa"), "minor": 40_000}]
    world.say("credits_listed", gift=sheet, part=0, credits=credits, listed_on=DAY)


def two_persons(world: World, kind: str, **fields: Any) -> Recorded:
    """Two persons decide it: ke-toan proposes, chu-tk approves."""
    draft = {"kind": kind, **fields}
    proposal = world.say("proposed", draft=draft, proposed_on=DAY)
    leaf = proposal.leaf_hash.hex()
    approval = {"kind": "approved", "approved_on": DAY, "proposed": proposal.index, "proposed_leaf": leaf}
    world.open.requests.submit([{"entry": approval}], "chu-tk")
    return world.say(**draft, proposal=leaf)
