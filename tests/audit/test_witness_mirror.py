"""The mirror is the log, byte for byte, or it says why not; it proves before it writes, and goes on where it stood."""

from collections.abc import Callable
from pathlib import Path

import pytest

import audit.witness.mirror
from audit.queries import write_tiles
from audit.sources import SourceUnavailable, TilesSource
from audit.verify import verify_tiles
from audit.witness import Witness, WitnessFolder
from audit.witness.mirror import MirrorRefused, is_mirror_path, keep_witnessed, mirrored, update
from ledger.files import write_durably
from ledger.log.cosignature import CosigningKey
from ledger.log.merkle import leaf_hash, node_hash
from ledger.log.note import add_signatures
from ledger.log.tiles import bundles_for_size, encode_bundle, tile_bytes, tiles_for_size
from ledger.log.witness import AddCheckpoint
from tests.audit.conftest import Case
from tests.growing import NOW, Log, Time
from tests.worlds import Randomness

KEY = CosigningKey.from_seed("witness.example.org", bytes([7]) * 32)


class Published(Log):
    """A log and the folder it is published in."""

    def publish(self, folder: Path, size: int) -> Path:
        read = self._reader(size)
        for tile in tiles_for_size(0, size):
            self._put(folder / tile.path, tile_bytes(tile, read))
        for tile in bundles_for_size(0, size):
            first = tile.index * 256
            self._put(folder / tile.path, encode_bundle(self.records[first : first + tile.width]))
        return folder

    def cosigned(self, size: int, at: int = NOW) -> bytes:
        return add_signatures(self.note(size), KEY.cosign(self.checkpoint(size).text().encode(), at))

    def _reader(self, size: int) -> Callable[[int, int], bytes]:
        levels = [[leaf_hash(record) for record in self.records[:size]]]
        while len(levels[-1]) > 1:
            below = levels[-1]
            pairs = zip(below[::2], below[1::2], strict=False)
            levels.append([node_hash(left, right) for left, right in pairs])
        return lambda level, index: levels[level][index]

    @staticmethod
    def _put(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def published(size: int) -> Published:
    return Published(records=[b"record %d" % n for n in range(size)])


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def hashes_and_entries(folder: Path) -> dict[str, bytes]:
    return {path: data for path, data in files(folder).items() if path.startswith("tile/")}


class Counting(TilesSource):
    """Counts what is asked for, and may be cut off."""

    def __init__(self, folder: Path, most: int = 10**9) -> None:
        super().__init__(folder)
        self.asked: list[str] = []
        self._most = most

    def fetch(self, path: str, most: int) -> bytes | None:
        if len(self.asked) >= self._most:
            raise SourceUnavailable("the line went dead")
        self.asked.append(path)
        return super().fetch(path, most)


@pytest.mark.parametrize("size", [0, 1, 3, 255, 256, 257, 512, 700])
def test_the_mirror_is_the_log(tmp_path: Path, size: int) -> None:
    # Every shape of the right edge.
    log = published(size)
    source = log.publish(tmp_path / "log", size)
    source.mkdir(exist_ok=True)
    assert update(tmp_path / "mirror", log.cosigned(size), TilesSource(source)) == log.checkpoint(size)
    assert hashes_and_entries(tmp_path / "mirror") == hashes_and_entries(source)
    assert (tmp_path / "mirror/checkpoint").read_bytes() == log.cosigned(size)
    assert mirrored(tmp_path / "mirror") == log.checkpoint(size)


def test_three_levels_of_tiles(tmp_path: Path) -> None:
    # A level whose tiles are all full stands on a level above it only past 65,536 records.
    log = published(66_100)
    source, mirror = log.publish(tmp_path / "log", 66_100), tmp_path / "mirror"
    (source / "tile/0/001").rename(tmp_path / "hidden")
    with pytest.raises(SourceUnavailable, match="tile/0/001 is not there"):
        update(mirror, log.cosigned(66_100), TilesSource(source))
    assert mirrored(mirror) is None
    (tmp_path / "hidden").rename(source / "tile/0/001")
    update(mirror, log.cosigned(66_100), TilesSource(source))
    assert hashes_and_entries(mirror) == hashes_and_entries(source)
    assert (mirror / "tile/2/000.p/1").is_file()


def test_it_grows_with_the_log(tmp_path: Path) -> None:
    # Through every kind of step; what is there already is not fetched again.
    sizes = [1, 2, 250, 256, 300, 300, 511, 513, 1030]
    log = published(1030)
    mirror = tmp_path / "mirror"
    for at, size in enumerate(sizes):
        source = log.publish(tmp_path / f"log{at}", size)
        counting = Counting(source)
        note = log.cosigned(size, NOW + at)
        update(mirror, note, counting)
        assert files(mirror).items() >= hashes_and_entries(source).items()
        assert (mirror / "checkpoint").read_bytes() == note
        again = Counting(source)
        update(mirror, note, again)
        assert again.asked == []
    assert "tile/0/000" not in counting.asked
    # Of partial files only those of the last two checkpoints are left.
    assert {path for path in files(mirror) if ".p/" in path} == {
        *("tile/0/004.p/6", "tile/1/000.p/4", "tile/entries/004.p/6"),
        *("tile/0/002.p/1", "tile/1/000.p/2", "tile/entries/002.p/1"),
    }


def test_a_log_that_dropped_its_partial_tiles(tmp_path: Path) -> None:
    # tlog-tiles allows it once the full tile is there: the mirror of the smaller size is cut from that.
    log = published(600)
    source = log.publish(tmp_path / "log", 600)
    assert not (source / "tile/0/001.p").exists()
    # The tile above the edge has grown too: tile/1/000.p/1 of size 300 is served as no more than tile/1/000.p/2.
    with pytest.raises(SourceUnavailable, match=r"tile/1/000\.p/1 is not there"):
        update(tmp_path / "mirror", log.cosigned(300), TilesSource(source))
    log.publish(source, 300)
    for path in ("tile/0/001.p/44", "tile/entries/001.p/44"):
        (source / path).unlink()
    update(tmp_path / "mirror", log.cosigned(300), TilesSource(source))
    assert hashes_and_entries(tmp_path / "mirror") == hashes_and_entries(log.publish(tmp_path / "at300", 300))


def test_interrupted_anywhere_it_goes_on(tmp_path: Path) -> None:
    # A line that drops every few files still gets the whole log over; what was written is not fetched again.
    log = published(1030)
    source, mirror = log.publish(tmp_path / "log", 1030), tmp_path / "mirror"
    update(mirror, log.cosigned(300), TilesSource(log.publish(tmp_path / "log300", 300)))
    at300 = (mirror / "checkpoint").read_bytes()
    asked: list[str] = []
    for allowed in range(1, 100):
        counting = Counting(source, most=allowed)
        try:
            update(mirror, log.cosigned(1030), counting)
        except SourceUnavailable:
            # Whoever reads the mirror meanwhile has the old size, whole.
            assert (mirror / "checkpoint").read_bytes() == at300
            assert files(mirror).items() >= hashes_and_entries(tmp_path / "log300").items()
        else:
            break
        asked += counting.asked
    assert mirrored(mirror) == log.checkpoint(1030)
    # Save the edges, which are proven anew each time: the new one, and tile/0/001, at the old one.
    full = [path for path in asked if ".p/" not in path and path != "tile/0/001"]
    assert len(full) == len(set(full)) > 2


def test_a_crash_at_any_write_leaves_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Failed, and failed but written: the checkpoint is the last thing to change.
    log = published(700)
    source = log.publish(tmp_path / "log", 700)
    writes = len(files(source))  # and the checkpoint
    for after in (False, True):
        for at in range(writes + 1):
            mirror = tmp_path / f"mirror-{after}-{at}"
            left = at

            def failing(path: Path, data: bytes, *, private: bool = False, after: bool = after) -> None:
                nonlocal left
                left -= 1
                if left >= 0 or after:
                    write_durably(path, data, private=private)
                if left < 0:
                    raise OSError("pulled plug")

            with monkeypatch.context() as patched:
                patched.setattr(audit.witness.mirror, "write_durably", failing)
                with pytest.raises(OSError, match="pulled plug"):
                    update(mirror, log.cosigned(700), TilesSource(source))
            if (mirror / "checkpoint").exists():
                assert after
                assert at == writes
            update(mirror, log.cosigned(700), TilesSource(source))
            assert hashes_and_entries(mirror) == hashes_and_entries(source)


def test_every_wrong_byte_is_refused(tmp_path: Path) -> None:
    # What is not proven must not be written: the mirror would be a liar with a good name.
    log = published(600)
    source = log.publish(tmp_path / "log", 600)
    good = hashes_and_entries(source)
    assert len(good) == 7
    for number, (path, data) in enumerate(good.items()):
        turned = data[:40] + bytes([data[40] ^ 1]) + data[41:] if len(data) > 40 else b"\1" + data[1:]
        for wrong in (data[:-1], data + b"\0", b"", turned):
            mirror = tmp_path / f"mirror{number}-{len(wrong)}"
            (source / path).write_bytes(wrong)
            with pytest.raises((MirrorRefused, SourceUnavailable)):
                update(mirror, log.cosigned(600), TilesSource(source))
            assert mirrored(mirror) is None
            assert files(mirror).items() <= good.items()
            (source / path).write_bytes(data)
            # Put right, the log is taken over from there.
            update(mirror, log.cosigned(600), TilesSource(source))
            assert hashes_and_entries(mirror) == good


def test_a_log_that_serves_another_past_is_refused(tmp_path: Path) -> None:
    # Should a witness ever sign a fork, as after a wrong restore, its mirror still does not follow.
    log = published(600)
    mirror = tmp_path / "mirror"
    update(mirror, log.cosigned(300), TilesSource(log.publish(tmp_path / "log", 300)))
    for forked_at in (0, 255, 256, 299):
        other = Published(records=[*log.records[:forked_at], *(b"forked %d" % n for n in range(forked_at, 600))])
        before = files(mirror)
        for size in (301, 512, 600):
            source = TilesSource(other.publish(tmp_path / f"fork{forked_at}-{size}", size))
            with pytest.raises(MirrorRefused):
                update(mirror, other.cosigned(size), source)
        assert files(mirror) == before
    with pytest.raises(MirrorRefused, match="another tree of size 300"):
        update(mirror, other.cosigned(300), source)
    with pytest.raises(MirrorRefused, match="size 300 already"):
        update(mirror, log.cosigned(299), source)


def test_a_damaged_mirror_does_not_go_on(tmp_path: Path) -> None:
    # It is said, rather than papered over with what the log serves now.
    log = published(600)
    source = TilesSource(log.publish(tmp_path / "log", 600))
    for number, damage in enumerate(("checkpoint", "tile/0/001.p/44", "tile/1/000.p/1")):
        mirror = tmp_path / f"mirror{number}"
        update(mirror, log.cosigned(300), TilesSource(log.publish(tmp_path / "log300", 300)))
        (mirror / damage).write_bytes(b"damaged")
        with pytest.raises(MirrorRefused):
            update(mirror, log.cosigned(600), source)
        (mirror / damage).unlink()
        if damage != "checkpoint":
            with pytest.raises(MirrorRefused, match="is gone"):
                update(mirror, log.cosigned(600), source)


def test_the_note_with_the_whole_quorum_comes_along(tmp_path: Path) -> None:
    # Our own line alone satisfies no reader who asks for two of three, once the book's server is gone.
    log = published(600)
    source, mirror = log.publish(tmp_path / "log", 600), tmp_path / "mirror"
    update(mirror, log.cosigned(300), TilesSource(log.publish(tmp_path / "log300", 300)))
    keys, file = [log.key.verifier], mirror / "checkpoint.witnessed"

    def served(note: bytes) -> None:
        (source / "checkpoint.witnessed").write_bytes(note)
        keep_witnessed(mirror, keys, TilesSource(source))

    keep_witnessed(mirror, keys, TilesSource(source))
    assert not file.exists()
    for size in (0, 1, 256, 299, 300):
        served(log.cosigned(size))
        assert file.read_bytes() == log.cosigned(size)
    served(log.cosigned(301))  # beyond what we have: it waits
    served(log.cosigned(299))  # older than what we have
    assert file.read_bytes() == log.cosigned(300)
    fork = Published(records=[b"forked", *log.records[1:]])
    other = Published(log.name, log.records, bytes(32))
    for wrong in (b"", b"noise", fork.cosigned(300), other.cosigned(300), log.cosigned(300)[:-9]):
        with pytest.raises(MirrorRefused, match="not of this tree"):
            served(wrong)
    elsewhere = Published("elsewhere", log.records)
    with pytest.raises(MirrorRefused):
        served(elsewhere.cosigned(300))
    assert file.read_bytes() == log.cosigned(300)
    file.unlink()
    with pytest.raises(MirrorRefused, match="not of this tree"):
        served(fork.cosigned(256))


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("checkpoint", True),
        ("checkpoint.witnessed", True),
        ("tile/0/000", True),
        ("tile/entries/x001/234.p/5", True),
        ("", False),
        ("../config", False),
        ("tile/0/../../../witness.key", False),
        ("tile/0/000.p/256", False),
        ("/etc/passwd", False),
        ("tile/0/000\n", False),
    ],
)
def test_only_paths_of_a_log_are_served(path: str, served: bool) -> None:
    # The witness's key lies two folders up.
    assert is_mirror_path(path) is served


def test_the_mirror_of_a_book_passes_the_audit(case: Case, tmp_path: Path) -> None:
    # The point of it: with the book's server gone, anybody checks this copy with the book's own key.
    book = case.world.open
    source = tmp_path / "tiles"
    size = write_tiles(book, source)
    folder = WitnessFolder.create(tmp_path / "witness", "witness.example.org", Randomness())
    folder.watch(book.vkey.vkey)
    witness = Witness(folder.key, Time(), folder, folder.keys)
    note = case.notes[-1][1]
    assert witness.add_checkpoint(AddCheckpoint(0, (), note).encode()).status == 200
    mirror = folder.mirror_path(book.vkey.name)
    update(mirror, folder.seen(book.vkey.name)[-1].note, TilesSource(source))
    newest = {path: data for path, data in hashes_and_entries(source).items() if ".p/" not in path}
    assert hashes_and_entries(mirror).items() >= newest.items()
    keep_witnessed(mirror, [book.vkey], TilesSource(source))
    assert (mirror / "checkpoint.witnessed").read_bytes() == (source / "checkpoint.witnessed").read_bytes()
    report = verify_tiles(mirror, book.vkey)
    original = verify_tiles(source, book.vkey)
    assert report.whole
    assert (report.size, report.root) == (size, case.untouched.root)
    assert [str(found) for found in report.findings] == [str(found) for found in original.findings]
