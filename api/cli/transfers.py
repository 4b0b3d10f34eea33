"""Commands of the person who asks «is my transfer in there?»: find, dispute."""

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.figures import amount as figure
from api.cli.session import Answer, Misuse, Session

ANSWER_DAYS = 15
"""How long the answer to a dispute may take, unless another day is promised."""

_DAY = ["%Y-%m-%d"]


def find(
    session: Session,
    day: Annotated[datetime, typer.Option(formats=_DAY, help="Ngày ngân hàng ghi có — the day the bank booked")],
    amount: Annotated[str, typer.Option(help="Số tiền: 500000, hoặc 10050 USD — the amount, minor units")],
    ref: Annotated[str, typer.Option(help="Mã giao dịch đầy đủ, hoặc - để đọc từ đầu vào — the bank's full reference")],
    place: Annotated[str | None, typer.Option(help="Tài khoản nhận — the account that received it")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Tệp kết quả — output file")] = None,
) -> Answer:
    """Khoản chuyển có trong sổ không: đúng cả ba thì có bằng chứng — is this transfer in the book; the proof of it."""
    from audit.find import find_transfer

    found = find_transfer(
        session.opened, day=day.date(), amount=_amount(amount), reference=_said(ref), place=_bank(place)
    )
    path = output or Path(f"{session.opened.code}-{found.index}.tlog-proof")
    session.write(path, found.proof)
    unit = _amount(amount).unit
    document = {
        "index": found.index,
        "path": str(path),
        "explained_by": list(found.explained_by),
        "waiting": {"minor": found.waiting_minor, "unit": unit},
    }
    by = ", ".join(map(str, found.explained_by))
    lines = [f"Có trong sổ: bản ghi {found.index}, bằng chứng {path} — it is in the book; record and proof"]
    if by:
        lines.append(f"Đã giải trình ở bản ghi {by} — what it was for stands in record {by}")
    if found.waiting_minor:
        waits = figure(found.waiting_minor, unit)
        lines.append(f"Còn chờ xác định {waits} — {waits} of it is not explained yet")
    return Answer(document, lines)


def dispute(
    session: Session,
    day: Annotated[datetime, typer.Option(formats=_DAY, help="Ngày chuyển, theo người gửi — the day it was sent")],
    amount: Annotated[str, typer.Option(help="Số tiền: 500000, hoặc 10050 USD — the amount, minor units")],
    name: Annotated[str | None, typer.Option(help="Tên người khiếu nại; vào két — who disputes")] = None,
    ref: Annotated[str | None, typer.Option(help="Mã giao dịch; vào két — the bank's reference")] = None,
    contact: Annotated[str | None, typer.Option(help="Cách liên lạc; vào két — how to reach them")] = None,
    place: Annotated[str | None, typer.Option(help="Tài khoản nhận — the account it was sent to")] = None,
    answer_by: Annotated[
        datetime | None, typer.Option(formats=_DAY, help=f"Hẹn trả lời; mặc định {ANSWER_DAYS} ngày — answered by")
    ] = None,
) -> Answer:
    """Ghi khiếu nại «chưa thấy khoản chuyển của tôi», kèm ngày hẹn trả lời — record a dispute and its answer day."""
    said = {"name": name, "reference": None if ref is None else _said(ref), "contact": contact}
    private = {field: text for field, text in said.items() if text is not None}
    if not private:
        raise Misuse("cần --name, --ref hoặc --contact — who says so, or which transfer")
    raised_on = session.today
    promised = raised_on + timedelta(days=ANSWER_DAYS) if answer_by is None else answer_by.date()
    entry: dict[str, Any] = {
        "kind": "disputed",
        "amount": {"minor": (wanted := _amount(amount)).minor, "unit": wanted.unit},
        "answer_by_on": promised.isoformat(),
        "raised_on": raised_on.isoformat(),
        "sender": {"private": private},
        "transferred_on": day.date().isoformat(),
    }
    if place is not None:
        entry["place"] = _bank(place)
    recorded = session.opened.requests.submit([{"entry": entry}], session.actor)[0]
    leaf = recorded.leaf_hash.hex()
    document = {"index": recorded.index, "leaf_hash": leaf, "answer_by_on": promised.isoformat()}
    lines = (
        f"Khiếu nại là bản ghi {recorded.index}; sẽ trả lời trước hết ngày {promised:%d/%m/%Y} — the dispute is record "
        f"{recorded.index}, to be answered by that day",
        f"Trả lời — answer: sovang new dispute_answered --dispute {recorded.index} --dispute-leaf {leaf} "
        "--answered-on YYYY-MM-DD --outcome found --found BẢN_GHI --why …",
    )
    return session.signed(Answer(document, lines))


def _amount(text: str) -> Any:
    import msgspec

    from api.cli.forms import amount_of
    from ledger.money import Amount
    from ledger.refusals import Reason, Rejected

    try:
        return msgspec.convert(amount_of(text, "amount"), Amount)
    except msgspec.ValidationError as error:
        raise Rejected(Reason.MALFORMED, "a positive amount of a known form", field="amount") from error


def _said(ref: str) -> str:
    """The reference as given, or from standard input, so that it stays out of the shell's history."""
    return sys.stdin.readline().strip() if ref == "-" else ref


def _bank(place: str | None) -> str | None:
    return place if place is None or ":" in place else f"bank:{place}"
