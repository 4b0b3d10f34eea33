"""Commands that ask the book: trace, balances, search."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.figures import amount
from api.cli.session import Answer, Misuse, Session

if TYPE_CHECKING:
    from audit.states import Covered
    from audit.trace import Trace


def trace(
    session: Session,
    index: Annotated[int, typer.Argument(help="Số bản ghi — index of a gift or a use")],
    at: Annotated[int | None, typer.Option(help="Như sổ ở cỡ này — as of this size of the log")] = None,
    part: Annotated[int | None, typer.Option(help="Phong bì hoặc khoản thứ mấy, từ 0 — which gift of a sheet")] = None,
) -> Answer:
    """Khoản ủng hộ đã làm được gì — what did this gift do, or: whose gifts made this."""
    from audit.states import Coverage
    from audit.trace import trace_stored
    from ledger.record import decode_bare
    from ledger.registers import Key, decode_value
    from ledger.store import read
    from ledger.store.engine import reading

    with reading(session.opened.engine) as db:
        traced = trace_stored(db, session.opened.code, index, at, part)
        keys = [Key("commune", use.commune) for use in traced.uses if use.commune]
        rows = read.registers(db, session.opened.code, keys)
        body = read.body(db, session.opened.code, index)
    names = {key.key: decode_value(value)["name"] for key, value in rows.items()}
    moved = body is not None and bool(decode_bare(body).postings)
    covered = Coverage(session.opened).covered()
    document = {**traced.to_json(), "state": covered.state(index), "cosigned_at": _instant(covered)}
    return Answer(document, [*_told(traced, names, moved=moved), _standing(covered, index)])


STATES = {
    "recorded": "đã ghi, chưa niêm phong — recorded, not yet checkpointed",
    "checkpointed": "đã niêm phong — checkpointed",
    "witnessed": "đã đủ bên làm chứng — witnessed",
}


def _standing(covered: "Covered", index: int) -> str:
    """How far a record came, and when a witness last vouched for the book."""
    line = f"Bản ghi {index}: {STATES[covered.state(index)]}"
    if covered.cosigned_at is None:
        return line
    return f"{line}; {_newest(covered.cosigned_at)}"


def _newest(cosigned_at: datetime) -> str:
    return f"bên làm chứng ký gần nhất / newest cosignature {cosigned_at:%d/%m/%Y %H:%M} UTC"


def _instant(covered: "Covered") -> str | None:
    """When the newest cosignature was given, in the log's own form of an instant."""
    from ledger.days import to_instant

    return None if covered.cosigned_at is None else to_instant(covered.cosigned_at)


def _told(traced: "Trace", communes: dict[str, str], *, moved: bool) -> list[str]:
    """A trace as sentences; `communes` are the names the book gives them, `moved` whether the record has postings."""
    if traced.gift is None:
        undone = [] if traced.reversed_by is None else [f"Đã đảo bởi bản ghi {traced.reversed_by} — reversed"]
        if not traced.made_of:
            said = (
                "không chuyển tiền hay hàng nào, nên không có gì để truy vết — it moves no money and no goods"
                if not moved
                else "chưa có tiền của khoản ủng hộ nào ở đây — no gift's money is in it"
            )
            return [f"Bản ghi {traced.index} ({traced.kind}): {said}", *undone]
        made = [f"- {amount(p.minor, p.unit)}{_pieces(p.goods)}: {p.source} {p.index}" for p in traced.made_of]
        return [f"Bản ghi {traced.index} ({traced.kind}) làm từ — made of:", *made, *undone, traced.rule]
    given = "" if traced.amount is None else amount(traced.amount.minor, traced.amount.unit)
    lines = [f"Khoản {traced.gift}: {given}, nguồn {traced.fund or '—'}, ngày {traced.on:%d/%m/%Y} — gift, fund, day"]
    for use in traced.uses:
        # A hidden delivery says the province and the month, nothing nearer.
        where = communes.get(use.commune or "", use.commune) or (
            f"tỉnh / province {use.province}" if use.province else ""
        )
        day = "" if use.day is None else f"{use.day:%m/%Y}" if use.province else f"{use.day:%d/%m/%Y}"
        what = f"{use.activity or use.account} {where}".strip()
        used = f"{amount(use.amount_minor, use.unit)}{_pieces(use.goods)}"
        lines.append(f"- đã dùng / used {used}: {what}, {day}, bản ghi / record {use.index}")
    lines += [f"- còn giữ / held {amount(h.minor, h.unit)}{_pieces(h.goods)}: {h.account}" for h in traced.held]
    if traced.refunded:
        unit = traced.amount.unit if traced.amount else "VND"
        lines.append(f"- đã hoàn hoặc đảo / given back or reversed {amount(traced.refunded, unit)}")
    if traced.reversed_by is not None:
        lines.append(f"- đã đảo bởi bản ghi / reversed by record {traced.reversed_by}")
    return [*lines, traced.rule]


def _pieces(goods: dict[str, int]) -> str:
    return "".join(f" = {count} {unit}" for unit, count in goods.items())


def balances(
    session: Session,
    at: Annotated[int | None, typer.Option(help="Ngay sau bản ghi này — as recorded, after this index")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Theo ngày tiền — by money day")] = None,
    account: Annotated[str | None, typer.Option(help="Chỉ tài khoản này — this account only")] = None,
) -> Answer:
    """Số dư các tài khoản, hoặc của một tài khoản — balances of all accounts, or of one."""
    from audit.queries import balances as ask

    if at is not None and on is not None:
        raise Misuse("--at hoặc --on — one of the two")
    day: date | None = None if on is None else on.date()
    rows = ask(session.opened, at=at, on=day, account=account)
    shown = [[row.account, amount(row.minor, row.unit)] for row in rows if row.minor]
    document = {
        "balances": [{"account": r.account, "unit": r.unit, "minor": r.minor} for r in rows],
        "at": at,
        "on": day,
    }
    return Answer(document, (), (("tài khoản / account", "số dư / balance"), shown))


def search(
    session: Session,
    words: Annotated[list[str], typer.Argument(help="Chữ cần tìm, có dấu hoặc không — words")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Nhiều nhất bao nhiêu dòng — at most so many")] = 50,
) -> Answer:
    """Tìm bản ghi theo mã, chữ, tên hoặc nội dung chuyển khoản — find records."""
    from audit.queries import search as find
    from audit.states import Coverage

    covered = Coverage(session.opened).covered()
    hits = find(session.opened, " ".join(words), limit=limit)
    rows = [[str(hit.index), hit.kind, hit.at[:10], covered.state(hit.index), hit.found] for hit in hits]
    found = [
        {"index": h.index, "kind": h.kind, "at": h.at, "state": covered.state(h.index), "found": h.found} for h in hits
    ]
    document = {"hits": found, "cosigned_at": _instant(covered)}
    said = () if covered.cosigned_at is None else (_newest(covered.cosigned_at),)
    return Answer(document, said, (("bản ghi / record", "kind", "ngày / day", "state", "thấy / found"), rows))
