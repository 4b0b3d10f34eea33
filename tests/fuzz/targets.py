"""Every parser that reads what strangers send: its valid inputs, the words of its format, and how it may say no.

Each `read` also holds what was accepted against what it was read from, where the format has one spelling only: read
and written again it must be the same bytes. A difference is an AssertionError, which no parser declares.
"""

import io
import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificates

from audit.bundle import make_bundle, make_qr
from audit.checks_bundle import BundleFalse, check_bundle
from audit.fork import NoFork, check_fork, make_fork
from audit.queries import prove
from audit.standalone import verify
from ledger import record, timestamps
from ledger.log import canonical, cosignature, merkle, note, policy, proof, qr, tiles, witness
from ledger.log.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.log.note import NoteRejected
from ledger.refusals import Rejected
from ledger.statements import control, keyed_lines, open_statement
from ledger.store import read
from ledger.store.engine import reading
from tests.authority import make_tsa, served
from tests.fuzz.mutate import Mutator
from tests.worlds import Randomness, World

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

Read = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """One parser. `prepare` is given a folder of its own and returns what reads one input."""

    name: str
    corpus: Callable[[], list[bytes]]
    prepare: Callable[[Path], Read]
    refuses: tuple[type[Exception], ...]
    words: tuple[bytes, ...]
    reasons: int
    """How many different refusals a run must see; fewer means that the inputs never get past the first check."""
    usual: int = 100_000
    """Inputs of a usual run."""
    draw: Callable[[Mutator], bytes] = Mutator.draw


def words(text: str) -> tuple[bytes, ...]:
    """The words of a format, and the line end."""
    return (b"\n", b" ", *(word.encode() for word in text.split()))


def pure(read: Read) -> Callable[[Path], Read]:
    """A parser that needs no folder."""
    return lambda folder: read


def loose(data: bytes) -> str:
    """Text as it can reach a function that takes text: bytes that are no UTF-8 come as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


# --- notes, keys, checkpoints, cosignatures, policies -------------------------------------------------------

KEY = note.SigningKey.from_seed("log.example.org/sổ-vàng", b"k" * 32)
OTHER = note.SigningKey.from_seed("other.example.org", b"o" * 32)
WITNESSES = [
    cosignature.CosigningKey.from_seed(f"w{number}.example.org", bytes([number]) * 32) for number in range(1, 4)
]
MLDSA = cosignature.CosigningKey.from_seed("pq.example.org", b"p" * 32, cosignature.COSIGNATURE_MLDSA44)
LOG, SECOND = KEY.verifier, OTHER.verifier
COSIGNERS = {key.name: key.verifier for key in (*WITNESSES, MLDSA)}
RECORD = b'{"a":"\xe1\xbb\xa6ng h\xe1\xbb\x99","b":1}'
LEAVES = [merkle.leaf_hash(RECORD if number == 40 else b"record %d" % number) for number in range(300)]
TREE = tiles.reader_of(LEAVES)


@cache
def checkpoint(size: int, *extensions: str) -> Checkpoint:
    return Checkpoint(KEY.name, size, merkle.root_of(LEAVES[:size]), extensions)


TEXT = checkpoint(300).text().encode()


@cache
def cosigned(size: int = 300, *, signers: int = 2, quantum: bool = False) -> bytes:
    made = checkpoint(size)
    lines = [key.cosign(made.text().encode(), 1_790_000_000 + i) for i, key in enumerate(WITNESSES[:signers])]
    if quantum:
        lines.append(MLDSA.cosign(made.text().encode(), 1_790_000_009))
    return note.add_signatures(sign_checkpoint(made, KEY), *lines)


def notes() -> list[bytes]:
    return [
        note.sign_note("Một dòng.\n", KEY),
        note.sign_note("Ba\n\ndòng.\n", OTHER, KEY),
        sign_checkpoint(checkpoint(7), KEY, OTHER),
    ]


def read_note(data: bytes) -> None:
    text, lines = note.split_note(data)
    assert (text + "\n" + "".join(line.line() for line in lines)).encode() == data
    note.open_note(data, [LOG, SECOND])


def read_vkey(data: bytes) -> None:
    text = loose(data)
    if text.startswith("PRIVATE"):
        assert note.SigningKey.parse(text).skey == text
        return
    name, algorithm, public_key = note.parse_vkey(text)
    assert note.format_vkey(name, algorithm, public_key) == text
    parse = note.VerifierKey.parse if algorithm == note.ED25519 else cosignature.CosignerKey.parse
    assert parse(text).vkey == text


def read_checkpoint(data: bytes) -> None:
    """Once as the text of a checkpoint, once as a note that somebody signed."""
    if b"\n\n" in data:
        open_checkpoint(data, LOG)
        return
    text = loose(data)
    assert parse_checkpoint(text).text() == text


def read_cosignature(data: bytes) -> None:
    """The lines of a note whose text stays right: what is off stands in names, hashes, times, signatures."""
    lines = loose(data).split("\n")
    for line in lines[:-1]:
        signature = note.parse_signature_line(line + "\n")
        key = COSIGNERS.get(signature.name)
        cosignature.cosigned_at(signature.signature)
        if key is None:
            raise NoteRejected("no_known_signature")
        key.verify(TEXT, signature.signature)


def cosignature_lines() -> list[bytes]:
    text = TEXT
    ours = [
        key.cosign(text, at).line().encode() for key, at in zip(WITNESSES, (0, 1_790_000_000, 2**63 - 1), strict=True)
    ]
    return [*ours, ours[0] + ours[1], MLDSA.cosign(text, 1_790_000_000).line().encode()]


def policies() -> list[bytes]:
    vkeys = [key.vkey for key in WITNESSES]
    rows = [f"witness {chr(97 + i)} {vkey} https://{chr(97 + i)}.example.org/" for i, vkey in enumerate(vkeys)]
    return [
        f"log {KEY.vkey} https://log.example.org/\n{rows[0]}\nquorum a\n".encode(),
        "\n".join(["# hai trên ba", *rows, "group g 2 a b c", "quorum g", ""]).encode(),
        "\n".join([*rows, "group x any a b", "group y all x c", "quorum y", ""]).encode(),
        b"quorum none\n",
    ]


def read_policy(data: bytes) -> None:
    policy.parse_policy(loose(data)).judge(cosigned(), LOG)


# --- proofs, tiles, witness requests, QR codes --------------------------------------------------------------


def proofs() -> list[bytes]:
    made = [
        proof.make_proof(40, merkle.prove_inclusion(40, 300, TREE), cosigned()),
        proof.make_proof(40, merkle.prove_inclusion(40, 41, TREE), cosigned(41, signers=0), RECORD),
    ]
    for each in made:
        proof.verify_proof(each, LEAVES[40], LOG)
    return made


def read_proof(data: bytes) -> None:
    assert proof.parse_proof(data).encode() == data
    proof.verify_proof(data, LEAVES[40], LOG)


def bundles() -> list[bytes]:
    return [tiles.encode_bundle([RECORD] * n) for n in (1, 2, 5)] + [tiles.encode_bundle([b""] * 256)]


def read_entry_bundle(data: bytes) -> None:
    assert tiles.encode_bundle(tiles.decode_bundle(data)) == data


def tile_paths() -> list[bytes]:
    places = [(0, 5, None), (0, 1_234_067, 7), (None, 0, 255), (None, 999, None), (63, 0, 1), (1, 2**62, None)]
    return [tiles.tile_path(*place).encode() for place in places]


def read_tile_path(data: bytes) -> None:
    path = loose(data)
    assert tiles.parse_path(path).path == path


def hash_tiles() -> list[bytes]:
    return [bytes([width - 1]) + tiles.encode_tile(LEAVES[:width]) for width in (1, 2, 9, 64)]


def read_hash_tile(data: bytes) -> None:
    """The first byte says the width that is asked for."""
    width = (data[0] if data else 0) + 1
    assert tiles.encode_tile(tiles.decode_tile(data[1:], width)) == data[1:]


def witness_requests() -> list[bytes]:
    made = [
        witness.AddCheckpoint(0, (), cosigned(signers=0)),
        witness.AddCheckpoint(41, merkle.prove_consistency(41, 300, TREE), cosigned()),
        witness.AddCheckpoint(64, merkle.prove_consistency(64, 300, TREE), cosigned(signers=0)),
    ]
    return [each.encode() for each in made]


def read_witness_request(data: bytes) -> None:
    request = witness.parse_add_checkpoint(data)
    assert request.encode() == data
    latest = checkpoint(request.old) if request.old in (41, 64) else None
    witness.judge(request, [LOG], latest)


def qr_texts() -> list[bytes]:
    return [qr.write_qr(RECORD, bare).encode() for bare in QR_PROOFS]


QR_PROOFS = [proof.make_proof(40, merkle.prove_inclusion(40, n, TREE), cosigned(n, signers=0)) for n in (41, 64)]
QR_INSIDE = RECORD + b"\n" + QR_PROOFS[0]


def draw_qr(mutator: Mutator) -> bytes:
    """Half of them spoilt under base45 and DEFLATE, so that what is inside is read as well."""
    data = mutator.draw()
    if mutator.below(2):
        return data
    inner = mutator.spoil(QR_INSIDE)
    packer = zlib.compressobj(1, zlib.DEFLATED, -15, 9)
    return (qr.PREFIX + qr.encode_base45(packer.compress(inner) + packer.flush())).encode()


def read_qr_text(data: bytes) -> None:
    read = qr.read_qr(loose(data))
    assert b"\n" not in read.record
    assert read.parsed.encode() == read.proof


# --- canonical JSON, records, entries -----------------------------------------------------------------------


@cache
def golden_records() -> list[bytes]:
    return [path.read_bytes() for path in sorted((GOLDEN / "records").glob("*.json"))]


def values() -> list[bytes]:
    made = [
        canonical.encode(
            {"note": "Ủng hộ", "amount": {"minor": 500000, "currency": "VND"}, "n": None, "t": [True, -1]}
        ),
        canonical.encode([[[[]]], {}, '\\"\n\u001f€', canonical.MAX_INTEGER, -canonical.MAX_INTEGER]),
        b"0",
        b'""',
        b"[" * 32 + b"]" * 32,
    ]
    return [*made, b'{ "a" : 1,\n"b": "e\\u0301 \\ud83d\\ude00" }']


def read_canonical(data: bytes) -> None:
    """I-JSON first (`parse`), then the one spelling (`decode`)."""
    value = canonical.parse(data)
    if data[:1] == b"{" and data[1:2] == b" ":
        return  # the one of the corpus that is good JSON and not canonical
    assert canonical.decode(data) == value
    assert json.loads(data) == value


def read_record(data: bytes) -> None:
    try:
        read = record.decode(data)
    except record.RecordMalformed:
        record.decode_bare(data)  # of a kind from later, perhaps
        raise
    assert record.encode(read) == data
    read.entry.postings()


def entries() -> list[bytes]:
    return [canonical.encode(canonical.decode(data)["entry"]) for data in golden_records()]  # type: ignore[index]


def read_entry(data: bytes) -> None:
    record.checked_entry(data)


# --- statements ---------------------------------------------------------------------------------------------

BANK = "Date,ReferenceNumber,TransactionDetails,DebitAmount,CreditAmount,Balance\n"
CSV = [
    BANK + '03/08/2026,R1,NGUYEN THI HOA ung ho,,"50,000","51,000"\n04/08/2026,R2,Phi,"1,000",,"50,000"\n',
    "Ngân hàng X\nSố dư đầu kỳ;;;1.000\nNgày;Nội dung;Số tiền;Số dư\n01/03/2026;ủng hộ;50.000;51.000\n"
    '02/03/2026;"hai\ndòng";-1.000;50.000\nSố dư cuối kỳ;;;50.000\n',
    "ngày\tngười ủng hộ\tsố tiền\tquỹ\tnội dung\n2026-01-15\tAn\t50000\tQUY-01\tx\n",
    "Transaction date|Details|Amount|Balance\n2026-01-15|a|1,234,567.00|1,234,567.00\n",
]
MT940 = [
    ":20:STARTUMS\n:25:51230800/0000007055\n:28C:00027/00001\n:60F:C260318VND380115,\n"
    ":61:2603190319C27,NTRFref//bankref\n:86:ung ho\ndong bao\n:61:260319D15,NMSCNONREF\n:62F:C260319VND380127,\n",
    "{1:F01X}{4:\n:20:A\n:25:1\n:28C:1/1\n:60F:C260101VND0,\n:61:260102C5,NTRFa\n:62M:C260102VND5,\n-}\n"
    ":20:A\n:25:1\n:28C:1/2\n:60M:C260102VND5,\n:61:2512310102RC5,NTRFb\n:62F:C260103VND0,\n-\n",
]
_ENTRY = (
    "<Ntry><Amt Ccy='VND'>{0}</Amt><CdtDbtInd>{1}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-08-0{2}</Dt></BookgDt>"
    "<AcctSvcrRef>R{2}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Nm>Hoà</Nm></Dbtr></RltdPties><RmtInf>"
    "<Ustrd>ung ho &amp; x</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
)
_BALANCE = "<Bal><Tp><CdOrPrtry><Cd>{}</Cd></CdOrPrtry></Tp><Amt Ccy='VND'>{}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>\n"
CAMT = (
    "<?xml version='1.0' encoding='UTF-8'?>\n<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'>"
    "<BkToCstmrStmt><GrpHdr><MsgId>m</MsgId></GrpHdr><Stmt><FrToDt><FrDtTm>2026-08-01T00:00:00</FrDtTm></FrToDt>"
    "<Acct><Id><IBAN>VN1</IBAN></Id><Ccy>VND</Ccy></Acct>\n"
    + _BALANCE.format("OPBD", 100)
    + _BALANCE.format("CLBD", 350)
    + _ENTRY.format(300, "CRDT", 1)
    + _ENTRY.format(50, "DBIT", 2)
    + "</Stmt></BkToCstmrStmt></Document>"
)


def encoded(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


def statement(name: str) -> Callable[[Path], Read]:
    """Read through as an import does: lines, identities, control."""

    def prepare(folder: Path) -> Read:
        path = folder / name

        def read(data: bytes) -> None:
            with path.open("wb", buffering=0) as file:
                file.write(data)
            opened = open_statement(path)
            lines = [line for line, _, _ in keyed_lines(opened, "a", lambda each: each[:8])]
            first = next(opened.lines(), None)
            before = None if first is None or first.balance_minor is None else first.balance_minor - first.amount_minor
            total = sum(line.amount_minor for line in lines)
            opening = opened.head.opening_minor if before is None else before
            figures = control(opened, opening=opening or 0, closing=(opening or 0) + total)
            assert figures.lines == len(lines)
            assert figures.opening + total == figures.closing

        return read

    return prepare


@cache
def workbook(kind: int) -> bytes:
    """A small workbook: text cells, or typed ones."""
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    rows: list[list[object]] = [
        ["Ngày", "Nội dung", "Số tiền", "Số dư"],
        ["01/03/2026", "ủng hộ", "50.000", "51.000"],
        ["02/03/2026", "phí", "-1.000", "50.000"],
    ]
    if kind:
        rows[1:] = [
            [datetime.date(2026, 3, 1), "ủng hộ", 50_000, 51_000],
            [datetime.datetime(2026, 3, 2, 8, 30), True, -1_000.0, 50_000],
        ]
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return zipped(parts(out.getvalue()))


def parts(data: bytes) -> dict[str, bytes]:
    """The parts of a workbook that its reader looks at."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if not re.search("docProps|theme", name)]
        return {name: archive.read(name) for name in names}


def zipped(inner: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in inner.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def workbooks() -> list[bytes]:
    return [workbook(0), workbook(1)]


_inner: dict[int, dict[str, bytes]] = {}


def draw_workbook(mutator: Mutator) -> bytes:
    """One in four spoilt as an archive; else the XML inside: mostly the cells and their texts."""
    kind = mutator.below(2)
    if not mutator.below(4):
        return mutator.spoil(workbook(kind))
    if kind not in _inner:
        _inner[kind] = parts(workbook(kind))
    inner = dict(_inner[kind])
    often = [name for name in inner if "sheet1" in name or "sharedStrings" in name]
    names = often if mutator.below(4) else list(inner)
    name = names[mutator.below(len(names))]
    inner[name] = mutator.spoil(inner[name])
    return zipped(inner)


# --- what a donor or a reader of papers hands to a verifier -------------------------------------------------


@dataclass(frozen=True)
class Papers:
    """Files made from a small book, and the key that they are checked under."""

    key: note.VerifierKey
    bundle: bytes
    qr: bytes
    proof: bytes
    forks: tuple[bytes, ...]

    def all(self) -> list[bytes]:
        return [self.bundle, self.qr, self.proof, *self.forks]


@cache
def papers() -> Papers:
    with tempfile.TemporaryDirectory() as folder:
        world = World.create(Path(folder) / "home", None)
        index = world.gift().index
        _, newer = world.open.checkpointer.run()
        key = world.open.signer.key()
        size = index + 1
        with reading(world.open.engine) as db:
            tree = read.tree_reader(db, "hp")
            leaves = [tree(0, number) for number in range(size)]
        forked = [*leaves[: size - 2], bytes(32), bytes(32)]
        origin = key.name
        older = [
            sign_checkpoint(Checkpoint(origin, len(part), merkle.root_of(part)), key) for part in (forked, forked[:-1])
        ]
        made = Papers(
            key.verifier,
            make_bundle(world.open, index, name=True),
            make_qr(world.open, index).encode(),
            prove(world.open, index),
            tuple(make_fork(note_bytes, newer, tiles.reader_of(leaves), key.verifier) for note_bytes in older),
        )
        world.home.close()
    return made


class Told(Exception):
    """The standalone verifier's findings; it raises none of its own."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def told(path: Path, policy_file: bytes | None = None) -> None:
    code, answer = verify.judge(path, papers().key.vkey, policy_file)
    if code:
        raise Told(" ".join(sorted({str(finding["kind"]) for finding in answer["findings"]})))


def prepare_standalone(folder: Path) -> Read:
    path = folder / "paper"

    def read_paper(data: bytes) -> None:
        with path.open("wb", buffering=0) as file:
            file.write(data)
        told(path)

    return read_paper


def prepare_standalone_policy(folder: Path) -> Read:
    path = folder / "paper"
    path.write_bytes(papers().proof)
    return lambda data: told(path, data)


@cache
def stamped() -> tuple[bytes, tuple[Certificate, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        authority = make_tsa(Path(folder) / "tsa")
        with served(lambda query, _: authority.stamp(query)) as url:
            token = timestamps.HttpTimestamper(url, "tsa", Randomness()).stamp(TEXT)
        return token, tuple(load_pem_x509_certificates(authority.root))


def read_timestamp(data: bytes) -> None:
    timestamps.check_timestamp(data, TEXT, stamped()[1])


def read_donor_bundle(data: bytes) -> None:
    check_bundle(data, papers().key)


def read_fork(data: bytes) -> None:
    check_fork(data, papers().key)


BUNDLE_WORDS = words(
    '{ } [ ] , : "checkpoint" "format" "gift" "openings" "records" "trace" "uses" "held" "goods" "minor" "path" "part" '
    '"sovang-bundle/1" "sovang-fork/1" "newer" "older" SV1: c2sp.org/tlog-proof@v1 index [[[[[[[[[[[[[[[[ {"a":{"a":'
)

TARGETS = (
    Target(
        "bundle",
        lambda: [papers().bundle],
        pure(read_donor_bundle),
        (BundleFalse,),
        BUNDLE_WORDS,
        5,
    ),
    Target(
        "fork",
        lambda: list(papers().forks),
        pure(read_fork),
        (merkle.ProofFailed, NoteRejected, NoFork),
        BUNDLE_WORDS,
        5,
    ),
    Target("standalone", lambda: papers().all(), prepare_standalone, (Told,), BUNDLE_WORDS, 6),
    Target(
        "standalone-policy",
        lambda: (
            [each for each in policies() if each.endswith(b"none\n")]
            + [f"# không ai\nlog {papers().key.vkey}\nquorum none\n".encode()]
            + [policies()[1].replace(b"quorum g", b"quorum none"), policies()[2].replace(b"quorum y", b"quorum none")]
        ),
        prepare_standalone_policy,
        (Told,),
        words("log witness group quorum any all none 2 0 a b c g #"),
        1,
    ),
    Target(
        "timestamp",
        lambda: [stamped()[0]],
        pure(read_timestamp),
        (timestamps.TimestampInvalid,),
        (b"\x30\x80", b"\x02\x01"),
        3,
    ),
    Target("note", notes, pure(read_note), (NoteRejected,), words(f"— {KEY.name} + = {OTHER.name}"), 8),
    Target(
        "vkey",
        lambda: [key.vkey.encode() for key in (KEY, OTHER, WITNESSES[0], MLDSA)] + [KEY.skey.encode()],
        pure(read_vkey),
        (NoteRejected,),
        words("+ PRIVATE+KEY+ = ++ 00000000 log.example.org"),
        4,
    ),
    Target(
        "checkpoint",
        lambda: (
            [checkpoint(n, *more).text().encode() for n, more in ((0, ()), (7, ("thêm",)), (300, ()))]
            + [cosigned(signers=0)]
        ),
        pure(read_checkpoint),
        (NoteRejected,),
        words(f"{KEY.name} 0 300 — 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        10,
    ),
    Target(
        "cosignature",
        cosignature_lines,
        pure(read_cosignature),
        (NoteRejected,),
        words("— w1.example.org pq.example.org"),
        4,
    ),
    Target(
        "policy",
        policies,
        pure(read_policy),
        (policy.PolicyRejected, NoteRejected),
        words(f"log witness group quorum any all none 2 0 a b c g # \t {WITNESSES[0].vkey} {KEY.vkey}"),
        10,
    ),
    Target(
        "proof",
        proofs,
        pure(read_proof),
        (merkle.ProofFailed, NoteRejected),
        words("c2sp.org/tlog-proof@v1 extra index index\x20 — " + note.encode_base64(LEAVES[3])),
        8,
    ),
    Target(
        "entry-bundle",
        bundles,
        pure(read_entry_bundle),
        (tiles.TileRejected,),
        (b"\x00\x00", b"\xff\xff", b"\x00\x02ab"),
        2,
    ),
    Target(
        "tile-path",
        tile_paths,
        pure(read_tile_path),
        (tiles.TileRejected,),
        words("tile/ entries/ x000/ 000 .p/ / 256 x"),
        1,
    ),
    Target("hash-tile", hash_tiles, pure(read_hash_tile), (tiles.TileRejected,), (bytes(32), b"\x00"), 1),
    Target(
        "witness-request",
        witness_requests,
        pure(read_witness_request),
        (witness.WitnessRefused,),
        words("old old\x20 41 64 300 — " + note.encode_base64(LEAVES[3])),
        6,
    ),
    Target("qr", qr_texts, pure(read_qr_text), (merkle.ProofFailed,), words("SV1: %69 VD A: :::"), 8, draw=draw_qr),
    Target(
        "canonical",
        values,
        pure(read_canonical),
        (canonical.NotCanonical,),
        words(r'{ } [ ] , : " \ \u \ud800 \udc00 \ufffe \u0000 null true -0 1.0 1e3 {"a":1,"a":2} [[[[[[[[[[[['),
        8,
    ),
    Target(
        "record",
        golden_records,
        pure(read_record),
        (record.RecordMalformed,),
        words(
            '{ } [ ] , : "kind" "gift_received" "book_opened" null true'
            ' "minor" "VND" "index" "previous" {"kind":"new_kind"}'
        ),
        3,
    ),
    Target(
        "entry",
        entries,
        pure(read_entry),
        (Rejected,),
        words('{ } [ ] , : "kind" "gift_received" "reversed" null true "minor" "VND" "parts" "2026-02-30"'),
        2,
    ),
    Target(
        "csv",
        encoded(*CSV),
        statement("a.csv"),
        (Rejected,),
        words('Ngày Số\x20tiền Nội\x20dung Số\x20dư , ; | " "" - 50.000 1,000,000 31/02/2026 Tổng\x20cộng Date Amount'),
        6,
        usual=20_000,
    ),
    Target(
        "mt940",
        encoded(*MT940),
        statement("a.sta"),
        (Rejected,),
        words(":20: :25: :28C: :60F: :61: :86: :62F: :62M: {1: -} C260319VND1, 260231 RC // NTRF NONREF :34F:"),
        7,
        usual=40_000,
    ),
    Target(
        "camt",
        encoded(CAMT),
        statement("a.xml"),
        (Rejected,),
        words(
            "<Ntry> </Ntry> <Stmt> </Stmt> <!DOCTYPE <!ENTITY &x; &#0; <![CDATA[ ]]> <!-- <?xml camt.054 camt.053"
            " CRDT DBIT Ccy='USD' Amt PDNG"
        ),
        7,
        usual=40_000,
    ),
    Target(
        "xlsx",
        workbooks,
        statement("a.xlsx"),
        (Rejected,),
        words(
            '<c <v> </v> <f> t="s" t="d" t="b" t="e" r="A1" r="XFD1048576" s="1"'
            " <row </row> <si> <t> &lt; &x; <!DOCTYPE 1E400 #REF!"
        ),
        6,
        usual=8_000,
        draw=draw_workbook,
    ),
)

BY_NAME = {target.name: target for target in TARGETS}
