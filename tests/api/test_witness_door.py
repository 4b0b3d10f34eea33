"""The witness's door: the protocol over HTTP, a page for people, the mirror; and nothing else, whoever asks."""

import base64
import hashlib
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.serve import ServeRefused, bind
from api.witness import SHOWN, Mirrors, create_witness_app, serve_witness
from audit.witness import StoreFailed, Witness, WitnessFolder
from audit.witness.folder import origin_hash
from ledger.log.checkpoint import open_checkpoint
from ledger.log.cosignature import CosignerKey
from ledger.log.tiles import bundles_for_size, encode_bundle, tile_bytes, tiles_for_size
from ledger.log.witness import MAX_REQUEST_BYTES
from tests.growing import NOW, Log, Time
from tests.worlds import Randomness

LOG = Log("<script>alert(1)</script>&amp;")
HASH = origin_hash(LOG.name)
CLOCK = Time()


@pytest.fixture
def folder(tmp_path: Path) -> WitnessFolder:
    made = WitnessFolder.create(tmp_path / "witness", "witness.example.org", Randomness())
    made.watch(LOG.key.vkey, str(publish(tmp_path / "published", 9)))
    return made


def publish(path: Path, size: int) -> Path:
    """The log's files, without a checkpoint."""
    for tile in tiles_for_size(0, size):
        (path / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (path / tile.path).write_bytes(tile_bytes(tile, LOG.read))
    for tile in bundles_for_size(0, size):
        (path / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (path / tile.path).write_bytes(encode_bundle(LOG.records[:size]))
    return path


@pytest.fixture
def client(folder: WitnessFolder) -> Iterator[TestClient]:
    CLOCK.now = NOW
    with TestClient(create_witness_app(folder, CLOCK)) as made:
        yield made


def test_the_protocol_over_http(client: TestClient, folder: WitnessFolder) -> None:
    # A log programmed by somebody else looks at status, body and content type.
    answer = client.post("/add-checkpoint", content=LOG.asks(0, 5))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    note = LOG.note(5) + answer.content
    assert open_checkpoint(note, LOG.key.verifier, witnesses=[folder.verifier])[0] == LOG.checkpoint(5)
    answer = client.post("/add-checkpoint", content=LOG.asks(3, 9))
    assert (answer.status_code, answer.content) == (409, b"5\n")
    assert answer.headers["content-type"] == "text/x.tlog.size"
    for body, status in [
        (b"", 400),
        (b"x" * (MAX_REQUEST_BYTES + 1), 400),
        (b"x" * 3_000_000, 400),
        (Log("unknown").asks(0, 5), 404),
        (LOG.fork(2).asks(5, 5), 422),
    ]:
        answer = client.post("/add-checkpoint", content=body)
        assert answer.status_code == status
        assert len(answer.content) < 300


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.binary(max_size=400), st.dictionaries(st.sampled_from(["content-type", "origin", "host"]), st.just("x")))
def test_hostile_bodies_are_answered(client: TestClient, body: bytes, headers: dict[str, str]) -> None:
    # No 5xx, and nothing of the program's insides.
    for sent in (body, b"old 0\n\n" + body, LOG.asks(0, 9)[:-30] + body):
        answer = client.post("/add-checkpoint", content=sent, headers=headers)
        assert answer.status_code in (400, 403, 404, 422)
        assert b"Traceback" not in answer.content


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/add-checkpoint", 405),
        ("PUT", "/add-checkpoint", 405),
        ("POST", "/", 405),
        ("DELETE", f"/checkpoint/{HASH}", 405),
        ("POST", f"/log/{HASH}/checkpoint", 405),
        ("GET", "/add-checkpoint/", 404),
        ("GET", "/witness.key", 404),
        ("GET", "/config", 404),
        ("GET", f"/checkpoint/{HASH}", 404),  # nothing cosigned yet
        ("GET", "/checkpoint/0", 404),
        ("GET", f"/log/{HASH}/checkpoint", 404),
        ("GET", f"/log/{HASH}/", 404),
        ("GET", f"/log/{HASH}/..%2f..%2fwitness.key", 404),
        ("GET", f"/log/{HASH}/%2e%2e/%2e%2e/config", 404),
        ("GET", f"/log/..%2f{HASH}/checkpoint", 404),
        ("GET", "/log/../witness.key", 404),
        ("GET", f"/alarm/{HASH}/1", 404),
        ("GET", f"/alarm/{HASH}/0", 404),
        ("GET", f"/alarm/{HASH}/-1", 404),
        ("GET", "/openapi.json", 404),
    ],
)
def test_nothing_else_is_served(client: TestClient, method: str, path: str, status: int) -> None:
    # The key lies in the same folder.
    answer = client.request(method, path)
    assert answer.status_code == status
    assert b"PRIVATE" not in answer.content
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_what_was_cosigned_can_be_fetched(client: TestClient, folder: WitnessFolder) -> None:
    # A log that lost its memory, and a donor who compares, both ask here.
    line = client.post("/add-checkpoint", content=LOG.asks(0, 5)).content
    for path in (f"/checkpoint/{HASH}", f"/{HASH}/checkpoint"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.content == LOG.note(5) + line


def test_the_page_for_people(client: TestClient, folder: WitnessFolder) -> None:
    # Names come from keys that strangers make; nothing of them may become a part of the page.
    assert "Chưa ký mốc nào" in client.get("/").text
    for size in range(1, SHOWN + 3):
        assert client.post("/add-checkpoint", content=LOG.asks(size - 1, size)).status_code == 200
    CLOCK.now = NOW + 3 * 3600
    answer = client.get("/")
    page = answer.text
    assert page.index("Bên làm chứng chỉ ký khi") < page.index("This witness signs only")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;" in page
    assert folder.verifier.vkey in page
    assert "3 giờ" in page
    assert "3 hours" in page
    shown = re.findall(r"<tr><td>(\d+)</td><td><code>(\w+)</code></td><td>([^<]+)</td>", page)
    assert shown == [
        (str(size), LOG.checkpoint(size).root.hex(), "2025-12-31 00:00:00") for size in range(SHOWN + 2, 2, -1)
    ]
    assert "BÁO ĐỘNG" not in page
    # The policy names the one style there is, and lets nothing else in.
    style = base64.b64encode(hashlib.sha256(re.findall(r"<style>(.*?)</style>", page, re.DOTALL)[0].encode()).digest())
    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{style.decode()}'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert not re.findall(r"(?:src|href)=\"(?!/)", page)


def test_an_alarm_is_seen_by_whoever_looks(client: TestClient) -> None:
    for old, new in ((0, 5), (5, 9)):
        client.post("/add-checkpoint", content=LOG.asks(old, new))
    assert client.post("/add-checkpoint", content=LOG.fork(2).asks(9, 9)).status_code == 422
    page = client.get("/").text
    assert page.index("BÁO ĐỘNG") < page.index("ALARM")
    (link,) = re.findall(r'href="(/alarm/[^"]+)"', page)
    evidence = json.loads(client.get(link).content)
    newer = open_checkpoint(evidence["newer"].encode(), LOG.key.verifier)[0]
    assert newer == LOG.fork(2).checkpoint(9)


def test_the_mirror_follows_and_says_when_it_cannot(folder: WitnessFolder, tmp_path: Path) -> None:
    mirrors = Mirrors(folder)
    witness = Witness(folder.key, CLOCK, folder, folder.keys)
    app = create_witness_app(folder, CLOCK, mirrors=mirrors)
    client = TestClient(app)  # not entered: the thread stands still, the test takes its turns
    mirrors.catch_up()
    assert mirrors.troubles == {}
    assert witness.add_checkpoint(LOG.asks(0, 9)).status == 200
    assert not folder.mirror_path(LOG.name).exists()
    mirrors.catch_up()
    assert mirrors.troubles == {}
    base = f"/log/{HASH}"
    assert client.get(f"{base}/checkpoint").content == folder.seen(LOG.name)[-1].note
    published = tmp_path / "published"
    for path in ("tile/0/000.p/9", "tile/entries/000.p/9"):
        answer = client.get(f"{base}/{path}")
        assert answer.content == (published / path).read_bytes()
        assert answer.headers["content-type"] == "application/octet-stream"
    assert "mirror up to size 9:" in client.get("/").text
    # Cosigned before the log has published it: the copy lags and says so, and comes after.
    assert witness.add_checkpoint(LOG.asks(9, 20)).status == 200
    mirrors.catch_up()
    assert "tile/0/000.p/20 is not there" in client.get("/").text
    assert client.get(f"{base}/checkpoint").content == folder.seen(LOG.name)[0].note
    (published / "tile/0/000.p/20").write_bytes(bytes(20 * 32))
    mirrors.catch_up()
    assert "do not lead to the signed root" in client.get("/").text
    publish(published, 20)
    mirrors.catch_up()
    page = client.get("/").text
    assert "mirror up to size 20:" in page
    assert "the copy lags" not in page


def test_a_mirror_that_fails_delays_nobody(folder: WitnessFolder, tmp_path: Path) -> None:
    # The witness answers first; the thread may fall over its feet as it likes.
    def broken(_address: str) -> object:
        raise RuntimeError("broken")

    mirrors = Mirrors(folder, broken)  # type: ignore[arg-type]
    with TestClient(create_witness_app(folder, CLOCK, mirrors=mirrors)) as client:
        for old, new in ((0, 5), (5, 9)):
            assert client.post("/add-checkpoint", content=LOG.asks(old, new)).status_code == 200


def test_a_lost_memory_is_a_503(client: TestClient, folder: WitnessFolder) -> None:
    (folder.path / "logs" / f"{HASH}.json").unlink()
    assert client.post("/add-checkpoint", content=LOG.asks(0, 5)).status_code == 503
    assert client.get("/").status_code == 503
    assert client.get(f"/checkpoint/{HASH}").status_code == 503
    # And a server that starts on it does not start.
    with pytest.raises(StoreFailed, match="is gone"):
        serve_witness(folder, "127.0.0.1", 0, CLOCK, mirror=False)


def test_a_port_in_use_is_said_so(folder: WitnessFolder) -> None:
    with bind("127.0.0.1", 0) as listening, pytest.raises(ServeRefused, match="cannot listen"):
        serve_witness(folder, "127.0.0.1", listening.getsockname()[1], CLOCK, mirror=False)


def sovang(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def post(address: str, body: bytes) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"{address}/add-checkpoint", data=body, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_from_nothing_to_a_witness_by_the_commands(tmp_path: Path) -> None:
    # What an organisation types that has never seen the program; it needs no book of its own.
    folder, published = tmp_path / "w", publish(tmp_path / "published", 9)
    ran = sovang("witness", "init", "--folder", str(folder), "--name", "ngo.example.org", "--json")
    assert ran.returncode == 0, ran.stderr
    key = CosignerKey.parse(json.loads(ran.stdout)["vkey"])
    assert key.name == "ngo.example.org"
    assert WitnessFolder(folder).verifier == key
    again = sovang("witness", "init", "--folder", str(folder), "--name", "ngo.example.org", "--json")
    assert (again.returncode, json.loads(again.stdout)["reason"]) == (3, "WITNESS_UNFIT")
    ran = sovang("witness", "watch", "--folder", str(folder), LOG.key.vkey, str(published), "--json")
    assert (ran.returncode, json.loads(ran.stdout)["origin"]) == (0, LOG.name)
    again = sovang("witness", "watch", "--folder", str(folder), LOG.key.vkey)
    assert again.returncode == 2
    command = ["witness", "serve", "--folder", str(folder), "--port", "0", "--mirror"]
    server = subprocess.Popen(
        [sys.executable, "-c", "from api.cli import main; main()", *command], stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        address = json.loads(server.stderr.readline())["address"]
        status, line = post(address, LOG.asks(0, 9))
        assert status == 200
        assert open_checkpoint(LOG.note(9) + line, LOG.key.verifier, witnesses=[key])[0] == LOG.checkpoint(9)
        assert post(address, LOG.asks(0, 9)) == (409, b"9\n")
        mirror = WitnessFolder(folder).mirror_path(LOG.name)
        for _ in range(200):
            if (mirror / "checkpoint").exists():
                break
            urllib.request.urlopen(address, timeout=20).close()
        assert (mirror / "checkpoint").read_bytes() == LOG.note(9) + line
    finally:
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=30)
    assert server.returncode in (0, -signal.SIGTERM)
    routes = [json.loads(one).get("route") for one in said.splitlines()]
    assert "/add-checkpoint" in routes
    assert "Traceback" not in said
