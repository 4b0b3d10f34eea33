r"""An audit kept for the next one: `sovang verify --state FILE` reads only what came after.

The first line of the file names the format and holds the SHA-256 of all that follows; then a line that says where the
audit stood, then a line for each balance, then one for each register row:

    {"format":"sovang-audit-state/2","sha256":"5e2b…"}
    {"origin":"…","program":"…","size":12840,…}
    ["bank:VCB","VND",1250000,12839]
    ["commune","11500@2019-01-01","{\"index\":6,…}",6]

It stands at a checkpoint that held, and keeps what the records up to there add up to: the waiting hashes of the tree,
balances and registers with the record that set each, the last link, record 0, the checkpoint's note, and the
newest one that witnesses had signed. It is written only by an audit that found nothing broken.

Rows are in the order of their bytes. The next audit finds those it needs by halving, and writes the others on as they
are, so that it costs what is new and not what is old.

The hash finds damage, not malice: whoever can write the file can make the next audit believe anything about
the old part. Keep it where you keep the key that you pinned.

What the rules need of older records comes from the log, and is believed only once it is proven to lie in the tree
kept here. Pure.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from audit.findings import FindingKind, Findings
from ledger.entries.union import KINDS
from ledger.log.merkle import Reader, leaf_hash, node_hash

FORMAT = "sovang-audit-state/2"
PROGRAM = sha256("\n".join(sorted(KINDS)).encode()).hexdigest()[:16]
"""Which kinds of entries this version knows: a state made by a version that knew fewer says less than it should."""


class StateRejected(ValueError):
    """A saved audit is damaged, of another version or of another book. The message says what to do."""


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    sha256: str


class Rows:
    """A table as lines of JSON arrays in the order of their bytes; the first two columns are strings, and the key."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def find(self, key: tuple[str, str]) -> list[Any] | None:
        """The row of a key."""
        prefix = _prefix(key)
        start = self._first(prefix)
        end = self.data.find(b"\n", start)
        return _row.decode(self.data[start:end]) if self.data.startswith(prefix, start) else None

    def under(self, first: str) -> Iterator[list[Any]]:
        """The rows with this first column."""
        prefix = b"[" + msgspec.json.encode(first) + b","
        start = self._first(prefix)
        while self.data.startswith(prefix, start):
            end = self.data.find(b"\n", start)
            yield _row.decode(self.data[start:end])
            start = end + 1

    def all(self) -> list[list[Any]]:
        """Every row."""
        return _row.decode_lines(self.data)

    def with_rows(self, rows: Iterable[tuple[str, str, Any, int]]) -> bytes:
        """The lines with these rows put in, or in the place of those with the same key."""
        pieces: list[bytes | memoryview] = []
        old, done = memoryview(self.data), 0
        for line in sorted(msgspec.json.encode(row) + b"\n" for row in rows):
            first, second, *_ = _row.decode(line)
            prefix = _prefix((first, second))
            start = self._first(prefix, done)
            pieces += (old[done:start], line)
            done = self.data.find(b"\n", start) + 1 if self.data.startswith(prefix, start) else start
        return b"".join([*pieces, old[done:]])

    def _first(self, prefix: bytes, low: int = 0) -> int:
        """Where the first line begins that is not before `prefix`; `low` is where one begins."""
        data, high, length = self.data, len(self.data), len(prefix)
        while low < high:
            start = max(data.rfind(b"\n", low, (low + high) // 2) + 1, low)
            if data[start : start + length] < prefix:
                low = data.find(b"\n", start) + 1
            else:
                high = start
        return low


_row = msgspec.json.Decoder(list[Any])


def _prefix(key: tuple[str, str]) -> bytes:
    return msgspec.json.encode(key)[:-1] + b","


class SavedAudit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where an audit stood at a checkpoint that held."""

    origin: str
    program: str
    book: str
    size: int
    waiting: tuple[str | None, ...]
    """The hash that waits at each height of the tree, hex."""
    last_leaf: str
    last_at: str
    zone: str
    record0: str
    """The record that opened the book, as text."""
    balances_bytes: int
    """How long the lines of the balances are; those of the registers follow."""
    negative: tuple[tuple[str, str, int], ...]
    """(account, unit, minor) of the balances below zero, which every audit looks at."""
    unknown: tuple[int, ...]
    """Records of kinds that this version does not know."""
    days: tuple[tuple[str, int, int, int, int, tuple[int, ...]], ...]
    """What moved each bank account day by day (audit/checks_complete.py, `SavedDay`)."""
    checkpoint: str
    """The note of this size, with its cosignatures."""
    witnessed: str | None = None
    """The newest note that had a quorum, if any."""
    witnessed_size: int = 0

    def hashes(self) -> tuple[bytes | None, ...]:
        """The waiting hashes."""
        return tuple(None if node is None else bytes.fromhex(node) for node in self.waiting)


@dataclass(frozen=True, slots=True)
class Kept:
    """A saved audit as it lies in its file."""

    audit: SavedAudit
    balances: Rows
    """(account, unit, minor, record that moved it last)."""
    registers: Rows
    """(register, key, canonical value, record that set it last)."""

    def encode(self) -> bytes:
        """The bytes of the file."""
        body = b"".join((msgspec.json.encode(self.audit), b"\n", self.balances.data, self.registers.data))
        return msgspec.json.encode(_Head(FORMAT, sha256(body).hexdigest())) + b"\n" + body


def read_saved(data: bytes, *, origin: str) -> Kept:
    """The saved audit of the log `origin`. Raises StateRejected."""
    start_over = "xóa tệp và kiểm toán lại từ đầu — delete it and audit from the beginning"
    head, _, body = data.partition(b"\n")
    try:
        kept = msgspec.json.decode(head, type=_Head)
        if kept.format != FORMAT:
            raise StateRejected(f"phiên bản khác — another version ({kept.format[:40]!a}); {start_over}")
        if sha256(body).hexdigest() != kept.sha256:
            raise StateRejected(f"tệp hỏng — damaged: not the bytes that were written; {start_over}")
        line, _, rows = body.partition(b"\n")
        saved = msgspec.json.decode(line, type=SavedAudit)
        heights = sum(1 << height for height, node in enumerate(saved.hashes()) if node is not None)
        if heights != saved.size or any(len(node) != 32 for node in saved.hashes() if node is not None):
            raise StateRejected(f"tệp hỏng — damaged: no tree of {saved.size} records; {start_over}")
    except StateRejected:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise StateRejected(f"tệp hỏng — damaged, or no saved audit: {error}; {start_over}") from error
    if saved.origin != origin:
        raise StateRejected(f"của sổ khác — of another book: {saved.origin[:80]!a}, not {origin!a}")
    if saved.program != PROGRAM:
        raise StateRejected(
            f"của phiên bản chương trình khác — made by a version that knows other kinds of entries; {start_over}"
        )
    return Kept(saved, Rows(rows[: saved.balances_bytes]), Rows(rows[saved.balances_bytes :]))


@dataclass(frozen=True)
class Resumed:
    """A saved audit, and the tree of the log as it is now to prove older records from."""

    kept: Kept
    read: Reader
    """Hashes of the log that is audited; raises what says that it cannot be read."""

    @property
    def saved(self) -> SavedAudit:
        """Where it stood."""
        return self.kept.audit

    def proven(self, fetch_body: Callable[[int], bytes | None], found: Findings) -> Callable[[int], bytes | None]:
        """`fetch_body`, with every record before the saved size held against the saved tree."""
        known: dict[int, bytes] = {}

        def body(index: int) -> bytes | None:
            if index >= self.saved.size:
                return fetch_body(index)
            if index in known:
                return known[index]
            data = fetch_body(index)
            if data is None:
                return None
            if not self._is_in_tree(index, leaf_hash(data)):
                detail = "an older record is not the one that was audited before"
                found.add(FindingKind.FORKED, detail, index=index)
                return None
            if len(known) >= 4096:
                known.clear()
            known[index] = data
            return data

        return body

    def _is_in_tree(self, index: int, leaf: bytes) -> bool:
        start = 0
        waiting = self.saved.hashes()
        for height in reversed(range(len(waiting))):
            root = waiting[height]
            if root is None:
                continue
            if index >= start + (1 << height):
                start += 1 << height
                continue
            node = leaf
            for level in range(height):
                place = index >> level
                sibling = self.read(level, place ^ 1)
                node = node_hash(sibling, node) if place & 1 else node_hash(node, sibling)
            return node == root
        return False
