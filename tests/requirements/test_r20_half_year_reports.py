"""R20: the ward reports before 15/6 and before 15/12 with annex figures, and at once when something arises."""

from pathlib import Path
from typing import Any

import icalendar

from tests.requirements.conftest import Walk

SHA = "ab" * 32


def tray(walk: Walk, year: str) -> list[tuple[Any, ...]]:
    """(report, period, due day, state) of a year's tray, of the ward's reports."""
    rows = [row["cells"] for row in walk.sovang("report", "report-tray", "--year", year)["rows"]]
    return [
        (row["report"], row["period"], row["due_on"], row["state"].split(" — ")[0])
        for row in rows
        if not row["report"].startswith("L-")
    ]


def test_r20_half_year_reports(walk: Walk, tmp_path: Path) -> None:
    """The ward's reports of 15/6, 15/12, the unscheduled one and the monthly list are put into the calendar.
    What is due stands in a calendar file that another program reads: before 15/6 means by 14 June.
    The annex figures are a report of the book, issued with its hash; what was sent names that issue.
    The year report of 2026 goes out in time, that of the first half of 2027 is missing on 15 June and shown as such.
    The department asks for an unscheduled report by a day: it is in the calendar as any other, sent, and not due again.
    Another one is sent unasked: it stands in the tray as unscheduled.
    """
    walk.sovang("calendar", "use", "D-HUE-1", "D-HUE-2", "D-HUE-3", "D-HUE-4", "--recipient", "Phòng VH-XH phường")
    lich = tmp_path / "lich.ics"
    found = walk.sovang("deadlines", "--until", "2027-07-01", "--ics", str(lich))["deadlines"]
    events = icalendar.Calendar.from_ical(lich.read_bytes()).walk("VEVENT")
    assert len(events) == len(found)
    dated = {(one["code"], one["period"]): one["due_on"] for one in found}
    assert dated["D-HUE-2", "2026"] == "2026-12-14"
    assert dated["D-HUE-1", "2027-H1"] == "2027-06-14"
    assert dated["D-HUE-4", "2027-02"] == "2027-02-28"
    assert str(events[0]["DTSTART"].dt) == found[0]["due_on"]
    walk.go_to("2026-12-10")
    for month in ("2026-09", "2026-10", "2026-11"):
        walk.say(
            "report_submitted", report="D-HUE-4", period=month, recipient="BHXH", sha256=SHA, submitted_on=walk.today
        )
    annex = walk.sovang("report", "periodic", "--year", "2026", "--option", "due=15-12", "--issue")
    issued = annex["issued"]["index"]
    wrong = {"report": "D-HUE-2", "period": "2026", "recipient": "Phòng VH-XH phường", "sha256": annex["sha256"]}
    assert walk.refused("report_submitted", **wrong, submitted_on=walk.today, issued=0) == "NOT_THE_RECORD"
    assert walk.refused("report_submitted", **wrong, submitted_on=walk.today, due_on="2026-12-15") == "MALFORMED"
    walk.say("report_submitted", **wrong, submitted_on=walk.today, issued=issued)
    assert [one for one in tray(walk, "2026") if one[0] == "D-HUE-2"] == [("D-HUE-2", "2026", "2026-12-14", "đúng hạn")]
    walk.go_to("2027-06-15")
    assert [one for one in tray(walk, "2027") if one[0] == "D-HUE-1"] == [
        ("D-HUE-1", "2027-H1", "2027-06-14", "còn thiếu")
    ]
    walk.say(
        "report_rule_set",
        rule="dot-xuat-6",
        name="Báo cáo về vụ ngộ độc bữa ăn",
        sender="UBND phường",
        recipient="Sở Y tế",
        level="province",
        when="once 2027-06-20",
        about="event",
        from_on=walk.today,
        source="công văn hỏa tốc",
    )
    assert ("2027-06-20", 5) in [
        (one["due_on"], one["days_left"])
        for one in walk.get("/api/v1/deadlines")["deadlines"]
        if one["code"] == "dot-xuat-6"
    ]
    sent = {"recipient": "Sở Y tế", "sha256": SHA, "submitted_on": walk.today}
    walk.say("report_submitted", report="dot-xuat-6", period="2027-06-20", **sent)
    walk.say("report_submitted", report="D-HUE-3", period=walk.today, **sent)
    assert "dot-xuat-6" not in [one["code"] for one in walk.get("/api/v1/deadlines")["deadlines"]]
    unscheduled = [one for one in tray(walk, "2027") if one[0] in ("dot-xuat-6", "D-HUE-3")]
    assert unscheduled == [
        ("D-HUE-3", "2027-06-15", None, "đột xuất"),
        ("dot-xuat-6", "2027-06-20", "2027-06-20", "đúng hạn"),
    ]
