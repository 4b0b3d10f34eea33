"""Commands for donors' papers: receipt, certificate, certificates --all."""

import hashlib
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.session import DONE, FINDINGS, Answer, Misuse, Session
from ledger.entries.certificates import Paper
from ledger.refusals import Rejected

IssuedOn = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Ngày ghi trên giấy; mặc định hôm nay — day on the paper")
]
DecidedOn = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Ngày của quyết định — day of the decision")
]
Decision = Annotated[str | None, typer.Option(help="Số quyết định của Hội đồng — number of the board's decision")]
Signer = Annotated[
    str | None, typer.Option(help="Chức danh người ký, không phải tên — office that signs, never a name")
]
Part = Annotated[int | None, typer.Option(help="Phong bì hoặc khoản thứ mấy, từ 0 — which envelope or gift of a batch")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Tệp hoặc thư mục kết quả — output file or folder")]
Gift = Annotated[int, typer.Argument(help="Số bản ghi của khoản ủng hộ — index of the gift")]


def receipt(
    session: Session, gift: Gift, part: Part = None, issued_on: IssuedOn = None, output: Output = None
) -> Answer:
    """Giấy xác nhận ủng hộ — a donation receipt."""
    return _one(session, "receipt", gift, part, _day(session, issued_on), output)


def certificate(
    session: Session,
    gift: Gift,
    decision: Decision = None,
    decided_on: DecidedOn = None,
    signer: Signer = None,
    part: Part = None,
    issued_on: IssuedOn = None,
    output: Output = None,
) -> Answer:
    """Giấy chứng nhận Tấm lòng vàng — a certificate."""
    decided = None if decided_on is None else decided_on.date()
    return _one(session, "certificate", gift, part, _day(session, issued_on), output, decision, decided, signer)


def certificates(
    session: Session,
    all_gifts: Annotated[
        bool, typer.Option("--all", help="Mọi khoản ủng hộ chưa có giấy — every gift without one")
    ] = False,
    decision: Decision = None,
    decided_on: DecidedOn = None,
    signer: Signer = None,
    least: Annotated[int, typer.Option(help="Từ số tiền này (đồng) — gifts of at least this")] = 1,
    output: Output = None,
) -> Answer:
    """Cấp giấy chứng nhận hàng loạt — certificates for all gifts.

    Khoản đã có giấy thì bỏ qua; in lại bằng sovang certificate — a gift that has its paper is passed over.
    """
    from api.words import say
    from certificates.issue import gifts, issue, live_paper

    if not all_gifts:
        raise Misuse("cần --all — needs --all")
    if decision is None or decided_on is None:
        raise Misuse(
            "giấy chứng nhận cần số và ngày quyết định: --decision và --decided-on — certificates need the number and "
            "the day of the board's decision"
        )
    opened, today = session.opened, session.today
    refused: list[dict[str, Any]] = []

    def refuse(index: int, part: int | None, error: Rejected) -> None:
        refused.append({"gift": index, "part": part, "reason": str(error.reason), "message": say(error)})

    issued: list[tuple[int, int | None, int]] = []
    for index, part, minor in list(gifts(opened)):
        if minor < least or live_paper(opened, index, "certificate", part) is not None:
            continue
        try:
            recorded = issue(
                opened,
                index,
                "certificate",
                by=session.actor,
                issued_on=today,
                part=part,
                decision=decision,
                decided_on=decided_on.date(),
                signer=signer,
            )
            issued.append((index, part, recorded.index))
        except Rejected as error:
            refuse(index, part, error)
    made: list[dict[str, Any]] = []
    folder = output or Path("certificates-out")
    if issued:
        # One checkpoint over all of them; should it fail, the papers stand and are printed one by one later.
        opened.checkpointer.run()
        folder.mkdir(parents=True, exist_ok=True)
    for index, part, paper in issued:
        try:
            made.append(_written(session, "certificate", index, part, paper, folder))
        except Rejected as error:
            refuse(index, part, error)
    lines = [f"{len(made)} giấy trong {folder} — certificates" if made else "Không có giấy mới — no new certificates"]
    for each in refused:
        part_said = "" if each["part"] is None else f", phần / part {each['part']}"
        lines.append(f"Khoản / gift {each['gift']}{part_said}: {each['message']}")
    return Answer({"certificates": made, "refused": refused}, lines, code=FINDINGS if refused else DONE)


def voucher(
    session: Session,
    index: Annotated[int, typer.Argument(help="Số bản ghi — index of the record")],
    form: Annotated[
        str | None, typer.Option(help="Biểu mẫu (phieu-thu, giao-nhan…); mặc định theo bản ghi — which form")
    ] = None,
    output: Output = None,
) -> Answer:
    """In chứng từ của một bản ghi — the voucher of a record.

    Mỗi lần in là một bản ghi voucher_printed; từ bản thứ hai, giấy mang chữ BẢN IN LẠI — a reprint says so.
    """
    from api.printing import render_printed
    from certificates.vouchers import print_voucher

    printed = print_voucher(session.opened, index, form, by=session.actor, printed_on=session.today)
    pdf = render_printed(session.opened, printed.index)
    path = output or Path(f"voucher-{index}.pdf")
    if path.is_dir():
        path = path / f"voucher-{index}.pdf"
    session.write(path, pdf, private=True)
    made = {"path": str(path), "sha256": hashlib.sha256(pdf).hexdigest(), "index": printed.index, "record": index}
    return session.signed(Answer(made, (f"Đã viết — written: {path} (bản ghi / record {printed.index})",)))


def form(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="FORM", help="Biểu mẫu; «list» kể hết — which form, or list")],
    rows: Annotated[int | None, typer.Option(help="Số dòng trống — how many empty rows")] = None,
    place: Annotated[
        str | None, typer.Option(help="Quỹ, tài khoản: ghi sẵn tên và số dư theo sổ — fill in its balance, cash:TM")
    ] = None,
    output: Output = None,
) -> Answer:
    """Biểu mẫu trống: kiểm kê, đối chiếu, bàn giao, ký nhận — an empty form.

    Không bao giờ in sẵn tên trẻ em — never with children's names.
    """
    from certificates.forms import forms, render_form
    from certificates.vouchers import blank

    if name == "list":
        listed = [
            {"form": key, "name": one.name, "english": one.english, "code": one.code, "verified": one.verified}
            for key, one in forms().items()
        ]
        cells = [[str(each["form"]), f"{each['name']} — {each['english']}", str(each["code"])] for each in listed]
        return Answer({"forms": listed}, table=(("biểu mẫu / form", "tên / name", "mẫu số / code"), cells))
    pdf = render_form(blank(session.opened, name, on=session.today, rows=rows, place=place))
    path = output or Path(f"{name}.pdf")
    if path.is_dir():
        path = path / f"{name}.pdf"
    session.write(path, pdf, private=True)
    made = {"path": str(path), "sha256": hashlib.sha256(pdf).hexdigest(), "form": name}
    return Answer(made, (f"Đã viết — written: {path}",))


def _day(session: Session, given: datetime | None) -> date:
    return session.today if given is None else given.date()


def _one(
    session: Session,
    paper: Paper,
    gift: int,
    part: int | None,
    issued_on: date,
    output: Path | None,
    decision: str | None = None,
    decided_on: date | None = None,
    signer: str | None = None,
) -> Answer:
    """Issues the paper unless the gift has it, signs a checkpoint over it, and writes the PDF."""
    from certificates.issue import issue, live_paper

    opened = session.opened
    index = live_paper(opened, gift, paper, part)
    if index is None:
        index = issue(
            opened,
            gift,
            paper,
            by=session.actor,
            issued_on=issued_on,
            part=part,
            decision=decision,
            decided_on=decided_on,
            signer=signer,
        ).index
        opened.checkpointer.run()
    made = _written(session, paper, gift, part, index, output)
    return Answer(made, (f"Đã viết — written: {made['path']} (bản ghi / record {made['index']})",))


def _written(
    session: Session, paper: Paper, gift: int, part: int | None, index: int, output: Path | None
) -> dict[str, Any]:
    """The PDF of the paper recorded at `index`, as a file."""
    from certificates.issue import render_paper

    pdf = render_paper(session.opened, index)
    name = f"{paper}-{gift}" + ("" if part is None else f"-{part}") + ".pdf"
    path = Path(name) if output is None else output / name if output.is_dir() else output
    session.write(path, pdf, private=True)
    return {"path": str(path), "sha256": hashlib.sha256(pdf).hexdigest(), "index": index}
