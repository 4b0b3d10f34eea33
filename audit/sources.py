"""Where an audit gets the bytes from: anything that gives records by index and signed checkpoints.

`TilesSource` reads a log published as tlog-tiles, from a folder or over HTTP. Paths are made from integers
by ledger/log/tiles.py and from nothing else, so no answer of a server can lead outside the folder; every file
has a largest size; every failure is ours: `SourceUnavailable` when it cannot be told what is there.
"""

import http.client
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from audit.findings import FindingKind, Findings
from ledger.deadline import Http, Https, within
from ledger.log.note import MAX_NOTE_BYTES
from ledger.log.tiles import (
    MAX_ENTRY_BYTES,
    TILE_WIDTH,
    Tile,
    TileReader,
    TileRejected,
    decode_bundle,
)

MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
MAX_TILE_BYTES = TILE_WIDTH * 32
SECONDS = 30
"""How long a server may say nothing."""
FILE_SECONDS = 300
"""How long one file may take, to its last byte: a source that drips must not hold up all the others."""
MOST_GAPS = 16
"""Bundles missing in a row after which the rest is not asked for."""


class SourceUnavailable(Exception):
    """The log could not be read; nothing can be said about it."""


class Source(Protocol):
    """A log to audit."""

    def bodies(self, size: int, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(index, bytes) of the records from `start` to below `size`, in order; missing ones are left out."""

    def body(self, index: int) -> bytes | None:
        """The bytes of one record."""

    def checkpoints(self) -> Iterator[tuple[int | None, bytes, str]]:
        """(the size it is kept under, signed note, signature lines kept beside it)."""


class TilesSource:
    """A log published as tlog-tiles: `checkpoint`, `tile/entries/…` and, where present, `tile/<level>/…`."""

    def __init__(self, address: str | Path, *, seconds: float = SECONDS) -> None:
        """`address` is a folder, or an `http://` or `https://` address that ends where the log begins."""
        self._seconds = seconds
        self._url: str | None = None
        self._folder = Path()
        if isinstance(address, str) and "://" in address:
            if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).netloc:
                raise SourceUnavailable(f"not an http or https address: {address[:200]}")
            self._url = address.rstrip("/")
        else:
            self._folder = Path(address)
            if not self._folder.is_dir():
                raise SourceUnavailable(f"no such folder: {self._folder}")
        self.found = Findings()
        """Malformed bundles; the audit adds them to its own."""
        self._size = 0
        self._bundle: tuple[int, list[bytes]] = (-1, [])

    def fetch(self, path: str, most: int) -> bytes | None:
        """A file of at most `most` bytes; None where there is none. Raises SourceUnavailable."""
        data = self._read_file(path, most) if self._url is None else self._get(path, most)
        if data is not None and len(data) > most:
            raise SourceUnavailable(f"{path}: more than {most} bytes")
        return data

    def checkpoints(self) -> Iterator[tuple[int | None, bytes, str]]:
        note = self.fetch("checkpoint", MAX_NOTE_BYTES)
        if note is None:
            raise SourceUnavailable("there is no file `checkpoint`")
        yield None, note, ""
        witnessed = self.fetch("checkpoint.witnessed", MAX_NOTE_BYTES)
        if witnessed is not None and witnessed != note:
            yield None, witnessed, ""

    def bodies(self, size: int, start: int = 0) -> Iterator[tuple[int, bytes]]:
        self._size = size
        gaps = 0
        for number in range(start // TILE_WIDTH, -(-size // TILE_WIDTH)):
            entries = self._entries(number)
            gaps = 0 if entries else gaps + 1
            if gaps > MOST_GAPS:
                return
            first = number * TILE_WIDTH
            for place, body in enumerate(entries):
                if first + place >= start:
                    yield first + place, body

    def reader(self, size: int) -> TileReader:
        """The tree of this size, from the tiles of hashes; raises FileNotFoundError, TileRejected."""

        def fetch(path: str) -> bytes:
            data = self.fetch(path, MAX_TILE_BYTES)
            if data is None:
                raise FileNotFoundError(path)
            return data

        return TileReader(fetch, size)

    def body(self, index: int) -> bytes | None:
        number, place = divmod(index, TILE_WIDTH)
        if self._bundle[0] != number:
            self._bundle = (number, self._entries(number))
        entries = self._bundle[1]
        return entries[place] if place < len(entries) else None

    def tile(self, level: int, number: int, width: int) -> tuple[str, bytes] | None:
        """(path, bytes) of a tile of hashes, where it is present."""
        return self._full_or_partial(Tile(level, number, width), MAX_TILE_BYTES)

    def _entries(self, number: int) -> list[bytes]:
        width = min(TILE_WIDTH, self._size - number * TILE_WIDTH)
        file = self._full_or_partial(Tile(None, number, width), MAX_BUNDLE_BYTES)
        if file is None:
            return []
        path, data = file
        try:
            entries = decode_bundle(data)
        except TileRejected as error:
            self.found.add(FindingKind.TILE_DIFFERS, str(error), index=number * TILE_WIDTH, key=path)
            return []
        stated = width if path.endswith(f".p/{width}") else TILE_WIDTH
        if len(entries) != stated:
            detail = f"{len(entries)} entries, not {stated}"
            self.found.add(FindingKind.TILE_DIFFERS, detail, index=number * TILE_WIDTH, key=path)
        return entries[:width]

    def _full_or_partial(self, tile: Tile, most: int) -> tuple[str, bytes] | None:
        # A log may drop a partial tile once the full one is there.
        for wanted in (tile, tile._replace(width=TILE_WIDTH)):
            data = self.fetch(wanted.path, most)
            if data is not None:
                return wanted.path, data
            if tile.width == TILE_WIDTH:
                return None
        return None

    def _read_file(self, path: str, most: int) -> bytes | None:
        file = self._folder / path
        try:
            if not stat.S_ISREG(file.stat().st_mode):
                raise SourceUnavailable(f"{path} is not a file")
            with file.open("rb") as opened:
                return opened.read(most + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SourceUnavailable(f"{path}: {error.strerror}") from error

    def _get(self, path: str, most: int) -> bytes | None:
        try:
            with (
                within(FILE_SECONDS),
                _OPENER.open(f"{self._url}/{path}", timeout=self._seconds) as answer,
            ):
                data: bytes = answer.read(most + 1)
                if len(data) <= most and answer.length:
                    raise SourceUnavailable(f"{path}: the answer ended {answer.length} bytes early")
                return data
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                return None
            raise SourceUnavailable(f"{path}: the server answers {error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceUnavailable(f"{path}: {error}") from error


class _SameHost(urllib.request.HTTPRedirectHandler):
    """A log may move within its host (http to https, a slash), and may not send its readers elsewhere: a witness and
    a department read it from inside their own networks."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).hostname != urlsplit(req.full_url).hostname:
            raise SourceUnavailable("the server sends its readers to another host")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    # HTTP only: the default opener would also follow a server to file: and ftp: addresses.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        Http(),
        Https(),
        urllib.request.HTTPDefaultErrorHandler(),
        _SameHost(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


_OPENER = _opener()
