"""R09: donors' visits, scholarships, sponsorship, surgery and rehabilitation by schedule."""

from tests.ledger.saying import DAY, HOLDER, bodies
from tests.ledger.story3.aid import ACTIVITIES, SUPPORT, allocated, hidden, pay, sealed
from tests.privacy import is_said, said_in
from tests.requirements.conftest import Walk
from tests.worlds import SHA, vnd


def test_r09_visits_and_instalments(walk: Walk) -> None:
    """A sponsorship of one child is scheduled in three monthly instalments; who, and what for, lies in the vault.
    The first is paid out of a hidden allocation; paying it again, or another amount, is refused.
    In November the report shows the first as paid, the second as missed and the third as due; the deadlines too.
    The sponsorship ends; what falls due afterwards is no longer missed.
    A donor visits the family: the record says the province and the month.
    An evaluation of the allocation is recorded with its report.
    Neither the child, nor the form of support, nor the donor can be read in any record.
    """
    walk.gift(900_000, fund="chung")
    walk.say("activities_listed", activities=ACTIVITIES)
    due = [{"due_on": f"2026-{month}-01", "minor": 200_000} for month in ("09", "10", "11")]
    child = sealed(children="TE0001", form="Nhận đỡ đầu", sponsor="Trần Thị Bình")
    said = {"province": "31", "scheduled_on": DAY, "unit": "VND"}
    walk.say("support_scheduled", schedule="HT-1", child=child, instalments=due, **said)
    where = hidden(form="Nhận đỡ đầu")
    walk.say(**allocated("pb-1", 600_000, fund="chung", activity=SUPPORT, communes=[], hidden=where))
    pay(walk.world, "pb-1", "lc-1", 600_000)

    def paid(number: int, minor: int = 200_000) -> dict[str, object]:
        return {
            "allocation": "pb-1",
            "amount": vnd(minor),
            "delivered_on": f"{walk.today[:7]}-01",
            "fund": "chung",
            "handed": "lc-1",
            "holder": HOLDER,
            "hidden": hidden(commune="Minh Tân"),
            "instalment": {"schedule": "HT-1", "number": number},
            "roll": sealed(children="TE0001"),
        }

    walk.say("delivered", **paid(1))
    assert walk.refused("delivered", **paid(1)) == "MORE_THAN_PLANNED"
    assert walk.refused("delivered", **paid(2, 100_000)) == "PARTS_DIFFER"

    def states() -> list[str]:
        rows = walk.sovang("report", "schedules", "--year", "2026")["rows"]
        return [row["cells"]["state"].split(" — ")[1] for row in rows]

    walk.go_to("2026-11-03")
    to_today = walk.sovang("report", "schedules", "--to", "2026-11-03")["rows"]
    assert [row["cells"]["state"].split(" — ")[1] for row in to_today] == ["paid", "missed", "due"]
    alerts = [one for one in walk.sovang("deadlines")["deadlines"] if one["sort"] == "support"]
    assert [(one["period"], one["overdue"]) for one in alerts] == [("2/3", True), ("3/3", False)]
    walk.say("delivered", **paid(2))
    walk.say("support_ended", schedule="HT-1", ended_on="2026-11-01", detail=sealed(why="Gia đình đã thoát nghèo"))
    assert states() == ["paid", "paid", "ended"]
    visitor = sealed(name="Trần Thị Bình", place="Thôn 3, xã Minh Tân")
    walk.say("visit_made", province="31", visited_on="2026-11-01", visitor=visitor, minutes_sha256=SHA)
    judged = {"allocation": "pb-1", "evaluated_on": "2026-11-03", "outcome": "met", "report_sha256": SHA}
    walk.say("evaluated", **judged)
    read_out = said_in(bodies(walk.world)[-12:])
    private = ("TE0001", "Nhận đỡ đầu", "Trần Thị Bình", "Minh Tân", "Thôn 3, xã Minh Tân")
    assert [text for text in private if is_said(text, read_out)] == []
