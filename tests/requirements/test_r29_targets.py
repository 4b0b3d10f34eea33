"""R29: targets against results by year; a share has a dated denominator; unpublished figures stay out of the log."""

from typing import Any

from tests.requirements.conftest import Walk
from tests.worlds import SHA


def rows(walk: Walk, *words: str) -> dict[str, dict[str, Any]]:
    made = walk.sovang("report", "targets", "--from", "2019-01-01", "--to", "2021-12-31", *words)
    return {f"{row['cells']['target']}/{row['cells']['year']}": row["cells"] for row in made["rows"]}


def test_r29_plan_against_result_by_year(walk: Walk) -> None:
    """The catalogue brings the targets of the plans, each share with its denominator and that one's day.
    A target in percent without a dated denominator is refused, and so is a result without one.
    Results of two years are reported with numerator, denominator, day and source; a corrected one replaces the first.
    The report sets them against the plan: at most 1 percent, all helped, at most 200 of 100,000.
    Figures of abuse and HIV are refused in the open; sealed they are taken, and no record holds them.
    Who may open the vault sees them in the report, nobody else.
    """
    walk.sovang("load", "catalogue")
    plain: dict[str, Any] = {
        "by_on": "2026-12-31",
        "programme": "HP256",
        "sense": "at_least",
        "sensitive": False,
        "target": "CT-1",
        "unit": "percent",
        "value": 95,
        "what": "Trẻ em được khám",
    }
    assert walk.refused("target_set", **plain) == "NO_DENOMINATOR"
    assert walk.refused("target_set", **plain, denominator={"name": "Trẻ em"}) == "MALFORMED"
    walk.say("target_set", **plain, denominator={"name": "Trẻ em tiểu học", "as_of": "2026-09-01"})
    of: dict[str, Any] = {"reported_on": walk.today, "source": "Cục Thống kê", "source_sha256": SHA}
    share = {"target": "T-HP20-1", "as_of": "2020-12-31"}
    assert walk.refused("statistic_reported", **of, **share, numerator=4_900) == "NO_DENOMINATOR"
    walk.say("statistic_reported", **of, **{**share, "as_of": "2019-12-31"}, numerator=5_500, denominator=500_000)
    walk.say("statistic_reported", **of, **share, numerator=4_000, denominator=502_000)
    walk.say("statistic_reported", **of, **share, numerator=4_900, denominator=502_000)
    injuries = {"target": "T-HP20-4", "as_of": "2020-12-31"}
    walk.say("statistic_reported", **of, **injuries, numerator=1_250, denominator=502_000)
    abuse = {"target": "T-HP20-3", "as_of": "2020-12-31"}
    assert walk.refused("statistic_reported", **of, **abuse, numerator=17, denominator=17) == "UNPUBLISHED_FIGURE"
    figures = {"private": {"numerator": "17", "denominator": "17"}}
    sealed = walk.say("statistic_reported", **of, **abuse, figures=figures).index
    entry = walk.get(f"/api/v1/entries/{sealed}")["entry"]
    assert "17" not in [str(value) for value in entry.values() if not isinstance(value, dict)]
    told = rows(walk)
    names = ("plan", "numerator", "denominator", "result", "reached")
    assert [told["T-HP20-1/2019"][name] for name in names] == ["1%", 5_500, 500_000, "1,10%", "chưa đạt — no"]
    assert [told["T-HP20-1/2020"][name] for name in names] == ["1%", 4_900, 502_000, "0,98%", "đạt — yes"]
    assert told["T-HP20-4/2020"]["result"] == "249,00 / 100.000"
    assert told["T-HP20-4/2020"]["reached"] == "chưa đạt — no"
    assert told["T-HP20-3/2020"]["result"] == "không công bố — not published"
    assert told["T-HP20-3/2020"]["numerator"] is None
    assert told["T-HP20-2/None"]["result"] == ""  # nobody has reported on it
    opened = rows(walk, "--names")["T-HP20-3/2020"]
    assert [opened[name] for name in names] == ["100%", 17, 17, "100,00%", "đạt — yes"]
