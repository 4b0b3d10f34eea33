"""R16: resources are used openly, in the right place, for the right child."""

from pathlib import Path

from tests.ledger.story3.aid import ACTIVITIES, SUPPORT, allocated, delivered, hidden, pay, sealed
from tests.requirements.conftest import Walk
from tests.worlds import LAI_XUAN, MINH_TAN


def test_r16_right_place_right_child(walk: Walk, tmp_path: Path) -> None:
    """The programme's list of communes changes on 15 September: one commune leaves it.
    An allocation to that commune is possible before that day and refused after it, a delivery too.
    Help given twice to one child for the same activity within thirty days is flagged in the vault.
    A hidden delivery to a commune outside the list is found by the eligibility report.
    Everybody can check the published log with the public key alone.
    """
    walk.gift(2_000_000)
    walk.gift(2_000_000, fund="chung")
    walk.say("activities_listed", activities=ACTIVITIES)
    both = [{"commune": MINH_TAN, "name": "Minh Tân", "province": "31"},
            {"commune": LAI_XUAN, "name": "Lại Xuân", "province": "31"}]  # fmt: skip
    walk.say("communes_listed", programme="HP256", communes=both, listed_on="2026-01-01")
    walk.say("communes_listed", programme="HP256", communes=both[:1], listed_on="2026-09-15")
    walk.say(**allocated("pb-1", 600_000, communes=[MINH_TAN, LAI_XUAN]))
    pay(walk.world, "pb-1", "lc-1", 600_000)
    there = {"activity": "SUA", "commune": LAI_XUAN, "heads": 10}
    first = walk.say(**delivered("pb-1", "lc-1", 100_000, scope=there, roll=sealed(children="TE1 TE2")))
    walk.go_to("2026-09-20")
    late = {"allocated_on": walk.today, "communes": [LAI_XUAN]}
    assert walk.refused(**allocated("pb-2", 1_000, **late)) == "OUTSIDE_RESTRICTION"
    refused = delivered("pb-1", "lc-1", 100_000, scope=there, delivered_on=walk.today)
    assert walk.refused(**refused) == "OUTSIDE_RESTRICTION"
    here = {"activity": "SUA", "commune": MINH_TAN, "heads": 10}
    again = {"scope": here, "delivered_on": walk.today, "roll": sealed(children="TE2 TE3")}
    second = walk.say(**delivered("pb-1", "lc-1", 100_000, **again))
    rows = walk.sovang("report", "duplicates", "--year", "2026", "--names")["rows"]
    assert [(row["cells"]["child"], row["records"]) for row in rows] == [("TE2", [first.index, second.index])]
    within = walk.sovang("report", "duplicates", "--year", "2026", "--names", "--option", "days=10")
    assert within["rows"] == []
    where = hidden(commune=LAI_XUAN, activity="SUA", day="2026-09-18")
    few = {"fund": "chung", "activity": SUPPORT, "communes": [], "allocated_on": "2026-09-01"}
    walk.say(**allocated("pb-3", 50_000, **few, hidden=where))
    pay(walk.world, "pb-3", "lc-3", 50_000)
    given = {"fund": "chung", "scope": None, "hidden": where, "delivered_on": "2026-09-01"}
    hid = walk.say(**delivered("pb-3", "lc-3", 50_000, **given))
    rows = walk.sovang("report", "eligibility", "--year", "2026", "--names")["rows"]
    outside = [row["cells"]["record"] for row in rows if "programme's list" in row["cells"]["result"]]
    assert outside == [hid.index]
    walk.sovang("checkpoint")
    tiles = tmp_path / "tiles"
    walk.sovang("tiles", str(tiles))
    vkey = walk.world.open.signer.verifier.vkey
    checked = walk.sovang("verify", "--tiles", str(tiles), "--vkey", vkey)
    assert checked["ok"] is True
