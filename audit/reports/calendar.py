"""The report tray, campaigns, occasions, praise, flows between units; and the auditor's lists: samples and findings."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from audit.occasions import occasion_day, occasion_of
from audit.reports.deadlines import report_dues
from audit.reports.gifts import DONOR_KINDS, gifts_in, may_publish, name_of, pages
from audit.reports.sampling import METHOD, draw_sample, evidence_of
from audit.reports.source import Source, Told
from audit.reports.table import Cell, Column, Period, Report, Row, finished, report, totals_of
from ledger.accounts import root
from ledger.clocks import Rule
from ledger.entries.aid import Delivered
from ledger.entries.beyond import GrantReceived, GrantSent
from ledger.entries.campaigns import SENT, CampaignOpened, ReportSubmitted
from ledger.refusals import Reason, Rejected

_UNIT = Column("unit", "đơn vị tính", "unit")
_INDEX = Column("index", "bản ghi", "record", "index")


# --- reports sent and due -------------------------------------------------------------------------------

_TRAY = (
    Column("report", "mã", "code"),
    Column("name", "báo cáo", "report"),
    Column("period", "kỳ", "period"),
    Column("sender", "nơi gửi", "sender"),
    Column("recipient", "nơi nhận", "recipient"),
    Column("due_on", "thời hạn nộp", "due", "day"),
    Column("submitted_on", "ngày nộp", "submitted", "day"),
    Column("days_late", "số ngày muộn", "days late", "count"),
    Column("acknowledged_on", "ngày xác nhận", "acknowledged", "day"),
    Column("supplements", "bổ sung", "supplements", "count"),
    Column("state", "tình trạng", "state"),
    Column("source", "căn cứ", "source"),
)


@report("report-tray", "Khay báo cáo: đã nộp, muộn, còn thiếu", "Report tray: sent, late, missing")
def report_tray(source: Source, period: Period) -> Report:
    """Every report that fell due in the period, by rule or for a campaign, and every other one sent in it.

    Late is sent after its day; missing is past its day and not sent. A rule whose figure was not seen in its text says
    so beside its source.
    """
    sent, acknowledged = source.rows(SENT), source.rows("report-acknowledged")
    rows: list[Row] = []
    expected: set[str] = set()
    for rule, time, due_on in report_dues(source, period.to_on):
        expected.add(f"{rule.code}/{time}")
        if due_on in period:
            rows.append(_tray_row(source, rule, time, due_on, sent.get(f"{rule.code}/{time}"), acknowledged))
    for key, row in sent.items():
        entry = source.records[row["index"]].entry
        if key in expected or not isinstance(entry, ReportSubmitted) or entry.submitted_on not in period:
            continue
        rows.append(_tray_row(source, None, entry.period, _day(row.get("due_on")), row, acknowledged))
    rows.sort(key=lambda row: (str(row.cells[5] or row.cells[6]), str(row.cells[0]), str(row.cells[2])))
    return finished("report-tray", source, period, _TRAY, rows)


def _tray_row(
    source: Source,
    rule: Rule | None,
    time: str,
    due_on: date | None,
    row: Mapping[str, Any] | None,
    acknowledged: Mapping[str, Mapping[str, Any]],
) -> Row:
    sent = None if row is None else source.records[row["index"]].entry
    submitted_on = sent.submitted_on if isinstance(sent, ReportSubmitted) else None
    taken = None if row is None else acknowledged.get(str(row["index"]))
    late = None if due_on is None else max(((submitted_on or source.today) - due_on).days, 0)
    if submitted_on is None:
        state = "còn thiếu — missing" if late else "chưa đến hạn — not due yet"
    elif late:
        state = "nộp muộn — late"
    else:
        state = "đột xuất — unscheduled" if rule is None else "đúng hạn — in time"
    cells: tuple[Cell, ...] = (
        rule.code if rule is not None else sent.report if isinstance(sent, ReportSubmitted) else "",
        rule.name[0] if rule is not None else "",
        time,
        rule.sender if rule is not None else "",
        sent.recipient if isinstance(sent, ReportSubmitted) else rule.recipient if rule is not None else "",
        due_on,
        submitted_on,
        late or None,
        None if taken is None else _day(taken["on"]),
        0 if row is None else len(row.get("supplements", ())),
        state,
        "" if rule is None else rule.source if rule.verified else f"{rule.source} (chưa kiểm chứng — not verified)",
    )
    records = [] if row is None else [row["index"], *row.get("supplements", ())]
    records += [] if taken is None else [taken["index"]]
    records += [] if rule is None or rule.record is None else [rule.record]
    return Row(cells, tuple(sorted(records)))


def _day(said: str | None) -> date | None:
    return None if said is None else date.fromisoformat(said)


# --- campaigns ------------------------------------------------------------------------------------------


@report("campaigns", "Đợt vận động: tiếp nhận, phân phối, thời hạn", "Campaigns: received, distributed, clocks")
def campaigns(source: Source, period: Period) -> Report:
    """What each campaign's fund received in time and after its reception ended, used, and still holds.

    As of the last day of the period, by the day money came in. Gifts after the end are shown apart: they are taken
    only by a commitment made in time (NĐ 93/2021/NĐ-CP Đ.8).
    """
    columns = (
        Column("campaign", "mã đợt", "campaign"),
        Column("name", "đợt vận động", "name"),
        Column("fund", "nguồn", "fund"),
        Column("from_on", "bắt đầu tiếp nhận", "reception from", "day"),
        Column("to_on", "kết thúc tiếp nhận", "reception to", "day"),
        Column("distribute_by_on", "hạn phân phối", "distribute by", "day"),
        Column("closed_on", "kết thúc phân phối", "distribution closed", "day"),
        Column("days_over", "quá hạn (ngày)", "days over", "count"),
        _UNIT,
        Column("received", "tiếp nhận trong hạn", "received in time", "money", total=True),
        Column("late", "tiếp nhận sau hạn", "received after the end", "money", total=True),
        Column("used", "đã sử dụng", "used", "money", total=True),
        Column("left", "còn lại", "left", "money", total=True),
    )
    today = min(period.to_on, source.today)
    opened = {told.entry.campaign: told.entry for told in source.records if isinstance(told.entry, CampaignOpened)}
    rows = []
    for code, row in source.rows("campaign").items():
        entry = opened[code]
        end = date.fromisoformat(row.get("reception_closed_on", row["to_on"]))
        by, closed = _day(row.get("distribute_by_on")), _day(row.get("distribution_closed_on"))
        sums, records = _moved(source, entry.fund, end, period.to_on)
        for unit, (received, late, used, left) in sorted(sums.items()) or [("VND", (0, 0, 0, 0))]:
            over = None if by is None else max(((closed or today) - by).days, 0) or None
            cells: tuple[Cell, ...] = (
                code, entry.name, entry.fund, entry.from_on, end, by, closed, over, unit, received, late, used, left,
            )  # fmt: skip
            rows.append(Row(cells, (row["index"], *records)))
    return finished("campaigns", source, period, columns, rows, totals_of(columns, rows))


def _moved(source: Source, fund: str, end: date, until: date) -> tuple[dict[str, tuple[int, int, int, int]], list[int]]:
    """Unit → (received up to `end`, received later, used, left) of a fund, and the records that moved it."""
    of = {f"fund:{fund}"}
    of |= {f"allocated:{code}" for code, row in source.rows("allocation").items() if row["fund"] == fund}
    handed = {c for c, row in source.rows("handed").items() if f"allocated:{row['allocation']}" in of}
    of |= {f"{name}:{code}" for code in handed for name in ("ordered", "handed")}
    sums: dict[str, list[int]] = {}
    records = []
    for told in source.records:
        if told.day > until:
            continue
        touched = False
        for p in told.postings:
            into = sums.setdefault(p.amount.unit, [0, 0, 0, 0]) if {p.source, p.destination} & of else None
            if into is None:
                continue
            touched = True
            minor = p.amount.minor
            for side, sign in ((p.destination, 1), (p.source, -1)):
                if side in of:
                    into[3] += sign * minor
                elif root(side) in ("used", "costs"):
                    into[2] += sign * minor
                elif side == "donors":
                    into[0 if told.day <= end else 1] -= sign * minor
        if touched:
            records.append(told.index)
    return {unit: (a, b, c, d) for unit, (a, b, c, d) in sums.items()}, records


# --- occasions ------------------------------------------------------------------------------------------


@report("occasion-gifts", "Quà tặng các dịp 1/6, Trung thu, Tết", "Gifts on 1 June, Mid-Autumn, Tết")
def occasion_gifts(source: Source, period: Period, *, occasion: str = "") -> Report:
    """Every delivery for an occasion in the period: what was handed over, for how many, and how many signed for it.

    `occasion`: `tet-2026`, `trung-thu-2026`, `1-6-2026`; all of them when left out.
    """
    columns = (
        Column("occasion", "dịp", "occasion"),
        Column("on", "ngày của dịp", "its day", "day"),
        Column("delivered_on", "ngày trao", "delivered", "day"),
        Column("place", "nơi trao", "place"),
        _UNIT,
        Column("minor", "đã trao", "delivered", "money", total=True),
        Column("heads", "số trẻ được trao", "children", "count", total=True),
        Column("signed", "số ký nhận", "signed for", "count", total=True),
        Column("by_proxy", "nhận thay", "by proxy", "count", total=True),
        Column("difference", "còn thiếu chữ ký", "not signed for", "count", total=True),
        _INDEX,
    )
    if occasion and occasion_day(occasion) is None:
        raise Rejected(Reason.MALFORMED, "tet-2026, trung-thu-2026 or 1-6-2026", field="occasion")
    rows = []
    for counted in source.counted():
        entry, told, sign = counted.entry, counted.told, counted.sign
        if not isinstance(entry, Delivered) or entry.occasion is None or told.booked_on not in period:
            continue
        code = occasion_of(entry.occasion, entry.delivered_on)
        if occasion not in ("", code):
            continue
        heads = None if entry.scope is None else entry.scope.heads
        signed = None if entry.signed is None else entry.signed.heads
        place = entry.scope.commune if entry.scope else f"tỉnh {entry.hidden.province}" if entry.hidden else ""
        cells: tuple[Cell, ...] = (
            code,
            occasion_day(code),
            entry.delivered_on,
            place,
            entry.amount.unit,
            sign * entry.amount.minor,
            _signed(heads, sign),
            _signed(signed, sign),
            None if entry.signed is None else sign * entry.signed.by_proxy,
            None if heads is None else sign * (heads - (signed or 0)),
            told.index,
        )
        rows.append(Row(cells, (told.index,)))
    notes = ["Nhóm nhỏ: số trẻ và chữ ký nằm trong két — counts of small groups lie in the vault"]
    return finished("occasion-gifts", source, period, columns, rows, totals_of(columns, rows), notes)


def _signed(count: int | None, sign: int) -> int | None:
    return None if count is None else sign * count


# --- praise ---------------------------------------------------------------------------------------------


@report("praise", "Danh sách đề nghị biểu dương người ủng hộ", "Donors proposed for praise")
def praise(source: Source, period: Period, *, least: str = "0", unit: str = "VND") -> Report:
    """Donors who gave in the period, the largest first, to be proposed to the department and the committee (UBND).

    From gifts received, less what was given back; never from promises. `least`: the smallest sum, in the smallest
    parts of `unit`. Who registered without a name is not proposed; who did not agree to be named is asked first. What
    becomes of a proposal is for the authority to decide.
    """
    if not least.isdecimal() or not least.isascii():
        raise Rejected(Reason.MALFORMED, "a whole number", field="least")
    columns = (
        Column("donor", "người ủng hộ", "donor"),
        Column("kind", "tập thể hay cá nhân", "collective or person"),
        Column("gifts", "số khoản", "gifts", "count"),
        _UNIT,
        Column("given", "đã tiếp nhận trong kỳ", "received in the period", "money", total=True),
        Column("last_on", "lần gần nhất", "last gift", "day"),
        Column("naming", "nêu tên", "naming"),
    )
    refunded, consent = source.rows("refunded"), source.rows("consent")
    found: list[tuple[int, Row]] = []
    for donor in pages(source):
        gifts = [a for a in donor.acts if a.what == "gift" and a.unit == unit and a.told.day in period]
        said = donor.registered
        if not gifts or (said is not None and said.donor_kind == "anonymous"):
            continue
        given = sum(act.minor for act in gifts)
        # What went back of a gift, however often a correction speaks of it.
        given -= sum(_back(refunded, *gift) for gift in {(act.of.index, act.part) for act in gifts})
        if given < max(int(least), 1):
            continue
        cells: tuple[Cell, ...] = (
            name_of(source, donor.first.told.index, donor.first.person),
            "" if said is None else DONOR_KINDS[said.donor_kind],
            gifts_in(gifts),
            unit,
            given,
            max(act.told.day for act in gifts),
            "" if may_publish(said, consent) else "hỏi trước khi nêu tên — ask first",
        )
        records = tuple(sorted({act.told.index for act in donor.acts if act.told.day in period}))
        found.append((-given, Row(cells, records)))
    rows = [row for _, row in sorted(found, key=lambda one: (one[0], one[1].records))]
    notes = [
        "Quỹ đề nghị Sở và UBND xem xét biểu dương; hình thức và thẩm quyền theo pháp luật về thi đua, khen thưởng — "
        "the fund proposes; the authority decides",
        "Giấy chứng nhận Tấm lòng vàng là giấy của Quỹ, cấp riêng — the fund's own certificate is another matter",
    ]
    return finished("praise", source, period, columns, rows, totals_of(columns, rows), notes)


def _back(refunded: Mapping[str, Mapping[str, Any]], gift: int, part: int | None) -> int:
    """How much of a gift, or of one part of a sheet or batch, was given back."""
    row = refunded.get(str(gift), {})
    return int(row.get("minor", 0) if part is None else row.get("parts", {}).get(str(part), 0))


# --- between units --------------------------------------------------------------------------------------


@report("flow", "Điều chuyển giữa các đơn vị", "Flows between units")
def flow(source: Source, period: Period) -> Report:
    """Every grant with both its sides: who gave, who received, and the record on the other side where it is known.

    A reversed one is shown again, negative, on the day of its reversal.
    """
    columns = (
        Column("giver", "bên giao", "giver"),
        Column("receiver", "bên nhận", "receiver"),
        Column("day", "ngày", "day", "day"),
        _UNIT,
        Column("sent", "đã chuyển", "sent", "money", total=True),
        Column("received", "đã nhận", "received", "money", total=True),
        Column("purpose", "nguồn hoặc phân bổ", "fund or allocation"),
        Column("other", "sổ hoặc bản ghi bên kia", "book or record of the other side"),
        _INDEX,
    )
    rows = []
    for counted in source.counted():
        entry, told, sign = counted.entry, counted.told, counted.sign
        if told.booked_on not in period:
            continue
        cells: tuple[Cell, ...]
        if isinstance(entry, GrantSent):
            cells = (
                source.book_name,
                entry.to_name,
                told.day,
                entry.amount.unit,
                sign * entry.amount.minor,
                None,
                entry.allocation,
                entry.to_origin,
                told.index,
            )
        elif isinstance(entry, GrantReceived):
            cells = (
                entry.from_name,
                source.book_name,
                told.day,
                entry.amount.unit,
                None,
                sign * entry.amount.minor,
                entry.fund,
                f"{entry.from_origin}, bản ghi / record {entry.from_index}",
                told.index,
            )
        else:
            continue
        rows.append(Row(cells, (told.index,)))
    notes = ["Hai sổ đối chiếu với nhau bằng `sovang consolidate` — two books are compared by `sovang consolidate`"]
    return finished("flow", source, period, columns, rows, totals_of(columns, rows), notes)


# --- audit work -----------------------------------------------------------------------------------------


@report("sample", "Mẫu chọn kiểm tra", "Audit sample")
def sample(source: Source, period: Period, *, sample: str = "") -> Report:
    """The records of a sample with voucher, postings and the evidence they name; the period is the sample's own.

    `sample`: its code. Raises Rejected(NO_SUCH_SAMPLE), Rejected(SEED_DIFFERS) before its seed is shown.
    """
    columns = (
        _INDEX,
        Column("kind", "nghiệp vụ", "entry"),
        Column("day", "ngày phát sinh", "day", "day"),
        Column("booked_on", "ngày ghi sổ", "booked", "day"),
        Column("voucher", "chứng từ", "voucher"),
        _UNIT,
        Column("minor", "số tiền", "amount", "money", total=True),
        Column("hits", "số lần trúng", "hits", "count", total=True),
        Column("postings", "bút toán", "postings"),
        Column("evidence", "hồ sơ minh chứng", "evidence"),
        Column("by", "người ghi", "by"),
        Column("leaf", "mã băm bản ghi", "leaf hash"),
        Column("remarks", "nhận xét của kiểm toán viên", "auditor's remarks"),
    )
    drawn = draw_sample(source, sample)
    rows = []
    for item in drawn.items:
        told = source.records[item.index]
        cells: tuple[Cell, ...] = (
            item.index,
            "" if told.entry is None else told.entry.title[0],
            told.day,
            told.booked_on,
            _voucher(told),
            drawn.terms.unit,
            item.minor,
            item.hits,
            "; ".join(f"{p.amount.minor} {p.amount.unit} {p.source} → {p.destination}" for p in told.postings),
            "; ".join(f"{field} {digest}" for field, digest in evidence_of(told.entry).items()),
            told.by,
            told.leaf,
            "",
        )
        rows.append(Row(cells, (item.index,)))
    notes = [
        METHOD,
        f"{drawn.records} bản ghi, tổng {drawn.total_minor} {drawn.terms.unit}; chọn {drawn.terms.hits} đơn vị tiền; "
        f"cam kết ở bản ghi {drawn.committed} — population, total, hits, committed in",
    ]
    window = Period(drawn.terms.from_on, drawn.terms.to_on)
    return finished("sample", source, window, columns, rows, totals_of(columns, rows), notes)


def _voucher(told: Told) -> str:
    voucher = getattr(told.entry, "voucher", None)
    if voucher is None:
        return ""
    number = "" if voucher.number is None else f" {voucher.number}/{voucher.voucher_on.year}"
    return f"{voucher.series}{number} ngày {voucher.voucher_on:%d/%m/%Y}"


_SORTS = {"disallowed": "xuất toán", "recovery": "thu hồi", "other": "khác"}


@report("audit-findings", "Phát hiện kiểm toán và theo dõi", "Audit findings and their follow-up")
def audit_findings(source: Source, period: Period, *, open_only: str = "no") -> Report:
    """Findings raised up to the last day of the period, with what came back; `open_only=yes` leaves out closed ones."""
    columns = (
        Column("finding", "mã", "finding"),
        Column("sort", "loại", "sort"),
        Column("what", "nội dung", "what"),
        Column("about", "về bản ghi", "about record", "index"),
        Column("raised_on", "ngày nêu", "raised", "day"),
        Column("answer_by_on", "hạn trả lời", "answer by", "day"),
        _UNIT,
        Column("minor", "số tiền", "amount", "money", total=True),
        Column("recovered", "đã thu hồi", "recovered", "money", total=True),
        Column("left", "còn phải thu", "still to recover", "money", total=True),
        Column("state", "tình trạng", "state"),
    )
    rows = []
    for code, row in source.rows("finding").items():
        raised = source.records[row["index"]]
        if raised.day > period.to_on or (open_only == "yes" and row["closed"]):
            continue
        entry: Any = raised.entry
        due = entry.answer_by_on
        late = due is not None and not row["closed"] and due < min(period.to_on, source.today)
        minor = row.get("minor")
        cells: tuple[Cell, ...] = (
            code,
            _SORTS[entry.sort],
            entry.what,
            entry.about,
            entry.raised_on,
            due,
            row.get("unit", "VND"),
            minor,
            row["recovered_minor"],
            None if minor is None or row["closed"] else max(minor - row["recovered_minor"], 0),
            "đã đóng — closed" if row["closed"] else "quá hạn — overdue" if late else "còn mở — open",
        )
        records = (row["index"], entry.about, *([row["followed"]] if "followed" in row else []))
        rows.append(Row(cells, tuple(sorted(records))))
    return finished("audit-findings", source, period, columns, rows, totals_of(columns, rows))
