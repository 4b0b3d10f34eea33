"""How far a book is signed and witnessed, for whoever shows a record: recorded, checkpointed, witnessed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from ledger.home import OpenBook
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import NoteRejected
from ledger.log.policy import Policy
from ledger.rotation import signer_of
from ledger.signing import SignerRefused
from ledger.store import read
from ledger.store.engine import reading
from ledger.witnesses import policy_in_force


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


class Coverage:
    """How far one book is covered. What was verified once is remembered while it stands."""

    def __init__(self, opened: OpenBook) -> None:
        self._opened = opened
        self._believed: tuple[str, Checkpoint] | None = None
        self._policy: Policy | None = None
        self._judged: dict[str, Witnessed | None] = {}
        """Note → what that policy said of it."""

    def checkpoint(self) -> tuple[Checkpoint, str] | None:
        """The newest checkpoint with its note; None before the first.

        Verified against the pinned key, so that no row slipped into the table makes a record «checkpointed».
        Raises SignerRefused(FOREIGN_NOTE).
        """
        with reading(self._opened.engine) as db:
            note = read.newest_checkpoint(db, self._opened.code)
        if note is None:
            return None
        if self._believed is None or self._believed[0] != note:
            try:
                believed, _ = open_checkpoint(note.encode(), self._opened.vkey)
            except NoteRejected as error:
                raise SignerRefused("FOREIGN_NOTE", "the newest checkpoint kept is not signed by this book") from error
            self._believed = (note, believed)
        return self._believed[1], note

    def witnessed(self) -> Witnessed | None:
        """The newest checkpoint that enough witnesses have signed; None while there is none."""
        judged: dict[str, Witnessed | None] = {}
        with reading(self._opened.engine) as db:
            policy = policy_in_force(db, self._opened.code)
            if policy is None:
                return None
            if policy != self._policy:
                self._policy, self._judged = policy, {}
            for size, note in read.cosigned_checkpoints(db, self._opened.code):
                known = self._judged[note] if note in self._judged else self._judge(db, policy, size, note)
                judged[note] = known
                if known is not None:
                    break
        self._judged = judged
        return next((known for known in judged.values() if known is not None), None)

    def _judge(self, db: Connection, policy: Policy, size: int, note: str) -> Witnessed | None:
        try:
            judged = policy.judge(note.encode(), signer_of(db, self._opened.code, note))
        except NoteRejected:
            return None  # tampered with: the audit's business
        if not judged.quorum or judged.newest_at is None:
            return None
        return Witnessed(size, note.encode(), datetime.fromtimestamp(judged.newest_at, UTC))

    def covered(self) -> Covered:
        """How far the book is signed and witnessed."""
        newest, witnessed = self.checkpoint(), self.witnessed()
        size = 0 if newest is None else newest[0].size
        return Covered(size) if witnessed is None else Covered(size, witnessed.size, witnessed.at)
