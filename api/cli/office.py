"""Commands of the office: propose and approve, correct a record, close a month."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.session import Answer, Misuse, Session
from ledger.refusals import Reason, Rejected


def propose(
    session: Session,
    file: Annotated[str, typer.Argument(help="Tệp JSON của một nghiệp vụ, hoặc - — one entry as JSON, or -")],
    reference: Annotated[str | None, typer.Option("--reference", help="Khóa chống ghi trùng — idempotency key")] = None,
) -> Answer:
    """Đề xuất một nghiệp vụ để người khác duyệt — put one entry to others for approval."""
    import sys

    from ledger.log import canonical

    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        draft = canonical.parse(data.strip())
    except canonical.NotCanonical as error:
        raise Rejected(Reason.MALFORMED, str(error), field="draft") from error
    return propose_entry(session, draft, reference)


def propose_entry(session: Session, draft: Any, reference: str | None) -> Answer:
    """Records a proposal of an entry in its request form, and says how it is approved."""
    request: dict[str, Any] = {
        "entry": {"kind": "proposed", "draft": draft, "proposed_on": session.today.isoformat()},
    }
    if reference is not None:
        request["reference"] = reference
    recorded = session.opened.requests.submit([request], session.actor)[0]
    document = {"index": recorded.index, "leaf_hash": recorded.leaf_hash.hex(), "repeated": recorded.repeated}
    line = f"Đề xuất là bản ghi {recorded.index}; người khác duyệt bằng: sovang approve {recorded.index} — proposed"
    return session.signed(Answer(document, (line,)))


def approve(
    session: Session,
    proposed: Annotated[int, typer.Argument(help="Số bản ghi của đề xuất — index of the proposal")],
) -> Answer:
    """Duyệt một đề xuất; duyệt đủ thì nghiệp vụ được ghi — approve; with the last approval the entry is recorded."""
    from ledger.approving import approve as approve_it

    done = approve_it(session.opened, proposed, session.actor)
    document: dict[str, Any] = {
        "approval": done.approval.index,
        "index": None if done.entry is None else done.entry.index,
        "leaf_hash": None if done.entry is None else done.entry.leaf_hash.hex(),
    }
    if done.entry is None:
        line = (
            f"Đã duyệt (bản ghi {done.approval.index}); còn cần người khác duyệt — approved; others have to approve too"
        )
    else:
        line = (
            f"Đã duyệt đủ; nghiệp vụ là bản ghi {done.entry.index} — approved; the entry is record {done.entry.index}"
        )
    return session.signed(Answer(document, (line,)))


def decline(
    session: Session,
    proposed: Annotated[int, typer.Argument(help="Số bản ghi của đề xuất — index of the proposal")],
    why: Annotated[str, typer.Option(help="Lý do; không nêu tên người — the reason, without names of people")],
) -> Answer:
    """Từ chối, hoặc rút lại, một đề xuất — turn a proposal down, or take it back."""
    from ledger.approving import decline as decline_it

    recorded = decline_it(session.opened, proposed, why, session.actor)
    document = {"index": recorded.index, "leaf_hash": recorded.leaf_hash.hex()}
    return session.signed(Answer(document, (f"Đề xuất {proposed} đã bị từ chối — proposal {proposed} is declined",)))


def correct(
    session: Session,
    index: Annotated[int, typer.Argument(help="Số bản ghi cần sửa — index of the record to correct")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Tệp ghi yêu cầu thay thế — file for the replacement")],
) -> Answer:
    """Soạn sẵn nghiệp vụ thay thế để sửa rồi ghi — the replacement of a record, filled in, to be edited and recorded.

    Đảo bản ghi cũ bằng sovang reverse, sửa tệp này, rồi sovang record — reverse the old one, edit, then record.
    """
    from ledger.requests import request_of
    from ledger.store import read
    from ledger.store.engine import reading

    opened = session.opened
    with reading(opened.engine) as db:
        body = read.body(db, opened.code, index) if index >= 0 else None
    if body is None:
        raise Rejected(Reason.NO_SUCH_RECORD, field="index", index=index)
    if out.exists():
        raise Misuse(f"tệp đã có — the file is there already: {out}")
    request = {"entry": request_of(index, body)}
    out.write_text(json.dumps(request, ensure_ascii=False) + "\n", encoding="utf-8")
    return Answer({"path": str(out), "index": index}, (f"{out}: sửa rồi ghi bằng sovang record — edit, then record",))


def close_month(
    session: Session,
    month: Annotated[str, typer.Argument(help="Tháng, ví dụ 2026-01 — the month")],
    check: Annotated[
        bool, typer.Option("--check", help="Chỉ xem danh mục việc phải xong — only the closing list")
    ] = False,
    anyway: Annotated[
        str | None, typer.Option(help="Vẫn khóa dù còn việc, vì sao — close with things left open; the reason")
    ] = None,
) -> Answer:
    """Khóa sổ một tháng sau khi xem danh mục phải xong — close a month once its closing list is in order."""
    from ledger.closing import close, closing_list

    left = closing_list(session.opened, month)
    table = [[item.vi, item.en, ", ".join(map(str, item.records[:5]))] for item in left.open]
    heads = ("còn lại", "left open", "bản ghi / records")
    document: dict[str, Any] = {
        "month": month,
        "left_open": [{"what": item.code, "records": list(item.records)} for item in left.open],
        "counts": list(left.counts),
        "index": None,
    }
    if check or (left.open and anyway is None):
        said = "Còn việc phải làm — not in order yet" if left.open else "Đủ điều kiện khóa sổ — ready to be closed"
        return Answer(document, (said,), (heads, table), code=1 if left.open else 0)
    recorded = close(session.opened, left, session.actor, anyway=anyway)
    document["index"], document["leaf_hash"] = recorded.index, recorded.leaf_hash.hex()
    return session.signed(Answer(document, (f"Đã khóa sổ {month}: bản ghi {recorded.index} — {month} is closed",)))


def hand_over(
    session: Session,
    office: Annotated[str, typer.Argument(help="Chức việc: ke-toan, thu-quy, thu-kho — the office")],
    to: Annotated[str, typer.Option(help="Người nhận — who takes over")],
    minutes: Annotated[
        str, typer.Option(help="Biên bản bàn giao: @tệp, hoặc SHA-256 — the signed minutes, @file or SHA-256")
    ],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Ngày; mặc định hôm nay — day, today if left out")
    ] = None,
) -> Answer:
    """Bàn giao một chức việc, gắn với sổ lúc đó — hand an office over, bound to the book as it stands."""
    from api.cli.forms import sha256_of
    from ledger.closing import record_bound

    entry = {
        "kind": "handed_over",
        "from_actor": session.actor,
        "handed_on": (session.today if on is None else on.date()).isoformat(),
        "minutes_sha256": sha256_of(minutes),
        "office": office,
        "to_actor": to,
    }
    recorded = record_bound(session.opened, entry, session.actor)
    document = {"index": recorded.index, "leaf_hash": recorded.leaf_hash.hex()}
    return session.signed(Answer(document, (f"Đã bàn giao: bản ghi {recorded.index} — handed over",)))
