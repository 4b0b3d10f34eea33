r"""An audit kept for the next one: `sovang verify --state FILE` reads only what came after.

The file is two lines. The first names the format and holds the SHA-256 of the second:

    {"format":"sovang-audit-state/1","sha256":"5e2b…"}
    {"origin":"…","program":"…","size":12840,…}

It stands at a checkpoint that held, and keeps what the records up to there add up to: the waiting hashes of the tree,
balances and registers with the record that set each, the last link, record 0, the checkpoint's note, and the
newest one that witnesses had signed. It is written only by an audit that found nothing broken.

The hash finds damage, not malice: whoever can write the file can make the next audit believe anything about
the old part. Keep it where you keep the key that you pinned.

What the rules need of older records comes from the log, and is believed only once it is proven to lie in the tree
kept here. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from audit.findings import FindingKind, Findings
from ledger.entries.union import KINDS
from ledger.log.merkle import Reader, leaf_hash, node_hash
from ledger.registers import Key
from ledger.replay import BalanceKey

FORMAT = "sovang-audit-state/1"
PROGRAM = sha256("\n".join(sorted(KINDS)).encode()).hexdigest()[:16]
"""Which kinds of entries this version knows: a state made by a version that knew fewer says less than it should."""


class StateRejected(ValueError):
    """A saved audit is damaged, of another version or of another book. The message says what to do."""


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    sha256: str


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
    balances: tuple[tuple[str, str, int, int], ...]
    """(account, unit, minor, record that moved it last)."""
    registers: tuple[tuple[str, str, str | None, int], ...]
    """(register, key, canonical value, record that set it last)."""
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

    def encode(self) -> bytes:
        """The bytes of the file."""
        body = msgspec.json.encode(self)
        return msgspec.json.encode(_Head(FORMAT, sha256(body).hexdigest())) + b"\n" + body + b"\n"

    def of_registers(self) -> tuple[dict[Key, bytes | None], dict[Key, int]]:
        """Values and last records, as the replay keeps them."""
        rows = [(Key(register, key), value, index) for register, key, value, index in self.registers]
        values = {key: None if value is None else value.encode() for key, value, _ in rows}
        return values, {key: index for key, _, index in rows}

    def of_balances(self) -> tuple[dict[BalanceKey, int], dict[BalanceKey, int]]:
        """Balances and last records, as the replay keeps them."""
        return (
            {(account, unit): minor for account, unit, minor, _ in self.balances},
            {(account, unit): index for account, unit, _, index in self.balances},
        )


def read_saved(data: bytes, *, origin: str) -> SavedAudit:
    """The saved audit of the log `origin`. Raises StateRejected."""
    start_over = "xóa tệp và kiểm toán lại từ đầu — delete it and audit from the beginning"
    head, _, body = data.partition(b"\n")
    body = body.removesuffix(b"\n")
    try:
        kept = msgspec.json.decode(head, type=_Head)
        if kept.format != FORMAT:
            raise StateRejected(f"phiên bản khác — another version ({kept.format[:40]!a}); {start_over}")
        if sha256(body).hexdigest() != kept.sha256:
            raise StateRejected(f"tệp hỏng — damaged: not the bytes that were written; {start_over}")
        saved = msgspec.json.decode(body, type=SavedAudit)
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
    return saved


@dataclass(frozen=True)
class Resumed:
    """A saved audit, and the tree of the log as it is now to prove older records from."""

    saved: SavedAudit
    read: Reader
    """Hashes of the log that is audited; raises what says that it cannot be read."""

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


def json_rows(
    balances: dict[BalanceKey, int],
    balance_index: dict[BalanceKey, int],
    registers: dict[Key, bytes | None],
    touched: dict[Key, int],
) -> dict[str, Any]:
    """Balances and registers as a saved audit keeps them."""
    return {
        "balances": tuple((*key, balances[key], balance_index.get(key, 0)) for key in sorted(balances)),
        "registers": tuple(
            (key.register, key.key, None if (value := registers[key]) is None else value.decode(), touched[key])
            for key in sorted(touched)
        ),
    }
