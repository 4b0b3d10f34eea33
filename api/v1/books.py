"""The books of a home as the web process holds them: each opened once, each with two keepers, one that signs
and one that asks the witnesses: a witness that is silent keeps nobody waiting for a checkpoint.

Shared by all requests: callers that come together share a transaction only if they share the `Book`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict

from api.v1.keeper import Keeper
from ledger.home import Home, OpenBook
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import NoteRejected
from ledger.log.policy import Policy
from ledger.signing import SignerRefused
from ledger.store import read
from ledger.store.engine import reading
from ledger.witnesses import Asked

RenderPaper = Callable[[OpenBook, int], bytes]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The newest checkpoint with the quorum that the book's own policy asks for."""

    size: int
    note: bytes
    at: datetime
    """The newest cosignature on it."""


@dataclass(frozen=True, slots=True)
class Covered:
    """How far the book is signed, and how far it is witnessed; records below are in that state."""

    checkpointed: int
    witnessed: int = 0
    cosigned_at: datetime | None = None

    def state(self, index: int) -> str:
        """`recorded`, `checkpointed` or `witnessed`."""
        if index < self.witnessed:
            return "witnessed"
        return "checkpointed" if index < self.checkpointed else "recorded"


class Shelf:
    """One book, open."""

    def __init__(self, opened: OpenBook) -> None:
        self.opened = opened
        self.code = opened.code
        first = opened.opened
        self.zone = first.zone
        self.checkpoint_seconds = first.checkpoint_seconds
        self.keeper = Keeper(f"checkpointer-{self.code}", self._sign, first.checkpoint_seconds)
        self.asker = Keeper(f"witnesses-{self.code}", self._ask, first.checkpoint_seconds)
        self._believed: tuple[str, Checkpoint] | None = None
        self._judged: dict[str, Witnessed | None] = {}

    def checkpoint(self) -> tuple[Checkpoint, str] | None:
        """The newest checkpoint with its note; None before the first.

        Verified against the pinned key, so that no row slipped into the table makes a record «checkpointed».
        Raises SignerRefused(FOREIGN_NOTE).
        """
        with reading(self.opened.engine) as db:
            note = read.newest_checkpoint(db, self.code)
        if note is None:
            return None
        if self._believed is None or self._believed[0] != note:
            try:
                believed, _ = open_checkpoint(note.encode(), self.opened.vkey)
            except NoteRejected as error:
                raise SignerRefused("FOREIGN_NOTE", "the newest checkpoint kept is not signed by this book") from error
            self._believed = (note, believed)
        return self._believed[1], note

    def witnessed(self) -> Witnessed | None:
        """The newest checkpoint that enough witnesses have signed; None while there is none."""
        policy = self.opened.witnesses.policy()
        if policy is None:
            return None
        judged: dict[str, Witnessed | None] = {}
        with reading(self.opened.engine) as db:
            for size, note in read.cosigned_checkpoints(db, self.code):
                known = self._judged[note] if note in self._judged else self._judge(policy, size, note)
                judged[note] = known
                if known is not None:
                    break
        self._judged = judged
        return next((known for known in judged.values() if known is not None), None)

    def _judge(self, policy: Policy, size: int, note: str) -> Witnessed | None:
        try:
            judged = policy.judge(note.encode(), self.opened.vkey)
        except NoteRejected:
            return None  # of a key that was replaced, or tampered with: the audit's business
        if not judged.quorum or judged.newest_at is None:
            return None
        return Witnessed(size, note.encode(), datetime.fromtimestamp(judged.newest_at, UTC))

    def covered(self) -> Covered:
        """How far the book is signed and witnessed."""
        newest, witnessed = self.checkpoint(), self.witnessed()
        size = 0 if newest is None else newest[0].size
        return Covered(size) if witnessed is None else Covered(size, witnessed.size, witnessed.at)

    def _sign(self) -> tuple[Checkpoint, bytes]:
        signed = self.opened.checkpointer.run()
        self.asker.poke()
        return signed

    def _ask(self) -> list[Asked]:
        newest = self.checkpoint()
        return [] if newest is None else self.opened.witnesses.ask(newest[0], newest[1].encode())

    def size(self) -> int:
        """How many records are committed."""
        with reading(self.opened.engine) as db:
            head = read.head(db, self.code)
        return 0 if head is None else head.size


class Shelves:
    """All books of the home, opened as they are asked for; a book made beside the running server is found."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._open: dict[str, Shelf] = {}
        self._turn = threading.Lock()
        self._running = False

    def start(self) -> None:
        """Starts signing every book; raises what opening raises."""
        self._running = True
        self.all()

    def stop(self) -> None:
        """Stops signing."""
        with self._turn:
            self._running = False
            for shelf in self._open.values():
                shelf.keeper.stop()
                shelf.asker.stop()

    def all(self) -> list[Shelf]:
        """Every book kept here."""
        codes = self._codes()
        with self._turn:
            return [self._shelf(code) for code in codes]

    def get(self, code: str | None) -> Shelf:
        """A book; without a code the only one. Raises Rejected(BOOK_NOT_OPEN)."""
        if code is None:
            codes = self._codes()
            code = codes[0] if len(codes) == 1 else None
        found = None if code is None else self._open.get(code)
        if found is None:
            with self._turn:
                found = self._shelf(self.home.open_book(code).code)
        return found

    def _codes(self) -> list[str]:
        # The home opens its database at the first use: one thread does.
        with self._turn:
            _ = self.home.engine
        return self.home.books()

    def _shelf(self, code: str) -> Shelf:
        shelf = self._open.get(code)
        if shelf is None:
            shelf = self._open[code] = Shelf(self.home.open_book(code))
        if self._running:
            shelf.keeper.start()
            shelf.asker.start()
        return shelf


class BookQuery(BaseModel):
    """Which book is meant. A parameter that is not known is refused: a misspelt one would answer another question."""

    model_config = ConfigDict(extra="forbid")

    book: Annotated[
        str | None, Query(description="Mã sổ; bỏ trống khi chỉ có một sổ. — The book; default the only one.")
    ] = None


def shelves_of(request: Request) -> Shelves:
    """The books of the app that serves this request."""
    shelves: Shelves = request.app.state.shelves
    return shelves


AllShelves = Annotated[Shelves, Depends(shelves_of)]
