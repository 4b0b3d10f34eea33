"""The register of donors' papers (sổ cấp giấy chứng nhận): number, decision, signer, amount received, does it hold."""

from audit.reports.source import Source
from audit.reports.table import Cell, Column, Period, Report, Row, report, totals_of
from ledger.entries.certificates import CertificateIssued
from ledger.entries.receipts import CashSheetReceived, GatewaySettled, GiftReceived
from ledger.refusals import Reason, Rejected

_COLUMNS = (
    Column("paper", "loại giấy", "paper"),
    Column("number", "số vào sổ", "number"),
    Column("issued_on", "ngày cấp", "issued on", "day"),
    Column("decision", "số quyết định", "decision"),
    Column("decided_on", "ngày quyết định", "decided on", "day"),
    Column("signer", "người ký (chức danh)", "signer (office)"),
    Column("gift", "bản ghi khoản ủng hộ", "gift", "index"),
    Column("minor", "số tiền đã tiếp nhận", "amount received", "money", total=True),
    Column("unit", "đơn vị", "unit"),
    Column("state", "hiệu lực", "state"),
)
_PAPERS = {"certificate": "Giấy chứng nhận", "receipt": "Giấy xác nhận"}
STATES = {"valid": "còn hiệu lực", "revoked": "đã thu hồi", "cancelled": "hủy vì khoản ủng hộ đã hoàn trả hoặc đảo"}


@report("certificates", "Sổ cấp giấy chứng nhận, giấy xác nhận", "Register of certificates and receipts")
def certificates(source: Source, period: Period, *, paper: str = "certificate", state: str = "all") -> Report:
    """Papers issued in the period; `paper`: certificate, receipt, all; `state`: valid, revoked, cancelled, all.

    A paper that no longer holds stays in the register with its number. Raises Rejected(MALFORMED).
    """
    if paper not in (*_PAPERS, "all"):
        raise Rejected(Reason.MALFORMED, "certificate, receipt or all", field="paper")
    if state not in (*STATES, "all"):
        raise Rejected(Reason.MALFORMED, "valid, revoked, cancelled or all", field="state")
    rows: list[Row] = []
    for told in source.records:
        issued = told.entry
        if not isinstance(issued, CertificateIssued) or issued.issued_on not in period:
            continue
        holds = state_of(source, issued)
        if (paper != "all" and issued.paper != paper) or (state != "all" and holds != state):
            continue
        minor, unit = _received(source, issued)
        cells: tuple[Cell, ...] = (
            _PAPERS[issued.paper],
            f"{issued.number}/{issued.issued_on.year}",
            issued.issued_on,
            issued.decision,
            issued.decided_on,
            issued.signer,
            issued.gift,
            minor,
            unit,
            STATES[holds],
        )
        rows.append(Row(cells, (told.index, issued.gift)))
    # What no longer holds adds to no total.
    live = [row for row in rows if row.cells[-1] == STATES["valid"]]
    kept = live if state == "all" else rows
    notes = ("Tổng chỉ gồm giấy còn hiệu lực — the total is of papers that hold",) if len(kept) < len(rows) else ()
    return Report(
        "certificates",
        ("Sổ cấp giấy chứng nhận, giấy xác nhận", "Register of certificates and receipts"),
        period,
        _COLUMNS,
        tuple(rows),
        totals_of(_COLUMNS, kept),
        notes,
        source.size,
    )


def state_of(source: Source, issued: CertificateIssued) -> str:
    """`valid`, `revoked`, or `cancelled` when the gift was reversed or some of it given back."""
    row = source.register("certificate", f"{issued.paper}/{issued.issued_on.year}/{issued.number}") or {}
    if not row.get("live"):
        return "revoked"
    reversal = source.register("reversed", str(issued.gift)) or {}
    back = source.register("refunded", str(issued.gift)) or {}
    refunded = back.get("minor") if issued.part is None else back.get("parts", {}).get(str(issued.part))
    return "cancelled" if reversal.get("live") or refunded else "valid"


def _received(source: Source, issued: CertificateIssued) -> tuple[int, str]:
    """What came in of the gift that the paper thanks for: never what was pledged."""
    gift, part = source.records[issued.gift].entry, issued.part or 0
    if isinstance(gift, GiftReceived):
        return gift.amount.minor, gift.amount.unit
    if isinstance(gift, CashSheetReceived):
        return gift.envelopes[part].minor, gift.amount.unit
    if isinstance(gift, GatewaySettled):
        return gift.gifts[part].minor, gift.credited.unit
    raise Rejected(Reason.NOT_A_GIFT, field="gift", index=issued.gift)
