"""What `sovang demo` does after the story: tiles, the audit of every stored row, and one gift followed."""

import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.demo.story import BANK, MILK, Story, StoryClock, count_gifts, tell_story
from api.words import verdict
from audit.database import verify_home
from audit.findings import Report
from audit.queries import write_tiles
from audit.trace import Trace, trace_stored
from certificates.words import format_vnd
from ledger.catalogue_data import communes
from ledger.files import write_durably
from ledger.home import Home
from ledger.store import read
from ledger.store.engine import reading


class HomeNotFresh(Exception):
    """There is something where the demo's home would be; the message says so in one line."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the demo says: one JSON document and the same as a story. `whole` is the audit's word."""

    document: dict[str, Any]
    lines: tuple[str, ...]
    whole: bool


def require_fresh(home: Path) -> None:
    """Raises HomeNotFresh unless nothing is there, or an empty folder."""
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise HomeNotFresh(
            f"{home} đã có dữ liệu, sổ mẫu cần thư mục trống: sovang demo --home THƯ-MỤC-KHÁC — {home} is not empty, "
            "the demo needs a fresh home: name another with --home"
        )


def tell_demo(path: Path, *, database_url: str | None = None, port: int = 8080) -> Told:
    """Fills the home at `path` and audits it; `port` is where it will be served.

    Raises HomeNotFresh, Rejected, StoreUnavailable.
    """
    require_fresh(path)
    started = time.perf_counter()
    clock = StoryClock()
    home = Home(path, database_url=database_url, clock=clock)
    try:
        return _check(tell_story(home, clock), started, port)
    finally:
        home.close()


def _check(story: Story, started: float, port: int) -> Told:
    opened, home = story.opened, story.home.path
    vkey = opened.vkey.vkey
    key_file, tiles = home / "log.vkey", home / "tiles"
    write_durably(key_file, f"{vkey}\n".encode())
    size = write_tiles(opened, tiles)
    report = verify_home(opened, database=True)
    with reading(opened.engine) as db:
        traced = trace_stored(db, opened.code, story.named["traced"])
        held = read.balances(db, opened.code, [(BANK, "VND")])[BANK, "VND"]
    gifts = count_gifts(story)
    document: dict[str, Any] = {
        "records": size,
        "gifts": gifts,
        "certificates": story.certificates,
        "verify": report.to_json(),
        "receipts": story.receipts,
        "statements": [
            {"lines": done.lines, "matched": done.matched, "suspense": done.suspense, "closing": done.closing}
            for done in story.imports
        ],
        "trace": traced.to_json(),
        "home": str(home),
        "tiles": str(tiles),
        "vkey": vkey,
        "seconds": round(time.perf_counter() - started, 2),
    }
    same = "khớp sao kê" if held == story.imports[-1].closing else "KHÁC SAO KÊ"
    story.lines += [
        "",
        f"{size} bản ghi, {gifts} khoản ủng hộ; ngân hàng trong sổ {format_vnd(held)}, {same} — records, gifts, bank",
        _verdict(report),
        *_followed(traced),
        "",
        *_try(story, key_file, tiles, traced, port),
    ]
    return Told(document, tuple(story.lines), report.ok)


def _verdict(report: Report) -> str:
    vietnamese, english = verdict(ok=report.ok, whole=report.whole)
    return f"Kiểm toán mọi dòng lưu trữ: {vietnamese}, {report.seconds:.2f} giây, gốc {report.root[:16]}… — {english}"


def _followed(traced: Trace) -> list[str]:
    """The gift of the first pledge, to where it is now."""
    assert traced.amount is not None
    amount = format_vnd(traced.amount.minor)
    lines = [f"Khoản {traced.gift} ({amount}, nguồn {traced.fund}) đã làm được gì — what one gift did:"]
    for use in traced.uses:
        where = communes()[use.commune].title if use.commune else "trong tỉnh, nhóm nhỏ giữ kín"
        count = f"{use.goods.get(MILK, 0):,}".replace(",", ".")
        when = "" if use.day is None else f"{use.day:%d/%m}" if use.commune else f"tháng {use.day:%m}"
        lines.append(f"  {count} hộp sữa ({format_vnd(use.amount_minor)}) → {where}, {when}")
    for place in traced.held:
        where = f"{place.goods[MILK]} hộp trong kho" if MILK in place.goods else "chưa phân bổ, còn trong nguồn"
        lines.append(f"  {format_vnd(place.minor)}: {where} — {place.account}, not used yet")
    return lines


def _try(story: Story, key_file: Path, tiles: Path, traced: Trace, port: int) -> list[str]:
    home = story.home.path
    at = "" if home == Path("data") else f" --home {shlex.quote(str(home))}"
    key, folder = shlex.quote(str(key_file)), shlex.quote(str(tiles))
    paper = shlex.quote(story.certificates[0]["path"])
    return [
        "Thử tiếp — now try:",
        f"  ./run verify --tiles {folder} --vkey {key}    # chỉ cần khóa công khai — the public key is enough",
        f"  ./run check {paper} --vkey {key}    # giấy chứng nhận, ngoại tuyến — offline",
        f"  ./run trace {traced.gift}{at}    # món quà đã làm được gì — what a gift did",
        f"  ./run search bach dang{at}    # không cần dấu — marks do not matter",
        f"  ./run suspense{at}    # {len(story.waits())} dòng chờ xác định — waiting for a person",
        f"  curl http://127.0.0.1:{port}/api/v1/checkpoint    # khi đang phục vụ — while serving",
    ]
