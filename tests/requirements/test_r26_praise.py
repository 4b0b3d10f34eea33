"""R26: donors are praised in time, with a certificate that says what they gave, and that a stranger can check."""

import hashlib
from pathlib import Path
from typing import Any

from certificates.check import check_paper
from tests.certificates.test_layout import shown, text_of
from tests.requirements.conftest import Walk

SIGNER = "Chủ tịch Hội đồng bảo trợ"


def state(walk: Walk, number: int, paper: str = "certificate") -> dict[str, Any]:
    """What anybody learns at the paper's public address."""
    found: dict[str, Any] = walk.get(f"/api/v1/certificates/{paper}/2026/{number}")
    return found


def register(walk: Walk) -> list[list[Any]]:
    """Number, decision, signer, amount and state of each line of the register."""
    report = walk.sovang("report", "certificates", "--year", "2026")
    rows = report["rows"]
    return [[row["cells"][name] for name in ("number", "decision", "signer", "minor", "state")] for row in rows]


def test_r26_certificate_of_a_golden_heart(walk: Walk, tmp_path: Path) -> None:
    """A donor promises ten million and sends four: the certificate is for the four million received, never the pledge.
    It bears the number of the register, the board's decision, the office that signs, and no «bằng khen» or «giấy khen»;
    the place of signature and seal is empty.
    Its public address says that it holds, and names nobody.
    A misspelt one is revoked and issued again: two new entries, the next number, and the old address says revoked.
    A second paper for the same gift while the first holds is refused.
    The gift is refunded afterwards: the public address and the register show the certificate as cancelled, and it is
    not printed again; a gift that was reversed does the same.
    A number that was never given has no address.
    """
    day = walk.today
    donor = {"private": {"name": "Công ty TNHH Minh Phúc"}}
    walk.say(
        "pledge_made",
        pledge="K7M4X2PQ",
        fund="sua",
        amount={"minor": 10_000_000, "unit": "VND"},
        donor=donor,
        firm=True,
        pledged_on=day,
    )
    given = walk.gift(4_000_000, donor=donor, pledge={"minor": 4_000_000, "pledge": "K7M4X2PQ"})
    gift = given.index
    walk.sovang("checkpoint")
    decided = ("--decision", "37/QĐ-HĐBT", "--decided-on", day, "--signer", SIGNER)
    assert walk.fails("certificate", str(gift), "-o", str(tmp_path / "x.pdf"))["reason"] == "MALFORMED"
    first = walk.sovang("certificate", str(gift), *decided, "-o", str(tmp_path / "1.pdf"))
    pdf = (tmp_path / "1.pdf").read_bytes()
    checked = check_paper(pdf, walk.world.open.vkey)
    assert (checked.minor, checked.gift, checked.name) == (4_000_000, gift, "Công ty TNHH Minh Phúc")
    for wanted in ("4.000.000 ₫", "Bốn triệu đồng chẵn", "Số: 1/2026/TLV", "37/QĐ-HĐBT", SIGNER):
        assert shown(wanted, pdf), wanted
    assert not shown("10.000.000", pdf)
    assert "khen" not in text_of(pdf).casefold()

    said = state(walk, 1)
    assert (said["state"], said["shown"], said["index"]) == ("valid", "1/2026/TLV", first["index"])
    assert (said["minor"], said["decision"], said["signer"]) == (4_000_000, "37/QĐ-HĐBT", SIGNER)
    assert "Minh Phúc" not in str(said)
    wanted = {"paper": "certificate", "gift": gift, "issued_on": day, "decision": "2", "decided_on": day}
    assert walk.refused("certificate_issued", **wanted, gift_leaf=given.leaf_hash.hex()) == "ALREADY_EXISTS"

    walk.say("certificate_revoked", number=1, paper="certificate", revoked_on=day, why="Sai tên", year=2026)
    assert state(walk, 1)["state"] == "revoked"
    second = walk.sovang("certificate", str(gift), *decided, "-o", str(tmp_path / "2.pdf"))
    assert (state(walk, 2)["state"], state(walk, 2)["index"]) == ("valid", second["index"])
    assert hashlib.sha256(pdf).hexdigest() != second["sha256"]
    assert shown("Số: 2/2026/TLV", (tmp_path / "2.pdf").read_bytes())

    walk.say(
        "gift_refunded",
        gift=gift,
        fund="sua",
        amount={"minor": 4_000_000, "unit": "VND"},
        parts=[],
        place="bank:VCB",
        refunded_on=day,
    )
    assert state(walk, 2)["state"] == "cancelled"
    assert walk.fails("certificate", str(gift), *decided, "-o", str(tmp_path / "3.pdf"))["reason"] == "GIFT_TAKEN_BACK"
    assert walk.fails("check", str(tmp_path / "2.pdf"))["revoked"] is True

    other = walk.gift(500_000).index
    walk.sovang("checkpoint")
    walk.sovang("receipt", str(other), "-o", str(tmp_path / "4.pdf"))
    walk.sovang("certificate", str(other), *decided, "-o", str(tmp_path / "5.pdf"))
    reversal = walk.sovang("reverse", str(other), "--why", "Ghi nhầm nguồn")["index"]
    for paper, number in (("certificate", 3), ("receipt", 1)):
        said = state(walk, number, paper)
        assert (said["state"], said["ended_by"]) == ("cancelled", reversal)
    gone = "hủy vì khoản ủng hộ đã hoàn trả hoặc đảo"
    assert register(walk) == [
        ["1/2026", "37/QĐ-HĐBT", SIGNER, 4_000_000, "đã thu hồi"],
        ["2/2026", "37/QĐ-HĐBT", SIGNER, 4_000_000, gone],
        ["3/2026", "37/QĐ-HĐBT", SIGNER, 500_000, gone],
    ]
    for address in ("certificate/2026/4", "certificate/2025/1", "receipt/2026/9999"):
        assert walk.client.get(f"/api/v1/certificates/{address}").status_code == 404
    assert walk.client.get("/api/v1/certificates/bang-khen/2026/1").status_code in (400, 404, 422)
