"""`sovang report` and `sovang export`: any report, for any period, as the book stands or stood."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli.session import Answer, Misuse, Session
from ledger.refusals import Reason, Rejected

if TYPE_CHECKING:
    from audit.reports import Report

_From = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Từ ngày — first day")]
_To = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Đến ngày — last day")]
_Year = Annotated[str | None, typer.Option(help="Năm — a year: 2026")]
_Quarter = Annotated[str | None, typer.Option(help="Quý — a quarter: 2026-3")]
_Month = Annotated[str | None, typer.Option(help="Tháng — a month: 2026-09")]
_At = Annotated[int | None, typer.Option(help="Như sổ ở cỡ này — as of this size of the log")]


def report(
    session: Session,
    kind: Annotated[str, typer.Argument(help="Loại báo cáo; `list` để xem — which report; `list` shows all")],
    from_day: _From = None,
    to_day: _To = None,
    year: _Year = None,
    quarter: _Quarter = None,
    month: _Month = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="Lựa chọn riêng của báo cáo: tên=giá trị — name=value")
    ] = None,
    at: _At = None,
    names: Annotated[
        bool, typer.Option("--names", help="Mở tên trong kho riêng — open the private values of persons")
    ] = False,
    drill: Annotated[
        int | None, typer.Option(min=1, help="Dòng thứ mấy: xem chứng từ của dòng đó — the vouchers of a row, from 1")
    ] = None,
    issue: Annotated[
        bool, typer.Option("--issue", help="Phát hành: ghi mã băm của báo cáo vào sổ — record the report's hash")
    ] = False,
    format_: Annotated[
        Literal["table", "json", "csv", "xlsx", "pdf"], typer.Option("--format", help="Dạng — how it is written")
    ] = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Ghi vào tệp — write to a file")] = None,
) -> Answer:
    """Báo cáo: sổ sách, tiếp nhận và sử dụng, tổng hợp — any report, for a period."""
    from api.reports import bound_of, drilled, to_bytes
    from audit.reports import REPORTS, Period, make_report, open_source

    if kind == "list":
        rows = [[one.kind, " — ".join(one.title), " ".join(one.options)] for one in REPORTS.values()]
        listed = [{"kind": o.kind, "title": list(o.title), "options": dict(o.options)} for o in REPORTS.values()]
        return Answer({"reports": listed}, (), (("báo cáo / report", "tên / title", "lựa chọn / options"), rows))
    if issue and at is None:
        at = session.opened.checkpointer.run()[0].size
    chosen = _options(option)
    with open_source(session.opened, size=at, today=None if at else session.today, private=names) as source:
        period = Period.parse(
            today=source.today, from_on=_day(from_day), to_on=_day(to_day), year=year, quarter=quarter, month=month
        )
        made = make_report(source, kind, period, chosen)
        vouchers = [] if drill is None else drilled(source, made, drill)
    bound = bound_of(session.opened, made.size)
    document: dict[str, Any] = {
        **made.to_json(),
        "book": session.opened.code,
        "sha256": _sha256(session, made, names=names),
        "root": bound.root,
        "options": chosen,
    }
    if drill is not None:
        document["vouchers"] = vouchers
    answer = Answer(document, *((), None) if drill is None else _told(vouchers))
    if drill is None and (output is not None or format_ != "table"):
        data = to_bytes(made, format_, bound)
        answer = _to_file(session, answer, data, format_, output)
    elif drill is None:
        answer = _table(answer, made)
    return _issued(session, answer, made, chosen, names=names) if issue else answer


def export(
    session: Session,
    what: Annotated[Literal["journal"], typer.Argument(help="journal: sổ nhật ký chung — what is exported")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Tệp CSV — the CSV file")],
    from_day: _From = None,
    to_day: _To = None,
    year: _Year = None,
    quarter: _Quarter = None,
    month: _Month = None,
    at: _At = None,
) -> Answer:
    """Xuất nhật ký cho phần mềm kế toán: Nợ, Có, số tiền, ngày, chứng từ — the journal for accounting software."""
    return report(
        session,
        what,
        from_day=from_day,
        to_day=to_day,
        year=year,
        quarter=quarter,
        month=month,
        at=at,
        format_="csv",
        output=output,
    )


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _options(said: list[str] | None) -> dict[str, str]:
    pairs = [one.partition("=") for one in said or ()]
    if any(not equals for _, equals, _ in pairs) or len({name for name, _, _ in pairs}) != len(pairs):
        raise Misuse("--option tên=giá trị, mỗi tên một lần — name=value, each name once")
    return {name: value for name, _, value in pairs}


def _table(answer: Answer, made: "Report") -> Answer:
    from api.reports import shown

    heads = [f"{column.vi} / {column.en}" for column in made.columns]
    rows = [[str(n), *shown(made, row)] for n, row in enumerate((*made.rows, *made.totals), 1)]
    lines = [
        " — ".join(made.title),
        f"từ {made.period.from_on:%d/%m/%Y} đến {made.period.to_on:%d/%m/%Y}; sổ có {made.size} bản ghi — "
        f"the book had {made.size} records",
        *made.notes,
    ]
    return replace(answer, lines=lines, table=(("dòng / row", *heads), rows))


def _to_file(session: Session, answer: Answer, data: bytes, form: str, output: Path | None) -> Answer:
    if output is not None:
        if form == "table":
            raise Misuse("--format json, csv, xlsx, pdf")
        session.write(output, data)
        document = {**answer.document, "file": str(output)}
        return replace(answer, document=document, lines=[f"{output}: {len(data)} bytes"])
    if session.as_json:
        return answer
    if form in ("xlsx", "pdf"):
        raise Misuse("cần -o TỆP — needs -o FILE")
    return replace(answer, lines=[data.decode("utf-8-sig").removesuffix("\n").replace("\r\n", "\n")])


def _told(vouchers: list[dict[str, Any]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], list[list[str]]]]:
    heads = ("bản ghi / record", "số chứng từ / voucher", "ngày ghi sổ / booked", "nghiệp vụ / what", "người ghi / by")
    rows = [[str(v["index"]), v["voucher"], str(v["booked_on"]), v["what"], v["by"]] for v in vouchers]
    return (), (heads, rows)


def _issued(session: Session, answer: Answer, made: "Report", options: dict[str, str], *, names: bool) -> Answer:
    """Records `report_issued`; the report has to be of a book with a checkpoint of that size."""
    from ledger.closing import record_bound

    if answer.document["root"] is None:
        raise Rejected(Reason.NOT_CHECKPOINTED, "no checkpoint of this size", field="at", size=made.size)
    entry: dict[str, Any] = {
        "kind": "report_issued",
        "report": made.kind,
        "from_on": made.period.from_on.isoformat(),
        "to_on": made.period.to_on.isoformat(),
        "issued_on": session.today.isoformat(),
        "names": names,
        "options": [{"name": name, "value": value} for name, value in sorted(options.items())],
        "sha256": answer.document["sha256"],
        "size": made.size,
    }
    helped = _distinct_children(made)
    # Fewer than k stand nowhere open; the report itself still has them.
    if helped is not None and helped >= session.opened.opened.k:
        entry["distinct_children"] = helped
    try:
        recorded = record_bound(session.opened, entry, session.actor)
    except Rejected as refused:
        # Beside an earlier count this one would tell of few children: the record does without it.
        if refused.reason is not Reason.SMALL_GROUP_OPEN or "distinct_children" not in entry:
            raise
        del entry["distinct_children"]
        recorded = record_bound(session.opened, entry, session.actor)
    document = {**answer.document, "issued": {"index": recorded.index, "leaf_hash": recorded.leaf_hash.hex()}}
    aside = f"Đã phát hành, bản ghi {recorded.index} — issued: sha256 {answer.document['sha256']}"
    return session.signed(replace(answer, document=document, aside=[*answer.aside, aside]))


def _sha256(session: Session, made: "Report", *, names: bool) -> str:
    """What `report_issued` says of a report: its hash, keyed by the vault where private values were opened for it."""
    plain = made.sha256()
    if not names:
        return plain
    return session.opened.keys.request_mac(session.opened.code, bytes.fromhex(plain)).hex()


def _distinct_children(made: "Report") -> int | None:
    """The count of different children that a report has in its own column `children` (report `synthesis`)."""
    names = [column.name for column in made.columns]
    counts = [row.cells[names.index("children")] for row in made.rows] if made.kind == "synthesis" else []
    return next((count for count in counts if isinstance(count, int)), None)
