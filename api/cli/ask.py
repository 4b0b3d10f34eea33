"""Commands that ask the book: trace, balances, search."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.session import Answer, Misuse, Session

if TYPE_CHECKING:
    from audit.trace import Trace


def trace(
    session: Session,
    index: Annotated[int, typer.Argument(help="Số bản ghi — index of a gift or a use")],
    at: Annotated[int | None, typer.Option(help="Như sổ ở cỡ này — as of this size of the log")] = None,
    part: Annotated[int | None, typer.Option(help="Phong bì hoặc khoản thứ mấy, từ 0 — which gift of a sheet")] = None,
) -> Answer:
    """Khoản ủng hộ đã làm được gì — what did this gift do, or: whose gifts made this."""
    from audit.trace import trace_stored
    from ledger.registers import Key, decode_value
    from ledger.store import read
    from ledger.store.engine import reading

    with reading(session.opened.engine) as db:
        traced = trace_stored(db, session.opened.code, index, at, part)
        keys = [Key("commune", use.commune) for use in traced.uses if use.commune]
        rows = read.registers(db, session.opened.code, keys)
    names = {key.key: decode_value(value)["name"] for key, value in rows.items()}
    return Answer(traced.to_json(), _told(traced, names))


def _told(traced: "Trace", communes: dict[str, str]) -> list[str]:
    """A trace as sentences; `communes` are the names the book gives them."""
    if traced.gift is None:
        made = [f"- {_sum(p.minor, p.unit)}{_pieces(p.goods)}: {p.source} {p.index}" for p in traced.made_of]
        return [f"Bản ghi {traced.index} ({traced.kind}) làm từ — made of:", *made, traced.rule]
    amount = "" if traced.amount is None else _sum(traced.amount.minor, traced.amount.unit)
    lines = [f"Khoản {traced.gift}: {amount}, nguồn {traced.fund or '—'}, ngày {traced.on:%d/%m/%Y} — gift, fund, day"]
    for use in traced.uses:
        # A hidden delivery says the province and the month, nothing nearer.
        where = communes.get(use.commune or "", use.commune) or (
            f"tỉnh / province {use.province}" if use.province else ""
        )
        day = "" if use.day is None else f"{use.day:%m/%Y}" if use.province else f"{use.day:%d/%m/%Y}"
        what = f"{use.activity or use.account} {where}".strip()
        used = f"{_sum(use.amount_minor, use.unit)}{_pieces(use.goods)}"
        lines.append(f"- đã dùng / used {used}: {what}, {day}, bản ghi / record {use.index}")
    lines += [f"- còn giữ / held {_sum(h.minor, h.unit)}{_pieces(h.goods)}: {h.account}" for h in traced.held]
    if traced.refunded:
        unit = traced.amount.unit if traced.amount else "VND"
        lines.append(f"- đã hoàn / given back {_sum(traced.refunded, unit)}")
    return [*lines, traced.rule]


def _sum(minor: int, unit: str) -> str:
    from certificates.words import format_number, format_vnd

    if unit == "VND":
        return f"-{format_vnd(-minor)}" if minor < 0 else format_vnd(minor)
    return f"{'-' if minor < 0 else ''}{format_number(abs(minor))} {unit}"


def _pieces(goods: dict[str, int]) -> str:
    return "".join(f" = {count} {unit}" for unit, count in goods.items())


def balances(
    session: Session,
    at: Annotated[int | None, typer.Option(help="Ngay sau bản ghi này — as recorded, after this index")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Theo ngày tiền — by money day")] = None,
) -> Answer:
    """Số dư các tài khoản — balances of all accounts."""
    from audit.queries import balances as ask

    if at is not None and on is not None:
        raise Misuse("--at hoặc --on — one of the two")
    day: date | None = None if on is None else on.date()
    rows = ask(session.opened, at=at, on=day)
    shown = [[row.account, _sum(row.minor, row.unit)] for row in rows if row.minor]
    document = {
        "balances": [{"account": r.account, "unit": r.unit, "minor": r.minor} for r in rows],
        "at": at,
        "on": day,
    }
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
