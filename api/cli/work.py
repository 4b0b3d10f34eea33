"""Commands of the accountant's day: import, record, new, suspense."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.session import DONE, FINDINGS, Answer, Misuse, Session
from ledger.refusals import Reason, Rejected

BATCH = 1000


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
    try:
        stream = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115  # closed below
    except OSError as error:
        raise Misuse(f"không đọc được / cannot read {file}: {error.strerror}") from error
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

    try:
        request = canonical.parse(line.strip())
    except canonical.NotCanonical as error:
        return Rejected(Reason.MALFORMED, str(error))
    if isinstance(request, dict) and "kind" in request:
        return {"entry": request}
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
) -> Answer:
    """Ghi một nghiệp vụ: --trường giá-trị … — record one entry from --field value …"""
    from api.cli.forms import entry_of, fields_of
    from ledger.entries.union import KINDS
    from ledger.statements.matching import valid_code

    if kind == "list":
        table = [[str(name), *entry.title] for name, entry in KINDS.items()]
        return Answer({"kinds": [row[0] for row in table]}, (), (("kind", "", ""), table))
    if kind in KINDS and not context.args:
        fields = [[f"--{name}", how, "cần / needed" if needed else ""] for name, how, needed in fields_of(kind)]
        return Answer({"kind": kind, "fields": [f[0] for f in fields]}, KINDS[kind].title, (("", "", ""), fields))
    request: dict[str, Any] = {"entry": entry_of(kind, context.args)}
    pledge = request["entry"].get("pledge")
    if kind == "pledge_made" and pledge is not None and not valid_code(pledge):
        raise Rejected(Reason.MALFORMED, "not a code of ours; leave it out and one is made", field="pledge")
    if reference is not None:
        request["reference"] = reference
    recorded = session.opened.requests.submit([request], session.actor)[0]
    document = {"index": recorded.index, "leaf_hash": recorded.leaf_hash.hex(), "repeated": recorded.repeated}
    said = f"Bản ghi {recorded.index} — record, leaf hash {recorded.leaf_hash.hex()}"
    return session.signed(Answer(document, (said,)))


def suspense(
    session: Session,
    line: Annotated[str | None, typer.Argument(help="Một dòng, để xem gợi ý — one line, for suggestions")] = None,
) -> Answer:
    """Tiền chờ xác định, và gợi ý cho một dòng — money in suspense, with suggestions for one line."""
    from ledger.intake import suggestions, waiting

    if line is None:
        rows = waiting(session.opened)
        table = [[row["line"], str(row["minor"]), row["unit"], row["place"], str(row["index"])] for row in rows]
        return Answer({"waiting": rows}, (), (("line", "minor", "unit", "place", "index"), table))
    found = suggestions(session.opened, line)
    return Answer({"suggestions": found}, [json.dumps(item, ensure_ascii=False, default=str) for item in found])
