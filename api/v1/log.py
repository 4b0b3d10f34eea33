"""The log for anybody's verifier: the checkpoint and the tiles, byte for byte as `sovang tiles` writes them.

Below `/api/v1/log/<book>/` lies what C2SP tlog-tiles asks of a log's address. Only what the newest checkpoint
covers is served, so nothing is published that is not signed.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.problems import Refused
from api.v1.books import AllShelves, BookQuery, Shelf
from api.words import DoorReason
from ledger.log.checkpoint import Checkpoint
from ledger.log.tiles import TILE_WIDTH, Tile, TileRejected, encode_bundle, parse_path, tile_bytes
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading

FOR_EVER = "public, max-age=31536000, immutable"
FOR_AN_HOUR = "public, max-age=3600"  # a partial tile's bytes never change either, but a log may drop them
_NOTE = "text/plain; charset=utf-8"

router = APIRouter(prefix="/api/v1", tags=["log"])


@router.get("/checkpoint", summary="Mốc niêm phong mới nhất — the newest signed checkpoint")
def checkpoint(query: Annotated[BookQuery, Query()], shelves: AllShelves, request: Request) -> Response:
    return _note(shelves.get(query.book), request)


@router.get("/log/{book}/checkpoint", summary="tlog-tiles: checkpoint")
def log_checkpoint(book: str, shelves: AllShelves, request: Request) -> Response:
    return _note(shelves.get(book), request)


@router.get(
    "/log/{book}/checkpoint.witnessed",
    summary="Mốc niêm phong mới nhất đã đủ bên làm chứng — the newest checkpoint with its quorum",
)
def log_witnessed(book: str, shelves: AllShelves) -> Response:
    """For verifiers with a policy, while the newest checkpoint still waits for its witnesses."""
    witnessed = shelves.get(book).witnessed()
    if witnessed is None:
        raise Refused(DoorReason.NOT_FOUND)
    return Response(witnessed.note, headers={"Cache-Control": "no-cache"}, media_type=_NOTE)


@router.get("/log/{book}/tile/{path:path}", summary="tlog-tiles: tile/<L>/<N>[.p/<W>], tile/entries/<N>[.p/<W>]")
def log_tile(
    book: str, path: Annotated[str, Path(examples=["0/000.p/12", "entries/000"])], shelves: AllShelves
) -> Response:
    try:
        tile = parse_path(f"tile/{path}")
    except TileRejected as error:
        raise Refused(DoorReason.NOT_FOUND) from error
    shelf = shelves.get(book)
    # Hashes of level L stand for 256^L records each; a bundle of entries has the width of a tile of level 0.
    available = shelf.covered().checkpointed >> (8 * (tile.level or 0))
    if tile.index * TILE_WIDTH + tile.width > available:
        raise Refused(DoorReason.NOT_FOUND)
    cache = FOR_EVER if tile.width == TILE_WIDTH else FOR_AN_HOUR
    return Response(_bytes(shelf, tile), headers={"Cache-Control": cache}, media_type="application/octet-stream")


def _note(shelf: Shelf, request: Request) -> Response:
    _, note = signed(shelf)
    headers = {"Cache-Control": "no-cache"}
    return Response(note, headers=headers, media_type=_NOTE)


def signed(shelf: Shelf) -> tuple[Checkpoint, str]:
    """The newest checkpoint with its note; raises Rejected(NOT_CHECKPOINTED) before the first."""
    newest = shelf.checkpoint()
    if newest is None:
        raise Rejected(Reason.NOT_CHECKPOINTED)
    return newest


def _bytes(shelf: Shelf, tile: Tile) -> bytes:
    with reading(shelf.opened.engine) as db:
        if tile.level is not None:
            return tile_bytes(tile, read.tree_reader(db, shelf.code))
        first = tile.index * TILE_WIDTH
        return encode_bundle([bytes(row.body) for row in read.record_rows(db, shelf.code, first, first + tile.width)])
