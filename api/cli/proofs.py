"""Commands of the auditor and the donor: verify, checkpoint, prove, check, tiles, bench."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
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
    policy: Annotated[
        Path | None, typer.Option(help="Chính sách bên làm chứng của bạn — your own witness policy (C2SP tlog-policy)")
    ] = None,
    max_age: Annotated[
        int | None, typer.Option(min=1, help="Tuổi tối đa của chữ ký làm chứng, giây — oldest quorum allowed, seconds")
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="Sổ có đủ mọi dòng sao kê không — is all that the bank says in the book")
    ] = False,
    state: Annotated[
        Path | None, typer.Option(help="Kiểm tiếp từ lần trước, rồi lưu lại — go on from the last audit, and keep it")
    ] = None,
) -> Answer:
    """Kiểm toán toàn sổ — the full audit: leaves, chain, root, rules of money, and with --database every row."""
    from datetime import UTC, datetime

    from api.words import verdict
    from ledger.files import write_durably
    from ledger.log.note import VerifierKey

    saved = None if since is None else since.read_bytes()
    asked: dict[str, Any] = {
        "saved": saved,
        "policy": _policy(policy),
        "max_age_seconds": max_age,
        "state": state.read_bytes() if state is not None and state.exists() else None,
        "keep_state": state is not None,
        "complete": complete,
    }
    if tiles is not None:
        from audit.verify import verify_tiles

        if vkey is None:
            raise Misuse("--tiles cần --vkey đã ghim — needs the pinned --vkey; a key the server offers proves nothing")
        report = verify_tiles(tiles, VerifierKey.parse(_text_or_file(vkey)), at=datetime.now(UTC), **asked)
    else:
        from audit.database import verify_folder

        pinned = None if vkey is None else VerifierKey.parse(_text_or_file(vkey))
        report = verify_folder(session.home, session.book_kept(), database=database, vkey=pinned, **asked)
    # Only a whole book is gone on from; a broken one is read from the beginning until it is whole again.
    keeps = state is not None and report.whole and report.state is not None
    if state is not None and keeps:
        write_durably(state, report.state or b"")
    document = report.to_json() | ({} if state is None else {"state_kept": keeps})
    witnessed = "" if report.witnessed_at is None else f", đủ bên làm chứng lúc / witnessed at {report.witnessed_at}"
    if report.cosignature_age_seconds is not None:
        witnessed += f" ({report.cosignature_age_seconds} s)"
    states = report.states
    lines = [
        " — ".join(verdict(ok=report.ok, whole=report.whole)),
        f"{report.size} bản ghi / records, root {report.root}, {report.seconds:.2f} s",
        f"đã ghi / recorded {states.recorded}, đã niêm phong / checkpointed {states.checkpointed}, "
        f"đã làm chứng / witnessed {states.witnessed}{witnessed}",
        *_completeness(report.completeness),
        *(f"- {finding}" for finding in report.findings),
        *(f"Không loại trừ được — cannot exclude: {sentence}" for sentence in report.cannot_exclude),
    ]
    if state is not None:
        lines.append(f"Đã lưu để kiểm tiếp — kept: {state}" if keeps else f"KHÔNG lưu — NOT kept: {state}")
    return Answer(document, lines, code=DONE if report.ok else FINDINGS)


def _completeness(said: dict[str, Any] | None) -> list[str]:
    """The bank's word against the book's, account by account."""
    if said is None:
        return []
    lines = []
    for place in said["places"]:
        waits, checks = place["in_suspense"], place["balance_checks"]
        uncovered = ", ".join("–".join(period) for period in place["uncovered"])
        lines.append(
            f"{place['place']}: {place['statements']} sao kê / statements, {place['lines']} dòng / lines: "
            f"{place['matched']} khớp / matched, {place['explained']} đã giải trình / explained, "
            f"{waits['lines']} chờ xác định / in suspense, {place['missing']} thiếu / missing; "
            f"{place['covered_days']} ngày có sao kê / days covered"
            + (f", thiếu / uncovered {uncovered}" if uncovered else "")
            + f"; {checks['made']} số dư đối chiếu / balances checked, {checks['differ']} khác / differ"
        )
    if said["without_statements"]:
        lines.append("Không có sao kê — no bank statements for: " + ", ".join(said["without_statements"]))
    disputes = said["disputes"]
    lines.append(
        f"Khiếu nại / disputes: {disputes['open']} đang mở / open, {disputes['overdue']} quá hạn / overdue, "
        f"{disputes['answered']} đã trả lời / answered"
    )
    return lines


def _policy(file: Path | None) -> Any:
    from ledger.log.policy import parse_policy

    return None if file is None else parse_policy(file.read_bytes().decode("utf-8", "surrogateescape"))


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
    """Niêm phong ngay: ký một mốc, mời bên làm chứng cùng ký — sign the book as it stands now, ask its witnesses."""
    from api.cli.witness import said

    opened = session.opened
    signed, note = opened.checkpointer.run(None if restart is None else restart.read_bytes())
    answers, told = said(opened.witnesses.ask(signed, note))
    vkey = opened.vkey.vkey
    document = {
        "origin": signed.origin,
        "size": signed.size,
        "root": signed.root.hex(),
        "vkey": vkey,
        "note": note.decode(),
        "witnesses": answers,
    }
    return Answer(document, (note.decode().rstrip("\n"),), aside=told)


def prove(
    session: Session,
    index: Annotated[int, typer.Argument(help="Số bản ghi — index of the record")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Tệp kết quả — output file")] = None,
) -> Answer:
    """Viết bằng chứng .tlog-proof của một bản ghi — write the inclusion proof of one record."""
    from audit.queries import prove as make

    path = output or Path(f"{session.opened.code}-{index}.tlog-proof")
    session.write(path, make(session.opened, index))
    return Answer({"path": str(path), "index": index}, (f"Đã viết — written: {path}",))


def check(
    session: Session,
    file: Annotated[
        Path, typer.Argument(help="Giấy PDF, bằng chứng, mốc, gói hoặc chứng cứ rẽ nhánh — any proof we make")
    ],
    vkey: Annotated[str | None, typer.Option(help="Khóa công khai đã ghim — the pinned public key, or a file")] = None,
    record_file: Annotated[
        Path | None, typer.Option("--record", help="Bản ghi, nếu bằng chứng không kèm — the record's bytes")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="So với sổ hiện nay: thư mục hoặc URL — the log as it is now: home, tiles or URL")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="Chính sách bên làm chứng — a witness policy")] = None,
    fork_out: Annotated[
        Path | None, typer.Option(help="Nơi viết chứng cứ khi sổ rẽ nhánh — where evidence of a fork is written")
    ] = None,
) -> Answer:
    """Kiểm tra ngoại tuyến một giấy chứng nhận, bằng chứng hoặc mốc — check a paper, proof or checkpoint offline."""
    from ledger.log.note import VerifierKey

    data = file.read_bytes()
    form, note = _form_of(data)
    key = VerifierKey.parse(_text_or_file(vkey)) if vkey is not None else _own_key(session, note)
    asked = _policy(policy)
    if form == "fork":
        return _check_fork(data, key)
    if form == "paper":
        answer = _check_paper(session, data, key, ask_home=vkey is None)
    elif form == "proof":
        answer = _check_proof(data, key, None if record_file is None else record_file.read_bytes())
    elif form == "bundle":
        answer = _check_bundle(data, key, asked)
    elif form == "qr":
        answer = _check_qr(data, key, asked)
    else:
        answer = _check_checkpoint(data, key)
    if note is None:
        return answer
    if asked is not None:
        answer = _with_witnesses(answer, note, key, asked)
    if against is not None:
        answer = _against(session, answer, note, key, against, fork_out or Path(f"{file.stem}.sovang-fork"))
    return answer


def _form_of(data: bytes) -> tuple[str, bytes | None]:
    """What a file is, by what stands in it, and the checkpoint it carries, if that can be read."""
    import json

    from certificates.attach import attached
    from ledger.log.merkle import ProofFailed
    from ledger.log.proof import HEADER, parse_proof

    def checkpoint_of(proof: bytes) -> bytes | None:
        try:
            return parse_proof(proof).checkpoint
        except ProofFailed:
            return None

    if data[:5] == b"%PDF-":
        return "paper", checkpoint_of(attached(data).get("paper.tlog-proof", b""))
    if data.startswith(b"SV1:"):
        return "qr", None
    if data.startswith(b"{"):
        try:
            said = json.loads(data)
        except (ValueError, RecursionError):
            said = {}
        if str(said.get("format")).startswith("sovang-fork/"):
            return "fork", None
        note = said.get("checkpoint")
        return "bundle", note.encode("utf-8", "surrogatepass") if isinstance(note, str) else None
    if data.startswith(HEADER.encode()):
        return "proof", checkpoint_of(data)
    return "checkpoint", data


def _check_fork(data: bytes, key: Any) -> Answer:
    from audit.fork import check_fork

    fork = check_fork(data, key)
    document = {
        "ok": True,
        "findings": [],
        "origin": fork.newer.origin,
        "older": {"size": fork.older.size, "root": fork.older.root.hex()},
        "newer": {"size": fork.newer.size, "root": fork.newer.root.hex()},
    }
    lines = (
        "CHỨNG CỨ ĐÚNG: chủ khóa đã ký hai lịch sử khác nhau — genuine: the owner of this key signed two histories",
        f"{fork.newer.origin}: {fork.older.size} và/and {fork.newer.size} bản ghi / records",
    )
    return Answer(document, lines)


def _check_checkpoint(data: bytes, key: Any) -> Answer:
    from ledger.log.checkpoint import open_checkpoint

    signed = open_checkpoint(data, key)[0]
    document = {
        "ok": True,
        "findings": [],
        "origin": signed.origin,
        "size": signed.size,
        "root": signed.root.hex(),
    }
    return Answer(document, ("ĐÚNG — signed by this key", f"{signed.origin}: {signed.size} bản ghi / records"))


def _check_bundle(data: bytes, key: Any, policy: Any) -> Answer:
    from api.cli.bundle import bundle_answer
    from audit.checks_bundle import check_bundle

    return bundle_answer(check_bundle(data, key, policy))


def _check_qr(data: bytes, key: Any, policy: Any) -> Answer:
    from audit.checks_bundle import check_qr

    shown = check_qr(data.decode("ascii", "replace").strip(), key, policy)
    document = {
        "ok": True,
        "findings": [],
        "index": shown.index,
        "origin": shown.checkpoint.origin,
        "size": shown.checkpoint.size,
        "root": shown.checkpoint.root.hex(),
        "record": shown.body.decode(),
    }
    return Answer(document, ("ĐÚNG — the record is in the log", shown.body.decode()))


def _found(answer: Answer, kind: str, line: str, **more: Any) -> Answer:
    """The answer with one finding more."""
    document = answer.document | more | {"ok": False, "findings": [*answer.document["findings"], {"kind": kind}]}
    return replace(answer, document=document, lines=(line, *answer.lines), code=FINDINGS)


def _with_witnesses(answer: Answer, note: bytes, key: Any, policy: Any) -> Answer:
    from ledger.log.note import NoteRejected

    try:
        judged = policy.judge(note, key)
    except NoteRejected as error:
        if error.reason not in ("no_known_signature", "log_signature_missing"):
            raise
        return answer  # a bundle under a later key: its own check has asked for the quorum
    document = answer.document | {"cosigned": judged.cosigned, "witnessed": judged.quorum}
    answer = replace(answer, document=document)
    if judged.quorum:
        return answer
    line = "CHƯA ĐỦ BÊN LÀM CHỨNG — NOT WITNESSED: the checkpoint lacks the quorum of the policy given"
    return _found(answer, "NOT_WITNESSED", line)


def _against(session: Session, answer: Answer, note: bytes, key: Any, where: str, evidence: Path) -> Answer:
    """The answer, held against the log as it is now: a home, a published folder or an address."""
    from audit.fork import compare
    from ledger.files import write_durably
    from ledger.log.checkpoint import open_checkpoint
    from ledger.log.note import NoteRejected

    with _log_now(session, where) as now:
        if now is None:
            return answer
        note_now, read = now
        try:
            open_checkpoint(note, key)
            compared = compare(note, note_now, read, key)
        except NoteRejected as error:
            if error.reason not in ("no_known_signature", "log_signature_missing"):
                raise
            raise Misuse(
                "hai mốc không cùng một khóa: hãy kiểm toán bằng sovang verify --since — "
                "the two are not of one key; a key was replaced: audit with `sovang verify --since`"
            ) from error
    more = {"now": {"size": compared.now.size, "root": compared.now.root.hex()}}
    if compared.fork is not None:
        write_durably(evidence, compared.fork)
        line = f"RẼ NHÁNH — FORKED: sổ hiện nay không nối tiếp mốc này; chứng cứ / evidence: {evidence}"
        return _found(answer, "FORKED", line, evidence=str(evidence), **more)
    if compared.rolled_back:
        # Not a fork proof, and not called one: an old checkpoint stays true for ever.
        both = evidence.with_suffix(".sovang-rollback")
        write_durably(both, note + b"\n" + note_now)
        line = (
            f"LÙI VỀ BẢN CŨ — ROLLED BACK: nay chỉ có {compared.now.size} bản ghi, khóa đã ký {compared.kept.size}. "
            f"Hai mốc giữ ở / both notes kept in {both}: they prove that the key signed the larger size; that the "
            "smaller one was shown later is your own testimony"
        )
        return _found(answer, "ROLLED_BACK", line, evidence=str(both), **more)
    line = f"Sổ hiện nay nối tiếp đúng mốc này — the log of now continues it: {compared.now.size} bản ghi / records"
    return replace(answer, document=answer.document | more, lines=(*answer.lines, line))


@contextmanager
def _log_now(session: Session, where: str) -> Iterator[tuple[bytes, Any] | None]:
    """(newest checkpoint, reader of its tree) of a home or a published log; None for a book without a checkpoint."""
    if "://" in where or (Path(where) / "checkpoint").is_file():
        from audit.sources import SourceUnavailable, TilesSource
        from ledger.log.checkpoint import parse_checkpoint
        from ledger.log.note import split_note
        from ledger.log.tiles import TileRejected

        source = TilesSource(where)
        note = next(iter(source.checkpoints()))[1]
        try:
            yield note, source.reader(parse_checkpoint(split_note(note)[0]).size)
        except (FileNotFoundError, TileRejected) as error:
            raise SourceUnavailable(f"tile: {error}") from error
        return
    from audit.queries import QueryFailed
    from ledger.store import read
    from ledger.store.engine import reading

    session = replace(session, home_path=Path(where), _opened=None)
    session.need_home()
    with reading(session.opened.engine) as db:
        kept = read.newest_checkpoint(db, session.opened.code)
        try:
            yield None if kept is None else (kept.encode(), read.tree_reader(db, session.opened.code))
        except LookupError as error:
            raise QueryFailed(f"stored hashes are missing: {error}") from error


NOT_IN_BOOK = (
    "KHÔNG CÓ TRONG SỔ NÀY: khóa của sổ đã ký giấy, nhưng sổ không có bản ghi ấy "
    "(bản cũ được đặt lại, hoặc hai sổ khác nhau) — "
    "NOT IN THIS BOOK: its key signed the paper, yet the record is not here (an old copy, or another history)"
)


def _own_key(session: Session, note: bytes | None) -> Any:
    """The key of the book kept here that signed this note; the one in force when none did."""
    from ledger.log.note import NoteRejected
    from ledger.rotation import signer_of
    from ledger.store.engine import reading

    if not session.home_path.is_dir():
        raise Misuse("cần --vkey: khóa công khai của nhật ký — the log's public key is needed")
    opened = session.opened
    try:
        with reading(opened.engine) as db:
            return signer_of(db, opened.code, (note or b"").decode("utf-8", "replace"))
    except NoteRejected:
        return opened.vkey


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
