"""The served log equals the log: a stranger's client reads it and comes to the signed root."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey

import audit
from ledger.log.checkpoint import open_checkpoint
from ledger.log.merkle import prove_inclusion, verify_inclusion
from ledger.log.tiles import (
    TileReader,
    bundles_for_size,
    encode_bundle,
    reader_of,
    tile_bytes,
    tiles_for_size,
)
from ledger.record import leaf_of
from ledger.store.engine import reading
from ledger.store.read import record_rows
from tests.api.asking import assert_whole, gift
from tests.worlds import World


@pytest.fixture
def long_client(client: TestClient) -> TestClient:
    """A log of a full tile and a bit more, checkpointed."""
    for start in range(0, 300, 100):
        many = [{"entry": gift(start + n + 1)} for n in range(100)]
        assert client.post("/api/v1/entries?wait=checkpointed", json={"entries": many}).status_code == 201
    client.post("/api/v1/entries", json={"entry": gift()})
    return client


def test_served_tiles_are_those_of_the_records(long_client: TestClient, world: World) -> None:
    """A tile made otherwise from the database would prove another log."""
    base = "/api/v1/log/hp/"
    note = long_client.get(base + "checkpoint").content
    checkpoint, _ = open_checkpoint(note, world.open.vkey)
    bodies: list[bytes] = []
    for tile in bundles_for_size(0, checkpoint.size):
        bundle = long_client.get(base + tile.path)
        assert bundle.headers["content-type"] == "application/octet-stream"
        first = tile.index * 256
        with reading(world.open.engine) as db:
            records = [bytes(row.body) for row in record_rows(db, "hp", first, first + tile.width)]
        assert bundle.content == encode_bundle(records)
        bodies += records
    leaves = [leaf_of(body) for body in bodies]
    for tile in tiles_for_size(0, checkpoint.size):
        served = long_client.get(base + tile.path)
        assert served.content == tile_bytes(tile, reader_of(leaves)), tile
        assert ("immutable" in served.headers["cache-control"]) is (tile.width == 256)
    # The auditor's own way: only what is served, nothing from the database.
    reader = TileReader(lambda path: _file(long_client, base + path), checkpoint.size)
    for index in (0, 255, 256, checkpoint.size - 1):
        proof = prove_inclusion(index, checkpoint.size, reader)
        verify_inclusion(leaves[index], index=index, size=checkpoint.size, root=checkpoint.root, proof=proof)
    assert_whole(world)


def test_only_what_is_signed_is_served(long_client: TestClient) -> None:
    """A tile beyond the checkpoint publishes what the log has not vouched for."""
    base = "/api/v1/log/hp/"
    size = int(long_client.get(base + "checkpoint").text.split("\n")[1])
    width = size - 256
    for good in (f"tile/0/001.p/{width}", "tile/0/001.p/1", "tile/0/000.p/9", "tile/entries/001.p/2", "tile/1/000.p/1"):
        assert long_client.get(base + good).status_code == 200, good
    for bad in (
        f"tile/0/001.p/{width + 1}",
        f"tile/entries/001.p/{width + 1}",
        "tile/0/001",
        "tile/1/000.p/2",
        "tile/2/000.p/1",
        "tile/63/000",
        "tile/64/000",
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "tile/00/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/",
        "tile/entries/..%2f..%2fetc%2fpasswd",
    ):
        assert long_client.get(base + bad).status_code == 404, bad
    assert long_client.get("/api/v1/log/khac/checkpoint").status_code == 404


class _Served:
    """tlog-scales' way to files, over the served log."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def get(self, *path: str) -> bytes | None:
        found = self._client.get("/api/v1/log/hp/" + "/".join(path))
        return found.content if found.status_code == 200 else None


def _file(client: TestClient, path: str) -> bytes:
    found = client.get(path)
    if found.status_code != 200:
        raise FileNotFoundError(path)
    return found.content


def test_tlog_scales_reads_the_served_log(long_client: TestClient, world: World) -> None:
    """Somebody else's reader of the same standard must come to the same root and the same records."""
    theirs = TilesReader(_Served(long_client))
    checkpoint = theirs.get_checkpoint()
    checkpoint.verify(Vkey.from_string(world.open.vkey.vkey))
    assert theirs.calculate_root_hash() == checkpoint.root_hash
    for index in (0, 255, 256):
        assert theirs.get_entry(index) == long_client.get(f"/api/v1/entries/{index}").content


def test_an_unsigned_record_has_no_proof_yet(client: TestClient) -> None:
    """A proof under a checkpoint that does not cover the record cannot exist; saying so is the answer."""
    client.post("/api/v1/entries?wait=checkpointed", json={"entry": gift()})
    index = client.post("/api/v1/entries", json={"entry": gift()}).json()["recorded"][0]["index"]
    late = client.get(f"/api/v1/proofs/{index}")
    assert (late.status_code, late.json()["reason"]) == (409, "NOT_CHECKPOINTED")
    none = client.get(f"/api/v1/proofs/{index + 1}")
    assert (none.status_code, none.json()["reason"]) == (404, "NO_SUCH_RECORD")


def test_the_verifiers_are_handed_out_as_they_are(sqlite_client: TestClient, sqlite_world: World) -> None:
    """The page must run under the server's own strict headers, and be the file that is checked elsewhere."""
    standalone = Path(audit.__file__).parent / "standalone"
    page = sqlite_client.get("/verify.html")
    assert page.content == (standalone / "verify.html").read_bytes()
    policy = page.headers["content-security-policy"]
    for script in re.findall(r"<script>(.*?)</script>", page.text, re.S):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert sqlite_client.get("/verify.py").content == (standalone / "verify.py").read_bytes()
    assert_whole(sqlite_world)
