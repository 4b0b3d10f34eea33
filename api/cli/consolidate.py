"""The department's command: other organisations' books, verified and added up."""

import re
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.figures import amount
from api.cli.session import DONE, FINDINGS, Answer, Session

if TYPE_CHECKING:
    from audit.consolidate import Cell, Consolidation, Grant, Visit

COLUMNS = {
    "gifts": "ủng hộ nhận được — gifts",
    "grants_received": "kinh phí nhận — grants received",
    "grants_sent": "kinh phí chuyển đi — grants sent",
    "used": "đã trao — used",
    "costs": "chi quản lý, phí — costs",
    "external": "đóng góp ngoài sổ — external",
    "children": "trẻ em theo báo cáo (*) — children reported (*)",
}
TWICE = "(*) có thể đếm trùng một trẻ — may count a child twice"


def consolidate(
    session: Session,
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE…", help="Thư mục hoặc URL tlog-tiles — tiles folders or URLs")
    ],
    policy: Annotated[
        Path, typer.Option(help="Khóa các sổ và bên làm chứng — which books' keys, which witnesses (C2SP tlog-policy)")
    ],
    state: Annotated[
        Path, typer.Option(help="Thư mục giữ lần trước, tự tạo — where the last visit is kept, made if missing")
    ],
) -> Answer:
    """Hợp nhất sổ của nhiều đơn vị: kiểm từng sổ, loại trừ chuyển nội bộ — verify and add up several books."""
    from audit.consolidate import consolidate as add_up
    from audit.consolidate import visit
    from ledger.files import write_durably
    from ledger.log.policy import parse_policy

    pinned = parse_policy(policy.read_bytes().decode("utf-8", "surrogateescape"))
    state.mkdir(parents=True, exist_ok=True)

    def load(origin: str) -> bytes | None:
        file = state / f"{_name(origin)}.visit"
        return file.read_bytes() if file.exists() else None

    visits = []
    for seen in visit(sources, pinned, load, datetime.now(UTC)):
        visits.append(seen)
        if seen.origin is not None and seen.kept is not None:
            write_durably(state / f"{_name(seen.origin)}.visit", seen.kept)
        if seen.origin is not None and seen.fork is not None:
            write_durably(state / f"{_name(seen.origin)}.sovang-fork", seen.fork)
    total = add_up(visits)
    heads = ("đơn vị — organisation", "khoản — what", "hoạt động — activity", "nơi — place", "số — figure")
    rows = [row for seen in total.good for row in _rows(seen.figures.name, seen.figures.cells, total)]
    rows += _rows("TỔNG — TOTAL", total.total, total)
    code = DONE if total.ok else FINDINGS
    return Answer(total.to_json(), _lines(total), (heads, rows), code)


def _name(origin: str) -> str:
    """A file name for an origin, which may hold slashes and be long."""
    plain = re.sub(r"[^A-Za-z0-9.-]", "-", origin).lstrip(".-")[:60]
    return f"{plain}-{sha256(origin.encode()).hexdigest()[:16]}"


def _lines(total: "Consolidation") -> list[str]:
    lines = [*(_visited(seen) for seen in total.visits)]
    for head, grants in (
        ("Đã loại trừ — eliminated", total.eliminated),
        ("Đang đi đường — in transit", total.in_transit),
        ("Chưa đối chiếu được, một bên bị bỏ ra — not compared, one side is left out", total.not_compared),
        ("SAI — WRONG", total.wrong),
    ):
        lines += [f"{head}: {_grant(grant)}" for grant in grants]
    if total.named_differently:
        codes = ", ".join(total.named_differently)
        lines.append(f"Cùng mã nhưng khác tên hoạt động — one code, different activities, added all the same: {codes}")
    lines.append(TWICE)
    return lines


def _visited(seen: "Visit") -> str:
    origin = seen.origin or seen.address
    if seen.left_out is None and seen.report is not None:
        new = seen.report.size - seen.since
        said = [f"✓ {origin}: {seen.report.size} bản ghi / records, {new} mới / new"]
        said += [f"  - {finding}" for finding in seen.report.findings]
        if seen.figures.unknown:
            said.append(
                f"  - {seen.figures.unknown} bản ghi chưa biết loại, không tính — of unknown kinds, not counted"
            )
        return "\n".join(said)
    reason = "" if seen.left_out is None else seen.left_out.value
    said = [f"✗ BỎ RA — LEFT OUT {origin} ({seen.address}): {reason}: {seen.detail}"]
    said += [] if seen.report is None else [f"  - {finding}" for finding in seen.report.findings]
    return "\n".join(said)


def _grant(grant: "Grant") -> str:
    to = grant.to_origin if grant.to_index is None else f"{grant.to_origin} #{grant.to_index}"
    why = "" if grant.wrong is None else f" — {grant.wrong.value}: {grant.detail}"
    return f"{amount(grant.minor, grant.unit)}, {grant.from_origin} #{grant.from_index} → {to}{why}"


def _rows(name: str, cells: "Counter[Cell]", total: "Consolidation") -> list[list[str]]:
    activities = {code: said for seen in total.good for code, said in seen.figures.activities.items()}
    communes = {code: said for seen in total.good for code, said in seen.figures.communes.items()}
    order = {column: number for number, column in enumerate(COLUMNS)}
    rows = []
    for cell, minor in sorted(cells.items(), key=lambda item: (order[item[0].column], item[0])):
        what = COLUMNS[cell.column] + (f": {cell.organisation}" if cell.organisation else "")
        if cell.column == "used" and not cell.activity:
            activity = "không nêu hoạt động — activity not shown"
        else:
            activity = f"{activities.get(cell.activity, '')} {cell.activity}".strip()
        place = f"tỉnh / province {cell.province}" if cell.province else ""
        place = place or ", ".join(f"{communes.get(code, '')} {code}".strip() for code in cell.communes.split())
        rows.append([name, what, activity, place, amount(minor, cell.unit) if cell.unit else str(minor)])
    return rows
