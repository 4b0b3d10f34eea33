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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from ledger.log.note import SigningKey
from tests.verifiers.making import (
    Files,
    Log,
    Record,
    Story,
    b64,
    canonical,
    checkpoint_text,
    cosigned,
    edited,
    following,
    gift_entry,
    invent,
    leaf,
    posting,
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
    good("mldsa-line", cosigned(note, (witness(9, 0x06), SEEN)), "an ML-DSA-44 cosignature nobody asked for")

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
    t.tiles("vkey-of-another", log.records, False, "CHECKPOINT_INVALID: the pinned key is another's", vkey=other.vkey)
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


SECTIONS: list[Callable[[Table], None]] = [log_sizes, log_checkpoints, log_records]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    print(len(make_cases(target)))
