"""R33: collectives and persons are proposed for praise to the department and the committee, besides the certificate."""

import re
from pathlib import Path
from typing import Any

import pypdfium2

from tests.requirements.conftest import Walk

AWARDS = re.compile(r"bằng\s+khen|giấy\s+khen|huân\s+chương|danh\s+hiệu|chiến\s+sĩ\s+thi\s+đua", re.IGNORECASE)
"""What only the State gives (Luật Thi đua, khen thưởng)."""


def proposed(walk: Walk, *words: str) -> list[tuple[Any, ...]]:
    """(donor, sort, gifts, given) of the proposals of 2026."""
    rows = walk.sovang("report", "praise", "--year", "2026", "--names", *words)["rows"]
    return [tuple(row["cells"][name] for name in ("donor", "kind", "gifts", "given")) for row in rows]


def test_r33_proposals_for_praise(walk: Walk, tmp_path: Path) -> None:
    """A company, a person and somebody unnamed give in 2026, the company twice; another company only promises.
    The list proposes the company and the person by what was received in the period, the largest first.
    What was promised, what was given back, and gifts of the year before do not count; the unnamed one is not proposed.
    A smallest sum can be asked for. Without the vault the list names records, not people.
    No form of the list claims an award that only the State gives: neither its words nor the printed page.
    """
    company = walk.say(
        "donor_registered",
        donor={"private": {"name": "Công ty Cảng"}},
        donor_kind="organisation",
        may_publish_name=True,
    )
    person = walk.say(
        "donor_registered", donor={"private": {"name": "Nguyễn Thị Hoà"}}, donor_kind="person", may_publish_name=False
    )
    unnamed = walk.say(
        "donor_registered", donor={"private": {"name": "—"}}, donor_kind="anonymous", may_publish_name=False
    )
    walk.gift(3_000_000, donor={"same_as": company.index})
    second = walk.gift(2_000_000, donor={"same_as": company.index})
    walk.gift(900_000, donor={"same_as": company.index}, received_on="2025-12-30")
    walk.gift(800_000, donor={"same_as": person.index})
    walk.gift(9_000_000, donor={"same_as": unnamed.index})
    walk.say(
        "pledge_made",
        pledge="K7M4X2PQ",
        fund="sua",
        amount={"minor": 50_000_000, "unit": "VND"},
        donor={"private": {"name": "Công ty Hứa"}},
        firm=True,
        pledged_on=walk.today,
    )
    walk.say(
        "gift_refunded",
        amount={"minor": 500_000, "unit": "VND"},
        fund="sua",
        gift=second.index,
        parts=[],
        place="bank:VCB",
        refunded_on=walk.today,
    )
    assert proposed(walk) == [
        ("Công ty Cảng", "nhà tài trợ (tổ chức)", 2, 4_500_000),
        ("Nguyễn Thị Hoà", "nhà hảo tâm (cá nhân)", 1, 800_000),
    ]
    assert [row[0] for row in proposed(walk, "--option", "least=1000000")] == ["Công ty Cảng"]
    public = walk.get("/api/v1/reports/praise?year=2026")
    assert not re.search("Cảng|Hoà", str(public))
    assert [row["cells"]["naming"] for row in public["rows"]] == ["", "hỏi trước khi nêu tên — ask first"]
    assert public["rows"][0]["records"] == [company.index, company.index + 3, second.index]
    pdf = tmp_path / "de-nghi.pdf"
    walk.sovang("report", "praise", "--year", "2026", "--names", "--format", "pdf", "-o", str(pdf))
    printed = " ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))
    assert "biểu dương" in printed
    for text in (printed, str(walk.sovang("report", "praise", "--year", "2026")), str(public)):
        assert AWARDS.search(text) is None
