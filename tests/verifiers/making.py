"""What the shared table is made with: an invented book under keys whose seeds are known, and files about it.

The records are those of a real book (tests/worlds.py), chained again under the table's own key, so that the
table can also sign what nobody honest would. Bundles, tiles and proofs are put together here from
docs/format.md, not by the product's own makers, so that a mistake of theirs does not hide itself.
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.findings import OPEN_KINDS
from certificates.attach import attached
from certificates.issue import issue, render_paper
from ledger.log.cosignature import CosigningKey
from ledger.log.note import SigningKey
from tests.audits import check_book
from tests.ledger.saying import DAY, bodies, first_year, say
from tests.worlds import TODAY, World, vnd

Record = dict[str, Any]
Files = dict[str, bytes]


def canonical(value: object) -> bytes:
    """Canonical JSON, for the values a record holds."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def leaf(body: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + body).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node(root(leaves[:k]), root(leaves[k:]))


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1."""
    if len(leaves) < 2:
        return []
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < k:
        return [*path(index, leaves[:k]), root(leaves[k:])]
    return [*path(index - k, leaves[k:]), root(leaves[:k])]


def consistency(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """RFC 6962 section 2.1.2; `whole` is its flag b."""
    if old == len(leaves):
        return [] if whole else [root(leaves)]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if old <= k:
        return [*consistency(old, leaves[:k], whole=whole), root(leaves[k:])]
    return [*consistency(old - k, leaves[k:], whole=False), root(leaves[:k])]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def edited(records: Sequence[bytes], index: int, change: Callable[[Record], object]) -> list[bytes]:
    """The records, one of them changed, those after it linked to it as an attacker with the key would."""
    value = json.loads(records[index])
    change(value)
    return replaced(records, index, canonical(value))


def replaced(records: Sequence[bytes], index: int, body: bytes) -> list[bytes]:
    """The records with other bytes at one place, those after it linked to them."""
    out = [*records[:index], body]
    now = {leaf(records[index]).hex(): leaf(body).hex()}
    for old in records[index + 1 :]:
        text = re.sub(rb"[0-9a-f]{64}", lambda m: now.get(m[0].decode(), m[0].decode()).encode(), old)
        now[leaf(old).hex()] = leaf(text).hex()
        out.append(text)
    return out


def following(records: Sequence[bytes], entry: Record, postings: Sequence[Record] = (), **frame: Any) -> list[bytes]:
    """The records and one more."""
    last = json.loads(records[-1])
    record = {
        "at": last["at"],
        "book": last["book"],
        "by": "ke-toan",
        "entry": entry,
        "index": len(records),
        "postings": list(postings),
        "previous": leaf(records[-1]).hex(),
        "reference": f"ke-toan/t{len(records)}",
        "v": 1,
    }
    return [*records, canonical({**record, **frame})]


def posting(minor: int, source: str, destination: str, unit: str = "VND") -> Record:
    return {"amount": {"minor": minor, "unit": unit}, "destination": destination, "source": source}


def gift_entry(number: int, fund: str = "chung", minor: int = 10_000) -> tuple[Record, list[Record]]:
    """One more gift without a name, and its postings."""
    tag = hashlib.sha256(f"tag {number}".encode()).hexdigest()[:32]
    entry = {
        "amount": {"minor": minor, "unit": "VND"},
        "donor": {"seals": [], "tag": tag},
        "fund": fund,
        "kind": "gift_received",
        "parts": [],
        "place": "bank:VCB",
        "received_on": DAY,
    }
    return entry, [posting(minor, "donors", f"fund:{fund}"), posting(minor, "outside", "bank:VCB")]


def tile_files(records: Sequence[bytes], *, hashes: bool = True) -> Files:
    """The log as tlog-tiles, as docs/format.md says it."""
    files: Files = {}

    def name(level: object, number: int, width: int) -> str:
        text = f"{number:03d}" if number < 1000 else f"x{number // 1000:03d}/{number % 1000:03d}"
        return f"tile/{level}/{text}" + ("" if width == 256 else f".p/{width}")

    for number in range(-(-len(records) // 256)):
        part = records[256 * number : 256 * number + 256]
        files[name("entries", number, len(part))] = b"".join(len(b).to_bytes(2, "big") + b for b in part)
    level, row = 0, [leaf(body) for body in records]
    while row and hashes:
        for number in range(-(-len(row) // 256)):
            part = row[256 * number : 256 * number + 256]
            files[name(level, number, len(part))] = b"".join(part)
        row = [root(row[256 * i : 256 * i + 256]) for i in range(len(row) // 256)]
        level += 1
    return files


@dataclass(frozen=True)
class Story:
    """The invented book, chained under a key the table knows."""

    records: list[bytes]
    key: SigningKey
    papers: dict[str, tuple[int, int, dict[str, Any]]]
    """paper → (its index, the gift's index, the opening of the name)"""
    real_vkey: str
    real_pdfs: dict[str, bytes]
    """Papers as the product draws them, under the book's own key."""

    @property
    def origin(self) -> str:
        return self.key.name

    def find(self, kind: str, which: int = 0) -> int:
        """The index of a record of a kind."""
        return [i for i, body in enumerate(self.records) if json.loads(body)["entry"]["kind"] == kind][which]


def invent(folder: Path) -> Story:
    """A year of a fund, every kind of entry once, and papers for four gifts."""
    world = World.create(folder, None, seed="the table")
    first_year(world)
    world.open.checkpointer.run()
    whole = say(world, "gift_received", amount=vnd(900_000)).index
    sheet = _index(bodies(world), "cash_sheet_received")
    batch = _index(bodies(world), "gateway_settled")
    unnamed = say(world, "gift_received", amount=vnd(5_000), donor={"private": {}}).index
    world.open.checkpointer.run()
    asked: dict[str, tuple[int, dict[str, Any]]] = {
        "whole": (whole, {}),
        "sheet": (sheet, {"part": 1}),
        "batch": (batch, {"part": 0}),
        "unnamed": (unnamed, {}),
    }
    issued = {
        name: (issue(world.open, gift, "receipt", by="ke-toan", issued_on=TODAY, **more).index, gift)
        for name, (gift, more) in asked.items()
    }
    world.open.checkpointer.run()
    pdfs = {name: render_paper(world.open, index) for name, (index, _) in issued.items()}
    openings = {name: json.loads(attached(pdf)["paper.json"])["openings"] for name, pdf in pdfs.items()}
    check_book(world, allow=OPEN_KINDS)
    made = bodies(world)
    opened = json.loads(made[0])["entry"]
    key = log_key(opened["origin"])
    world.home.close()
    records = _under(made, opened["public_key"], key.vkey)
    papers = {name: (index, gift, openings[name]) for name, (index, gift) in issued.items()}
    return Story(records, key, papers, opened["public_key"], pdfs)


def log_key(origin: str) -> SigningKey:
    """The key that the table signs its logs with."""
    return SigningKey.from_seed(origin, hashlib.sha256(b"the table's log key").digest())


def _index(records: Sequence[bytes], kind: str) -> int:
    return next(i for i, body in enumerate(records) if json.loads(body)["entry"]["kind"] == kind)


def _under(records: Sequence[bytes], old_key: str, new_key: str) -> list[bytes]:
    return replaced(records, 0, records[0].replace(old_key.encode(), new_key.encode()))


def witness(number: int, algorithm: int = 0x04) -> CosigningKey:
    """One of the table's witnesses."""
    seed = hashlib.sha256(f"the table's witness {number}".encode()).digest()
    return CosigningKey.from_seed(f"witness.example/w{number}", seed, algorithm)


def base45(data: bytes) -> str:
    """RFC 9285."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
    out = []
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, digit = divmod(number, 45)
            out.append(letters[digit])
    return "".join(out)


def deflate(data: bytes) -> bytes:
    """Raw DEFLATE (RFC 1951)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def sign(text: str, *signers: SigningKey) -> bytes:
    """A signed note of any text, also of one that is no checkpoint."""
    lines = "".join(f"— {key.name} {b64(key.key_hash + key.sign(text.encode()))}\n" for key in signers)
    return f"{text}\n{lines}".encode()


def checkpoint_text(origin: str, size: object, root_hash: bytes, *extensions: str) -> str:
    return "".join(f"{line}\n" for line in (origin, size, b64(root_hash), *extensions))


def cosigned(note: bytes, *witnesses: tuple[CosigningKey, int]) -> bytes:
    """The note with a cosignature line of each (witness, POSIX seconds)."""
    text = note[: note.rindex(b"\n\n") + 1]
    return note + "".join(key.cosign(text, at).line() for key, at in witnesses).encode()


@dataclass(frozen=True)
class Log:
    """Records and the key that signs them."""

    records: list[bytes]
    key: SigningKey

    @property
    def leaves(self) -> list[bytes]:
        return [leaf(body) for body in self.records]

    def text(self, size: int | None = None, *extensions: str) -> str:
        size = len(self.records) if size is None else size
        return checkpoint_text(self.key.name, size, root(self.leaves[:size]), *extensions)

    def note(self, size: int | None = None, *extensions: str) -> bytes:
        return sign(self.text(size, *extensions), self.key)

    def path(self, index: int, size: int | None = None) -> list[bytes]:
        return path(index, self.leaves[:size])

    def proof(self, index: int, note: bytes | None = None, *, extra: bool = True, size: int | None = None) -> bytes:
        """A .tlog-proof, the record itself as its extra data."""
        head = (
            f"c2sp.org/tlog-proof@v1\n{f'extra {b64(self.records[index])}' + chr(10) if extra else ''}index {index}\n"
        )
        hashes = "".join(f"{b64(value)}\n" for value in self.path(index, size))
        return f"{head}{hashes}\n".encode() + (self.note(size) if note is None else note)
