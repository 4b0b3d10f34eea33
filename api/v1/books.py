"""The books of a home as the web process holds them: each opened once, each with two keepers, one that signs
and one that asks the witnesses: a witness that is silent keeps nobody waiting for a checkpoint.

Shared by all requests: callers that come together share a transaction only if they share the `Book`.
"""

import threading
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict

from api.v1.keeper import Keeper
from audit.states import Coverage, Covered, Witnessed
from ledger.home import Home, OpenBook
from ledger.log.checkpoint import Checkpoint
from ledger.store import read
from ledger.store.engine import reading
from ledger.witnesses import Asked

RenderPaper = Callable[[OpenBook, int], bytes]


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
        self._coverage = Coverage(opened)

    def checkpoint(self) -> tuple[Checkpoint, str] | None:
        """The newest checkpoint with its note; None before the first. Raises SignerRefused(FOREIGN_NOTE)."""
        return self._coverage.checkpoint()

    def witnessed(self) -> Witnessed | None:
        """The newest checkpoint that enough witnesses have signed; None while there is none."""
        return self._coverage.witnessed()

    def covered(self) -> Covered:
        """How far the book is signed and witnessed."""
        return self._coverage.covered()

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
