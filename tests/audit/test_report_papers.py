"""The register of certificates says of every paper what its public address says."""

import pytest

from audit.reports import Period, make_report, open_source
from audit.reports.papers import STATES
from certificates.issue import issue, paper_state
from ledger.entries.certificates import Paper
from ledger.refusals import Rejected
from tests.audits import check_book
from tests.worlds import SHA, TODAY, World, vnd


def test_register_and_public_address_say_the_same(sqlite_world: World) -> None:
    """An envelope given back, a gift reversed, a paper revoked: each ends its own paper and no other."""
    world = sqlite_world
    day = TODAY.isoformat()
    envelopes = [{"donor": {"private": {"name": f"Người {n}"}}, "minor": 100_000} for n in range(2)]
    sheet = world.say(
        "cash_sheet_received",
        place="cash:TM",
        fund="sua",
        amount=vnd(200_000),
        envelopes=envelopes,
        minutes_sha256=SHA,
        received_on=day,
    ).index
    gifts = [world.gift(500_000).index for _ in range(2)]
    world.open.checkpointer.run()
    decided = {"decision": "37/QĐ-HĐBT", "decided_on": TODAY, "signer": "Chủ tịch Hội đồng bảo trợ"}

    def given(gift: int, paper: Paper = "certificate", part: int | None = None) -> None:
        more = decided if paper == "certificate" else {}
        issue(world.open, gift, paper, by="ke-toan", issued_on=TODAY, part=part, **more)  # type: ignore[arg-type]

    for part in (0, 1):
        given(sheet, part=part)
    for gift in gifts:
        given(gift)
    given(gifts[0], "receipt")
    world.say(
        "gift_refunded",
        gift=sheet,
        part=1,
        fund="sua",
        amount=vnd(100_000),
        parts=[],
        place="cash:TM",
        refunded_on=day,
    )
    world.say("certificate_revoked", number=4, paper="certificate", revoked_on=day, why="Sai tên", year=2026)

    with open_source(world.open) as source:
        whole = make_report(source, "certificates", Period.year(2026), {"paper": "all"})
        only = make_report(source, "certificates", Period.year(2026), {"state": "valid"})
        for option in ({"paper": "bang-khen"}, {"state": "maybe"}):
            with pytest.raises(Rejected):
                make_report(source, "certificates", Period.year(2026), option)
    names = [column.name for column in whole.columns]
    told = [dict(zip(names, row.cells, strict=True)) for row in whole.rows]
    assert [(row["number"], row["minor"], row["state"]) for row in told] == [
        ("1/2026", 100_000, STATES["valid"]),
        ("2/2026", 100_000, STATES["cancelled"]),
        ("3/2026", 500_000, STATES["valid"]),
        ("4/2026", 500_000, STATES["revoked"]),
        ("1/2026", 500_000, STATES["valid"]),
    ]
    for row in told:
        paper: Paper = "certificate" if row["paper"] == "Giấy chứng nhận" else "receipt"
        assert STATES[paper_state(world.open, paper, 2026, int(str(row["number"]).split("/")[0])).state] == row["state"]
    assert dict(zip(names, whole.totals[0].cells, strict=True))["minor"] == 1_100_000, "of papers that hold"
    assert len(only.rows) == 2
    check_book(world)
