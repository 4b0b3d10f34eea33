"""Commands of who runs a witness: witness init, watch, serve; they need a folder of their own and no home. And of who
keeps a book: witness use names in the book who must have witnessed it."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.session import Answer, Misuse, Session

if TYPE_CHECKING:
    from ledger.witnesses import Asked

Folder = Annotated[Path, typer.Option(help="Thư mục của bên làm chứng — the witness's folder")]


def init(
    session: Session,
    folder: Folder,
    name: Annotated[str, typer.Option(help="Tên của khóa, thường là tên miền — name of the key")],
) -> Answer:
    """Lập bên làm chứng: khóa mới, chưa theo sổ nào — a new witness: a key, and no book yet."""
    from audit.witness import WitnessFolder

    made = WitnessFolder.create(folder, name, os.urandom)
    vkey = made.verifier.vkey
    lines = (
        f"Đã lập bên làm chứng tại {folder} — a witness was made in this folder",
        f"Khóa công khai, hãy công bố và gửi cho đơn vị giữ sổ — the public key, publish it:\n  {vkey}",
        "Đừng bao giờ chép lại thư mục này từ bản sao lưu — never put this folder back from a backup",
    )
    return Answer({"folder": str(folder), "name": name, "vkey": vkey}, lines)


def watch(
    session: Session,
    vkey: Annotated[str, typer.Argument(help="Khóa công khai của sổ — the book's public key")],
    folder: Folder,
    url: Annotated[str | None, typer.Argument(help="Nơi sổ công bố nhật ký — where the log is published")] = None,
) -> Answer:
    """Làm chứng cho một sổ, hoặc nhận thêm khóa mới của sổ đó — watch a book, or take one more key of it."""
    from audit.witness import WitnessFolder
    from ledger.log.policy import PolicyRejected

    try:
        key = WitnessFolder(folder).watch(vkey, url)
    except PolicyRejected as error:
        raise Misuse(f"khóa của sổ không dùng được — the book's key cannot be taken: {error}") from error
    document = {"origin": key.name, "vkey": key.vkey, "url": url}
    return Answer(document, (f"Từ nay làm chứng cho — watched from now on: {key.name}",))


def serve(
    session: Session,
    folder: Folder,
    host: Annotated[str, typer.Option(help="Địa chỉ nghe — address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Cổng — port")] = 8090,
    mirror: Annotated[bool, typer.Option("--mirror", help="Giữ cả bản sao nhật ký — keep copies of the logs")] = False,
) -> Answer:
    """Chạy bên làm chứng — run the witness."""
    from api.witness import serve_witness
    from audit.witness import WitnessFolder

    serve_witness(WitnessFolder(folder), host, port, lambda: datetime.now(UTC), mirror=mirror)
    return Answer({"stopped": True})


def use(
    session: Session,
    policy: Annotated[Path, typer.Argument(help="Tệp chính sách (C2SP tlog-policy) — the policy, a file")],
) -> Answer:
    """Ghi vào sổ ai phải làm chứng, rồi mời họ ký ngay — name the book's witnesses in the book, and ask them."""
    lines = [line.strip() for line in policy.read_text(encoding="utf-8", errors="replace").split("\n")]
    kept = [line for line in lines if line and not line.startswith("#") and line.split()[0] != "log"]
    entry = {"kind": "witnesses_set", "policy": kept}
    recorded = session.opened.requests.submit([{"entry": entry}], session.actor)[0]
    opened = session.opened
    answers, told = said(opened.witnesses.ask(*opened.checkpointer.run()))
    document = {"index": recorded.index, "policy": kept, "witnesses": answers}
    return Answer(document, (f"Đã ghi vào sổ — recorded: {recorded.index}", *told))


def said(asked: Sequence["Asked"]) -> tuple[list[dict[str, Any]], list[str]]:
    """What each witness answered, as JSON values and for people. A witness that did not sign stops nothing."""
    words = ("CHƯA KÝ — not signed", "đã ký — signed")
    lines = [f"Bên làm chứng — witness {one.witness}: {words[one.ok]} {one.detail}".rstrip() for one in asked]
    return [{"witness": one.witness, "ok": one.ok, "detail": one.detail} for one in asked], lines
