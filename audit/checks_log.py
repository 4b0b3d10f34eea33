"""The log as bytes: leaves, links, sequence, time, and the root at every checkpoint.

What is checked, in this order, for every record:

1. it stands at the index it names, in the book asked for;
2. its `previous` is the leaf hash of the record before it;
3. its instant is not earlier than that of the record before it;
4. its leaf hash goes into a tree whose root, at every checkpoint's size, is the root that was signed.

Whether a checkpoint is to be believed at its size is asked of `judge` (checks_keys.py) when that size is reached.

Nothing is kept for each record, so memory does not grow with the log. The tree here is not the writer's: a
page of leaves is paired level by level, with at most one hash left over on each level. Only the few fields
that link the records are read; what an entry says is judged by checks_fold.py. Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

import msgspec

from audit.checks_keys import Signed
from audit.findings import FindingKind, Findings
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.note import NoteRejected, split_note
from ledger.log.tiles import TILE_WIDTH

PAGE = 1024
NO_PREVIOUS = "0" * 64
EMPTY_ROOT = sha256(b"").digest()

Level = Callable[[int, Sequence[bytes]], None]
"""Told (height, hashes) of finished subtrees of 256^k leaves, k = height / 8, in order."""


class TileRows:
    """Cuts the hashes that a `RunningTree` tells into tiles of 256 (tlog-tiles), in order, the last one partial."""

    def __init__(self, on_tile: Callable[[int, int, list[bytes]], None], start: int = 0) -> None:
        """`on_tile` is told (level, number, hashes) of each tile; of one that a tree of size `start` had begun, only
        the hashes after those it had."""
        self._on_tile = on_tile
        self._rows: list[list[bytes]] = []
        self._done: list[int] = []
        self._before: list[int] = []
        """For each level, how many hashes at the beginning of the next tile are not told."""
        while start:
            self._level(start)
            start //= TILE_WIDTH

    def _level(self, size: int) -> None:
        self._rows.append([])
        self._done.append(size // TILE_WIDTH)
        self._before.append(size % TILE_WIDTH)

    def take(self, height: int, hashes: Sequence[bytes]) -> None:
        """A `Level`: takes the hashes of one tile level as the tree finishes them."""
        level = height // 8
        if level == len(self._rows):
            self._level(0)
        row = self._rows[level]
        row.extend(hashes)
        while len(row) >= (width := TILE_WIDTH - self._before[level]):
            self._tile(level, row[:width])
            del row[:width]

    def finish(self) -> None:
        """Tells the partial tile at the end of each level."""
        for level, row in enumerate(self._rows):
            if row:
                self._tile(level, row)

    def _tile(self, level: int, hashes: list[bytes]) -> None:
        self._on_tile(level, self._done[level], hashes)
        self._done[level] += 1
        self._before[level] = 0


class RunningTree:
    """The Merkle tree (RFC 6962) over leaves that come in pages."""

    def __init__(self, on_level: Level | None = None) -> None:
        self.size = 0
        self._waiting: list[bytes | None] = []
        self._on_level = on_level

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Adds leaf hashes."""
        self.size += len(leaves)
        row: Sequence[bytes] = leaves
        height = 0
        digest = sha256
        while row:
            if self._on_level is not None and height % 8 == 0:
                self._on_level(height, row)
            if height == len(self._waiting):
                self._waiting.append(None)
            left = self._waiting[height]
            if left is not None:
                row = [left, *row]
            self._waiting[height] = row[-1] if len(row) % 2 else None
            row = [digest(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row) - 1, 2)]
            height += 1

    def waiting(self) -> tuple[bytes | None, ...]:
        """For each height the hash that waits for its neighbour: all that is needed to go on."""
        return tuple(self._waiting)

    def resume(self, size: int, waiting: Iterable[bytes | None]) -> None:
        """Goes on where a tree of this size stood."""
        self.size, self._waiting = size, list(waiting)

    def subtrees(self) -> tuple[bytes, ...]:
        """The roots of the perfect subtrees, largest first."""
        return tuple(node for node in reversed(self._waiting) if node is not None)

    def root(self) -> bytes:
        """The root of all leaves so far."""
        node: bytes | None = None
        for left in self._waiting:
            if left is not None:
                node = left if node is None else sha256(b"\x01" + left + node).digest()
        return EMPTY_ROOT if node is None else node


class _Link(msgspec.Struct, frozen=True, gc=False):
    """What links a record to the one before it."""

    at: str
    book: str
    index: int
    previous: str


_link = msgspec.json.Decoder(_Link)


class LogCheck:
    """Takes the records page by page, in order, and collects what is wrong with them."""

    def __init__(
        self,
        found: Findings,
        checkpoints: Iterable[Signed] = (),
        *,
        saved: Iterable[Signed] = (),
        book: str | None = None,
        table: str | None = None,
        on_level: Level | None = None,
        judge: Callable[[Signed], str | None] = lambda signed: None,
        on_good: Callable[[Signed, str], None] = lambda signed, last_at: None,
    ) -> None:
        """`checkpoints` are the log's own in ascending order of size, `saved` those kept elsewhere; `table` is named
        in findings. `judge` says why one is not to be believed, `on_good` is told of each that holds, with the
        instant of the last record it covers."""
        self.tree = RunningTree(on_level)
        self.book = book
        self.newest = 0
        """The largest size at which a checkpoint's root is that of the records."""
        self.newest_signed: Signed | None = None
        """That checkpoint."""
        self.tail_at: str | None = None
        """The instant of the first record after that."""
        self._found = found
        self._table = table
        self._judge = judge
        self._on_good = on_good
        self._checkpoints: Iterator[Signed] = iter(checkpoints)
        self.largest = 0
        """The largest size of any of the log's own checkpoints that is rightly signed, whether it holds or not."""
        self._next = next(self._checkpoints, None)
        self._saved = sorted(saved, key=lambda signed: -signed.size)
        self._expected = 0
        self.last_leaf = NO_PREVIOUS
        self.last_at = ""

    def resume(self, size: int, waiting: Iterable[bytes | None], last_leaf: str, last_at: str) -> None:
        """Goes on where an earlier audit of this log stood, just after a checkpoint that held."""
        self.tree.resume(size, waiting)
        self.newest = self.largest = self._expected = size
        self.last_leaf, self.last_at = last_leaf, last_at

    def until_next(self) -> int:
        """How many records until the next checkpoint is met, as far as it is known."""
        sizes = [signed.size for signed in (self._next, *self._saved[-1:]) if signed is not None]
        return max(min(sizes) - self.tree.size, 0) if sizes else PAGE

    def all_met(self) -> bool:
        """Whether the last checkpoint of the log's own has been met and held."""
        return self._next is None and self.newest == self.tree.size

    def take(self, indices: Sequence[int], bodies: Sequence[bytes], leaves: Sequence[bytes]) -> None:
        """Checks the records at these indices; `leaves` are their hashes (`leaves_of`)."""
        self.meet()
        start = 0
        while start < len(bodies):
            end = min(len(bodies), start + (self.until_next() or 1))
            self._links(indices[start:end], bodies[start:end], leaves[start:end])
            self.tree.extend(leaves[start:end] if (start, end) != (0, len(leaves)) else leaves)
            self.meet()
            start = end

    def finish(self) -> None:
        """Says which checkpoints cover more than there is."""
        self.meet()
        size = self.tree.size
        while self._saved:
            signed = self._saved.pop()
            if self._believed(signed):
                detail = f"{signed.kept_by} covers {signed.size} records, there are {size}"
                self._found.add(FindingKind.ROLLED_BACK, detail, index=size)
        while self._next is not None:
            if self._believed(self._next):
                self._own(FindingKind.ROLLED_BACK, f"it covers {self._next.size} records, there are {size}", size)
            self._next = next(self._checkpoints, None)
        if self.newest < size:
            self._found.add(
                FindingKind.TAIL_UNSIGNED,
                f"{size - self.newest} records after the newest checkpoint",
                index=self.newest,
            )

    def _believed(self, signed: Signed) -> bool:
        why = self._judge(signed)
        if why is None:
            if not signed.kept_by:
                self.largest = max(self.largest, signed.size)
            return True
        kind = FindingKind.KEY_CLOSED if why == FindingKind.KEY_CLOSED else FindingKind.CHECKPOINT_INVALID
        detail = "signed by a key of this book that was not in force" if kind is FindingKind.KEY_CLOSED else why
        if signed.kept_by:
            self._found.add(kind, f"{signed.kept_by}: {detail}")
        else:
            self._own(kind, detail, signed.size)
        return False

    def _own(self, kind: FindingKind, detail: str, index: int) -> None:
        assert self._next is not None
        table = "checkpoints" if self._table else None
        self._found.add(kind, detail, index=index, table=table, key=str(self._next.size))

    def meet(self) -> None:
        """Compares every checkpoint of the size reached."""
        size = self.tree.size
        while self._saved and self._saved[-1].size <= size:
            signed = self._saved.pop()
            if self._believed(signed) and self.tree.root() != signed.root:
                detail = f"the first {size} records are not those of {signed.kept_by}"
                self._found.add(FindingKind.FORKED, detail, index=size)
        while self._next is not None and self._next.size <= size:
            signed = self._next
            if self._believed(signed):
                if signed.size == size and self.tree.root() == signed.root:
                    self.newest, self.newest_signed, self.tail_at = size, signed, None
                    self._on_good(signed, self.last_at)
                else:
                    detail = f"the root signed for {signed.size} records is not theirs"
                    self._own(FindingKind.ROOT_DIFFERS, detail, signed.size)
            self._next = next(self._checkpoints, None)

    def _links(self, indices: Sequence[int], bodies: Sequence[bytes], leaves: Sequence[bytes]) -> None:
        decode, book = _link.decode, self.book
        expected, previous, before = self._expected, self.last_leaf, self.last_at
        for index, body, leaf in zip(indices, bodies, leaves, strict=True):
            try:
                link = decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                self._found.add(FindingKind.MALFORMED, str(error), index=index, table=self._table)
            else:
                if book is None:
                    book = link.book
                if (
                    link.index != index
                    or index != expected
                    or link.previous != previous
                    or (link.at < before or link.book != book)
                ):
                    self._judge_link(link, index, expected, previous, before, book)
                before = link.at
            if self.tail_at is None:
                self.tail_at = before
            previous = leaf.hex()
            expected = index + 1
        self._expected, self.last_leaf, self.last_at, self.book = expected, previous, before, book

    def _judge_link(self, link: _Link, index: int, expected: int, previous: str, before: str, book: str) -> None:
        def add(kind: FindingKind, detail: str, at: int = index) -> None:
            self._found.add(kind, detail, index=at, table=self._table)

        if index > expected:
            add(FindingKind.RECORD_MISSING, f"{index - expected} records", expected)
        elif index < expected:
            add(FindingKind.OUT_OF_SEQUENCE, f"stands after record {expected - 1}")
        if link.index != index:
            add(FindingKind.OUT_OF_SEQUENCE, f"the record says that it is {link.index}")
        if link.previous != previous:
            add(FindingKind.BROKEN_LINK, "`previous` is not the leaf hash of the record before")
        if link.at < before:
            add(FindingKind.TIME_BACKWARDS, f"{link.at} after {before}")
        if link.book != book:
            add(FindingKind.OTHER_BOOK, "the record names another book")


def leaves_of(bodies: Sequence[bytes]) -> list[bytes]:
    """The leaf hashes of records (RFC 6962)."""
    digest = sha256
    return [digest(b"\x00" + body).digest() for body in bodies]


@dataclass(frozen=True, slots=True)
class LogChecked:
    """What `check_log` returns."""

    size: int
    root: bytes
    newest: int
    """The largest checkpointed size that holds."""
    found: Findings


def check_log(
    bodies: Iterable[bytes],
    checkpoints: Iterable[Signed] = (),
    *,
    saved: Iterable[Signed] = (),
    book: str | None = None,
) -> LogChecked:
    """Checks a whole log from the bytes of its records alone: leaves, links, sequence, time and roots."""
    found = Findings()
    check = LogCheck(found, checkpoints, saved=saved, book=book)
    rest = iter(bodies)
    while page := list(islice(rest, PAGE)):
        check.take(range(check.tree.size, check.tree.size + len(page)), page, leaves_of(page))
    check.finish()
    return LogChecked(check.tree.size, check.tree.root(), check.newest, found)


def parsed_checkpoints(
    notes: Iterable[tuple[int | None, bytes, str]],
    found: Findings,
    *,
    origin: str,
    table: str | None = None,
) -> Iterator[Signed]:
    """The checkpoints of this origin among `notes`, in ascending order of size, nobody's signature checked yet.

    Notes come as (size it is kept under, note, signature lines kept beside it). A malformed one, or one kept
    under another size, is a finding and is left out.
    """
    last = -1
    for kept_under, note, cosignatures in notes:
        key = None if kept_under is None else str(kept_under)
        try:
            checkpoint = parse_checkpoint(split_note(note)[0])
            if checkpoint.origin != origin:
                raise NoteRejected("origin_differs")
        except NoteRejected as error:
            found.add(FindingKind.CHECKPOINT_INVALID, error.reason, index=kept_under, table=table, key=key)
            continue
        if kept_under is not None and checkpoint.size != kept_under:
            detail = f"kept under {kept_under}, signed for {checkpoint.size}"
            found.add(FindingKind.CHECKPOINT_ORDER, detail, index=kept_under, table=table, key=key)
            continue
        if checkpoint.size <= last:
            continue
        last = checkpoint.size
        yield Signed(checkpoint.size, checkpoint.root, "", note, cosignatures, table is not None)


def saved_checkpoint(note: bytes | None, found: Findings, *, origin: str) -> list[Signed]:
    """The checkpoint that whoever audits has kept from before; one of no such form is a finding."""
    if note is None:
        return []
    try:
        checkpoint = parse_checkpoint(split_note(note)[0])
        if checkpoint.origin != origin:
            raise NoteRejected("origin_differs")
    except NoteRejected as error:
        found.add(FindingKind.CHECKPOINT_INVALID, f"the saved checkpoint: {error.reason}")
        return []
    return [Signed(checkpoint.size, checkpoint.root, "the saved checkpoint", note)]
