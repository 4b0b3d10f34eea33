"""`sovang load`: lists and catalogues that an organisation has already, and another system's export."""

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.session import DONE, FINDINGS, Answer, Misuse, Session

if TYPE_CHECKING:
    from ledger.load.columns import Column, Fault

FAULTS = ("dòng / row", "cột / column", "lý do / reason", "")


def load(
    session: Session,
    what: Annotated[
        str,
        typer.Argument(
            help="opening, donors, pledges, needs, gifts; catalogue; npsp; «list» để xem — which list; «list» shows all"
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Argument(
            help="Tệp CSV hoặc XLSX; thư mục với catalogue và npsp — a file; a folder for catalogue and npsp"
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Chỉ kiểm tra từng dòng, không ghi gì — record nothing")
    ] = False,
    template: Annotated[
        Path | None,
        typer.Option(
            "--template", help="Ghi mẫu trống (.csv, .xlsx), hoặc bộ danh mục sẵn có vào thư mục — a template"
        ),
    ] = None,
    place: Annotated[
        str | None, typer.Option(help="npsp: tài khoản nhận, đã mở, đúng loại tiền — the account it is loaded into")
    ] = None,
) -> Answer:
    """Nạp dữ liệu đã có: số dư, người ủng hộ, cam kết, nhu cầu, khoản cũ, danh mục — load what you have already.

    Cả tệp hoặc không gì cả; nạp lại cùng một tệp không ghi gì thêm. — The whole file or nothing; loading it again
    records nothing more.
    """
    from ledger.load.lists import LOADERS

    if what == "list":
        rows = [[name, *one.title] for name, one in LOADERS.items()]
        return Answer({"lists": [*LOADERS, "catalogue", "npsp"]}, (), (("", "", ""), rows))
    if what not in (*LOADERS, "catalogue", "npsp"):
        raise Misuse(f"không có danh sách này — no such list: {', '.join((*LOADERS, 'catalogue', 'npsp'))}")
    if template is not None:
        return _template(what, template)
    if what == "catalogue":
        return _catalogue(session, source, check)
    if source is None:
        raise Misuse("thiếu tệp hoặc thư mục — a file or folder is needed")
    if what == "npsp":
        return _npsp(session, source, place, check)
    from ledger.load.lists import load as load_list

    loaded = load_list(session.opened, what, source, by=session.actor, check=check)
    document: dict[str, Any] = {
        "list": what,
        "lines": loaded.lines,
        "recorded": loaded.recorded,
        "repeated": loaded.repeated,
    }
    lines = (
        f"{loaded.lines} dòng / lines: ghi mới / recorded {loaded.recorded}, đã có từ trước / already there "
        f"{loaded.repeated}",
    )
    return _answer(session, document, lines, loaded.faults, recorded=loaded.recorded)


def _catalogue(session: Session, folder: Path | None, check: bool) -> Answer:
    from ledger.load.catalogue import load_catalogue

    loaded = load_catalogue(session.opened, folder, by=session.actor, check=check)
    document: dict[str, Any] = {
        "list": "catalogue",
        "lines": loaded.lines,
        "recorded": loaded.recorded,
        "repeated": loaded.repeated,
        "kept": loaded.kept,
    }
    lines = [f"{loaded.lines} dòng / lines: ghi mới / recorded {loaded.recorded}"]
    if loaded.kept:
        lines.append(f"Đã có, giữ nguyên — there already, left as they are: {', '.join(loaded.kept)}")
    return _answer(session, document, lines, loaded.faults, recorded=loaded.recorded)


def _npsp(session: Session, folder: Path, place: str | None, check: bool) -> Answer:
    from ledger.load.npsp import load_npsp

    if place is None:
        raise Misuse("thiếu --place — say which account it is loaded into: --place bank:USD")
    loaded = load_npsp(session.opened, folder, place, by=session.actor, check=check)
    refused = [{"object": of, "why": why, "rows": rows} for (of, why), rows in sorted(loaded.refused.items())]
    document: dict[str, Any] = {
        "list": "npsp",
        "taken": dict(loaded.taken),
        "repeated": loaded.repeated,
        "gifts_minor": loaded.gifts_minor,
        "pledged_minor": loaded.pledged_minor,
        "credits_minor": loaded.credits_minor,
        "unit": loaded.unit,
        "refused": refused,
    }
    lines = [f"{count} × {kind}" for kind, count in sorted(loaded.taken.items())]
    lines += [f"Không nhận — not taken: {one['rows']} × {one['object']}: {one['why']}" for one in refused]
    return _answer(session, document, lines, loaded.faults, recorded=0 if check else sum(loaded.taken.values()))


def _answer(session: Session, document: dict[str, Any], lines: Any, faults: "list[Fault]", *, recorded: int) -> Answer:
    """With faults nothing was recorded; each is told by row and column, and what the cell says is not repeated."""
    from api.words import WORDS

    document["faults"] = [
        {"row": one.row, "column": one.column, "reason": str(one.reason), "message": one.message} for one in faults
    ]
    table = None
    if faults:
        told = [[str(one.row), one.column, " — ".join(WORDS[one.reason]), one.message] for one in faults]
        table = (FAULTS, told)
    answer = Answer(document, lines, table, code=FINDINGS if faults else DONE)
    return session.signed(answer) if recorded else answer


def _template(what: str, path: Path) -> Answer:
    from ledger.load.lists import LOADERS

    if what == "catalogue":
        from ledger.load.catalogue import write_ready

        written = write_ready(path)
        return Answer({"path": str(path), "files": written}, (f"{path}: {', '.join(written) or '-'}",))
    if what not in LOADERS:
        raise Misuse("danh sách này không có mẫu — there is no template of this")
    columns = LOADERS[what].columns
    if path.suffix not in (".csv", ".xlsx"):
        raise Misuse("mẫu là tệp .csv hoặc .xlsx — a template is a .csv or .xlsx file")
    data = _xlsx(what, columns) if path.suffix == ".xlsx" else _csv(columns)
    with path.open("xb") as file:  # what somebody has filled in is never written over
        file.write(data)
    rows = [[one.heading, one.kind, ", ".join(one.words), "cần / needed" if one.needed else ""] for one in columns]
    document = {"path": str(path), "columns": [one.heading for one in columns]}
    return Answer(document, (str(path),), (("cột / column", "kiểu / kind", "", ""), rows))


def _csv(columns: "tuple[Column, ...]") -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(one.heading for one in columns)
    return ("\ufeff" + out.getvalue()).encode()


def _xlsx(what: str, columns: "tuple[Column, ...]") -> bytes:
    import xlsxwriter  # type: ignore[import-untyped]

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"created": datetime(2026, 1, 1)})
    sheet = book.add_worksheet(what)
    bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "dd/mm/yyyy"})
    text = book.add_format({"num_format": "@"})  # codes and phone numbers keep their zeros
    for at, column in enumerate(columns):
        plain = column.kind in ("amount", "count")
        sheet.set_column(at, at, 26, day if column.kind == "day" else None if plain else text)
        sheet.write_string(0, at, column.heading, bold)
    sheet.freeze_panes(1, 0)
    book.close()
    return out.getvalue()
