"""The shared table: good and bad logs, proofs, bundles, papers, fork proofs and QR texts, as files.

Every verifier of this project, in whatever language, runs the same table and must agree with it:

    python -m tests.verifiers.table FOLDER      writes the files and FOLDER/table.json, the same bytes each time

`table.json` is a list of {"id", "form": "tiles|proof|bundle|pdf|fork|qr", "path", "vkey", "policy", "since",
"record", "good", "why", "rules_only"}. Paths are relative to the folder; `policy`, `since` and `record` are null
or a path: the policy file (C2SP tlog-policy), a checkpoint kept from before, the bytes of a proof's record.

`good` is the verdict wanted: true means that nothing is broken (open matters may be left), false that the file
must not be believed, whether it was found wrong or could not be read. A fork proof is good when it proves a fork.
`why` names the rule, for a bad case the one that is broken. Cases with `rules_only` break a rule that needs the
whole rule book: `sovang verify` must find it, others say good and that they did not check the rules.
"""

import json
import sys
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256, shake_256
from pathlib import Path
from typing import Any, Literal

from certificates.attach import attach
from ledger.log.note import SigningKey
from tests.certificates.test_attach import page
from tests.ledger.saying import MILK
from tests.verifiers.given import COAT, OPENING, Given, trace
from tests.verifiers.making import (
    Files,
    Log,
    Record,
    Story,
    b64,
    base45,
    canonical,
    checkpoint_text,
    consistency,
    cosigned,
    deflate,
    edited,
    following,
    gift_entry,
    invent,
    leaf,
    posting,
    replaced,
    root,
    sign,
    tile_files,
    witness,
)

Form = Literal["tiles", "proof", "bundle", "pdf", "fork", "qr"]
ENDINGS = {
    "tiles": "",
    "proof": ".tlog-proof",
    "bundle": ".sovang-bundle",
    "pdf": ".pdf",
    "fork": ".sovang-fork",
    "qr": ".txt",
}

SEEN = int(datetime(2026, 9, 2, tzinfo=UTC).timestamp())
"""When the table's witnesses sign: a day after the records."""


@dataclass(frozen=True)
class Case:
    """One file and the verdict wanted; see the module's docstring."""

    id: str
    form: Form
    path: str
    vkey: str
    policy: str | None
    since: str | None
    record: str | None
    good: bool
    why: str
    rules_only: bool


class Table:
    """Writes the files of the cases and remembers what is wanted of them."""

    def __init__(self, folder: Path, story: Story) -> None:
        self.folder = folder
        self.story = story
        self.log = Log(story.records, story.key)
        self.cases: list[Case] = []

    def put(
        self,
        form: Form,
        name: str,
        content: bytes | Files,
        good: bool,
        why: str,
        *,
        vkey: str | None = None,
        policy: str | None = None,
        since: bytes | None = None,
        record: bytes | None = None,
        rules_only: bool = False,
    ) -> None:
        """One case."""
        path = f"{form}/{name}{ENDINGS[form]}"
        if isinstance(content, bytes):
            self._write(path, content)
        else:
            (self.folder / path).mkdir(parents=True)
            for file, data in content.items():
                self._write(f"{path}/{file}", data)
        self.cases.append(
            Case(
                f"{form}/{name}",
                form,
                path,
                self.story.key.vkey if vkey is None else vkey,
                self._kept("policy", None if policy is None else policy.encode()),
                self._kept("since", since),
                self._kept("record", record),
                good,
                why,
                rules_only,
            )
        )

    def tiles(
        self, name: str, records: Sequence[bytes], good: bool, why: str, *, note: bytes | None = None, **more: Any
    ) -> None:
        """A log in which everything but what is given is right."""
        log = Log(list(records), self.story.key)
        files = {"checkpoint": log.note() if note is None else note, **tile_files(records)}
        self.put("tiles", name, files, good, why, **more)

    def _kept(self, sort: str, data: bytes | None) -> str | None:
        if data is None:
            return None
        path = f"{sort}/{sha256(data).hexdigest()[:16]}"
        if not (self.folder / path).exists():
            self._write(path, data)
        return path

    def _write(self, path: str, data: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def make_cases(folder: Path) -> list[Case]:
    """Writes every case into `folder` and returns them, in a fixed order."""
    with tempfile.TemporaryDirectory() as home:
        story = invent(Path(home) / "home")
    table = Table(folder, story)
    for section in SECTIONS:
        section(table)
    assert len({case.id for case in table.cases}) == len(table.cases)
    text = json.dumps([asdict(case) for case in table.cases], ensure_ascii=False, indent=1)
    (folder / "table.json").write_text(text + "\n", encoding="utf-8")
    return table.cases


# --- logs -------------------------------------------------------------------------------------------------------


def long(story: Story, size: int) -> list[bytes]:
    """The story, and gifts until there are `size` records."""
    records = list(story.records)
    while len(records) < size:
        records = following(records, *gift_entry(len(records)))
    return records[:size]


def log_sizes(t: Table) -> None:
    """Good logs of every shape of tree and tiles."""
    whole = long(t.story, 600)
    for size in (1, 2, 3, 4, 5, 7, 8, 11, 16, 31, 45, 59, 64, 65, 255, 256, 257, 511, 512, 513, 600):
        t.tiles(f"size-{size}", whole[:size], True, f"a log of {size} records")
    files = tile_files(whole)
    cut = {name: data for name, data in files.items() if ".p/" not in name}
    t.put(
        "tiles",
        "full-for-partial",
        {"checkpoint": Log(whole[:300], t.story.key).note(), **cut},
        True,
        "the partial tiles are gone, full ones of a later size stand there",
    )
    both = {**files, **tile_files(whole[:300])}
    t.put(
        "tiles",
        "older-checkpoint",
        {"checkpoint": Log(whole[:300], t.story.key).note(), **both},
        True,
        "tiles of a later size beside those of the checkpoint",
    )
    t.put(
        "tiles",
        "no-hash-tiles",
        {"checkpoint": t.log.note(), **tile_files(t.log.records, hashes=False)},
        True,
        "tiles of hashes need not be there to verify the records",
    )
    t.put(
        "tiles",
        "other-files",
        {"checkpoint": t.log.note(), **tile_files(t.log.records), "README": b"?"},
        True,
        "files that no rule names",
    )
    late = {**files, "tile/entries/000": files["tile/entries/000"][:-1]}
    t.put(
        "tiles",
        "late-truncated-full",
        {"checkpoint": Log(whole, t.story.key).note(), **late},
        False,
        "TILE_DIFFERS: a full bundle lacks its last byte",
    )
    for name, path, data in (
        ("level-1-bit", "tile/1/000.p/2", bytes([files["tile/1/000.p/2"][0] ^ 1]) + files["tile/1/000.p/2"][1:]),
        ("level-0-bit", "tile/0/001", files["tile/0/001"][:-1] + bytes([files["tile/0/001"][-1] ^ 128])),
        ("level-0-short", "tile/0/001", files["tile/0/001"][:-32]),
        ("level-0-long", "tile/0/002.p/88", files["tile/0/002.p/88"] + bytes(32)),
        ("level-0-ragged", "tile/0/002.p/88", files["tile/0/002.p/88"][:-1]),
        ("level-0-empty", "tile/0/002.p/88", b""),
    ):
        changed = {"checkpoint": Log(whole, t.story.key).note(), **files, path: data}
        t.put("tiles", f"hash-tile-{name}", changed, False, "TILE_DIFFERS: a tile of hashes is not the records'")
    swapped = {**files, "tile/entries/000": files["tile/entries/001"], "tile/entries/001": files["tile/entries/000"]}
    t.put(
        "tiles",
        "bundles-swapped",
        {"checkpoint": Log(whole, t.story.key).note(), **swapped},
        False,
        "OUT_OF_SEQUENCE: two bundles exchanged",
    )
    for name in ("tile/entries/000", "tile/entries/001", "tile/entries/002.p/88"):
        less = {path: data for path, data in files.items() if path != name}
        t.put(
            "tiles",
            f"missing-{name.replace('/', '-')}",
            {"checkpoint": Log(whole, t.story.key).note(), **less},
            False,
            "RECORD_MISSING: a bundle is not there",
        )


def log_checkpoints(t: Table) -> None:
    """The signed note over a log whose records are right."""
    log, key, size = t.log, t.story.key, len(t.story.records)
    text, note = log.text(), log.note()
    other = SigningKey.from_seed(key.name, sha256(b"another").digest())
    stranger = SigningKey.from_seed("stranger.example", sha256(b"stranger").digest())
    head, line = note.decode().split("\n\n")
    signature = line.split(" ")[2].strip()

    def good(name: str, given: bytes, why: str) -> None:
        t.tiles(f"note-{name}", log.records, True, why, note=given)

    def bad(name: str, given: bytes | str, why: str, rule: str = "CHECKPOINT_INVALID") -> None:
        data = given.encode() if isinstance(given, str) else given
        t.tiles(f"note-{name}", log.records, False, f"{rule}: {why}", note=data)

    good("extension", log.note(None, "an extension line", "and one more"), "extension lines")
    good("vietnamese-extension", log.note(None, "Mốc niêm phong — 2026"), "an extension line beyond ASCII")
    good("stranger-too", sign(text, stranger, key), "a line of a key nobody asked for")
    good("stranger-wrong", note + f"— stranger.example {b64(bytes(68))}\n".encode(), "a wrong line of an unknown key")
    good("same-name-other-key", sign(text, other, key), "a line of another key of the same name")
    good("twice", note + line.encode(), "the same line twice")
    good("hundred-lines", sign(text, *[stranger] * 99, key), "100 signature lines")
    # Its bytes are made up: a real one is drawn anew each time, and nobody asks for it.
    made_up = b64(shake_256(b"ML-DSA").digest(4 + 8 + 2420))
    good("mldsa-line", note + f"— witness.example/w9 {made_up}\n".encode(), "an ML-DSA-44 line that nobody asked for")

    bad("smaller", log.note(30), "its own partial bundle is gone and no full one is there", "RECORD_MISSING")
    flipped = b64(bytes([*key.key_hash, *(b ^ (i == 5) for i, b in enumerate(key.sign(text.encode())))]))
    bad("signature-bit", f"{head}\n\n— {key.name} {flipped}\n", "one bit of the signature")
    bad("signature-wrong-beside-right", f"{head}\n\n{line}— {key.name} {flipped}\n", "the key's second line is wrong")
    bad("signature-short", f"{head}\n\n— {key.name} {b64(key.key_hash + key.sign(text.encode())[:-1])}\n", "63 bytes")
    bad(
        "signature-long",
        f"{head}\n\n— {key.name} {b64(key.key_hash + key.sign(text.encode()) + bytes(1))}\n",
        "65 bytes",
    )
    bad("signature-empty", f"{head}\n\n— {key.name} {b64(key.key_hash)}\n", "no signature bytes")
    bad("other-key", sign(text, other), "signed by another key of the same name")
    bad("stranger-only", sign(text, stranger), "signed by a stranger only")
    bad(
        "forged-hash",
        f"{head}\n\n— {key.name} {b64(key.key_hash + other.sign(text.encode()))}\n",
        "another key's signature under this key's hash",
    )
    bad(
        "text-without-end",
        f"{head}\n\n— {key.name} {b64(key.key_hash + key.sign(text[:-1].encode()))}\n",
        "signed without the last line end",
    )
    longer = b64(key.key_hash + key.sign(text.encode() + b"\n"))
    bad("text-with-empty-line", f"{head}\n\n— {key.name} {longer}\n", "signed with the empty line")
    bad("no-signature", f"{head}\n\n", "no signature line")
    bad("text-only", f"{head}\n", "no empty line")
    bad("no-final-newline", note[:-1], "no line end at the end")
    bad("hyphen", note.decode().replace("—", "-"), "a hyphen in place of the dash")
    bad("en-dash", note.decode().replace("—", "–"), "an en dash in place of the dash")
    bad("two-spaces", note.decode().replace("— ", "—  "), "two spaces")
    bad("space-at-end", f"{head}\n\n{line[:-1]} \n", "a space at the end of the line")
    bad("garbage-below", note + b"garbage\n", "a line that is no signature line")
    bad("blank-between", f"{head}\n\n{line}\n{line}", "an empty line between signature lines")
    bad("crlf", note.replace(b"\n", b"\r\n"), "carriage returns")
    bad("tab", sign(text + "a\tb\n", key), "a tab in the text")
    bad("control", sign(text + "a\x01b\n", key), "a control character in the text")
    bad("bom", b"\xef\xbb\xbf" + note, "a byte order mark")
    bad("not-utf8", note.replace("—".encode(), b"\xe2\x80"), "not UTF-8")
    bad("latin1-extension", sign(text, key).replace(b"\n\n", b"\nd\xe9\n\n"), "an extension that is not UTF-8")
    bad("empty", b"", "an empty file")
    bad("one-newline", b"\n", "one line end")
    bad("lines-101", sign(text, *[stranger] * 100, key), "101 signature lines")
    bad("padding-lost", f"{head}\n\n— {key.name} {signature.rstrip('=')}\n", "base64 without padding")
    bad("unused-bits", f"{head}\n\n— {key.name} {_unused_bits(signature)}\n", "base64 whose unused bits are not zero")
    bad("url-base64", f"{head}\n\n— {key.name} {signature.replace('+', '-').replace('/', '_')}=\n", "URL base64")
    bad("two-lines", sign(f"{key.name}\n{size}\n", key), "no root line")
    bad("empty-line-inside", sign(text + "\n\next\n", key), "an empty line in the text")
    bad("origin-differs", sign(checkpoint_text("sovang/other/1", size, root(log.leaves)), key), "another origin")
    bad("origin-empty", sign(checkpoint_text("", size, root(log.leaves)), key), "no origin")
    bad("origin-case", sign(checkpoint_text(key.name.upper(), size, root(log.leaves)), key), "the origin in capitals")
    bad("name-differs", f"{head}\n\n— {key.name}x {signature}\n", "the line's name is not the key's")
    for name, spelling in (
        ("zero-first", f"0{size}"),
        ("plus", f"+{size}"),
        ("minus", f"-{size}"),
        ("hex", hex(size)),
        ("empty", ""),
        ("space", f"{size} "),
        ("fullwidth", "".join(chr(0xFF10 + int(d)) for d in str(size))),
        ("arabic", "".join(chr(0x660 + int(d)) for d in str(size))),
        ("fraction", f"{size}.0"),
        ("exponent", f"{size}e0"),
        ("underscore", f"{size // 10}_{size % 10}"),
        ("too-large", str(2**63)),
        ("huge", "9" * 5000),
    ):
        bad(
            f"size-{name}",
            sign(checkpoint_text(key.name, spelling, root(log.leaves)), key),
            f"a size spelt {spelling[:20]!a}",
        )
    good_root = b64(root(log.leaves))
    for name, spelling in (
        ("no-padding", good_root.rstrip("=")),
        ("unused-bits", _unused_bits(good_root)),
        ("short", b64(bytes(31))),
        ("long", b64(bytes(33))),
        ("hex", root(log.leaves).hex()),
        ("space", good_root + " "),
        ("url", good_root.replace("+", "-").replace("/", "_") + "\u200b"),
        ("double-padding", good_root + "="),
    ):
        bad(
            f"root-{name}",
            sign(f"{key.name}\n{size}\n{spelling}\n", key),
            "the root is not canonical base64 of 32 bytes",
        )
    bad("root-bit", sign(checkpoint_text(key.name, size, bytes(32)), key), "a signed root of nothing", "ROOT_DIFFERS")
    bad(
        "root-of-fewer",
        sign(checkpoint_text(key.name, size, root(log.leaves[:-1])), key),
        "the root of one record less",
        "ROOT_DIFFERS",
    )
    bad(
        "root-of-leaves",
        sign(checkpoint_text(key.name, size, _rfc6962_wrong(log.leaves)), key),
        "a root that doubles the last hash",
        "ROOT_DIFFERS",
    )
    bad("size-zero", sign(checkpoint_text(key.name, 0, root(log.leaves)), key), "size 0 with a root of records")
    bad(
        "covers-more",
        sign(checkpoint_text(key.name, size + 1, root([*log.leaves, bytes(32)])), key),
        "one record more than there is",
        "RECORD_MISSING",
    )
    bad(
        "covers-256-more",
        sign(checkpoint_text(key.name, size + 256, root([*log.leaves, bytes(32)])), key),
        "more records than there are",
        "RECORD_MISSING",
    )
    bad("covers-2-62", sign(checkpoint_text(key.name, 2**62, root(log.leaves)), key), "2^62 records", "RECORD_MISSING")
    t.put("tiles", "note-missing", tile_files(log.records), False, "there is no checkpoint")
    t.put("tiles", "note-only", {"checkpoint": note}, False, "RECORD_MISSING: there is nothing but a checkpoint")
    t.tiles("vkey-of-another", log.records, False, "KEY_DIFFERS: the pinned key is another's", vkey=other.vkey)
    t.tiles("vkey-of-a-stranger", log.records, False, "CHECKPOINT_INVALID: another name", vkey=stranger.vkey)
    for name, vkey in (
        ("hash", key.vkey.replace(key.vkey.split("+")[1], "00000000")),
        ("cut", key.vkey[:-4]),
        ("empty", ""),
        ("capitals", key.vkey.replace(key.vkey.split("+")[1], key.vkey.split("+")[1].upper())),
        ("word", "not a key"),
    ):
        t.tiles(f"vkey-bad-{name}", log.records, False, "the key given is no verifier key", vkey=vkey)


def _unused_bits(text: str) -> str:
    """The same bytes for a careless reader."""
    bare = text.rstrip("=")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert bare != text
    return bare[:-1] + letters[letters.index(bare[-1]) + 1] + text[len(bare) :]


def _rfc6962_wrong(leaves: Sequence[bytes]) -> bytes:
    """The tree of Bitcoin: a last hash without a partner is paired with itself."""
    row = list(leaves)
    while len(row) > 1:
        row += row[-1:] * (len(row) % 2)
        row = [sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]


def log_records(t: Table) -> None:
    """One record is not what it must be; everything after it is linked and signed by the true key."""
    records, size = t.story.records, len(t.story.records)
    interest = t.story.find("interest_received")

    def bad(name: str, changed: Sequence[bytes], why: str) -> None:
        t.tiles(f"record-{name}", changed, False, why)

    def field(name: str, why: str, at: int, change: Callable[[Record], object]) -> None:
        bad(name, edited(records, at, change), why)

    # order
    bad("dropped", [*records[:20], *records[21:]], "BROKEN_LINK: a record is left out")
    bad("doubled", [*records[:21], *records[20:]], "OUT_OF_SEQUENCE: a record stands twice")
    bad("swapped", [*records[:20], records[21], records[20], *records[22:]], "OUT_OF_SEQUENCE: two records exchanged")
    bad("cut-in-front", records[1:], "OUT_OF_SEQUENCE: the first record is gone")
    bad("last-doubled", [*records, records[-1]], "OUT_OF_SEQUENCE: the last record stands twice")
    bad(
        "not-relinked",
        [*records[:24], canonical({**json.loads(records[24]), "reference": "x/y"}), *records[25:]],
        "BROKEN_LINK: a record changed, those after it not",
    )
    field("index-other", "OUT_OF_SEQUENCE: the record says another index", 24, lambda r: r.update(index=25))
    field("previous-other", "BROKEN_LINK: `previous` is another hash", 24, lambda r: r.update(previous="ab" * 32))
    field("previous-zero", "BROKEN_LINK: `previous` is zeros in the middle", 24, lambda r: r.update(previous="0" * 64))
    field("previous-of-0", "BROKEN_LINK: record 0 has a record before it", 0, lambda r: r.update(previous="ab" * 32))
    field("time-backwards", "TIME_BACKWARDS", 24, lambda r: r.update(at="2026-08-31T00:00:00.000000Z"))
    field("other-book", "OTHER_BOOK", 24, lambda r: r.update(book="hn"))
    field(
        "second-opening",
        "a second book_opened",
        24,
        lambda r: r.update(
            json.loads(records[0]), index=24, previous=leaf(records[23]).hex(), at=r["at"], reference="x/y"
        ),
    )
    field(
        "not-opened",
        "record 0 does not open the book",
        0,
        lambda r: r.update(json.loads(records[1]), index=0, previous="0" * 64),
    )
    field(
        "opened-other-key",
        "KEY_DIFFERS: the book was opened under another key",
        0,
        lambda r: r["entry"].update(public_key=SigningKey.from_seed(t.story.origin, bytes(32)).vkey),
    )
    field(
        "opened-other-origin",
        "KEY_DIFFERS: the book was opened under another origin",
        0,
        lambda r: r["entry"].update(origin="sovang/other"),
    )

    # the frame
    for name, at, value in (
        ("at-no-day", "at", "2026-09-31T01:00:00.016000Z"),
        ("at-no-micros", "at", "2026-09-01T01:00:01Z"),
        ("at-offset", "at", "2026-09-01T08:00:00.016000+07:00"),
        ("at-hour-24", "at", "2026-09-01T24:00:00.016000Z"),
        ("at-small-t", "at", "2026-09-01t01:00:00.016000z"),
        ("at-second-61", "at", "2026-09-01T01:00:61.016000Z"),
        ("at-number", "at", 1788224400),
        ("book-space", "book", "h p"),
        ("book-empty", "book", ""),
        ("by-space", "by", "ke toan"),
        ("by-long", "by", "k" * 41),
        ("by-newline", "by", "ketoan\n"),
        ("index-text", "index", "24"),
        ("index-negative", "index", -24),
        ("index-true", "index", True),
        ("previous-capitals", "previous", "AB" * 32),
        ("previous-short", "previous", "ab" * 31),
        ("reference-plain", "reference", "ketoan24"),
        ("reference-space", "reference", "ke-toan/a b"),
        ("reference-long", "reference", "ke-toan/" + "x" * 121),
        ("v-2", "v", 2),
        ("v-text", "v", "1"),
        ("v-true", "v", True),
        ("postings-object", "postings", {}),
        ("entry-list", "entry", []),
        ("entry-no-kind", "entry", {}),
        ("kind-number", "entry", {"kind": 1}),
    ):
        field(name, f"MALFORMED: `{at}`", 24, lambda r, at=at, value=value: r.update({at: value}))
    for name in ("at", "book", "by", "entry", "index", "postings", "previous", "reference", "v"):
        field(f"no-{name}", f"MALFORMED: `{name}` is missing", 24, lambda r, name=name: r.pop(name))
    field("more", "MALFORMED: a tenth field", 24, lambda r: r.update(note="x"))
    field("null", "MALFORMED: a null", 24, lambda r: r.update(reference=None))

    # postings
    amount = posting(3_210, "interest", "fund:chung")
    for name, change in (
        ("zero", lambda p: p["amount"].update(minor=0)),
        ("negative", lambda p: p["amount"].update(minor=-3_210)),
        ("too-large", lambda p: p["amount"].update(minor=2**53 - 1)),
        ("text", lambda p: p["amount"].update(minor="3210")),
        ("true", lambda p: p["amount"].update(minor=True)),
        ("unit-word", lambda p: p["amount"].update(unit="ĐỒNG")),
        ("unit-four", lambda p: p["amount"].update(unit="VNDD")),
        ("no-unit", lambda p: p["amount"].pop("unit")),
        ("more", lambda p: p.update(memo="x")),
        ("no-source", lambda p: p.pop("source")),
        ("account-empty", lambda p: p.update(source="")),
        ("account-unknown", lambda p: p.update(source="secret:x")),
        ("account-no-code", lambda p: p.update(destination="fund")),
        ("account-bad-code", lambda p: p.update(destination="fund:a b")),
        ("account-two-codes", lambda p: p.update(destination="fund:a:b")),
        ("account-with-code", lambda p: p.update(source="donors:x")),
        ("between-views", lambda p: p.update(destination="outside")),
    ):
        for place in (0,):
            field(
                f"posting-{name}",
                "a posting that no book may hold",
                interest,
                lambda r, change=change, place=place: change(r["postings"][place]),
            )
    field("views-less", "VIEWS_DIFFER: the place view is left out", interest, lambda r: r["postings"].pop())
    field(
        "views-amounts",
        "VIEWS_DIFFER: one view moves more",
        interest,
        lambda r: r["postings"][0]["amount"].update(minor=3_211),
    )
    field(
        "views-units",
        "VIEWS_DIFFER: the views move different units",
        interest,
        lambda r: r["postings"][0]["amount"].update(unit="USD"),
    )
    field("views-third", "VIEWS_DIFFER: one posting too many", interest, lambda r: r["postings"].append(amount))
    field(
        "views-turned",
        "VIEWS_DIFFER: one view moves backwards",
        interest,
        lambda r: r["postings"][0].update(source="fund:chung", destination="interest"),
    )
    future = {"kind": "gold_poured"}
    bad(
        "future-views",
        following(records, future, [posting(5, "donors", "fund:chung")]),
        "VIEWS_DIFFER: in a kind unknown",
    )
    most = 2**53 - 1
    twice = records
    for number in (1, 2):
        twice = following(twice, *gift_entry(9000 + number, minor=most))
    bad("balance-too-large", twice, "a balance beyond 2^53-1")

    # good: what a later version may write
    def good(name: str, changed: Sequence[bytes], why: str) -> None:
        t.tiles(f"record-{name}", changed, True, why)

    pair = [posting(5, "donors", "fund:chung"), posting(5, "outside", "bank:VCB")]
    good(
        "future-kind",
        following(following(records, future, pair), *gift_entry(1)),
        "UNKNOWN_KIND: its postings are folded",
    )
    good("future-deep", following(records, {"kind": "gold_poured", "x": _nested(30)}), "32 levels")
    good(
        "future-text",
        following(records, {"kind": "gold_poured", "x": '"\\\b\t\n\f\r\x01\x1f\x7f/ \u2028 ắ 😀'}),
        "every way to escape",
    )
    good(
        "future-integers",
        following(records, {"kind": "gold_poured", "x": [most, -most, 0, -1, True, False, None]}),
        "every sort of value",
    )
    fits = 65_535 - len(following(records, {"kind": "gold_poured", "x": ""})[-1])
    good("largest", following(records, {"kind": "gold_poured", "x": "a" * fits}), "65,535 bytes")
    good(
        "pledge-left", following(records, *gift_entry(3), reference="ke-toan/" + "!" * 120), "a reference of 120 marks"
    )
    thieu = t.story.find("bank_fee_charged", 1)
    good("shortfall-open", records[: thieu + 1], "SHORTFALL_OPEN: open, not broken")
    negative = following(
        records, future, [posting(10**9, "fund:chung", "costs:chung"), posting(10**9, "bank:VCB", "outside")]
    )
    good("negative-open", negative, "ACCOUNT_NEGATIVE and PLACE_NEGATIVE: open, not broken")
    assert size == len(records)


def _nested(depth: int) -> object:
    value: object = []
    for _ in range(depth - 1):
        value = [value]
    return value


def log_canonical(t: Table) -> None:
    """Bytes that say the same, or nearly, and are not the record."""
    records = t.story.records
    at = t.story.find("interest_received")
    body = records[at].decode()
    fund = t.story.find("fund_opened")
    named = records[fund].decode()

    def bad(name: str, raw: bytes | str, why: str, place: int = at) -> None:
        data = raw.encode() if isinstance(raw, str) else raw
        assert data != records[place], name
        t.tiles(f"canonical-{name}", replaced(records, place, data), False, f"NOT_CANONICAL or MALFORMED: {why}")

    def future(name: str, value: str, why: str) -> None:
        raw = following(records, {"kind": "gold_poured", "x": "@"})[-1].decode().replace('"@"', value)
        t.tiles(
            f"canonical-{name}",
            [*records, raw.encode("utf-8", "surrogatepass")],
            False,
            f"NOT_CANONICAL or MALFORMED: {why}",
        )

    bad("space", body.replace('","', '", "', 1), "a space")
    bad("newline", body + "\n", "a line end behind it")
    bad("leading-space", " " + body, "a space before it")
    bad("bom", "\ufeff" + body, "a byte order mark")
    bad("garbage", body + "x", "something behind it")
    bad("two-values", body + body, "two values")
    bad("cut", body[:-1], "its last byte is missing")
    bad("empty", "", "no bytes")
    bad("list", f"[{body}]", "a list")
    bad("text", json.dumps(body), "a text")
    bad("nul", body + "\0", "a zero byte behind it")
    bad("order", body.replace('"v":1}', "}").replace("{", '{"v":1,', 1).replace(",}", "}"), "keys in another order")
    bad("twice", body.replace('"v":1}', '"v":1,"v":1}'), "a key twice")
    bad("twice-inside", body.replace('"minor":3210', '"minor":3210,"minor":3210', 1), "a key twice inside")
    bad("fraction", body.replace("3210", "3210.0"), "a fraction")
    bad("exponent", body.replace("3210", "321e1"), "an exponent")
    bad("leading-zero", body.replace("3210", "03210"), "a leading zero")
    bad("plus", body.replace("3210", "+3210"), "a plus")
    bad("escaped-letter", body.replace('"kind"', '"\\u006bind"'), "a letter escaped in a key")
    bad("escaped-slash", body.replace("ke-toan/", "ke-toan\\/"), "a slash escaped")
    bad("trailing-comma", body.replace('"v":1}', '"v":1,}'), "a comma too many")
    bad("single-quotes", body.replace('"', "'"), "single quotes")
    bad("comment", body.replace("{", "{/**/", 1), "a comment")
    bad("utf16", body.encode("utf-16"), "UTF-16")
    bad("latin1", named.encode().replace("ồ".encode(), b"\xf4"), "Latin-1", fund)
    bad("nfd", unicodedata.normalize("NFD", named), "NFD", fund)
    bad(
        "escaped-vietnamese",
        json.dumps(json.loads(named), sort_keys=True, separators=(",", ":")),
        "letters escaped",
        fund,
    )
    bad("overlong", named.encode().replace(b"/", b"\xc0\xaf"), "overlong UTF-8", fund)
    future("minus-zero", "-0", "-0")
    future("integer-2-53", str(2**53), "2^53")
    future("integer-minus-2-53", str(-(2**53)), "-2^53")
    future("integer-long", "9" * 5000, "5,000 digits")
    future("nan", "NaN", "NaN")
    future("infinity", "-Infinity", "-Infinity")
    future("float-small", "1e-7", "a fraction")
    future("nested-33", canonical(_nested(31)).decode(), "33 levels")
    future("nested-far", "[" * 20_000 + "]" * 20_000, "20,000 levels")
    future("nested-open", "[" * 30_000, "brackets that never close")
    future("unassigned", '"\u0378"', "a code point that is not assigned")
    future("noncharacter", '"\ufdd0"', "a noncharacter")
    future("noncharacter-plane", '"\U0001ffff"', "a noncharacter")
    future("surrogate-escaped", '"\\ud800"', "a lone surrogate, escaped")
    future("pair-escaped", '"\\ud83d\\ude00"', "a surrogate pair in place of the character")
    future("surrogate-raw", '"\ud800"', "a lone surrogate in UTF-8")
    future("control-raw", '"\x01"', "a control character as it is")
    future("capital-escape", '"\\u001F"', "capitals in an escape")
    future("long-escape", '"\\u000a"', "a long escape for a short one")
    future("delete-escape", '"\\u007f"', "U+007F escaped")
    future("key-beyond-ascii", '{"ổ":1}', "a key beyond ASCII")
    future("key-order", '{"b":1,"a":2}', "keys in another order inside")
    future("combining-after-escape", '"\\n\u0303a\u0301"', "not NFC")


KEY2 = "the table's second key"


def _second(t: Table, seed: str = KEY2) -> SigningKey:
    return SigningKey.from_seed(t.story.origin, sha256(seed.encode()).digest())


def handed_over(
    records: Sequence[bytes], old: SigningKey, new: SigningKey, *, compromised: bool = False, **changed: Any
) -> list[bytes]:
    """The records and a key replacement."""
    word = "compromise" if compromised else "rotation"
    text = f"sovang key replacement v1\n{old.name}\n{old.vkey}\n{new.vkey}\n{word}\n".encode()
    entry = {
        "compromised": compromised,
        "kind": "key_replaced",
        "new_key": new.vkey,
        "new_signature": b64(new.sign(text)),
        "old_key": old.vkey,
        **({} if compromised else {"old_signature": b64(old.sign(text))}),
    }
    entry |= changed
    return following(records, {name: value for name, value in entry.items() if value is not None})


def more_gifts(records: Sequence[bytes], number: int) -> list[bytes]:
    out = list(records)
    for _ in range(number):
        out = following(out, *gift_entry(len(out)))
    return out


def log_keys(t: Table) -> None:
    """A key takes another's place."""
    first, second, third = t.story.key, _second(t), _second(t, "the third")
    one = handed_over(t.story.records, first, second)
    size = len(one)
    after = more_gifts(one, 3)
    twice = more_gifts(handed_over(after, second, third), 2)
    broken = more_gifts(handed_over(t.story.records, first, second, compromised=True), 3)

    def put(
        name: str, records: Sequence[bytes], signers: Sequence[SigningKey], good: bool, why: str, **more: Any
    ) -> None:
        t.tiles(f"key-{name}", records, good, why, note=sign(Log(list(records), first).text(), *signers), **more)

    put("old-pinned", after, [second], True, "pinned to the first key, signed by the second")
    put("new-pinned", after, [second], True, "pinned to the second key", vkey=second.vkey)
    put("at-the-size-both", one, [first, second], True, "the checkpoint of the replacement, signed by both")
    put("at-the-size-old", one, [first], True, "the checkpoint of the replacement, signed by the old key")
    put("at-the-size-new", one, [second], True, "the checkpoint of the replacement, signed by the new key")
    for name, signers in (("both", [first, second]), ("new", [second])):
        put(f"at-the-size-{name}-new-pinned", one, signers, True, f"{name}, pinned to the new", vkey=second.vkey)
    put("before", after[: size - 1], [first], True, "a size before the replacement")
    for name, key in (("first", first), ("second", second), ("third", third)):
        put(f"twice-{name}", twice, [third], True, f"two replacements, pinned to the {name} key", vkey=key.vkey)
    put("compromised-new-pinned", broken, [second], True, "after a compromise, pinned to the new key", vkey=second.vkey)
    put("closed", after, [first], False, "KEY_CLOSED: the old key signs after it was closed")
    put("closed-new-pinned", after, [first], False, "KEY_CLOSED: the same, pinned to the new key", vkey=second.vkey)
    put("too-early", t.story.records, [second], False, "CHECKPOINT_INVALID: a key that the book never named")
    put("not-the-books", after, [third], False, "CHECKPOINT_INVALID: a third key")
    put(
        "pinned-not-the-books",
        after,
        [second],
        False,
        "KEY_DIFFERS: the pinned key is none of the chain",
        vkey=third.vkey,
    )
    put(
        "pinned-signs-not-the-books",
        after,
        [third],
        False,
        "KEY_DIFFERS: signed by a pinned key the book does not know",
        vkey=third.vkey,
    )
    put("wrong-beside", after, [], False, "CHECKPOINT_INVALID: no signature of the key in force")
    thief = more_gifts(t.story.records, 2)
    for name, lost in (("rotation", False), ("compromise", True)):
        made_up = handed_over(thief, first, second, compromised=lost)
        why = f"KEY_CLOSED: a book made up with the old key, the public {name} copied to its end, pinned to the new key"
        put(f"copied-{name}", made_up, [first], False, why, vkey=second.vkey)
    put("compromised", broken, [second], False, "KEY_COMPROMISED: pinned to the key that was lost")
    put("compromised-thief", broken, [first], False, "KEY_COMPROMISED: the thief signs on")
    put("twice-then-closed", twice, [second], False, "KEY_CLOSED: the second key signs after it was closed")
    wrong = b64(bytes(64))
    for name, changed in (
        ("no-old-signature", {"old_signature": None}),
        ("wrong-old-signature", {"old_signature": wrong}),
        ("wrong-new-signature", {"new_signature": wrong}),
        ("signature-spelling", {"new_signature": wrong.rstrip("=")}),
        ("another-old-key", {"old_key": third.vkey}),
        ("same-key", {"new_key": first.vkey}),
        ("word", {"compromised": True}),
        ("no-new-key", {"new_key": "nothing"}),
    ):
        forged = more_gifts(handed_over(t.story.records, first, second, **changed), 3)
        put(f"forged-{name}", forged, [second], False, "REFUSED: a key replacement that nobody signed so")
    stranger = SigningKey.from_seed("sovang/other", sha256(b"x").digest())
    put(
        "forged-other-name",
        more_gifts(handed_over(t.story.records, first, stranger), 3),
        [stranger],
        False,
        "REFUSED: the new key has another name",
    )
    old = Log(t.story.records, first)
    put("since-before", after, [second], True, "--since is signed by the old key", since=old.note())
    put(
        "since-before-new-pinned",
        after,
        [second],
        True,
        "--since by the old key, pinned to the new",
        since=old.note(),
        vkey=second.vkey,
    )


def two_of_three(t: Table, quorum: str = "quorum two\n") -> str:
    names = [f"witness w{n} {witness(n).vkey}\n" for n in (1, 2, 3)]
    return f"log {t.story.key.vkey}\n{''.join(names)}group two 2 w1 w2 w3\n{quorum}"


def log_witnesses(t: Table) -> None:
    """Cosignatures and policies."""
    log = t.log
    w1, w2, w3 = witness(1), witness(2), witness(3)
    two = cosigned(log.note(), (w1, SEEN), (w2, SEEN + 5))
    policy = two_of_three(t)

    def put(name: str, note: bytes, good: bool, why: str, policy: str = policy, **more: Any) -> None:
        t.tiles(f"witness-{name}", log.records, good, why, note=note, policy=policy, **more)

    put("two-of-three", two, True, "2 of 3")
    put("all-three", cosigned(two, (w3, SEEN)), True, "3 of 3")
    put("stranger-beside", cosigned(two, (witness(7), SEEN)), True, "a witness nobody asked for")
    put("quorum-none", log.note(), True, "a policy that asks for nobody", two_of_three(t, "quorum none\n"))
    put("quorum-single", cosigned(log.note(), (w3, SEEN)), True, "one witness by name", two_of_three(t, "quorum w3\n"))
    put(
        "comments",
        two,
        True,
        "spaces, tabs, comments, addresses",
        "# chính sách\n\n"
        + policy.replace("witness w1", " \twitness\tw1").replace(w2.vkey, w2.vkey + " https://w2.example/"),
    )
    nested = policy.replace("quorum two", f"witness press {witness(4).vkey}\ngroup both all two press\nquorum both")
    put("groups", cosigned(two, (witness(4), SEEN)), True, "a group of a group and a witness", nested)
    put("any", cosigned(log.note(), (w2, SEEN)), True, "any of three", policy.replace("group two 2", "group two any"))
    put("exactly-in-time", cosigned(log.note(), (w1, SEEN), (w2, SEEN)), True, "two at one moment")
    put("one", cosigned(log.note(), (w1, SEEN)), False, "NOT_WITNESSED: one short")
    put("none", log.note(), False, "NOT_WITNESSED: nobody")
    put("one-twice", cosigned(log.note(), (w1, SEEN), (w1, SEEN + 9)), False, "NOT_WITNESSED: one witness twice")
    put("groups-short", two, False, "NOT_WITNESSED: the press is missing", nested)
    put(
        "all-short",
        two,
        False,
        "NOT_WITNESSED: all three are asked for",
        policy.replace("group two 2", "group two all"),
    )
    double = policy.replace("group two 2 w1 w2 w3", f"witness w1b {w1.vkey}\ngroup two 2 w1 w1b")
    put("one-key-two-names", cosigned(log.note(), (w1, SEEN)), False, "one key under two names is one witness", double)
    named = witness(1)
    again = type(named)(name="witness.example/other", seed=named.seed)
    put(
        "one-key-two-key-names",
        cosigned(log.note(), (w1, SEEN), (again, SEEN)),
        False,
        "one key under two key names is one witness",
        policy.replace("group two 2 w1 w2 w3", f"witness w1b {again.vkey}\ngroup two 2 w1 w1b"),
    )
    put("no-time", cosigned(log.note(), (w1, SEEN), (w2, 0)), False, "NOT_WITNESSED: a line without a time")
    last = two.rindex(b" ") + 1
    spoilt = two[:last] + bytes(two[last:]).replace(
        two[last + 20 : last + 21], b"A" if two[last + 20 : last + 21] != b"A" else b"B"
    )
    put("wrong-line", spoilt, False, "COSIGNATURE_INVALID: a listed witness's line is wrong")
    other = Log(log.records[:-1], log.key).text().encode()
    stolen = (
        log.note()
        + w1.cosign(other.decode().encode(), SEEN).line().encode()
        + w2.cosign(log.text().encode(), SEEN).line().encode()
    )
    put("line-of-another-checkpoint", stolen, False, "COSIGNATURE_INVALID: a line taken from another checkpoint")
    early = int(datetime(2026, 8, 1, tzinfo=UTC).timestamp())
    put(
        "before-the-records",
        cosigned(log.note(), (w1, early), (w2, early)),
        False,
        "RECORD_AFTER_WITNESS: records later than their witness",
    )
    for name, text in (
        ("no-quorum", policy.replace("quorum two\n", "")),
        ("two-quorums", policy + "quorum w1\n"),
        ("unknown-member", policy.replace("w1 w2 w3", "w1 w2 w9")),
        ("member-twice", policy.replace("w1 w2 w3", "w1 w1 w2")),
        ("threshold-0", policy.replace("group two 2", "group two 0")),
        ("threshold-4", policy.replace("group two 2", "group two 4")),
        ("keyword", policy + "wittness w5 x\n"),
        ("key", policy.replace(w1.vkey, w1.vkey[:-4])),
        ("log-key-as-witness", policy.replace(w1.vkey, t.story.key.vkey)),
        ("quorum-unknown", policy.replace("quorum two", "quorum three")),
        ("quorum-first", "quorum two\n" + policy.replace("quorum two\n", "")),
        ("name-taken", policy.replace("group two", "group w1").replace("quorum two", "quorum w1")),
        ("named-none", policy.replace("group two", "group none").replace("quorum two", "quorum none")),
        ("control", policy.replace("quorum two", "quorum two\r")),
    ):
        put(f"policy-{name}", two, False, "not a policy", text)
    # a newer checkpoint that is not witnessed yet, the last witnessed one beside it
    grown = more_gifts(log.records, 4)
    files = {"checkpoint": Log(grown, log.key).note(), **tile_files(log.records), **tile_files(grown)}
    t.put(
        "tiles",
        "witness-beside",
        {**files, "checkpoint.witnessed": two},
        True,
        "TAIL_NOT_WITNESSED: open",
        policy=policy,
    )
    t.put(
        "tiles",
        "witness-beside-short",
        {**files, "checkpoint.witnessed": cosigned(log.note(), (w1, SEEN))},
        False,
        "NOT_WITNESSED: the one beside it lacks the quorum too",
        policy=policy,
    )
    forked = edited(log.records, 24, lambda r: r.update(reference="x/y"))
    fork = cosigned(Log(forked, log.key).note(), (w1, SEEN), (w2, SEEN))
    t.put(
        "tiles",
        "witness-beside-fork",
        {**files, "checkpoint.witnessed": fork},
        False,
        "ROOT_DIFFERS: what was witnessed is another history",
        policy=policy,
    )
    longer = cosigned(Log(more_gifts(grown, 1), log.key).note(), (w1, SEEN), (w2, SEEN))
    t.put(
        "tiles",
        "witness-beside-longer",
        {**files, "checkpoint.witnessed": longer},
        False,
        "ROLLED_BACK: what was witnessed is longer than what is shown",
        policy=policy,
    )


def log_since(t: Table) -> None:
    """A checkpoint kept from before."""
    log = t.log
    forked = Log(edited(log.records, 24, lambda r: r.update(reference="x/y")), log.key)
    longer = Log(more_gifts(log.records, 2), log.key)

    def put(name: str, records: Sequence[bytes], since: bytes, good: bool, why: str) -> None:
        t.tiles(f"since-{name}", records, good, why, since=since)

    for size in (1, 2, 31, 32, 33, len(log.records)):
        put(f"{size}", log.records, log.note(size), True, f"the first {size} records are still there")
    put("long-256", long(t.story, 513), Log(long(t.story, 256), log.key).note(), True, "256 of 513")
    put("rewritten", forked.records, log.note(30), False, "FORKED: the true key has signed another history")
    put("rewritten-same-size", forked.records, log.note(), False, "FORKED: another history of the same size")
    put("rewritten-before", forked.records, log.note(24), True, "rewritten only after what was kept")
    put("cut", log.records, longer.note(), False, "ROLLED_BACK: the tail was cut off")
    put("cut-to-one", log.records[:1], log.note(), False, "ROLLED_BACK: all but the first record was cut off")
    put("not-signed", log.records, sign(log.text(30), _second(t)), False, "CHECKPOINT_INVALID: kept, but not the log's")
    put("no-note", log.records, b"x", False, "CHECKPOINT_INVALID: what was kept is no checkpoint")
    text = checkpoint_text("sovang/other", 30, root(log.leaves[:30]))
    put("other-origin", log.records, sign(text, log.key), False, "CHECKPOINT_INVALID: of another log")


def log_rules(t: Table) -> None:
    """What only the whole rule book can see."""
    records, find = t.story.records, t.story.find

    def put(name: str, changed: Sequence[bytes], why: str) -> None:
        t.tiles(f"rules-{name}", changed, True, why, rules_only=True)

    def field(name: str, kind: str, change: Callable[[Record], object], why: str) -> None:
        put(name, edited(records, find(kind), change), why)

    interest = "interest_received"
    field("postings-doubled", interest, lambda r: r.update(postings=r["postings"] * 2), "POSTINGS_DIFFER: said twice")
    field("postings-none", interest, lambda r: r.update(postings=[]), "POSTINGS_DIFFER: none")
    field("postings-order", interest, lambda r: r["postings"].reverse(), "POSTINGS_DIFFER: in another order")
    field(
        "postings-other-fund",
        interest,
        lambda r: r["postings"][0].update(destination="fund:sua"),
        "POSTINGS_DIFFER: another fund",
    )
    field(
        "postings-other-sum",
        interest,
        lambda r: [p["amount"].update(minor=9) for p in r["postings"]],
        "POSTINGS_DIFFER: another sum",
    )
    field("entry-more", interest, lambda r: r["entry"].update(memo="x"), "MALFORMED: a field the kind does not have")
    field("entry-less", interest, lambda r: r["entry"].pop("parts"), "MALFORMED: a field is missing")
    field("entry-null", "gift_received", lambda r: r["entry"].update(statement=None), "MALFORMED: null")
    field("day-to-come", interest, lambda r: r["entry"].update(received_on="2027-01-01"), "REFUSED: a day to come")
    field("day-long-ago", interest, lambda r: r["entry"].update(received_on="1989-12-31"), "REFUSED: before 1990")
    field("number-skipped", "certificate_issued", lambda r: r["entry"].update(number=7), "REFUSED: not the next number")
    field("scope-small", "delivered", lambda r: r["entry"]["scope"].update(heads=3), "REFUSED: an open scope below k")
    again = json.loads(records[find("place_opened")])["entry"]
    put("opened-twice", following(records, again), "REFUSED: a place opened twice")
    put("no-such-fund", following(records, *gift_entry(1, fund="khong-co")), "REFUSED: a fund that was never opened")
    order = json.loads(records[find("payment_ordered")])
    put("order-twice", following(records, order["entry"], order["postings"]), "REFUSED: an order twice")
    much = {
        **json.loads(records[find("allocated")])["entry"],
        "allocation": "pb-9",
        "amount": {"minor": 10**12, "unit": "VND"},
    }
    put(
        "overdrawn",
        following(records, much, [posting(10**12, "fund:sua", "allocated:pb-9")]),
        "REFUSED: more than the fund has",
    )
    turned = json.loads(records[find("reversed", 1)])
    put("reversed-twice", following(records, turned["entry"], turned["postings"]), "REFUSED: reversed twice")


def proofs(t: Table) -> None:
    """Proofs of single records."""
    log = t.log
    whole = Log(long(t.story, 257), log.key)
    for size, indexes in (
        (1, [0]),
        (2, [0, 1]),
        (3, [0, 2]),
        (7, [3, 4, 6]),
        (59, [0, 15, 31, 32, 57, 58]),
        (256, [255]),
        (257, [0, 255, 256]),
    ):
        part = Log(whole.records[:size], log.key)
        for index in indexes:
            t.put("proof", f"size-{size}-{index}", part.proof(index), True, f"record {index} of {size}")
    bare = log.proof(15, extra=False)
    t.put("proof", "record-beside", bare, True, "the record in a file of its own", record=log.records[15])
    t.put(
        "proof",
        "other-extra",
        log.proof(15).replace(b64(log.records[15]).encode(), b64(b"x").encode()),
        True,
        "extra data that is not the record; the record beside it counts",
        record=log.records[15],
    )
    t.put(
        "proof",
        "cosigned",
        log.proof(15, cosigned(log.note(), (witness(1), SEEN), (witness(2), SEEN))),
        True,
        "2 of 3",
        policy=two_of_three(t),
    )
    t.put("proof", "extension", log.proof(15, log.note(None, "more")), True, "an extension line")
    t.put(
        "proof",
        "future-kind",
        Log(following(log.records, {"kind": "gold_poured"}), log.key).proof(59),
        True,
        "a kind unknown",
    )

    def bad(name: str, data: bytes, why: str, **more: Any) -> None:
        t.put("proof", name, data, False, why, **more)

    right = log.proof(15)
    head, _, note = right.partition(b"\n\n")
    lines = head.decode().split("\n")
    extra, hashes = lines[1], lines[3:]

    def text(*body: str, header: str = "c2sp.org/tlog-proof@v1") -> bytes:
        return "\n".join([header, *body]).encode() + b"\n\n" + note

    bad(
        "short-of-witnesses",
        log.proof(15, cosigned(log.note(), (witness(1), SEEN))),
        "NOT_WITNESSED",
        policy=two_of_three(t),
    )
    bad("no-record", bare, "the record is not there")
    bad("another-record", bare, "another record", record=log.records[16])
    bad("record-longer", bare, "a byte more", record=log.records[15] + b"\n")
    bad("record-empty", bare, "no bytes", record=b"")
    bad("record-65536", bare, "too long for a record", record=b"x" * 65_536)
    bad("hash-missing", text(extra, "index 15", *hashes[:-1]), "too short")
    bad("hash-more", text(extra, "index 15", *hashes, hashes[0]), "too long")
    bad("hash-none", text(extra, "index 15"), "too short")
    bad("hash-order", text(extra, "index 15", *reversed(hashes)), "in another order")
    bad("hash-bit", text(extra, "index 15", b64(bytes(32)), *hashes[1:]), "another hash")
    bad("hash-short", text(extra, "index 15", b64(bytes(31)), *hashes[1:]), "31 bytes")
    bad("hash-spelling", text(extra, "index 15", _unused_bits(hashes[0]), *hashes[1:]), "unused bits")
    bad("hash-space", text(extra, "index 15", hashes[0] + " ", *hashes[1:]), "a space behind")
    bad("hash-64", text(extra, "index 15", *[hashes[0]] * 64), "64 hashes")
    for name, index in (
        ("16", "16"),
        ("14", "14"),
        ("59", "59"),
        ("zero-first", "015"),
        ("minus", "-15"),
        ("huge", "9" * 30),
        ("empty", ""),
        ("word", "x"),
        ("wrapped", str(15 + 2**64)),
    ):
        bad(f"index-{name}", text(extra, f"index {index}", *hashes), "another index")
    bad("index-missing", text(extra, *hashes), "no index line")
    bad("index-twice", text(extra, "index 15", "index 15", *hashes), "two index lines")
    bad("extra-after", text("index 15", extra, *hashes), "extra data behind the index")
    bad("extra-empty", text("extra ", "index 15", *hashes), "empty extra data", record=log.records[15])
    bad(
        "extra-spelling",
        text(extra.rstrip("="), "index 15", *hashes) if extra.endswith("=") else text(extra + "=", "index 15", *hashes),
        "base64",
    )
    bad(
        "extra-65537",
        text(f"extra {b64(bytes(65_537))}", "index 15", *hashes),
        "too much extra data",
        record=log.records[15],
    )
    bad("header-v2", text(extra, "index 15", *hashes, header="c2sp.org/tlog-proof@v2"), "another version")
    bad("header-none", right.partition(b"\n")[2], "no header")
    bad("crlf", right.replace(b"\n", b"\r\n"), "carriage returns")
    bad("no-blank", head + b"\n" + note, "no empty line")
    bad("no-note", head + b"\n\n", "no checkpoint")
    bad("empty", b"", "an empty file")
    bad("junk", bytes(range(256)), "junk")
    bad("truncated", right[:-20], "cut off")
    bad("bom", b"\xef\xbb\xbf" + right, "a byte order mark")
    bad("signature", log.proof(15, sign(log.text(), _second(t))), "signed by another key")
    bad("vkey", right, "pinned to another key", vkey=_second(t).vkey)
    bad("origin", log.proof(15, sign(checkpoint_text("sovang/other", 59, root(log.leaves)), log.key)), "another origin")
    bad("root", log.proof(15, sign(checkpoint_text(log.key.name, 59, bytes(32)), log.key)), "another root")
    bad(
        "size-of-more",
        log.proof(15, sign(checkpoint_text(log.key.name, 600, root(log.leaves)), log.key)),
        "another size",
    )
    moved = Log(replaced(log.records, 15, log.records[15].replace(b'"index":15', b'"index":16')), log.key)
    bad("record-says-another-index", moved.proof(15), "OUT_OF_SEQUENCE: the record says another index")
    spaced = Log(replaced(log.records, 15, log.records[15].replace(b'":', b'": ', 1)), log.key)
    bad("record-not-canonical", spaced.proof(15), "NOT_CANONICAL")
    junk = Log(replaced(log.records, 15, b"not a record"), log.key)
    bad("record-is-none", junk.proof(15), "MALFORMED")
    inner = Log(log.records, log.key)
    node_text = inner.leaves[14] + inner.leaves[15]
    bad("node-as-leaf", text("index 7", *hashes[1:]), "an inner node shown as a leaf", record=b"\x01" + node_text)


def qrs(t: Table) -> None:
    """A record and its proof on paper."""
    log = t.log

    def packed(data: bytes) -> bytes:
        return b"SV1:" + base45(deflate(data)).encode()

    for index in (15, 0, 58, t.story.find("gift_received", 2)):
        good = packed(log.records[index] + b"\n" + log.proof(index, extra=False))
        t.put("qr", f"record-{index}", good, True, f"record {index}")
    inside = log.records[15] + b"\n" + log.proof(15, extra=False)
    good = packed(inside)
    seen = cosigned(log.note(), (witness(1), SEEN), (witness(2), SEEN))
    t.put(
        "qr",
        "cosigned",
        packed(log.records[15] + b"\n" + log.proof(15, seen, extra=False)),
        True,
        "2 of 3",
        policy=two_of_three(t),
    )

    def bad(name: str, data: bytes, why: str, **more: Any) -> None:
        t.put("qr", name, data, False, why, **more)

    bad("short-of-witnesses", good, "NOT_WITNESSED", policy=two_of_three(t))
    bad("prefix", b"SV2:" + good[4:], "another version")
    bad("no-prefix", good[4:], "no prefix")
    bad("small-letters", good.lower(), "small letters")
    bad("letter-lost", good[:-1], "a letter lost")
    bad("letter-more", good + b"0", "a letter too many")
    bad("three-letters-lost", good[:40] + good[43:], "a group lost")
    bad("group-too-large", good[:4] + b":::" + good[7:], "a group beyond 65,535")
    bad("empty", b"SV1:", "nothing inside")
    bad("extra", packed(log.records[15] + b"\n" + log.proof(15)), "a proof with extra data")
    bad("no-record", packed(b"\n" + log.proof(15, extra=False)), "no record")
    bad("no-proof", packed(log.records[15]), "no proof")
    bad("another-record", packed(log.records[16] + b"\n" + log.proof(15, extra=False)), "another record")
    bad(
        "another-index",
        packed(log.records[16] + b"\n" + log.proof(16, extra=False).replace(b"index 16", b"index 15")),
        "another index",
    )
    bad("zlib", b"SV1:" + base45(zlib.compress(inside)).encode(), "a zlib header")
    bad("behind", b"SV1:" + base45(deflate(inside) + b"x").encode(), "bytes behind the stream")
    bad("cut", b"SV1:" + base45(deflate(inside)[:-8]).encode(), "the stream is cut off")
    bad("bomb", packed(b" " * 10_000_000 + inside), "unpacks to too much")
    bad("vkey", good, "pinned to another key", vkey=_second(t).vkey)


def forks(t: Table) -> None:
    """Two checkpoints that contradict each other, and some that do not."""
    log = t.log
    other = Log(edited(log.records, 15, lambda r: r.update(reference="x/y")), log.key)
    longer = Log(more_gifts(other.records, 9), log.key)

    def made(older: bytes, newer: bytes, path: Sequence[bytes], **changed: Any) -> bytes:
        return canonical(
            {
                "format": "sovang-fork/1",
                "newer": newer.decode(),
                "older": older.decode(),
                "path": [b64(value) for value in path],
                **changed,
            }
        )

    def grown(size: int, newer: Log) -> list[bytes]:
        """The consistency proof with the old root always written first."""
        path = consistency(size, newer.leaves)
        return path if size & (size - 1) else [root(newer.leaves[:size]), *path]

    t.put("fork", "same-size", made(log.note(), other.note(), []), True, "two roots of one size")
    for size in (16, 17, 32, 40, 59):
        t.put(
            "fork",
            f"older-{size}",
            made(log.note(size), longer.note(), grown(size, longer)),
            True,
            f"{size} records rewritten",
        )

    def bad(name: str, data: bytes, why: str, **more: Any) -> None:
        t.put("fork", name, data, False, why, **more)

    right = made(log.note(40), longer.note(), grown(40, longer))
    bad("no-fork", made(log.note(), log.note(), []), "one checkpoint twice")
    bad("honest-growth", made(other.note(40), longer.note(), grown(40, longer)), "the newer continues the older")
    bad("honest-growth-power", made(other.note(32), longer.note(), grown(32, longer)), "the newer continues the older")
    bad("before-the-change", made(log.note(8), longer.note(), grown(8, longer)), "nothing was changed yet")
    bad("same-size-with-path", made(log.note(), other.note(), [bytes(32)]), "one size and a path")
    bad("path-empty", made(log.note(40), longer.note(), []), "no path")
    bad("path-short", made(log.note(40), longer.note(), grown(40, longer)[:-1]), "too short")
    bad("path-long", made(log.note(40), longer.note(), [*grown(40, longer), bytes(32)]), "too long")
    bad("path-other", made(log.note(40), longer.note(), [bytes(32), *grown(40, longer)[1:]]), "leads to another root")
    bad(
        "path-power-without-root",
        made(log.note(32), longer.note(), grown(32, longer)[1:]),
        "the old root is not written first",
    )
    bad("turned", made(longer.note(), log.note(40), grown(40, longer)), "older and newer exchanged")
    bad(
        "older-empty",
        made(sign(checkpoint_text(log.key.name, 0, root([])), log.key), longer.note(), []),
        "an empty tree contradicts nothing",
    )
    bad(
        "unsigned",
        made(sign(log.text(40), _second(t)), longer.note(), grown(40, longer)),
        "the older is not signed by the pinned key",
    )
    bad(
        "newer-unsigned",
        made(log.note(40), sign(longer.text(), _second(t)), grown(40, longer)),
        "the newer is not signed by the pinned key",
    )
    bad("vkey", right, "pinned to another key", vkey=_second(t).vkey)
    bad(
        "origin",
        made(
            sign(checkpoint_text("sovang/other", 40, root(log.leaves[:40])), log.key), longer.note(), grown(40, longer)
        ),
        "another origin",
    )
    bad("format", made(log.note(40), longer.note(), grown(40, longer), format="sovang-fork/2"), "another format")
    bad("more", made(log.note(40), longer.note(), grown(40, longer), why="x"), "a field too many")
    bad("not-canonical", right.replace(b":", b": ", 1), "not canonical")
    bad("newline", right + b"\n", "a line end behind it")
    bad("truncated", right[:-9], "cut off")
    bad(
        "spelling",
        right.replace(b64(grown(40, longer)[0]).encode(), _unused_bits(b64(grown(40, longer)[0])).encode()),
        "unused bits",
    )


def bundle_of(t: Table, log: Log, indexes: Sequence[int], note: bytes | None = None, **changed: Any) -> dict[str, Any]:
    """The bundle of the first gift: 500,000 for milk, part of it used, part given back."""
    find = t.story.find
    made = {
        "checkpoint": (log.note() if note is None else note).decode(),
        "format": "sovang-bundle/1",
        "gift": {"index": find("gift_received")},
        "openings": {},
        "records": [{"path": [b64(h) for h in log.path(i)], "record": log.records[i].decode()} for i in indexes],
        "trace": {
            "amount": {"minor": 500_000, "unit": "VND"},
            "fund": "sua",
            "held": [{"account": "allocated:pb-1", "goods": {}, "minor": 75_000, "unit": "VND"}],
            "refunded_minor": 20_000,
            "uses": [
                {"goods": {MILK: 25}, "index": find("delivered"), "minor": 125_000, "unit": "VND"},
                {"goods": {}, "index": find("delivered", 1), "minor": 280_000, "unit": "VND"},
            ],
        },
    }
    return {**made, **changed}


def bundles(t: Table) -> None:
    """One gift and what it did."""
    log, find = t.log, t.story.find
    way = [
        0,
        find("gift_received"),
        find("allocated"),
        find("payment_ordered"),
        find("money_advanced"),
        find("payment_ordered", 1),
        find("money_advanced", 2),
        find("purchased"),
        find("goods_issued"),
        find("delivered"),
        find("delivered", 1),
        find("gift_refunded"),
    ]
    way.sort()
    _, whole_gift, opening = t.story.papers["whole"]
    seen = cosigned(log.note(), (witness(1), SEEN), (witness(2), SEEN))

    def held(account: str, minor: int, unit: str = "VND") -> dict[str, Any]:
        return {"account": account, "goods": {}, "minor": minor, "unit": unit}

    def unused(minor: int, fund: str) -> dict[str, Any]:
        return {
            "amount": {"minor": minor, "unit": "VND"},
            "fund": fund,
            "held": [held(f"fund:{fund}", minor)],
            "refunded_minor": 0,
            "uses": [],
        }

    def good(name: str, value: object, why: str, **more: Any) -> None:
        t.put("bundle", name, value if isinstance(value, bytes) else canonical(value), True, why, **more)

    def bad(name: str, value: object, why: str, **more: Any) -> None:
        t.put("bundle", name, value if isinstance(value, bytes) else canonical(value), False, why, **more)

    right = bundle_of(t, log, way)
    good("milk", right, "used, held and given back")
    good("cosigned", bundle_of(t, log, way, seen), "2 of 3", policy=two_of_three(t))
    good("all-records", bundle_of(t, log, range(len(log.records))), "the whole book inside")
    good(
        "unused",
        bundle_of(t, log, [0, whole_gift], gift={"index": whole_gift}, trace=unused(900_000, "sua")),
        "nothing used yet",
    )
    good(
        "named",
        bundle_of(t, log, [0, whole_gift], gift={"index": whole_gift}, trace=unused(900_000, "sua"), openings=opening),
        "the name opened",
    )
    sheet, batch = find("cash_sheet_received"), find("gateway_settled")
    good(
        "envelope",
        bundle_of(
            t,
            log,
            [0, sheet],
            gift={"index": sheet, "part": 1},
            trace=unused(50_000, "chung"),
            openings=t.story.papers["sheet"][2],
        ),
        "one envelope",
    )
    good(
        "batch",
        bundle_of(
            t,
            log,
            [0, batch],
            gift={"index": batch, "part": 0},
            trace=unused(120_000, "sua"),
            openings=t.story.papers["batch"][2],
        ),
        "one gift of a batch",
    )
    good(
        "sheet-whole",
        bundle_of(t, log, [0, sheet], gift={"index": sheet}, trace=unused(150_000, "chung")),
        "the whole sheet",
    )
    brought = find("balance_brought")
    spent = {
        "amount": {"minor": 1_000_000, "unit": "VND"},
        "fund": "chung",
        "held": [held("fund:chung", 980_000)],
        "refunded_minor": 0,
        "uses": [{"goods": {}, "index": find("management_spent"), "minor": 20_000, "unit": "VND"}],
    }
    good(
        "brought-costs",
        bundle_of(t, log, [0, brought, find("management_spent")], gift={"index": brought}, trace=spent),
        "costs of a fund",
    )
    good(
        "brought-part",
        bundle_of(t, log, [0, brought], gift={"index": brought, "part": 1}, trace=unused(300_000, "chung")),
        "one open gift of a brought balance",
    )
    interest = find("interest_received")
    good(
        "interest", bundle_of(t, log, [0, interest], gift={"index": interest}, trace=unused(3_210, "chung")), "interest"
    )

    def traced(**changed: Any) -> dict[str, Any]:
        return {**right, "trace": {**right["trace"], **changed}}

    uses = right["trace"]["uses"]
    bad("short-of-witnesses", right, "NOT_WITNESSED", policy=two_of_three(t))
    bad("vkey", right, "CHECKPOINT_INVALID: pinned to another key", vkey=_second(t).vkey)
    bad("signature", bundle_of(t, log, way, sign(log.text(), _second(t))), "CHECKPOINT_INVALID")
    bad(
        "origin",
        bundle_of(t, log, way, sign(checkpoint_text("sovang/other", 59, root(log.leaves)), log.key)),
        "CHECKPOINT_INVALID: another origin",
    )
    bad("newline", canonical(right) + b"\n", "NOT_CANONICAL: a line end behind it")
    bad("space", canonical(right).replace(b":", b": ", 1), "NOT_CANONICAL: a space")
    bad("truncated", canonical(right)[:-10], "NOT_CANONICAL: cut off")
    bad("format", {**right, "format": "sovang-bundle/2"}, "MALFORMED: another format")
    bad("more", {**right, "note": "x"}, "MALFORMED: a field too many")
    for name in ("checkpoint", "gift", "openings", "records", "trace"):
        bad(f"no-{name}", {key: value for key, value in right.items() if key != name}, f"MALFORMED: no {name}")
    bad("records-none", {**right, "records": []}, "MALFORMED: no records")
    bad("records-order", {**right, "records": right["records"][::-1]}, "MALFORMED: in another order")
    bad("records-twice", {**right, "records": [*right["records"], right["records"][-1]]}, "MALFORMED: one twice")
    bad("records-no-0", {**right, "records": right["records"][1:]}, "NOT_THE_BOOK: record 0 is missing")
    for place, index in enumerate(way[1:], 1):
        less = [item for at, item in enumerate(right["records"]) if at != place]
        if index == find("gift_refunded"):
            good(f"records-no-{index}", {**right, "records": less}, "no use needs the refund")
        else:
            bad(f"records-no-{index}", {**right, "records": less}, "NO_PATH or worse: a record of a way is missing")
    spoilt = [dict(item) for item in right["records"]]
    spoilt[3] = {**spoilt[3], "path": spoilt[3]["path"][:-1]}
    bad("path-short", {**right, "records": spoilt}, "PROOF_FAILED: too short")
    spoilt[3] = {**spoilt[3], "path": [b64(bytes(32)), *right["records"][3]["path"][1:]]}
    bad("path-other", {**right, "records": spoilt}, "PROOF_FAILED: another hash")
    spoilt[3] = {
        **right["records"][3],
        "path": [_unused_bits(right["records"][3]["path"][0]), *right["records"][3]["path"][1:]],
    }
    bad("path-spelling", {**right, "records": spoilt}, "MALFORMED: unused bits")
    spoilt[3] = {**right["records"][3], "record": right["records"][3]["record"].replace("350000", "350001")}
    bad("record-changed", {**right, "records": spoilt}, "PROOF_FAILED: a record changed")
    spoilt[3] = {**right["records"][3], "record": "{}"}
    bad("record-malformed", {**right, "records": spoilt}, "RECORD_MALFORMED")
    bad("sum-more", traced(refunded_minor=20_001), "SUM_DIFFERS")
    bad("sum-less", traced(uses=uses[:1]), "SUM_DIFFERS: a use left out")
    bad("sum-unit", traced(held=[held("allocated:pb-1", 75_000, "USD")]), "SUM_DIFFERS: another unit")
    bad(
        "amount-more",
        traced(amount={"minor": 600_000, "unit": "VND"}, refunded_minor=120_000),
        "NOT_THE_GIFT: more than the gift",
    )
    bad("amount-unit", traced(amount={"minor": 500_000, "unit": "USD"}), "NOT_THE_GIFT: another unit")
    bad("fund-other", traced(fund="chung"), "NOT_THE_GIFT: another fund")
    bad("gift-other", {**right, "gift": {"index": find("allocated")}}, "NOT_THE_GIFT: no gift")
    bad("gift-missing", {**right, "gift": {"index": 5}}, "NOT_THE_GIFT: not inside")
    bad("gift-part", {**right, "gift": {"index": find("gift_received"), "part": 0}}, "NOT_THE_GIFT: it has no parts")
    bad("gift-negative", {**right, "gift": {"index": -1}}, "MALFORMED")
    bad(
        "part-other",
        bundle_of(t, log, [0, sheet], gift={"index": sheet, "part": 0}, trace=unused(50_000, "chung")),
        "NOT_THE_GIFT: the other envelope",
    )
    bad(
        "part-beyond",
        bundle_of(t, log, [0, sheet], gift={"index": sheet, "part": 2}, trace=unused(50_000, "chung")),
        "NOT_THE_GIFT: no such envelope",
    )
    bad(
        "part-null",
        bundle_of(t, log, [0, sheet], gift={"index": sheet, "part": None}, trace=unused(150_000, "chung")),
        "MALFORMED: null",
    )
    bad("use-more-goods", traced(uses=[{**uses[0], "goods": {MILK: 26}}, uses[1]]), "USE_NOT_SHOWN: 26 of 25 pieces")
    bad(
        "use-other-goods",
        traced(uses=[{**uses[0], "goods": {"ao-am-6-8t": 1}}, uses[1]]),
        "USE_NOT_SHOWN: goods it does not have",
    )
    bad("use-goods-as-money", traced(uses=[{**uses[0], "goods": {}}, uses[1]]), "USE_NOT_SHOWN: it used no money")
    bad(
        "use-more-money",
        traced(uses=[{**uses[0], "minor": 75_000}, {**uses[1], "minor": 330_000}]),
        "USE_NOT_SHOWN: more than it used",
    )
    bad(
        "use-of-no-use",
        traced(uses=[{**uses[0], "index": find("purchased")}, uses[1]]),
        "USE_NOT_SHOWN: a purchase is no use",
    )
    bad("use-missing", traced(uses=[uses[0], {**uses[1], "index": 50}]), "USE_NOT_SHOWN: not inside")
    bad("use-order", traced(uses=uses[::-1]), "MALFORMED: in another order")
    bad("use-negative", traced(uses=[{**uses[0], "minor": -1}, {**uses[1], "minor": 406_000}]), "MALFORMED: negative")
    bad("use-true", traced(uses=[{**uses[0], "goods": {MILK: True}}, uses[1]]), "MALFORMED: true for a number")
    bad(
        "held-twice",
        traced(held=[held("allocated:pb-1", 25_000), held("allocated:pb-1", 50_000)]),
        "MALFORMED: one account twice",
    )
    for name, account in (
        ("words", "đã giao đủ cho các em <b>x</b>"),
        ("used", "used:pb-1"),
        ("place", "bank:VCB"),
        ("exchange", "exchange-purpose"),
        ("no-code", "fund:"),
        ("long", "fund:" + 41 * "a"),
        ("line", "fund:sua\n"),
        ("blank", " fund:sua"),
    ):
        bad(f"held-account-{name}", traced(held=[held(account, 75_000)]), "MALFORMED: nowhere money of a gift waits")
    good("held-account-longest", traced(held=[held("fund:" + 40 * "a", 75_000)]), "a code of 40 characters")
    for name, unit in (("words", "phần quà đã trao"), ("short", "ao"), ("line", f"{MILK}\n")):
        waits = {**held("allocated:pb-1", 75_000), "goods": {unit: 1}}
        bad(f"held-goods-{name}", traced(held=[waits]), "MALFORMED: no unit")
    costs = {**spent, "amount": {"minor": 500_000, "unit": "VND"}, "fund": "sua", "held": [held("fund:sua", 480_000)]}
    bad(
        "no-way",
        bundle_of(t, log, [0, find("gift_received"), find("management_spent")], trace=costs),
        "NO_PATH: the costs of another fund",
    )
    round_trip = [
        0,
        find("gift_received"),
        find("management_spent"),
        find("gift_refunded"),
        brought,
        find("gift_received", 2),
    ]
    bad(
        "way-by-donors",
        bundle_of(t, log, sorted(round_trip), trace=costs),
        "NO_PATH: a refund is no way to another fund",
    )
    wrong = {"name": {**opening["name"], "value": "Nguyễn Thị Hòa"}}
    for name, value in (("other", wrong), ("other-r", {"name": {**opening["name"], "r": "00" * 32}})):
        bad(
            f"name-{name}",
            bundle_of(
                t, log, [0, whole_gift], gift={"index": whole_gift}, trace=unused(900_000, "sua"), openings=value
            ),
            "NAME_DIFFERS",
        )
    for name, value in (
        ("r-short", {"name": {**opening["name"], "r": "00"}}),
        ("phone", {"phone": opening["name"]}),
        ("list", []),
    ):
        bad(
            f"openings-{name}",
            bundle_of(
                t, log, [0, whole_gift], gift={"index": whole_gift}, trace=unused(900_000, "sua"), openings=value
            ),
            "MALFORMED",
        )
    nobody = t.story.papers["unnamed"][1]
    bad(
        "name-of-nobody",
        bundle_of(t, log, [0, nobody], gift={"index": nobody}, trace=unused(5_000, "sua"), openings=opening),
        "NAME_DIFFERS: the record commits to none",
    )

    # a key replaced after the gift
    second, third = _second(t), _second(t, "the third")
    rotated = Log(more_gifts(handed_over(log.records, log.key, second), 3), log.key)
    at = len(log.records)
    by_new = sign(rotated.text(), second)
    good("rotated", bundle_of(t, rotated, [*way, at], by_new), "signed by the key that the pinned one handed over to")
    good("rotated-new-pinned", bundle_of(t, rotated, way, by_new), "pinned to the new key", vkey=second.vkey)
    bad("rotated-not-inside", bundle_of(t, rotated, way, by_new), "CHECKPOINT_INVALID: the replacement is not inside")
    bad("rotated-closed", bundle_of(t, rotated, [*way, at], rotated.note()), "KEY_CLOSED: signed by the old key")
    lost = Log(more_gifts(handed_over(log.records, log.key, second, compromised=True), 3), log.key)
    bad("compromised", bundle_of(t, lost, [*way, at], sign(lost.text(), second)), "KEY_COMPROMISED")
    good(
        "compromised-new-pinned",
        bundle_of(t, lost, [*way, at], sign(lost.text(), second)),
        "pinned to the new key",
        vkey=second.vkey,
    )
    forged = Log(more_gifts(handed_over(log.records, log.key, second, old_signature=b64(bytes(64))), 3), log.key)
    bad(
        "chain-forged",
        bundle_of(t, forged, [*way, at], sign(forged.text(), second)),
        "KEY_CHAIN_BROKEN: the old key did not sign",
    )
    bad(
        "rotated-third",
        bundle_of(t, rotated, [*way, at], sign(rotated.text(), third)),
        "CHECKPOINT_INVALID: a third key",
    )


def bundles_in_kind(t: Table) -> None:
    """Goods given, to a store or straight to those they are for; a surplus; money exchanged, money varied.

    A case is bad when `why` begins with the name of a failure.
    """
    given = Given(t.story)
    log, at = given.log, given.at
    used = [0, *(at[name] for name in ("goods", "allocated", "issued", "delivered"))]
    name, gift = {"name": OPENING}, t.story.papers["whole"][1]

    def put(
        good: bool,
        case: str,
        why: str,
        what: int,
        of: Record,
        inside: Sequence[int],
        part: int | None = None,
        **more: Any,
    ) -> None:
        said = {"index": what} if part is None else {"index": what, "part": part}
        t.put("bundle", case, canonical(bundle_of(t, log, sorted(inside), gift=said, trace=of, **more)), good, why)

    def goods(case: str, why: str, of: Record, inside: Sequence[int] = used, part: int | None = 0, **more: Any) -> None:
        put(not _is_failure(why), case, why, at["goods"], of, inside, part, **more)

    def straight(
        case: str, why: str, of: Record, inside: Sequence[str] = (), part: int | None = 0, **more: Any
    ) -> None:
        there = [0, at["straight"], *(at[one] for one in inside)]
        put(not _is_failure(why), case, why, at["straight"], of, there, part, **more)

    delivered = [(at["delivered"], 25)]
    milk = trace(40, MILK, "sua", delivered)
    goods("goods-used", "cartons given, 25 of them delivered", milk)
    goods("goods-named", "with the donor's name", milk, openings=name)
    goods("goods-all-records", "the whole book inside", milk, range(len(log.records)))
    goods("goods-other-item", "coats, not used yet", trace(30, COAT, "sua"), [0, at["goods"]], 1)
    goods("goods-of-one-sort", "all of one sort, no item named", milk, part=None)
    counted = {**milk, "uses": [{**milk["uses"][0], "goods": {MILK: 25}}]}
    goods("goods-counted-twice", "the pieces said again, as of goods that were bought", counted)
    goods("goods-more", "NOT_THE_GIFT: 41 of 40 pieces", trace(41, MILK, "sua", delivered))
    goods("goods-less", "NOT_THE_GIFT: 39 of 40 pieces, no item named", trace(39, MILK, "sua", delivered), part=None)
    goods("goods-item-of-another", "NOT_THE_GIFT: the other item", milk, part=1)
    goods("goods-item-beyond", "NOT_THE_GIFT: no such item", milk, part=2)
    goods("goods-fund", "NOT_THE_GIFT: another fund", trace(40, MILK, "chung", delivered))
    goods("goods-as-money", "NOT_THE_GIFT: no money came", trace(40, "VND", "sua", delivered))
    goods("goods-sum", "SUM_DIFFERS", {**milk, "refunded_minor": 1})
    goods("goods-use-more", "USE_NOT_SHOWN: 26 of 25 pieces", trace(40, MILK, "sua", [(at["delivered"], 26)]))
    goods("goods-use-coats", "USE_NOT_SHOWN: it used no coats", trace(30, COAT, "sua", delivered), part=1)
    for missing in ("allocated", "issued"):
        less = [index for index in used if index != at[missing]]
        goods(f"goods-no-{missing}", "NO_PATH: a record of the way is missing", milk, less)
    bought = trace(40, MILK, "sua", [(t.story.find("delivered"), 25)])
    goods("goods-bought", "NO_PATH: cartons bought are not those given", bought, range(len(log.records)))
    theirs = trace(30, COAT, "sua", [(at["another"], 30)])
    goods("goods-of-others", "NO_PATH: what others gave straight", theirs, [*used, at["another"]], 1)
    wrong = {"name": {**OPENING, "value": "Hội đồng hương khác"}}
    goods("goods-name-other", "NAME_DIFFERS", milk, openings=wrong)

    coats = trace(30, COAT, "sua", [(at["straight"], 30)])
    straight("straight", "coats handed straight to those they are for", coats)
    straight("straight-named", "with the donor's name", coats, openings=name)
    straight("straight-other-item", "its cartons", trace(10, MILK, "sua", [(at["straight"], 10)]), part=1)
    straight("straight-of-one-sort", "all its coats, no item named", coats, part=None)
    straight("straight-undone", "reversed", trace(30, COAT, "sua", back=30), ["undone"])
    again = trace(30, COAT, "sua", [(at["again"], 30)])
    straight("straight-again", "reversed, and that reversed", again, ["undone", "again"])
    straight("straight-more", "NOT_THE_GIFT: 31 of 30 coats", trace(31, COAT, "sua", [(at["straight"], 31)]))
    straight("straight-fund", "NOT_THE_GIFT: another fund", trace(30, COAT, "chung", [(at["straight"], 30)]))
    straight("straight-item-beyond", "NOT_THE_GIFT: no such item", coats, part=2)
    straight("straight-use-missing", "USE_NOT_SHOWN: not inside", again)
    straight(
        "straight-use-by-nobody",
        "USE_NOT_SHOWN: a reversal is no use",
        trace(30, COAT, "sua", [(at["undone"], 30)]),
        ["undone"],
    )
    straight("straight-of-others", "NO_PATH: another donor's coats", theirs, ["another"])
    straight(
        "straight-stored",
        "NO_PATH: cartons of the fund's store",
        trace(10, MILK, "sua", [(at["delivered"], 10)]),
        ["goods", "allocated", "issued", "delivered"],
        1,
    )
    straight("straight-name-other", "NAME_DIFFERS", coats, openings=wrong)

    surplus = [0, at["found"]]
    put(True, "found", "a surplus, in the fund that took it", at["found"], trace(3, COAT, "chung"), surplus)
    put(False, "found-part", "NOT_THE_GIFT: no parts", at["found"], trace(3, COAT, "chung"), surplus, 0)

    dollars = trace(900_000, "VND", "sua", [(at["dollars"], 125_000)])
    as_dollars = {**dollars, "uses": [{**dollars["uses"][0], "goods": {"USD": 500}}]}
    way = [0, gift, at["exchanged"], at["dollars"]]
    put(True, "exchanged", "money that became dollars", gift, as_dollars, way)
    put(False, "exchanged-as-dong", "USE_NOT_SHOWN: it spent no đồng", gift, dollars, way)
    put(False, "exchanged-no-record", "NO_PATH: the exchange is not inside", gift, as_dollars, [0, gift, at["dollars"]])
    papers = trace(900_000, "VND", "sua", [(at["papers"], 60_000)])
    put(True, "varied", "money that went to another purpose", gift, papers, [0, gift, at["varied"], at["papers"]])
    put(False, "varied-no-record", "NO_PATH: the consent is not inside", gift, papers, [0, gift, at["papers"]])


def _is_failure(why: str) -> bool:
    return why.partition(":")[0].isupper()


def papers(t: Table) -> None:
    """Certificates and receipts in PDF."""
    log = t.log
    for name, pdf in t.story.real_pdfs.items():
        t.put("pdf", f"drawn-{name}", pdf, True, "a paper as the product draws it", vkey=t.story.real_vkey)
    blank = page()

    def files(name: str = "whole", log: Log = log, note: bytes | None = None) -> Files:
        paper, gift, opening = t.story.papers[name]
        made: Files = {"paper.json": canonical({"openings": opening, "template": 1})}
        for which, index in (("book", 0), ("gift", gift), ("paper", paper)):
            made[f"{which}.record"] = log.records[index]
            made[f"{which}.tlog-proof"] = log.proof(index, note, extra=False)
        return made

    def put(name: str, made: Files, good: bool, why: str, **more: Any) -> None:
        t.put("pdf", name, attach(blank, made), good, why, **more)

    for name in t.story.papers:
        put(f"paper-{name}", files(name), True, "a blank page with the attachments")
    put("more-files", {**files(), "letter.txt": b"hello"}, True, "another file beside them")
    seen = cosigned(log.note(), (witness(1), SEEN), (witness(2), SEEN))
    put("cosigned", files(note=seen), True, "2 of 3", policy=two_of_three(t))
    put(
        "with-extra",
        {**files(), "gift.tlog-proof": log.proof(t.story.papers["whole"][1])},
        True,
        "a proof with extra data",
    )
    put(
        "unnamed-without-notes",
        {k: v for k, v in files("unnamed").items() if k != "paper.json"},
        True,
        "no name, so nothing to open",
    )

    def bad(name: str, made: Files, why: str, **more: Any) -> None:
        put(name, made, False, why, **more)

    right = files()
    bad("short-of-witnesses", right, "NOT_WITNESSED", policy=two_of_three(t))
    bad("vkey", right, "pinned to another key", vkey=_second(t).vkey)
    for name in sorted(right):
        bad(f"without-{name}", {k: v for k, v in right.items() if k != name}, f"{name} is missing")
        bad(f"empty-{name}", {**right, name: b""}, f"{name} is empty")
        bad(
            f"changed-{name}",
            {**right, name: right[name].replace(b"6", b"7", 1) if b"6" in right[name] else right[name] + b"x"},
            f"{name} is changed",
        )
    other = files("unnamed")
    bad(
        "gift-of-another",
        {**right, "gift.record": other["gift.record"], "gift.tlog-proof": other["gift.tlog-proof"]},
        "REFUSED: another gift's record",
    )
    bad(
        "paper-of-another",
        {**right, "paper.record": other["paper.record"], "paper.tlog-proof": other["paper.tlog-proof"]},
        "REFUSED: another gift's paper",
    )
    bad(
        "proofs-exchanged",
        {**right, "gift.tlog-proof": right["paper.tlog-proof"], "paper.tlog-proof": right["gift.tlog-proof"]},
        "proofs exchanged",
    )
    bad(
        "book-is-gift",
        {**right, "book.record": right["gift.record"], "book.tlog-proof": right["gift.tlog-proof"]},
        "record 0 is missing",
    )
    bad(
        "paper-is-gift",
        {**right, "paper.record": right["gift.record"], "paper.tlog-proof": right["gift.tlog-proof"]},
        "a gift for a paper",
    )
    paper, gift, opening = t.story.papers["whole"]
    forged = {"name": {**opening["name"], "value": "Trần Văn Giả"}}
    bad(
        "name-forged",
        {**right, "paper.json": canonical({"openings": forged, "template": 1})},
        "NAME_DIFFERS: a forged name",
    )
    bad(
        "name-r-forged",
        {**right, "paper.json": canonical({"openings": {"name": {**opening["name"], "r": "11" * 32}}, "template": 1})},
        "NAME_DIFFERS",
    )
    bad(
        "name-left-out",
        {**right, "paper.json": canonical({"openings": {}, "template": 1})},
        "NAME_DIFFERS: the opening is missing",
    )
    bad(
        "name-of-another-field",
        {**right, "paper.json": canonical({"openings": {"phone": opening["name"]}, "template": 1})},
        "NAME_DIFFERS",
    )
    bad("notes-no-json", {**right, "paper.json": b"not json"}, "NAME_DIFFERS: the notes cannot be read")
    part = Log(log.records[: paper + 1], log.key)
    bad(
        "two-checkpoints", {**right, "paper.tlog-proof": part.proof(paper, extra=False)}, "proofs under two checkpoints"
    )
    bad("signed-by-another", files(note=sign(log.text(), _second(t))), "signed by another key")
    drawn = Log(edited(log.records, gift, lambda r: r["entry"]["amount"].update(minor=9_000_000)), _second(t))
    made = files(log=drawn)
    bad("all-forged", made, "a whole book of one's own under another key")
    wrong_part = edited(log.records, paper, lambda r: r["entry"].update(part=0))
    bad("part-of-a-whole", files(log=Log(wrong_part, log.key)), "REFUSED: a part of a gift that has none")
    no_number = edited(log.records, paper, lambda r: r["entry"].pop("number"))
    bad("no-number", files(log=Log(no_number, log.key)), "REFUSED: a paper without a number")
    other_leaf = edited(log.records, paper, lambda r: r["entry"].update(gift_leaf="ab" * 32))
    bad("other-leaf", files(log=Log(other_leaf, log.key)), "REFUSED: another leaf hash")

    whole = attach(blank, right)
    # another paper's objects, which the catalogue does not name, before the table of objects
    names = [f"{which}.{end}".encode() for which in ("book", "gift", "paper") for end in ("record", "tlog-proof")]
    spare = b"".join(
        b"9%d 0 obj\n<< /AFRelationship /Data /EF << /F 8%d 0 R /UF 8%d 0 R >> /F (%b) "
        b"/Type /Filespec /UF (%b) >>\nendobj\n\n8%d 0 obj\n<< /Params << /Size %d >> /Type /EmbeddedFile "
        b"/Length %d >>\nstream\n%b\nendstream\nendobj\n\n" % (at, at, at, name, name, at, len(data), len(data), data)
        for at, name in enumerate(names)
        for data in [files("unnamed")[name.decode()]]
    )
    start = whole.rindex(b"xref\n0 ")
    moved = str(start + len(spare)).encode()
    tail = whole[start:].replace(b"startxref\n%d\n" % start, b"startxref\n%b\n" % moved)
    kept = whole[:start].replace(b"/EF << /F ", b"/EF<< /F  ")
    t.put("pdf", "two-papers", kept + spare + tail, False, "another paper in objects that nothing names")
    t.put("pdf", "two-papers-same-spelling", whole[:start] + spare + tail, False, "the same, both as we write them")
    t.put("pdf", "no-attachments", blank, False, "a page without attachments")
    t.put("pdf", "truncated", whole[:-200], False, "cut off")
    t.put("pdf", "half", whole[: len(whole) // 2], False, "half of it")
    t.put("pdf", "empty-after-header", b"%PDF-1.7\n", False, "nothing behind the header")
    t.put("pdf", "zeros", b"%PDF-1.7\n" + bytes(1000), False, "zeros behind the header")
    place = whole.index(right["gift.record"])
    t.put(
        "pdf",
        "record-bit",
        whole[: place + 50] + bytes([whole[place + 50] ^ 1]) + whole[place + 51 :],
        False,
        "one bit of the gift's record",
    )
    t.put("pdf", "not-a-pdf", b"hello", False, "not a PDF")
    t.put("pdf", "empty", b"", False, "an empty file")


SECTIONS: list[Callable[[Table], None]] = [
    log_sizes,
    log_checkpoints,
    log_records,
    log_canonical,
    log_keys,
    log_witnesses,
    log_since,
    log_rules,
    proofs,
    qrs,
    forks,
    bundles,
    bundles_in_kind,
    papers,
]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    print(len(make_cases(target)))
