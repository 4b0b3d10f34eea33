"""From committed records to a signed checkpoint: reads back, recomputes, compares, remembers, signs, keeps.

The order is the safety argument. Records are read back from the database and hashed again, so what is
signed is what is stored. The signer's memory is durable before the signature exists; the signature is
kept in the database last. A crash anywhere between is met by signing the same (size, root) again.

Afterwards lots and marks are kept up with the book (folding.py): nothing signed depends on them.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy import Engine

from ledger.folding import LEAST, catch_up
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.merkle import Frontier, leaf_hash
from ledger.log.note import NoteRejected, SigningKey
from ledger.record import RecordMalformed, decode_bare
from ledger.signing import FileSigner, Signer, SignerRefused, SignerState
from ledger.store import read
from ledger.store.append import keep_checkpoint
from ledger.store.engine import CommitUnknown, StoreUnavailable, reading, writing
from ledger.vault.keys import VaultKeys

KEY_REPLACED = "key_replaced"


class Checkpointer:
    """Owns the checkpoint table of one book; the signer is handed in. Witnesses are asked afterwards (witnesses.py)."""

    def __init__(self, engine: Engine, book: str, signer: Signer, keys: VaultKeys) -> None:
        self._engine = engine
        self._book = book
        self._signer = signer
        self._keys = keys

    def run(self, restart: bytes | None = None) -> tuple[Checkpoint, bytes]:
        """Signs the book as it is committed now; returns the checkpoint and its note as it is kept.

        Signing an unchanged book again gives the same bytes, and what witnesses have said of it since. A signer whose
        state is lost starts again only from `restart`, the newest checkpoint that somebody kept; a state that is there
        is never replaced.

        Raises SignerRefused with reason ROLLED_BACK, FORKED, ROW_WITHOUT_MAC, LEAF_DIFFERS, LINK_DIFFERS,
        ROOT_DIFFERS, NO_STATE, KEY_CLOSED or a reason of the key itself; nothing is signed then.
        """
        self._signer.unlock()  # before the turn: a person may have to be asked
        with self._signer.turn():
            self._signer.unlock()  # within it: the key may just have been replaced
            before = self._remembered(restart)
            after = self._grown(before)
            if after != before or restart is not None:
                self._signer.remember(after)
            note = self._signer.sign(after)
            with writing(self._engine) as db:
                keep_checkpoint(db, self._book, after.size, note.decode())
                # Where a key was just replaced, the one kept has the old key's line as well.
                kept = read.checkpoint_at(db, self._book, after.size)
        # What is left undone is folded when it is asked for, and kept up by the next run.
        with suppress(StoreUnavailable, CommitUnknown, RecordMalformed):
            catch_up(self._engine, self._book, LEAST)
        return Checkpoint(after.origin, after.size, after.root), (kept or note.decode()).encode()

    def check(self, state: SignerState) -> None:
        """Compares the book with what the key remembers as `run` does, and signs nothing. The caller holds the turn."""
        self._grown(state)

    def hand_over(self, signer: FileSigner, index: int, keys: tuple[SigningKey, ...]) -> bytes:
        """Signs with `keys` the tree of exactly `index` + 1 records, whose last replaces the key; the last of `keys`
        goes on from there. The caller holds the turn. Raises SignerRefused as `run`.
        """
        after = self._grown(signer.state_before(), closing=index)
        note = signer.sign_over(after, keys)
        with writing(self._engine) as db:
            keep_checkpoint(db, self._book, after.size, note.decode())
        return note

    def _remembered(self, restart: bytes | None) -> SignerState:
        try:
            return self._signer.state()
        except SignerRefused as refused:
            if restart is None:
                raise
            missing = refused
        try:
            checkpoint, _ = open_checkpoint(restart, self._signer.verifier)
            with reading(self._engine) as db:
                frontier = read.frontier_at(db, self._book, checkpoint.size)
        except NoteRejected as error:
            raise SignerRefused("NO_STATE", f"{missing}; the one given is not of this key: {error}") from error
        except LookupError as error:
            raise SignerRefused("ROLLED_BACK", f"records of the checkpoint given are missing: {error}") from error
        if frontier.root() != checkpoint.root:
            raise SignerRefused("FORKED", "the records are not those of the checkpoint given")
        return SignerState(checkpoint.origin, frontier)

    def _grown(self, state: SignerState, closing: int | None = None) -> SignerState:
        """The state after the records that came since, each checked as it was read back.

        With `closing` the state after that record, the only one that may replace the key.
        """
        with reading(self._engine) as db:
            head = read.head(db, self._book)
            if head is None or head.size < state.size:
                raise SignerRefused(
                    "ROLLED_BACK",
                    f"the database has {0 if head is None else head.size} records, {state.size} were signed: "
                    "an old copy was restored; do not go on before a person has resolved it",
                )
            try:
                signed = read.frontier_at(db, self._book, state.size).root()
            except LookupError as error:
                raise SignerRefused("LEAF_DIFFERS", f"records that were signed are missing: {error}") from error
            if signed != state.root:
                raise SignerRefused("FORKED", f"the first {state.size} records are not those that were signed")
            end = head.size if closing is None else closing + 1
            rows = read.record_rows(db, self._book, max(state.size - 1, 0), end)
            frontier = self._follow(rows, state, closing)
        if frontier.size != end or (end == head.size and frontier.root() != head.root):
            raise SignerRefused("ROOT_DIFFERS", "the head row does not fit the records")
        return SignerState(state.origin, frontier)

    def _follow(self, rows: Iterable[Any], state: SignerState, closing: int | None) -> Frontier:
        leaves: list[bytes] = []
        previous = "0" * 64
        index = max(state.size - 1, 0)
        for row in rows:
            leaf = leaf_hash(bytes(row.body))
            if row.index != index or leaf != bytes(row.leaf):
                raise SignerRefused("LEAF_DIFFERS", f"record {index} is missing or its bytes were changed")
            if index >= state.size:
                mac = self._keys.row_mac(self._book, index, leaf, bytes(row.request))
                if mac != bytes(row.mac):
                    raise SignerRefused("ROW_WITHOUT_MAC", f"record {index} was not written by this program")
                if self._checked(bytes(row.body), index, previous) == KEY_REPLACED and index != closing:
                    raise SignerRefused(
                        "KEY_CLOSED",
                        f"record {index} replaces the key, and the new one does not sign yet: "
                        "run `sovang key rotate` again to finish",
                    )
                leaves.append(leaf)
            previous = leaf.hex()
            index += 1
        return state.frontier.extend(leaves)

    def _checked(self, body: bytes, index: int, previous: str) -> str:
        """The kind of a record that follows the one before it."""
        try:
            record = decode_bare(body)
            kind = _kind.decode(record.entry).kind
        except (RecordMalformed, msgspec.MsgspecError) as error:
            raise SignerRefused("LEAF_DIFFERS", f"record {index}: {error}") from error
        if record.index != index or record.previous != previous or record.book != self._book:
            raise SignerRefused("LINK_DIFFERS", f"record {index} does not follow the one before it")
        return kind


class _Kind(msgspec.Struct):
    kind: str


_kind = msgspec.json.Decoder(_Kind)
