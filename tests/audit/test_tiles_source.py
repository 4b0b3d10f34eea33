"""A published log is audited from its files, in a folder or over HTTP, with nothing but the public key."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from audit.findings import FindingKind
from audit.queries import QueryFailed, write_tiles
from audit.sources import MAX_BUNDLE_BYTES, SourceUnavailable, TilesSource
from audit.verify import TAIL, verify_tiles
from ledger.log.note import SigningKey
from ledger.log.tiles import bundles_for_size, decode_bundle, tiles_for_size
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading
from tests.audit.conftest import Case
from tests.audits import check_book
from tests.worlds import World

K = FindingKind


@pytest.fixture
def published(case: Case, tmp_path: Path) -> Path:
    folder = tmp_path / "tiles"
    assert write_tiles(case.world.open, folder) == case.untouched.size
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """The audit hangs up on an endless answer; that is meant."""


@pytest.fixture
def serve() -> Iterator[Callable[[object], str]]:
    """Serves with a handler on the loopback address."""
    servers = []

    def start(handler: object) -> str:
        server = _Server(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_from_a_folder(case: Case, published: Path) -> None:
    report = verify_tiles(published, case.world.open.vkey.vkey, saved=case.notes[1][1])
    assert report.ok
    assert (report.size, report.root) == (case.untouched.size, case.untouched.root)
    assert TAIL not in report.cannot_exclude
    assert TAIL in verify_tiles(TilesSource(published), case.world.open.vkey).cannot_exclude


def test_over_http(case: Case, published: Path, serve: Callable[[object], str]) -> None:
    address = serve(partial(_Quiet, directory=str(published)))
    report = verify_tiles(address, case.world.open.vkey)
    assert report.ok
    assert report.size == case.untouched.size


def test_the_files_are_the_specified_ones(case: Case, published: Path) -> None:
    """Paths, widths and bytes; a second writing changes nothing."""
    size = case.untouched.size
    expected = {tile.path for tile in (*bundles_for_size(0, size), *tiles_for_size(0, size))}
    files = {str(f.relative_to(published)): f for f in published.rglob("*") if f.is_file()}
    assert set(files) == expected | {"checkpoint", "checkpoint.witnessed"}
    with reading(case.world.open.engine) as db:
        bodies = [bytes(row.body) for row in read.record_rows(db, case.world.open.code)]
    bundles = [decode_bundle((published / bundle.path).read_bytes()) for bundle in bundles_for_size(0, size)]
    assert [body for bundle in bundles for body in bundle] == bodies
    times = {path: f.stat().st_mtime_ns for path, f in files.items()}
    write_tiles(case.world.open, published)
    assert {path: f.stat().st_mtime_ns for path, f in files.items()} == times


def test_a_full_tile_with_other_bytes_stops_everything(case: Case, published: Path) -> None:
    tile = published / "tile/entries/000"
    tile.write_bytes(tile.read_bytes()[:-1] + b"x")
    (published / "checkpoint").write_bytes(b"old")
    with pytest.raises(QueryFailed, match="tile/entries/000"):
        write_tiles(case.world.open, published)
    assert (published / "checkpoint").read_bytes() == b"old"


def test_nothing_is_published_without_a_checkpoint(sqlite_world: World, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        write_tiles(sqlite_world.open, tmp_path / "tiles")
    assert refused.value.reason is Reason.NOT_CHECKPOINTED
    check_book(sqlite_world, checkpoint=False)


def test_only_what_is_signed_is_published(sqlite_world: World, tmp_path: Path) -> None:
    """Records after the newest checkpoint wait; the next writing adds them beside the older tiles."""
    signed = sqlite_world.open.checkpointer.run()[0]
    sqlite_world.gift()
    assert write_tiles(sqlite_world.open, tmp_path / "tiles") == signed.size
    assert verify_tiles(tmp_path / "tiles", sqlite_world.open.vkey).size == signed.size
    check_book(sqlite_world)
    assert write_tiles(sqlite_world.open, tmp_path / "tiles") == signed.size + 1
    assert verify_tiles(tmp_path / "tiles", sqlite_world.open.vkey).ok


def test_a_full_tile_stands_in_for_a_partial_one(case: Case, published: Path) -> None:
    """A log may drop partial tiles once the full ones are there."""
    old = case.notes[1]
    (published / "checkpoint").write_bytes(old[1])
    (published / "checkpoint.witnessed").unlink()
    report = verify_tiles(published, case.world.open.vkey)
    assert report.ok
    assert report.size == old[0]


def test_a_rollback_is_seen_with_a_saved_checkpoint_only(case: Case, published: Path) -> None:
    """t12 as the public meets it: an older checkpoint, all of its tiles in order."""
    (published / "checkpoint").write_bytes(case.notes[1][1])
    (published / "checkpoint.witnessed").unlink()
    assert verify_tiles(published, case.world.open.vkey).ok
    report = verify_tiles(published, case.world.open.vkey, saved=case.notes[-1][1])
    assert report.kinds() == {K.ROLLED_BACK}


def test_another_key_is_not_believed(case: Case, published: Path) -> None:
    other = SigningKey.from_seed(case.world.open.vkey.name, bytes(32))
    report = verify_tiles(published, other.vkey)
    assert {K.KEY_DIFFERS, K.CHECKPOINT_INVALID} <= report.kinds()
    assert report.states.checkpointed == 0
    assert not report.whole


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("path", ["tile/0/000", "tile/1/000.p/1"])
def test_t11_a_tile_of_hashes_changed(case: Case, published: Path, path: str) -> None:
    _flip(published / path, 7)
    found = verify_tiles(published, case.world.open.vkey).findings
    assert [(f.kind, f.key) for f in found] == [(K.TILE_DIFFERS, path)]


def test_tiles_of_hashes_may_be_missing(case: Case, published: Path) -> None:
    """Everything is recomputed from the entries."""
    shutil.rmtree(published / "tile/0")
    assert verify_tiles(published, case.world.open.vkey).ok


def test_an_entry_changed(case: Case, published: Path) -> None:
    bundle = published / "tile/entries/000"
    entries = decode_bundle(bundle.read_bytes())
    _flip(bundle, sum(2 + len(entry) for entry in entries[:100]) + 2 + entries[100].index(b'"at":"2026') + 7)
    report = verify_tiles(published, case.world.open.vkey)
    assert K.BROKEN_LINK in {f.kind for f in report.findings if f.index == 101}
    assert {K.ROOT_DIFFERS, K.TILE_DIFFERS} <= report.kinds()


def test_a_bundle_missing_or_malformed(case: Case, published: Path) -> None:
    bundle = published / "tile/entries/000"
    data = bundle.read_bytes()
    bundle.write_bytes(data[:-5])
    report = verify_tiles(published, case.world.open.vkey)
    assert {(f.kind, f.index, f.key) for f in report.findings} >= {
        (K.TILE_DIFFERS, 0, "tile/entries/000"),
        (K.RECORD_MISSING, 0, None),
    }
    bundle.unlink()
    last = next(published.glob("tile/entries/001.p/*"))
    report = verify_tiles(published, case.world.open.vkey)
    assert (K.RECORD_MISSING, 0) in {(f.kind, f.index) for f in report.findings}
    bundle.write_bytes(data)
    last.unlink()
    report = verify_tiles(published, case.world.open.vkey)
    assert (K.RECORD_MISSING, 256) in {(f.kind, f.index) for f in report.findings}


def test_what_cannot_be_read_is_our_own_error(
    case: Case, published: Path, tmp_path: Path, serve: Callable[[object], str]
) -> None:
    key = case.world.open.vkey
    for address in (str(tmp_path / "nowhere"), "file:///etc/passwd", "ftp://example.org/log", "http://"):
        with pytest.raises(SourceUnavailable):
            verify_tiles(address, key)
    with pytest.raises(SourceUnavailable, match="no file `checkpoint`"):
        verify_tiles(tmp_path, key)
    with pytest.raises(SourceUnavailable):
        verify_tiles("http://127.0.0.1:9", key)
    (published / "checkpoint").unlink()
    os.mkfifo(published / "checkpoint")  # reading it would wait for ever
    with pytest.raises(SourceUnavailable, match="not a file"):
        verify_tiles(published, key)


class _Hostile(BaseHTTPRequestHandler):
    """Answers as its path says."""

    def do_GET(self) -> None:
        if self.path.startswith("/fails"):
            self.send_error(500)
        elif self.path.startswith("/file"):
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path.startswith("/elsewhere"):
            # The same server under another name: were it followed, the answer would be a 200.
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/short")
            self.end_headers()
        elif self.path.startswith("/round"):
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
        elif self.path.startswith("/endless"):
            self.send_response(200)
            self.end_headers()
            for _ in range(64):
                self.wfile.write(b"x" * 65536)
        else:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"short")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("path", ["fails", "file", "elsewhere", "round", "endless", "short"])
def test_a_hostile_server(case: Case, serve: Callable[[object], str], path: str) -> None:
    """It can refuse and lie, but not crash the audit, fill the memory or lead it to a file."""
    with pytest.raises(SourceUnavailable, match="another host" if path == "elsewhere" else "."):
        verify_tiles(f"{serve(_Hostile)}/{path}", case.world.open.vkey)


def test_a_file_larger_than_any_can_be(published: Path) -> None:
    with (published / "tile/entries/000").open("ab") as file:
        file.truncate(MAX_BUNDLE_BYTES + 1)
    with pytest.raises(SourceUnavailable, match="more than"):
        list(TilesSource(published).bodies(256))
