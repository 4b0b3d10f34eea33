"""audit/standalone/verify.html in a real browser: what it says of good and bad files, and how it can be used.

Without these, a donor's only verifier that needs neither us nor Python could say «đúng» of anything. The page is
held against the shared table and, change by change, against the checks in Python; known answers run inside it.
"""

import base64
import hashlib
import hmac
import io
import json
import re
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from audit.bundle import make_bundle
from audit.checks_bundle import BundleFalse, check_bundle
from audit.trace import trace
from certificates.attach import attach, attached
from certificates.check import PaperFalse, check_paper
from certificates.issue import issue, render_paper
from ledger.log import canonical, replacement
from ledger.log.cosignature import CosignerKey
from ledger.log.note import NoteRejected, SigningKey, VerifierKey
from ledger.log.policy import PolicyRejected, parse_policy
from ledger.log.proof import parse_proof, verify_proof
from ledger.log.qr import encode_base45, write_qr
from ledger.record import leaf_of
from ledger.refusals import Rejected
from tests.audits import check_book
from tests.certificates.test_attach import page as blank_pdf
from tests.ledger.saying import bodies, first_year
from tests.shared import shared
from tests.verifiers.making import (
    Log,
    Story,
    consistency,
    cosigned,
    deflate,
    following,
    gift_entry,
    invent,
    posting,
    root,
    sign,
    witness,
)
from tests.verifiers.table import make_cases
from tests.worlds import TODAY, World

HTML = Path(__file__).resolve().parents[2] / "audit" / "standalone" / "verify.html"
CHROMIUM = shutil.which("chromium")
SEEN = 1_788_307_200  # 2026-09-02

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium: verify.html is NOT tested (apt-get install chromium)"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        # A plain http origin that is not loopback by name: there a browser hides crypto.subtle.
        rules = "--host-resolver-rules=MAP sovang.test 127.0.0.1"
        made = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", rules])
        yield made
        made.close()


def opened(browser: Browser, address: str = HTML.as_uri(), **options: Any) -> tuple[Page, list[str]]:
    """The page, and what it complains of: errors, refusals of its own policy, requests to anywhere else."""
    page = browser.new_context(**options).new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: None if request.url == address else complaints.append(request.url))
    page.goto(address)
    return page, complaints


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page, complaints = opened(browser)
    yield page
    assert complaints == []
    page.context.close()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def checked(page: Page, cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The page's answers to {data, vkey, policy, record} (bytes and text), in one call."""
    sent = [
        {**case, "data": b64(case["data"]), "record": b64(case["record"]) if case.get("record") else None, "now": SEEN}
        for case in cases
    ]
    answers: list[dict[str, Any]] = page.evaluate(
        """async (cases) => {
          const answers = [];
          for (const {data, vkey, policy, record, now} of cases) {
            const options = {vkey, policy: policy ?? '', record: record === null ? null : parts.unbase64(record), now};
            answers.push(await check(parts.unbase64(data), options));
          }
          return answers;
        }""",
        sent,
    )
    assert [a for a in answers if a["reasons"] and a["reasons"][0]["code"] == "INTERNAL"] == []
    return answers


def said(answer: Mapping[str, Any]) -> str:
    """«good», or the name of what is wrong."""
    return answer["reasons"][0]["code"] if answer["reasons"] else str(answer["verdict"])


def most_used(world: World, kinds: Sequence[str]) -> int:
    """The gift that became the most things, goods among them."""

    def uses(index: int) -> tuple[bool, int]:
        told = trace(bodies(world), index).uses
        return any(use.goods for use in told), len(told)

    return max((i for i, kind in enumerate(kinds) if kind == "gift_received"), key=uses)


@dataclass
class Book:
    """A year of a fund and what its donors hold of it."""

    world: World
    vkey: str
    pdf: bytes
    bundles: dict[str, bytes]

    @property
    def key(self) -> VerifierKey:
        return VerifierKey.parse(self.vkey)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    world = World.create(tmp_path_factory.mktemp("verify-html") / "home", None)
    gift = world.gift(1_500_000).index
    first_year(world)
    world.open.checkpointer.run()
    paper = issue(world.open, gift, "receipt", by="ke-toan", issued_on=TODAY).index
    world.open.checkpointer.run()
    kinds = [json.loads(body)["entry"]["kind"] for body in bodies(world)]
    asked: dict[str, tuple[int, int | None]] = {
        "gift": (gift, None),
        "sheet": (kinds.index("cash_sheet_received"), 1),
        "batch": (kinds.index("gateway_settled"), 0),
        "used": (most_used(world, kinds), None),
    }
    bundles = {name: make_bundle(world.open, index, part, name=True) for name, (index, part) in asked.items()}
    yield Book(world, world.open.vkey.vkey, render_paper(world.open, paper), bundles)
    check_book(world)
    world.home.close()


# --- the file ---------------------------------------------------------------------------------------------------


def test_the_page_is_one_sealed_file() -> None:
    """No script but this one runs, nothing is loaded, nothing is sent. Says the hashes to write after a change."""
    source = HTML.read_text(encoding="utf-8")
    tags: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append((tag, dict(attrs)))

    Reader().feed(source)
    assert not {tag for tag, _ in tags} & {"link", "img", "iframe", "object", "embed", "form", "base", "a"}
    assert not [name for _, attrs in tags for name in attrs if name in ("src", "href", "style") or name[:2] == "on"]
    assert re.findall(r"https?://|fetch\(|XMLHttpRequest|WebSocket|innerHTML|eval\(|localStorage|cookie", source) == []

    def seal(tag: str) -> str:
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        return f"'sha256-{b64(hashlib.sha256(content.encode()).digest())}'"

    (policy,) = [attrs["content"] for tag, attrs in tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy == (
        f"default-src 'none'; style-src {seal('style')}; script-src {seal('script')}; "
        "base-uri 'none'; form-action 'none'"
    )


# --- known answers, inside the page -----------------------------------------------------------------------------


def test_hashes(page: Page) -> None:
    """SHA-256 by the browser and by the page's own lines, and HMAC, at every length around a block."""
    data = [bytes(i % 256 for i in range(length)) for length in [*range(200), 1000, 65_535]]
    browser_own, plain, keyed = page.evaluate(
        """async (data) => {
          const bytes = data.map(parts.unbase64);
          return [await Promise.all(bytes.map(async (b) => parts.hex(await parts.sha256(b)))),
                  bytes.map((b) => parts.hex(parts.sha256Plain(b))),
                  await Promise.all(bytes.map(async (b) => parts.hex(await parts.hmacSha256(b, parts.utf8('x')))))];
        }""",
        [b64(one) for one in data],
    )
    assert browser_own == plain == [hashlib.sha256(one).hexdigest() for one in data]
    assert keyed == [hmac.digest(one, b"x", "sha256").hex() for one in data]


def test_base45(page: Page) -> None:
    """RFC 9285, its examples and what it refuses; and two random-looking texts as our own writer makes them."""
    noise = [hashlib.shake_256(bytes([n])).digest(n) for n in range(64)]
    good = {"BB8": b"AB", "%69 VD92EX0": b"Hello!!", "UJCLQE7W581": b"base-45", "QED8WEX0": b"ietf!", "": b""}
    good |= {encode_base45(one): one for one in noise}
    assert page.evaluate("(all) => all.map((t) => parts.base64(parts.unbase45(t)))", list(good)) == [
        b64(one) for one in good.values()
    ]
    bad = ["GGW", ":::", "A", "BB8A", "Z9", "bb8", "BB8\n", "B\u0130", "::"]
    assert page.evaluate("(all) => all.map(parts.unbase45)", bad) == [None] * len(bad)


def test_canonical_json(page: Page) -> None:
    """The page takes exactly the bytes that the ledger's own reader takes: vectors of RFC 8785, and hostile ones."""
    vectors = shared("vectors/cyberphone-jcs/testdata")
    texts = [path.read_bytes() for sort in ("input", "output") for path in sorted((vectors / sort).iterdir())]
    deep = "[" * 32 + "]" * 32
    numbers = [
        "0",
        "-0",
        "-1",
        "01",
        "1.0",
        "1e2",
        "9007199254740991",
        "-9007199254740991",
        "9007199254740992",
        "-9007199254740993",
        "NaN",
        "+1",
        ".5",
        "-",
    ]
    words = [
        r"null",
        r"true",
        r"nul",
        r'""',
        r'"a',
        r'"\u0001"',
        r'"\u001F"',
        r'"\u001f"',
        r'"\n"',
        r'"\u000a"',
        r'"\/"',
        r'"/"',
        r'"\u0041"',
        r'"\x"',
        r'"\ud83d\ude00"',
        r'"\ud800"',
        r"{}",
        r"[]",
        r"[,]",
        r"[1,]",
        r'{"a":1,"b":2}',
        r'{"b":1,"a":2}',
        r'{"a":1,"a":1}',
        r'{"é":1}',
        r'{"a":1}x',
        r'{"__proto__":1}',
        r"[1,2]]",
        r'{"a":1',
    ]
    letters = [f'"{c}"' for c in "😀/\x7f\u0378\ufdd0\U0001ffff\ue000\u2028ắ"] + ['"a\u0306\u0301"', '"\u0103\u0301"']
    others = [deep, f"[{deep}]", '{"a":' * 32 + "0" + "}" * 32, '"a\nb"', '"a b"', " 1", "1" * 21, '{"a" :1}', "''"]
    texts += [one.encode() for one in [*numbers, *words, *letters, *others]]
    texts += [b"\xff", b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", b"", b'"a\x00"']
    for line in shared("hostile/text.jsonl").read_text().splitlines():
        if isinstance(text := json.loads(line).get("text"), str):
            texts.append(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass"))
    answers = page.evaluate(
        """(all) => all.map((one) => { try { parts.canonical(parts.unbase64(one)); return 'good'; }
                                      catch (error) { return error.code; } })""",
        [b64(one) for one in texts],
    )
    wanted = []
    for one in texts:
        try:
            canonical.decode(one)
            wanted.append(True)
        except canonical.NotCanonical:
            wanted.append(False)
    differ = [
        (one[:60], answer)
        for one, answer, good in zip(texts, answers, wanted, strict=True)
        if (answer == "good") != good
    ]
    # What Unicode has assigned since our Python's table may be taken; it is never the other way round.
    assert differ == []
    assert 10 < sum(wanted) < len(wanted) - 30


def test_merkle_proofs(page: Page) -> None:
    lines = [json.loads(line) for line in shared("hostile/merkle.jsonl").read_text().splitlines()]
    cases = [line for line in lines if line["kind"] in ("inclusion", "consistency")]
    answers = page.evaluate(
        """(cases) => Promise.all(cases.map((c) => {
          const path = c.proof.map(parts.unhex);
          return c.kind === 'inclusion'
            ? parts.includes(parts.unhex(c.leaf), BigInt(c.index), BigInt(c.size), parts.unhex(c.root), path)
            : parts.continues(BigInt(c.old), BigInt(c.new), parts.unhex(c.old_root), parts.unhex(c.new_root), path);
        }))""",
        [{name: str(value) if isinstance(value, int) else value for name, value in case.items()} for case in cases],
    )
    wrong = [case["id"] for case, answer in zip(cases, answers, strict=True) if answer != case["valid"]]
    assert wrong == []
    assert len(cases) == 360


def test_notes(page: Page) -> None:
    """Every hostile note: opened with the witnesses that the set says, or refused. ML-DSA-44 is never counted."""
    lines = [json.loads(line) for line in shared("hostile/notes.jsonl").read_text().splitlines()]
    keys = lines[0]
    answers = page.evaluate(
        """async ([keys, notes]) => {
          const vkeys = [keys.log_vkey, keys.witness_vkey, keys.witness_pq_vkey];
          const [log, w1, w2] = await Promise.all(vkeys.map(parts.verifierKey));
          const policy = {witnesses: [{name: 'w1', key: w1}, {name: 'w2', key: w2}], groups: [], quorum: 'none'};
          const answers = [];
          for (const note of notes) {
            const seen = new parts.Seen(log, policy, null, 0);
            let counted = 0;
            seen.checkpoint = (_, cosigned) => {
              counted = [...cosigned.values()].filter((found) => found.checked).length;
            };
            try {
              await parts.openCheckpoint(parts.unbase64(note), seen.terms(), seen);
              answers.push(`valid+${counted}`);
            } catch (error) { answers.push(error.verdict); }
          }
          return answers;
        }""",
        [keys, [line["b64"] for line in lines[1:]]],
    )
    counted = {"v1": 1, "v3": 1, "c04": 1, "c05": 1, "c06": 1}
    wrong = {}
    for case, answer in zip(lines[1:], answers, strict=True):
        wanted = f"valid+{counted.get(case['id'], 0)}" if case["expect"].startswith("valid") else "bad"
        if answer != wanted:
            wrong[case["id"]] = (answer, wanted, case["why"])
    assert wrong == {}
    assert len(answers) == 61


def test_ed25519(page: Page) -> None:
    groups = json.loads(shared("vectors/wycheproof/testvectors_v1/ed25519_test.json").read_text())["testGroups"]
    cases = [{**test, "pk": group["publicKey"]["pk"]} for group in groups for test in group["tests"]]
    answers = page.evaluate(
        "(all) => Promise.all(all.map((c) => parts.verifyEd25519(...[c.pk, c.msg, c.sig].map(parts.unhex))))", cases
    )
    assert answers == [case["result"] == "valid" for case in cases]
    assert len(cases) > 100


def test_public_tlog_proofs(page: Page) -> None:
    formats = json.loads(shared("vectors/tlog-proof/format.json").read_text())
    texts = [case["text"] for case in formats["valid"]]
    read = page.evaluate(
        """(all) => all.map((t) => { const p = parts.parseProof(parts.utf8(t));
          const extra = p.extra && parts.base64(p.extra);
          return [String(p.index), p.path.map(parts.base64), extra, new TextDecoder().decode(p.checkpoint)]; })""",
        texts,
    )
    assert read == [[str(c["index"]), c["hashes_b64"], c["extra_b64"], c["checkpoint"]] for c in formats["valid"]]
    invalid = [case["text"] if isinstance(case, dict) else case for case in formats["invalid"]]
    refused = page.evaluate(
        """(all) => all.map((t) => {
          try { parts.parseProof(parts.utf8(t)); return null; } catch (error) { return error.verdict; }
        })""",
        invalid,
    )
    assert refused == ["bad"] * len(invalid)


# --- the same verdicts as every other verifier ------------------------------------------------------------------


def test_the_shared_table(page: Page, tmp_path: Path) -> None:
    """Every file of the table that is not a whole log. `good` false is «bad» or «cannot», never «good»."""
    cases = [case for case in make_cases(tmp_path) if case.form != "tiles"]
    answers = checked(
        page,
        [
            {
                "data": (tmp_path / case.path).read_bytes(),
                "vkey": case.vkey,
                "policy": (tmp_path / case.policy).read_text() if case.policy else None,
                "record": (tmp_path / case.record).read_bytes() if case.record else None,
            }
            for case in cases
        ],
    )
    wrong = {
        case.id: (said(answer), case.good, case.why)
        for case, answer in zip(cases, answers, strict=True)
        if (answer["verdict"] == "good") != (case.good or case.rules_only)
    }
    assert wrong == {}
    found = {(case.form, answer["verdict"]) for case, answer in zip(cases, answers, strict=True)}
    assert {
        (form, verdict) for form in ("proof", "bundle", "pdf", "fork", "qr") for verdict in ("good", "bad")
    } <= found


def changes(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place of a JSON value, and other values for it."""
    if isinstance(value, dict):
        yield (*where, "more"), 1
        for name, item in value.items():
            yield from changes(item, (*where, name))
    elif isinstance(value, list):
        if value:
            yield where, value[1:]
            yield where, value[:-1]
            yield where, [*value, value[-1]]
            yield where, value[::-1]
        for place, item in enumerate(value):
            yield from changes(item, (*where, place))
    elif isinstance(value, bool):
        yield where, not value
    elif isinstance(value, int):
        yield from ((where, other) for other in (value + 1, value - 1, -1, str(value)))
    else:
        yield from ((where, other) for other in (value + "x", value[1:], ""))


def changed(value: Any, where: tuple[Any, ...], other: Any) -> Any:
    if not where:
        return other
    copy = value.copy()
    first = where[0]
    copy[first] = changed(value[first], where[1:], other) if isinstance(value, list) or first in value else other
    return copy


def python_of_bundle(data: bytes, key: VerifierKey) -> str:
    try:
        check_bundle(data, key)
    except BundleFalse as false:
        return false.reason
    return "good"


@pytest.mark.parametrize("name", ["sheet", "batch", "used"])
def test_a_bundle_with_any_one_thing_changed(page: Page, book: Book, name: str) -> None:
    """Each value of a bundle changed in turn: the page names what Python names, in the words of docs/format.md."""
    whole = json.loads(book.bundles[name])
    tried = [book.bundles[name], book.bundles[name] + b"\n", book.bundles[name][:-1]]
    tried += [canonical.encode(changed(whole, where, other)) for where, other in changes(whole) if where]
    answers = checked(page, [{"data": data, "vkey": book.vkey} for data in tried])
    wanted = [python_of_bundle(data, book.key) for data in tried]
    differ = [
        (said(answer), want, data[-300:])
        for answer, want, data in zip(answers, wanted, tried, strict=True)
        if said(answer) != want and not (want == "MALFORMED" and said(answer) == "UNKNOWN_FILE")
    ]
    assert differ == []
    assert wanted[0] == "good"
    assert len(set(wanted)) > 5


def test_a_bundle_says_what_became_of_the_gift(page: Page, book: Book) -> None:
    (answer,) = checked(page, [{"data": book.bundles["used"], "vkey": book.vkey}])
    shown = {field["vi"]: field["value"] for field in answer["fields"]}
    proven = check_bundle(book.bundles["used"], book.key)
    assert shown["Số tiền"] == f"{proven.amount.minor:,} ₫".replace(",", ".")
    said = json.dumps(answer["said"], ensure_ascii=False)
    for use in proven.uses:
        money, told = f"{use.minor:,} ₫".replace(",", "."), shown[f"Đã dùng, bản ghi {use.index}"]
        if use.goods:  # only the pieces stand in the record; the money they stand for is the fund's word
            assert all(f"{count} {unit}" in told for unit, count in use.goods.items())
            assert money not in told
            assert money in said
        else:
            assert money in told
    assert any(use.goods for use in proven.uses)
    assert any("attribution" in item["en"] for item in answer["unchecked"])


def test_a_bundle_after_the_key_was_replaced(page: Page, story: Story) -> None:
    """A key pinned years ago leads to the new one by two signatures; a compromised key leads nowhere."""
    old, gift = story.key, story.find("gift_received")
    new, third = (SigningKey.from_seed(old.name, hashlib.sha256(seed).digest()) for seed in (b"new", b"third"))

    def replaced(before: SigningKey, after: SigningKey, **other: Any) -> dict[str, Any]:
        said = replacement.statement(old.name, before.vkey, after.vkey, compromised=bool(other.get("compromised")))
        names = {"old_key": before.vkey, "new_key": after.vkey, "compromised": False, "kind": "key_replaced"}
        signed = {"new_signature": replacement.sign(after, said), "old_signature": replacement.sign(before, said)}
        return {**names, **signed, **other}

    def bundle(
        entries: Sequence[dict[str, Any]], *signers: SigningKey, gifts: int = 1, size: int | None = None
    ) -> bytes:
        records = list(story.records)
        for entry in entries:
            records = following(records, entry)
        for number in range(gifts):
            records = following(records, *gift_entry(number))
        log = Log(records[:size], signers[0])
        held = json.loads(records[gift])["entry"]
        inside = [0, gift, *range(len(story.records), len(story.records) + len(entries))]
        account = {"account": f"fund:{held['fund']}", "goods": {}, **held["amount"]}
        return canonical.encode(
            {
                "checkpoint": sign(log.text(), *signers).decode(),
                "format": "sovang-bundle/1",
                "gift": {"index": gift},
                "openings": {},
                "records": [
                    {"path": [b64(node) for node in log.path(i)], "record": records[i].decode()}
                    for i in inside
                    if i < len(log.records)
                ],
                "trace": {
                    "amount": held["amount"], "fund": held["fund"], "held": [account], "refunded_minor": 0, "uses": [],
                },
            }
        )  # fmt: skip

    first, second = replaced(old, new), replaced(new, third)
    wrong = replaced(old, new, old_signature=second["old_signature"])
    tried = {
        "the old key, no replacement": bundle([], old),
        "the new key": bundle([first], new),
        "two replacements": bundle([first, second], third),
        "both, at the size of the replacement": bundle([first], old, new, gifts=0),
        "the old key, at that size": bundle([first], old, gifts=0),
        "the old key, after it": bundle([first], old),
        "the new key, replacement not inside": bundle([], new),
        "the third key, one link": bundle([first], third),
        "a key between, closed": bundle([first, second], new),
        "compromised": bundle([replaced(old, new, compromised=True)], new),
        "compromised later": bundle([first, replaced(new, third, compromised=True)], new),
        "old key's signature wrong": bundle([wrong], new),
        "old key has not signed": bundle([{k: v for k, v in first.items() if k != "old_signature"}], new),
        "new key's signature wrong": bundle([{**first, "new_signature": first["old_signature"]}], new),
        "another name": bundle([replaced(old, SigningKey.from_seed("other.example", bytes(32)))], new),
        "not from this key": bundle([second], third),
    }
    for pinned in (old, new):
        answers = checked(page, [{"data": data, "vkey": pinned.vkey} for data in tried.values()])
        wanted = {name: python_of_bundle(data, VerifierKey.parse(pinned.vkey)) for name, data in tried.items()}
        assert dict(zip(tried, map(said, answers), strict=True)) == wanted
        assert {"good", "NOTE_REJECTED"} < set(wanted.values())
    assert wanted["compromised later"] == "KEY_COMPROMISED"


def test_an_exchange_is_no_way_from_one_purchase_to_another(page: Page, story: Story) -> None:
    """What one purchase put in, another does not take out; within one record it is the way money becomes goods."""
    gift = story.find("gift_received")
    entry = json.loads(story.records[gift])["entry"]
    minor, fund = entry["amount"]["minor"], f"fund:{entry['fund']}"
    into, out = posting(minor, fund, "exchange-purpose"), posting(minor, "exchange-purpose", "allocated:T")
    used = posting(minor, "allocated:T", "used:T")
    tried = []
    for steps in ([[into, out], [used]], [[into], [out], [used]], [[into], [out, used]], [[out], [into, used]]):
        records = list(story.records)
        for postings in steps:
            records = following(records, {"kind": "gold_poured"}, postings)
        log = Log(records, story.key)
        inside = [0, gift, *range(len(story.records), len(records))]
        use = {"goods": {}, "index": len(records) - 1, "minor": minor, "unit": "VND"}
        said_trace = {"amount": entry["amount"], "fund": entry["fund"], "held": [], "refunded_minor": 0, "uses": [use]}
        bundle = {
            "checkpoint": log.note().decode(),
            "format": "sovang-bundle/1",
            "gift": {"index": gift},
            "openings": {},
            "records": [{"path": [b64(n) for n in log.path(i)], "record": records[i].decode()} for i in inside],
            "trace": said_trace,
        }
        tried.append(canonical.encode(bundle))
    answers = checked(page, [{"data": data, "vkey": story.key.vkey} for data in tried])
    wanted = [python_of_bundle(data, story.key.verifier) for data in tried]
    assert [said(answer) for answer in answers] == wanted == ["good", "NO_PATH", "NO_PATH", "NO_PATH"]


def test_papers(page: Page, book: Book) -> None:
    """A paper as issued; its attachments changed in every way that Python's check knows; other forms of PDF."""
    files = attached(book.pdf)
    tried = {"issued": book.pdf, "drawn by another": attach(blank_pdf(), files)}
    for name in files:
        tried[f"no {name}"] = attach(blank_pdf(), {k: v for k, v in files.items() if k != name})
        for place in range(0, len(files[name]), 41):
            flipped = bytearray(files[name])
            flipped[place] ^= 1
            tried[f"{name} bit at {place}"] = attach(blank_pdf(), {**files, name: bytes(flipped)})
    for first, second in (("book", "gift"), ("gift", "paper"), ("paper", "book")):
        swapped = {f"{first}.{end}": files[f"{second}.{end}"] for end in ("record", "tlog-proof")}
        tried[f"{second} for {first}"] = attach(blank_pdf(), {**files, **swapped})
    tried["no files"] = blank_pdf()
    answers = checked(page, [{"data": pdf, "vkey": book.vkey} for pdf in tried.values()])
    wrong = {}
    for (name, pdf), answer in zip(tried.items(), answers, strict=True):
        try:
            check_paper(pdf, book.key)
            good = True
        except (PaperFalse, Rejected):
            good = False
        if (answer["verdict"] == "good") != good:
            wrong[name] = said(answer)
    assert wrong == {}
    assert answers[0]["verdict"] == "good"
    shown = {field["vi"]: field["value"] for field in answers[0]["fields"]}
    assert shown["Số tiền"] == "1.500.000 ₫"
    assert shown["Người ủng hộ"] == "Nguyễn Thị Hoà"
    assert shown["Nguồn"] == "sua"


def test_a_pdf_in_another_form_is_never_good(page: Page, book: Book) -> None:
    """Saved again by other programs, encrypted, cut, changed at the end: not understood, so not good."""

    def saved(**how: Any) -> bytes:
        out = io.BytesIO()
        with pikepdf.open(io.BytesIO(book.pdf)) as document:
            document.save(out, **how)
        return out.getvalue()

    tried = {
        "object streams": saved(object_stream_mode=pikepdf.ObjectStreamMode.generate),
        "compressed": saved(object_stream_mode=pikepdf.ObjectStreamMode.disable, compress_streams=True),
        "an older table": book.pdf.replace(b"trailer << ", b"trailer << /Prev 9 "),
        "encrypted": saved(encryption=pikepdf.Encryption(owner="a", user="")),
        "linearized": saved(linearize=True),
        "cut": book.pdf[:-20],
        "longer": book.pdf + b"x",
        "incremental": book.pdf
        + b"\nxref\n0 1\n0000000000 65535 f \ntrailer << /Root 1 0 R /Size 83 /Prev 1 >>\n"
        + f"startxref\n{len(book.pdf) + 1}\n%%EOF\n".encode(),
        "before": b"x" + book.pdf,
        "only a head": b"%PDF-1.7\n",
        "nothing": b"",
    }
    answers = checked(page, [{"data": pdf, "vkey": book.vkey} for pdf in tried.values()])
    assert {answer["verdict"] for answer in answers} == {"cannot"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A year of a fund under a key the test holds; audited where it is made."""
    return invent(tmp_path_factory.mktemp("story") / "home")


def test_proofs_qr_codes_and_forks(page: Page, story: Story) -> None:
    """Good ones; each with every line of the proof changed; another key; an index that is not the record's."""
    log = Log(story.records, story.key)
    other = SigningKey.from_seed(story.key.name, bytes(32))
    index = story.find("gift_received")
    proof, record = log.proof(index), story.records[index]
    bare = log.proof(index, extra=False)
    cases: list[tuple[bool, dict[str, Any]]] = [
        (True, {"data": proof}),
        (True, {"data": bare, "record": record}),
        (False, {"data": bare}),
        (False, {"data": bare, "record": story.records[index + 1]}),
        (False, {"data": proof, "vkey": other.vkey}),
        (False, {"data": proof, "vkey": ""}),
        (False, {"data": proof, "vkey": story.key.vkey[:-1]}),
        (False, {"data": proof.replace(f"index {index}".encode(), f"index {index + 1}".encode())}),
        (False, {"data": Log(story.records, other).proof(index)}),
        (True, {"data": write_qr(record, bare).encode()}),
        (True, {"data": write_qr(record, bare).encode() + b"\n"}),
        (False, {"data": write_qr(record, bare).encode()[:-3]}),
        (False, {"data": write_qr(story.records[index + 1], bare).encode()}),
        (False, {"data": f"SV1:{encode_base45(deflate(record + proof))}".encode()}),
        (False, {"data": f"SV1:{encode_base45(deflate(record + b'{' + bare) + b'x')}".encode()}),
        (False, {"data": f"SV1:{encode_base45(deflate(bytes(10**7)))}".encode()}),
        (False, {"data": record}),
    ]
    lines = bare.split(b"\n")
    for place, line in enumerate(lines):
        cases.append(
            (False, {"data": b"\n".join([*lines[:place], line + b"A", *lines[place + 1 :]]), "record": record})
        )
    # Forks: another history of the same size, and ones that part before the older checkpoint.
    forged = following(story.records[:-1], *gift_entry(7))
    for old in (1, 2, 3, 4, 6, 8, 13, 32, len(story.records)):
        early = [*story.records[: old - 1], forged[-1]][:old]
        older, newer = Log(early, story.key).note(), log.note()
        proved = [b64(log_hash) for log_hash in full_path(old, log.leaves)]
        fork = {"format": "sovang-fork/1", "newer": newer.decode(), "older": older.decode(), "path": proved}
        cases.append((True, {"data": canonical.encode(fork)}))
        honest = {**fork, "older": log.note(old).decode()}
        cases.append((False, {"data": canonical.encode(honest)}))
        cases.append((False, {"data": canonical.encode({**fork, "older": Log(early, other).note().decode()})}))
        cases.append((False, {"data": canonical.encode({**fork, "path": [*proved, b64(bytes(32))]})}))
        if old < len(story.records):
            cases.append((False, {"data": canonical.encode({**fork, "path": proved[:-1]})}))
            cases.append((False, {"data": canonical.encode({**fork, "newer": fork["older"], "older": fork["newer"]})}))
    answers = checked(page, [{"vkey": story.key.vkey, **case} for _, case in cases])
    wrong = [
        (place, said(answer), case["data"][:80])
        for place, ((good, case), answer) in enumerate(zip(cases, answers, strict=True))
        if (answer["verdict"] == "good") != good
    ]
    assert wrong == []
    assert said(answers[2]) == "NO_RECORD"
    assert said(answers[5]) == said(answers[6]) == "NO_KEY"
    assert [answer["fork"] for answer in answers].count(True) == 9


def full_path(old: int, leaves: list[bytes]) -> list[bytes]:
    """The consistency proof with the old subtree's root always first."""
    if old == len(leaves):
        return []
    perfect = old & (old - 1) == 0
    return [*([root(leaves[:old])] if perfect else []), *consistency(old, leaves)]


def test_policies(page: Page, book: Book) -> None:
    """Groups and quorum as Python judges them; a wrong cosignature refuses; ML-DSA-44 is not counted, and said."""
    world = book.world
    body = bodies(world)
    log = Log(body, SigningKey.from_seed(book.key.name, hashlib.sha256(b"x").digest()))
    keys = [witness(1), witness(2), witness(3), witness(9, 0x06)]
    names = "".join(f"witness w{n} {key.vkey}\n" for n, key in enumerate(keys[:3], 1))
    pq = f"witness pq {keys[3].vkey} https://pq.example\n"
    policies = {
        "none": "quorum none\n",
        "one": f"{names}quorum w1\n",
        "any": f"# comment\n\n{names}\tgroup g any w1 w2\nquorum g",
        "two": f"{names}group g 2 w1 w2 w3\nquorum g\n",
        "nested": f"{names}group g any w2 w3\ngroup h all w1 g\nquorum h\n",
        "log too": f"log {log.key.vkey}\n{names}group g 02 w1 w2 w3\nquorum g\n",
        "pq": f"{names}{pq}group g 2 w1 pq\nquorum g\n",
        # not policies
        "twice": f"{names}witness w4 {keys[0].vkey}\nquorum w4\n",
        "renamed": f"{names}witness w4 {CosignerKey('other.example', keys[0].verifier.public_key).vkey}\nquorum w4\n",
        "unknown": f"{names}quorum g\n",
        "no quorum": names,
        "two quorums": f"{names}quorum w1\nquorum w1\n",
        "four of three": f"{names}group g 4 w1 w2 w3\nquorum g\n",
        "zero": f"{names}group g 0 w1\nquorum g\n",
        "threshold a word": f"{names}group g constructor w1\nquorum g\n",
        "member twice": f"{names}group g any w1\ngroup h any w1 g\nquorum h\n",
        "none named": f"witness none {keys[0].vkey}\nquorum none\n",
        "log as witness": f"witness a {log.key.vkey}\nquorum a\n",
        "word": f"{names}quorums w1\n",
        "control": f"{names}quorum w1\x0b\n",
    }
    signed = [(), (1,), (2,), (1, 2), (2, 3), (1, 3), (1, 2, 3), (1, 4), (2, 4)]
    notes = [cosigned(log.note(), *((keys[n - 1], SEEN - 3600) for n in which)) for which in signed]
    first = json.loads(body[0])
    wrong_line = notes[1][:-20] + (b"A" if notes[1][-20:-19] != b"A" else b"B") + notes[1][-19:]
    cases, wanted = [], []
    for text in policies.values():
        for note in [*notes, wrong_line]:
            cases.append({"data": log.proof(0, note), "vkey": log.key.vkey, "policy": text})
            try:
                judged = parse_policy(text).judge(note, log.key.verifier)
                wanted.append("good" if judged.quorum else "NOT_WITNESSED")
            except PolicyRejected:
                wanted.append("POLICY_INVALID")
            except NoteRejected:
                wanted.append("NOTE_REJECTED")
    answers = checked(page, cases)
    for answer, want, case in zip(answers, wanted, cases, strict=True):
        uncounted = "pq" in case["policy"] and want == "good"
        assert said(answer) == ("COSIGNATURE_UNCHECKED" if uncounted else want), case["policy"]
    assert first["index"] == 0
    assert set(wanted) == {"good", "NOT_WITNESSED", "POLICY_INVALID", "NOTE_REJECTED"}
    (shown,) = checked(page, [{"data": log.proof(0, notes[6]), "vkey": log.key.vkey, "policy": policies["two"]}])
    assert [f["value"] for f in shown["fields"] if f["vi"].startswith("Nhân chứng")] == [
        "2026-09-01T23:00:00Z (cách đây 1 giờ · 1 hours ago)"
    ] * 3


# --- as a donor uses it -----------------------------------------------------------------------------------------


def verdict(page: Page) -> str:
    page.wait_for_selector("#result .verdict")
    return page.inner_text("#result h2")


def drop(page: Page, name: str, data: bytes) -> None:
    page.evaluate(
        """([name, data]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([parts.unbase64(data)], name));
          const event = new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true});
          document.getElementById('drop').dispatchEvent(event);
        }""",
        [name, b64(data)],
    )


def test_offline_from_disk_by_hand(browser: Browser, book: Book) -> None:
    """Drop, choose or paste; without a network; a key given later checks the same file again; no network is asked."""
    page, complaints = opened(browser)
    page.context.set_offline(True)
    drop(page, "giay.pdf", book.pdf)
    assert "KHÔNG KIỂM TRA ĐƯỢC" in verdict(page)
    assert book.vkey in page.inner_text("#result")  # what the file claims, for comparing
    page.get_by_label("Khóa công khai của quỹ").fill(f" {book.vkey}\n")
    page.get_by_role("button", name="Kiểm tra ·").click()
    page.wait_for_selector("#result .good")
    assert "1.500.000 ₫" in page.inner_text("#result")
    assert "thu hồi" in page.inner_text("#result")
    page.get_by_label("Tệp cần kiểm tra").set_input_files(
        {"name": "x.pdf", "mimeType": "application/pdf", "buffer": book.pdf.replace(b"gift_received", b"gift_receivee")}
    )
    page.wait_for_selector("#result .bad")
    assert "SAI" in verdict(page)
    page.get_by_text("Hoặc dán nội dung mã QR").click()
    body = bodies(book.world)[3]
    proof = page_proof(book, 3)
    page.get_by_label("Nội dung bắt đầu bằng SV1").fill(write_qr(body, proof))
    page.wait_for_selector("#result .good")
    assert page.locator("#result").get_attribute("aria-live") == "polite"
    assert complaints == []
    page.context.close()


def page_proof(book: Book, index: int) -> bytes:
    """A proof without extra data, as the book itself gives it."""
    from audit.queries import prove

    given = parse_proof(prove(book.world.open, index))
    plain = type(given)(given.index, given.path, None, given.checkpoint).encode()
    verify_proof(plain, leaf_of(bodies(book.world)[index]), book.key)
    return plain


@pytest.fixture
def plain_http() -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(HTML.parent)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://sovang.test:{server.server_address[1]}/{HTML.name}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_plain_http_cannot_check_signatures_and_says_so(browser: Browser, book: Book, plain_http: str) -> None:
    """No crypto.subtle there: own SHA-256, no Ed25519. What is wrong is still wrong; nothing is ever good."""
    page, complaints = opened(browser, plain_http)
    assert page.evaluate("crypto.subtle === undefined")
    assert page.evaluate("parts.sha256(parts.utf8('abc')).then(parts.hex)") == hashlib.sha256(b"abc").hexdigest()
    tampered = book.pdf.replace(b"gift_received", b"gift_receivee")
    bundle = json.loads(book.bundles["gift"])
    bundle["trace"]["refunded_minor"] += 1
    files = (book.pdf, tampered, book.bundles["gift"], canonical.encode(bundle))
    answers = checked(page, [{"data": data, "vkey": book.vkey} for data in files])
    unchecked = "SIGNATURE_UNCHECKED"
    assert [said(answer) for answer in answers] == [unchecked, "PROOF_FAILED", unchecked, "SUM_DIFFERS"]
    assert [answer["verdict"] for answer in answers] == ["cannot", "bad", "cannot", "bad"]
    page.get_by_label("Khóa công khai của quỹ").fill(book.vkey)
    drop(page, "giay.pdf", book.pdf)
    assert "KHÔNG KIỂM TRA ĐƯỢC" in verdict(page)
    assert "SHA-256" in page.inner_text("#result")
    assert [line for line in complaints if "favicon" not in line and "404" not in line] == []
    page.context.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_everybody_can_use_it(browser: Browser, book: Book, width: int) -> None:
    """No rule of axe (WCAG 2 A, AA) is broken in any state, nothing is wider than the screen; keys alone suffice."""
    from axe_playwright_python.sync_playwright import Axe

    page, complaints = opened(browser, viewport={"width": width, "height": 800})
    for key in (book.vkey, "", SigningKey.from_seed(book.key.name, bytes(32)).vkey):
        page.get_by_label("Khóa công khai của quỹ").fill(key)
        drop(page, "giay.pdf", book.pdf)
        verdict(page)
        for summary in page.locator("summary").all():
            if not summary.evaluate("(s) => s.parentElement.open"):
                summary.press("Enter")
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Khóa công khai của quỹ").focus()
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"file", "qr", "policy", "record", "check"} <= reached
    assert complaints == []
    page.context.close()
