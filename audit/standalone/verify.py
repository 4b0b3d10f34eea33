#!/usr/bin/env python3
"""Sổ Vàng: kiểm tra sổ bằng một tệp duy nhất. — Sổ Vàng: checking a golden book with one single file.

    python3 verify.py --vkey KEY [--policy F] [--since NOTE] [--record F] [--json] PATH

PATH: thư mục tiles (sổ công bố), .tlog-proof, .sovang-bundle, .sovang-fork, giấy PDF, tệp chữ mã QR `SV1:…`. Kết quả:
0 tốt, 1 có điều sai, 2 gọi sai cách, 3 không xác định được. — PATH: a folder of tiles (a published log), a proof, a
bundle, a fork proof, a paper, the text of a QR code. Exit code: 0 good, 1 found wrong, 2 misuse, 3 could not tell. KEY
is the log's public key, or a file with it, from where the log's owner cannot change it behind your back (a `log` line
of the policy will do). Needs Python 3.11 and `cryptography`, no network; shares no code with the writer. The format is
docs/format.md. The rules; each part of the code names the one it keeps:

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
12. Bundle: a gift's records under one checkpoint; its uses are shown; what is left and went back only adds up to it.
13. Fork: two checkpoints of one key, of which the newer does not continue the older. 14. QR: a record and its proof.
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519

try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey as MldsaKey
except ImportError:
    MldsaKey = None  # type: ignore[assignment, misc]

MAX_INTEGER, MAX_SIZE, MAX_RECORD, MAX_FILE = 2**53 - 1, 2**63 - 1, 65_535, 20 * 1024 * 1024
TOLERANCE, LISTED = 10, 500  # seconds that a witness's clock may be behind; findings listed, the others are counted
NAME = r"[^\s+\x00-\x1f]+"
Json = dict[str, Any]
RULES = "QUY TẮC KHÔNG ĐƯỢC KIỂM, chỉ cộng bút toán. — THE RULES OF THE ENTRIES WERE NOT CHECKED: only postings."
FACTS = "Điều được ghi có đúng sự thật hay không. — Whether what was recorded is true."
TAIL = "Phần sổ sau mốc này, phần cuối có bị cắt không. — What came after this checkpoint; whether a tail was cut off."
HISTORY = "Người giữ khóa viết lại lịch sử. — That a holder of the log's key rewrote history: no --policy, no --since."
REVOKED = "Giấy có bị thu hồi sau đó không. — Whether the paper was revoked later."
SAID = "quỹ nói, chưa chứng minh — said by the fund, not proven here"
USES = "Khoản này có đúng các lần dùng này không: cần cả sổ. — That rule R gave it just these uses: needs the book."


class Bad(Exception):
    """Found wrong. `kind` is a name of docs/auditor.md or docs/format.md; the message is Vietnamese — English."""

    def __init__(self, kind: str, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.kind, self.index = kind, index


class Cannot(Exception):
    """It could not be told: (message, exit code). Code 2: what was given on the command line is not what is needed."""


def need(right: object, kind: str, message: str, index: int | None = None) -> None:
    if not right:
        raise Bad(kind, message, index)


class Report:
    def __init__(self) -> None:
        self.findings, self.facts = list[Json](), Json()
        self.broken, self.more, self.size, self.root, self.cannot = 0, 0, 0, "", [RULES, FACTS, TAIL]

    def add(self, kind: str, message: str, index: int | None = None, severity: str = "broken") -> None:
        self.broken += severity == "broken"
        self.more += len(self.findings) >= LISTED
        finding = {"kind": kind, "severity": severity, "index": index, "detail": message}
        self.findings += [finding] if len(self.findings) < LISTED else []

    @contextmanager
    def noting(self, index: int | None = None) -> Iterator[None]:
        try:
            yield
        except Bad as error:
            self.add(error.kind, str(error), index if error.index is None else error.index)


def unbase64(text: str, kind: str = "MALFORMED") -> bytes:
    """Rule 1: the bytes of the one spelling of base64."""
    data = b""
    with suppress(ValueError):
        data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, kind, "base64 không đúng dạng chuẩn — not canonical base64")
    return data


def decimal(text: str, kind: str = "MALFORMED") -> int:
    right = re.fullmatch("0|[1-9][0-9]{0,18}", text) and int(text) <= MAX_SIZE
    need(right, kind, f"số không đúng dạng chuẩn — not a canonical number: {text[:30]!a}")
    return int(text)


def _pairs(pairs: list[tuple[str, Any]]) -> Json:
    right = len(dict(pairs)) == len(pairs) and all(key.isascii() for key, _ in pairs)
    need(right, "NOT_CANONICAL", "khóa JSON lặp lại hoặc không phải ASCII — a key twice, or not in ASCII")
    return dict(pairs)


def _number(text: str) -> int:
    right = re.fullmatch("-?[0-9]{1,16}", text) and abs(int(text)) <= MAX_INTEGER
    need(right, "NOT_CANONICAL", f"số không được phép — not an integer within 2^53-1: {text[:30]!a}")
    return int(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_number, parse_float=_number, parse_constant=_number)


def canonical(data: bytes, most: int = MAX_RECORD) -> Any:
    """Rule 1: the value of canonical JSON; any other bytes are refused."""
    need(len(data) <= most, "MALFORMED", f"dài quá mức — more than {most} bytes")
    try:
        text, depth = data.decode("utf-8"), 0
        for opens, closes in re.findall(r'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', text, re.DOTALL):
            depth += bool(opens) - bool(closes)  # before parsing, since parsers recurse
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
    """Whether a value has a shape: a pattern for text, a least number, a type, [shape] for a list, {name: shape} for an
    object with just these fields, of which those named with a ? may be absent."""
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


def root_of(row: list[bytes]) -> bytes:
    while len(row) > 1:  # the last one without a partner rises unchanged
        pairs = (row[i : i + 2] for i in range(0, len(row), 2))
        row = [sha256(b"\x01", *pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return row[0] if row else sha256()


class Tree:
    """Rule 2: a growing log, of which only the last tile of each level is kept; `on_tile` is told of each full one."""

    def __init__(self, on_tile: Callable[[int, int, list[bytes]], None]) -> None:
        self.size, self.rows, self._on_tile = 0, list[list[bytes]](), on_tile

    def add(self, value: bytes, level: int = 0) -> None:
        self.size += level == 0
        if level == len(self.rows):
            self.rows.append([])
        self.rows[level].append(value)
        if len(self.rows[level]) == 256:
            row, self.rows[level] = self.rows[level], []
            self._on_tile(level, (self.size - 1) >> (8 * level + 8), row)
            self.add(root_of(row), level + 1)

    def root(self) -> bytes:
        last: list[bytes] = []
        for row in self.rows:
            last = [root_of(row + last)] if row + last else []
        return root_of(last)


def climb(nodes: list[bytes], place: int, last: int, path: Sequence[bytes]) -> list[bytes]:
    """RFC 9162 2.1.3.2, 2.1.4.2: one node, or an old and a new one, up the path; the old has nothing on its right."""
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
    name: str
    algorithm: int
    public: bytes
    number: bytes  # the key hash that its lines carry
    text: str

    def wrote(self, signature: bytes, message: bytes) -> bool:
        try:
            key: Any = MldsaKey if self.algorithm == 6 else ed25519.Ed25519PublicKey
            key.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        except (AttributeError, UnsupportedAlgorithm):
            raise Cannot("không kiểm được ML-DSA — this `cryptography` cannot check ML-DSA lines") from None
        return True


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
    """Rules 3 and 4: a note that the key has signed (unless that is asked later), and what its text says."""

    def __init__(self, data: bytes, key: Key, *, signed: bool = True) -> None:
        kind, wrong = "CHECKPOINT_INVALID", "mốc niêm phong sai dạng — the checkpoint is malformed"
        note = data.decode("utf-8", "replace")  # what is not UTF-8 does not come back as it was
        text, blank, below = note.rpartition("\n\n")
        rows = [row.split(" ") for row in below[:-1].split("\n")]
        clean = note.endswith("\n") and not re.search("[\x00-\x09\x0b-\x1f]", note) and note.encode() == data
        need(clean and blank and below and len(rows) <= 100 and len(data) <= 1_000_000, kind, wrong)
        need(all(len(row) == 3 and row[0] == "—" and shaped(row[1], NAME) for row in rows), kind, wrong)
        self.text, lines = text + "\n", text.split("\n")
        self.lines: dict[tuple[str, bytes], list[bytes]] = {}
        for name, line in ((row[1], unbase64(row[2], kind)) for row in rows):
            need(len(line) > 4, kind, wrong)
            self.lines.setdefault((name, line[:4]), []).append(line[4:])
        need(len(lines) >= 3 and all(lines), kind, wrong)
        self.origin, self.size, self.root = lines[0], decimal(lines[1], kind), unbase64(lines[2], kind)
        need(len(self.root) == 32 and (self.size or self.root == sha256()), kind, wrong)
        need(self.origin == key.name, kind, "mốc của sổ khác — a checkpoint of another origin")
        need(not signed or self.signed_by(key), kind, "khóa đã ghim không ký — not signed by the pinned key")

    def signed_by(self, key: Key) -> bool:
        """Whether the log's key has signed; a wrong line of this key refuses the note."""
        right = [key.wrote(line, self.text.encode()) for line in self.lines.get((key.name, key.number), ())]
        need(all(right), "CHECKPOINT_INVALID", f"chữ ký của sổ sai — a wrong signature of {key.name}")
        return bool(right)

    def seen_at(self, key: Key) -> int:
        """When this witness says that it signed, POSIX seconds; 0 if it did not, or says no time."""
        times = [0]
        name, origin, size = key.name.encode("utf-8", "replace"), self.origin.encode(), self.size.to_bytes(8, "big")
        for line in self.lines.get((key.name, key.number), ()):
            at, right = int.from_bytes(line[:8], "big"), max(len(name), len(origin)) < 256 or key.algorithm == 4
            message = f"cosignature/v1\ntime {at}\n{self.text}".encode()
            if key.algorithm == 6 and right:
                sized = (bytes([len(name)]), name, line[:8], bytes([len(origin)]), origin, bytes(8), size, self.root)
                message = b"subtree/v1\n\x00" + b"".join(sized)
            right = right and len(line) > 8 and at <= MAX_SIZE and key.wrote(line[8:], message)
            need(right, "COSIGNATURE_INVALID", f"chữ ký của bên làm chứng sai — a wrong cosignature of {key.name}")
            times.append(at)
        return times[:2][-1]


class Policy:
    """Rule 5: whose cosignatures are enough. A file that breaks a rule of the format is misuse."""

    def __init__(self, data: bytes) -> None:
        self.logs, self.witnesses, self._members, self.quorum = list[Key](), dict[str, Key](), {"none"}, ""
        self.groups: dict[str, tuple[int, list[str]]] = {}
        text = data.decode("utf-8", "surrogateescape")
        rows = [items for row in text.split("\n") if (items := re.findall("[^ \t]+", row)) and items[0][0] != "#"]
        right: object = False
        with suppress(Bad):
            right = len(data) <= 65_536 and all(self._line(*items) for items in rows) and self.quorum
        if not right or re.search("[\x00-\x08\x0b-\x1f\x7f]", text):
            raise Cannot("tệp policy sai — the policy file breaks the rules of its format", 2)

    def _line(self, word: str, *items: str) -> bool:
        names, count = {"none", *self.witnesses, *self.groups}, len(items)
        if word == "log" and 1 <= count <= 2:
            self.logs.append(read_key(items[0]))
            return len({key.public for key in self.logs}) == len(self.logs)
        if word == "witness" and 2 <= count <= 3 and items[0] not in names:
            self.witnesses[items[0]] = read_key(items[1], (4, 6))
            return len({key.public for key in self.witnesses.values()}) == len(self.witnesses)
        if word == "group" and count >= 3 and items[0] not in names:
            members = list(items[2:])
            threshold = {"all": count - 2, "any": 1}.get(items[1]) or decimal(items[1])
            fresh = set(members) <= names - self._members and len(set(members)) == count - 2
            self._members.update(members)
            self.groups[items[0]] = (threshold, members)
            return fresh and 1 <= threshold <= count - 2
        fits = word == "quorum" and count == 1 and items[0] in names and not self.quorum
        self.quorum = items[0] if fits else self.quorum
        return fits

    def times(self, checkpoint: Checkpoint) -> tuple[bool, list[int]]:
        times = {name: checkpoint.seen_at(key) for name, key in self.witnesses.items()}
        seen = {"none"} | {name for name, at in times.items() if at}  # a line without a time does not say when
        for name, (threshold, members) in self.groups.items():
            seen |= {name} if len(seen & set(members)) >= threshold else set()
        return self.quorum in seen, sorted(at for at in times.values() if at)


class Asked(NamedTuple):
    key: Key  # pinned by whoever asks
    policy: Policy | None
    since: bytes | None
    record: bytes | None


def finish(checkpoint: Checkpoint, asked: Asked, report: Report, *cannot: str, **facts: Any) -> None:
    right = asked.policy is None or asked.policy.times(checkpoint)[0]
    need(right, "NOT_WITNESSED", "chưa đủ bên làm chứng — not signed by the quorum of the policy")
    report.size, report.root = checkpoint.size, checkpoint.root.hex()
    report.cannot += [*cannot, *([HISTORY] if asked.policy is None else [])]
    report.facts.update(facts)


CODE, HASH, UNIT = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}", "[0-9a-f]{64}", "[A-Z]{3}|[a-z][a-z0-9-]{2,39}"
AT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
AMOUNT = {"minor": 1, "unit": UNIT}
POSTING = {"amount": AMOUNT, "destination": ".{1,64}", "source": ".{1,64}"}
RECORD = {"at": AT, "book": CODE, "by": CODE, "entry": dict, "index": 0, "postings": [POSTING], "previous": HASH}
RECORD.update(reference=CODE + "/[!-~]{1,120}", v=1)


def read_record(body: bytes) -> Json:
    record: Json = canonical(body)
    right = shaped(record, RECORD) and record["v"] == 1 and isinstance(record["entry"].get("kind"), str)
    need(right, "MALFORMED", "bản ghi sai dạng — a field of the record has another form")
    try:
        datetime.fromisoformat(record["at"])
    except ValueError:
        raise Bad("MALFORMED", "không có thời điểm này — no such instant") from None
    return record


ORDER = ("OUT_OF_SEQUENCE", "BROKEN_LINK", "TIME_BACKWARDS", "OTHER_BOOK")
# Rule 7: fold. Account, with a colon where a code follows → (+1 held in the purpose view, -1 in the place view; view).
GIVERS, SINKS = ("donors", "interest", "brought", "found"), ("used:", "costs:", "lost:")
WAYS = ("fund:", "allocated:", "ordered:", "handed:", "shortfall:")
ACCOUNTS = dict.fromkeys((*GIVERS, "senders", "exchange-purpose", *SINKS), (0, "purpose"))
ACCOUNTS |= dict.fromkeys(("suspense:", "mistaken:", *WAYS), (1, "purpose"))
ACCOUNTS |= dict.fromkeys(("bank:", "cash:", "stock:", "transit:", "advance:"), (-1, "place"))
ACCOUNTS |= dict.fromkeys(("outside", "exchange-place"), (0, "place"))
ACCOUNTS |= dict.fromkeys(("promised", "pledge:", "lots", "lot:"), (0, "memo"))
# The kinds of the format that this file was written for; any other is UNKNOWN_KIND, and folded all the same.
KINDS = """
activities_listed allocated approved balance_brought bank_fee_charged book_closed book_merged book_opened
campaign_closed campaign_extended campaign_opened cash_counted cash_found cash_lost cash_paid_in cash_sheet_received
cash_withdrawn certificate_issued certificate_revoked child_registered children_reported classes_listed clock_clamped
commune_flagged commune_mapped communes_listed consent_given consent_withdrawn contract_signed credits_listed
currency_exchanged declined delivered demand_listed dispute_answered disputed donor_registered donors_merged
donors_unmerged evaluated evidence_added external_contributed finding_followed finding_raised four_eyes_set fund_opened
gateway_settled gift_received gift_refunded goods_given_directly goods_inspected goods_issued goods_listed
goods_received goods_returned grant_received grant_sent handed_over insurance_listed interest_received key_replaced
management_spent meal_plan_set mistaken_money_held mistaken_money_returned money_advanced money_returned need_surveyed
need_withdrawn package_listed payment_bounced payment_ordered period_closed period_reopened place_opened pledge_amended
pledge_cancelled pledge_lapsed pledge_made pledge_written_off priority_rule_set programme_opened proposed purchased
report_acknowledged report_issued report_rule_set report_submitted restored restriction_varied reversed role_granted
role_withdrawn sample_committed sample_drawn shortfall_covered stage_accepted statement_imported statistic_reported
stock_counted stock_found stock_written_off support_ended support_scheduled suspense_paid suspense_received target_set
tracing_set transfer_arrived transfer_sent visit_made voucher_printed voucher_spoilt vouchers_set witnesses_set
works_checked year_opened
"""


def known(account: str) -> tuple[int, str] | None:
    name, colon, code = account.partition(":")
    return ACCOUNTS.get(name + colon) if not colon or shaped(code, CODE) else None


class Fold:
    def __init__(self) -> None:
        self.kinds, self.balances, self.unknown = set(KINDS.split()), dict[tuple[str, str], int](), dict[str, int]()

    def take(self, record: Json) -> None:
        index, kind, moved, right = record["index"], record["entry"]["kind"], Json(), True
        judged = kind in self.kinds
        if not judged and len(self.unknown) < LISTED:
            self.unknown.setdefault(kind, index)
        for posting in record["postings"]:
            unit, sorts = posting["amount"]["unit"], [known(posting["source"]), known(posting["destination"])]
            right = right and len({sort and sort[1] for sort in sorts}) == 1 and None not in sorts
            for name, sort, sign in zip(("source", "destination"), sorts, (-1, 1), strict=True):
                amount = sign * posting["amount"]["minor"]
                balance = self.balances.pop((posting[name], unit), 0) + amount
                if balance:
                    self.balances[posting[name], unit] = balance
                right = right and abs(balance) <= MAX_INTEGER
                moved[unit] = moved.get(unit, 0) + amount * (sort[0] if sort else 0)
        need(not any(moved.values()), "VIEWS_DIFFER", "hai cách theo dõi lệch nhau — the two views differ", index)
        need(right or not judged, "REFUSED", "tài khoản, số dư sai — account unknown, mixed views, too large", index)

    def open_matters(self, report: Report) -> None:
        for (account, unit), minor in sorted(self.balances.items()):
            name, sort = account.partition(":")[0], known(account)
            if minor < 0 and sort and (sort[0] or name in ("pledge", "lot")) and name != "suspense":
                kind = {"shortfall": "SHORTFALL_OPEN"}.get(name, ("ACCOUNT_NEGATIVE", "PLACE_NEGATIVE")[sort[0] < 0])
                report.add(kind, f"dưới không — below zero: {account} {minor} {unit}", None, "open")
        for kind, index in self.unknown.items():
            report.add("UNKNOWN_KIND", f"loại lạ, không kiểm được — cannot check the kind {kind[:60]!a}", index, "open")


class Chain:
    """Rule 8: the keys of a book, each with the first size that it signs."""

    def __init__(self, pinned: Key, *terms: tuple[Key, int]) -> None:
        self.pinned, self.terms, self.lost = pinned, list(terms), 0

    def take(self, record: Json) -> None:
        index, entry = record["index"], record["entry"]
        opens = entry["kind"] == "book_opened"
        need(opens == (index == 0), "REFUSED", "chỉ bản ghi 0 mở sổ — record 0 opens the book, no other does", index)
        if opens:
            check_opening(record, self.pinned, "KEY_DIFFERS")
            self.terms.append((read_key(entry.get("public_key")), 0))
        elif entry["kind"] == "key_replaced" and self.terms:
            vouched = self.pinned in dict(self.terms)
            self.replace(entry, index, "REFUSED")
            self.lost = self.lost or (index if entry["compromised"] and vouched else 0)

    def replace(self, entry: Json, index: int, kind: str) -> None:
        old, new, compromised = self.terms[-1][0], read_key(entry.get("new_key")), entry.get("compromised")
        right = entry.get("old_key") == old.text and new.name == old.name and new != old and type(compromised) is bool
        need(right, kind, "thay khóa sai — a key replacement that does not fit", index)
        word = "compromise" if compromised else "rotation"
        text = f"sovang key replacement v1\n{old.name}\n{old.text}\n{new.text}\n{word}\n".encode()
        for key, name in ((new, "new_signature"), (old, "old_signature")):
            signature = entry.get(name)
            right = isinstance(signature, str) and key.wrote(unbase64(signature, kind), text)
            right = right or (compromised and name == "old_signature" and signature is None)
            need(right, kind, f"chữ ký thay khóa sai — {name} of a key replacement is wrong", index)
        self.terms.append((new, index + 1))

    def accept(self, checkpoint: Checkpoint, *kept: Key) -> None:
        size, ends = checkpoint.size, [*(since for _, since in self.terms[1:]), MAX_SIZE]
        force = [key for (key, since), end in zip(self.terms, ends, strict=False) if since <= size <= end]
        signed = {key for key in [*(force or [self.pinned]), *kept] if checkpoint.signed_by(key)}  # every one is asked
        if not signed.difference(force[: force.index(self.pinned)] if self.pinned in force else []):  # a thief's copy
            kind = "KEY_CLOSED" if any(checkpoint.signed_by(key) for key, _ in self.terms) else "CHECKPOINT_INVALID"
            raise Bad(kind, "khóa đang dùng không ký — no key in force at this size has signed", size)


def check_opening(record: Json, pinned: Key, kind: str = "NOT_THE_BOOK") -> None:
    entry = record["entry"]
    right = record["index"] == 0 and entry["kind"] == "book_opened" and entry.get("origin") == pinned.name
    need(right, kind, "không phải bản ghi mở sổ này — record 0 does not open the book of this origin", 0)


def read_file(path: Path, most: int = MAX_FILE) -> bytes | None:
    try:
        if path.exists() and not path.is_file():
            raise OSError("not a file")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise Cannot(f"không đọc được — cannot be read: {path.name}: {error}") from None
    if len(data) > most:
        raise Cannot(f"quá lớn — too large: {path.name}")
    return data


def tile(folder: Path, level: object, number: int, width: int, most: int) -> tuple[str, bytes, int] | None:
    """(path, bytes, width) of a tile; the full one where the partial one is gone."""
    groups, rest = f"{number % 1000:03d}", number // 1000
    while rest:
        groups, rest = f"x{rest % 1000:03d}/{groups}", rest // 1000
    path = f"tile/{level}/{groups}"
    names = ((f"{path}.p/{width}", width), (path, 256))[width == 256 :]
    found = ((name, data, wide) for name, wide in names if (data := read_file(folder / name, most)) is not None)
    return next(found, None)


def bodies(folder: Path, size: int) -> Iterator[tuple[int, bytes]]:
    for first in range(0, size, 256):
        width, entries, place = min(256, size - first), [], 0  # type: int, list[bytes], int
        found = tile(folder, "entries", first // 256, width, 256 * (2 + MAX_RECORD))
        need(found, "RECORD_MISSING", f"thiếu bản ghi từ đây — records are missing from {first} on", first)
        path, data, wide = found or ("", b"", 0)
        while place < len(data):
            start = place + 2
            place = start + int.from_bytes(data[place:start], "big")
            entries.append(data[start:place])
        need(place == len(data) and len(entries) == wide, "TILE_DIFFERS", f"tệp hỏng — malformed: {path}", first)
        yield from enumerate(entries[:width], first)


def check_tiles(folder: Path, asked: Asked, report: Report) -> None:
    """Rule 9, and with it rules 4 to 8 for every record."""

    def compare(level: int, number: int, row: list[bytes]) -> None:
        path, data, width = tile(folder, level, number, len(row), 256 * 32) or ("", b"".join(row), len(row))
        with report.noting((number * 256) << (8 * level)):
            right = len(data) == 32 * width and data.startswith(b"".join(row))
            need(right, "TILE_DIFFERS", f"không phải của các bản ghi — not the hashes of the records: {path}")

    # What the notes say is not believed yet: whose signature they need is known when the records have named the keys.
    names = ["checkpoint"] if asked.policy is None else ["checkpoint", "checkpoint.witnessed"]
    given = {name: read_file(folder / name, 1_000_000) for name in names} | {"--since": asked.since}
    notes = {name: Checkpoint(data, asked.key, signed=False) for name, data in given.items() if data is not None}
    if "checkpoint" not in notes:
        raise Cannot("không có tệp `checkpoint` — there is no file `checkpoint`")
    tree, fold, chain, previous, before = Tree(compare), Fold(), Chain(asked.key), "0" * 64, Json()
    reached = {0: (sha256(), "")}
    with report.noting():
        for index, body in bodies(folder, notes["checkpoint"].size):
            leaf = sha256(b"\x00", body)
            tree.add(leaf)
            with report.noting(index):
                record = read_record(body)
                order = (index, previous, max(record["at"], before.get("at", "")), before.get("book", record["book"]))
                for name, kind, value in zip(("index", "previous", "at", "book"), ORDER, order, strict=True):
                    if record[name] != value:
                        report.add(kind, f"sai thứ tự — `{name}` does not follow from the record before", index)
                before = record
                chain.take(record)
                fold.take(record)
            previous = leaf.hex()
            if any(tree.size == checkpoint.size for checkpoint in notes.values()):
                reached[tree.size] = (tree.root(), before.get("at", ""))
    for level, row in enumerate(tree.rows):
        compare(level, tree.size >> (8 * level + 8), row)
    report.size, report.root, held = tree.size, tree.root().hex(), list[Checkpoint]()
    for name, checkpoint in notes.items():
        with report.noting():
            size, saved = checkpoint.size, name == "--since"
            chain.accept(checkpoint, *([asked.key] if saved else []))
            need(size in reached, "ROLLED_BACK", f"{name}: thiếu — covers {size} records of {tree.size}", tree.size)
            kind = "FORKED" if saved else "ROOT_DIFFERS"
            need(reached[size][0] == checkpoint.root, kind, f"{name}: gốc khác — another root than the records'", size)
            held += [] if saved else [checkpoint]
    with report.noting():
        named = asked.key in dict(chain.terms) or not chain.terms
        need(named, "KEY_DIFFERS", "khóa đã ghim không phải của sổ này — the pinned key is none of this book's", 0)
        need(not chain.lost, "KEY_COMPROMISED", "khóa đã bị lộ — the pinned key was compromised", chain.lost)
    if asked.policy is not None:
        check_witnesses(asked.policy, held, reached, report)
    fold.open_matters(report)
    report.cannot += [HISTORY] if asked.policy is None and asked.since is None else []


def check_witnesses(policy: Policy, held: list[Checkpoint], reached: dict[int, Any], report: Report) -> None:
    """Rule 5 over a log: the largest checkpoint with the quorum, and no record later than who has seen it."""
    witnessed = -1
    for checkpoint in held:
        with report.noting(checkpoint.size):
            (enough, times), (_, last) = policy.times(checkpoint), reached[checkpoint.size]
            report.facts.update({"cosigned_at": times[-1]} if times else {})
            late = times and last and datetime.fromisoformat(last).timestamp() > times[0] + TOLERANCE
            need(not late, "RECORD_AFTER_WITNESS", "muộn hơn chứng kiến — later than its witness", checkpoint.size - 1)
            witnessed = max(witnessed, checkpoint.size if enough else -1)
    if witnessed < 0:
        report.add("NOT_WITNESSED", "không mốc nào đủ bên làm chứng — no checkpoint has the quorum of the policy")
    elif witnessed < report.size and policy.quorum != "none":
        report.add("TAIL_NOT_WITNESSED", "từ đây chưa có chứng kiến — not witnessed from here on", witnessed, "open")


def read_proof(data: bytes) -> tuple[int, list[bytes], bytes | None, bytes]:
    """Rule 10: (index, hashes, extra data, checkpoint) of a .tlog-proof, nothing verified."""
    above, blank, checkpoint = data.partition(b"\n\n")
    header, *lines = above.decode("ascii", "replace").split("\n")
    extra = unbase64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
    right = header == "c2sp.org/tlog-proof@v1" and blank and checkpoint and lines and lines[0].startswith("index ")
    right = right and (extra is None or 1 <= len(extra) <= 65_536)
    need(right, "MALFORMED", "không phải tệp bằng chứng — not a tlog-proof")
    return decimal(lines[0][6:]), hashes_of(lines[1:]), extra, checkpoint


def hashes_of(lines: list[str]) -> list[bytes]:
    path = [unbase64(line) for line in lines[:64]]
    right = len(path) < 64 and all(len(value) == 32 for value in path)
    need(right, "MALFORMED", "không phải dãy mã băm — not a list of at most 63 hashes of 32 bytes")
    return path


def proven(body: bytes, index: int, path: list[bytes], checkpoint: Checkpoint) -> Json:
    need(index < checkpoint.size, "PROOF_FAILED", "chỉ số vượt số bản ghi — the index is beyond the size", index)
    root = climb([sha256(b"\x00", body)], index, checkpoint.size - 1, path)
    need(root == [checkpoint.root], "PROOF_FAILED", "không dẫn tới gốc đã ký — the proof leads to another root", index)
    record = read_record(body)
    need(record["index"] == index, "OUT_OF_SEQUENCE", "tự ghi số khác — the record says another index than its proof")
    return record


def check_proof(data: bytes, asked: Asked, report: Report) -> None:
    index, path, extra, note = read_proof(data)
    checkpoint, body = Checkpoint(note, asked.key), extra if asked.record is None else asked.record
    if body is None:
        raise Cannot("thiếu bản ghi: dùng --record — the record itself is missing: give --record")
    record = proven(body, index, path, checkpoint)
    finish(checkpoint, asked, report, index=index, kind=record["entry"]["kind"], at=record["at"])


EF = rb"/(?:E|#45)(?:F|#46)[\0\t\n\f\r ]*(?:<<|%|[-+]?[0-9]+[\0\t\n\f\r %])"  # in any spelling
SPEC = rb"\n([0-9]{1,6}) 0 obj\n<< /AFRelationship /Data /EF << /F ([0-9]{1,6}) 0 R /UF \2 0 R >> "
SPEC += rb"/F \(([A-Za-z0-9._-]{1,99})\) /Type /Filespec /UF \(\3\) >>\nendobj"
END = rb"(trailer << (?:/Info [0-9]+ 0 R )?/Root [0-9]+ 0 R /Size ([0-9]{1,6}) "
END += rb"(?:/ID \[<[0-9a-f]{32}><[0-9a-f]{32}>\] )?>>\nstartxref\n([0-9]{1,9})\n%%EOF\s*\Z)"


def embedded(data: bytes) -> dict[str, bytes]:
    """Rule 11: the files in a paper as we write it, unfiltered, each where the table of objects says; else Cannot."""
    specs = list(re.finditer(SPEC, data))
    need(re.search(EF, data), "NO_PROOF_INSIDE", "trong PDF không có bằng chứng — there is no proof inside the PDF")
    files, clear, rows = dict[str, bytes](), False, 0
    for tail, count, at in re.findall(END, data[-400:]) if len(specs) == len(re.findall(EF, data)) else ():
        rows = int(at) + len(head := b"xref\n0 %b\n" % count)
        clear = data.startswith(head, int(at)) and data.startswith(tail, rows + 20 * int(count))
    for spec, number, name in ((spec, spec[2], spec[3].decode()) for spec in specs[:32]):
        form = b"\n%b 0 obj\n<< /Params [^\n]{1,200} /Type /EmbeddedFile /Length ([0-9]{1,8}) >>\nstream\n" % number
        found = [(each.end(), each.end() + int(each[1]), each) for each in re.finditer(form, data)]
        clear = clear and len(found) == 1 and data.startswith(b"\nendstream", found[0][1]) and name not in files
        for row, each in ((int(spec[1]), spec), (int(number), found[0][2])) if clear else ():
            clear = clear and data.startswith(b"%010d 00000 n \n" % (each.start() + 1), rows + 20 * row)
        files[name] = data[slice(*found[0][:2])] if clear else b""
    if not clear:
        raise Cannot("PDF không phải dạng của giấy Sổ Vàng — not a PDF as our papers are")
    return files


def gift_of(entry: Json, part: int | None) -> tuple[Any, Any, Any, Any]:
    """(minor, unit, fund, who gave it) of a gift, or of one part of a sheet, batch, brought balance, gift of goods."""
    lists = {"cash_sheet_received": "envelopes", "balance_brought": "gifts", "gateway_settled": "gifts"}
    lists |= {"goods_received": "items", "goods_given_directly": "items"}
    amount = entry.get("credited" if entry["kind"] == "gateway_settled" else "amount")
    amount = amount if isinstance(amount, dict) else {}
    if part is None:
        return amount.get("minor"), amount.get("unit"), entry.get("fund"), entry.get("donor")
    items = entry.get(lists.get(entry["kind"], ""))
    gift = items[part] if isinstance(items, list) and part < len(items) and isinstance(items[part], dict) else {}
    minor, unit = gift.get("minor", gift.get("quantity")), amount.get("unit", gift.get("goods"))
    return minor, unit, gift.get("fund", entry.get("fund")), gift.get("donor", entry.get("donor"))


def opened_name(openings: Any, donor: Any, *, wanted: bool) -> str | None:
    """The name that an opening opens: the one that the record commits to. None where it commits to none."""
    seals = donor["seals"] if shaped(donor, {"seals": [{"commitment": HASH, "field": str}], "tag": str}) else []
    sealed = [seal["commitment"] for seal in seals if seal["field"] == "name"]
    if not sealed and not wanted:
        return None
    right = sealed and isinstance(openings, dict) and shaped(openings.get("name"), {"r": HASH, "value": str})
    need(right, "NAME_DIFFERS", "không mở được tên đã che — the opening of the name, or its seal, is missing")
    key, value = bytes.fromhex(openings["name"]["r"]), str(openings["name"]["value"])
    right = hmac.new(key, f"{donor['tag']}\0name\0{value}".encode(), "sha256").hexdigest() == sealed[-1]
    need(right, "NAME_DIFFERS", "không phải tên đã ghi — not the name that the record commits to")
    return value


def check_paper(data: bytes, asked: Asked, report: Report) -> None:
    files, records, checkpoints = embedded(data), Json(), []  # type: dict[str, bytes], Json, list[Checkpoint]
    for name in ("book", "gift", "paper"):
        right = {f"{name}.record", f"{name}.tlog-proof"} <= set(files)
        need(right, "NO_PROOF_INSIDE", f"trong PDF thiếu bằng chứng — the PDF lacks {name}.record or its proof")
        index, path, _, note = read_proof(files[f"{name}.tlog-proof"])
        checkpoints.append(Checkpoint(note, asked.key))
        records[name] = proven(files[f"{name}.record"], index, path, checkpoints[-1])
    one = len({checkpoint.text for checkpoint in checkpoints}) == 1
    need(one, "CHECKPOINTS_DIFFER", "các bằng chứng khác mốc — the proofs are of different checkpoints")
    check_opening(records["book"], asked.key)
    gift, paper, index = records["gift"]["entry"], records["paper"]["entry"], records["gift"]["index"]
    number, part = paper.get("number"), paper.get("part")
    right = paper["kind"] == "certificate_issued" and shaped(number, 1) and (part is None or shaped(part, 0))
    need(right, "NOT_A_PAPER", "bản ghi không cấp giấy nào — the record issues no paper")
    minor, unit, fund, donor = gift_of(gift, part)
    kinds = ("gift_received",) if part is None else ("cash_sheet_received", "gateway_settled")
    right = (paper.get("gift"), paper.get("gift_leaf")) == (index, sha256(b"\x00", files["gift.record"]).hex())
    right = right and gift["kind"] in kinds and shaped(minor, 1)
    need(right, "NOT_THE_GIFT", "giấy này của khoản khác — the paper is of another gift")
    notes = canonical(files["paper.json"]) if files.get("paper.json") else None
    giver = opened_name(notes.get("openings") if isinstance(notes, dict) else None, donor, wanted=False)
    facts = {field: {**gift, **paper}.get(field) for field in ("paper", "number", "issued_on", "received_on")}
    facts |= {"index": records["paper"]["index"], "gift": index}
    finish(checkpoints[0], asked, report, REVOKED, **facts, minor=minor, unit=unit, fund=fund, name=giver)


PART, WAY = {"goods": dict, "minor": 0, "unit": str}, f"({'|'.join(WAYS)}){CODE}"
TRACE = {"amount": AMOUNT, "fund": str, "held": [{"account": WAY, **PART}], "refunded_minor": 0}
TRACE["uses"] = [{"index": 0, **PART}]
BUNDLE = {"checkpoint": str, "format": "sovang-bundle/1", "gift": {"index": 0, "part?": 0}, "trace": TRACE}
BUNDLE.update({"openings": {"name?": {"r": HASH, "value": str}}, "records": [{"path": [str], "record": str}]})


def stop(account: str, unit: str, index: int) -> str:
    """An account and unit as a stop on a way; an exchange, where money becomes goods, is one stop in each record."""
    end = index if account == "exchange-purpose" else unit if account.startswith(WAYS) else ""
    return f"{account} {end}" if end != "" else ""


def reached_from(start: str, records: Iterable[Json]) -> set[str]:
    steps, reached = dict[str, list[str]](), [start]
    for index, p in ((record["index"], p) for record in records for p in record["postings"]):
        source, destination = (stop(p[end], p["amount"]["unit"], index) for end in ("source", "destination"))
        steps.setdefault(source, []).append(destination)
    for place in reached:  # a list is walked as it grows
        reached += steps.pop(place, []) if place else []
    return set(reached) - {""}


def check_bundle(data: bytes, asked: Asked, report: Report) -> None:
    bundle, wrong = canonical(data, 16_000_000), "gói sai dạng — the bundle has another form"
    need(shaped(bundle, BUNDLE) and 1 <= len(bundle["records"]) <= 20_000, "MALFORMED", wrong)
    trace, amount, gift, part = bundle["trace"], bundle["trace"]["amount"], bundle["gift"], bundle["gift"].get("part")
    fund, told = trace["fund"], trace["uses"] + trace["held"]
    proofs = [(item["record"].encode(), hashes_of(item["path"])) for item in bundle["records"]]
    records = [read_record(body) for body, _ in proofs]
    for items, key in ((trace["held"], "account"), (trace["uses"], "index"), (records, "index")):
        keys = [item[key] for item in items]
        need(keys == sorted(set(keys)), "MALFORMED", wrong)
    goods = [pair for item in told for pair in item["goods"].items()]
    need(all(shaped(unit, UNIT) and shaped(count, 0) for unit, count in goods), "MALFORMED", wrong)
    chain = Chain(asked.key, (asked.key, 0))
    for each in records:
        entry, index = each["entry"], each["index"]
        if entry["kind"] == "key_replaced" and entry.get("old_key") == chain.terms[-1][0].text:
            rotated = entry.get("compromised") is False
            need(rotated, "KEY_COMPROMISED", "khóa đã bị lộ — the pinned key was compromised", index)
            chain.replace(entry, index, "KEY_CHAIN_BROKEN")
    checkpoint = Checkpoint(bundle["checkpoint"].encode(), asked.key, signed=False)
    chain.accept(checkpoint, *(key for key, _ in chain.terms if not checkpoint.signed_by(key)))
    for record, (body, path) in zip(records, proofs, strict=True):
        proven(body, record["index"], path, checkpoint)
    check_opening(records[0], asked.key)
    by_index = {record["index"]: record for record in records}
    brought = by_index.get(gift["index"], {"postings": [], "entry": {"kind": ""}})
    entry, home = brought["entry"], f"fund:{fund}"
    if entry["kind"] == "goods_given_directly" and entry.get("fund") == fund:
        home = f"used:{entry.get('allocation')}"  # given straight: they never lay in the fund
    given = [p["amount"] for p in brought["postings"] if p["source"] in GIVERS and p["destination"] == home]
    came = sum(item["minor"] for item in given if item["unit"] == amount["unit"])
    *named, donor = gift_of(entry, part)
    right = came == amount["minor"] if part is None else came >= amount["minor"]
    right = right and (part is None or named == [amount["minor"], amount["unit"], fund])
    need(right, "NOT_THE_GIFT", "khoản ủng hộ khác — the record does not bring in what the trace says")
    total = sum(item["minor"] for item in told) + trace["refunded_minor"]
    right = total == amount["minor"] and all(item["unit"] == amount["unit"] for item in told)
    need(right, "SUM_DIFFERS", f"cộng không khớp — {total} is accounted for of {amount['minor']}")
    reached = reached_from(stop(home, amount["unit"], 0) or home, records)
    for use in trace["uses"]:
        record, sources = by_index.get(use["index"], {"postings": []}), set[str]()
        used = [p for p in record["postings"] if p["destination"].startswith(SINKS)]
        for unit, minor in (use["goods"] or {use["unit"]: use["minor"]}).items():
            some = [p for p in used if p["amount"]["unit"] == unit]
            right = some and sum(p["amount"]["minor"] for p in some) >= minor
            need(right, "USE_NOT_SHOWN", f"không có trong gói — it does not use {minor} {unit}", use["index"])
            sources |= {stop(p["source"], unit, use["index"]) for p in some}
            sources |= {home for p in some if p["source"] in GIVERS and p["destination"] == home}
        need(sources & reached, "NO_PATH", "không có đường từ nguồn tới lần dùng — no way leads there", use["index"])
    name = opened_name(bundle["openings"], donor, wanted=True) if bundle["openings"] else None
    said: Json = {key: trace.pop(key) for key in ("held", "refunded_minor")}
    bought = [use for use in trace["uses"] if use["goods"]]
    said["uses"] = [{"index": use["index"], "minor": use.pop("minor"), "unit": use.pop("unit")} for use in bought]
    finish(checkpoint, asked, report, USES, **trace, gift=gift["index"], part=part, name=name, said_not_proven=said)


def check_fork(data: bytes, asked: Asked, report: Report) -> None:
    fork = canonical(data, 4_000_000)
    right = shaped(fork, {"format": "sovang-fork/1", "newer": str, "older": str, "path": [str]})
    need(right, "MALFORMED", "không phải bằng chứng rẽ nhánh — not a fork proof")
    newer, older = (Checkpoint(fork[name].encode(), asked.key) for name in ("newer", "older"))
    path, place, last = hashes_of(fork["path"]), older.size - 1, newer.size - 1
    right = place == last and not path and older.root != newer.root
    if 0 <= place < last and path:
        while place & 1:
            place, last = place >> 1, last >> 1
        ends = climb(path[:1] * 2, place, last, path[1:])
        right = ends[1] == newer.root and ends[0] != older.root
    need(right, "MALFORMED", "không chứng tỏ rẽ nhánh — the two checkpoints are not shown to contradict each other")
    report.size, report.root = newer.size, newer.root.hex()
    report.facts.update(proves="fork", older=older.size, newer=newer.size)


BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def check_qr(data: bytes, asked: Asked, report: Report) -> None:
    wrong = "mã QR hỏng — the QR code does not hold a record and its proof"
    text, packed, unpacker = data.decode("ascii", "replace")[4:].removesuffix("\n"), b"", zlib.decompressobj(-15)
    need(len(text) <= 4_292 and set(text) <= set(BASE45), "MALFORMED", wrong)
    for group in (text[at : at + 3] for at in range(0, len(text), 3)):
        value = sum(BASE45.index(letter) * 45**place for place, letter in enumerate(group))
        need(len(group) > 1 and value < 256 ** (len(group) - 1), "MALFORMED", wrong)
        packed += value.to_bytes(len(group) - 1, "big")
    try:
        record, parted, proof = unpacker.decompress(packed, 200_000).partition(b"\n")
    except zlib.error:
        raise Bad("MALFORMED", wrong) from None
    whole = unpacker.eof and not unpacker.unused_data and parted
    need(whole and read_proof(proof)[2] is None, "MALFORMED", wrong)
    check_proof(proof, asked._replace(record=record), report)


FORMS: dict[bytes, Any] = {b"%PDF-": check_paper, b"SV1:": check_qr, b"c2sp.org/tlog-proof": check_proof}
FORMS |= {b'{"checkpoint":': check_bundle, b'{"format":': check_fork}  # a file is known by its first bytes
VERDICTS = (
    "TỐT: không thấy điều gì sai. — GOOD: nothing wrong was found.",
    "SAI: có điều không đúng. — WRONG: something was found.",
    "GỌI SAI CÁCH. — MISUSE.",
    "KHÔNG XÁC ĐỊNH ĐƯỢC. — COULD NOT TELL.",
    "ĐÃ RẼ NHÁNH: khóa này đã ký hai lịch sử trái nhau. — FORK PROVEN: this key has signed two histories.",
)


def judge(path: Path, vkey: str | None, *given: bytes | None) -> tuple[int, Json]:
    """(exit code, the JSON document); `given` are policy, saved checkpoint and record: the whole of this program."""
    report, code = Report(), 0
    policy, since, record = (*given, None, None, None)[:3]
    try:
        rule = None if policy is None else Policy(policy)
        vkey = rule.logs[0].text if vkey is None and rule and len(rule.logs) == 1 else vkey
        if vkey is None:
            raise Cannot("chưa có khóa: dùng --vkey — give --vkey (the key that the log names proves nothing)")
        data = read_file(Path(vkey), 10_000) if vkey and "+" not in vkey else None
        try:
            key = read_key(vkey if data is None else data.decode("utf-8", "replace").strip())
        except Bad as error:
            raise Cannot(f"--vkey: {error}", 2) from None
        with report.noting():
            data = b"" if path.is_dir() else read_file(path)
            asked, form = Asked(key, rule, since, record), [start for start in FORMS if data and data.startswith(start)]
            if path.is_dir():
                check_tiles(path, asked, report)
            elif not form:
                raise Cannot("không có, hoặc không biết là tệp gì — not there, or no file that this program knows")
            else:
                FORMS[form[0]](data, asked, report)
    except Cannot as error:
        message, code = (*error.args, 3)[:2]
        report.add("CANNOT_TELL", message)
    answer: Json = {"ok": code == 0 and not report.broken, "size": report.size, "root": report.root}
    answer |= {"findings": report.findings, "findings_not_listed": report.more, "cannot_exclude": report.cannot}
    return code or (0 if answer["ok"] else 1), answer | report.facts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", metavar="PATH")
    for name in ("--vkey", "--policy", "--since", "--record"):
        parser.add_argument(name)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    code, answer = 3, {"ok": False, "size": 0, "root": "", "findings": []}  # type: int, Json
    try:
        names = [asked.policy, asked.since, asked.record]
        given = [None if name is None else read_file(Path(name)) for name in names]
        if [name is None for name in names] != [data is None for data in given]:
            parser.error("không có tệp đã nêu — a file that was named is not there")
        code, answer = judge(Path(asked.path), asked.vkey, *given)
    except Exception as error:  # whatever else: never a verdict by accident
        answer["error"] = f"{type(error).__name__}: {error}"
    if asked.json:
        print(json.dumps(answer, ensure_ascii=False, indent=1))
        return code
    print(VERDICTS[4 if code == 0 and answer.get("proves") == "fork" else code])
    for name, value in answer.items():
        if name not in ("ok", "findings", "cannot_exclude") and value not in ("", None, 0):
            print(f"  {SAID if name == 'said_not_proven' else name}: {value}")
    for finding in answer["findings"]:
        print("  {severity} {kind} [{index}]: {detail}".format(**finding).replace(" [None]", ""))
    print(*(f"  ? {sentence}" for sentence in answer.get("cannot_exclude", [])), sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
