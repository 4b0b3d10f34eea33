"""R01: a network of donors: who gave and who can give, nobody twice and nobody against their will."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import SHA, vnd


def donors(walk: Walk, *words: str) -> dict[str, Any]:
    return walk.sovang("report", "donors", "--year", "2026", "--names", *words)


def column(report: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of every row."""
    return [tuple(row["cells"][name] for name in names) for row in report["rows"]]


def test_r01_network_of_donors(walk: Walk) -> None:
    """Three kinds of donors are registered: a company with its tax code and the forms of support that suit it, an
    international body with its country, a person; somebody gives without a name.
    The list shows since when, how often and how much each gave, and what each still promises: who gave, who can give.
    The company was registered twice: the list proposes the two as one and merges nothing by itself.
    Merged, both histories are one page; unmerged, they are two again, and no record has changed.
    The person's name is shown as anonymous until consent is given, and again once it is withdrawn.
    Without the right to open names the same list names records only.
    """
    day = walk.today
    port = {"private": {"name": "Công ty Cảng", "tax_code": "0200000001"}}
    company = {"donor_kind": "organisation", "may_publish_name": True, "country": "VN", "support_forms": ["hoc-bong"]}
    first = walk.say("donor_registered", donor=port, **company).index
    again = {"private": {"name": "CÔNG TY CẢNG", "tax_code": "0200 000 001"}}
    twin = walk.say("donor_registered", donor=again, donor_kind="organisation", may_publish_name=True).index
    ngo = {"donor": {"private": {"name": "Save the Children"}}, "donor_kind": "foreign", "country": "GB"}
    body = walk.say("donor_registered", **ngo, may_publish_name=True).index
    person = {"donor": {"private": {"name": "Trần Thị Bình"}}, "donor_kind": "person"}
    binh = walk.say("donor_registered", **person, may_publish_name=False).index
    walk.gift(2_000_000, donor={"same_as": first})
    walk.gift(3_000_000, donor={"same_as": twin})
    walk.gift(50_000, donor={"private": {}})
    pledge = {"pledge": "A2345678", "fund": "sua", "amount": vnd(1_000_000), "firm": False, "pledged_on": day}
    walk.say("pledge_made", **pledge, donor={"same_as": binh})

    listed = donors(walk)
    named = column(listed, "index", "donor", "given_minor", "promised_minor")
    assert named[:4] == [
        (first, "Công ty Cảng", 2_000_000, 0),
        (twin, "CÔNG TY CẢNG", 3_000_000, 0),
        (body, "Save the Children", 0, 0),
        (binh, "Trần Thị Bình", 0, 1_000_000),
    ]
    assert (named[4][1], named[4][2]) == ("không nêu tên", 50_000)
    assert column(listed, "kind", "country", "forms")[0] == ("nhà tài trợ (tổ chức)", "VN", "hoc-bong")
    assert any(f"{first}, {twin}" in note for note in listed["notes"])
    assert column(donors(walk, "--option", "kind=foreign"), "index") == [(body,)]

    before = walk.get(f"/api/v1/entries/{twin}")
    walk.say("donors_merged", alias=twin, donor=first, merged_on=day)
    assert column(donors(walk), "index", "gifts", "given_minor")[0] == (first, 2, 5_000_000)
    page = walk.sovang("report", "donor", "--year", "2026", "--names", "--option", f"record={twin}")
    assert page["totals"][0]["cells"]["given_minor"] == 5_000_000
    assert "Người ủng hộ — donor: Công ty Cảng" in page["notes"]
    walk.say("donors_unmerged", alias=twin, unmerged_on=day)
    assert column(donors(walk), "given_minor")[:2] == [(2_000_000,), (3_000_000,)]
    assert walk.get(f"/api/v1/entries/{twin}") == before

    anonymous = dict(column(donors(walk), "index", "anonymous"))
    assert (anonymous[first], anonymous[binh]) == ("", "ẩn danh")
    walk.say("consent_given", donor=binh, given_on=day, consent_sha256=SHA)
    assert dict(column(donors(walk), "index", "anonymous"))[binh] == ""
    walk.say("consent_withdrawn", donor=binh, withdrawn_on=day)
    assert dict(column(donors(walk), "index", "anonymous"))[binh] == "ẩn danh"

    unnamed = walk.sovang("report", "donors", "--year", "2026")
    assert column(unnamed, "donor")[0] == (f"(bản ghi {first})",)
