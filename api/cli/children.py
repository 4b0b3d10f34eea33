"""The children's register: `sovang children load|list|show`. All three open the vault."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.session import FINDINGS, Answer, Session


def load(
    session: Session,
    file: Annotated[Path, typer.Argument(help="Danh sách trẻ em, CSV hoặc XLSX — list of children")],
    check: Annotated[
        bool, typer.Option("--check", help="Chỉ kiểm tra từng dòng, không ghi gì — record nothing")
    ] = False,
) -> Answer:
    """Nhập danh sách trẻ em vào két: trọn tệp hoặc không gì cả — children into the vault, all rows or none."""
    from ledger.children import load as take

    loaded = take(session.opened, file, by=session.actor, on=session.today, check=check)
    document = {
        "new": loaded.new,
        "changed": loaded.changed,
        "same": loaded.same,
        "recorded": len(loaded.indices),
        "faults": [{"row": f.row, "column": f.column, "reason": f.reason, "message": f.message} for f in loaded.faults],
    }
    lines = [f"mới / new {loaded.new}, thay đổi / changed {loaded.changed}, như cũ / same {loaded.same}"]
    if loaded.faults:
        lines.append("Có dòng sai: chưa ghi gì — rows are wrong: nothing was recorded")
        rows = [[str(f.row), f.column, f.reason, f.message] for f in loaded.faults]
        return Answer(document, lines, (("dòng / row", "cột / column", "lý do / reason", ""), rows), code=FINDINGS)
    answer = Answer(document, lines)
    return session.signed(answer) if loaded.indices else answer


def list_(session: Session) -> Answer:
    """Danh sách trẻ em trong két — the children in the vault."""
    from ledger.children import registered

    newest = [versions[-1] for _, versions in sorted(registered(session.opened).items())]
    rows = [[c.number, *(c.values.get(name, "") for name in _SHOWN), str(c.index)] for c in newest]
    heads = ("mã / number", "họ tên / name", "ngày sinh / born", "xã / commune", "nhóm / classes", "bản ghi / record")
    return Answer({"children": [{"index": c.index, **c.values} for c in newest]}, (), (heads, rows))


_SHOWN = ("name", "born_on", "commune", "classes")


def show(session: Session, number: Annotated[str, typer.Argument(help="Mã trẻ — the child's number")]) -> Answer:
    """Một trẻ: mọi lần thay đổi và nguồn của nó — one child: every version and where it came from."""
    from ledger.children import COLUMNS, registered
    from ledger.refusals import Reason, Rejected

    versions = registered(session.opened).get(number)
    if versions is None:
        raise Rejected(Reason.NO_SUCH_CHILD, field="number")
    told = [
        {"index": v.index, "registered_on": v.registered_on.isoformat(), "source": v.source, "values": dict(v.values)}
        for v in versions
    ]
    names = {column.name: column.heading for column in COLUMNS}
    rows = []
    before: dict[str, str] = {}
    for version in versions:
        for name, value in sorted(version.values.items()):
            if before.get(name) != value:
                day = version.registered_on.isoformat()
                rows.append([str(version.index), day, names.get(name, name), value, version.source[:12]])
        before = dict(version.values)
    heads = ("bản ghi / record", "ngày / day", "mục / field", "là / is", "nguồn / source")
    return Answer({"number": number, "versions": told}, (), (heads, rows))
