"""Timestamps by an authority of OpenSSL's. Lost without them: the one witness that nobody in the house can bribe."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID

from audit.database import verify_connection, verify_database, verify_home
from audit.findings import FindingKind
from ledger.home import Home
from ledger.log.note import split_note
from ledger.store import read
from ledger.store.append import keep_timestamp
from ledger.store.engine import StoreUnavailable, reading, writing
from ledger.timestamps import (
    MAX_TOKEN_BYTES,
    AuthorityRefused,
    HttpTimestamper,
    TimestampInvalid,
    TimestampUnavailable,
    add_authority,
    authorities,
    check_timestamp,
    stamp_newest,
)
from tests.audits import check_book
from tests.authority import Answer, Tsa, make_tsa, served
from tests.worlds import FOUNDATIONS, Clock, Randomness, World

TEXT = b"log.example.org\n1\nZm9yIGEgdGVzdCBvbmx5LCB0aGlydHktdHdvIGJ5dGU=\n"


@pytest.fixture(scope="session")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return make_tsa(tmp_path_factory.mktemp("authority") / "good")


def stamping(tsa: Tsa) -> Answer:
    return lambda query, _: tsa.stamp(query)


def asked(answer: Answer, *, seconds: float = 20, text: bytes = TEXT, seed: str = "a") -> bytes:
    """What an authority that answers so is taken to have said."""
    with served(answer) as url:
        return HttpTimestamper(url, "tsa", Randomness(seed), seconds=seconds).stamp(text)


def why(token: bytes, tsa: Tsa, text: bytes = TEXT) -> str:
    with pytest.raises(TimestampInvalid) as refused:
        check_timestamp(token, text, tuple(load_pem_x509_certificates(tsa.root)))
    return refused.value.reason


@pytest.fixture(scope="session")
def token(tsa: Tsa) -> bytes:
    return asked(stamping(tsa))


def test_a_stamp_says_when(tsa: Tsa, token: bytes) -> None:
    at = check_timestamp(token, TEXT, tuple(load_pem_x509_certificates(tsa.root)))
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    assert at.tzinfo is UTC


def test_a_stamp_is_of_one_text_by_one_root(tsa: Tsa, token: bytes, tmp_path: Path) -> None:
    assert why(token, tsa, TEXT + b"\n") == "imprint_differs"
    assert why(token, make_tsa(tmp_path / "other")) == "not_trusted"


def test_a_stamp_is_by_a_certificate_for_stamping_that_was_good_then(tsa: Tsa, tmp_path: Path) -> None:
    queries: list[bytes] = []

    def remember(query: bytes, _: BaseHTTPRequestHandler) -> bytes:
        queries.append(query)
        return tsa.stamp(query)

    asked(remember)
    assert why(tsa.stamp_with(queries[0], ExtendedKeyUsageOID.CODE_SIGNING), tsa) == "not_trusted"
    for name, days in (("expired", (-9, -1)), ("not yet", (9, 99))):
        bad = make_tsa(tmp_path / name, valid=(timedelta(days=days[0]), timedelta(days=days[1])))
        assert why(bad.stamp(queries[0]), bad) == "not_trusted"


def test_no_bit_of_a_stamp_may_change(tsa: Tsa, token: bytes) -> None:
    """Either it is refused, or it says the same: some bits of the container are nobody's (RFC 5652)."""
    roots = tuple(load_pem_x509_certificates(tsa.root))
    said = check_timestamp(token, TEXT, roots)
    refused: set[str] = set()
    for at in range(0, len(token) * 8, 13):
        changed = bytearray(token)
        changed[at // 8] ^= 1 << at % 8
        try:
            assert check_timestamp(bytes(changed), TEXT, roots) == said
        except TimestampInvalid as error:
            refused.add(error.reason)
    assert refused >= {"malformed", "not_trusted", "imprint_differs"}


def test_an_answer_to_another_question_is_not_taken(tsa: Tsa, token: bytes) -> None:
    """Nobody hands out yesterday's stamp as today's."""
    with pytest.raises(TimestampInvalid, match="nonce_differs"):
        asked(lambda query, _: token, seed="another")


def refuses(query: bytes, handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(503)


def redirects(query: bytes, handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:9/")
    handler.end_headers()


def drips(query: bytes, handler: BaseHTTPRequestHandler) -> None:
    for _ in range(200):
        handler.wfile.write(b"H")
        handler.wfile.flush()
        time.sleep(0.05)


def hangs(query: bytes, handler: BaseHTTPRequestHandler) -> None:
    time.sleep(10)


def hangs_up(query: bytes, handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@pytest.mark.parametrize("answer", [refuses, redirects, drips, hangs, hangs_up])
def test_a_server_that_gives_no_answer_costs_a_moment(answer: Answer) -> None:
    with pytest.raises(TimestampUnavailable):
        asked(answer, seconds=0.3)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "malformed"),
        (b"<html>not here</html>", "malformed"),
        (bytes.fromhex("30053003020102"), "not_granted"),
        (bytes(MAX_TOKEN_BYTES * 50), "too_large"),
    ],
)
def test_an_answer_that_is_no_stamp(answer: bytes, reason: str) -> None:
    with pytest.raises(TimestampInvalid, match=reason):
        asked(lambda query, _: answer)


# --- in a book ----------------------------------------------------------------------------------------------


def book(path: Path, database: str | None, start: datetime) -> World:
    """A book whose clock stands at `start`: authorities of a test stamp with the machine's."""
    clock = Clock(start)
    home = Home(path, database_url=database, clock=clock, random_bytes=Randomness())
    world = World(home, home.create_book("hp", "Quỹ", by="admin"), clock, database)
    world.say(**FOUNDATIONS[0])
    world.open.checkpointer.run()
    return world


@pytest.fixture
def stamped(tmp_path: Path, database: str | None, tsa: Tsa) -> Iterator[World]:
    world = book(tmp_path / "home", database, datetime.now(UTC) - timedelta(hours=1))
    with served(stamping(tsa)) as url:
        add_authority(world.home, "hp", "tsa", url, tsa.root)
        (first,) = stamp_newest(world.open)
        assert (first.authority, first.size, first.failure) == ("tsa", 2, None)
        yield world
    world.home.close()


def tokens(world: World) -> list[tuple[int, str, bytes]]:
    with reading(world.open.engine) as db:
        return list(read.timestamps(db, "hp"))


def findings(world: World) -> list[tuple[FindingKind, int | None, str | None]]:
    report = verify_home(world.open, database=True)
    return [(each.kind, each.index, each.key) for each in report.findings]


def test_stamps_are_kept_checked_and_asked_for_once(stamped: World) -> None:
    before = tokens(stamped)
    assert [row[:2] for row in before] == [(2, "tsa")]
    assert stamp_newest(stamped.open)[0].at is not None
    assert tokens(stamped) == before
    stamped.say(**FOUNDATIONS[1])
    stamped.open.checkpointer.run()
    stamp_newest(stamped.open)
    assert [row[:2] for row in tokens(stamped)] == [(2, "tsa"), (3, "tsa")]
    check_book(stamped)


def test_the_audit_finds_every_stamp_that_says_nothing(stamped: World) -> None:
    """Of another checkpoint, by nobody we know, of no checkpoint, and no stamp at all."""
    token = tokens(stamped)[0][2]
    stamped.say(**FOUNDATIONS[1])
    stamped.open.checkpointer.run()
    with writing(stamped.open.engine) as db:
        keep_timestamp(db, "hp", 3, "tsa", token)
        keep_timestamp(db, "hp", 2, "stranger", token)
        keep_timestamp(db, "hp", 9, "tsa", token)
        keep_timestamp(db, "hp", 3, "zzz", b"0\x00")
    invalid = FindingKind.TIMESTAMP_INVALID
    assert sorted(findings(stamped), key=str) == sorted(
        [(invalid, 2, "stranger"), (invalid, 3, "tsa"), (invalid, 3, "zzz"), (invalid, 9, "tsa")], key=str
    )


def test_without_the_roots_the_report_says_so(stamped: World) -> None:
    report = verify_database(stamped.open.engine, "hp", stamped.open.vkey, vault=stamped.open.keys)
    assert not report.findings
    assert any("roots were not given" in sentence for sentence in report.cannot_exclude)
    with reading(stamped.open.engine) as db:
        trusted = authorities(stamped.home, "hp")
        said = verify_connection(db, "hp", stamped.open.vkey, authorities=trusted).cannot_exclude
    assert not any("roots were not given" in sentence for sentence in said)


def test_a_record_later_than_its_stamp_is_found(tmp_path: Path, tsa: Tsa) -> None:
    """A book whose clock runs ahead, or one that was written again and dated as it pleased."""
    world = book(tmp_path / "home", None, datetime.now(UTC) + timedelta(days=1))
    with served(stamping(tsa)) as url:
        add_authority(world.home, "hp", "tsa", url, tsa.root)
        stamp_newest(world.open)
    assert findings(world) == [(FindingKind.RECORD_AFTER_WITNESS, 1, "tsa")]
    world.home.close()


def test_a_stamp_that_does_not_hold_is_not_kept_and_asked_for_again(tmp_path: Path, tsa: Tsa) -> None:
    """The first one kept stands for ever, so a bad one would keep the good one out."""
    world = book(tmp_path / "home", None, datetime.now(UTC) - timedelta(hours=1))
    other = make_tsa(tmp_path / "other")
    turns = iter([other, other, tsa])
    with served(lambda query, _: next(turns).stamp(query)) as url:
        add_authority(world.home, "hp", "first", url, tsa.root)
        for _ in range(2):
            (outcome,) = stamp_newest(world.open)
            assert isinstance(outcome.failure, TimestampInvalid)
            assert tokens(world) == []
        assert stamp_newest(world.open)[0].failure is None
    check_book(world)
    world.home.close()


def test_a_silent_authority_blocks_no_record(tmp_path: Path, tsa: Tsa) -> None:
    """While one hangs, records are written and signed; the others are asked all the same."""
    world = book(tmp_path / "home", None, datetime.now(UTC) - timedelta(hours=1))
    reached, go_on = threading.Event(), threading.Event()

    def waits(query: bytes, _: BaseHTTPRequestHandler) -> bytes:
        reached.set()
        go_on.wait(20)
        return b""

    with served(waits) as silent, served(stamping(tsa)) as url:
        add_authority(world.home, "hp", "a-silent", silent, tsa.root)
        add_authority(world.home, "hp", "b-good", url, tsa.root)
        outcomes: list[object] = []
        asking = threading.Thread(target=lambda: outcomes.extend(stamp_newest(world.open)))
        asking.start()
        assert reached.wait(20)
        recorded = world.say(**FOUNDATIONS[1])
        assert world.open.checkpointer.run()[0].size == recorded.index + 1
        go_on.set()
        asking.join(30)
    assert [(one.authority, one.failure is None) for one in outcomes] == [("a-silent", False), ("b-good", True)]  # type: ignore[attr-defined]
    assert [row[:2] for row in tokens(world)] == [(2, "b-good")]
    check_book(world)
    world.home.close()


def test_who_is_trusted_lies_beside_the_key(sqlite_world: World, tsa: Tsa) -> None:
    home = sqlite_world.home
    assert authorities(home, "hp") == {}
    assert stamp_newest(sqlite_world.open) == ()
    add_authority(home, "hp", "tsa", "https://tsa.example.org/", tsa.root)
    with pytest.raises(AuthorityRefused, match="there already"):
        add_authority(home, "hp", "tsa", "https://elsewhere.example.org/", tsa.root)
    for name, url, root in (
        ("", "https://a/", tsa.root),
        ("a\n", "https://a/", tsa.root),
        ("b", "file:///etc/passwd", tsa.root),
        ("c", "https://a/", b"no certificate"),
        ("d", "https://a/", "chứng thư".encode()),
    ):
        with pytest.raises(AuthorityRefused):
            add_authority(home, "hp", name, url, root)
    kept = home.path / "keys/hp/tsa.json"
    assert list(json.loads(kept.read_text())) == ["tsa"]
    kept.write_text("{}x")
    with pytest.raises(StoreUnavailable, match=r"tsa\.json"):
        authorities(home, "hp")
    kept.unlink()


def test_what_is_stamped_is_what_the_key_signed(stamped: World) -> None:
    """The text, not the note: a cosignature that comes later does not make the stamp one of something else."""
    with reading(stamped.open.engine) as db:
        note = read.newest_checkpoint(db, "hp")
    assert note is not None
    text = split_note(note.encode())[0].encode()
    assert check_timestamp(tokens(stamped)[0][2], text, authorities(stamped.home, "hp")["tsa"].roots)
    check_book(stamped)
