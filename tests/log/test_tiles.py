"""Tiles: the files by which anybody, with anybody's tools, can read and check the log."""

import base64
import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey

from ledger.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.log.cosignature import CosignerKey
from ledger.log.merkle import (
    Frontier,
    ProofFailed,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from ledger.log.note import SigningKey, VerifierKey
from ledger.log.tiles import (
    Tile,
    TileReader,
    TileRejected,
    bundles_for_size,
    decode_bundle,
    decode_tile,
    encode_bundle,
    encode_tile,
    entries_path,
    parse_path,
    reader_of,
    tile_bytes,
    tile_hash,
    tile_path,
    tiles_for_size,
)
from tests.shared import shared

TESSERA_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
TESSERA_SKEY = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
ENTRIES = b"one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split()
KEY = SigningKey.from_seed("book.test/tiles", bytes(range(32)))


def _write(folder: Path, entries: list[bytes], sizes: list[int]) -> None:
    """Publish a log as it grows through `sizes`, as the product's publisher would."""
    leaves = [leaf_hash(entry) for entry in entries]
    old = 0
    for size in sizes:
        read = reader_of(leaves[:size])
        for tile in tiles_for_size(old, size):
            path = folder / tile.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tile_bytes(tile, read))
        for bundle in bundles_for_size(old, size):
            path = folder / bundle.path
            path.parent.mkdir(parents=True, exist_ok=True)
            first = bundle.index * 256
            path.write_bytes(encode_bundle(entries[first : first + bundle.width]))
        old = size


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _fetch(folder: Path) -> Callable[[str], bytes]:
    return lambda path: (folder / path).read_bytes()


def test_tessera_log_is_rebuilt(tmp_path: Path) -> None:
    """Every checkpoint, tile and bundle of a log written by Tessera, byte for byte from its 15 entries."""
    folder = shared("vectors/tessera-log/testdata/log")
    key = SigningKey.parse(TESSERA_SKEY)
    assert key.vkey == TESSERA_VKEY
    _write(tmp_path, ENTRIES, list(range(1, 16)))
    frontier = Frontier()
    for size in range(16):
        if size:
            frontier = frontier.append(leaf_hash(ENTRIES[size - 1]))
        checkpoint = Checkpoint("example.com/log/testdata", size, frontier.root())
        note = sign_checkpoint(checkpoint, key)
        (tmp_path / f"checkpoint.{size}").write_bytes(note)
        assert open_checkpoint(note, VerifierKey.parse(TESSERA_VKEY))[0] == checkpoint
    (tmp_path / "checkpoint").write_bytes(note)
    assert _files(tmp_path) == _files(folder)
    assert len(_files(folder)) == 16 + 1 + 2 * 15


def test_sunlight_mirror_tree() -> None:
    """A tree of 300 leaves with a level-1 tile, mirrored by Sunlight: same tiles, good for proofs."""
    folder = next(shared("vectors/sunlight-mirror/witness/mirror").glob("*/checkpoint")).parent
    vkey = "mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O"
    checkpoint, _ = open_checkpoint(
        (folder / "checkpoint").read_bytes(), CosignerKey.parse(vkey), origin="rome2026h1.example.org"
    )
    leaves = [leaf_hash(f"record {i}".encode()) for i in range(300)]
    assert root_of(leaves) == Frontier().extend(leaves).root() == checkpoint.root
    written = {tile.path: tile_bytes(tile, reader_of(leaves)) for tile in tiles_for_size(0, 300)}
    assert written == {path: data for path, data in _files(folder).items() if path != "checkpoint"}
    assert tile_hash(written["tile/0/000"]) == written["tile/1/000.p/1"]
    read = TileReader(_fetch(folder), 300)
    for index in (0, 255, 256, 299):
        proof = prove_inclusion(index, 300, read)
        verify_inclusion(leaves[index], index=index, size=300, root=checkpoint.root, proof=proof)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 700])
def test_tlog_scales_reads_our_log(tmp_path: Path, size: int) -> None:
    """Another program opens our checkpoint, recomputes the root and makes the same proofs from our files."""
    seeded = random.Random(size)
    entries = [seeded.randbytes(seeded.randrange(0, 40)) for _ in range(size)]
    leaves = [leaf_hash(entry) for entry in entries]
    _write(tmp_path, entries, sorted({1, size // 3 or 1, size}))
    note = sign_checkpoint(Checkpoint("book.test/tiles", size, root_of(leaves)), KEY)
    (tmp_path / "checkpoint").write_bytes(note)

    theirs = TilesReader(LocalBackend(tmp_path))
    checkpoint = theirs.get_checkpoint()
    checkpoint.verify(Vkey.from_string(KEY.vkey))
    assert theirs.calculate_root_hash() == checkpoint.root_hash == root_of(leaves)
    ours = TileReader(_fetch(tmp_path), size)
    for index in {0, size // 2, size - 1, seeded.randrange(size)}:
        proof = theirs.get_inclusion_proof(index, size)
        assert tuple(proof.node_hashes) == prove_inclusion(index, size, ours)
        proof.check(leaves[index], root_of(leaves))
        assert theirs.get_entry(index) == entries[index]
    for old in {1, size // 2 or 1, size}:
        proofs = theirs.get_consistency_proof(old, size)
        assert tuple(proofs.node_hashes) == prove_consistency(old, size, ours)
        proofs.check(root_of(leaves[:old]), root_of(leaves))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 5, 17), "tile/0/005.p/17"),
        (Tile(1, 1234067), "tile/1/x001/x234/067"),
        (Tile(2, 1000, 255), "tile/2/x001/000.p/255"),
        (Tile(None, 999), "tile/entries/999"),
        (Tile(None, 1000, 1), "tile/entries/x001/000.p/1"),
        (Tile(63, 2**63 - 1), "tile/63/x009/x223/x372/x036/x854/x775/807"),
    ],
)
def test_paths(tile: Tile, path: str) -> None:
    """A tile has one path, and a path one tile."""
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/067",
        "tile/0/x001/x234/67",
        "tile/0/001/234",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/0/../000",
        "tile/data/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
    ],
)
def test_other_paths_are_no_tiles(path: str) -> None:
    """A server that takes a second spelling serves files nobody has hashed."""
    with pytest.raises(TileRejected) as rejected:
        parse_path(path)
    assert rejected.value.reason == "path"


def test_paths_that_cannot_be() -> None:
    """Neither a width of 0 nor a negative index has a path."""
    for level, index, width in [(64, 0, None), (-1, 0, None), (0, -1, None), (0, 0, 0), (0, 0, 257)]:
        with pytest.raises(TileRejected):
            tile_path(level, index, width)
    assert entries_path(7) == tile_path(None, 7, 256) == "tile/entries/007"


def test_tiles_of_70000() -> None:
    """The example of the specification."""
    tiles = list(tiles_for_size(0, 70_000))
    assert len(tiles) == 273 + 1 + 1 + 1 + 1
    assert [tile.path for tile in tiles[273:]] == [
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert [tile.path for tile in tiles_for_size(0, 256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert list(tiles_for_size(256, 256)) == []
    assert [tile.path for tile in bundles_for_size(255, 257)] == ["tile/entries/000", "tile/entries/001.p/1"]
    with pytest.raises(TileRejected):
        list(tiles_for_size(2, 1))


@settings(deadline=None)
@given(st.lists(st.integers(0, 300_000), min_size=1, max_size=4).map(sorted))
def test_growing_writes_each_full_tile_once(sizes: list[int]) -> None:
    """However the log grows, the full tiles and the last partial ones are those of its size."""
    written: list[Tile] = []
    old = 0
    for size in sizes:
        written += tiles_for_size(old, size)
        old = size
    full = [tile for tile in written if tile.width == 256]
    assert len(full) == len(set(full))
    assert set(tiles_for_size(0, old)) <= set(written)


def test_bundle_of_the_docstring() -> None:
    """Two entries, spelled out."""
    assert encode_bundle([b"one", b"two"]).hex() == "00036f6e65000374776f"
    assert decode_bundle(bytes.fromhex("00036f6e65000374776f")) == [b"one", b"two"]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30), min_size=1, max_size=256))
def test_bundles_read_back(entries: list[bytes]) -> None:
    """A bundle gives back its entries; cut anywhere it gives a part of them or our error, never another."""
    data = encode_bundle(entries)
    assert decode_bundle(data) == entries
    for cut in range(0, len(data), 7):
        with contextlib.suppress(TileRejected):
            assert decode_bundle(data[:cut]) == entries[: len(decode_bundle(data[:cut]))]


def test_bundles_that_are_none() -> None:
    """No entry, too many, too long, cut: each has its name."""
    for data, reason in [
        (b"", "entry_count"),
        (b"\0", "truncated"),
        (b"\0\1", "truncated"),
        (b"\0\2a", "truncated"),
        (b"\0\0" * 257, "entry_count"),
    ]:
        with pytest.raises(TileRejected) as rejected:
            decode_bundle(data)
        assert rejected.value.reason == reason
    for entries, reason in [
        ([], "entry_count"),
        ([b""] * 257, "entry_count"),
        ([bytes(65536)], "entry_too_long"),
    ]:
        with pytest.raises(TileRejected) as rejected:
            encode_bundle(entries)
        assert rejected.value.reason == reason
    assert decode_bundle(encode_bundle([bytes(65535)] * 256)) == [bytes(65535)] * 256


def test_tiles_have_the_length_of_their_width() -> None:
    """A tile of another length is not read as a smaller or larger one."""
    for data, width in [(b"", 1), (bytes(31), 1), (bytes(64), 1), (bytes(8192 + 32), 257), (bytes(0), 0)]:
        with pytest.raises(TileRejected, match="length"):
            decode_tile(data, width)
    for hashes in ([], [bytes(31)], [bytes(32)] * 257):
        with pytest.raises(TileRejected, match="length"):
            encode_tile(hashes)
    with pytest.raises(TileRejected, match="length"):
        tile_hash(bytes(32))


@pytest.fixture(scope="module")
def log_600(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    _write(folder, [str(i).encode() for i in range(600)], [300, 600])
    (folder / "tile/0/001.p/44").unlink()  # the full tile is there
    return folder


@pytest.mark.parametrize(("keep", "reads"), [(1024, 4), (1, 12)])
def test_tiles_are_read_once_while_they_are_kept(log_600: Path, keep: int, reads: int) -> None:
    """Proving many records does not fetch a tile for each, nor keep the whole log in memory."""
    asked: list[str] = []

    def fetch(path: str) -> bytes:
        asked.append(path)
        return (log_600 / path).read_bytes()

    read = TileReader(fetch, 600, keep=keep)
    for _ in range(3):
        for level, index in [(0, 0), (0, 256), (0, 599), (8, 1)]:
            read(level, index)
    assert len(asked) == reads


def test_full_tile_in_place_of_a_dropped_partial(log_600: Path) -> None:
    """A reader at an old size goes on reading after the partial files are gone."""
    leaves = [leaf_hash(str(i).encode()) for i in range(600)]
    read = TileReader(_fetch(log_600), 300, keep=1)
    for index in (0, 299, 1, 298):
        proof = prove_inclusion(index, 300, read)
        verify_inclusion(leaves[index], index=index, size=300, root=root_of(leaves[:300]), proof=proof)
    with pytest.raises(FileNotFoundError):
        TileReader(_fetch(log_600), 601)(0, 600)
    for level, index in [(0, 600), (9, 1), (-1, 0), (0, -1)]:
        with pytest.raises(TileRejected, match="not_in_tree"):
            TileReader(_fetch(log_600), 600)(level, index)
    with pytest.raises(TileRejected, match="path"):
        tile_bytes(Tile(None, 0), read)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_changed_tile_breaks_the_proof(log_600: Path, data: st.DataObject) -> None:
    """The reader verifies nothing, so what it is given must not get past the proof."""
    leaves = [leaf_hash(str(i).encode()) for i in range(600)]
    root = root_of(leaves)
    index = data.draw(st.integers(0, 599))
    flip = data.draw(st.integers(0, 8 * 32 - 1))

    def fetch(path: str) -> bytes:
        tile = decode_tile((log_600 / path).read_bytes(), parse_path(path).width)
        return encode_tile([(int.from_bytes(value, "big") ^ 1 << flip).to_bytes(32, "big") for value in tile])

    proof = prove_inclusion(index, 600, TileReader(fetch, 600))
    with pytest.raises(ProofFailed, match="root_differs"):
        verify_inclusion(leaves[index], index=index, size=600, root=root, proof=proof)
    old = data.draw(st.integers(1, 599))
    proof = prove_consistency(old, 600, TileReader(fetch, 600))
    with pytest.raises(ProofFailed):
        verify_consistency(old_size=old, new_size=600, old_root=root_of(leaves[:old]), new_root=root, proof=proof)


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_garbage_is_no_bundle(data: bytes) -> None:
    """Any bytes are a bundle that reads back the same, or end in our error."""
    with contextlib.suppress(TileRejected):
        assert encode_bundle(decode_bundle(data)) == data
    with pytest.raises(TileRejected):
        parse_path(base64.b64encode(data).decode())
