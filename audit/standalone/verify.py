#!/usr/bin/env python3
"""Sổ Vàng: kiểm tra sổ, một tệp duy nhất. — Sổ Vàng: checking a golden book, one single file.

    python3 verify.py --vkey KHÓA [--policy F] [--since MỐC] [--record F] [--json] PATH

PATH: thư mục tiles (sổ công bố), tệp .tlog-proof, .sovang-bundle, .sovang-fork, giấy chứng nhận PDF, tệp chữ mã QR
`SV1:…`. Kết quả: 0 tốt, 1 có điều sai, 2 gọi sai cách, 3 không xác định được. — PATH is a folder of tiles (a published
log), a proof, a donor's bundle, a fork proof, a paper in PDF, or the text of a QR code. Exit code: 0 good, 1 found
wrong, 2 misuse, 3 could not tell. Needs Python 3.9 and `cryptography`; shares no code with the program that writes the
book, and asks no network. The format is docs/format.md. `--vkey` is the log's public key, or a file with it, from
somewhere the log's owner cannot change behind your back; a `log` line of the policy file does as well.

The rules; each block of code below carries the number of its rule.

 1. Bytes. Base64 has one spelling (RFC 4648, padded). JSON is canonical (RFC 8785, ASCII keys, integers within
    2^53-1, NFC, assigned characters, 32 levels): what was read is written again and must be the same bytes.
 2. Tree (RFC 6962, RFC 9162): leaf = SHA-256(00 || bytes), node = SHA-256(01 || left || right); inclusion; consistency.
 3. Keys and signed notes (C2SP signed-note, tlog-cosignature): a line with name and hash of a key that we ask for
    must be right, or the note is refused. Lines of nobody we know say nothing.
 4. Checkpoints (C2SP tlog-checkpoint): origin, size, root; the origin is the name of the pinned key.
 5. Policy (C2SP tlog-policy): enough witnesses have signed; one key is one witness.
 6. Record: nine fields of the right form; index, book, link and time follow the record before; record 0 opens the
    book under this origin.
 7. Fold: the postings as written. Accounts are of the format's table and of one view; for every unit, what the
    purpose view and the place view hold moves alike; what is below zero is named. NO RULE OF A KIND IS CHECKED.
 8. Keys change by `key_replaced` at index i: the old key signs sizes to i+1, the new one from i+1 on. The pinned key
    is one of the chain; a compromise after it breaks the chain.
 9. Tiles (C2SP tlog-tiles): every record, one after the other; the root at the checkpoint's size is the signed one;
    so is the root at the size of --since; tiles of hashes, where present, are those of the records.
10. Proof (C2SP tlog-proof): the record, its leaf hash, the path to the root of the checkpoint.
11. Paper: three records and their proofs inside the PDF; what counts is what the records say, never the page.
12. Bundle: a gift's records under one checkpoint; the sum of its uses, the rest and what went back is the gift.
13. Fork: two checkpoints of one key, of which the newer does not continue the older.
14. QR: record and proof of one gift, packed.

Không kiểm được (cannot be told): the rules of the kinds, whether facts are true, what came after the checkpoint.
"""

import argparse
import base64
import hashlib
import hmac
import json
import re
import sys
import unicodedata
import zlib
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
except ImportError:  # an older cryptography: such a line cannot be checked, and then does not count
    MLDSA44PublicKey = None  # type: ignore[assignment, misc]

MOST = 2**53 - 1
MAX_SIZE = 2**63 - 1
MAX_RECORD = 65_535
MAX_FILE = 20 * 1024 * 1024
TOLERANCE = 10  # seconds that a witness's clock may stand behind the book's
LISTED = 100  # findings listed of one kind


class Bad(Exception):
    """Found wrong. `kind` is a name of docs/auditor.md; the message is Vietnamese — English."""

    def __init__(self, kind: str, vi: str, en: str, index: Optional[int] = None) -> None:
        super().__init__(f"{vi} — {en}")
        self.kind, self.index = kind, index


class Cannot(Exception):
    """It could not be told."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi} — {en}")


class Misuse(Cannot):
    """What was given on the command line is not what is needed."""


# --- 1. Bytes ---------------------------------------------------------------------------------------------------


def unbase64(text: str, kind: str = "MALFORMED") -> bytes:
    """The bytes of the one spelling of base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if base64.b64encode(data).decode() != text:
        raise Bad(kind, "base64 không đúng dạng chuẩn", "not canonical base64")
    return data


def decimal(text: str, kind: str = "MALFORMED") -> int:
    """A number from 0 to 2^63-1 in its one spelling."""
    if re.fullmatch("0|[1-9][0-9]{0,18}", text) is None or int(text) > MAX_SIZE:
        raise Bad(kind, "số không đúng dạng chuẩn", f"not a canonical number: {text[:30]!a}")
    return int(text)


def _pairs(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs) or not all(key.isascii() for key in value):
        raise Bad("NOT_CANONICAL", "khóa JSON lặp lại hoặc không phải ASCII", "a JSON key twice, or not in ASCII")
    return value


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MOST:
        raise Bad("NOT_CANONICAL", "số nguyên quá lớn", "an integer beyond 2^53-1")
    return int(text)


def _no_number(text: str) -> Any:
    raise Bad("NOT_CANONICAL", "số không nguyên", f"not an integer: {text[:30]!a}")


def _normal(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() or unicodedata.is_normalized("NFC", value)
    return all(map(_normal, value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()))


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=_no_number, parse_constant=_no_number
)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def canonical(data: bytes, most: int = MAX_RECORD) -> Any:
    """The value of canonical JSON; any other bytes are refused."""
    if len(data) > most:
        raise Bad("MALFORMED", "dài quá mức cho phép", f"more than {most} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("MALFORMED", "không phải UTF-8", "not UTF-8") from None
    if text.count("[") + text.count("{") > 32:  # before parsing, since parsers recurse
        depth = 0
        for token in _TOKEN.finditer(text):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
            if depth > 32:
                raise Bad("NOT_CANONICAL", "lồng quá 32 tầng", "more than 32 levels")
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Bad("MALFORMED", "không phải JSON", "not JSON") from None
    if not text.isascii():
        if any(unicodedata.category(character) in ("Cn", "Cs") for character in set(text)):
            version = unicodedata.unidata_version
            raise Bad("NOT_CANONICAL", "ký tự chưa có trong Unicode", f"a character that Unicode {version} lacks")
        if not _normal(value):
            raise Bad("NOT_CANONICAL", "chữ không ở dạng NFC", "text is not in NFC")
    try:
        again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        again = b""
    if again != data:
        raise Bad("NOT_CANONICAL", "không phải JSON chuẩn tắc", "not canonical JSON")
    return value


def fields(value: Any, needed: str, what: str) -> Dict[str, Any]:
    """An object with just these fields."""
    if not isinstance(value, dict) or set(value) != set(needed.split()):
        raise Bad("MALFORMED", f"{what}: sai các trường", f"{what}: not the fields {needed}")
    return value


def whole(value: Any, least: int = 0) -> bool:
    """An integer from `least` to 2^53-1, and no true or false."""
    return type(value) is int and least <= value <= MOST


def matches(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


# --- 2. Tree ----------------------------------------------------------------------------------------------------


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The root over leaves that come one by one: the roots of perfect subtrees, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.nodes: List[bytes] = []

    def add(self, leaf: bytes) -> None:
        node, carry = leaf, self.size
        while carry & 1:
            node, carry = node_hash(self.nodes.pop(), node), carry >> 1
        self.nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.nodes:
            return hashlib.sha256().digest()
        node = self.nodes[-1]
        for left in reversed(self.nodes[:-1]):
            node = node_hash(left, node)
        return node


def root_of(leaves: Iterable[bytes]) -> bytes:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def climb(nodes: List[bytes], place: int, last: int, path: Sequence[bytes]) -> List[bytes]:
    """RFC 9162 2.1.3.2 and 2.1.4.2: takes each of `nodes` (old and new, or one) up along the path. The first of two
    takes left siblings only: it is the older tree, which has nothing on the right."""
    for sibling in path:
        if last == 0:
            raise Bad("MALFORMED", "bằng chứng quá dài", "the proof is too long")
        if place & 1 or place == last:
            nodes = [node_hash(sibling, node) for node in nodes]
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            nodes = [*nodes[:-1], node_hash(nodes[-1], sibling)]
        place, last = place >> 1, last >> 1
    if last != 0:
        raise Bad("MALFORMED", "bằng chứng quá ngắn", "the proof is too short")
    return nodes


def check_inclusion(leaf: bytes, index: int, size: int, root: bytes, path: Sequence[bytes]) -> None:
    if index >= size:
        raise Bad("ROOT_DIFFERS", "chỉ số vượt quá số bản ghi", "the index is beyond the size", index)
    if climb([leaf], index, size - 1, path) != [root]:
        raise Bad("ROOT_DIFFERS", "bằng chứng không dẫn tới gốc đã ký", "the proof leads to another root", index)


# --- 3. Keys and signed notes -----------------------------------------------------------------------------------

_SPACE = re.compile(r"\s")


class Key(NamedTuple):
    """A public key; `number` is the key hash that its lines carry."""

    name: str
    algorithm: int
    public: bytes
    number: bytes

    @property
    def text(self) -> str:
        return f"{self.name}+{self.number.hex()}+{base64.b64encode(bytes([self.algorithm]) + self.public).decode()}"


def good_name(name: str) -> bool:
    return bool(name) and "+" not in name and not _SPACE.search(name) and all(c >= " " for c in name)


def read_key(text: Any, algorithms: Sequence[int] = (1,)) -> Key:
    """A verifier key: 0x01 signs logs, 0x04 (Ed25519) and 0x06 (ML-DSA-44) are witnesses."""
    parts = text.split("+", 2) if isinstance(text, str) else []
    if len(parts) != 3 or not good_name(parts[0]):
        raise Bad("KEY_DIFFERS", "không phải khóa công khai", "not a verifier key")
    data = unbase64(parts[2], "KEY_DIFFERS")
    number = hashlib.sha256(parts[0].encode("utf-8", "surrogateescape") + b"\n" + data).digest()[:4]
    if parts[1] != number.hex() or data[0:1] not in [bytes([a]) for a in algorithms]:
        raise Bad("KEY_DIFFERS", "khóa công khai sai", "a verifier key with another hash or algorithm")
    if len(data) != (1313 if data[0] == 6 else 33):
        raise Bad("KEY_DIFFERS", "khóa công khai sai độ dài", "a verifier key of another length")
    return Key(parts[0], data[0], data[1:], number)


def ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Note:
    """A signed note: its text, and its signature lines as (name, key hash, signature)."""

    def __init__(self, data: bytes) -> None:
        def wrong(en: str) -> Bad:
            return Bad("CHECKPOINT_INVALID", "mốc niêm phong sai dạng", f"the signed note is malformed: {en}")

        if len(data) > 1_000_000:
            raise wrong("too large")
        try:
            note = data.decode("utf-8")
        except UnicodeDecodeError:
            raise wrong("not UTF-8") from None
        if re.search("[\x00-\x09\x0b-\x1f]", note) or not note.endswith("\n"):
            raise wrong("a control character, or no line end")
        text, blank, below = note.rpartition("\n\n")
        rows = below[:-1].split("\n")
        if not blank or not below or len(rows) > 100:
            raise wrong("no signature lines, or more than 100")
        self.text = text + "\n"
        self.lines: List[Tuple[str, bytes, bytes]] = []
        for row in rows:
            parts = row.split(" ")
            signature = unbase64(parts[2], "CHECKPOINT_INVALID") if len(parts) == 3 else b""
            if len(parts) != 3 or parts[0] != "—" or not good_name(parts[1]) or len(signature) < 5:
                raise wrong("not a signature line")
            self.lines.append((parts[1], signature[:4], signature[4:]))

    def signatures(self, key: Key) -> List[bytes]:
        return [signature for name, number, signature in self.lines if (name, number) == (key.name, key.number)]

    def signed_by(self, key: Key) -> bool:
        """Whether the log's key has signed; a wrong line of this key refuses the note."""
        signatures = self.signatures(key)
        if not all(ed25519(key.public, signature, self.text.encode()) for signature in signatures):
            raise Bad("CHECKPOINT_INVALID", "chữ ký của sổ sai", f"a wrong signature of {key.name}")
        return bool(signatures)

    def seen_at(self, key: Key) -> Optional[int]:
        """When this witness says that it signed, POSIX seconds; None if it did not, or if it cannot be checked here."""
        seen = None
        for signature in self.signatures(key):
            at = int.from_bytes(signature[:8], "big")
            message = f"cosignature/v1\ntime {at}\n{self.text}".encode()
            right = len(signature) > 8 and at <= MAX_SIZE
            if right and key.algorithm == 4:
                right = ed25519(key.public, signature[8:], message)
            elif right:
                checked = self._mldsa(key, signature, at)
                if checked is None:
                    return None
                right = checked
            if not right:
                raise Bad("COSIGNATURE_INVALID", "chữ ký của bên làm chứng sai", f"a wrong cosignature of {key.name}")
            seen = at if seen is None else seen
        return seen

    def _mldsa(self, key: Key, signature: bytes, at: int) -> Optional[bool]:
        if MLDSA44PublicKey is None:
            return None
        checkpoint = Checkpoint(self)
        names = [text.encode() for text in (key.name, checkpoint.origin)]
        if not all(1 <= len(name) <= 255 for name in names):
            return False
        short = [bytes([len(name)]) + name for name in names]
        message = b"subtree/v1\n\x00" + short[0] + at.to_bytes(8, "big") + short[1] + bytes(8)
        message += checkpoint.size.to_bytes(8, "big") + checkpoint.root
        try:
            MLDSA44PublicKey.from_public_bytes(key.public).verify(signature[8:], message)
        except UnsupportedAlgorithm:
            return None
        except (InvalidSignature, ValueError):
            return False
        return True


# --- 4. Checkpoints ---------------------------------------------------------------------------------------------


class Checkpoint:
    """Origin, size and root, as the note says them. Whose signature stands under it is asked separately."""

    def __init__(self, note: Note) -> None:
        lines = note.text[:-1].split("\n")
        if len(lines) < 3 or not all(lines):
            raise Bad("CHECKPOINT_INVALID", "mốc niêm phong sai dạng", "a checkpoint has origin, size and root")
        self.note = note
        self.origin = lines[0]
        self.size = decimal(lines[1], "CHECKPOINT_INVALID")
        self.root = unbase64(lines[2], "CHECKPOINT_INVALID")
        if len(self.root) != 32 or (self.size == 0 and self.root != root_of(())):
            raise Bad("CHECKPOINT_INVALID", "gốc không đúng dạng", "the root is not that of a tree")


def opened(data: bytes, key: Key) -> Checkpoint:
    """A checkpoint that this key has signed, of the origin that is the key's name."""
    checkpoint = Checkpoint(Note(data))
    if checkpoint.origin != key.name:
        raise Bad("CHECKPOINT_INVALID", "mốc niêm phong của sổ khác", "a checkpoint of another origin")
    if not checkpoint.note.signed_by(key):
        raise Bad("CHECKPOINT_INVALID", "không có chữ ký của khóa đã ghim", "not signed by the pinned key")
    return checkpoint


# --- 5. Policy --------------------------------------------------------------------------------------------------


class Policy:
    """Whose cosignatures are enough. A file that breaks a rule of the format is misuse."""

    def __init__(self, data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        if len(data) > 65_536 or re.search("[\x00-\x08\x0b-\x1f\x7f]", text):
            raise Misuse("tệp policy có ký tự cấm", "the policy file holds forbidden characters")
        self.logs: List[Key] = []
        self.witnesses: Dict[str, Key] = {}
        self.groups: List[Tuple[str, int, List[str]]] = []
        self.quorum: Optional[str] = None
        self._members: Set[str] = set()
        for row in text.split("\n"):
            items = [item for item in re.split("[ \t]+", row) if item]
            if items and not items[0].startswith("#") and not self._line(*items):
                raise Misuse("tệp policy có dòng sai", f"a wrong line in the policy file: {row[:60]!a}")
        if self.quorum is None:
            raise Misuse("tệp policy thiếu dòng quorum", "the policy file has no quorum line")

    def _line(self, word: str, *items: str) -> bool:
        names = set(self.witnesses) | {name for name, _, _ in self.groups}
        try:
            if word == "log" and 1 <= len(items) <= 2:
                self.logs.append(read_key(items[0]))
                return len({key.public for key in self.logs}) == len(self.logs)
            if word == "witness" and 2 <= len(items) <= 3 and items[0] not in names | {"none"}:
                self.witnesses[items[0]] = read_key(items[1], (4, 6))
                return len({key.public for key in self.witnesses.values()}) == len(self.witnesses)
            if word == "group" and len(items) >= 3 and items[0] not in names | {"none"}:
                members = list(items[2:])
                threshold = {"all": len(members), "any": 1}.get(items[1]) or decimal(items[1])
                fresh = set(members) <= names - self._members and len(set(members)) == len(members)
                self._members |= set(members)
                self.groups.append((items[0], threshold, members))
                return fresh and 1 <= threshold <= len(members)
        except Bad:
            return False
        if word == "quorum" and len(items) == 1 and items[0] in names | {"none"} and self.quorum is None:
            self.quorum = items[0]
            return True
        return False

    def enough(self, checkpoint: Checkpoint) -> Tuple[bool, List[int]]:
        """Whether the quorum has signed this checkpoint, and the times of those who have."""
        times = {name: checkpoint.note.seen_at(key) for name, key in self.witnesses.items()}
        seen = {name for name, at in times.items() if at}  # a line without a time says nothing of when
        counted = sorted(at for at in times.values() if at)
        for name, threshold, members in self.groups:
            if len(seen & set(members)) >= threshold:
                seen.add(name)
        return self.quorum == "none" or self.quorum in seen, counted

    def demand(self, checkpoint: Checkpoint) -> None:
        if not self.enough(checkpoint)[0]:
            raise Bad("NOT_WITNESSED", "chưa đủ bên làm chứng", "not signed by the quorum of the policy")


# --- 6. Record --------------------------------------------------------------------------------------------------

CODE = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
HASH = "[0-9a-f]{64}"
UNIT = "[A-Z]{3}|[a-z][a-z0-9-]{2,39}"
FRAME = {
    "at": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z",
    "book": CODE,
    "by": CODE,
    "previous": HASH,
    "reference": CODE + "/[!-~]{1,120}",
}


def instant(text: str) -> float:
    """POSIX seconds of an instant."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
    except (ValueError, OverflowError):
        raise Bad("MALFORMED", "không có thời điểm này", "no such instant") from None


def read_record(body: bytes) -> Dict[str, Any]:
    """A record in canonical form with its nine fields, or Bad."""
    record = fields(canonical(body), "at book by entry index postings previous reference v", "record")
    right = all(matches(pattern, record[name]) for name, pattern in FRAME.items())
    right = right and whole(record["index"]) and type(record["v"]) is int and record["v"] == 1
    entry = record["entry"]
    if not right or not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
        raise Bad("MALFORMED", "bản ghi sai dạng", "a field of the record has another form")
    instant(record["at"])
    if not isinstance(record["postings"], list):
        raise Bad("MALFORMED", "bút toán sai dạng", "postings are not a list")
    for posting in record["postings"]:
        fields(posting, "amount destination source", "posting")
        amount = fields(posting["amount"], "minor unit", "amount")
        accounts = [posting["source"], posting["destination"]]
        right = whole(amount["minor"], 1) and matches(UNIT, amount["unit"])
        if not right or not all(isinstance(account, str) and 1 <= len(account) <= 64 for account in accounts):
            raise Bad("MALFORMED", "bút toán sai dạng", "a posting has another form")
    return record


# --- 7. Fold ----------------------------------------------------------------------------------------------------

PURPOSE, PLACE, MEMO = "purpose", "place", "memo"
# root → (view, held, has a code): the table "Accounts and the two views" of docs/format.md
ACCOUNTS: Dict[str, Tuple[str, bool, bool]] = {
    **dict.fromkeys("donors senders interest brought exchange-purpose".split(), (PURPOSE, False, False)),
    **dict.fromkeys("used costs".split(), (PURPOSE, False, True)),
    **dict.fromkeys("suspense mistaken fund allocated ordered handed shortfall".split(), (PURPOSE, True, True)),
    **dict.fromkeys("outside exchange-place".split(), (PLACE, False, False)),
    **dict.fromkeys("bank cash stock transit advance".split(), (PLACE, True, True)),
    "promised": (MEMO, False, False),
    "pledge": (MEMO, False, True),
}
# The kinds of the format this file was written for; any other is UNKNOWN_KIND, and folded all the same.
KINDS = set(
    """
    allocated balance_brought bank_fee_charged book_closed book_opened cash_paid_in cash_sheet_received
    cash_withdrawn certificate_issued certificate_revoked children_reported clock_clamped communes_listed delivered
    dispute_answered disputed donor_registered external_contributed fund_opened gateway_settled gift_received
    gift_refunded goods_issued goods_listed goods_returned grant_received grant_sent interest_received key_replaced
    management_spent mistaken_money_held mistaken_money_returned money_advanced money_returned payment_bounced
    payment_ordered place_opened pledge_made programme_opened purchased restored reversed shortfall_covered
    statement_imported suspense_paid suspense_received transfer_arrived transfer_sent witnesses_set
    """.split()
)


def known(account: str) -> Optional[Tuple[str, bool, bool]]:
    name, colon, code = account.partition(":")
    sort = ACCOUNTS.get(name)
    right = sort is not None and bool(colon) == sort[2] and (not colon or re.fullmatch(CODE, code))
    return sort if right else None


class Fold:
    """Balances of the written postings. What is back at zero is forgotten, so memory does not grow with the log."""

    def __init__(self) -> None:
        self.balances: Dict[Tuple[str, str], int] = {}

    def take(self, record: Dict[str, Any]) -> None:
        index, judged = record["index"], record["entry"]["kind"] in KINDS
        moved: Counter = Counter()
        for posting in record["postings"]:
            unit, minor = posting["amount"]["unit"], posting["amount"]["minor"]
            sorts = [known(posting["source"]), known(posting["destination"])]
            if judged and (None in sorts or sorts[0][0] != sorts[1][0]):  # type: ignore[index]
                vi, en = "tài khoản lạ hoặc khác cách theo dõi", "an unknown account, or a posting between two views"
                raise Bad("REFUSED", vi, en, index)
            for account, sort, amount in zip((posting["source"], posting["destination"]), sorts, (-minor, minor)):
                balance = self.balances.get((account, unit), 0) + amount
                self.balances[account, unit] = balance
                if not balance:
                    del self.balances[account, unit]
                if judged and abs(balance) > MOST:
                    raise Bad("REFUSED", "số dư quá lớn", f"a balance beyond 2^53-1: {account}", index)
                if sort is not None and sort[1]:
                    moved[unit] += amount if sort[0] == PURPOSE else -amount
        if any(moved.values()):
            raise Bad("VIEWS_DIFFER", "hai cách theo dõi không khớp", "the two views move by different sums", index)

    def open_matters(self) -> Iterator[Tuple[str, str]]:
        for (account, unit), minor in sorted(self.balances.items()):
            name = account.partition(":")[0]
            sort = known(account)
            if minor < 0 and sort is not None and (sort[1] or name == "pledge") and name != "suspense":
                place = "PLACE_NEGATIVE" if sort[0] == PLACE else "ACCOUNT_NEGATIVE"
                yield "SHORTFALL_OPEN" if name == "shortfall" else place, f"{account} {minor} {unit}"


# --- 8. Keys change ---------------------------------------------------------------------------------------------


def replacement(entry: Dict[str, Any], old: Key, index: int, *, rotation_only: bool = False) -> Key:
    """The key that a `key_replaced` entry hands over to; Bad if its signatures do not."""
    compromised = entry.get("compromised")
    new = read_key(entry.get("new_key"))
    if entry.get("old_key") != old.text or new.name != old.name or new == old or not isinstance(compromised, bool):
        raise Bad("REFUSED", "bản ghi thay khóa sai", "a key replacement of another key", index)
    if compromised and rotation_only:
        raise Bad("KEY_COMPROMISED", "khóa đã ghim đã bị lộ", "the pinned key was compromised", index)
    word = "compromise" if compromised else "rotation"
    text = f"sovang key replacement v1\n{old.name}\n{old.text}\n{new.text}\n{word}\n".encode()
    for key, name in ((new, "new_signature"), (old, "old_signature")):
        if name == "old_signature" and compromised and name not in entry:
            continue
        signature = entry.get(name)
        if not isinstance(signature, str) or not ed25519(key.public, unbase64(signature, "REFUSED"), text):
            raise Bad("REFUSED", "chữ ký thay khóa sai", f"{name} of a key replacement is wrong", index)
    return new


class Chain:
    """The keys of a book as its records name them, each with the first size that it signs."""

    def __init__(self, pinned: Key) -> None:
        self.pinned = pinned
        self.terms: List[Tuple[Key, int]] = []
        self.compromised: Optional[int] = None

    def take(self, record: Dict[str, Any]) -> None:
        index, entry = record["index"], record["entry"]
        if (entry["kind"] == "book_opened") != (index == 0):
            raise Bad("REFUSED", "chỉ bản ghi số 0 mở sổ", "record 0 opens the book, and no other does", index)
        if index == 0:
            if entry.get("origin") != self.pinned.name:
                raise Bad("KEY_DIFFERS", "sổ mở dưới tên khác", "the book was opened under another origin", 0)
            self.terms.append((read_key(entry.get("public_key")), 0))
        elif entry["kind"] == "key_replaced" and self.terms:
            vouched = any(key == self.pinned for key, _ in self.terms)
            self.terms.append((replacement(entry, self.terms[-1][0], index), index + 1))
            if entry["compromised"] and vouched and self.compromised is None:
                self.compromised = index

    def accept(self, checkpoint: Checkpoint, saved: bool = False) -> None:
        """Bad unless a key in force at the checkpoint's size has signed it; what somebody kept from before may also be
        signed by the key that they pinned."""
        size = checkpoint.size
        if checkpoint.origin != self.pinned.name:
            raise Bad("CHECKPOINT_INVALID", "mốc niêm phong của sổ khác", "a checkpoint of another origin")
        ends = [since for _, since in self.terms[1:]] + [MAX_SIZE]
        force = [key for (key, since), end in zip(self.terms, ends) if since <= size <= end] or [self.pinned]
        if saved:
            force.append(self.pinned)
        if any([checkpoint.note.signed_by(key) for key in force]):
            return
        if any(checkpoint.note.signed_by(key) for key, _ in self.terms):
            raise Bad("KEY_CLOSED", "khóa ký đã đóng", "signed by a key that is not in force at this size", size)
        raise Bad("CHECKPOINT_INVALID", "không có chữ ký của khóa đang dùng", "not signed by the key in force", size)

    def finish(self) -> None:
        if self.terms and not any(key == self.pinned for key, _ in self.terms):
            raise Bad("KEY_DIFFERS", "khóa đã ghim không phải của sổ này", "the pinned key is none of this book's", 0)
        if self.compromised is not None:
            vi, en = "khóa đã ghim đã bị lộ; hãy ghim khóa mới", "the pinned key was compromised; pin the new one"
            raise Bad("KEY_COMPROMISED", vi, en, self.compromised)


# --- 9. Tiles ---------------------------------------------------------------------------------------------------


class Report:
    """What was found. Broken findings make the verdict; open ones wait for people."""

    def __init__(self) -> None:
        self.findings: List[Dict[str, Any]] = []
        self.counts: Counter = Counter()
        self.broken = 0
        self.size = 0
        self.root = ""
        self.facts: Dict[str, Any] = {}
        self.cannot = [RULES_NOT_CHECKED, FACTS_UNKNOWN]

    def add(self, kind: str, message: str, index: Optional[int] = None, severity: str = "broken") -> None:
        self.broken += severity == "broken"
        self.counts[kind] += 1
        if self.counts[kind] <= LISTED:
            self.findings.append({"kind": kind, "severity": severity, "index": index, "detail": message})

    def take(self, error: Bad, index: Optional[int] = None) -> None:
        self.add(error.kind, str(error), error.index if error.index is not None else index)

    def held(self, checkpoint: Checkpoint) -> None:
        self.size, self.root = checkpoint.size, checkpoint.root.hex()


RULES_NOT_CHECKED = (
    "QUY TẮC NGHIỆP VỤ KHÔNG ĐƯỢC KIỂM (nguồn, mục đích, phê duyệt): chỉ cộng bút toán đã ghi. — "
    "THE RULES OF THE ENTRIES WERE NOT CHECKED (funds, restrictions, approvals): only written postings were added up."
)
FACTS_UNKNOWN = "Điều được ghi có đúng sự thật hay không. — Whether what was recorded is true."
TAIL_UNKNOWN = "Phần sổ sau mốc niêm phong này. — What came after this checkpoint, and whether a tail was cut off."
HISTORY = (
    "Người giữ khóa viết lại lịch sử, khi không có --policy hay --since. — "
    "That a holder of the log's key rewrote history, without --policy or --since."
)
REVOKED = "Giấy có bị thu hồi sau đó hay không. — Whether the paper was revoked later."
ATTRIBUTION = (
    "Quy tắc phân bổ có cho khoản này đúng các lần dùng này hay không: cần cả sổ. — "
    "That the attribution rule gave just these uses to this gift: that needs the whole book."
)


def read_file(path: Path, most: int = MAX_FILE) -> Optional[bytes]:
    """The bytes of a file, None where there is none."""
    try:
        if path.exists() and not path.is_file():
            raise Cannot(f"{path.name} không phải tệp", f"{path.name} is not a file")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise Cannot(f"không đọc được {path.name}", f"{path.name} cannot be read: {error}") from None
    if len(data) > most:
        raise Cannot(f"{path.name} quá lớn", f"{path.name} is too large")
    return data


def tile(folder: Path, level: str, number: int, width: int, most: int) -> Optional[Tuple[str, bytes, int]]:
    """(path, bytes, width) of a tile; the full one where the partial one is gone."""
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.append(f"x{number % 1000:03d}")
    path = f"tile/{level}/{'/'.join(reversed(groups))}"
    for name, wide in ((f"{path}.p/{width}", width), (path, 256)):
        data = None if name != path and width == 256 else read_file(folder / name, most)
        if data is not None:
            return name, data, wide
    return None


def bundle_of(data: bytes) -> Optional[List[bytes]]:
    """The records of an entry bundle, None when it is cut off."""
    entries, place = [], 0
    while place < len(data):
        start = place + 2
        place = start + int.from_bytes(data[place:start], "big")
        entries.append(data[start:place])
        if place > len(data):
            return None
    return entries


def bodies(folder: Path, size: int, report: Report) -> Iterator[Tuple[int, bytes]]:
    """Every record of the log with its index; what is missing is found and ends the reading."""
    for number in range(-(-size // 256)):
        width = min(256, size - 256 * number)
        found = tile(folder, "entries", number, width, 256 * (2 + MAX_RECORD))
        entries = None if found is None else bundle_of(found[1])
        if found is None:
            report.add("RECORD_MISSING", f"thiếu bản ghi từ {256 * number} — records missing", 256 * number)
            return
        if entries is None or len(entries) != found[2]:
            report.add("TILE_DIFFERS", f"tệp hỏng — a malformed bundle: {found[0]}", 256 * number)
        for place, body in enumerate((entries or [])[:width]):
            yield 256 * number + place, body
        if entries is None or len(entries) < width:
            return


class HashTiles:
    """Holds the published tiles of hashes against those of the records, level by level."""

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder, self._report = folder, report
        self._rows: List[List[bytes]] = []
        self._done: List[int] = []

    def add(self, value: bytes, level: int = 0) -> None:
        if level == len(self._rows):
            self._rows.append([])
            self._done.append(0)
        self._rows[level].append(value)
        if len(self._rows[level]) == 256:
            row = self._rows[level]
            self._compare(level, row)
            self._rows[level] = []
            self._done[level] += 1
            self.add(root_of(row), level + 1)

    def finish(self) -> None:
        for level, row in enumerate(self._rows):
            if row:
                self._compare(level, row)

    def _compare(self, level: int, row: List[bytes]) -> None:
        found = tile(self._folder, str(level), self._done[level], len(row), 256 * 32)
        if found is None:
            return
        path, data, width = found
        if len(data) != 32 * width or not data.startswith(b"".join(row)):
            first = (self._done[level] * 256) << (8 * level)
            self._report.add("TILE_DIFFERS", f"không phải của các bản ghi — not the records': {path}", first)


def check_links(record: Dict[str, Any], index: int, previous: str, before: Dict[str, Any]) -> Iterator[Bad]:
    """Rule 6: what a record must have to do with the one before it."""
    if record["index"] != index:
        yield Bad("OUT_OF_SEQUENCE", "bản ghi tự ghi số khác", f"the record says that it is {record['index']}", index)
    if record["previous"] != previous:
        yield Bad("BROKEN_LINK", "mắt xích đứt", "`previous` is not the leaf hash of the record before", index)
    if before and record["at"] < before["at"]:
        yield Bad("TIME_BACKWARDS", "thời điểm chạy lùi", "earlier than the record before", index)
    if before and record["book"] != before["book"]:
        yield Bad("OTHER_BOOK", "bản ghi của sổ khác", "the record names another book", index)


def check_tiles(folder: Path, pinned: Key, policy: Optional[Policy], since: Optional[bytes], report: Report) -> None:
    """Rule 9, and with it rules 4 to 8 for every record."""
    # What the notes say, not believed yet: whose signature they need is known once the records have named the keys.
    names = ["checkpoint", "checkpoint.witnessed"] if policy is not None else ["checkpoint"]
    given = {name: read_file(folder / name, 1_000_000) for name in names}
    if given["checkpoint"] is None:
        raise Cannot("không có tệp checkpoint", "there is no file `checkpoint`")
    notes = {name: Checkpoint(Note(data)) for name, data in given.items() if data is not None}
    if since is not None:
        notes["--since"] = Checkpoint(Note(since))
    newest = notes["checkpoint"]
    tree, fold, chain, hashes = Tree(), Fold(), Chain(pinned), HashTiles(folder, report)
    roots: Dict[int, bytes] = {0: tree.root()}
    ats: Dict[int, str] = {}
    sizes = {checkpoint.size for checkpoint in notes.values()}
    previous, before = "0" * 64, {}  # type: str, Dict[str, Any]
    unknown: Dict[str, int] = {}
    for index, body in bodies(folder, newest.size, report):
        leaf = leaf_hash(body)
        tree.add(leaf)
        hashes.add(leaf)
        try:
            record = read_record(body)
        except Bad as error:
            report.take(error, index)
        else:
            for error in check_links(record, index, previous, before):
                report.take(error)
            for step in (chain.take, fold.take):
                try:
                    step(record)  # type: ignore[operator]
                except Bad as error:
                    report.take(error, index)
            if record["entry"]["kind"] not in KINDS:
                unknown.setdefault(record["entry"]["kind"], index)
            before = record
        previous = leaf.hex()
        if tree.size in sizes:
            roots[tree.size], ats[tree.size] = tree.root(), before.get("at", "")
    hashes.finish()
    report.size, report.root = tree.size, tree.root().hex()
    # Rules 4, 8 and 9 for the notes
    held: List[Checkpoint] = []
    for name, checkpoint in notes.items():
        saved = name == "--since"
        try:
            chain.accept(checkpoint, saved)
            if checkpoint.size not in roots:
                vi, en = "mốc phủ nhiều bản ghi hơn số đang có", f"{name} covers {checkpoint.size} records"
                raise Bad("ROLLED_BACK", vi, f"{en}, there are {tree.size}", tree.size)
            if roots[checkpoint.size] != checkpoint.root:
                kind = "FORKED" if saved else "ROOT_DIFFERS"
                raise Bad(
                    kind, "gốc khác với gốc đã ký", f"{name}: the root signed is not the records'", checkpoint.size
                )
            if not saved:
                held.append(checkpoint)
        except Bad as error:
            report.take(error)
    try:
        chain.finish()
    except Bad as error:
        report.take(error)
    # Rule 5
    if policy is not None:
        check_witnesses(policy, held, ats, tree.size, report)
    for kind, detail in fold.open_matters():
        report.add(kind, f"dưới không — below zero: {detail}", severity="open")
    for kind, index in list(unknown.items())[:LISTED]:
        report.add("UNKNOWN_KIND", f"loại lạ, không kiểm được — cannot check the kind {kind[:60]!a}", index, "open")
    report.cannot += [TAIL_UNKNOWN] + ([HISTORY] if policy is None and since is None else [])


def check_witnesses(policy: Policy, held: List[Checkpoint], ats: Dict[int, str], size: int, report: Report) -> None:
    """Rule 5 over a log: the largest checkpoint with the quorum, and no record later than who has seen it."""
    witnessed = -1
    for checkpoint in held:
        try:
            enough, times = policy.enough(checkpoint)
        except Bad as error:
            report.take(error, checkpoint.size)
            continue
        last = ats.get(checkpoint.size)
        if last and times and instant(last) > times[0] + TOLERANCE:
            vi, en = "bản ghi muộn hơn lúc có người làm chứng", "a record is later than a witness that covers it"
            report.add("RECORD_AFTER_WITNESS", f"{vi} — {en}", checkpoint.size - 1)
        if enough:
            witnessed = max(witnessed, checkpoint.size)
        if times:
            newest = datetime.fromtimestamp(min(times[-1], 2**37), timezone.utc)
            report.facts["cosigned_at"] = newest.strftime("%Y-%m-%dT%H:%M:%SZ")
    if policy.quorum == "none":
        return
    if witnessed < 0:
        report.add("NOT_WITNESSED", "không mốc nào đủ bên làm chứng — no checkpoint has the quorum of the policy")
    elif witnessed < size:
        report.add("TAIL_NOT_WITNESSED", "phần cuối chưa có chứng kiến — not witnessed yet", witnessed, "open")


# --- 10. Proof --------------------------------------------------------------------------------------------------


class Proof(NamedTuple):
    index: int
    path: List[bytes]
    extra: Optional[bytes]
    checkpoint: bytes


def read_proof(data: bytes) -> Proof:
    """The parts of a .tlog-proof, nothing verified."""
    above, blank, checkpoint = data.partition(b"\n\n")
    lines = above.decode("ascii", "replace").split("\n")
    if lines.pop(0) != "c2sp.org/tlog-proof@v1" or not blank or not checkpoint:
        raise Bad("MALFORMED", "không phải tệp bằng chứng", "not a tlog-proof")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = unbase64(lines.pop(0)[6:])
        if not 1 <= len(extra) <= 65_536:
            raise Bad("MALFORMED", "dữ liệu kèm sai độ dài", "extra data of another length")
    if not lines or not lines[0].startswith("index "):
        raise Bad("MALFORMED", "thiếu dòng index", "no index line")
    index = decimal(lines.pop(0)[6:])
    return Proof(index, hashes_of(lines), extra, checkpoint)


def hashes_of(lines: Any) -> List[bytes]:
    """The hashes of a proof, base64 each."""
    if not isinstance(lines, list) or len(lines) > 63 or not all(isinstance(line, str) for line in lines):
        raise Bad("MALFORMED", "bằng chứng sai dạng", "not a list of at most 63 hashes")
    path = [unbase64(line) for line in lines]
    if any(len(value) != 32 for value in path):
        raise Bad("MALFORMED", "mã băm sai độ dài", "a hash that is not 32 bytes")
    return path


def proven(body: bytes, proof: Proof, checkpoint: Checkpoint) -> Dict[str, Any]:
    """The record of these bytes, shown to be in the log at its own index."""
    check_inclusion(leaf_hash(body), proof.index, checkpoint.size, checkpoint.root, proof.path)
    record = read_record(body)
    if record["index"] != proof.index:
        raise Bad("OUT_OF_SEQUENCE", "bản ghi tự ghi số khác", "the record says another index than its proof")
    return record


def check_proof(data: bytes, body: Optional[bytes], pinned: Key, policy: Optional[Policy], report: Report) -> None:
    """Rule 10."""
    proof = read_proof(data)
    checkpoint = opened(proof.checkpoint, pinned)
    body = proof.extra if body is None else body
    if body is None:
        raise Cannot("thiếu bản ghi: dùng --record", "the record itself is missing: give --record")
    record = proven(body, proof, checkpoint)
    if policy is not None:
        policy.demand(checkpoint)
    report.held(checkpoint)
    report.facts |= {"index": proof.index, "kind": record["entry"]["kind"], "at": record["at"]}
    report.cannot += [TAIL_UNKNOWN] + ([HISTORY] if policy is None else [])


# --- 11. Paper --------------------------------------------------------------------------------------------------

_SKIP = rb"(?:[\x00\t\n\x0c\r ]|%[^\r\n]*[\r\n])*"
_REGULAR = rb"[^\x00\t\n\x0c\r ()<>\[\]{}/%]"
_ATOM = re.compile(
    _SKIP + rb"(<<|>>|\[|\]|/" + _REGULAR + rb"*|<[0-9A-Fa-f]*>|\([^()\\]*\)|[0-9]+ [0-9]+ R(?!" + _REGULAR + rb")|"
    + _REGULAR + rb"+)"
)  # fmt: skip
_XREF = re.compile(rb"xref[ \r\n]+((?:[0-9]+ [0-9]+ ?\r?\n(?:[0-9]{10} [0-9]{5} [nf][ \r\n]{2})*)+)trailer")


class Pdf:
    """Takes the embedded files out of a PDF written as our papers are: cross-reference tables, no encryption, files
    stored without a filter. Whatever else is met is Cannot: a guess could differ from what another reader shows."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._places: Dict[Tuple[int, int], int] = {}
        self._root: Any = None
        end = re.search(rb"startxref\s+([0-9]{1,10})\s+%%EOF\s*\Z", data[-80:])
        if end is None:
            raise self._odd("no startxref at its end")
        place, seen, taken = int(end[1]), set(), set()  # type: int, Set[int], Set[int]
        while place not in seen and len(seen) < 64:
            seen.add(place)
            table = _XREF.match(data, place)
            if table is None:
                raise self._odd("no cross-reference table")
            number = 0
            for row in table[1].splitlines():
                if row[-1:] in b" nf" and len(row.split()) == 3:
                    if number not in taken and row.split()[2] == b"n":
                        self._places[number, int(row[11:16])] = int(row[:10])
                    taken.add(number)
                    number += 1
                elif row.strip():
                    number = int(row.split()[0])
            trailer = self._value(table.end())[0]
            if not isinstance(trailer, dict) or "Encrypt" in trailer or "XRefStm" in trailer:
                raise self._odd("another kind of trailer")
            self._root = trailer.get("Root") if self._root is None else self._root
            if "Prev" not in trailer:
                return
            place = trailer["Prev"] if isinstance(trailer["Prev"], int) else -1
        raise self._odd("its tables run in a circle")

    @staticmethod
    def _odd(en: str) -> Cannot:
        return Cannot("PDF không phải dạng của giấy Sổ Vàng", f"not a PDF as our papers are: {en}")

    def _value(self, place: int, depth: int = 0) -> Tuple[Any, int]:
        """(value, where it ends): dict, list, number, name `/x`, string as bytes, reference as a pair."""
        found = _ATOM.match(self._data, place)
        if found is None or depth > 16:
            raise self._odd("an object that is not understood")
        atom, place = found[1], found.end()
        if atom == b"<<" or atom == b"[":
            items: List[Any] = []
            close = b">>" if atom == b"<<" else b"]"
            while True:
                found = _ATOM.match(self._data, place)
                if found is not None and found[1] == close:
                    break
                item, place = self._value(place, depth + 1)
                items.append(item)
            if close == b"]":
                return items, found.end()
            names = items[::2]
            if len(items) % 2 or not all(isinstance(n, str) and n[:1] == "/" for n in names):
                raise self._odd("a dictionary that is not understood")
            if len(set(names)) != len(names):
                raise self._odd("a name twice in one dictionary")
            return {name[1:]: item for name, item in zip(names, items[1::2])}, found.end()
        if atom[:1] == b"(" or atom[:1] == b"<":
            return atom[1:-1], place
        if atom.endswith(b" R"):
            first, second = atom[:-2].split(b" ")
            if len(first) > 10 or len(second) > 5:
                raise self._odd("a reference out of range")
            return (int(first), int(second)), place
        if re.fullmatch(b"[0-9]{1,10}", atom):
            return int(atom), place
        return atom.decode("latin-1"), place

    def get(self, value: Any) -> Any:
        """What a reference refers to; (dictionary, bytes) for a stream."""
        if not isinstance(value, tuple):
            return value
        head = re.compile(_SKIP + b"%d %d obj" % value).match(self._data, self._places.get(value, len(self._data)))
        if head is None:
            raise self._odd("a reference that leads nowhere")
        content, place = self._value(head.end())
        stream = re.compile(_SKIP + rb"stream\r?\n").match(self._data, place)
        if stream is None:
            return content
        length = content.get("Length") if isinstance(content, dict) else None
        if not isinstance(length, int) or "Filter" in content or "F" in content:
            raise self._odd("a stream with a filter")
        data = self._data[stream.end() : stream.end() + length]
        if len(data) != length or not re.compile(rb"\r?\n?endstream").match(self._data, stream.end() + length):
            raise self._odd("a stream of another length")
        return content, data

    def dictionary(self, value: Any, *names: str) -> Any:
        """The value under a row of names, each in a dictionary."""
        for name in names:
            value = self.get(value)
            if not isinstance(value, dict) or name not in value:
                raise Bad("MALFORMED", "trong PDF không có bằng chứng kèm theo", "no proof inside the PDF")
            value = value[name]
        return value

    def files(self) -> Dict[str, bytes]:
        """The embedded files by name."""
        files: Dict[str, bytes] = {}
        waiting, seen = [self.dictionary(self._root, "Names", "EmbeddedFiles")], 0
        while waiting:
            node, seen = self.get(waiting.pop()), seen + 1
            if not isinstance(node, dict) or seen > 64:
                raise self._odd("a name tree that is not understood")
            kids, names = self.get(node.get("Kids", [])), self.get(node.get("Names", []))
            if not isinstance(kids, list) or not isinstance(names, list) or len(names) % 2 or len(names) > 128:
                raise self._odd("a name tree that is not understood")
            waiting += kids
            for name, spec in zip(names[::2], names[1::2]):
                embedded = self.get(self.dictionary(spec, "EF"))
                reference = embedded.get("UF", embedded.get("F")) if isinstance(embedded, dict) else None
                stream = self.get(reference)
                if not isinstance(name, bytes) or name.decode("latin-1") in files or not isinstance(stream, tuple):
                    raise self._odd("an embedded file that is not understood")
                if embedded.get("F", reference) != reference:
                    raise self._odd("an embedded file with two contents")
                files[name.decode("latin-1")] = stream[1]
        return files


def gift_of(entry: Dict[str, Any], part: Optional[int]) -> Optional[Tuple[int, str, str, Any]]:
    """(minor, unit, fund, who gave it) of a gift, or of one part of a sheet, batch or brought balance."""
    lists = {"cash_sheet_received": "envelopes", "balance_brought": "gifts", "gateway_settled": "gifts"}
    kind = entry["kind"]
    amount = entry.get("credited" if kind == "gateway_settled" else "amount")
    gift = entry
    if part is not None:
        items = entry.get(lists.get(kind, ""))
        if not isinstance(items, list) or part >= len(items) or not isinstance(items[part], dict):
            return None
        gift = {"fund": entry.get("fund"), **items[part]}
    if not isinstance(amount, dict):
        return None
    minor = amount.get("minor") if part is None else gift.get("minor")
    unit, fund = amount.get("unit"), gift.get("fund")
    if not whole(minor, 1) or not isinstance(unit, str) or not isinstance(fund, str):
        return None
    return minor, unit, fund, gift.get("donor")  # type: ignore[return-value]


def sealed_name(donor: Any) -> Optional[Tuple[str, str]]:
    """(tag, commitment) of the donor's name, None where the record commits to none."""
    if not isinstance(donor, dict) or not isinstance(donor.get("tag"), str) or not isinstance(donor.get("seals"), list):
        return None
    for seal in donor["seals"]:
        if isinstance(seal, dict) and seal.get("field") == "name" and isinstance(seal.get("commitment"), str):
            return donor["tag"], seal["commitment"]
    return None


def check_name(openings: Any, donor: Any) -> Optional[str]:
    """The name that an opening opens; Bad when it is not the one that the record commits to."""
    sealed = sealed_name(donor)
    opening = openings.get("name") if isinstance(openings, dict) else None
    if not isinstance(opening, dict) or sealed is None:
        raise Bad("NAME_DIFFERS", "không mở được tên đã che", "the opening of the name, or its seal, is missing")
    key, value = opening.get("r"), opening.get("value")
    if not matches(HASH, key) or not isinstance(value, str) or len(opening) != 2:
        raise Bad("NAME_DIFFERS", "không đọc được tên đã mở", "the opening of the name cannot be read")
    message = "\0".join([sealed[0], "name", value]).encode()
    if not hmac.compare_digest(
        hmac.new(bytes.fromhex(key), message, "sha256").hexdigest().encode(), sealed[1].encode()
    ):
        raise Bad("NAME_DIFFERS", "tên không phải tên đã ghi", "the name is not the one that the record commits to")
    return value


def check_paper(data: bytes, pinned: Key, policy: Optional[Policy], report: Report) -> None:
    """Rule 11."""
    files = Pdf(data).files()
    records: Dict[str, Dict[str, Any]] = {}
    checkpoints: List[Checkpoint] = []
    for name in ("book", "gift", "paper"):
        body, proof = files.get(f"{name}.record"), files.get(f"{name}.tlog-proof")
        if body is None or proof is None:
            raise Bad("MALFORMED", "trong PDF thiếu bằng chứng", f"the PDF lacks {name}.record or its proof")
        parsed = read_proof(proof)
        checkpoints.append(opened(parsed.checkpoint, pinned))
        records[name] = proven(body, parsed, checkpoints[-1])
    if len({checkpoint.note.text for checkpoint in checkpoints}) != 1:
        raise Bad("CHECKPOINT_INVALID", "các bằng chứng khác mốc", "the proofs are of different checkpoints")
    book, gift, paper = records["book"], records["gift"], records["paper"]["entry"]
    check_opening(book, pinned)
    number, part = paper.get("number"), paper.get("part")
    if paper["kind"] != "certificate_issued" or not whole(number, 1) or not (part is None or whole(part)):
        raise Bad("REFUSED", "bản ghi không cấp giấy nào", "the record issues no paper")
    found = None if gift["entry"]["kind"] == "balance_brought" else gift_of(gift["entry"], part)
    alone = gift["entry"]["kind"] == "gift_received"
    if (paper.get("gift"), paper.get("gift_leaf")) != (gift["index"], leaf_hash(files["gift.record"]).hex()):
        raise Bad("REFUSED", "giấy này của khoản khác", "the paper is of another gift")
    if found is None or alone != (part is None):
        raise Bad("REFUSED", "giấy này của khoản khác", "the gift has no such part")
    name = None
    if sealed_name(found[3]) is not None:
        notes = canonical(files.get("paper.json", b"{}"))
        name = check_name(notes.get("openings") if isinstance(notes, dict) else None, found[3])
    if policy is not None:
        policy.demand(checkpoints[0])
    report.held(checkpoints[0])
    day = gift["entry"].get("received_on")
    report.facts |= {"index": records["paper"]["index"], "gift": gift["index"], "paper": paper.get("paper")}
    report.facts |= {"number": number, "issued_on": paper.get("issued_on"), "received_on": day}
    report.facts |= {"minor": found[0], "unit": found[1], "fund": found[2], "name": name}
    report.cannot += [REVOKED, TAIL_UNKNOWN] + ([HISTORY] if policy is None else [])


def check_opening(record: Dict[str, Any], pinned: Key) -> None:
    """Record 0 opens the book of the pinned key's name."""
    entry = record["entry"]
    if record["index"] != 0 or entry["kind"] != "book_opened" or entry.get("origin") != pinned.name:
        raise Bad("KEY_DIFFERS", "không phải bản ghi mở sổ này", "record 0 does not open the book of this origin")


# --- 12. Bundle -------------------------------------------------------------------------------------------------


def bundle_keys(records: List[Dict[str, Any]], pinned: Key) -> List[Tuple[Key, int, int]]:
    """(key, first size, last size) of the pinned key and of those that it handed over to."""
    terms = [(pinned, 0, MAX_SIZE)]
    for record in records:
        entry, (key, since, _) = record["entry"], terms[-1]
        if entry["kind"] == "key_replaced" and entry.get("old_key") == key.text:
            new = replacement(entry, key, record["index"], rotation_only=True)
            terms[-1:] = [(key, since, record["index"] + 1), (new, record["index"] + 1, MAX_SIZE)]
    return terms


def sinks(record: Dict[str, Any], unit: str) -> List[Dict[str, Any]]:
    """The postings by which a record uses something of this unit."""
    return [
        posting
        for posting in record["postings"]
        if posting["destination"].startswith(("used:", "costs:")) and posting["amount"]["unit"] == unit
    ]


def stop(account: str, index: int) -> str:
    """An account as a stop on a way; an exchange is one of its own in every record. "" where no way leads through."""
    if account == "exchange-purpose":
        return f"{account}/{index}"
    return account if account.startswith(("fund:", "allocated:", "ordered:", "handed:", "shortfall:")) else ""


def reached_from(start: str, records: Iterable[Dict[str, Any]]) -> Set[str]:
    """All stops that postings of these records lead to."""
    steps: Dict[str, List[str]] = {}
    for record in records:
        for posting in record["postings"]:
            ends = [stop(posting[name], record["index"]) for name in ("source", "destination")]
            if all(ends):
                steps.setdefault(ends[0], []).append(ends[1])
    reached, waiting = {start}, [start]
    while waiting:
        fresh = set(steps.pop(waiting.pop(), [])) - reached
        reached |= fresh
        waiting += fresh
    return reached


def ascending(items: List[Dict[str, Any]], name: str) -> bool:
    keys = [item[name] for item in items]
    return keys == sorted(set(keys))


def read_trace(value: Any) -> Dict[str, Any]:
    """The trace of a bundle in its exact form."""
    trace = fields(value, "amount fund held refunded_minor uses", "trace")
    amount = fields(trace["amount"], "minor unit", "trace.amount")
    right = whole(amount["minor"], 1) and matches(UNIT, amount["unit"]) and isinstance(trace["fund"], str)
    right = right and whole(trace["refunded_minor"])
    for name, key in (("held", "account"), ("uses", "index")):
        if not isinstance(trace[name], list):
            raise Bad("MALFORMED", "gói sai dạng", "the trace has another form")
        for item in trace[name]:
            fields(item, f"goods minor unit {key}", name)
            right = right and (whole(item[key]) if key == "index" else isinstance(item[key], str))
            right = right and whole(item["minor"]) and isinstance(item["unit"], str) and isinstance(item["goods"], dict)
            right = right and all(whole(pieces) for pieces in item["goods"].values())
        right = right and ascending(trace[name], key)
    if not right:
        raise Bad("MALFORMED", "gói sai dạng", "the trace has another form")
    return trace


def check_bundle(data: bytes, pinned: Key, policy: Optional[Policy], report: Report) -> None:
    """Rule 12, in the order and with the names of docs/format.md, "Donor's bundle"."""
    # 1: its form, and that of its records
    bundle = fields(canonical(data, 16_000_000), "checkpoint format gift openings records trace", "bundle")
    gift, openings, items = bundle["gift"], bundle["openings"], bundle["records"]
    right = bundle["format"] == "sovang-bundle/1" and isinstance(bundle["checkpoint"], str)
    right = right and isinstance(gift, dict) and isinstance(openings, dict) and set(openings) <= {"name"}
    right = right and isinstance(items, list) and 1 <= len(items) <= 20_000
    right = right and set(gift) | {"part"} == {"index", "part"} and all(map(whole, gift.values()))
    if not right:
        raise Bad("MALFORMED", "gói sai dạng", "the bundle has another form")
    trace = read_trace(bundle["trace"])
    bodies_: List[bytes] = []
    paths: List[List[bytes]] = []
    for item in items:
        fields(item, "path record", "records")
        if not isinstance(item["record"], str):
            raise Bad("MALFORMED", "gói sai dạng", "a record that is not text")
        paths.append(hashes_of(item["path"]))
        bodies_.append(item["record"].encode())
    records = [read_record(body) for body in bodies_]
    if not ascending(records, "index"):
        raise Bad("MALFORMED", "bản ghi không theo thứ tự", "records are not in ascending order")
    # 2: the checkpoint, under the pinned key or one that it handed over to
    checkpoint = Checkpoint(Note(bundle["checkpoint"].encode()))
    if checkpoint.origin != pinned.name:
        raise Bad("CHECKPOINT_INVALID", "mốc niêm phong của sổ khác", "a checkpoint of another origin")
    signed = [term for term in bundle_keys(records, pinned) if checkpoint.note.signed_by(term[0])]
    if not signed:
        raise Bad("CHECKPOINT_INVALID", "không có chữ ký của khóa đã ghim", "not signed by the pinned key")
    if not any(since <= checkpoint.size <= until for _, since, until in signed):
        raise Bad("KEY_CLOSED", "khóa ký đã đóng", "signed by a key that is not in force", checkpoint.size)
    # 3: its witnesses
    if policy is not None:
        policy.demand(checkpoint)
    # 4: every record is in the log
    for body, record, path in zip(bodies_, records, paths):
        check_inclusion(leaf_hash(body), record["index"], checkpoint.size, checkpoint.root, path)
    check_opening(records[0], pinned)
    # 5: the gift
    amount, fund, part = trace["amount"], trace["fund"], gift.get("part")
    by_index = {record["index"]: record for record in records}
    brought = by_index.get(gift["index"])
    came = 0
    for posting in brought["postings"] if brought else []:
        came_in = posting["source"] in ("donors", "interest", "brought") and posting["destination"] == f"fund:{fund}"
        came += posting["amount"]["minor"] if came_in and posting["amount"]["unit"] == amount["unit"] else 0
    found = None if brought is None or part is None else gift_of(brought["entry"], part)
    exact = came == amount["minor"] if part is None else came >= amount["minor"]
    if not exact or (part is not None and (found is None or found[:3] != (amount["minor"], amount["unit"], fund))):
        raise Bad("NOT_THE_GIFT", "khoản ủng hộ khác", "the record does not bring in what the trace says")
    # 6: the sum
    total = sum(item["minor"] for item in trace["uses"] + trace["held"]) + trace["refunded_minor"]
    if total != amount["minor"] or any(item["unit"] != amount["unit"] for item in trace["uses"] + trace["held"]):
        raise Bad("SUM_DIFFERS", "cộng không khớp", f"{total} is accounted for of {amount['minor']}")
    # 7 and 8: every use is there, and a way leads to it
    reached = reached_from(f"fund:{fund}", records)
    for use in trace["uses"]:
        record = by_index.get(use["index"], {"postings": []})
        uses: List[Dict[str, Any]] = []
        for unit, minor in (use["goods"] or {use["unit"]: use["minor"]}).items():
            some = sinks(record, unit)
            if not some or sum(posting["amount"]["minor"] for posting in some) < minor:
                raise Bad(
                    "USE_NOT_SHOWN", "lần dùng không có trong gói", f"it does not use {minor} {unit}", use["index"]
                )
            uses += some
        if not any(stop(posting["source"], use["index"]) in reached for posting in uses):
            raise Bad("NO_PATH", "không có đường từ nguồn tới lần dùng", "no way leads from the fund", use["index"])
    # 9: the name
    entry = brought["entry"]  # type: ignore[index]
    donor = found[3] if found is not None else entry.get("donor") if part is None else None
    report.held(checkpoint)
    report.facts |= {"gift": gift["index"], "part": part, "minor": amount["minor"], "unit": amount["unit"]}
    report.facts |= {"fund": fund, "uses": trace["uses"], "refunded_minor": trace["refunded_minor"]}
    report.facts |= {"held": trace["held"], "name": check_name(openings, donor) if openings else None}
    report.cannot += [ATTRIBUTION, TAIL_UNKNOWN] + ([HISTORY] if policy is None else [])


# --- 13. Fork ---------------------------------------------------------------------------------------------------


def check_fork(data: bytes, pinned: Key, report: Report) -> None:
    """Rule 13: good when the two checkpoints are proven to contradict each other."""
    fork = fields(canonical(data, 4_000_000), "format newer older path", "fork")
    if fork["format"] != "sovang-fork/1" or not isinstance(fork["newer"], str) or not isinstance(fork["older"], str):
        raise Bad("MALFORMED", "không phải bằng chứng rẽ nhánh", "not a fork proof")
    newer, older = (opened(fork[name].encode(), pinned) for name in ("newer", "older"))
    path = hashes_of(fork["path"]) if fork["path"] else []
    if fork["path"] != [] and not path or older.size > newer.size or older.size == 0:
        raise Bad("MALFORMED", "bằng chứng rẽ nhánh sai dạng", "the fork proof has another form")
    if older.size == newer.size:
        proven_ = not path and older.root != newer.root
    else:
        place, last = older.size - 1, newer.size - 1
        while place & 1:
            place, last = place >> 1, last >> 1
        ends = climb(path[:1] * 2, place, last, path[1:]) if path else []
        proven_ = bool(path) and ends[1] == newer.root and ends[0] != older.root
    if not proven_:
        raise Bad("MALFORMED", "không chứng tỏ rẽ nhánh", "the two checkpoints are not shown to contradict each other")
    report.held(newer)
    report.facts |= {"proves": "fork", "older": older.size, "newer": newer.size}


# --- 14. QR -----------------------------------------------------------------------------------------------------

BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def read_qr(data: bytes) -> Tuple[bytes, bytes]:
    """(record, proof) of the text of a QR code; a line end behind it is allowed."""
    text = data.decode("ascii", "replace")
    text = text[4:-1] if text.endswith("\n") else text[4:]
    packed = b""
    for group in (text[at : at + 3] for at in range(0, len(text), 3)):
        value = sum(BASE45.find(letter) * 45**place for place, letter in enumerate(group))
        if len(text) > 4_292 or len(group) < 2 or set(group) - set(BASE45) or value >= 256 ** (len(group) - 1):
            raise Bad("MALFORMED", "chữ mã QR sai", "not base45, or too long for a QR code")
        packed += value.to_bytes(len(group) - 1, "big")
    unpacker = zlib.decompressobj(-15)
    try:
        unpacked = unpacker.decompress(packed, 200_001)
    except zlib.error:
        raise Bad("MALFORMED", "mã QR hỏng", "not a deflate stream") from None
    record, parted, proof = unpacked.partition(b"\n")
    if not unpacker.eof or unpacker.unused_data or not parted or len(unpacked) > 200_000:
        raise Bad("MALFORMED", "mã QR hỏng", "the QR code does not hold a record and its proof")
    if read_proof(proof).extra is not None:
        raise Bad("MALFORMED", "mã QR có dữ liệu thừa", "the proof has extra data")
    return record, proof


# --- What is asked, and the answer ------------------------------------------------------------------------------


def text_or_file(given: str) -> str:
    """A verifier key as it is given, or from a file."""
    data = None if "+" in given else read_file(Path(given), 10_000)
    return given if data is None else data.decode("utf-8", "replace").strip()


def pinned_key(vkey: Optional[str], policy: Optional[Policy]) -> Key:
    logs = policy.logs if policy is not None else []
    if vkey is None and len(logs) == 1:
        return logs[0]
    if vkey is None:
        raise Cannot(
            "chưa có khóa công khai: dùng --vkey", "no public key: give --vkey; one from the log proves nothing"
        )
    try:
        return read_key(text_or_file(vkey))
    except Bad as error:
        raise Misuse("khóa công khai sai", f"--vkey: {error}") from None


def judge(
    path: Path,
    vkey: Optional[str],
    policy: Optional[bytes] = None,
    since: Optional[bytes] = None,
    record: Optional[bytes] = None,
) -> Tuple[int, Dict[str, Any]]:
    """(exit code, the JSON document): the whole of this program without its command line."""
    report, code, form = Report(), 0, ""
    try:
        rule = None if policy is None else Policy(policy)
        key = pinned_key(vkey, rule)
        if path.is_dir():
            form = "tiles"
            check_tiles(path, key, rule, since, report)
        else:
            form = check_file(path, key, rule, record, report)
    except Bad as error:
        report.take(error)
    except Cannot as error:
        code = 2 if isinstance(error, Misuse) else 3
        report.add("CANNOT_TELL", str(error))
    ok = code == 0 and not report.broken
    answer = {"ok": ok, "form": form, "size": report.size, "root": report.root, "findings": report.findings}
    more = {kind: count - LISTED for kind, count in report.counts.items() if count > LISTED}
    answer |= {"findings_not_listed": more, "cannot_exclude": report.cannot, **report.facts}
    return code or (0 if ok else 1), answer


def check_file(path: Path, key: Key, policy: Optional[Policy], body: Optional[bytes], report: Report) -> str:
    """What a single file is, by its first bytes, and its rule."""
    data = read_file(path)
    if data is None:
        raise Cannot("không có tệp này", "there is no such file or folder")
    if data.startswith(b"%PDF-"):
        check_paper(data, key, policy, report)
        return "pdf"
    if data.startswith(b"SV1:"):
        body, proof = read_qr(data)
        check_proof(proof, body, key, policy, report)
        return "qr"
    if data.startswith(b"c2sp.org/tlog-proof"):
        check_proof(data, body, key, policy, report)
        return "proof"
    if data.startswith(b'{"checkpoint":'):
        check_bundle(data, key, policy, report)
        return "bundle"
    if data.startswith(b'{"format":'):
        check_fork(data, key, report)
        return "fork"
    raise Cannot("không biết đây là tệp gì", "neither a proof, a bundle, a fork proof, a paper nor a QR text")


VERDICTS = {
    0: "TỐT: không thấy điều gì sai. — GOOD: nothing wrong was found.",
    1: "SAI: có điều không đúng. — WRONG: something was found.",
    2: "GỌI SAI CÁCH. — MISUSE.",
    3: "KHÔNG XÁC ĐỊNH ĐƯỢC. — COULD NOT TELL.",
}
FORK = "RẼ NHÁNH: khóa này đã ký hai lịch sử trái nhau. — FORK PROVEN: this key has signed two histories."


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("--vkey", help="khóa công khai đã ghim, hoặc tệp — the pinned public key, or a file")
    parser.add_argument("--policy", help="tệp policy bên làm chứng — the witnesses that are asked for")
    parser.add_argument("--since", help="mốc niêm phong đã giữ — a checkpoint kept from before")
    parser.add_argument("--record", help="bản ghi của bằng chứng — the record that a proof is of")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        given: List[Optional[bytes]] = []
        for name in (asked.policy, asked.since, asked.record):
            given.append(None if name is None else read_file(Path(name)))
            if name is not None and given[-1] is None:
                raise Misuse(f"không có tệp {name}", f"there is no file {name}")
        code, answer = judge(Path(asked.path), asked.vkey, *given)
    except Misuse as error:
        code, answer = 2, {"ok": False, "size": 0, "root": "", "findings": [], "error": str(error)}
    except Exception as error:  # whatever else: never a verdict by accident
        code, answer = (
            3,
            {"ok": False, "size": 0, "root": "", "findings": [], "error": f"{type(error).__name__}: {error}"},
        )
    if asked.json:
        print(json.dumps(answer, ensure_ascii=False, indent=1))
        return code
    print(FORK if code == 0 and answer.get("proves") == "fork" else VERDICTS[code])
    for name, value in answer.items():
        if name not in ("ok", "findings", "cannot_exclude", "findings_not_listed") and value not in ("", None):
            print(f"  {name}: {value}")
    for finding in answer["findings"]:
        place = "" if finding["index"] is None else f" [{finding['index']}]"
        print(f"  {finding['severity']} {finding['kind']}{place}: {finding['detail']}")
    for sentence in answer.get("cannot_exclude", []):
        print(f"  ? {sentence}")
    return code


if __name__ == "__main__":
    sys.exit(main())
