"""R12: special attention to the four communes of khu vực II: which share of the support they get."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import SHA

BA_VI, KHANH_THUONG, BA_TRAI = "09703@2019-01-01", "09712@2019-01-01", "09697@2019-01-01"
YEN_BAI = "09706@2025-07-01"
SPRING, SUMMER, AUTUMN = "2025-05-20", "2025-06-20", "2025-09-20"


def hand_over(walk: Walk, code: str, minor: int, commune: str | None, on: str, **allocated: Any) -> int:
    """Money of the common fund from a decision to the children of a commune, or of one that is not named."""
    amount = {"minor": minor, "unit": "VND"}
    asked = {
        "activity": "HOCBONG",
        "allocated_on": on,
        "communes": [] if commune is None else [commune],
        "decision_sha256": SHA,
        "fund": "chung",
        "programme": "HN3874",
    }
    walk.say("allocated", allocation=f"pb-{code}", amount=amount, **{**asked, **allocated})
    payee = {"holder": "xa", "payee_kind": "commune"}
    order = {"amount": amount, "order": f"lc-{code}"}
    walk.say("payment_ordered", allocation=f"pb-{code}", ordered_on=on, payee=payee, place="bank:VCB", **order)
    walk.say("money_advanced", holder="xa", paid_on=on, parts=[], place="bank:VCB", **order)
    given = {"allocation": f"pb-{code}", "amount": amount, "fund": "chung", "handed": f"lc-{code}", "holder": "xa"}
    if commune is None:
        detail = {"private": {"commune": BA_VI, "activity": "HOCBONG", "heads": "3"}}
        scope: dict[str, Any] = {"hidden": {"province": "01", "detail": detail}}
        return walk.say("delivered", delivered_on=on[:8] + "01", **given, **scope).index
    scope = {"scope": {"activity": allocated.get("activity", "HOCBONG"), "commune": commune, "heads": 40}}
    return walk.say("delivered", delivered_on=on, **given, **scope).index


def shares(walk: Walk) -> list[tuple[Any, ...]]:
    made = walk.sovang("report", "flagged", "--year", "2025", "--option", "flag=khu-vuc-2")
    return [tuple(row["cells"][name] for name in ("name", "used", "share")) for row in made["rows"]]


def test_r12_share_of_support_to_flagged_communes(walk: Walk) -> None:
    """The catalogue names the four communes of khu vực II with the plan that says so.
    Scholarships reach two of them, one other commune, and a small group whose commune is not named.
    The report of the year says what each flagged commune got and which share, the small group in a line of its own.
    Every line leads to its deliveries; a reversed delivery counts no more.
    Whether a unit of the new map bears the flag is decided by a person: until then it counts as another commune.
    A commune that never stood in a list cannot be flagged.
    """
    assert walk.sovang("load", "catalogue")["faults"] == []
    walk.gift(100_000_000, fund="chung")
    first = hand_over(walk, "1", 6_000_000, BA_VI, SPRING)
    hand_over(walk, "2", 3_000_000, KHANH_THUONG, SUMMER)
    hand_over(walk, "3", 10_000_000, BA_TRAI, SUMMER)
    hand_over(walk, "4", 1_000_000, None, SUMMER, activity="HOTRO", allocated_on="2025-06-01",
              hidden={"province": "01", "detail": {"private": {"commune": BA_VI}}})  # fmt: skip
    assert shares(walk) == [
        ("xã Ba Vì", 6_000_000, 3000),
        ("xã Khánh Thượng", 3_000_000, 1500),
        ("các xã khác — communes without khu-vuc-2", 10_000_000, 5000),
        ("không nêu xã — commune not named", 1_000_000, 500),
    ]
    made = walk.sovang("report", "flagged", "--year", "2025")
    assert made["rows"][0]["records"] == [first]
    assert made["notes"] == ["khu-vuc-2: 45,00% (VND)"]
    walk.sovang("reverse", str(first), "--why", "Ghi nhầm xã", "--on", walk.today)
    assert [share for _, _, share in shares(walk)] == [2143, 7143, 714]
    later = hand_over(walk, "5", 7_000_000, YEN_BAI, AUTUMN)
    assert ("xã Yên Bài", 7_000_000) not in [row[:2] for row in shares(walk)]
    decision = {"decision": "Quyết định 1/QĐ-UBND", "flag": "khu-vuc-2", "from_on": "2025-07-01"}
    walk.say("commune_flagged", commune=YEN_BAI, **decision)
    assert ("xã Yên Bài", 7_000_000) in [row[:2] for row in shares(walk)]
    assert later in [
        index for row in walk.sovang("report", "flagged", "--year", "2025")["rows"] for index in row["records"]
    ]
    assert walk.refused("commune_flagged", commune="00001@2025-07-01", **decision) == "NO_SUCH_COMMUNE"
