"""Commands for timestamps by third parties (RFC 3161): whom to ask, and asking now."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.session import DONE, FINDINGS, UNKNOWN, Answer, Session


def add(
    session: Session,
    name: Annotated[str, typer.Argument(help="Tên cơ quan cấp dấu — name of the authority")],
    url: Annotated[str, typer.Option(help="Địa chỉ http(s) của cơ quan — its address")],
    root: Annotated[Path, typer.Option(help="Chứng thư gốc, PEM — its root certificate, a file in PEM")],
) -> Answer:
    """Tin một cơ quan cấp dấu thời gian — trust a timestamp authority, and ask it from now on."""
    from ledger.timestamps import add_authority

    session.need_home()
    added = add_authority(session.home, session.book_kept(), name, url, root.read_bytes())
    subjects = [root.subject.rfc4514_string() for root in added.roots]
    lines = (f"Đã thêm — added: {name}, {url}", *(f"  chứng thư — certificate: {subject}" for subject in subjects))
    return Answer({"authority": name, "url": url, "roots": subjects}, lines)


def now(session: Session) -> Answer:
    """Xin dấu thời gian cho mốc niêm phong mới nhất — have every authority stamp the newest checkpoint."""
    from ledger.days import to_instant
    from ledger.timestamps import TimestampInvalid, stamp_newest

    outcome = stamp_newest(session.opened)
    rows = []
    for one in outcome:
        at = None if one.at is None else to_instant(one.at)
        rows.append(
            {
                "authority": one.authority,
                "size": one.size,
                "at": at,
                "failure": str(one.failure) if one.failure else None,
            }
        )
    lines = [f"{row['authority']}: {row['size']} bản ghi / records, {row['at'] or row['failure']}" for row in rows]
    failures = [one.failure for one in outcome if one.failure is not None]
    code = FINDINGS if any(isinstance(each, TimestampInvalid) for each in failures) else UNKNOWN if failures else DONE
    none = ("Chưa có cơ quan nào: sovang timestamp add — no authority is known yet",)
    return Answer({"ok": code == DONE, "timestamps": rows}, lines or none, code=code)
