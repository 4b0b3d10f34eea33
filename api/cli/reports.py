"""`sovang report`: any report, for any period, as the book stands or stood."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli.session import Answer, Misuse, Session

if TYPE_CHECKING:
    from audit.reports import Report


def report(
    session: Session,
    kind: Annotated[str, typer.Argument(help="Loại báo cáo; `list` để xem — which report; `list` shows all")],
    from_day: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Từ ngày — first day")
    ] = None,
    to_day: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Đến ngày — last day")] = None,
    year: Annotated[str | None, typer.Option(help="Năm — a year: 2026")] = None,
    quarter: Annotated[str | None, typer.Option(help="Quý — a quarter: 2026-3")] = None,
    month: Annotated[str | None, typer.Option(help="Tháng — a month: 2026-09")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="Lựa chọn riêng của báo cáo: tên=giá trị — name=value")
    ] = None,
    at: Annotated[int | None, typer.Option(help="Như sổ ở cỡ này — as of this size of the log")] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Mở tên trong kho riêng — open the private values of persons")
    ] = False,
    drill: Annotated[
        int | None, typer.Option(min=1, help="Dòng thứ mấy: xem chứng từ của dòng đó — the vouchers of a row, from 1")
    ] = None,
    format_: Annotated[
        Literal["table", "json", "csv", "xlsx", "pdf"], typer.Option("--format", help="Dạng — how it is written")
    ] = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Ghi vào tệp — write to a file")] = None,
) -> Answer:
    """Báo cáo: sổ sách, tiếp nhận và sử dụng, tổng hợp — any report, for a period."""
    from audit.reports import REPORTS, Period, make_report, open_source

    if kind == "list":
        rows = [[one.kind, " — ".join(one.title), " ".join(one.options)] for one in REPORTS.values()]
        listed = [{"kind": o.kind, "title": list(o.title), "options": dict(o.options)} for o in REPORTS.values()]
        return Answer({"reports": listed}, (), (("báo cáo / report", "tên / title", "lựa chọn / options"), rows))
    today = None if at is not None else session.today
    with open_source(session.opened, size=at, today=today, private=names) as source:
        period = Period.parse(
            today=source.today, from_on=_day(from_day), to_on=_day(to_day), year=year, quarter=quarter, month=month
        )
        made = make_report(source, kind, period, _options(option))
    return _written(session, made, format_, output)


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _options(said: list[str] | None) -> dict[str, str]:
    pairs = [one.partition("=") for one in said or ()]
    if any(not equals for _, equals, _ in pairs) or len({name for name, _, _ in pairs}) != len(pairs):
        raise Misuse("--option tên=giá trị, mỗi tên một lần — name=value, each name once")
    return {name: value for name, _, value in pairs}


def _written(session: Session, made: "Report", form: str, output: Path | None) -> Answer:
    from api.reports import shown
    from ledger.files import write_durably

    document: dict[str, Any] = {**made.to_json(), "book": session.opened.code, "sha256": made.sha256()}
    if form == "table" and output is None:
        heads = [f"{column.vi} / {column.en}" for column in made.columns]
        rows = [[str(n), *shown(made, row)] for n, row in enumerate(made.rows, 1)]
        rows += [["", *shown(made, row)] for row in made.totals]
        lines = [
            f"{made.title[0]} — {made.title[1]}",
            f"từ {made.period.from_on:%d/%m/%Y} đến {made.period.to_on:%d/%m/%Y}; sổ có {made.size} bản ghi — "
            f"the book had {made.size} records",
        ]
        return Answer(document, [*lines, *made.notes], (("dòng / row", *heads), rows))
    data = as_bytes(session, made, form)
    if output is not None:
        write_durably(output, data)
        return Answer({**document, "file": str(output)}, [f"{output}: {len(data)} bytes"])
    if session.as_json:
        return Answer(document)
    if form in ("xlsx", "pdf"):
        raise Misuse("cần -o TỆP — needs -o FILE")
    return Answer(document, [data.decode("utf-8-sig").removesuffix("\n").replace("\r\n", "\n")])


def as_bytes(session: Session, made: "Report", form: str) -> bytes:
    """The report as a file's bytes."""
    from api.reports import to_csv, to_xlsx

    if form == "json":
        return made.canonical() + b"\n"
    if form == "csv":
        return to_csv(made)
    if form == "xlsx":
        return to_xlsx(made, ())
    raise Misuse("--format json, csv, xlsx, pdf")
