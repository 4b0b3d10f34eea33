r"""Tiles: the whole log as plain files that never change, to be served by anything that serves files.

C2SP tlog-tiles v1 (https://c2sp.org/tlog-tiles). Beside `checkpoint` there are two kinds of files:

    tile/<L>/<N>[.p/<W>]         hashes: W (or 256) times 32 bytes. Hash i of tile N at level L is the Merkle
                                 hash of the perfect subtree (merkle.py) of level 8*L and index 256*N + i:
                                 at level 0 the leaf hashes, above it the roots of full tiles
    tile/entries/<N>[.p/<W>]     records: W (or 256) times a 2-byte big-endian length and as many bytes, the
                                 records 256*N, 256*N + 1, ...

<L> is 0 to 63 without leading zero. <N> is written in groups of three digits, all but the last with an `x`
before them: 1234067 is `x001/x234/067`, 5 is `005`. A full tile has no suffix; one of width 1 to 255 has
`.p/<W>`. A tree of size s has floor(s / 256^L) hashes at level L; only the last tile of a level is partial.

    a log of 15 records:      tile/0/000.p/15   tile/entries/000.p/15
    a log of 70,000 records:  tile/0/000 ... tile/0/272, tile/0/273.p/112, tile/1/000, tile/1/001.p/17,
                              tile/2/000.p/1, and tile/entries as tile/0

`tile/entries/000.p/2` of the records "one" and "two" is 00 03 6f 6e 65 00 03 74 77 6f.

Tiles say nothing by themselves: a proof made from them, verified against a signed checkpoint, does.
Pure: the files come in by a `fetch`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from ledger.log.merkle import HASH_LENGTH, MAX_SIZE, Reader, root_of

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_ENTRY_BYTES = 0xFFFF
MAX_LEVEL = 63

TileReason = Literal[
    "path",  # not the path of a tile
    "length",  # not as many bytes as the width demands
    "truncated",  # a bundle ends within an entry
    "entry_count",  # a bundle has no entry or more than 256
    "entry_too_long",
    "not_in_tree",  # the tree of this size has no such subtree
]


class TileRejected(ValueError):
    """A tile, bundle or path is malformed. `reason` is stable, the message is for people."""

    def __init__(self, reason: TileReason, message: str = "") -> None:
        self.reason: TileReason = reason
        super().__init__(f"{reason}: {message}" if message else reason)


class Tile(NamedTuple):
    """Which tile: `level` is None for a bundle of entries; `width` 256 is a full tile."""

    level: int | None
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is served, below the log's address."""
        return entries_path(self.index, self.width) if self.level is None else tile_path(*self)


def tile_path(level: int | None, index: int, width: int | None = None) -> str:
    """`tile/<level>/<index>[.p/<width>]`; a level of None is `entries`."""
    if not ((level is None or 0 <= level <= MAX_LEVEL) and 0 <= index <= MAX_SIZE):
        raise TileRejected("path", f"level {level}, index {index}")
    if width is not None and not 1 <= width <= TILE_WIDTH:
        raise TileRejected("path", f"width {width}")
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.append(f"x{index % 1000:03d}")
    partial = "" if width in (None, TILE_WIDTH) else f".p/{width}"
    return f"tile/{'entries' if level is None else level}/{'/'.join(reversed(groups))}{partial}"


def entries_path(index: int, width: int | None = None) -> str:
    """`tile/entries/<index>[.p/<width>]`."""
    return tile_path(None, index, width)


_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?")


def parse_path(path: str) -> Tile:
    """Read a path; only the one way to write it is taken."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise TileRejected("path", f"{path[:80]!a}")
    level, index, width = found.groups()
    tile = Tile(
        None if level == "entries" else int(level),
        int(index.replace("x", "").replace("/", "")),
        TILE_WIDTH if width is None else int(width),
    )
    # Written again it must be the same: so no leading zeroes, no empty groups, no `.p/256`.
    if tile.path != path:
        raise TileRejected("path", f"{path[:80]!a} is written {tile.path}")
    return tile


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """The bytes of an entry bundle of 1 to 256 entries."""
    if not 1 <= len(entries) <= TILE_WIDTH:
        raise TileRejected("entry_count", f"{len(entries)} entries")
    for place, entry in enumerate(entries):
        if len(entry) > MAX_ENTRY_BYTES:
            raise TileRejected("entry_too_long", f"entry {place} has {len(entry)} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle."""
    entries: list[bytes] = []
    place = 0
    while place < len(data):
        start = place + 2
        place = start + int.from_bytes(data[place:start], "big")
        if place > len(data):
            raise TileRejected("truncated", f"in entry {len(entries)}")
        entries.append(data[start:place])
        if len(entries) > TILE_WIDTH:
            raise TileRejected("entry_count", f"more than {TILE_WIDTH} entries")
    if not entries:
        raise TileRejected("entry_count", "an empty bundle is never served")
    return entries


def encode_tile(hashes: Sequence[bytes]) -> bytes:
    """The bytes of a tile of 1 to 256 hashes."""
    if not 1 <= len(hashes) <= TILE_WIDTH or any(len(value) != HASH_LENGTH for value in hashes):
        raise TileRejected("length", f"{len(hashes)} hashes")
    return b"".join(hashes)


def decode_tile(data: bytes, width: int = TILE_WIDTH) -> tuple[bytes, ...]:
    """The `width` hashes of a tile."""
    if len(data) != width * HASH_LENGTH or not 1 <= width <= TILE_WIDTH:
        raise TileRejected("length", f"{len(data)} bytes for a width of {width}")
    return tuple(data[i : i + HASH_LENGTH] for i in range(0, len(data), HASH_LENGTH))


def tile_hash(tile: bytes) -> bytes:
    """The root of a full tile: its hash in the tile above."""
    return root_of(decode_tile(tile))


def tile_bytes(tile: Tile, read: Reader) -> bytes:
    """The bytes of a tile, its hashes taken from a reader of the tree."""
    if tile.level is None:
        raise TileRejected("path", "a bundle of entries holds no hashes")
    first = tile.index * TILE_WIDTH
    return encode_tile([read(tile.level * TILE_HEIGHT, first + i) for i in range(tile.width)])


def tiles_for_size(old_size: int, new_size: int) -> Iterator[Tile]:
    """The hash tiles to write when the tree grows from `old_size` to `new_size`, level by level.

    The entry bundles to write are those of level 0. Partial tiles of sizes in between are not among them.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise TileRejected("not_in_tree", f"from {old_size} to {new_size}")
    level = 0
    while new_size > old_size:
        for index in range(old_size // TILE_WIDTH, -(-new_size // TILE_WIDTH)):
            yield Tile(level, index, min(TILE_WIDTH, new_size - index * TILE_WIDTH))
        level += 1
        old_size >>= TILE_HEIGHT
        new_size >>= TILE_HEIGHT


def bundles_for_size(old_size: int, new_size: int) -> Iterator[Tile]:
    """The entry bundles to write when the log grows from `old_size` to `new_size`."""
    for tile in tiles_for_size(old_size, new_size):
        if tile.level != 0:
            return
        yield Tile(None, tile.index, tile.width)


class TileReader:
    """A `merkle.Reader` over the tiles of a tree of `size` leaves.

    `fetch` is given a path and returns the file's bytes; it raises FileNotFoundError where there is none.
    A log may drop a partial tile once the full one is there, so the full one is tried next. Nothing is
    verified here: proofs made with this reader are, against a checkpoint.
    """

    def __init__(self, fetch: Callable[[str], bytes], size: int, *, keep: int = 1024) -> None:
        if not 0 <= size <= MAX_SIZE:
            raise TileRejected("not_in_tree", f"size {size}")
        self._fetch = fetch
        self._size = size
        self._keep = keep  # tiles of at most 8 kB
        self._tiles: dict[tuple[int, int], tuple[bytes, ...]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise TileRejected("not_in_tree", f"subtree {index} of level {level} in a tree of {self._size}")
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = index << height
        tile, place = divmod(first, TILE_WIDTH)
        return root_of(self._hashes(tile_level, tile)[place : place + (1 << height)])

    def _hashes(self, level: int, index: int) -> tuple[bytes, ...]:
        known = self._tiles.pop((level, index), None)
        if known is None:
            width = min(TILE_WIDTH, (self._size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH)
            known = self._read(Tile(level, index, width))
        # Put back at the end, so that the first is the one longest unused.
        self._tiles[level, index] = known
        if len(self._tiles) > self._keep:
            del self._tiles[next(iter(self._tiles))]
        return known

    def _read(self, tile: Tile) -> tuple[bytes, ...]:
        try:
            return decode_tile(self._fetch(tile.path), tile.width)
        except FileNotFoundError:
            if tile.width == TILE_WIDTH:
                raise
        full = decode_tile(self._fetch(tile._replace(width=TILE_WIDTH).path))
        return full[: tile.width]


def reader_of(leaves: Sequence[bytes]) -> Reader:
    """A `merkle.Reader` over leaf hashes in memory: for small trees and tests."""

    def read(level: int, index: int) -> bytes:
        if level < 0 or index < 0 or (index + 1) << level > len(leaves):
            raise TileRejected("not_in_tree", f"subtree {index} of level {level} in a tree of {len(leaves)}")
        return root_of(leaves[index << level : (index + 1) << level])

    return read
