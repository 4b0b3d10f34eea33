"""The audit of a log from its bytes and one public key: `verify_tiles`, and the pass every audit shares.

The steps, in this order:

1. The checkpoints are of the pinned origin. The key comes from whoever audits, never from the log.
2. Every record: canonical form, its kind's rules, postings, the two views (checks_fold.py), and which key is in
   force after it (checks_keys.py).
3. Every record: place, link, time, leaf (checks_log.py); at every checkpoint's size its signature by the key then in
   force, and the root; where a saved checkpoint was given, the same at its size.
4. Every checkpoint that holds: who has witnessed it, and when (checks_witness.py).
5. Tiles of hashes, where present, are those of the records.
6. What the registers and balances leave open; when asked, whether the book is complete (checks_complete.py).

With the state of an earlier audit (saved.py) only the records after it are read.

The audit of a database (audit/database.py, `verify_home`) runs the same pass over the stored rows and then
compares everything else that is stored with its outcome. Nothing here knows a database.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from audit.checks_complete import CompleteCheck
from audit.checks_fold import FoldCheck
from audit.checks_keys import KeyCheck, Signed
from audit.checks_log import LogCheck, TileRows, leaves_of, parsed_checkpoints, saved_checkpoint
from audit.checks_witness import SLACK_SECONDS, WitnessCheck
from audit.findings import FindingKind, Findings, Report, States
from audit.saved import PROGRAM, Kept, Resumed, SavedAudit, read_saved
from audit.sources import SourceUnavailable, TilesSource
from ledger.days import from_instant
from ledger.entries.book import WITNESSES, BookOpened
from ledger.log.merkle import Frontier, ProofFailed, prove_consistency, verify_consistency
from ledger.log.note import VerifierKey
from ledger.log.policy import Policy
from ledger.log.tiles import TILE_WIDTH, TileRejected
from ledger.record import BareRecord, Record, decode, decode_bare
from ledger.registers import decode_value

PAGE = 512

TAIL = (
    "Phần cuối sổ đã bị cắt bỏ, nếu không có mốc niêm phong cũ hơn giữ ở nơi khác. — "
    "That the end of the log was cut off, beyond any older checkpoint kept elsewhere."
)
TAIL_SINCE = (
    "Phần sổ ghi sau mốc niêm phong đã đưa ra có bị cắt bỏ hay không. — "
    "That the end of the log was cut off after what the checkpoint given covers."
)
TAIL_WITNESSED = (
    "Phần sổ ghi sau lần làm chứng mới nhất (lúc {at}) có bị cắt bỏ hay không. — "
    "That the end of the log was cut off after what the witnesses had seen at {at}."
)
KEY_THIEF = (
    "Người giữ khóa ký của sổ đã viết lại lịch sử, khi chưa có bên làm chứng độc lập. — "
    "That somebody who holds the log's key rewrote history, as long as there are no witnesses."
)
KEY_THIEF_SINCE = (
    "Người giữ khóa ký đã viết lại phần ghi sau mốc được làm chứng mới nhất. — "
    "That somebody who holds the log's key rewrote what came after the newest witnessed checkpoint."
)
OWN_WITNESSES = (
    "Bên làm chứng là do chính đơn vị chọn: không có chính sách riêng (--policy) để đối chiếu. — "
    "That the witnesses are independent: the book itself chose them, and no policy of your own (--policy) was given."
)
STRANGERS = (
    "Chữ ký làm chứng của bên chưa biết khóa chưa được kiểm tra. — "
    "That lines of witnesses whose key nobody has named are theirs: they were not checked."
)
STATE_UNREAD = (
    "Phần sổ đã kiểm toán lần trước không được đọc lại: bản sao này có thể đã đổi hoặc mất phần đó. — "
    "That what the saved audit covers was changed or lost in this copy since: it was not read again."
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
    policy: Policy | None = None
    """Whose witnessing the auditor asks for."""
    max_age_seconds: int | None = None
    """How old the quorum may be; None for two checkpoint intervals and a little."""
    at: datetime | None = None
    """The present; None when nobody knows it, and then nothing is too old."""


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
    witnesses: WitnessCheck
    state: bytes | None
    """What the next audit can go on from; None when it was not asked for, or no checkpoint held."""
    completeness: dict[str, Any] | None = None
    """What checks_complete.py says, when it was asked for."""

    def states(self) -> States:
        """How far the book is recorded, checkpointed and witnessed."""
        quorum = self.witnesses.quorum
        return States(self.size, self.newest, 0 if quorum is None else min(quorum.size, self.newest))

    def age_seconds(self, at: datetime | None) -> int | None:
        """How long before `at` the quorum was complete."""
        return None if at is None else self.witnesses.age_seconds(at)


def run_pass(
    records: Iterable[tuple[int, bytes]],
    checkpoints: Iterable[Signed],
    fetch_body: Callable[[int], bytes | None],
    pinned: Pinned,
    found: Findings,
    *,
    kept: Sequence[Signed] = (),
    book: str | None = None,
    table: str | None = None,
    observe: Observe | None = None,
    on_level: Callable[[int, Sequence[bytes]], None] | None = None,
    resumed: Resumed | None = None,
    keep_state: bool = False,
    complete: bool = False,
) -> Passed:
    """Steps 2, 3, 4 and 6 over records as (index, bytes), in order; `kept` are trees that others vouch for.

    With `resumed` the records begin after the saved ones, and `fetch_body` is asked for older ones.
    """
    keys = KeyCheck(pinned.vkey, pinned.origin, found)
    witnesses = WitnessCheck(pinned.policy, found, table="cosignatures" if table else None)
    saved = saved_checkpoint(pinned.saved, found, origin=pinned.origin)
    kept = [*saved, *kept]
    notes: list[Signed] = []
    if resumed is not None:
        fetch_body = resumed.proven(fetch_body, found)
        start = resumed.saved.size
        kept, before = [s for s in kept if s.size >= start], [s for s in kept if s.size < start]
        own = list(checkpoints)
        checkpoints, notes = [s for s in own if s.size >= start], [s for s in own if s.size < start]
    fold = FoldCheck(found, fetch_body, keys, on_witnesses=witnesses.set_by_book, table=table)
    log = LogCheck(
        found,
        checkpoints,
        saved=kept,
        book=book,
        table=table,
        on_level=on_level,
        judge=keys.judge,
        on_good=witnesses.take,
    )
    whole = CompleteCheck(fold.earlier)
    keeper = None
    if keep_state:
        known = None if resumed is None else resumed.saved.record0.encode()
        record0 = (lambda: fetch_body(0)) if known is None else (lambda: known)
        keeper = _Keeper(pinned.origin, log, fold, witnesses, whole, record0)
    if resumed is not None:
        _resume(resumed.kept, log, fold, keys, witnesses, found)
        whole.resume(resumed.saved.days)
        older = _Older(resumed, log, keys, witnesses, fetch_body, found)
        if not checkpoints:
            detail = f"the saved audit covers {start} records, no checkpoint here does"
            found.add(FindingKind.ROLLED_BACK, detail, index=start)
        try:
            for signed in before:
                older.hold_kept(signed)
            for signed in notes:
                older.hold_own(signed)
        except SourceUnavailable:
            # A log that was set back has no tree of the saved size to prove older ones from; that much is said.
            if checkpoints:
                raise
        log.meet()
    rest = iter(records)
    # A page ends where a checkpoint stands, so that what the records say by then is known when it is judged.
    while page := list(islice(rest, max(1, min(PAGE, log.until_next())))):
        bodies = [body for _, body in page]
        leaves = leaves_of(bodies)
        for (index, body), leaf in zip(page, leaves, strict=True):
            record = fold.take(index, body, leaf)
            if observe is not None:
                observe(index, body, leaf, record)
            if record is not None and (complete or keep_state):
                whole.take(record, fold.state.zone)
        log.take([index for index, _ in page], bodies, leaves)
        if keeper is not None and log.all_met():
            keeper.keep()
    log.finish()
    if keeper is not None and log.all_met():
        keeper.keep()
    for signed in saved:
        if log.largest < signed.size <= log.tree.size:
            detail = f"{signed.kept_by} covers {signed.size} records, the newest checkpoint kept {log.largest}"
            found.add(FindingKind.ROLLED_BACK, detail, index=log.largest)
    newest = log.newest if keys.finish("checkpoints" if table else None) else 0
    witnesses.finish(log.tree.size)
    if pinned.at is not None:
        witnesses.check_age(pinned.at, _allowed_age(pinned, fold))
    fold.open_matters()
    state = None if keeper is None else keeper.state
    if complete:
        fold.load_all()
    completeness = whole.finish(fold.state, pinned.at, found) if complete else None
    return Passed(log.tree.size, log.tree.root(), newest, log, fold, witnesses, state, completeness)


def _allowed_age(pinned: Pinned, fold: FoldCheck) -> int:
    if pinned.max_age_seconds is not None:
        return pinned.max_age_seconds
    return (0 if fold.opened is None else 2 * fold.opened.checkpoint_seconds) + SLACK_SECONDS


def _resume(
    kept: Kept,
    log: LogCheck,
    fold: FoldCheck,
    keys: KeyCheck,
    witnesses: WitnessCheck,
    found: Findings,
) -> None:
    """Takes up every check where the saved audit stood."""
    saved = kept.audit
    opened = decode(saved.record0.encode()).entry
    if not isinstance(opened, BookOpened):
        raise AssertionError("a saved audit keeps the record that opened its book")
    log.book = saved.book
    log.resume(saved.size, saved.hashes(), saved.last_leaf, saved.last_at)
    fold.resume(kept, opened, Frontier(saved.size, log.tree.subtrees()))
    keys.resume(opened.public_key, fold.state.registers)
    row = fold.state.registers.get(WITNESSES)
    if row is not None:
        witnesses.set_lines(tuple(decode_value(row)["policy"]))
    for size, note in ((saved.witnessed_size, saved.witnessed), (saved.size, saved.checkpoint)):
        if note is not None:
            # It held then, and that last record was in time: its lines are counted again, by today's policy.
            witnesses.take(Signed(size, b"", "the saved audit", note.encode()), "")
    for index in saved.unknown:
        found.add(FindingKind.UNKNOWN_KIND, "in the part audited before", index=index)


class _Older:
    """Holds checkpoints that are older than a saved audit against its tree, by proofs made from the log."""

    def __init__(
        self,
        resumed: Resumed,
        log: LogCheck,
        keys: KeyCheck,
        witnesses: WitnessCheck,
        fetch_body: Callable[[int], bytes | None],
        found: Findings,
    ) -> None:
        self._resumed = resumed
        self._root = log.tree.root()
        self._keys = keys
        self._witnesses = witnesses
        self._fetch_body = fetch_body
        self._found = found

    def hold_kept(self, signed: Signed) -> None:
        """One that somebody kept."""
        if (why := self._keys.judge(signed)) is not None:
            self._found.add(FindingKind.CHECKPOINT_INVALID, f"{signed.kept_by}: {why}")
        elif not self._is_prefix(signed):
            detail = f"the first {signed.size} records are not those of {signed.kept_by}"
            self._found.add(FindingKind.FORKED, detail, index=signed.size)

    def hold_own(self, signed: Signed) -> None:
        """One of the log's own, which matters only if witnesses have signed it since."""
        quorum = self._witnesses.quorum
        if quorum is not None and signed.size <= quorum.size:
            return
        if (why := self._keys.judge(signed)) is not None:
            self._found.add(FindingKind.CHECKPOINT_INVALID, why, index=signed.size)
        elif not self._is_prefix(signed):
            detail = f"the root signed for {signed.size} records is not theirs"
            self._found.add(FindingKind.ROOT_DIFFERS, detail, index=signed.size)
        elif (last := self._fetch_body(signed.size - 1)) is not None:
            self._witnesses.take(signed, decode_bare(last).at)

    def _is_prefix(self, signed: Signed) -> bool:
        size = self._resumed.saved.size
        if signed.size == 0:
            return True
        proof = prove_consistency(signed.size, size, self._resumed.read)
        try:
            verify_consistency(
                old_size=signed.size, new_size=size, old_root=signed.root, new_root=self._root, proof=proof
            )
        except ProofFailed:
            return False
        return True


class _Keeper:
    """Writes down where an audit stands, at a checkpoint that holds."""

    def __init__(
        self,
        origin: str,
        log: LogCheck,
        fold: FoldCheck,
        witnesses: WitnessCheck,
        whole: CompleteCheck,
        first: Callable[[], bytes | None],
    ) -> None:
        """`first` gives record 0."""
        self._origin = origin
        self._log = log
        self._fold = fold
        self._witnesses = witnesses
        self._whole = whole
        self._first = first
        self.state: bytes | None = None
        self._size = 0

    def keep(self) -> None:
        """The state of this moment."""
        log, fold, quorum = self._log, self._fold, self._witnesses.quorum
        record0, signed = self._first(), log.newest_signed
        if record0 is None or fold.opened is None or signed is None or signed.note is None or self._is_kept():
            return
        make = partial(
            SavedAudit,
            origin=self._origin,
            program=PROGRAM,
            book=log.book or "",
            size=log.tree.size,
            waiting=tuple(None if node is None else node.hex() for node in log.tree.waiting()),
            last_leaf=log.last_leaf,
            last_at=log.last_at,
            zone=fold.state.zone,
            record0=record0.decode(),
            unknown=tuple(sorted(fold.unknown)),
            days=self._whole.rows(),
            checkpoint=signed.note.decode() + signed.cosignatures,
            witnessed=None if quorum is None else quorum.note.decode(),
            witnessed_size=0 if quorum is None else quorum.size,
        )
        self.state, self._size = fold.kept(make).encode(), log.tree.size

    def _is_kept(self) -> bool:
        return self.state is not None and self._size == self._log.tree.size


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


def not_excluded(passed: Passed, pinned: Pinned, *, resumed: bool = False) -> list[str]:
    """What no audit of this log could have noticed."""
    witnesses = passed.witnesses
    shown = witnesses.policy is not None and witnesses.quorum is not None
    if shown:
        said = [TAIL_WITNESSED.format(at=witnesses.witnessed_at)]
        if passed.states().witnessed < passed.size:
            said.append(KEY_THIEF_SINCE)
    else:
        said = [TAIL_SINCE if pinned.saved is not None or resumed else TAIL, KEY_THIEF]
    if witnesses.by_book_alone and witnesses.quorum is not None:
        said.append(OWN_WITNESSES)
    if witnesses.unknown:
        said.append(STRANGERS)
    said.append(FACTS)
    if passed.fold.unknown:
        said.append(UNKNOWN_KINDS)
    if passed.newest < passed.size:
        said.append(UNSIGNED)
    if resumed:
        said.append(STATE_UNREAD)
    return said


def report_of(
    passed: Passed,
    pinned: Pinned,
    found: Findings,
    cannot: Sequence[str],
    started: float,
    tables: dict[str, str] | None = None,
) -> Report:
    """What an audit says in the end; `started` is by `time.perf_counter`."""
    return Report(
        size=passed.size,
        root=passed.root.hex(),
        origin=pinned.origin,
        findings=found.sorted(),
        uncounted=found.uncounted(),
        cannot_exclude=tuple(cannot),
        tables=tables or {},
        states=passed.states(),
        witnessed_at=passed.witnesses.witnessed_at,
        cosignature_age_seconds=passed.age_seconds(pinned.at),
        seconds=time.perf_counter() - started,
        state=passed.state,
        completeness=passed.completeness,
    )


def verify_tiles(
    source: TilesSource | str | Path,
    vkey: VerifierKey | str,
    *,
    origin: str | None = None,
    saved: bytes | None = None,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    at: datetime | None = None,
    state: bytes | None = None,
    keep_state: bool = False,
    complete: bool = False,
    observe: Observe | None = None,
) -> Report:
    """Audits a published log with nothing but its public key; `saved` is a checkpoint kept from before, `state` what
    an earlier audit has left (the report's `state`, when `keep_state` asks for it); `complete` asks for `completeness`.

    Raises SourceUnavailable when the log cannot be read, NoteRejected when `vkey` is no key, StateRejected.
    """
    started = time.perf_counter()
    key = VerifierKey.parse(vkey) if isinstance(vkey, str) else vkey
    pinned = Pinned(key, key.name if origin is None else origin, saved, policy, max_age_seconds, at)
    log = source if isinstance(source, TilesSource) else TilesSource(source)
    found = Findings()
    earlier = None if state is None else read_saved(state, origin=pinned.origin)
    # Of two files for one size the one with more signatures counts.
    notes = sorted(log.checkpoints(), key=lambda kept: len(kept[1]), reverse=True)
    signed = list(parsed_checkpoints(_by_size(notes), found, origin=pinned.origin))
    size = signed[-1].size if signed else 0
    start = 0 if earlier is None else earlier.audit.size
    tiles = _Tiles(log, found, start)
    passed = run_pass(
        _noting_gaps(log, start, size, found),
        signed,
        log.body,
        pinned,
        found,
        observe=observe,
        on_level=tiles.rows.take,
        resumed=None if earlier is None else Resumed(earlier, _reader(log, max(size, start))),
        keep_state=keep_state,
        complete=complete,
    )
    tiles.rows.finish()
    cannot = [*not_excluded(passed, pinned, resumed=earlier is not None), ROWS_UNSEEN, VAULT_UNSEEN]
    return report_of(passed, pinned, found, cannot, started)


def _by_size(notes: Iterable[tuple[int | None, bytes, str]]) -> list[tuple[int | None, bytes, str]]:
    def size(kept: tuple[int | None, bytes, str]) -> int:
        # What is no checkpoint is told by whoever reads it; where it stands does not matter.
        line = kept[1].split(b"\n", 2)[1:2]
        return int(line[0]) if line and line[0].isdigit() and len(line[0]) < 20 else 0

    return sorted(notes, key=size)


def _reader(source: TilesSource, size: int) -> Callable[[int, int], bytes]:
    read = source.reader(size)

    def hash_of(level: int, index: int) -> bytes:
        try:
            return read(level, index)
        except (FileNotFoundError, TileRejected) as error:
            raise SourceUnavailable(
                f"older records cannot be proven from the tiles ({error}); audit without the saved state"
            ) from error

    return hash_of


def _noting_gaps(source: TilesSource, start: int, size: int, found: Findings) -> Iterator[tuple[int, bytes]]:
    """The records of a source; one missing at the end is a finding as one in the middle is (checks_log)."""
    expected = start
    for index, body in source.bodies(size, start):
        yield index, body
        expected = index + 1
    if expected < size:
        found.add(FindingKind.RECORD_MISSING, f"{size - expected} records", index=expected)
    found.extend(source.found)


class _Tiles:
    """Holds the published tiles of hashes against those of the records, where there are any."""

    def __init__(self, source: TilesSource, found: Findings, start: int) -> None:
        self._source = source
        self._found = found
        self._start = start
        self.rows = TileRows(self._compare, start)

    def _compare(self, level: int, number: int, hashes: list[bytes]) -> None:
        # Of the tile that an earlier audit had begun only the new hashes are told.
        begun = max((self._start >> (8 * level)) - number * TILE_WIDTH, 0)
        width = begun + len(hashes)
        file = self._source.tile(level, number, width)
        if file is None:
            return
        path, data = file
        expected = b"".join(hashes)
        # A full tile in place of a partial one belongs to a later size; it begins with the same hashes.
        length = width if path.endswith(f".p/{width}") else TILE_WIDTH
        if len(data) != length * 32 or data[begun * 32 : width * 32] != expected:
            first = (number * TILE_WIDTH) << (8 * level)
            self._found.add(FindingKind.TILE_DIFFERS, "not the hashes of the records", index=first, key=path)
