"""Commands of the operator for bad days and last days: the key's passphrase and replacement, backup, restore, close."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.session import FINDINGS, Answer, Misuse, Session

if TYPE_CHECKING:
    from ledger.home import OpenBook

NewPassphraseFd = Annotated[
    int | None,
    typer.Option("--new-passphrase-fd", help="Đọc mật khẩu mới từ đây — descriptor with the new passphrase"),
]
Officers = Annotated[
    list[str], typer.Option("--officer", help="Người chịu trách nhiệm, hai lần — officer, given twice")
]
Minutes = Annotated[
    Path, typer.Option(help="Biên bản đã ký; sổ chỉ giữ mã băm — the signed minutes; the book keeps a hash")
]


def passphrase(session: Session, new_passphrase_fd: NewPassphraseFd = None) -> Answer:
    """Đặt hoặc đổi mật khẩu của khóa ký — set or change the passphrase of the signing key."""
    opened = session.opened
    opened.signer.unlock()
    opened.signer.change_passphrase(session.new_passphrase(new_passphrase_fd), opened.random)
    lines = (
        "Khóa ký đã niêm bằng mật khẩu mới — the signing key is sealed under the new passphrase",
        "Bản sao lưu cũ của keys/ vẫn mở bằng mật khẩu cũ — older backups of keys/ still open as before",
    )
    return Answer({"book": opened.code, "vkey": opened.vkey.vkey, "sealed": True}, lines)


def rotate(
    session: Session,
    compromised: Annotated[
        bool,
        typer.Option("--compromised", help="Khóa cũ có thể đã lộ, hoặc không mở được nữa — the old key may be stolen"),
    ] = False,
    new_passphrase_fd: NewPassphraseFd = None,
) -> Answer:
    """Thay khóa ký của nhật ký — replace the log's key; run again after a crash, it finishes."""
    from ledger.rotation import rotate as replace_key

    opened = session.opened
    given = None if new_passphrase_fd is None else session.new_passphrase(new_passphrase_fd)
    done = replace_key(opened, session.actor, compromised=compromised, passphrase=given)
    document = {
        "index": done.index,
        "old_vkey": done.old.vkey,
        "new_vkey": done.new.vkey,
        "compromised": done.compromised,
        "finished": done.finished,
    }
    lines = [
        f"Đã thay khóa, bản ghi / record {done.index}; mốc {done.index + 1} có cả hai chữ ký nếu khóa cũ còn mở được — "
        "key replaced; that checkpoint has both signatures where the old key still opened",
        f"Khóa mới, hãy công bố và gửi bên làm chứng — the new key, publish it and give it to the witnesses:\n"
        f"  {done.new.vkey}",
        "Khóa cũ đã ghi đè và xóa ở đây; bản trên SSD, ảnh chụp đĩa và bản sao lưu thì chương trình không với tới — "
        "the old key is overwritten and unlinked here; copies on SSDs, snapshots and backups are beyond the program",
    ]
    if done.compromised:
        lines.append(
            "Ai còn ghim khóa cũ sẽ thấy KEY_COMPROMISED: in khóa mới ra giấy — whoever pins the old key now sees "
            "KEY_COMPROMISED: print the new one"
        )
    return session.signed(Answer(document, lines))


def restore(
    session: Session,
    tiles: Annotated[str, typer.Option(help="Thư mục hoặc URL tlog-tiles — a published log or mirror")],
    officer: Officers,
    minutes: Minutes,
) -> Answer:
    """Khôi phục bản ghi mà bản sao lưu thiếu — put back records that a restored backup lacks."""
    from itertools import islice

    from audit.sources import TilesSource
    from ledger.restore import missing
    from ledger.restore import restore as put_back

    officers, minutes_sha256 = _officers(officer), _sha256(minutes)
    session.need_home()
    opened = session.home.kept_book(session.book_kept())
    have, remembered = missing(opened)
    source = TilesSource(tiles)
    bodies = (body for _, body in islice(source.bodies(remembered.size), have, None))
    done = put_back(opened, bodies, officers=officers, minutes_sha256=minutes_sha256, by=session.actor)
    document = {
        "backup_size": done.backup_size,
        "signed_size": done.signed_size,
        "index": done.index,
        "private_lost": done.private_lost,
    }
    lines = (
        f"Đã đưa lại bản ghi {done.backup_size}–{done.signed_size - 1} — put back, byte for byte",
        f"Dữ liệu riêng tư đã mất, không lấy lại được: {done.private_lost} — private values lost for good",
        "Ai gửi lại yêu cầu của các bản ghi ấy sẽ nhận REFERENCE_REUSED — whoever repeats a request of these records "
        "hears REFERENCE_REUSED",
    )
    return Answer(document, lines)


def close(
    session: Session,
    officer: Officers,
    minutes: Minutes,
    why: Annotated[str, typer.Option(help="Vì sao — why")],
    tiles: Annotated[Path, typer.Option(help="Nơi viết nhật ký lần cuối — where the log is written for the last time")],
    successor: Annotated[str | None, typer.Option(help="Nhật ký nối tiếp — origin of the book that goes on")] = None,
) -> Answer:
    """Khóa sổ vĩnh viễn: không ghi thêm được nữa — close the book for good; no record follows."""
    from audit.queries import write_tiles
    from audit.verify import verify_tiles
    from ledger.entries.book import CLOSED
    from ledger.store import read
    from ledger.store.engine import reading

    officers, minutes_sha256 = _officers(officer), _sha256(minutes)
    opened = session.opened
    opened.signer.unlock()
    with reading(opened.engine) as db:
        closed = CLOSED in read.registers(db, opened.code, [CLOSED])
    if not closed:
        opened.checkpointer.run()  # a book that cannot be signed is not closed
        entry: dict[str, Any] = {
            "kind": "book_closed",
            "closed_on": session.today.isoformat(),
            "minutes_sha256": minutes_sha256,
            "officers": list(officers),
            "why": why,
        }
        if successor is not None:
            entry["successor"] = successor
        opened.requests.submit([{"entry": entry, "reference": "book-closed"}], session.actor)
    checkpoint, note = opened.checkpointer.run()
    opened.witnesses.ask(checkpoint, note)
    size = write_tiles(opened, tiles)
    report = verify_tiles(tiles, opened.vkey)
    document = {"size": size, "root": report.root, "path": str(tiles), "vkey": opened.vkey.vkey, "ok": report.ok}
    lines = (
        f"Sổ đã khóa: {size} bản ghi — the book is closed; final checkpoint:\n{note.decode().rstrip()}",
        f"Nhật ký ở {tiles}: {'NGUYÊN VẸN — whole' if report.ok else 'CÓ PHÁT HIỆN — findings'}",
        *(f"- {finding}" for finding in report.findings),
        "Công bố thư mục này ở nhiều nơi, rồi hủy khóa bằng sovang key destroy — "
        "publish this folder in several places, then destroy the key",
    )
    return Answer(document, lines, code=0 if report.ok else FINDINGS)


def destroy(session: Session) -> Answer:
    """Hủy khóa ký của sổ đã khóa — destroy the signing key of a closed book."""
    opened = session.opened
    with opened.signer.turn():
        size = _final_size(opened)
        opened.signer.destroy()
    lines = (
        f"Đã hủy khóa ký; mốc cuối {size} bản ghi — the key is destroyed; the final checkpoint stands",
        "Bản sao lưu và bản trên SSD phải hủy riêng — backups and what an SSD keeps have to be destroyed apart",
    )
    return Answer({"book": opened.code, "size": size, "destroyed": True}, lines)


def _final_size(opened: "OpenBook") -> int:
    """The size of the final checkpoint: of all records, of a closed book, with its quorum. Raises SignerRefused."""
    from ledger.entries.book import CLOSED
    from ledger.log.checkpoint import open_checkpoint
    from ledger.log.note import NoteRejected
    from ledger.signing import SignerRefused
    from ledger.store import read
    from ledger.store.engine import reading

    with reading(opened.engine) as db:
        head = read.head(db, opened.code)
        note = read.newest_checkpoint(db, opened.code)
        closed = CLOSED in read.registers(db, opened.code, [CLOSED])
    if head is None or not closed:
        raise SignerRefused("NOT_CLOSED", "the book is not closed: `sovang close` first")
    opened.checkpointer.check(opened.signer.state())
    try:
        checkpoint = open_checkpoint((note or "").encode(), opened.vkey)[0]
        policy = opened.witnesses.policy()
        quorum = policy is None or policy.judge((note or "").encode(), opened.vkey).quorum
    except NoteRejected as error:
        raise SignerRefused("NOT_FINAL", f"the newest checkpoint is not of this key: {error}") from error
    if (checkpoint.size, checkpoint.root) != (head.size, head.root):
        raise SignerRefused("NOT_FINAL", "the newest checkpoint does not cover all records: `sovang checkpoint` first")
    if not quorum:
        raise SignerRefused("NOT_WITNESSED", "the final checkpoint lacks its quorum: `sovang checkpoint` asks again")
    return checkpoint.size


def backup(session: Session, folder: Annotated[Path, typer.Argument(help="Thư mục mới — a new folder")]) -> Answer:
    """Sao lưu cơ sở dữ liệu SQLite, không kèm khóa — back up the SQLite database; keys are NOT in it."""
    from ledger.files import write_durably
    from ledger.store.engine import copy_sqlite

    session.need_home()
    folder.mkdir(parents=True, mode=0o700)  # never over an older backup
    path = folder / "sovang.db"
    copy_sqlite(session.home.engine, path)
    digest = _sha256(path)
    write_durably(folder / "SHA256SUMS", f"{digest}  {path.name}\n".encode())
    lines = (
        f"Đã sao lưu — backed up: {path}",
        f"KHÔNG có khóa: sao lưu {session.home_path / 'keys'} riêng, ở nơi khác — the keys are NOT in it",
    )
    return Answer({"path": str(path), "sha256": digest}, lines)


def _officers(names: list[str]) -> tuple[str, str]:
    if len(names) != 2:
        raise Misuse("cần đúng hai --officer — exactly two officers")
    return names[0], names[1]


def _sha256(path: Path) -> str:
    from hashlib import file_digest

    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
