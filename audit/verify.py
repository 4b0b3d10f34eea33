"""The audit of a log from its bytes and one public key: `verify_tiles`, and the pass every audit shares.

The steps, in this order:

1. The checkpoints open under the pinned key and origin. The key comes from whoever audits, never from the log.
2. Every record: place, link, time, leaf (checks_log.py), the root at every checkpoint's size; where a saved
   checkpoint was given, the root at its size too.
3. Every record: canonical form, its kind's rules, postings, the two views (checks_fold.py).
4. Tiles of hashes, where present, are those of the records.
5. What the registers and balances leave open.

The audit of a database (audit/database.py, `verify_home`) runs the same pass over the stored rows and then
compares everything else that is stored with its outcome. Nothing here knows a database.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from audit.checks_fold import FoldCheck
from audit.checks_log import LogCheck, Signed, TileRows, opened_checkpoints, saved_checkpoint
from audit.findings import FindingKind, Findings, Report, States
from audit.sources import Source, TilesSource
from ledger.days import from_instant
from ledger.log.note import VerifierKey
from ledger.log.tiles import TILE_WIDTH
from ledger.record import BareRecord, Record

PAGE = 512

TAIL = (
    "Phần cuối sổ đã bị cắt bỏ, nếu không có mốc niêm phong cũ hơn giữ ở nơi khác. — "
    "That the end of the log was cut off, beyond any older checkpoint kept elsewhere."
)
TAIL_SINCE = (
    "Phần sổ ghi sau mốc niêm phong đã đưa ra có bị cắt bỏ hay không. — "
    "That the end of the log was cut off after what the checkpoint given covers."
)
KEY_THIEF = (
    "Người giữ khóa ký của sổ đã viết lại lịch sử, khi chưa có bên làm chứng độc lập. — "
    "That somebody who holds the log's key rewrote history, as long as there are no witnesses."
)
FACTS = (
    "Điều được ghi có đúng sự thật hay không: chỉ chứng từ, sao kê và người nhận trả lời được. — "
    "Whether what was recorded is true: only papers, banks and recipients can tell."
)
VAULT_UNSEEN = (
    "Dữ liệu riêng tư trong két chưa được mở để đối chiếu. — "
    "That private values in the vault are what the records commit to: none was opened here."
)
ROWS_UNSEEN = (
    "Các bảng lưu trong cơ sở dữ liệu (số dư, bút toán, sổ theo dõi) chưa được đối chiếu. — "
    "That stored balances, postings and registers follow from the records: they were not compared."
)
UNKNOWN_KINDS = (
    "Bản ghi thuộc loại mà phiên bản này chưa biết có hợp lệ hay không. — "
    "Whether records of kinds unknown to this version obey the rules."
)
UNSIGNED = (
    "Bản ghi chưa được niêm phong có thể thay đổi mà không để lại dấu vết. — "
    "That records not yet under a checkpoint were exchanged."
)


@dataclass(frozen=True, slots=True)
class Pinned:
    """What the auditor holds before the audit begins."""

    vkey: VerifierKey
    origin: str
    saved: bytes | None = None
    """A checkpoint kept from before."""


Observe = Callable[[int, bytes, bytes, Record | BareRecord | None], None]
"""Told (index, body, leaf hash, record) of every record, in order."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The outcome of one pass over the records."""

    size: int
    root: bytes
    newest: int
    log: LogCheck
    fold: FoldCheck


def run_pass(
    records: Iterable[tuple[int, bytes]],
    checkpoints: Iterable[Signed],
    fetch_body: Callable[[int], bytes | None],
    pinned: Pinned,
    found: Findings,
    *,
    signer: Signed | None = None,
    book: str | None = None,
    table: str | None = None,
    observe: Observe | None = None,
    on_level: Callable[[int, Sequence[bytes]], None] | None = None,
) -> Passed:
    """Steps 2, 3 and 5 over records as (index, bytes), in order; `signer` is the last tree the key vouched for."""
    saved = saved_checkpoint(pinned.saved, pinned.vkey, found, origin=pinned.origin)
    remembered = [] if signer is None else [signer]
    log = LogCheck(found, checkpoints, saved=[*saved, *remembered], book=book, table=table, on_level=on_level)
    fold = FoldCheck(found, fetch_body, vkey=pinned.vkey.vkey, origin=pinned.origin, table=table)
    rest = iter(records)
    while page := list(islice(rest, PAGE)):
        leaves = log.take([index for index, _ in page], [body for _, body in page])
        for (index, body), leaf in zip(page, leaves, strict=True):
            record = fold.take(index, body, leaf)
            if observe is not None:
                observe(index, body, leaf, record)
    log.finish()
    for signed in saved:
        if log.largest < signed.size <= log.tree.size:
            detail = f"{signed.kept_by} covers {signed.size} records, the newest checkpoint kept {log.largest}"
            found.add(FindingKind.ROLLED_BACK, detail, index=log.largest)
    fold.open_matters()
    return Passed(log.tree.size, log.tree.root(), log.newest, log, fold)


def excuse_young_tail(passed: Passed, at: datetime, found: Findings) -> None:
    """Records that came less than two checkpoint intervals before `at` are in time: no finding, their state says
    that they are recorded and not yet checkpointed."""
    opened, tail_at = passed.fold.opened, passed.log.tail_at
    if opened is None or tail_at is None or passed.newest >= passed.size:
        return
    try:
        waited = at - from_instant(tail_at)
    except ValueError:
        return  # no such instant: a finding of its own
    if waited <= timedelta(seconds=2 * opened.checkpoint_seconds):
        found.drop(FindingKind.TAIL_UNSIGNED)


def not_excluded(passed: Passed, *, saved: bool) -> list[str]:
    """What no audit of this log could have noticed."""
    said = [TAIL_SINCE if saved else TAIL, KEY_THIEF, FACTS]
    if passed.fold.unknown:
        said.append(UNKNOWN_KINDS)
    if passed.newest < passed.size:
        said.append(UNSIGNED)
    return said


def verify_tiles(
    source: TilesSource | str | Path,
    vkey: VerifierKey | str,
    *,
    origin: str | None = None,
    saved: bytes | None = None,
) -> Report:
    """Audits a published log with nothing but its public key; `saved` is a checkpoint kept from before.

    Raises SourceUnavailable when the log cannot be read, NoteRejected when `vkey` is no key.
    """
    started = time.perf_counter()
    key = VerifierKey.parse(vkey) if isinstance(vkey, str) else vkey
    pinned = Pinned(key, key.name if origin is None else origin, saved)
    log = source if isinstance(source, TilesSource) else TilesSource(source)
    found = Findings()
    signed = list(opened_checkpoints(log.checkpoints(), key, found, origin=pinned.origin))
    size = signed[-1].size if signed else 0
    tiles = _Tiles(log, found)
    passed = run_pass(_noting_gaps(log, size, found), signed, log.body, pinned, found, on_level=tiles.rows.take)
    tiles.rows.finish()
    cannot = [*not_excluded(passed, saved=saved is not None), ROWS_UNSEEN, VAULT_UNSEEN]
    return Report(
        size=passed.size,
        root=passed.root.hex(),
        origin=pinned.origin,
        findings=found.sorted(),
        uncounted=found.uncounted(),
        cannot_exclude=tuple(cannot),
        states=States(recorded=passed.size, checkpointed=passed.newest),
        seconds=time.perf_counter() - started,
    )


def _noting_gaps(source: Source, size: int, found: Findings) -> Iterator[tuple[int, bytes]]:
    """The records of a source; one missing at the end is a finding as one in the middle is (checks_log)."""
    expected = 0
    for index, body in source.bodies(size):
        yield index, body
        expected = index + 1
    if expected < size:
        found.add(FindingKind.RECORD_MISSING, f"{size - expected} records", index=expected)
    if isinstance(source, TilesSource):
        found.extend(source.found)


class _Tiles:
    """Holds the published tiles of hashes against those of the records, where there are any."""

    def __init__(self, source: TilesSource, found: Findings) -> None:
        self._source = source
        self._found = found
        self.rows = TileRows(self._compare)

    def _compare(self, level: int, number: int, hashes: list[bytes]) -> None:
        file = self._source.tile(level, number, len(hashes))
        if file is None:
            return
        path, data = file
        expected = b"".join(hashes)
        # A full tile in place of a partial one belongs to a later size; it begins with the same hashes.
        same = (
            data == expected
            if path.endswith(f".p/{len(hashes)}") or len(hashes) == TILE_WIDTH
            else (data.startswith(expected) and len(data) == TILE_WIDTH * 32)
        )
        if not same:
            first = (number * TILE_WIDTH) << (8 * level)
            self._found.add(FindingKind.TILE_DIFFERS, "not the hashes of the records", index=first, key=path)
