"""R28: help of international bodies: foreign money with its rate, and the approval reference present."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import vnd


def test_r28_a_gift_of_an_international_body(walk: Walk) -> None:
    """An international body sends a thousand dollars to the fund's dollar account.
    Without the reference of the approval the gift is refused, and without a rate too; the money waits in suspense.
    With both it is recorded: the receipt's record holds country, approval, rate, its source and its day.
    Part of the dollars is sold to the bank: one record takes dollars out and puts đồng in, for the same fund.
    Nothing is valued anew: the list of aid still shows the worth of the day of the gift.
    """
    walk.sovang("account", "open", "USD", "--kind", "bank", "--currency", "USD", "--name", "Vietcombank USD")
    dollars = {"minor": 100_000, "unit": "USD"}
    gift: dict[str, Any] = {
        "place": "bank:USD",
        "fund": "sua",
        "amount": dollars,
        "donor": {"private": {"name": "Save the Children"}},
        "received_on": walk.today,
        "parts": [],
    }
    rate = {"vnd_minor": 25_900_000, "source": "Vietcombank", "rate_on": walk.today}
    foreign = {"country": "GB", "approval": "1234/QĐ-UBND", "approved_on": "2026-08-20"}
    assert walk.refused("gift_received", **gift, rate=rate, foreign={"country": "GB"}) == "AID_NOT_APPROVED"
    assert walk.refused("gift_received", **gift, foreign=foreign) == "MALFORMED"
    index = walk.say("gift_received", **gift, rate=rate, foreign=foreign).index
    entry = walk.get(f"/api/v1/entries/{index}")["entry"]
    assert (entry["foreign"], entry["rate"]) == (foreign, rate)

    walk.go_to("2026-09-15")
    walk.say(
        "currency_exchanged",
        place="bank:USD",
        to_place="bank:VCB",
        fund="sua",
        amount={"minor": 40_000, "unit": "USD"},
        bought=vnd(10_480_000),
        bought_parts=[],
        exchanged_on=walk.today,
        parts=[],
        rate_source="Vietcombank, phiếu bán ngoại tệ",
    )
    held = {(row["account"], row["unit"]): row["minor"] for row in walk.sovang("balances")["balances"]}
    assert (held["fund:sua", "USD"], held["fund:sua", "VND"]) == (60_000, 10_480_000)
    assert (held["bank:USD", "USD"], held["bank:VCB", "VND"]) == (60_000, 10_480_000)
    (row,) = walk.sovang("report", "foreign-aid", "--year", "2026")["rows"]
    assert (row["cells"]["minor"], row["cells"]["vnd"], row["records"]) == (100_000, 25_900_000, [index])
