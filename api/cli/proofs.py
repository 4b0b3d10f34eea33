"""Commands of the auditor and the donor: verify, checkpoint, prove, check, tiles."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.session import DONE, FINDINGS, Answer, Misuse, Session


def verify(
    session: Session,
    tiles: Annotated[str | None, typer.Option(help="Thư mục hoặc URL tlog-tiles — a tiles folder or URL")] = None,
    vkey: Annotated[str | None, typer.Option(help="Khóa công khai đã ghim — the pinned public key, or a file")] = None,
    since: Annotated[Path | None, typer.Option(help="Mốc niêm phong cũ đã giữ — an older checkpoint you kept")] = None,
    database: Annotated[
        bool, typer.Option("--database", help="So từng dòng lưu trữ — compare every stored row")
    ] = False,
) -> Answer:
    """Kiểm toán toàn sổ — the full audit: leaves, chain, root, rules of money, and with --database every row."""
    from api.words import verdict
    from ledger.log.note import VerifierKey

    saved = None if since is None else since.read_bytes()
    if tiles is not None:
        from audit.verify import verify_tiles

        if vkey is None:
            raise Misuse("--tiles cần --vkey đã ghim — needs the pinned --vkey; a key the server offers proves nothing")
        report = verify_tiles(tiles, VerifierKey.parse(_text_or_file(vkey)), saved=saved)
    else:
        from audit.database import verify_folder

        pinned = None if vkey is None else VerifierKey.parse(_text_or_file(vkey))
        report = verify_folder(session.home, session.book_kept(), database=database, saved=saved, vkey=pinned)
    document = report.to_json()
    lines = [
        " — ".join(verdict(ok=report.ok, whole=report.whole)),
        f"{report.size} bản ghi / records, root {report.root}, {report.seconds:.2f} s",
        *(f"- {finding}" for finding in report.findings),
        *(f"Không loại trừ được — cannot exclude: {sentence}" for sentence in report.cannot_exclude),
    ]
    return Answer(document, lines, code=DONE if report.ok else FINDINGS)


def _text_or_file(text: str) -> str:
    """A key given as it is, or the path of a file that holds it."""
    path = Path(text)
    try:
        found = path.is_file()
    except OSError:  # too long for a path, so it is none
        found = False
    return path.read_text(encoding="utf-8", errors="replace").strip() if found else text


def checkpoint(
    session: Session,
    restart: Annotated[
        Path | None, typer.Option(help="Mốc niêm phong mới nhất còn giữ, khi khóa mất trí nhớ — newest checkpoint kept")
    ] = None,
) -> Answer:
    """Niêm phong ngay: ký một mốc — sign the book as it stands now."""
    signed, note = session.opened.checkpointer.run(None if restart is None else restart.read_bytes())
    vkey = session.opened.vkey.vkey
    document = {
        "origin": signed.origin,
        "size": signed.size,
        "root": signed.root.hex(),
        "vkey": vkey,
        "note": note.decode(),
    }
    return Answer(document, (note.decode().rstrip("\n"),))


def prove(
    session: Session,
    index: Annotated[int, typer.Argument(help="Số bản ghi — index of the record")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Tệp kết quả — output file")] = None,
) -> Answer:
    """Viết bằng chứng .tlog-proof của một bản ghi — write the inclusion proof of one record."""
    from audit.queries import prove as make
    from ledger.files import write_durably

    path = output or Path(f"{session.opened.code}-{index}.tlog-proof")
    write_durably(path, make(session.opened, index))
    return Answer({"path": str(path), "index": index}, (f"Đã viết — written: {path}",))


def check(
    session: Session,
    file: Annotated[Path, typer.Argument(help="Giấy PDF hoặc tệp .tlog-proof — a PDF or proof")],
    vkey: Annotated[str | None, typer.Option(help="Khóa công khai đã ghim — the pinned public key, or a file")] = None,
    record_file: Annotated[
        Path | None, typer.Option("--record", help="Bản ghi, nếu bằng chứng không kèm — the record's bytes")
    ] = None,
) -> Answer:
    """Kiểm tra ngoại tuyến một giấy chứng nhận hoặc bằng chứng — check a paper or proof offline."""
    from ledger.log.note import VerifierKey

    data = file.read_bytes()
    key = VerifierKey.parse(_text_or_file(vkey)) if vkey is not None else _own_key(session)
    if data[:5] == b"%PDF-":
        return _check_paper(session, data, key, ask_home=vkey is None)
    return _check_proof(data, key, None if record_file is None else record_file.read_bytes())


NOT_IN_BOOK = (
    "KHÔNG CÓ TRONG SỔ NÀY: khóa của sổ đã ký giấy, nhưng sổ không có bản ghi ấy "
    "(bản cũ được đặt lại, hoặc hai sổ khác nhau) — "
    "NOT IN THIS BOOK: its key signed the paper, yet the record is not here (an old copy, or another history)"
)


def _own_key(session: Session) -> Any:
    if not session.home_path.is_dir():
        raise Misuse("cần --vkey: khóa công khai của nhật ký — the log's public key is needed")
    return session.opened.vkey


def _check_paper(session: Session, data: bytes, key: Any, *, ask_home: bool) -> Answer:
    from certificates.check import check_paper
    from certificates.words import amount_line, format_vnd

    paper = check_paper(data, key)
    findings: list[dict[str, Any]] = []
    revoked = None
    if ask_home:
        if not _in_book(session, paper.index, paper.leaf):
            findings.append({"kind": "PAPER_NOT_IN_BOOK", "index": paper.index})
        elif revoked := _revoked(session, paper.index):
            findings.append({"kind": "PAPER_REVOKED", "index": paper.index})
    document = {
        "ok": not findings,
        "index": paper.index,
        "findings": findings,
        "paper": paper.paper,
        "number": paper.number,
        "issued_on": paper.issued_on,
        "gift": paper.gift,
        "minor": paper.minor,
        "unit": paper.unit,
        "fund": paper.fund,
        "received_on": paper.received_on,
        "name": paper.name,
        "issuer": paper.issuer,
        "short_code": paper.short_code,
        "size": paper.checkpoint.size,
        "root": paper.checkpoint.root.hex(),
        "origin": paper.checkpoint.origin,
        "revoked": revoked,
    }
    amount = (
        f"{format_vnd(paper.minor)} ({amount_line(paper.minor)})"
        if paper.unit == "VND"
        else f"{paper.minor} {paper.unit}"
    )
    lines = [
        "ĐÚNG — genuine" if not findings else "ĐÃ THU HỒI — REVOKED" if revoked else NOT_IN_BOOK,
        f"Theo bản ghi trong nhật ký, không phải theo trang giấy — from the RECORD, not the page: {paper.issuer}",
        f"{'Giấy chứng nhận / certificate' if paper.paper == 'certificate' else 'Giấy xác nhận / receipt'}: "
        f"số / number {paper.number}/{paper.issued_on.year}, bản ghi / record {paper.index}, "
        f"mã ngắn / short code {paper.short_code}",
        f"Khoản ủng hộ / gift {paper.gift}: {amount}, nguồn / fund {paper.fund}, "
        f"ngày / day {paper.received_on:%d/%m/%Y}",
        f"Người ủng hộ / donor: {paper.name or '—'}",
        f"Mốc niêm phong / checkpoint: {paper.checkpoint.size} bản ghi / records",
    ]
    if not ask_home:
        lines.append(
            "Không biết ngoại tuyến: giấy có bị thu hồi sau đó không — offline, later revocation cannot be known"
        )
    return Answer(document, lines, code=FINDINGS if findings else DONE)


def _in_book(session: Session, index: int, leaf: bytes) -> bool:
    """Whether the book kept here has this very record; signed by its key it should."""
    from ledger.record import leaf_of
    from ledger.store import read
    from ledger.store.engine import reading

    with reading(session.opened.engine) as db:
        body = read.body(db, session.opened.code, index)
    return body is not None and leaf_of(body) == leaf


def _revoked(session: Session, index: int) -> bool:
    from certificates.issue import is_live

    return not is_live(session.opened, index)


def _check_proof(data: bytes, key: Any, body: bytes | None) -> Answer:
    from ledger.log.proof import parse_proof, verify_proof
    from ledger.record import decode_bare, leaf_of

    proof = parse_proof(data)
    body = body if body is not None else proof.extra
    if body is None:
        raise Misuse("bằng chứng không kèm bản ghi; cần --record — the proof carries no record; give --record")
    signed = verify_proof(data, leaf_of(body), key)
    record = decode_bare(body)
    if record.index != proof.index:
        from ledger.log.merkle import ProofFailed

        raise ProofFailed("malformed", "the record says another index than its proof")
    document = {
        "ok": True,
        "index": record.index,
        "findings": [],
        "origin": signed.origin,
        "size": signed.size,
        "root": signed.root.hex(),
        "record": body.decode(),
    }
    sealed = f"Mốc niêm phong / checkpoint: {signed.size} bản ghi / records, {signed.origin}"
    return Answer(document, ("ĐÚNG — the record is in the log", body.decode(), sealed))


def tiles(session: Session, folder: Annotated[Path, typer.Argument(help="Thư mục kết quả — output folder")]) -> Answer:
    """Viết nhật ký thành tlog-tiles để ai cũng kiểm tra được — write the log as tlog-tiles."""
    from audit.queries import write_tiles

    size, vkey = write_tiles(session.opened, folder), session.opened.vkey.vkey
    lines = (
        f"{folder}: {size} bản ghi / records",
        f"Khóa công khai để ghim khi kiểm tra — the public key to pin:\n  {vkey}",
        f"Kiểm tra — check: sovang verify --tiles {folder} --vkey {vkey}",
    )
    return Answer({"path": str(folder), "size": size, "vkey": vkey}, lines)


def bench(
    session: Session,
    names: Annotated[list[str] | None, typer.Argument(help="Bỏ trống để đo tất cả — none for all")] = None,
) -> Answer:
    """Đo tốc độ thành tỷ lệ so với mốc, xen kẽ trong một lần chạy — speed as ratios against a reference."""
    from api.bench import BENCHES, as_json, run

    if unknown := set(names or ()) - set(BENCHES):
        raise Misuse(f"{', '.join(sorted(unknown))}: {', '.join(BENCHES)}")
    results = run(names or [])
    heads = ("", "ours", "reference", "ratio", "floor", "ok")
    table = [
        [
            r.name,
            f"{r.ours} {r.unit}",
            f"{r.reference} {r.unit}",
            str(r.ratio),
            str(r.floor or "—"),
            "✓" if r.ok else "✗",
        ]
        for r in results
    ]
    code = DONE if all(r.ok for r in results) else FINDINGS
    return Answer({"results": as_json(results)}, [f"{r.name}: {r.what}" for r in results], (heads, table), code)
