"""Commands that make and run a home: init, account open, serve, demo, migrate."""

import os
import sys
from typing import Annotated

import typer

from api.cli.session import DONE, FINDINGS, Answer, Misuse, Session, show


def init(
    session: Session,
    book: Annotated[str, typer.Option("--book", help="Mã sổ — code of the new book")],
    name: Annotated[str, typer.Option(help="Tên đơn vị — name of the organisation")],
    origin: Annotated[str | None, typer.Option(help="Tên nhật ký, thường là tên miền — log origin")] = None,
    regime: Annotated[str, typer.Option(help="Quy chế — regime")] = "social-fund",
    seat: Annotated[str | None, typer.Option(help="Nơi ghi trên giấy — town that papers are dated from")] = None,
    four_eyes_above: Annotated[int | None, typer.Option(help="Quyết định lớn hơn số này (đồng) cần hai người")] = None,
    k: Annotated[
        int, typer.Option("--k", help="Nhóm dưới k trẻ không ghi công khai — smallest group told openly")
    ] = 10,
    checkpoint_seconds: Annotated[
        int, typer.Option(help="Máy chủ niêm phong mỗi bao nhiêu giây — the server signs every so many seconds")
    ] = 60,
    encrypt_key: Annotated[
        bool, typer.Option("--encrypt-key", help="Hỏi mật khẩu để niêm khóa ký — ask for a passphrase to seal the key")
    ] = False,
) -> Answer:
    """Mở sổ mới: cơ sở dữ liệu, khóa ký và sổ trống — new home with database, key and an empty book."""
    from ledger.money import dong

    above = None if four_eyes_above is None else dong(four_eyes_above)
    asked = encrypt_key or session.passphrase_fd is not None
    passphrase = session.new_passphrase(session.passphrase_fd) if asked else None
    opened = session.home.create_book(
        book,
        name,
        by=session.actor,
        origin=origin,
        regime=regime,
        k=k,
        checkpoint_seconds=checkpoint_seconds,
        seat=seat,
        four_eyes_above=above,
        passphrase=passphrase,
    )
    entry = opened.opened
    opened.checkpointer.run()
    document = {"book": opened.code, "origin": entry.origin, "vkey": opened.vkey.vkey}
    return Answer(
        document,
        (
            f"Đã mở sổ «{entry.name}» tại {session.home_path} — book opened",
            f"Khóa công khai của nhật ký, hãy công bố — the log's public key, publish it:\n  {opened.vkey.vkey}",
            f"Hãy sao lưu riêng thư mục {session.home_path / 'keys'} — back up this folder apart from the database",
        ),
    )


def account_open(
    session: Session,
    code: Annotated[str, typer.Argument(help="Mã tài khoản, quỹ hoặc kho — code")],
    kind: Annotated[str, typer.Option(help="bank | cash | stock")],
    currency: Annotated[str | None, typer.Option(help="Loại tiền; mặc định VND — currency")] = None,
    name: Annotated[str | None, typer.Option(help="Tên gọi — name")] = None,
    number: Annotated[str | None, typer.Option(help="Số tài khoản của đơn vị tại ngân hàng — account number")] = None,
) -> Answer:
    """Mở tài khoản ngân hàng, quỹ tiền mặt hoặc kho — open a place for money or goods."""
    if kind not in ("bank", "cash", "stock"):
        raise Misuse("--kind: bank, cash, stock")
    place = f"{kind}:{code}"
    entry = {"kind": "place_opened", "place": place, "name": name or code}
    if kind != "stock":
        entry["currency"] = currency or "VND"
    elif currency is not None:
        raise Misuse("kho không có loại tiền / a store has no currency")
    if number is not None:
        entry["number"] = number
    recorded = session.opened.requests.submit([{"entry": entry}], session.actor)[0]
    document = {"account": place, "index": recorded.index}
    return session.signed(Answer(document, (f"Đã mở {place} — opened, số bản ghi / record {recorded.index}",)))


def serve(
    session: Session,
    host: Annotated[str, typer.Option(help="Chỉ nhận 127.0.0.1, ::1 hoặc localhost — loopback only")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Cổng — port")] = 8080,
) -> Answer:
    """Chạy máy chủ API — run the API server."""
    from api.serve import serve as run_server

    # Nobody can be asked later: a server whose key stays locked would record and never sign.
    for code in session.home.kept_keys():
        session.home.signer(code).unlock()
    run_server(session.home, host, port)
    return Answer({"stopped": True})


def demo(
    session: Session,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Chỉ kể, không mở máy chủ — tell only")] = False,
    port: Annotated[int, typer.Option(help="Cổng — port")] = 8080,
) -> Answer:
    """Sổ mẫu: từ sao kê đến giấy chứng nhận và kiểm toán — a sample book, from statement to certificate and audit."""
    from api.demo.tell import HomeNotFresh, tell_demo
    from api.serve import bind
    from api.serve import serve as run_server

    if not no_serve:
        bind("127.0.0.1", port).close()  # a port that is taken is said before the story, not after it
    try:
        told = tell_demo(session.home_path, database_url=os.environ.get("SOVANG_DATABASE_URL") or None, port=port)
    except HomeNotFresh as error:
        raise Misuse(str(error)) from error
    answer = Answer(told.document, told.lines, code=DONE if told.whole else FINDINGS)
    if no_serve or not told.whole:
        return answer
    show(session, answer)
    sys.stdout.flush()
    run_server(session.home, "127.0.0.1", port)
    raise SystemExit(DONE)  # the one document is printed already


def migrate(session: Session) -> Answer:
    """Nâng cấu trúc cơ sở dữ liệu lên bản mới nhất — bring the schema up to date."""
    from ledger.store.schema import migrate as bring_up
    from ledger.store.schema import newest

    if not os.environ.get("SOVANG_DATABASE_URL"):
        session.need_home()
    engine = session.home.unchecked_engine()
    try:
        bring_up(engine)
    finally:
        engine.dispose()
    return Answer({"revision": newest()}, (f"Cấu trúc ở bản {newest()} — schema at this revision",))
