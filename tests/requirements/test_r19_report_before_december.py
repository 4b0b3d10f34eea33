"""R19: sectors and localities report before 01/12 to the standing body, then Ministry and UBND tỉnh."""

from typing import Any

from tests.requirements.conftest import Walk

SHA = "ab" * 32


def tray(walk: Walk) -> dict[tuple[str, str], dict[str, Any]]:
    """The report tray of 2026 by report and period."""
    rows = walk.sovang("report", "report-tray", "--year", "2026")["rows"]
    return {(row["cells"]["report"], row["cells"]["period"]): row["cells"] for row in rows}


def due(walk: Walk, code: str) -> list[tuple[str, int]]:
    """(due day, days left) of a report in what is due."""
    found = walk.get(f"/api/v1/deadlines?until={walk.today[:4]}-12-31")["deadlines"]
    return [(one["due_on"], one["days_left"]) for one in found if one["code"] == code]


def test_r19_report_before_december(walk: Walk) -> None:
    """The plan's yearly report before 01/12 is a dated rule that ships with the product; the fund puts it into its
    calendar with today's recipient, by an entry.
    Sixty days before, `sovang deadlines` and the API show it: the last day is 30 November.
    A second locality's report, set by hand, is sent in time and acknowledged with its stamped copy.
    On 2 December the plan's report is missing: the tray and the deadlines say so, with the days.
    It is sent on 5 December: late, by five days; a supplement with later figures follows and changes nothing of that.
    Nothing about it is due any more, and the tray leads from each line to its records.
    """
    used = walk.sovang("calendar", "use", "D-QN-1", "--recipient", "Sở Y tế")["used"]
    listed = {rule["code"]: rule for rule in walk.sovang("calendar", "list")["rules"] if rule["in_force"]}
    assert (listed["D-QN-1"]["when"], listed["D-QN-1"]["recipient"]) == ("yearly before 12-01", "Sở Y tế")
    walk.say(
        "report_rule_set",
        rule="xa-minh-tan",
        name="Báo cáo năm của xã",
        sender="UBND xã",
        recipient="Quỹ",
        level="commune",
        when="yearly before 12-01",
        about="year",
        from_on=walk.today,
        source="công văn của Quỹ",
    )
    walk.go_to("2026-10-15")
    assert due(walk, "D-QN-1") == [("2026-11-30", 46)]
    told = [one for one in walk.sovang("deadlines")["deadlines"] if one["code"] == "D-QN-1"]
    assert [(one["period"], one["record"]) for one in told] == [("2026", used[0]["index"])]
    walk.go_to("2026-11-20")
    sent = walk.say(
        "report_submitted",
        report="xa-minh-tan",
        period="2026",
        recipient="Quỹ",
        sha256=SHA,
        submitted_on=walk.today,
        due_on="2026-11-30",
    )
    walk.say(
        "report_acknowledged",
        submitted=sent.index,
        submitted_leaf=sent.leaf_hash.hex(),
        acknowledged_on=walk.today,
        receipt_sha256=SHA,
    )
    walk.go_to("2026-12-02")
    assert due(walk, "D-QN-1") == [("2026-11-30", -2)]
    assert due(walk, "xa-minh-tan") == []
    rows = tray(walk)
    assert (rows["D-QN-1", "2026"]["state"], rows["D-QN-1", "2026"]["days_late"]) == ("còn thiếu — missing", 2)
    taken = rows["xa-minh-tan", "2026"]
    assert (taken["state"], taken["acknowledged_on"]) == ("đúng hạn — in time", "2026-11-20")
    walk.go_to("2026-12-05")
    report = {"report": "D-QN-1", "period": "2026", "recipient": "Sở Y tế", "sha256": SHA}
    first = walk.say("report_submitted", **report, submitted_on=walk.today)
    walk.go_to("2026-12-20")
    supplement = walk.say("report_submitted", **{**report, "sha256": "cd" * 32}, submitted_on=walk.today)
    late = tray(walk)["D-QN-1", "2026"]
    assert (late["state"], late["submitted_on"], late["days_late"]) == ("nộp muộn — late", "2026-12-05", 5)
    assert late["supplements"] == 1
    assert due(walk, "D-QN-1") == []
    (records,) = [
        row["records"]
        for row in walk.sovang("report", "report-tray", "--year", "2026")["rows"]
        if row["cells"]["report"] == "D-QN-1"
    ]
    assert records == [used[0]["index"], first.index, supplement.index]
