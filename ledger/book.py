"""The book: `Book.record` is the only writer of records.

One transaction: lock the head; check each caller on an overlay of balances and registers, dropped whole if
refused; append the records and all that follows from them; commit; only then answer. No signing key is near:
the checkpointer signs later, from what it reads back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, Engine

from ledger.days import from_instant, to_instant
from ledger.entries.approvals import FOUR_EYES
from ledger.entries.base import EntryBase
from ledger.entries.book import CLOCK, CLOSED, BookOpened, ClockClamped
from ledger.entries.periods import CLOSED_TO
from ledger.entries.union import Entry
from ledger.entries.vouchers import VOUCHERS
from ledger.group import GroupCommit
from ledger.log.merkle import Frontier
from ledger.record import NO_PREVIOUS, Record, check_actor, check_reference, decode, encode, leaf_of, reread
from ledger.refusals import Reason, Rejected
from ledger.registers import Key, decode_value
from ledger.replay import State, completed, step, view_at
from ledger.store import read
from ledger.store.append import Head, NewRecord, SealedRow, SubjectRow, append, lock_head
from ledger.store.engine import CommitUnknown, StoreUnavailable, reading, writing
from ledger.vault.keys import VaultKeys

Clock = Callable[[], datetime]

_ALWAYS = {Key("book", "opened"), CLOSED, CLOSED_TO, FOUR_EYES, VOUCHERS}
"""The register rows that every record looks at."""
MAX_CLAMP = timedelta(seconds=1)
MAX_CACHED = 20_000  # register rows and balances kept between transactions


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be recorded, with what of it goes into the vault.

    `entry` has been read by its typed reader (`record.checked_entry`; `record.reread` for one built in Python):
    what the auditor's reader would not take is never recorded.
    `reference` is `<actor>/<key>`, unique for ever; `request` the keyed hash of what the caller asked, by
    which a repeated reference is told from a reused one.
    """

    entry: Entry
    reference: str
    request: bytes
    sealed: tuple[SealedRow, ...] = ()
    subjects: tuple[SubjectRow, ...] = ()


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """Where an entry stands in the log; `repeated` when it stood there before this call."""

    index: int
    leaf_hash: bytes
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    drafts: tuple[Draft, ...]
    by: str


_Answer = tuple[Recorded, ...] | Rejected


class Book:
    """One organisation's log in one database. The clock is handed in."""

    def __init__(
        self, engine: Engine, code: str, keys: VaultKeys, clock: Clock, signed_size: Callable[[], int] = lambda: 0
    ) -> None:
        """`signed_size` says how many records the key has signed: a book that has fewer was set back."""
        self._signed_size = signed_size
        self.engine = engine
        self.code = code
        self.keys = keys
        self.clock = clock
        self._group: GroupCommit[tuple[_Job, ...], tuple[_Answer, ...]] = GroupCommit(self._write)
        self._cache: State | None = None
        self._cached_head: tuple[int, bytes] | None = None

    def record(self, drafts: Sequence[Draft], by: str) -> tuple[Recorded, ...]:
        """Records all the drafts or none; returns once they are committed.

        Raises Rejected (details carry `number`, the draft's place in `drafts`), StoreUnavailable when
        nothing was written, CommitUnknown when that cannot be told.
        """
        answer = self.record_each([drafts], by)[0]
        if isinstance(answer, Rejected):
            raise answer
        return answer

    def record_each(self, groups: Sequence[Sequence[Draft]], by: str) -> tuple[_Answer, ...]:
        """Records each group of drafts wholly or not at all, in one transaction; a refusal stands in its place."""
        return self._group.submit(tuple(_Job(tuple(drafts), by) for drafts in groups))

    def rehearse(self, groups: Sequence[Sequence[Draft]], by: str) -> list[_Answer]:
        """What `record_each` would answer now, each group after those before it. Records nothing, waits for nobody."""
        jobs = [_Job(tuple(drafts), by) for drafts in groups]
        with reading(self.engine) as db:
            head = read.head(db, self.code) or Head(self.code, 0, Frontier(), NO_PREVIOUS, "", "")
            batch = _Batch(self, db, self._at_head(State(), head, db))
            batch.prefetch(jobs)
            return [batch.take(job) for job in jobs]

    def find(self, references: Iterable[str]) -> dict[str, tuple[int, bytes, bytes]]:
        """reference → (index, leaf hash, request) of those already recorded."""
        with reading(self.engine) as db:
            return read.by_references(db, self.code, references)

    def _write(self, calls: Sequence[tuple[_Job, ...]]) -> list[tuple[_Answer, ...]]:
        jobs = [job for call in calls for job in call]
        answers: list[_Answer] = []
        try:
            with writing(self.engine) as db:
                answers = self._write_jobs(db, jobs)
        except CommitUnknown as unknown:
            self._forget()
            self._settle(_new_records(jobs, answers), unknown)
        except BaseException:
            self._forget()
            raise
        merged = iter(answers)
        return [tuple(next(merged) for _ in call) for call in calls]

    def _settle(self, expected: dict[str, tuple[int, bytes]], unknown: CommitUnknown) -> None:
        """After a COMMIT that failed: returns when it took effect, raises StoreUnavailable when it did not.

        Looks under the head's lock. A server whose answer was lost may still be committing; without the lock
        a record could be called lost that appears a moment later.
        """
        self.engine.dispose()
        try:
            with writing(self.engine) as db:
                lock_head(db, self.code)
                known = read.by_references(db, self.code, expected)
        except (StoreUnavailable, CommitUnknown):
            raise unknown from None
        found = {reference: (index, leaf) for reference, (index, leaf, _) in known.items()}
        if found == expected:
            return
        if not found:
            raise StoreUnavailable("the database refused the commit; nothing was recorded") from unknown
        raise unknown

    def _forget(self) -> None:
        self._cache = None
        self._cached_head = None

    def _write_jobs(self, db: Connection, jobs: Sequence[_Job]) -> list[_Answer]:
        head = lock_head(db, self.code) or Head(self.code, 0, Frontier(), NO_PREVIOUS, "", "")
        # Records on top of an old copy could never be signed, and would stand in the way of putting it right.
        if head.size < (signed := self._signed_size()):
            refused = Rejected(Reason.BOOK_SET_BACK, size=head.size, signed=signed)
            return [refused] * len(jobs)
        state = self._state_at(head, db)
        batch = _Batch(self, db, state)
        batch.prefetch(jobs)
        answers = [batch.take(job) for job in jobs]
        if batch.new:
            after = append(
                db,
                head,
                batch.new,
                at=state.at,
                zone=state.zone,
                balances=[(*key, state.balances[key], index) for key, index in state.posted.items()],
                registers=[(key, state.registers[key] or b"", index) for key, index in state.touched.items()],
                values=batch.values,
                subjects=batch.subjects,
            )
            state.touched.clear()
            state.posted.clear()
            self._cached_head = (after.size, after.root)
        # The connection the fetchers hold ends with this transaction.
        state.fetch_balance = state.fetch_balances = state.fetch_register = state.fetch_record = None
        return answers

    def _state_at(self, head: Head, db: Connection) -> State:
        """The state at the locked head; what is cached is valid only for the same size and root."""
        cached = self._cache
        fresh = cached is None or self._cached_head != (head.size, head.root)
        if fresh or (cached is not None and len(cached.registers) + len(cached.balances) > MAX_CACHED):
            cached = State()
        assert cached is not None
        self._cache, self._cached_head = cached, (head.size, head.root)
        return self._at_head(cached, head, db)

    def _at_head(self, state: State, head: Head, db: Connection) -> State:
        """The state standing at a head; what it has not in memory it reads from the database."""
        state.size, state.leaf, state.at = head.size, head.leaf, head.at
        state.frontier, state.leaves = head.frontier, []
        if head.zone:
            state.zone = head.zone
        state.fetch_balance = lambda key: read.balances(db, self.code, [key]).get(key, 0)
        state.fetch_balances = lambda: read.all_balances(db, self.code)
        state.fetch_register = lambda key: read.registers(db, self.code, [key]).get(key)
        return state


class _Batch:
    """The callers of one transaction."""

    def __init__(self, book: Book, db: Connection, state: State) -> None:
        self.book = book
        self.db = db
        self.state = state
        self.new: list[NewRecord] = []
        self.values: list[tuple[int, SealedRow]] = []
        self.subjects: list[SubjectRow] = []
        self._known: dict[str, tuple[int, bytes, bytes]] = {}
        self._records: dict[int, StoredRecord] = {}
        self._now = book.clock()
        self._at = to_instant(self._now)
        state.fetch_record = self._record_of

    def prefetch(self, jobs: Sequence[_Job]) -> None:
        """References, registers and balances of the whole batch in a few queries."""
        drafts = [draft for job in jobs for draft in job.drafts]
        self._known = read.by_references(self.db, self.book.code, (draft.reference for draft in drafts))
        keys = {key for draft in drafts for key in draft.entry.reads()} | _ALWAYS
        missing = [key for key in keys if key not in self.state.registers]
        self.state.registers.update(dict.fromkeys(missing))
        self.state.registers.update(read.registers(self.db, self.book.code, missing))
        moves = {(p.source, p.destination, p.amount.unit) for draft in drafts for p in draft.entry.postings()}
        accounts = {(account, unit) for *ends, unit in moves for account in ends}
        unseen = [key for key in accounts if key not in self.state.balances]
        self.state.balances.update(dict.fromkeys(unseen, 0))
        stored = read.balances(self.db, self.book.code, unseen)
        self.state.balances.update({key: stored[key] for key in unseen if key in stored})

    def take(self, job: _Job) -> _Answer:
        """One caller: all its drafts on an overlay, kept or dropped together."""
        overlay = self.state.child()
        records: list[tuple[NewRecord, Draft]] = []
        answers: list[Recorded] = []
        number = 0
        try:
            check_actor(job.by)
            for number, draft in enumerate(job.drafts):  # noqa: B007  # names the refused one below
                check_reference(draft.reference)
                known = same_request(self._known, draft.reference, draft.request)
                if known is None:
                    if not records and not self.new:
                        records += self._clock_clamped(overlay, job.by)
                    new = self._next(overlay, draft, job.by)
                    records.append((new, draft))
                    self._known[draft.reference] = (new.index, new.leaf, draft.request)
                    known = Recorded(new.index, new.leaf)
                answers.append(known)
        except Rejected as refused:
            for new, _ in records:
                self._known.pop(new.reference, None)
                self._records.pop(new.index, None)
            if len(job.drafts) > 1:
                refused.details.setdefault("number", number)
            return refused
        overlay.merge()
        for new, draft in records:
            self.new.append(new)
            if draft.sealed:
                self.values += [(new.index, row) for row in draft.sealed]
                self.subjects += draft.subjects
        return tuple(answers)

    def _next(self, overlay: State, draft: Draft, by: str) -> NewRecord:
        at = max(self._at, overlay.at)
        entry = draft.entry
        if not isinstance(entry, BookOpened) and overlay.size == 0:
            raise Rejected(Reason.BOOK_NOT_OPEN)
        whole = completed(view_at(overlay, at, by), entry)
        if whole is not entry:
            entry = reread(whole)
        record = Record(
            at=at,
            book=self.book.code,
            by=by,
            entry=entry,
            index=overlay.size,
            postings=entry.postings(),
            previous=overlay.leaf,
            reference=draft.reference,
        )
        body = encode(record)
        leaf = leaf_of(body)
        step(overlay, record, leaf)
        self._records[record.index] = StoredRecord(record, leaf)
        return NewRecord(
            index=record.index,
            leaf=leaf,
            reference=draft.reference,
            request=draft.request,
            mac=self.book.keys.row_mac(self.book.code, record.index, leaf, draft.request),
            body=body,
            postings=record.postings,
        )

    def _clock_clamped(self, overlay: State, by: str) -> list[tuple[NewRecord, Draft]]:
        """The machine's clock stands more than a second before the head: that itself is recorded."""
        if not overlay.at or from_instant(overlay.at) - self._now <= MAX_CLAMP:
            return []
        said = overlay.register_of(CLOCK)
        if said is not None and decode_value(said)["head_at"] == overlay.at:
            return []
        entry = ClockClamped(clock_at=self._at, head_at=overlay.at)
        # Named by the head's leaf hash, which no caller can know before: the reference is never taken.
        draft = Draft(reread(entry), f"{by}/clock-{overlay.leaf}", b"\0" * 32)
        new = self._next(overlay, draft, by)
        self._known[draft.reference] = (new.index, new.leaf, draft.request)
        return [(new, draft)]

    def _record_of(self, index: int) -> "StoredRecord":
        if index not in self._records:
            body = read.body(self.db, self.book.code, index)
            if body is None:
                raise Rejected(Reason.NO_SUCH_RECORD, index=index)
            self._records[index] = StoredRecord(decode(body), leaf_of(body))
        return self._records[index]


class StoredRecord(msgspec.Struct, frozen=True, gc=False):
    """A record with its leaf hash, as rules see earlier records."""

    record: Record
    leaf_hash: bytes

    @property
    def entry(self) -> EntryBase:
        return self.record.entry

    @property
    def postings(self):  # type: ignore[no-untyped-def]
        return self.record.postings


def _new_records(jobs: Sequence[_Job], answers: Sequence[_Answer]) -> dict[str, tuple[int, bytes]]:
    """reference → (index, leaf) of the records that this transaction made."""
    return {
        draft.reference: (place.index, place.leaf_hash)
        for job, answer in zip(jobs, answers, strict=True)
        if not isinstance(answer, Rejected)
        for draft, place in zip(job.drafts, answer, strict=True)
        if not place.repeated
    }


def same_request(known: Mapping[str, tuple[int, bytes, bytes]], reference: str, request: bytes) -> Recorded | None:
    """The record that a reference has already; None for a new one.

    `known` is reference → (index, leaf hash, request); raises Rejected(REFERENCE_REUSED) when another request
    has the reference.
    """
    found = known.get(reference)
    if found is None:
        return None
    index, leaf, first = found
    if request != first:
        raise Rejected(Reason.REFERENCE_REUSED, field="reference", index=index)
    return Recorded(index, leaf, repeated=True)
