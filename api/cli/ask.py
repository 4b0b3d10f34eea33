"""Commands that ask the book: trace, balances, search."""

from datetime import date, datetime
from typing import Annotated

import typer

from api.cli.session import Answer, Misuse, Session


def trace(
    session: Session,
    index: Annotated[int, typer.Argument(help="Số bản ghi — index of a gift or a use")],
    at: Annotated[int | None, typer.Option(help="Như sổ ở cỡ này — as of this size of the log")] = None,
) -> Answer:
    """Khoản ủng hộ đã làm được gì — what did this gift do, or: whose gifts made this."""
    from audit.trace import trace_book

    traced = trace_book(session.opened, index, at=at)
    return Answer(traced.to_json(), traced.lines())


def balances(
    session: Session,
    at: Annotated[int | None, typer.Option(help="Ngay sau bản ghi này — as recorded, after this index")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Theo ngày tiền — by money day")] = None,
) -> Answer:
    """Số dư các tài khoản — balances of all accounts."""
    from audit.queries import balances as ask

    from certificates.words import format_vnd

    if at is not None and on is not None:
        raise Misuse("--at hoặc --on — one of the two")
    day: date | None = None if on is None else on.date()
    rows = ask(session.opened, at=at, on=day)
    shown = [
        [row.account, (("-" if row.minor < 0 else "") + format_vnd(abs(row.minor))) if row.unit == "VND" else f"{row.minor} {row.unit}"]
        for row in rows
        if row.minor
    ]
    document = {"balances": [{"account": r.account, "unit": r.unit, "minor": r.minor} for r in rows], "at": at, "on": day}
    return Answer(document, (), (("tài khoản / account", "số dư / balance"), shown))


def search(
    session: Session,
    words: Annotated[list[str], typer.Argument(help="Chữ cần tìm, có dấu hoặc không — words")],
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> Answer:
    """Tìm bản ghi theo mã, chữ, tên hoặc nội dung chuyển khoản — find records."""
    from audit.queries import search as find

    hits = find(session.opened, " ".join(words), limit=limit)
    rows = [[str(hit.index), hit.kind, hit.at[:10], hit.found] for hit in hits]
    document = {"hits": [{"index": h.index, "kind": h.kind, "at": h.at, "found": h.found} for h in hits]}
    return Answer(document, (), (("bản ghi / record", "kind", "ngày / day", "thấy / found"), rows))
