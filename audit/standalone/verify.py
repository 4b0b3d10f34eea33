#!/usr/bin/env python3
"""Sổ Vàng: kiểm tra sổ bằng một tệp duy nhất. — Sổ Vàng: checking a golden book with one single file.

    python3 verify.py --vkey KEY [--policy F] [--since NOTE] [--record F] [--json] PATH

PATH: thư mục tiles (sổ công bố), .tlog-proof, .sovang-bundle, .sovang-fork, giấy PDF, tệp chữ mã QR `SV1:…`. Kết quả:
0 tốt, 1 có điều sai, 2 gọi sai cách, 3 không xác định được. — PATH: a folder of tiles (a published log), a proof, a
donor's bundle, a fork proof, a paper, the text of a QR code. Exit code: 0 good, 1 found wrong, 2 misuse, 3 could not
tell. KEY is the log's public key, or a file with it, from where the log's owner cannot change it behind your back (a
`log` line of the policy will do). Needs Python 3.11 and `cryptography`, no network; shares no code with the writer.
The format is docs/format.md. Each function names the rule it keeps:

 1. Bytes. Base64 has one spelling (RFC 4648, padded). JSON is canonical (RFC 8785, ASCII keys, integers within
    2^53-1, NFC, assigned characters, 32 levels): what was read is written again and must be the same bytes.
 2. Tree (RFC 6962, 9162): leaf = SHA-256(00 || bytes), node = SHA-256(01 || left || right); inclusion, consistency.
 3. Keys and notes (C2SP signed-note, tlog-cosignature): a line with name and hash of a key that is asked for must be
    right, or the note is refused; other lines say nothing.
 4. Checkpoint (C2SP tlog-checkpoint): origin, size, root; its origin is the name of the pinned key.
 5. Policy (C2SP tlog-policy): enough witnesses have signed; one key is one witness.
 6. Record: nine fields of the right form; index, book, link and time follow the record before.
 7. Fold of the postings AS WRITTEN: accounts of the format's table, of one view; for every unit the purpose view and
    the place view move alike; what is below zero is named. NO RULE OF ANY KIND OF ENTRY IS CHECKED.
 8. Keys: record 0 names the first. `key_replaced` at index i: the old key signs sizes to i+1, the new one from i+1 on.
    The pinned key is one of the chain; a compromise after it ends it.
 9. Tiles (C2SP tlog-tiles): rules 6 to 8 for every record; the roots at the sizes of the checkpoint and of --since are
    the signed ones; tiles of hashes, where present, are those of the records.
10. Proof (C2SP tlog-proof): the record's leaf hash leads to the root of the checkpoint.
11. Paper: three records and their proofs inside the PDF; what counts is what they say, never the page.
12. Bundle: a gift's records under one checkpoint; its uses, its rest and what went back add up to it.
13. Fork: two checkpoints of one key, of which the newer does not continue the older.
14. QR: record and proof of one gift, packed.
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
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
except ImportError:  # an older cryptography: such a line cannot be checked, and does not count
    MLDSA44PublicKey = None  # type: ignore[assignment, misc]

MAX_INTEGER, MAX_SIZE, MAX_RECORD, MAX_FILE = 2**53 - 1, 2**63 - 1, 65_535, 20 * 1024 * 1024
TOLERANCE = 10  # seconds that a witness's clock may stand behind the book's
LISTED = 500  # findings listed; the others are counted
Json = dict[str, Any]

RULES = (
    "QUY TẮC NGHIỆP VỤ KHÔNG ĐƯỢC KIỂM: chỉ cộng bút toán. — THE RULES OF THE ENTRIES WERE NOT CHECKED: postings only."
)
FACTS = "Điều được ghi có đúng sự thật hay không. — Whether what was recorded is true."
TAIL = "Phần sổ sau mốc này, phần cuối có bị cắt không. — What came after this checkpoint; whether a tail was cut off."
HISTORY = "Người giữ khóa viết lại lịch sử. — That a holder of the log's key rewrote history: no --policy, no --since."
REVOKED = "Giấy có bị thu hồi sau đó không. — Whether the paper was revoked later."
USES = "Khoản này có đúng các lần dùng này không: cần cả sổ. — That rule R gave it just these uses: needs the book."
MLDSA = "Không kiểm được dòng ML-DSA. — Lines of witnesses in ML-DSA: this `cryptography` cannot check them."


class Bad(Exception):
    """Found wrong. `kind` is a name of docs/auditor.md or docs/format.md; the message is Vietnamese — English."""

    def __init__(self, kind: str, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.kind, self.index = kind, index


class Cannot(Exception):
    """It could not be told: (message, exit code). Code 2: what was given on the command line is not what is needed."""


def need(right: object, kind: str, message: str, index: int | None = None) -> None:
    """Every check of this file that finds something wrong."""
    if not right:
        raise Bad(kind, message, index)


class Report:
    """What was found. Broken findings make the verdict; open ones wait for people."""

    def __init__(self) -> None:
        self.findings: list[Json] = []
        self.more: Counter = Counter()
        self.broken, self.size, self.root = 0, 0, ""
        self.facts: Json = {}
        self.cannot = [RULES, FACTS, TAIL]

    def add(self, kind: str, message: str, index: int | None = None, severity: str = "broken") -> None:
        self.broken += severity == "broken"
        if len(self.findings) < LISTED:
            self.findings.append({"kind": kind, "severity": severity, "index": index, "detail": message})
        else:
            self.more[kind] += 1

    def take(self, error: Bad, index: int | None = None) -> None:
        self.add(error.kind, str(error), index if error.index is None else error.index)


def unbase64(text: str, kind: str = "MALFORMED") -> bytes:
    """Rule 1: the bytes of the one spelling of base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    need(base64.b64encode(data).decode() == text, kind, "base64 không đúng dạng chuẩn — not canonical base64")
    return data


def decimal(text: str, kind: str = "MALFORMED") -> int:
    """A number from 0 to 2^63-1 in its one spelling."""
    right = re.fullmatch("0|[1-9][0-9]{0,18}", text) and int(text) <= MAX_SIZE
    need(right, kind, f"số không đúng dạng chuẩn — not a canonical number: {text[:30]!a}")
    return int(text)


def _pairs(pairs: list[tuple[str, Any]]) -> Json:
    value = dict(pairs)
    right = len(value) == len(pairs) and all(key.isascii() for key in value)
    need(right, "NOT_CANONICAL", "khóa JSON lặp lại hoặc không phải ASCII — a key twice, or not in ASCII")
    return value


def _number(text: str) -> int:
    right = re.fullmatch("-?[0-9]{1,16}", text) and abs(int(text)) <= MAX_INTEGER
    need(right, "NOT_CANONICAL", f"số không được phép — not an integer within 2^53-1: {text[:30]!a}")
    return int(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_number, parse_float=_number, parse_constant=_number)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def canonical(data: bytes, most: int = MAX_RECORD) -> Any:
    """Rule 1: the value of canonical JSON; any other bytes are refused."""
    need(len(data) <= most, "MALFORMED", f"dài quá mức — more than {most} bytes")
    try:
        text = data.decode("utf-8")
        depth = 0
        # Before parsing, since parsers recurse.
        for token in _TOKEN.finditer(text) if text.count("[") + text.count("{") > 32 else ():
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
            need(depth <= 32, "NOT_CANONICAL", "lồng quá 32 tầng — more than 32 levels")
        value = _DECODER.decode(text)
        again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")
    except (ValueError, RecursionError):
        raise Bad("MALFORMED", "không phải JSON — not JSON in UTF-8") from None
    need(again == data, "NOT_CANONICAL", "không phải JSON chuẩn tắc — not canonical JSON")
    if not text.isascii():
        known, version = {"Cn", "Cs"}.isdisjoint(map(unicodedata.category, text)), unicodedata.unidata_version
        need(known, "NOT_CANONICAL", f"ký tự chưa có trong Unicode — a character that Unicode {version} does not have")
        # Neither a quote nor a blank in place of an escape composes with what follows it.
        normal = unicodedata.is_normalized("NFC", re.sub(r"\\(u[0-9a-f]{4}|.)", " ", text))
        need(normal, "NOT_CANONICAL", "chữ không ở dạng NFC — text is not in NFC")
    return value


def shaped(value: Any, shape: Any) -> bool:
    """Whether a value has a shape: a pattern for text, a least number, a type, [shape] for a list, {name: shape} for
    an object with just these fields, of which those named with a ? may be absent."""
    if isinstance(shape, str):
        return isinstance(value, str) and re.fullmatch(shape, value, re.DOTALL) is not None
    if isinstance(shape, int):
        return type(value) is int and shape <= value <= MAX_INTEGER  # true and false are no integers
    if isinstance(shape, list):
        return isinstance(value, list) and all(shaped(item, shape[0]) for item in value)
    if isinstance(shape, type):
        return isinstance(value, shape)
    needed, names = {name for name in shape if name[-1] != "?"}, {name.rstrip("?"): name for name in shape}
    right = isinstance(value, dict) and needed <= set(value) <= set(names)
    return right and all(shaped(item, shape[names[name]]) for name, item in value.items())


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


class Tree:
    """Rule 2: the root over leaves that come one by one; kept are the roots of perfect subtrees, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.nodes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        node, carry = leaf, self.size
        while carry & 1:
            node, carry = sha256(b"\x01", self.nodes.pop(), node), carry >> 1
        self.nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        node = self.nodes[-1] if self.nodes else sha256()
        for left in reversed(self.nodes[:-1]):
            node = sha256(b"\x01", left, node)
        return node


def climb(nodes: list[bytes], place: int, last: int, path: Sequence[bytes]) -> list[bytes]:
    """RFC 9162 2.1.3.2, 2.1.4.2: takes one node, or an old and a new one, up along the path. The old tree has nothing
    on its right, so only the newest node takes right siblings."""
    for sibling in path:
        need(last, "PROOF_FAILED", "bằng chứng quá dài — the proof is too long")
        if place & 1 or place == last:
            nodes = [sha256(b"\x01", sibling, node) for node in nodes]
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            nodes = [*nodes[:-1], sha256(b"\x01", nodes[-1], sibling)]
        place, last = place >> 1, last >> 1
    need(last == 0, "PROOF_FAILED", "bằng chứng quá ngắn — the proof is too short")
    return nodes


class Key(NamedTuple):
    """A public key; `number` is the key hash that its lines carry."""

    name: str
    algorithm: int
    public: bytes
    number: bytes
    text: str

    def wrote(self, signature: bytes, message: bytes) -> bool:
        """Whether this is the key's Ed25519 signature."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


NAME = r"[^\s+\x00-\x1f]+"


def read_key(text: Any, algorithms: Sequence[int] = (1,)) -> Key:
    """Rule 3: a verifier key. 0x01 signs logs; 0x04 (Ed25519) and 0x06 (ML-DSA-44) are witnesses."""
    wrong = "không phải khóa công khai — not a verifier key"
    parts = text.split("+", 2) if isinstance(text, str) else []
    need(len(parts) == 3 and shaped(parts[0], NAME), "KEY_DIFFERS", wrong)
    data = unbase64(parts[2], "KEY_DIFFERS")
    need(data and data[0] in algorithms and len(data) == (1313 if data[0] == 6 else 33), "KEY_DIFFERS", wrong)
    number = sha256(parts[0].encode("utf-8", "surrogateescape"), b"\n", data)[:4]
    need(parts[1] == number.hex(), "KEY_DIFFERS", wrong)
    return Key(parts[0], data[0], data[1:], number, text)


class Checkpoint:
    """Rules 3 and 4: a signed note and what its text says. Whose signature stands under it is asked separately."""

    def __init__(self, data: bytes) -> None:
        kind, wrong = "CHECKPOINT_INVALID", "mốc niêm phong sai dạng — the checkpoint is malformed"
        try:
            note = data.decode("utf-8")
        except UnicodeDecodeError:
            note = ""
        text, blank, below = note.rpartition("\n\n")
        rows = below[:-1].split("\n")
        clean = note.endswith("\n") and not re.search("[\x00-\x09\x0b-\x1f]", note) and len(data) <= 1_000_000
        need(clean and blank and below and len(rows) <= 100, kind, wrong)
        self.text = text + "\n"
        self.lines: list[tuple[tuple[str, bytes], bytes]] = []
        for parts in (row.split(" ") for row in rows):
            need(len(parts) == 3 and parts[0] == "—" and shaped(parts[1], NAME), kind, wrong)
            signature = unbase64(parts[2], kind)
            need(len(signature) > 4, kind, wrong)
            self.lines.append(((parts[1], signature[:4]), signature[4:]))
        lines = text.split("\n")
        need(len(lines) >= 3 and all(lines), kind, wrong)
        self.origin, self.size, self.root = lines[0], decimal(lines[1], kind), unbase64(lines[2], kind)
        need(len(self.root) == 32 and (self.size or self.root == Tree().root()), kind, wrong)

    def lines_of(self, key: Key) -> list[bytes]:
        return [signature for owner, signature in self.lines if owner == (key.name, key.number)]

    def signed_by(self, key: Key) -> bool:
        """Whether the log's key has signed; a wrong line of this key refuses the note."""
        right = [key.wrote(signature, self.text.encode()) for signature in self.lines_of(key)]
        need(all(right), "CHECKPOINT_INVALID", f"chữ ký của sổ sai — a wrong signature of {key.name}")
        return bool(right)

    def must_be_of(self, name: str) -> None:
        need(self.origin == name, "CHECKPOINT_INVALID", "mốc của sổ khác — a checkpoint of another origin")

    def seen_at(self, key: Key) -> int:
        """When this witness says that it signed, POSIX seconds; 0 if it did not, or says no time."""
        times = []
        for signature in self.lines_of(key):
            at = int.from_bytes(signature[:8], "big")
            message = f"cosignature/v1\ntime {at}\n{self.text}".encode()
            right = len(signature) > 8 and at <= MAX_SIZE
            if key.algorithm == 6 and MLDSA44PublicKey is None:
                return 0
            right = right and (self._mldsa(key, signature) if key.algorithm == 6 else key.wrote(signature[8:], message))
            need(right, "COSIGNATURE_INVALID", f"chữ ký của bên làm chứng sai — a wrong cosignature of {key.name}")
            times.append(at)
        return times[0] if times else 0

    def _mldsa(self, key: Key, signature: bytes) -> bool:
        name, origin = key.name.encode(), self.origin.encode()
        if len(name) > 255 or len(origin) > 255:
            return False
        message = b"subtree/v1\n\x00" + bytes([len(name)]) + name + signature[:8] + bytes([len(origin)]) + origin
        try:
            end = self.size.to_bytes(8, "big") + self.root
            MLDSA44PublicKey.from_public_bytes(key.public).verify(signature[8:], message + bytes(8) + end)
        except UnsupportedAlgorithm:
            raise Cannot(MLDSA) from None
        except (InvalidSignature, ValueError):
            return False
        return True


def opened(data: bytes, key: Key) -> Checkpoint:
    """Rule 4: a checkpoint that this key has signed."""
    checkpoint = Checkpoint(data)
    checkpoint.must_be_of(key.name)
    unsigned = "không có chữ ký của khóa đã ghim — not signed by the pinned key"
    need(checkpoint.signed_by(key), "CHECKPOINT_INVALID", unsigned)
    return checkpoint


class Policy:
    """Rule 5: whose cosignatures are enough. A file that breaks a rule of the format is misuse."""

    def __init__(self, data: bytes) -> None:
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}
        self.quorum = ""
        self._members: set[str] = set()
        text = data.decode("utf-8", "surrogateescape")
        right = len(data) <= 65_536 and not re.search("[\x00-\x08\x0b-\x1f\x7f]", text)
        try:
            for items in (re.findall("[^ \t]+", row) for row in text.split("\n")):
                right = right and (not items or items[0].startswith("#") or self._line(*items))
        except Bad:
            right = False
        if not right or not self.quorum:
            raise Cannot("tệp policy sai — the policy file breaks the rules of its format", 2)

    def _line(self, word: str, *items: str) -> bool:
        names = {"none", *self.witnesses, *self.groups}
        if word == "log" and 1 <= len(items) <= 2:
            self.logs.append(read_key(items[0]))
            return len({key.public for key in self.logs}) == len(self.logs)
        if word == "witness" and 2 <= len(items) <= 3 and items[0] not in names:
            self.witnesses[items[0]] = read_key(items[1], (4, 6))
            return len({key.public for key in self.witnesses.values()}) == len(self.witnesses)
        if word == "group" and len(items) >= 3 and items[0] not in names:
            members = list(items[2:])
            threshold = {"all": len(members), "any": 1}.get(items[1]) or decimal(items[1])
            fresh = set(members) <= names - self._members - {"none"} and len(set(members)) == len(members)
            self._members.update(members)
            self.groups[items[0]] = (threshold, members)
            return fresh and 1 <= threshold <= len(members)
        fits = word == "quorum" and len(items) == 1 and items[0] in names and not self.quorum
        self.quorum = items[0] if fits else self.quorum
        return fits

    def times(self, checkpoint: Checkpoint) -> tuple[bool, list[int]]:
        """Whether the quorum has signed this checkpoint, and when those did who have."""
        times = {name: checkpoint.seen_at(key) for name, key in self.witnesses.items()}
        seen = {"none"} | {name for name, at in times.items() if at}  # a line without a time does not say when
        for name, (threshold, members) in self.groups.items():
            if len(seen & set(members)) >= threshold:
                seen.add(name)
        return self.quorum in seen, sorted(at for at in times.values() if at)


class Asked(NamedTuple):
    """What whoever asks holds: the pinned key, and what else was given on the command line."""

    key: Key
    policy: Policy | None
    since: bytes | None
    record: bytes | None


def finish(checkpoint: Checkpoint, asked: Asked, report: Report, *more: str) -> None:
    """The end of every check of a single file: the witnesses, and what the file cannot show."""
    right = asked.policy is None or asked.policy.times(checkpoint)[0]
    need(right, "NOT_WITNESSED", "chưa đủ bên làm chứng — not signed by the quorum of the policy")
    report.size, report.root = checkpoint.size, checkpoint.root.hex()
    report.cannot += [*more, *([HISTORY] if asked.policy is None else [])]


CODE, HASH, UNIT = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}", "[0-9a-f]{64}", "[A-Z]{3}|[a-z][a-z0-9-]{2,39}"
AT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
AMOUNT = {"minor": 1, "unit": UNIT}
POSTING = {"amount": AMOUNT, "destination": ".{1,64}", "source": ".{1,64}"}
RECORD = {"at": AT, "book": CODE, "by": CODE, "entry": dict, "index": 0, "postings": [POSTING], "previous": HASH}
RECORD.update(reference=CODE + "/[!-~]{1,120}", v=1)


def seconds(instant: str) -> float:
    """POSIX seconds of an instant."""
    try:
        return datetime.strptime(instant, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        raise Bad("MALFORMED", "không có thời điểm này — no such instant") from None


def read_record(body: bytes) -> Json:
    """Rule 6: a record in canonical form with its nine fields."""
    record = canonical(body)
    right = shaped(record, RECORD) and record["v"] == 1 and isinstance(record["entry"].get("kind"), str)
    need(right, "MALFORMED", "bản ghi sai dạng — a field of the record has another form")
    seconds(record["at"])
    return record  # type: ignore[no-any-return]


# root → (+1 held in the purpose view, -1 held in the place view, 0 not held; view; has a code): docs/format.md,
# "Accounts and the two views"
ACCOUNTS: dict[str, tuple[int, str, bool]] = {
    **dict.fromkeys(["donors", "senders", "interest", "brought", "exchange-purpose"], (0, "purpose", False)),
    **dict.fromkeys(["used", "costs"], (0, "purpose", True)),
    **dict.fromkeys(
        ("suspense", "mistaken", "fund", "allocated", "ordered", "handed", "shortfall"), (1, "purpose", True)
    ),
    **dict.fromkeys(["outside", "exchange-place"], (0, "place", False)),
    **dict.fromkeys(["bank", "cash", "stock", "transit", "advance"], (-1, "place", True)),
    "promised": (0, "memo", False),
    "pledge": (0, "memo", True),
}
# The kinds of the format that this file was written for; any other is UNKNOWN_KIND, and folded all the same.
KINDS = """
allocated balance_brought bank_fee_charged book_closed book_opened cash_paid_in cash_sheet_received cash_withdrawn
certificate_issued certificate_revoked children_reported clock_clamped communes_listed delivered dispute_answered
disputed donor_registered external_contributed fund_opened gateway_settled gift_received gift_refunded goods_issued
goods_listed goods_returned grant_received grant_sent interest_received key_replaced management_spent
mistaken_money_held mistaken_money_returned money_advanced money_returned payment_bounced payment_ordered place_opened
pledge_made programme_opened purchased restored reversed shortfall_covered statement_imported suspense_paid
suspense_received transfer_arrived transfer_sent witnesses_set
"""


def known(account: str) -> tuple[int, str, bool] | None:
    name, colon, code = account.partition(":")
    sort = ACCOUNTS.get(name)
    return sort if sort is not None and bool(colon) == sort[2] and (not colon or shaped(code, CODE)) else None


class Fold:
    """Rule 7. A balance back at zero is forgotten, so that memory does not grow with the log."""

    def __init__(self) -> None:
        self.balances: dict[tuple[str, str], int] = {}
        self.kinds, self.unknown = set(KINDS.split()), {}  # type: set[str], dict[str, int]

    def take(self, record: Json) -> None:
        index, kind, moved = record["index"], record["entry"]["kind"], Counter()  # type: int, str, Counter
        if kind not in self.kinds and len(self.unknown) < LISTED:
            self.unknown.setdefault(kind, index)
        largest, views = 0, True
        for posting in record["postings"]:
            unit, minor = posting["amount"]["unit"], posting["amount"]["minor"]
            sorts = [known(posting[name]) for name in ("source", "destination")]
            views = views and len({sort and sort[1] for sort in sorts}) == 1 and None not in sorts
            for name, sort, amount in zip(("source", "destination"), sorts, (-minor, minor), strict=True):
                account = (posting[name], unit)
                balance = self.balances.pop(account, 0) + amount
                if balance:
                    self.balances[account] = balance
                largest = max(largest, abs(balance))
                moved[unit] += amount * (sort[0] if sort else 0)
        wrong = "hai cách theo dõi không khớp — the purpose view and the place view move by different sums"
        need(not any(moved.values()), "VIEWS_DIFFER", wrong, index)
        wrong = "tài khoản lạ, hoặc bút toán giữa hai cách theo dõi — an account unknown, or a posting between views"
        need(views or kind not in self.kinds, "REFUSED", wrong, index)
        large = largest > MAX_INTEGER and kind in self.kinds
        need(not large, "REFUSED", "số dư quá lớn — a balance beyond 2^53-1", index)

    def open_matters(self, report: Report) -> None:
        for (account, unit), minor in sorted(self.balances.items()):
            name, sort = account.partition(":")[0], known(account)
            if minor < 0 and sort and (sort[0] or name == "pledge") and name != "suspense":
                place = "PLACE_NEGATIVE" if sort[0] < 0 else "ACCOUNT_NEGATIVE"
                kind = "SHORTFALL_OPEN" if name == "shortfall" else place
                report.add(kind, f"dưới không — below zero: {account} {minor} {unit}", None, "open")
        for kind, index in self.unknown.items():
            report.add("UNKNOWN_KIND", f"loại lạ, không kiểm được — cannot check the kind {kind[:60]!a}", index, "open")


def replacement(entry: Json, old: Key, index: int, kind: str = "REFUSED") -> Key:
    """Rule 8: the key that a `key_replaced` entry hands over to, its signatures checked."""
    compromised, new = entry.get("compromised"), read_key(entry.get("new_key"))
    right = entry.get("old_key") == old.text and new.name == old.name and new != old and isinstance(compromised, bool)
    need(right, kind, "bản ghi thay khóa sai — a key replacement that does not fit", index)
    word = "compromise" if compromised else "rotation"
    text = f"sovang key replacement v1\n{old.name}\n{old.text}\n{new.text}\n{word}\n".encode()
    for key, name in ((new, "new_signature"), (old, "old_signature")):
        if name in entry or not compromised or key is new:
            signature = entry.get(name)
            right = isinstance(signature, str) and key.wrote(unbase64(signature, kind), text)
            need(right, kind, f"chữ ký thay khóa sai — {name} of a key replacement is wrong", index)
    return new


class Chain:
    """Rule 8: the keys of a book as its records name them, each with the first size that it signs."""

    def __init__(self, pinned: Key) -> None:
        self.pinned = pinned
        self.terms: list[tuple[Key, int]] = []
        self.compromised: int | None = None

    def take(self, record: Json) -> None:
        index, entry = record["index"], record["entry"]
        opens = entry["kind"] == "book_opened"
        need(opens == (index == 0), "REFUSED", "chỉ bản ghi 0 mở sổ — record 0 opens the book, no other does", index)
        if opens:
            named = entry.get("origin") == self.pinned.name
            need(named, "KEY_DIFFERS", "sổ mở dưới tên khác — the book was opened under another origin", 0)
            self.terms.append((read_key(entry.get("public_key")), 0))
        elif entry["kind"] == "key_replaced" and self.terms:
            vouched = self.vouched()
            self.terms.append((replacement(entry, self.terms[-1][0], index), index + 1))
            if entry["compromised"] and vouched and self.compromised is None:
                self.compromised = index

    def vouched(self) -> bool:
        return any(key == self.pinned for key, _ in self.terms)

    def accept(self, checkpoint: Checkpoint, saved: bool) -> None:
        """A key in force at this size has signed; what somebody kept may also be signed by the key that they pinned."""
        size, ends = checkpoint.size, [since for _, since in self.terms[1:]] + [MAX_SIZE]
        checkpoint.must_be_of(self.pinned.name)
        force = [key for (key, since), end in zip(self.terms, ends, strict=False) if since <= size <= end] or [
            self.pinned
        ]
        if sum(checkpoint.signed_by(key) for key in [*force, *([self.pinned] if saved else [])]):
            return
        closed = any(checkpoint.signed_by(key) for key, _ in self.terms)
        need(not closed, "KEY_CLOSED", "khóa ký không còn hiệu lực — signed by a key not in force at this size", size)
        raise Bad("CHECKPOINT_INVALID", "không có chữ ký của khóa đang dùng — not signed by the key in force", size)

    def finish(self) -> None:
        wrong = "khóa đã ghim không phải của sổ này — the pinned key is none of this book's"
        need(self.vouched() or not self.terms, "KEY_DIFFERS", wrong, 0)
        wrong = "khóa đã ghim đã bị lộ; hãy ghim khóa mới — the pinned key was compromised; pin the new one, from paper"
        need(self.compromised is None, "KEY_COMPROMISED", wrong, self.compromised)


def read_file(path: Path, most: int = MAX_FILE) -> bytes | None:
    """The bytes of a file, None where there is none."""
    try:
        if path.exists() and not path.is_file():
            raise Cannot(f"không phải tệp — not a file: {path.name}")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise Cannot(f"không đọc được — cannot be read: {path.name}: {error}") from None
    if len(data) > most:
        raise Cannot(f"quá lớn — too large: {path.name}")
    return data


class Tiles:
    """Rule 9: a published log in a folder, read record by record."""

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder, self._report = folder, report
        self._rows: list[list[bytes]] = []
        self._done: list[int] = []

    def _tile(self, level: object, number: int, width: int, most: int) -> tuple[str, bytes, int] | None:
        """(path, bytes, width) of a tile; the full one where the partial one is gone."""
        groups, rest = f"{number % 1000:03d}", number // 1000
        while rest:
            groups, rest = f"x{rest % 1000:03d}/{groups}", rest // 1000
        path = f"tile/{level}/{groups}"
        for name, wide in ((f"{path}.p/{width}", width), (path, 256)):
            data = None if name != path and width == 256 else read_file(self._folder / name, most)
            if data is not None:
                return name, data, wide
        return None

    def bodies(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Every record with its index; what is missing is found and ends the reading."""
        for first in range(0, size, 256):
            width, entries, place = min(256, size - first), [], 0  # type: int, list[bytes], int
            found = self._tile("entries", first // 256, width, 256 * (2 + MAX_RECORD))
            if found is None:
                self._report.add("RECORD_MISSING", f"thiếu bản ghi từ đây — records are missing from {first} on", first)
                return
            while place < len(found[1]):
                start = place + 2
                place = start + int.from_bytes(found[1][place:start], "big")
                entries.append(found[1][start:place])
            if place != len(found[1]) or len(entries) != found[2]:
                self._report.add("TILE_DIFFERS", f"tệp hỏng — a malformed bundle: {found[0]}", first)
                return
            yield from enumerate(entries[:width], first)

    def add(self, value: bytes, level: int = 0) -> None:
        """Takes one hash of a level; a full row is compared with its tile and its root goes a level up."""
        if level == len(self._rows):
            self._rows.append([])
            self._done.append(0)
        self._rows[level].append(value)
        if len(self._rows[level]) == 256:
            self._compare(level)
            tree = Tree()
            for node in self._rows[level]:
                tree.add(node)
            self._rows[level], self._done[level] = [], self._done[level] + 1
            self.add(tree.root(), level + 1)

    def finish(self) -> None:
        for level, row in enumerate(self._rows):
            if row:
                self._compare(level)

    def _compare(self, level: int) -> None:
        row, number = self._rows[level], self._done[level]
        found = self._tile(level, number, len(row), 256 * 32)
        if found is not None and (len(found[1]) != 32 * found[2] or not found[1].startswith(b"".join(row))):
            message = f"không phải của các bản ghi — not the hashes of the records: {found[0]}"
            self._report.add("TILE_DIFFERS", message, (number * 256) << (8 * level))


def check_links(record: Json, index: int, previous: str, before: Json, report: Report) -> None:
    """Rule 6: what a record must have to do with the one before it."""
    number, first = record["index"], not before
    for kind, right, message in (
        ("OUT_OF_SEQUENCE", number == index, f"tự ghi số khác — the record says that it is {number}"),
        ("BROKEN_LINK", record["previous"] == previous, "mắt xích đứt — not linked to the record before"),
        ("TIME_BACKWARDS", first or record["at"] >= before["at"], "thời điểm lùi — earlier than the record before"),
        ("OTHER_BOOK", first or record["book"] == before["book"], "của sổ khác — the record names another book"),
    ):
        if not right:
            report.add(kind, message, index)


def check_tiles(folder: Path, asked: Asked, report: Report) -> None:
    """Rule 9, and with it rules 4 to 8 for every record."""
    # What the notes say is not believed yet: whose signature they need is known when the records have named the keys.
    (pinned, policy, since, _), notes = asked, {}  # type: Asked, dict[str, Checkpoint]
    for name in ["checkpoint"] if policy is None else ["checkpoint", "checkpoint.witnessed"]:
        data = read_file(folder / name, 1_000_000)
        if data is not None:
            notes[name] = Checkpoint(data)
        elif name == "checkpoint":
            raise Cannot("không có tệp `checkpoint` — there is no file `checkpoint`")
    size = notes["checkpoint"].size
    if since is not None:
        notes["--since"] = Checkpoint(since)
    tree, fold, chain, tiles = Tree(), Fold(), Chain(pinned), Tiles(folder, report)
    reached = {0: (tree.root(), "")}
    previous, before = "0" * 64, {}  # type: str, Json
    for index, body in tiles.bodies(size):
        leaf = sha256(b"\x00", body)
        tree.add(leaf)
        tiles.add(leaf)
        try:
            record = read_record(body)
            check_links(record, index, previous, before, report)
            before = record
            chain.take(record)
            fold.take(record)
        except Bad as error:
            report.take(error, index)
        previous = leaf.hex()
        if any(tree.size == checkpoint.size for checkpoint in notes.values()):
            reached[tree.size] = (tree.root(), before.get("at", ""))
    tiles.finish()
    report.size, report.root = tree.size, tree.root().hex()
    held: list[Checkpoint] = []
    for name, checkpoint in notes.items():
        try:
            chain.accept(checkpoint, name == "--since")
            few = f"{name}: phủ nhiều bản ghi hơn số đang có — covers {checkpoint.size} records, there are {tree.size}"
            need(checkpoint.size in reached, "ROLLED_BACK", few, tree.size)
            other = f"{name}: gốc khác với gốc đã ký — the root signed is not that of the records"
            kind = "FORKED" if name == "--since" else "ROOT_DIFFERS"
            need(reached[checkpoint.size][0] == checkpoint.root, kind, other, checkpoint.size)
            held += [] if name == "--since" else [checkpoint]
        except Bad as error:
            report.take(error)
    try:
        chain.finish()
    except Bad as error:
        report.take(error)
    if policy is not None:
        check_witnesses(policy, held, reached, report)
    fold.open_matters(report)
    report.cannot += [HISTORY] if policy is None and since is None else []


def check_witnesses(
    policy: Policy, held: list[Checkpoint], reached: dict[int, tuple[bytes, str]], report: Report
) -> None:
    """Rule 5 over a log: the largest checkpoint with the quorum, and no record later than who has seen it."""
    witnessed = -1
    for checkpoint in held:
        try:
            enough, times = policy.times(checkpoint)
            last = reached[checkpoint.size][1]
            late = "bản ghi muộn hơn lúc có người làm chứng — a record is later than a witness that covers it"
            if times:
                report.facts["cosigned_at"] = times[-1]
                in_time = not last or seconds(last) <= times[0] + TOLERANCE
                need(in_time, "RECORD_AFTER_WITNESS", late, checkpoint.size - 1)
            witnessed = max(witnessed, checkpoint.size if enough else -1)
        except Bad as error:
            report.take(error, checkpoint.size)
    if witnessed < 0:
        report.add("NOT_WITNESSED", "không mốc nào đủ bên làm chứng — no checkpoint has the quorum of the policy")
    elif witnessed < report.size and policy.quorum != "none":
        report.add("TAIL_NOT_WITNESSED", "phần cuối chưa có chứng kiến — not witnessed from here on", witnessed, "open")


def read_proof(data: bytes) -> tuple[int, list[bytes], bytes | None, bytes]:
    """Rule 10: (index, hashes, extra data, checkpoint) of a .tlog-proof, nothing verified."""
    above, blank, checkpoint = data.partition(b"\n\n")
    lines = above.decode("ascii", "replace").split("\n")
    header = lines.pop(0) == "c2sp.org/tlog-proof@v1"
    extra = unbase64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
    right = header and blank and checkpoint and lines and lines[0].startswith("index ")
    right = right and (extra is None or 1 <= len(extra) <= 65_536)
    need(right, "MALFORMED", "không phải tệp bằng chứng — not a tlog-proof")
    return decimal(lines[0][6:]), hashes_of(lines[1:]), extra, checkpoint


def hashes_of(lines: list[str]) -> list[bytes]:
    """The hashes of a proof, base64 each."""
    path = [unbase64(line) for line in lines[:64]]
    right = len(path) < 64 and all(len(value) == 32 for value in path)
    need(right, "MALFORMED", "không phải dãy mã băm — not a list of at most 63 hashes of 32 bytes")
    return path


def proven(body: bytes, index: int, path: list[bytes], checkpoint: Checkpoint) -> Json:
    """Rule 10: the record of these bytes, shown to be in the log at its own index."""
    need(index < checkpoint.size, "PROOF_FAILED", "chỉ số vượt số bản ghi — the index is beyond the size", index)
    root = climb([sha256(b"\x00", body)], index, checkpoint.size - 1, path)
    need(root == [checkpoint.root], "PROOF_FAILED", "không dẫn tới gốc đã ký — the proof leads to another root", index)
    record = read_record(body)
    need(record["index"] == index, "OUT_OF_SEQUENCE", "tự ghi số khác — the record says another index than its proof")
    return record


def check_proof(data: bytes, asked: Asked, report: Report) -> None:
    """Rule 10."""
    index, path, extra, note = read_proof(data)
    checkpoint = opened(note, asked.key)
    body = extra if asked.record is None else asked.record
    if body is None:
        raise Cannot("thiếu bản ghi: dùng --record — the record itself is missing: give --record")
    record = proven(body, index, path, checkpoint)
    finish(checkpoint, asked, report)
    report.facts.update(index=index, kind=record["entry"]["kind"], at=record["at"])


class Pdf:
    """Takes the embedded files out of a paper as we write them: one cross-reference table, files stored without a
    filter. Whatever else is met is Cannot. A page can be drawn by anybody, so nothing else in a PDF matters."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        end = re.search(rb"startxref\n([0-9]{1,9})\n%%EOF\s*\Z", data[-64:])
        rows = rb"xref\n0 [0-9]{1,6}\n((?:[0-9]{10} [0-9]{5} [nf][ \r]\n)+)trailer[^()]*?/Root ([0-9]{1,6}) 0 R"
        table = self._found(end and re.compile(rows).match(data, int(end[1])))
        self._rows, self._root = table[1].splitlines(), table[2]

    @staticmethod
    def _found(match: Any) -> Any:
        if not match:
            raise Cannot("PDF không phải dạng của giấy Sổ Vàng — not a PDF as our papers are")
        return match

    def _object(self, number: bytes, pattern: bytes) -> Any:
        """The match of a pattern in the dictionary of an object."""
        place = int(self._rows[int(number)][:10]) if int(number) < len(self._rows) else len(self._data)
        self._found(self._data.startswith(number + b" 0 obj\n<<", place))
        ends = [self._data.find(word, place) for word in (b"\nendobj", b"\nstream\n")]
        return re.compile(pattern).search(self._data, place, min([e for e in ends if e > 0] or [place]) + 8)

    def files(self) -> dict[str, bytes]:
        """The embedded files by name."""
        names = self._object(self._root, rb"/Names ([0-9]{1,6}) 0 R")
        tree = names and self._object(names[1], rb"/EmbeddedFiles ([0-9]{1,6}) 0 R")
        need(tree, "NO_PROOF_INSIDE", "trong PDF không có bằng chứng — there is no proof inside the PDF")
        leaf = self._found(self._object(tree[1], rb"/Names \[((?: \([^()\\]{1,99}\) [0-9]{1,6} 0 R)+) \]"))
        files: dict[str, bytes] = {}
        for name, number in re.findall(rb"\(([^()]+)\) ([0-9]+) 0 R", leaf[1]):
            spec = self._found(self._object(number, rb"/EF << /F ([0-9]{1,6}) 0 R /UF \1 0 R >>"))
            stream = self._found(self._object(spec[1], rb"/Type /EmbeddedFile /Length ([0-9]{1,8}) >>\nstream\n"))
            end = stream.end() + int(stream[1])
            self._found(self._data.startswith(b"\nendstream", end) and name.decode("latin-1") not in files)
            files[name.decode("latin-1")] = self._data[stream.end() : end]
        return files


def gift_of(entry: Json, part: int | None) -> Any:
    """(minor, unit, fund, who gave it) of a gift, or of one part of a sheet, batch or brought balance."""
    lists = {"cash_sheet_received": "envelopes", "balance_brought": "gifts", "gateway_settled": "gifts"}
    amount = entry.get("credited" if entry["kind"] == "gateway_settled" else "amount")
    amount, gift = amount if isinstance(amount, dict) else {}, entry
    minor = amount.get("minor")
    if part is not None:
        items = entry.get(lists.get(entry["kind"], ""))
        item = items[part] if isinstance(items, list) and part < len(items) else None
        gift = {"fund": entry.get("fund"), **item} if isinstance(item, dict) else {}
        minor = gift.get("minor")
    return minor, amount.get("unit"), gift.get("fund"), gift.get("donor")


def opened_name(openings: Any, donor: Any, *, wanted: bool) -> str | None:
    """The name that an opening opens: the one that the record commits to. None where it commits to none."""
    seals = donor["seals"] if shaped(donor, {"seals": [{"commitment": HASH, "field": str}], "tag": str}) else []
    sealed = [seal["commitment"] for seal in seals if seal["field"] == "name"]
    if not sealed and not wanted:
        return None
    opening = openings.get("name") if isinstance(openings, dict) else None
    right = sealed and shaped(opening, {"r": HASH, "value": str})
    need(right, "NAME_DIFFERS", "không mở được tên đã che — the opening of the name, or its seal, is missing")
    message = "\0".join([donor["tag"], "name", opening["value"]]).encode()
    right = hmac.new(bytes.fromhex(opening["r"]), message, "sha256").hexdigest() == sealed[-1]
    need(right, "NAME_DIFFERS", "không phải tên đã ghi — not the name that the record commits to")
    return str(opening["value"])


def check_opening(record: Json, pinned: Key) -> None:
    """Record 0 opens the book of the pinned key's name."""
    entry = record["entry"]
    right = record["index"] == 0 and entry["kind"] == "book_opened" and entry.get("origin") == pinned.name
    need(right, "NOT_THE_BOOK", "không phải bản ghi mở sổ này — record 0 does not open the book of this origin")


def check_paper(data: bytes, asked: Asked, report: Report) -> None:
    """Rule 11."""
    files, records, checkpoints = Pdf(data).files(), {}, []  # type: dict[str, bytes], Json, list[Checkpoint]
    for name in ("book", "gift", "paper"):
        body, proof = files.get(f"{name}.record"), files.get(f"{name}.tlog-proof")
        if body is None or proof is None:
            raise Bad("NO_PROOF_INSIDE", f"trong PDF thiếu bằng chứng — the PDF lacks {name}.record or its proof")
        index, path, _, note = read_proof(proof)
        checkpoints.append(opened(note, asked.key))
        records[name] = proven(body, index, path, checkpoints[-1])
    one = len({checkpoint.text for checkpoint in checkpoints}) == 1
    need(one, "CHECKPOINTS_DIFFER", "các bằng chứng khác mốc — the proofs are of different checkpoints")
    check_opening(records["book"], asked.key)
    gift, paper = records["gift"]["entry"], records["paper"]["entry"]
    number, part = paper.get("number"), paper.get("part")
    right = paper["kind"] == "certificate_issued" and shaped(number, 1) and (part is None or shaped(part, 0))
    need(right, "NOT_A_PAPER", "bản ghi không cấp giấy nào — the record issues no paper")
    minor, unit, fund, donor = gift_of(gift, part)
    kinds = ("gift_received",) if part is None else ("cash_sheet_received", "gateway_settled")
    named = (records["gift"]["index"], sha256(b"\x00", files["gift.record"]).hex())
    right = (paper.get("gift"), paper.get("gift_leaf")) == named and gift["kind"] in kinds and shaped(minor, 1)
    need(right, "NOT_THE_GIFT", "giấy này của khoản khác — the paper is of another gift")
    notes = canonical(files.get("paper.json", b"{}")) if donor and donor.get("seals") else {}
    name = opened_name(notes.get("openings") if isinstance(notes, dict) else None, donor, wanted=False)
    finish(checkpoints[0], asked, report, REVOKED)
    report.facts.update(index=records["paper"]["index"], gift=named[0], paper=paper.get("paper"), number=number)
    report.facts.update(issued_on=paper.get("issued_on"), received_on=gift.get("received_on"))
    report.facts.update(minor=minor, unit=unit, fund=fund, name=name)


PART = {"goods": dict, "minor": 0, "unit": str}
TRACE = {"amount": AMOUNT, "fund": str, "held": [{"account": str, **PART}], "refunded_minor": 0}
TRACE["uses"] = [{"index": 0, **PART}]
BUNDLE = {"checkpoint": str, "format": "sovang-bundle/1", "gift": {"index": 0, "part?": 0}, "trace": TRACE}
BUNDLE.update({"openings": {"name?": {"r": HASH, "value": str}}, "records": [{"path": [str], "record": str}]})


def bundle_checkpoint(note: bytes, records: list[Json], pinned: Key) -> Checkpoint:
    """The bundle's checkpoint, signed by the pinned key or by one that it handed over to, in force at its size."""
    terms = [(pinned, 0, MAX_SIZE)]
    for record in records:
        entry, index, (key, since, _) = record["entry"], record["index"], terms[-1]
        if entry["kind"] == "key_replaced" and entry.get("old_key") == key.text:
            lost = "khóa đã ghim đã bị lộ — the pinned key was compromised; pin the new one, from paper"
            need(entry.get("compromised") is False, "KEY_COMPROMISED", lost, index)
            new = replacement(entry, key, index, "KEY_CHAIN_BROKEN")
            terms[-1:] = [(key, since, index + 1), (new, index + 1, MAX_SIZE)]
    checkpoint = Checkpoint(note)
    checkpoint.must_be_of(pinned.name)
    signed = [term for term in terms if checkpoint.signed_by(term[0])]
    need(signed, "CHECKPOINT_INVALID", "không có chữ ký của khóa đã ghim — not signed by the pinned key")
    force = any(since <= checkpoint.size <= until for _, since, until in signed)
    need(force, "KEY_CLOSED", "khóa ký không còn hiệu lực — signed by a key not in force", checkpoint.size)
    return checkpoint


def stop(account: str, index: int) -> str:
    """An account as a stop on a way; an exchange is one of its own in every record. "" where no way leads through."""
    if account == "exchange-purpose":
        return f"{account}/{index}"
    return account if account.startswith(("fund:", "allocated:", "ordered:", "handed:", "shortfall:")) else ""


def reached_from(start: str, records: Iterable[Json]) -> set[str]:
    """All stops that postings of these records lead to."""
    steps: dict[str, list[str]] = {}
    for record in records:
        for posting in record["postings"]:
            steps.setdefault(stop(posting["source"], record["index"]), []).append(
                stop(posting["destination"], record["index"])
            )
    reached, waiting = {start}, [start]
    while waiting:
        fresh = set(steps.pop(waiting.pop(), [])) - reached - {""}
        reached |= fresh
        waiting += fresh
    return reached


def check_use(use: Json, record: Json, reached: set[str]) -> None:
    """A use is in its record, and a way leads to it."""
    used: list[Json] = []
    for unit, minor in (use["goods"] or {use["unit"]: use["minor"]}).items():
        some = [p for p in record["postings"] if p["destination"].startswith(("used:", "costs:"))]
        some = [p for p in some if p["amount"]["unit"] == unit]
        right = some and sum(p["amount"]["minor"] for p in some) >= minor
        need(right, "USE_NOT_SHOWN", f"lần dùng không có trong gói — it does not use {minor} {unit}", use["index"])
        used += some
    way = any(stop(posting["source"], use["index"]) in reached for posting in used)
    need(way, "NO_PATH", "không có đường từ nguồn tới lần dùng — no way leads from the fund to it", use["index"])


def check_bundle(data: bytes, asked: Asked, report: Report) -> None:
    """Rule 12, with the names of docs/format.md, "Donor's bundle"."""
    bundle = canonical(data, 16_000_000)
    right = shaped(bundle, BUNDLE) and 1 <= len(bundle["records"]) <= 20_000
    need(right, "MALFORMED", "gói sai dạng — the bundle has another form")
    trace, amount, fund, part = (
        bundle["trace"],
        bundle["trace"]["amount"],
        bundle["trace"]["fund"],
        bundle["gift"].get("part"),
    )
    paths = [hashes_of(item["path"]) for item in bundle["records"]]
    bodies = [item["record"].encode() for item in bundle["records"]]
    records = [read_record(body) for body in bodies]
    for items, key in ((trace["held"], "account"), (trace["uses"], "index"), (records, "index")):
        keys = [item[key] for item in items]
        right = keys == sorted(set(keys)) and all(
            shaped(n, 0) for item in items for n in item.get("goods", {}).values()
        )
        need(right, "MALFORMED", "gói sai dạng — the bundle has another order or numbers")
    checkpoint = bundle_checkpoint(bundle["checkpoint"].encode(), records, asked.key)
    for body, record, path in zip(bodies, records, paths, strict=True):
        proven(body, record["index"], path, checkpoint)
    check_opening(records[0], asked.key)
    by_index = {record["index"]: record for record in records}
    gift = by_index.get(bundle["gift"]["index"], {"postings": [], "entry": {"kind": ""}})
    came = 0
    for posting in gift["postings"]:
        given = posting["source"] in ("donors", "interest", "brought") and posting["destination"] == f"fund:{fund}"
        came += posting["amount"]["minor"] if given and posting["amount"]["unit"] == amount["unit"] else 0
    *named, donor = gift_of(gift["entry"], part)
    right = came == amount["minor"] if part is None else came >= amount["minor"]
    right = right and (part is None or named == [amount["minor"], amount["unit"], fund])
    need(right, "NOT_THE_GIFT", "khoản ủng hộ khác — the record does not bring in what the trace says")
    told = trace["uses"] + trace["held"]
    total = sum(item["minor"] for item in told) + trace["refunded_minor"]
    right = total == amount["minor"] and all(item["unit"] == amount["unit"] for item in told)
    need(right, "SUM_DIFFERS", f"cộng không khớp — {total} is accounted for of {amount['minor']}")
    reached = reached_from(f"fund:{fund}", records)
    for use in trace["uses"]:
        check_use(use, by_index.get(use["index"], {"postings": []}), reached)
    name = opened_name(bundle["openings"], donor, wanted=True) if bundle["openings"] else None
    finish(checkpoint, asked, report, USES)
    report.facts.update(gift=bundle["gift"]["index"], part=part, minor=amount["minor"], unit=amount["unit"], fund=fund)
    report.facts.update(uses=trace["uses"], held=trace["held"], refunded_minor=trace["refunded_minor"], name=name)


def check_fork(data: bytes, asked: Asked, report: Report) -> None:
    """Rule 13: good when the two checkpoints are proven to contradict each other."""
    fork = canonical(data, 4_000_000)
    right = shaped(fork, {"format": "sovang-fork/1", "newer": str, "older": str, "path": [str]})
    need(right, "MALFORMED", "không phải bằng chứng rẽ nhánh — not a fork proof")
    newer, older, path = (
        opened(fork["newer"].encode(), asked.key),
        opened(fork["older"].encode(), asked.key),
        hashes_of(fork["path"]),
    )
    right = older.size == newer.size and not path and older.root != newer.root
    if 0 < older.size < newer.size and path:
        place, last = older.size - 1, newer.size - 1
        while place & 1:
            place, last = place >> 1, last >> 1
        ends = climb(path[:1] * 2, place, last, path[1:])
        right = ends[1] == newer.root and ends[0] != older.root
    need(right, "MALFORMED", "không chứng tỏ rẽ nhánh — the two checkpoints are not shown to contradict each other")
    report.size, report.root = newer.size, newer.root.hex()
    report.facts.update(proves="fork", older=older.size, newer=newer.size)


BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def check_qr(data: bytes, asked: Asked, report: Report) -> None:
    """Rule 14: the text of a QR code; a line end behind it is allowed."""
    wrong = "mã QR hỏng — the QR code does not hold a record and its proof"
    text = data.decode("ascii", "replace")
    text, packed = text[4:-1] if text.endswith("\n") else text[4:], b""
    need(len(text) <= 4_292, "MALFORMED", wrong)
    for group in (text[at : at + 3] for at in range(0, len(text), 3)):
        value = sum(BASE45.find(letter) * 45**place for place, letter in enumerate(group))
        right = len(group) > 1 and not set(group) - set(BASE45) and value < 256 ** (len(group) - 1)
        need(right, "MALFORMED", wrong)
        packed += value.to_bytes(len(group) - 1, "big")
    unpacker = zlib.decompressobj(-15)
    try:
        unpacked = unpacker.decompress(packed, 200_001)
    except zlib.error:
        raise Bad("MALFORMED", wrong) from None
    record, parted, proof = unpacked.partition(b"\n")
    right = unpacker.eof and not unpacker.unused_data and parted and len(unpacked) <= 200_000
    need(right and read_proof(proof)[2] is None, "MALFORMED", wrong)
    check_proof(proof, asked._replace(record=record), report)


# A single file is known by its first bytes.
FORMS = (
    (b"%PDF-", "pdf", check_paper),
    (b"SV1:", "qr", check_qr),
    (b"c2sp.org/tlog-proof", "proof", check_proof),
    (b'{"checkpoint":', "bundle", check_bundle),
    (b'{"format":', "fork", check_fork),
)
VERDICTS = (
    "TỐT: không thấy điều gì sai. — GOOD: nothing wrong was found.",
    "SAI: có điều không đúng. — WRONG: something was found.",
    "GỌI SAI CÁCH. — MISUSE.",
    "KHÔNG XÁC ĐỊNH ĐƯỢC. — COULD NOT TELL.",
    "ĐÃ RẼ NHÁNH: khóa này đã ký hai lịch sử trái nhau. — FORK PROVEN: this key has signed two histories.",
)


def check_path(path: Path, asked: Asked, report: Report) -> str:
    """Checks what lies there; returns what it is."""
    if path.is_dir():
        check_tiles(path, asked, report)
        return "tiles"
    data = read_file(path)
    for start, form, check in FORMS if data is not None else ():
        if data is not None and data.startswith(start):
            check(data, asked, report)
            return form
    raise Cannot("không có, hoặc không biết là tệp gì — not there, or no file that this program knows")


def judge(path: Path, vkey: str | None, *given: bytes | None) -> tuple[int, Json]:
    """(exit code, the JSON document); `given` are policy, saved checkpoint and record: the whole of this program."""
    report, code, form = Report(), 0, ""
    policy, since, record = (*given, None, None, None)[:3]
    try:
        rule = None if policy is None else Policy(policy)
        if vkey is None and (rule is None or len(rule.logs) != 1):
            raise Cannot(
                "chưa có khóa công khai: dùng --vkey — no public key: give --vkey (the log's own proves nothing)"
            )
        try:
            data = read_file(Path(vkey), 10_000) if vkey and "+" not in vkey else None
            key = rule.logs[0] if vkey is None and rule else read_key(vkey if data is None else data.decode().strip())
        except (Bad, UnicodeDecodeError) as error:
            raise Cannot(f"--vkey: {error}", 2) from None
        form = check_path(path, Asked(key, rule, since, record), report)
    except Bad as error:
        report.take(error)
    except Cannot as error:
        message, code = (*error.args, 3)[:2]
        report.add("CANNOT_TELL", message)
    ok = code == 0 and not report.broken
    answer: Json = {"ok": ok, "form": form, "size": report.size, "root": report.root, "findings": report.findings}
    answer.update(findings_not_listed=dict(report.more), cannot_exclude=report.cannot, **report.facts)
    return code or (0 if ok else 1), answer


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("--vkey", help="khóa công khai đã ghim, hoặc tệp — the pinned public key, or a file")
    parser.add_argument("--policy", help="tệp policy bên làm chứng — the witnesses that are asked for")
    parser.add_argument("--since", help="mốc niêm phong đã giữ — a checkpoint kept from before")
    parser.add_argument("--record", help="bản ghi của bằng chứng — the record that a proof is of")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    code, answer = 3, {"ok": False, "size": 0, "root": "", "findings": []}  # type: int, Json
    try:
        names = (asked.policy, asked.since, asked.record)
        given = [None if name is None else read_file(Path(name)) for name in names]
        if any(name is not None and data is None for name, data in zip(names, given, strict=True)):
            parser.error("không có tệp đã nêu — a file that was named is not there")
        code, answer = judge(Path(asked.path), asked.vkey, *given)
    except Exception as error:  # whatever else: never a verdict by accident
        answer["error"] = f"{type(error).__name__}: {error}"
    if asked.json:
        print(json.dumps(answer, ensure_ascii=False, indent=1))
        return code
    print(VERDICTS[4 if code == 0 and answer.get("proves") == "fork" else code])
    for name, value in answer.items():
        if name not in ("ok", "findings", "cannot_exclude") and value not in ("", None, {}):
            print(f"  {name}: {value}")
    for finding in answer["findings"]:
        print("  {severity} {kind} [{index}]: {detail}".format(**finding).replace(" [None]", ""))
    print("".join(f"  ? {sentence}\n" for sentence in answer.get("cannot_exclude", [])), end="")
    return code


if __name__ == "__main__":
    sys.exit(main())
