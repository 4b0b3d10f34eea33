"""A copy of a log beside its witness: when the log's own server is gone or lies, this one can be checked instead.

A mirror is a tlog-tiles log (ledger/log/tiles.py) whose `checkpoint` is the note this witness has cosigned. The
witness cosigns first and copies afterwards: a copy that fails delays nobody's checkpoint, and says so.

`update` brings a folder from the size it has to that of a checkpoint:

1. The partial tiles at the right edge of the new tree, one a level at most, lead to the signed root. That proves
   each hash in them.
2. The new tree begins with the one the folder has: what stood at the old edge stands there still.
3. A full tile is proven by its hash in the tile above, so from the top down; it is written at once, for ever.
   One that is there with other bytes stops everything.
4. A bundle of entries is proven by the leaf hashes in its tile.
5. `checkpoint` comes last. A reader never sees a size whose files are not there, and whatever was interrupted
   goes on where it stood: what is there is proven again, and not fetched again.

What is not proven is not written. Partial files of earlier checkpoints are taken away, save those of the last.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from audit.sources import MAX_BUNDLE_BYTES, MAX_TILE_BYTES, SourceUnavailable, TilesSource
from ledger.files import sync_folder, write_durably
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.merkle import Frontier, ProofFailed, leaf_hash, prove_consistency, root_of, verify_consistency
from ledger.log.note import MAX_NOTE_BYTES, NoteRejected, VerifierKey, open_note, split_note
from ledger.log.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    TileReader,
    TileRejected,
    decode_bundle,
    decode_tile,
    encode_bundle,
    parse_path,
    tile_hash,
)


class MirrorRefused(Exception):
    """What the log serves is not what it signed, or not what it served before; nothing of it was kept."""


def mirrored(folder: Path) -> Checkpoint | None:
    """The checkpoint up to which the folder has the log."""
    try:
        return parse_checkpoint(split_note((folder / "checkpoint").read_bytes())[0])
    except FileNotFoundError:
        return None
    except NoteRejected as error:
        raise MirrorRefused(f"our own checkpoint cannot be read: {error}") from error


def update(folder: Path, note: bytes, source: TilesSource) -> Checkpoint:
    """Brings the mirror in `folder` to the checkpoint of `note`, which the caller has cosigned.

    Raises SourceUnavailable when files are missing or the log cannot be reached (come back later), MirrorRefused
    when they are wrong, OSError when they cannot be written.
    """
    checkpoint = parse_checkpoint(split_note(note)[0])
    old = mirrored(folder)
    if old is not None and old.size > checkpoint.size:
        raise MirrorRefused(f"the mirror has size {old.size} already")
    if old is None or old.size < checkpoint.size:
        copy = _Copy(folder, source, checkpoint, old.size if old else 0)
        try:
            copy.read_edge()  # 1
            copy.check_old_edge()  # 2
            copy.keep_full_tiles()  # 3
            copy.keep_entries()  # 4
            copy.keep_edge()
        except TileRejected as error:
            raise MirrorRefused(f"a file of ours is damaged: {error}") from error
        _write(folder / "checkpoint", note)  # 5
        copy.forget()
    elif old.root != checkpoint.root:
        raise MirrorRefused(f"the mirror has another tree of size {old.size}")
    else:
        _write(folder / "checkpoint", note)  # the same tree, cosigned once more
    return checkpoint


def keep_witnessed(folder: Path, keys: Sequence[VerifierKey], source: TilesSource) -> None:
    """Keeps the log's `checkpoint.witnessed` too, where it publishes one: the note that carries its whole quorum.

    It is kept when one of the log's `keys` has signed it and its tree is the beginning of the mirror's. One of a
    size that the mirror has not reached waits; one older than what is kept is left. Whose other lines it bears is
    the reader's to judge, by a policy.
    Raises SourceUnavailable, MirrorRefused, OSError.
    """
    have, note = mirrored(folder), source.fetch("checkpoint.witnessed", MAX_NOTE_BYTES)
    file = folder / "checkpoint.witnessed"
    if have is None or note is None or (file.exists() and file.read_bytes() == note):
        return
    try:
        witnessed = parse_checkpoint(open_note(note, keys).text)
        if witnessed.origin != have.origin:
            raise MirrorRefused("checkpoint.witnessed is of another log")
        known = parse_checkpoint(split_note(file.read_bytes())[0]).size if file.exists() else 0
        if not known <= witnessed.size <= have.size:
            return
        if witnessed.size > 0:
            verify_consistency(
                old_size=witnessed.size,
                new_size=have.size,
                old_root=witnessed.root,
                new_root=have.root,
                proof=()
                if witnessed.size == have.size
                else prove_consistency(
                    witnessed.size, have.size, TileReader(lambda path: (folder / path).read_bytes(), have.size)
                ),
            )
    except (NoteRejected, ProofFailed) as error:
        raise MirrorRefused(f"checkpoint.witnessed is not of this tree: {error}") from error
    _write(file, note)


class _Copy:
    def __init__(self, folder: Path, source: TilesSource, checkpoint: Checkpoint, old_size: int) -> None:
        self._folder = folder
        self._source = source
        self._checkpoint = checkpoint
        self._old_size = old_size
        self._edge: dict[int, bytes] = {}  # level → bytes of its partial tile
        self._ahead: dict[Tile, bytes] = {}  # full tiles proven at the old edge, to be written in their turn

    def read_edge(self) -> None:
        nodes: list[bytes] = []
        for tile in reversed(list(_edge(self._checkpoint.size))):
            assert tile.level is not None
            data = self._fetched(tile)
            self._edge[tile.level] = data
            hashes = decode_tile(data, tile.width)
            place = 0
            for height in reversed(range(TILE_HEIGHT)):
                if tile.width >> height & 1:
                    nodes.append(root_of(hashes[place : place + (1 << height)]))
                    place += 1 << height
        if Frontier(self._checkpoint.size, tuple(nodes)).root() != self._checkpoint.root:
            raise MirrorRefused(f"the tiles do not lead to the signed root of size {self._checkpoint.size}")

    def check_old_edge(self) -> None:
        for tile in _edge(self._old_size):
            assert tile.level is not None
            known = self._kept(tile)
            if known is None:
                raise MirrorRefused(f"{tile.path}: our own file is gone")
            if tile.index < self._full(tile.level):
                now = self._ahead[Tile(tile.level, tile.index)] = self._proven(tile.level, tile.index)
            else:
                now = self._edge[tile.level]
            if not now.startswith(known):
                raise MirrorRefused(f"{tile.path}: the log served other hashes before; it has forked")

    def keep_full_tiles(self) -> None:
        level = 0
        while self._full(level + 1):
            level += 1
        for at in reversed(range(level + 1)):
            for index in range(self._old_full(at), self._full(at)):
                self._keep(Tile(at, index), self._proven(at, index))

    def keep_entries(self) -> None:
        size = self._checkpoint.size
        for index in range(self._old_size // TILE_WIDTH, -(-size // TILE_WIDTH)):
            tile = Tile(None, index, min(TILE_WIDTH, size - index * TILE_WIDTH))
            full = tile.width == TILE_WIDTH
            leaves = decode_tile(self._proven(0, index) if full else self._edge[0], tile.width)
            data = self._kept(tile) or self._fetched(tile)
            if tuple(map(leaf_hash, _entries(tile, data))) != leaves:
                raise MirrorRefused(f"{tile.path}: entries that are not those of the log")
            self._keep(tile, data)

    def keep_edge(self) -> None:
        for tile in _edge(self._checkpoint.size):
            assert tile.level is not None
            self._keep(tile, self._edge[tile.level])

    def forget(self) -> None:
        """Takes away partial files that neither this checkpoint nor the one before it needs."""
        needed = {tile.path for size in (self._old_size, self._checkpoint.size) for tile in _partial(size)}
        for file in self._folder.glob("tile/**/*.p/*"):
            if file.relative_to(self._folder).as_posix() not in needed:
                file.unlink()

    def _proven(self, level: int, index: int) -> bytes:
        """The bytes of a full tile, whose hash is in the tile above."""
        above, place = divmod(index, TILE_WIDTH)
        parent = self._edge[level + 1] if above >= self._full(level + 1) else self._proven_above(level + 1, above)
        tile = Tile(level, index)
        data = self._kept(tile) or self._ahead.get(tile) or self._fetched(tile)
        if tile_hash(data) != parent[32 * place : 32 * (place + 1)]:
            raise MirrorRefused(f"{tile.path}: hashes that are not those of the log")
        return data

    def _proven_above(self, level: int, index: int) -> bytes:
        # From the top down: what stands above has been proven and written, and never changes after.
        return self._kept(Tile(level, index)) or self._proven(level, index)

    def _full(self, level: int) -> int:
        """How many full tiles the level has."""
        return self._checkpoint.size >> (TILE_HEIGHT * (level + 1))

    def _old_full(self, level: int) -> int:
        return self._old_size >> (TILE_HEIGHT * (level + 1))

    def _kept(self, tile: Tile) -> bytes | None:
        try:
            return (self._folder / tile.path).read_bytes()
        except FileNotFoundError:
            return None

    def _fetched(self, tile: Tile) -> bytes:
        """The bytes of a tile or bundle as the log serves them, cut to their width, nothing proven."""
        most = MAX_BUNDLE_BYTES if tile.level is None else MAX_TILE_BYTES
        data, width = self._source.fetch(tile.path, most), tile.width
        if data is None and tile.width < TILE_WIDTH:
            # A log may drop a partial tile once the full one is there.
            data, width = self._source.fetch(tile._replace(width=TILE_WIDTH).path, most), TILE_WIDTH
        if data is None:
            raise SourceUnavailable(f"{tile.path} is not there")
        if tile.level is None:
            return data if width == tile.width else encode_bundle(_entries(tile, data)[: tile.width])
        if len(data) != 32 * width:
            raise MirrorRefused(f"{tile.path}: {len(data)} bytes for a width of {width}")
        return data[: 32 * tile.width]

    def _keep(self, tile: Tile, data: bytes) -> None:
        known = self._kept(tile)
        if known is None:
            _write(self._folder / tile.path, data)
        elif known != data:
            raise MirrorRefused(f"{tile.path} is kept with other bytes; a tile never changes")


def is_mirror_path(path: str) -> bool:
    """Whether a mirror serves a file of this path, below its folder."""
    try:
        return path in ("checkpoint", "checkpoint.witnessed") or bool(parse_path(path))
    except TileRejected:
        return False


def _edge(size: int) -> Iterator[Tile]:
    """The partial tiles of hashes of a tree of this size, level 0 first."""
    level = 0
    while hashes := size >> (TILE_HEIGHT * level):
        index, width = divmod(hashes, TILE_WIDTH)
        if width:
            yield Tile(level, index, width)
        level += 1


def _partial(size: int) -> Iterator[Tile]:
    """All partial files of a log of this size."""
    yield from _edge(size)
    if size % TILE_WIDTH:
        yield Tile(None, size // TILE_WIDTH, size % TILE_WIDTH)


def _entries(tile: Tile, data: bytes) -> list[bytes]:
    try:
        return decode_bundle(data)
    except TileRejected as error:
        raise MirrorRefused(f"{tile.path}: {error}") from error


def _write(path: Path, data: bytes) -> None:
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)
    write_durably(path, data)
