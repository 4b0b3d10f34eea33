"""Commands for donors' papers: receipt, certificate, certificates --all."""

import hashlib
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.session import DONE, FINDINGS, Answer, Misuse, Session
from ledger.entries.certificates import Paper
from ledger.refusals import Rejected

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]
Part = Annotated[int | None, typer.Option(help="Phong bì hoặc khoản thứ mấy, từ 0 — which envelope or gift of a batch")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Tệp hoặc thư mục kết quả — output file or folder")]
Gift = Annotated[int, typer.Argument(help="Số bản ghi của khoản ủng hộ — index of the gift")]


def receipt(session: Session, gift: Gift, part: Part = None, issued_on: Day = None, output: Output = None) -> Answer:
    """Giấy xác nhận ủng hộ — a donation receipt."""
    return _shown(_paper(session, "receipt", gift, part, issued_on, None, None, output))


def certificate(
    session: Session,
    gift: Gift,
    decision: Annotated[
        str | None, typer.Option(help="Số quyết định của Hội đồng — number of the board's decision")
    ] = None,
    decided_on: Day = None,
    part: Part = None,
    issued_on: Day = None,
    output: Output = None,
) -> Answer:
    """Giấy chứng nhận Tấm lòng vàng — a certificate."""
    return _shown(_paper(session, "certificate", gift, part, issued_on, decision, decided_on, output))


def certificates(
    session: Session,
    all_gifts: Annotated[
        bool, typer.Option("--all", help="Mọi khoản ủng hộ chưa có giấy — every gift without one")
    ] = False,
    decision: Annotated[str | None, typer.Option(help="Số quyết định của Hội đồng")] = None,
    decided_on: Day = None,
    least: Annotated[int, typer.Option(help="Từ số tiền này (đồng) — gifts of at least this")] = 1,
    output: Output = None,
) -> Answer:
    """Cấp giấy chứng nhận hàng loạt — certificates for all gifts."""
    from certificates.issue import gifts

    if not all_gifts:
        raise Misuse("--all")
    folder = output or Path("certificates-out")
    folder.mkdir(parents=True, exist_ok=True)
    made: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for index, part, minor in gifts(session.opened):
        if minor < least:
            continue
        try:
            made.append(_paper(session, "certificate", index, part, None, decision, decided_on, folder))
        except Rejected as error:
            refused.append({"gift": index, "part": part, "reason": str(error.reason)})
    document = {"certificates": made, "refused": refused}
    lines = [f"{len(made)} giấy trong {folder} — certificates", *(f"{r['gift']}: {r['reason']}" for r in refused)]
    return Answer(document, lines, code=FINDINGS if refused else DONE)


def _paper(
    session: Session,
    paper: Paper,
    gift: int,
    part: int | None,
    issued_on: datetime | None,
    decision: str | None,
    decided_on: datetime | None,
    output: Path | None,
) -> dict[str, Any]:
    """Issues the paper unless the gift has it, signs a checkpoint over it, and writes the PDF."""
    from certificates.issue import issue, live_paper, render_paper
    from ledger.files import write_durably

    opened = session.opened
    index = live_paper(opened, gift, paper, part)
    if index is None:
        day: date = session.today if issued_on is None else issued_on.date()
        decided = None if decided_on is None else decided_on.date()
        recorded = issue(
            opened, gift, paper, by=session.actor, issued_on=day, part=part, decision=decision, decided_on=decided
        )
        index = recorded.index
        opened.checkpointer.run()
    pdf = render_paper(opened, index)
    name = f"{paper}-{gift}" + ("" if part is None else f"-{part}") + ".pdf"
    path = Path(name) if output is None else output / name if output.is_dir() else output
    write_durably(path, pdf)
    return {"path": str(path), "sha256": hashlib.sha256(pdf).hexdigest(), "index": index}


def _shown(made: dict[str, Any]) -> Answer:
    return Answer(made, (f"Đã viết — written: {made['path']} (bản ghi / record {made['index']})",))
