"""Asking witnesses over real HTTP: what they sign is kept and told; what they do wrong stops nothing.

Also what people see of it: states, ages, alarms and metrics of the server.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from audit.database import verify_home
from audit.findings import FindingKind
from audit.queries import write_tiles
from audit.states import Coverage
from audit.witness import Answer, MemoryStore, Witness
from ledger.log.cosignature import CosigningKey, cosigned_at
from ledger.log.note import parse_signature_line
from ledger.log.policy import parse_policy
from ledger.rotation import rotate
from ledger.store import read
from ledger.store.engine import reading
from ledger.witnesses import RENEWED_AFTER
from tests.api.asking import gift
from tests.audits import check_book
from tests.worlds import World

NAMES = ("bao", "hoi", "truong")
Change = Callable[[Answer], Answer]


@dataclass
class Post:
    """A witness behind a real socket; `change` spoils its answers."""

    name: str
    key: CosigningKey
    url: str
    store: MemoryStore
    change: list[Change] = field(default_factory=list)
    asked: int = 0


@contextmanager
def posts(world: World) -> Iterator[list[Post]]:
    """Three witnesses of the world's book, running."""
    servers: list[ThreadingHTTPServer] = []
    made: list[Post] = []
    for number, name in enumerate(NAMES, 1):
        key, store = CosigningKey.from_seed(f"{name}.example", bytes([number]) * 32), MemoryStore()
        witness = Witness(key, world.clock, store, lambda _: [world.open.vkey])
        post = Post(name, key, "", store)

        class Handler(BaseHTTPRequestHandler):
            of, at = witness, post

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.at.asked += 1
                answer = self.of.add_checkpoint(body) if self.path == "/add-checkpoint" else Answer(404, b"")
                for change in self.at.change:
                    answer = change(answer)
                self.send_response(answer.status)
                if answer.status == 302:
                    self.send_header("Location", made[1].url + "/add-checkpoint")
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        post.url = f"http://127.0.0.1:{server.server_address[1]}"
        made.append(post)
    try:
        yield made
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def policy_lines(made: list[Post]) -> list[str]:
    lines = [f"witness {post.name} {post.key.vkey} {post.url}" for post in made]
    return [*lines, f"group enough 2 {' '.join(post.name for post in made)}", "quorum enough"]


def appoint(world: World, made: list[Post]) -> None:
    world.say("witnesses_set", policy=policy_lines(made))


def ask(world: World) -> dict[str, tuple[bool, str]]:
    answers = world.open.witnesses.ask(*world.open.checkpointer.run())
    return {one.witness: (one.ok, one.detail) for one in answers}


def kept(world: World) -> dict[str, int]:
    """Witness → size of the newest checkpoint kept with its line."""
    found = {}
    with reading(world.open.engine) as db:
        for name in NAMES:
            line = read.cosignature(db, "hp", f"{name}.example", 10**9)
            if line is not None:
                found[name] = line[0]
    return found


def audited(world: World, made: list[Post]) -> Any:
    policy = parse_policy("".join(f"{line}\n" for line in policy_lines(made)))
    report = verify_home(world.open, database=True, policy=policy)
    assert report.whole, report.findings
    return report


def test_three_sign_and_the_audit_says_witnessed(world: World) -> None:
    """The path that all the rest protects: signed, asked, kept, judged by the auditor's own policy."""
    with posts(world) as made:
        appoint(world, made)
        for _ in range(3):
            world.gift()
            assert ask(world) == dict.fromkeys(NAMES, (True, ""))
        report = audited(world, made)
    assert report.states.witnessed == report.states.checkpointed == report.size
    check_book(world)


def test_a_silent_witness_only_leaves_its_line_missing(world: World) -> None:
    """Recording never waits for anybody outside."""
    with posts(world) as made:
        appoint(world, made)
        made[2].url = "http://127.0.0.1:9"
        appoint(world, made)
        world.gift()
        answers = ask(world)
        assert [answers[name][0] for name in NAMES] == [True, True, False]
        assert "no answer" in answers["truong"][1]
        report = audited(world, made)
        assert report.states.witnessed == report.size
    check_book(world)


def test_a_witness_that_forgot_or_knows_more_is_asked_again_from_there(world: World) -> None:
    """Answers get lost, and so do memories; both are settled by the size in a 409."""
    with posts(world) as made:
        appoint(world, made)
        world.gift()
        ask(world)
        made[0].store.kept.clear()
        world.gift()
        # Its answer is lost: it has seen more than we know.
        made[1].change.append(lambda answer: Answer(500, b""))
        assert ask(world)["hoi"] == (False, "answers 500")
        made[1].change.clear()
        world.gift()
        assert ask(world) == dict.fromkeys(NAMES, (True, ""))
    check_book(world)


def test_a_witness_ahead_of_the_book_says_that_the_book_was_set_back(world: World) -> None:
    """A restored database meets a witness that remembers; that must not look like any other failure."""
    with posts(world) as made:
        appoint(world, made)
        ask(world)
        made[0].change.append(lambda answer: Answer(409, b"1000000\n"))
        world.gift()
        ok, detail = ask(world)["bao"]
        assert not ok
        assert "1000000" in detail
    check_book(world)


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: Answer(200, b""),
        lambda answer: Answer(200, answer.body.replace(b"bao.example", b"hoi.example")),
        lambda answer: Answer(200, answer.body[:-9] + b"AAAAAAA=\n"),
        lambda answer: Answer(200, b"\xff\xfe\n" + answer.body),
        lambda answer: Answer(200, "— \n".encode()),
        lambda answer: Answer(409, b"\xd9\xa1\n"),
        lambda answer: Answer(409, b"-1\n"),
        lambda answer: Answer(409, b"9" * 5000),
        lambda answer: Answer(302, b""),
        lambda answer: Answer(418, b"x" * 200_000),
    ],
)
def test_a_wrong_answer_is_never_kept(sqlite_world: World, change: Change) -> None:
    """A line that is not the witness's would spoil the whole note for every reader."""
    world = sqlite_world
    with posts(world) as made:
        appoint(world, made)
        made[0].change.append(change)
        answers = ask(world)
        assert not answers["bao"][0]
        assert answers["bao"][1]
        assert set(kept(world)) == {"hoi", "truong"}
        audited(world, made)
    check_book(world)


def test_a_quiet_book_is_cosigned_again(sqlite_world: World) -> None:
    """Without it nobody could tell a book in which nothing happens from one that is held back."""
    world = sqlite_world

    def when() -> int:
        with reading(world.open.engine) as db:
            line = read.cosignature(db, "hp", "bao.example", 10**9)
        assert line is not None
        return cosigned_at(parse_signature_line(line[1]).signature)

    with posts(world) as made:
        appoint(world, made)
        ask(world)
        first, asked = when(), made[0].asked
        ask(world)
        assert made[0].asked == asked, "asked again for nothing"
        world.clock.moment += RENEWED_AFTER
        ask(world)
        assert when() >= first + RENEWED_AFTER.total_seconds() - 1
        world.clock.moment += timedelta(days=3)
        assert audited(world, made).kinds() == {FindingKind.COSIGNATURES_OLD}
    check_book(world)


def test_what_is_witnessed_follows_the_policy_in_force(sqlite_world: World) -> None:
    """A server that judged a checkpoint once must not call it witnessed under a policy that it does not meet."""
    world = sqlite_world
    coverage = Coverage(world.open)
    with posts(world) as made:
        appoint(world, made)
        ask(world)
        size = coverage.covered().witnessed
        assert size == coverage.covered().checkpointed
        other = CosigningKey.from_seed("other.example", bytes(32)).vkey
        world.say("witnesses_set", policy=[f"witness other {other}", "quorum other"])
        assert coverage.witnessed() is None
        appoint(world, made)
        assert coverage.covered().witnessed == size
    check_book(world)


def test_what_was_witnessed_stays_so_when_the_key_is_replaced(sqlite_world: World) -> None:
    """Else every donor would see «witnessed» taken back on the day of a rotation."""
    world = sqlite_world
    coverage = Coverage(world.open)
    with posts(world) as made:
        appoint(world, made)
        ask(world)
        size = coverage.covered().witnessed
        rotate(world.open, "admin")
        assert Coverage(world.open).covered().witnessed == size
        ask(world)
        assert Coverage(world.open).covered().witnessed == size + 1
        assert write_tiles(world.open, world.home.path / "tiles") == size + 1
    check_book(world)


def test_the_server_tells_states_ages_and_alarms(sqlite_world: World) -> None:
    """Whoever looks at an entry sees how far it came; whoever runs the server sees which witness is missing."""
    world = sqlite_world
    with posts(world) as made:
        appoint(world, made)
        with TestClient(create_app(world.home), base_url="http://127.0.0.1:8000") as client:
            answer = client.post("/api/v1/entries?wait=witnessed", json={"entry": gift()}).json()
            assert answer["recorded"][0]["state"] == "witnessed"
            assert answer["cosignature_age_seconds"] <= 1
            index = answer["recorded"][0]["index"]
            single = client.get(f"/api/v1/entries/{index}")
            assert single.headers["sovang-state"] == "witnessed"
            assert single.headers["sovang-cosigned-at"] == answer["cosigned_at"]
            page = client.get("/api/v1/entries").json()
            assert {entry["state"] for entry in page["entries"]} == {"witnessed"}
            note = client.get("/api/v1/log/hp/checkpoint.witnessed").content
            policy = parse_policy("".join(f"{line}\n" for line in policy_lines(made)))
            assert policy.judge(note, world.open.vkey).checkpoint.size == index + 1
            ready = client.get("/readyz").json()
            assert ready["alarms"] == []
            # Two of three fall silent: recording and signing go on, and the alarm is there.
            for post in made[:2]:
                post.change.append(lambda answer: Answer(503, b""))
            answer = client.post("/api/v1/entries?wait=witnessed", json={"entry": gift()}).json()
            assert answer["recorded"][0]["state"] == "checkpointed"
            world.clock.moment += timedelta(hours=1)
            answered = client.get("/readyz")
            assert answered.status_code == 200
            alarms = answered.json()["alarms"]
            assert {alarm["reason"] for alarm in alarms} == {"WITNESSES_LATE", "WITNESS_REFUSES"}
            metrics = client.get("/metrics").text
            assert 'sovang_witness_ok{book="hp",witness="bao"} 0.0' in metrics
            assert 'sovang_witness_ok{book="hp",witness="truong"} 1.0' in metrics
            assert 'sovang_alarms{book="hp"} 3.0' in metrics
    check_book(world, allow={FindingKind.COSIGNATURES_OLD})


def test_a_quiet_book_that_nobody_signs_again_is_an_alarm(sqlite_world: World) -> None:
    """Nothing waits for a witness, and yet nobody outside has seen the book for two renewals."""
    world = sqlite_world
    with posts(world) as made:
        appoint(world, made)
        with TestClient(create_app(world.home), base_url="http://127.0.0.1:8000") as client:
            answer = client.post("/api/v1/entries?wait=witnessed", json={"entry": gift()}).json()
            assert answer["recorded"][0]["state"] == "witnessed"
            for post in made:
                post.change.append(lambda answer: Answer(503, b""))

            def late(seconds: float) -> list[dict[str, Any]]:
                """The alarms of lateness when the newest cosignature is so old."""
                ready = client.get("/readyz").json()
                world.clock.moment += timedelta(seconds=seconds - ready["books"]["hp"]["cosignature_age_seconds"])
                ready = client.get("/readyz").json()
                assert ready["ready"]
                assert ready["books"]["hp"]["witnessed"] == ready["books"]["hp"]["size"]
                return [alarm for alarm in ready["alarms"] if alarm["reason"] == "WITNESSES_LATE"]

            renewals = 2 * RENEWED_AFTER.total_seconds()
            assert late(renewals - 5) == []
            [alarm] = late(renewals + 5)
            assert alarm["unwitnessed_seconds"] == 0
            assert alarm["age_seconds"] >= renewals
    check_book(world, allow={FindingKind.COSIGNATURES_OLD})
