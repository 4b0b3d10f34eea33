"""Commands of the accountant's day: import, record, new, suspense, reverse."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.figures import amount
from api.cli.session import DONE, FINDINGS, Answer, Session
from ledger.refusals import Reason, Rejected

BATCH = 1000
WAITING = (
    "dòng / line",
    "ngày / day",
    "số tiền / amount",
    "nội dung / memo",
    "người gửi / sender",
    "nơi / place",
    "bản ghi / record",
)
SUGGESTED = (
    "gợi ý / suggestion",
    "mã / code",
    "nguồn / fund",
    "tên / name",
    "số tiền / amount",
    "có mã / by code",
    "điểm / score",
    "ghi / write",
)


def import_statement(
    session: Session,
    file: Annotated[Path, typer.Argument(help="Sao kê: CSV, XLSX, MT940, camt.053 — bank statement")],
    account: Annotated[str, typer.Option(help="Tài khoản ngân hàng đã mở — bank account code")],
    format: Annotated[str | None, typer.Option("--format", help="Kiểu tệp, nếu không tự nhận ra được")] = None,
    opening: Annotated[int | None, typer.Option(help="Số dư đầu kỳ, đơn vị nhỏ nhất — opening, minor units")] = None,
    closing: Annotated[int | None, typer.Option(help="Số dư cuối kỳ — closing, minor units")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Chỉ xem từng dòng, không ghi gì — record nothing")
    ] = False,
) -> Answer:
    """Nhập sao kê ngân hàng: tiền vào, tiền ra — import a bank statement."""
    from ledger.intake import Intake

    place = account if account.startswith("bank:") else f"bank:{account}"
    rows: list[dict[str, Any]] = []
    with _progress(session) as progress:
        result = Intake(session.opened).run(
            file,
            place,
            by=session.actor,
            format=format,
            opening=opening,
            closing=closing,
            dry_run=dry_run,
            progress=progress,
            verdict=rows.append if dry_run else None,
        )
    document: dict[str, Any] = {
        "lines": result.lines,
        "recorded": result.recorded,
        "matched": result.matched,
        "suspense": result.suspense,
        "duplicates": result.duplicates,
        "rejected": result.rejected,
        "opening": result.opening,
        "closing": result.closing,
        "control": result.control,
        "statement": result.statement,
    }
    lines = (
        f"{result.lines} dòng / lines: ghi mới / recorded {result.recorded} (khớp cam kết / matched {result.matched}, "
        f"chờ xác định / in suspense {result.suspense}), đã có từ trước / already there {result.duplicates}",
        f"Số dư đầu kỳ / opening {result.opening}, cuối kỳ / closing {result.closing}, "
        f"đối chiếu / control: {result.control}",
    )
    if not dry_run:
        return session.signed(Answer(document, lines))
    document["rows"] = rows
    heads = list(rows[0]) if rows else []
    return Answer(document, lines, (heads, [[str(row.get(head, "")) for head in heads] for row in rows]))


def _progress(session: Session) -> Any:
    """A bar on stderr for a person at a terminal; nothing otherwise."""
    from contextlib import contextmanager

    @contextmanager
    def shown() -> Any:
        if session.as_json or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("Nhập sao kê — importing", total=None)
            yield lambda done, of: bar.update(task, completed=done, total=of or None)

    return shown()


def record(
    session: Session,
    file: Annotated[str, typer.Argument(help="Tệp JSON lines, hoặc - để đọc từ đầu vào — a file or -")],
) -> Answer:
    """Ghi nghiệp vụ từ tệp, mỗi dòng một yêu cầu JSON — record entries, one JSON request a line.

    Một dòng là {"entry": {…}, "reference": "…"} hoặc chỉ là nghiệp vụ {"kind": …}. Mỗi dòng được ghi hoặc bị từ chối
    riêng — each line is recorded or refused by itself.
    """
    results: list[dict[str, Any]] = []
    batch: list[tuple[int, object]] = []
    stream = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115  # closed below
    try:
        for number, line in enumerate(stream, 1):
            if line.strip():
                batch.append((number, _request(line)))
            if len(batch) == BATCH:
                results += _recorded(session, batch)
                batch = []
        results += _recorded(session, batch)
    finally:
        if file != "-":
            stream.close()
    refused = sum("reason" in result for result in results)
    document = {"recorded": len(results) - refused, "refused": refused, "results": results}
    lines = [
        f"dòng {r['line']}: " + (f"bản ghi {r['index']} {r['leaf_hash']}" if "index" in r else f"{r['message']}")
        for r in results
    ]
    answer = Answer(document, lines, code=FINDINGS if refused else DONE)
    return session.signed(answer) if len(results) > refused else answer


def _request(line: bytes) -> object:
    from ledger.log import canonical
    from ledger.requests import refuse_done

    try:
        request = canonical.parse(line.strip())
    except canonical.NotCanonical as error:
        return Rejected(Reason.MALFORMED, str(error))
    if isinstance(request, dict) and "kind" in request:
        request = {"entry": request}
    try:
        refuse_done(request)
    except Rejected as refused:
        return refused
    return request


def _recorded(session: Session, batch: list[tuple[int, object]]) -> list[dict[str, Any]]:
    from api.words import say

    good = [(number, request) for number, request in batch if not isinstance(request, Rejected)]
    answers = iter(session.opened.requests.submit_each([[request] for _, request in good], session.actor))
    results: list[dict[str, Any]] = []
    for number, request in batch:
        answer = request if isinstance(request, Rejected) else next(answers)
        if isinstance(answer, Rejected):
            results.append({"line": number, "reason": str(answer.reason), "message": say(answer)})
        else:
            place = answer[0]
            results.append({"line": number, "index": place.index, "leaf_hash": place.leaf_hash.hex()})
    return results


def new(
    session: Session,
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="Loại nghiệp vụ; «list» để xem — kind of entry, or «list»")],
    reference: Annotated[str | None, typer.Option("--reference", help="Khóa chống ghi trùng — idempotency key")] = None,
    propose: Annotated[
        bool, typer.Option("--propose", help="Chỉ đề xuất, để người khác duyệt — only propose it to others")
    ] = False,
) -> Answer:
    """Ghi một nghiệp vụ: --trường giá-trị … — record one entry from --field value …"""
    from api.cli.filled import fill
    from api.cli.forms import entry_of, fields_of
    from ledger.entries.union import KINDS
    from ledger.requests import refuse_done
    from ledger.statements.matching import PREFIX, valid_code

    if kind == "list":
        table = [[str(name), *entry.title] for name, entry in KINDS.items()]
        return Answer({"kinds": [row[0] for row in table]}, (), (("kind", "", ""), table))
    if kind in KINDS and not context.args:
        fields = [[f"--{name}", how, "cần / needed" if needed else ""] for name, how, needed in fields_of(kind)]
        return Answer({"kind": kind, "fields": [f[0] for f in fields]}, KINDS[kind].title, (("", "", ""), fields))
    request: dict[str, Any] = {"entry": entry_of(kind, context.args)}
    request["entry"] = fill(session.opened, request["entry"], KINDS[kind].__struct_fields__)
    pledge = request["entry"].get("pledge")
    if kind == "pledge_made" and pledge is not None and not valid_code(pledge):
        raise Rejected(
            Reason.MALFORMED,
            "không phải mã của sổ; bỏ trống thì sổ tự sinh mã / not a code of ours; leave it out and one is made",
            field="pledge",
        )
    if reference is not None:
        request["reference"] = reference
    refuse_done(request)
    if propose:
        from api.cli.office import propose_entry

        return propose_entry(session, request["entry"], reference)
    if "bound" in KINDS[kind].__struct_fields__ and "bound" not in request["entry"]:
        from ledger.closing import record_bound

        recorded = record_bound(session.opened, request["entry"], session.actor)
    else:
        recorded = session.opened.requests.submit([request], session.actor)[0]
    document: dict[str, Any] = {
        "index": recorded.index,
        "leaf_hash": recorded.leaf_hash.hex(),
        "repeated": recorded.repeated,
    }
    lines = [f"Bản ghi {recorded.index} — record, leaf hash {recorded.leaf_hash.hex()}"]
    if kind == "pledge_made":
        code = document["pledge"] = _pledge_code(session, recorded.index)
        lines.append(
            f"Mã cam kết {code}; in và ghi vào nội dung chuyển khoản là «{PREFIX}{code}» — the pledge's code; print "
            f"it, and have it written into the memo, as {PREFIX}{code}"
        )
    return session.signed(Answer(document, lines))


def _pledge_code(session: Session, index: int) -> str:
    """The code as it was recorded: of a request sent again, that of the first time."""
    from ledger.entries.pledges import PledgeMade
    from ledger.record import decode
    from ledger.store import read
    from ledger.store.engine import reading

    with reading(session.opened.engine) as db:
        body = read.body(db, session.opened.code, index)
    entry = None if body is None else decode(body).entry
    assert isinstance(entry, PledgeMade)
    return entry.pledge


def suspense(
    session: Session,
    line: Annotated[
        str | None, typer.Argument(help="Mã dòng hoặc số bản ghi, để xem gợi ý — a line or its record, for suggestions")
    ] = None,
) -> Answer:
    """Tiền chờ xác định, và gợi ý cho một dòng — money in suspense, with suggestions for one line."""
    from api.words import shown
    from ledger.intake import suggestions, waiting_shown

    if line is None:
        rows = waiting_shown(session.opened)
        table = [
            [
                row["line"],
                row["day"] or "",
                amount(row["minor"], row["unit"]),
                shown(row["memo"] or ""),
                shown(row["sender"] or ""),
                row["place"],
                str(row["index"]),
            ]
            for row in rows
        ]
        if not rows:
            return Answer({"waiting": []}, ("Không có dòng nào chờ xác định — nothing waits in suspense",))
        return Answer({"waiting": rows}, (), (WAITING, table))
    try:
        found = suggestions(session.opened, int(line) if line.isdecimal() and len(line) < 16 else line)
    except Rejected:
        # A line of money out has no suggestions, and neither has one that was taken before it waited.
        if not any(line in (row["line"], str(row["index"])) for row in waiting_shown(session.opened)):
            raise
        found = []
    if not found:
        none = (
            "Không có gợi ý nào cho dòng này: xem chứng từ, hoặc sovang search — no suggestions for this line: see the "
            "papers, or sovang search"
        )
        return Answer({"suggestions": []}, (none,))
    table = [
        [
            "cam kết / pledge" if item["what"] == "pledge" else "đã gửi trước / sent before",
            item.get("pledge") or item.get("line", ""),
            item["fund"],
            shown(item["name"]),
            amount(item["minor"], item["unit"]),
            "có / yes" if item["by_code"] else "",
            f"{item['score']}",
            f"--donor same_as:{item['same_as']}",
        ]
        for item in found
    ]
    return Answer({"suggestions": found}, (), (SUGGESTED, table))


def reverse(
    session: Session,
    index: Annotated[int, typer.Argument(help="Số bản ghi cần đảo — index of the record to undo")],
    why: Annotated[str, typer.Option(help="Lý do; không nêu tên người — the reason, without names of people")],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Ngày đảo; mặc định hôm nay — day, today if left out")
    ] = None,
) -> Answer:
    """Đảo bút toán của một bản ghi, trọn vẹn, một lần — reverse one record, wholly, once."""
    import msgspec

    from ledger.entries.control import line_back
    from ledger.record import decode, leaf_of
    from ledger.store import read
    from ledger.store.engine import reading

    opened = session.opened
    with reading(opened.engine) as db:
        body = read.body(db, opened.code, index) if index >= 0 else None
    if body is None:
        raise Rejected(Reason.NO_SUCH_RECORD, field="index", index=index)
    undone = decode(body)
    entry: dict[str, Any] = {
        "kind": "reversed",
        "leaf": leaf_of(body).hex(),
        "reversed": index,
        "reversed_on": (session.today if on is None else on.date()).isoformat(),
        "undone_postings": msgspec.to_builtins(undone.postings),
        "why": why,
    }
    back = line_back(undone.entry)
    if back is not None:
        entry["line_back"] = msgspec.to_builtins(back)
    recorded = opened.requests.submit([{"entry": entry}], session.actor)[0]
    document = {
        "index": recorded.index,
        "leaf_hash": recorded.leaf_hash.hex(),
        "reversed": index,
        "line": None if back is None else back.line,
    }
    vietnamese, english = undone.entry.title
    lines = [
        f"Đã đảo bản ghi {index} ({vietnamese}): bản ghi {recorded.index} — record {index} ({english}) is reversed by "
        f"record {recorded.index}"
    ]
    if back is not None:
        lines.append(
            f"Dòng {back.line} lại chờ xác định, {amount(back.amount.minor, back.amount.unit)} — the line waits in "
            "suspense again"
        )
    return session.signed(Answer(document, lines))
