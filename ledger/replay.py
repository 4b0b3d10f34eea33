"""The one step function: what a record does to the state of the book.

The writer calls `step` before it stores a record, the auditor calls it over the stored bytes; there is no
second place where a rule of money lives. The state is what the records add up to: size, last leaf,
balances, registers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec

from ledger.accounts import Posting, is_held, is_known, root, view_of
from ledger.days import DEFAULT_ZONE, check_day, day_of, from_instant
from ledger.entries.approvals import check_approved, rules_for, split_watch
from ledger.entries.base import EarlierRecord, EntryBase
from ledger.entries.book import CLOSED, BookOpened
from ledger.entries.periods import is_closed
from ledger.entries.union import KINDS
from ledger.entries.vouchers import numbered, take_number
from ledger.log import canonical
from ledger.log.merkle import Frontier
from ledger.money import MAX_MINOR
from ledger.record import NO_PREVIOUS, BareRecord, Record, checked_entry
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key, decode_value, encode_value

BalanceKey = tuple[str, str]  # account, unit
MAX_LEAVES = 4_096


@dataclass(slots=True)
class State:
    """The book at one size. A child sees its parent through it and is dropped or merged as a whole.

    `fetch_*` fill what is not in memory yet: the writer's read the database, the auditor has none, since
    its state is complete.
    """

    size: int = 0
    leaf: str = NO_PREVIOUS
    at: str = ""
    zone: str = DEFAULT_ZONE
    balances: dict[BalanceKey, int] = field(default_factory=dict)
    registers: dict[Key, bytes | None] = field(default_factory=dict)
    touched: dict[Key, int] = field(default_factory=dict)
    """Register rows set, with the index of the record that set them last."""
    posted: dict[BalanceKey, int] = field(default_factory=dict)
    """Balances moved, with the index of the record that moved them last."""
    fetch_balance: Callable[[BalanceKey], int] | None = None
    fetch_balances: Callable[[], Mapping[BalanceKey, int]] | None = None
    fetch_register: Callable[[Key], bytes | None] | None = None
    fetch_record: Callable[[int], EarlierRecord] | None = None
    frontier: Frontier = field(default_factory=Frontier)
    leaves: list[bytes] = field(default_factory=list)
    """Leaf hashes after those of `frontier`: hashed into it when a root is asked for, or there are many."""
    parent: "State | None" = None

    def child(self) -> "State":
        """An overlay: reads fall through, writes stay here until `merge`."""
        return State(size=self.size, leaf=self.leaf, at=self.at, zone=self.zone, parent=self)

    def merge(self) -> None:
        """Writes what this overlay holds into its parent."""
        parent = self.parent
        if parent is None:
            raise ValueError("a state without parent cannot be merged")
        parent.size, parent.leaf, parent.at, parent.zone = self.size, self.leaf, self.at, self.zone
        parent.balances.update(self.balances)
        parent.registers.update(self.registers)
        parent.touched.update(self.touched)
        parent.posted.update(self.posted)
        parent.leaves += self.leaves

    def tree(self) -> Frontier:
        """The tree of all records so far."""
        if self.parent is not None:
            return self.parent.tree().extend(self.leaves)
        self.frontier, self.leaves = self.frontier.extend(self.leaves), []
        return self.frontier

    def balance_of(self, key: BalanceKey) -> int:
        """Balance in `minor` units, 0 for an account never posted to."""
        found = self.balances.get(key)
        if found is not None:
            return found
        if self.parent is not None:
            return self.parent.balance_of(key)
        if self.fetch_balance is None:
            return 0
        self.balances[key] = found = self.fetch_balance(key)
        return found

    def all_balances(self) -> dict[BalanceKey, int]:
        """Every balance that is not 0."""
        if self.parent is not None:
            found = self.parent.all_balances()
        else:
            found = {} if self.fetch_balances is None else dict(self.fetch_balances())
        found.update(self.balances)
        return {key: minor for key, minor in found.items() if minor}

    def register_of(self, key: Key) -> bytes | None:
        """Canonical bytes of a register row, or None."""
        if key in self.registers:
            return self.registers[key]
        if self.parent is not None:
            return self.parent.register_of(key)
        if self.fetch_register is None:
            return None
        self.registers[key] = found = self.fetch_register(key)
        return found

    def record_of(self, index: int) -> EarlierRecord:
        """An earlier record; raises Rejected(NO_SUCH_RECORD)."""
        if not 0 <= index < self.size:
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        state: State | None = self
        while state is not None:
            if state.fetch_record is not None:
                return state.fetch_record(index)
            state = state.parent
        raise Rejected(Reason.NO_SUCH_RECORD, "earlier records cannot be read here", index=index)


class _View(msgspec.Struct, frozen=True):
    """`entries.base.View` over a state, for one record."""

    state: State
    index: int
    today: date
    by: str

    def balance(self, account: str, unit: str) -> int:
        return self.state.balance_of((account, unit))

    def register(self, register: str, key: str) -> dict[str, Any] | None:
        value = self.state.register_of(Key(register, key))
        return None if value is None else decode_value(value)

    def earlier(self, index: int) -> EarlierRecord:
        return self.state.record_of(index)

    def balances(self) -> dict[BalanceKey, int]:
        return self.state.all_balances()

    def root(self) -> bytes:
        return self.state.tree().root()

    def kind(self, name: str) -> type[EntryBase] | None:
        return KINDS.get(name)

    def read(self, entry: dict[str, Any]) -> EntryBase:
        try:
            return checked_entry(canonical.encode(entry))
        except canonical.NotCanonical as error:
            raise Rejected(Reason.MALFORMED, str(error), field="entry") from error


def view_at(state: State, at: str, by: str) -> _View:
    """What an entry that `by` records next, at the instant `at`, may see."""
    return _View(state, state.size, day_of(at, state.zone), by)


def completed(view: _View, entry: EntryBase) -> EntryBase:
    """The entry with all that only the present can tell: its kind's own part, the booking day of a fact that comes
    after its period was closed, its voucher number. What is completed already comes back as it is."""
    entry = entry.completed(view)
    if entry.fact and entry.booked_on is None:
        day = entry.money_day()
        if day is not None and is_closed(view, day):
            entry = msgspec.structs.replace(entry, booked_on=view.today)
    voucher = numbered(view, entry)
    return entry if voucher == entry.voucher else msgspec.structs.replace(entry, voucher=voucher)


def step(state: State, record: Record, leaf: bytes) -> None:
    """Applies one record whole, or raises Rejected and leaves the state as it was.

    `leaf` is the leaf hash of the record's bytes. The checks, in their fixed order: sequence, whether the
    book is closed, days and periods, the kind's own rules (`completed`, `changes`, postings), the voucher's number,
    balances, approvals.
    """
    check_sequence(state, record)
    if state.register_of(CLOSED) is not None:
        raise Rejected(Reason.BOOK_CLOSED)
    entry: EntryBase = record.entry
    zone = state.zone
    if isinstance(entry, BookOpened):
        zone = entry.zone
        if record.index > 0:
            raise Rejected(Reason.BOOK_ALREADY_OPEN)
    elif record.index == 0:
        raise Rejected(Reason.BOOK_NOT_OPEN, "record 0 opens the book")
    view = _View(state, record.index, day_of(record.at, zone), record.by)
    _check_days(view, entry)
    if completed(view, entry) != entry:
        raise Rejected(Reason.NOT_THE_RECORD, "the entry was completed against another state")
    changes = (*entry.changes(view), *take_number(view, entry))
    if entry.postings() != record.postings:
        raise Rejected(Reason.NOT_THE_RECORD, "the postings are not those of the entry")
    moved = folded(state, record.postings)
    if not entry.fact:
        refuse_overdraft(state, moved)
        changes = (*changes, *_approved(view, entry, record.postings))
    elif entry.proposal is not None:
        raise Rejected(Reason.MALFORMED, "nobody approves a fact", field="proposal")
    state.zone = zone
    _apply(state, record, leaf, moved, changes)


def fold_only(state: State, record: Record | BareRecord, leaf: bytes) -> None:
    """Folds a record that cannot be judged (unknown kind) or was refused: postings and sequence, nothing else."""
    _apply(state, record, leaf, folded(state, record.postings, bounded=False), ())


def check_sequence(state: State, record: Record | BareRecord) -> None:
    """Index, link and time follow the head; raises Rejected(NOT_THE_RECORD)."""
    if record.index != state.size:
        raise Rejected(Reason.NOT_THE_RECORD, "index", index=record.index, expected=state.size)
    if record.previous != state.leaf:
        raise Rejected(Reason.NOT_THE_RECORD, "previous", index=record.index)
    if record.at < state.at:
        raise Rejected(Reason.NOT_THE_RECORD, "time goes backwards", index=record.index)
    _check_instant(record.at)


# The records of one transaction share their instant.
@lru_cache(maxsize=16)
def _check_instant(at: str) -> None:
    try:
        from_instant(at)
    except ValueError as error:
        raise Rejected(Reason.MALFORMED, "no such instant", field="at") from error


def folded(state: State, postings: Iterable[Posting], *, bounded: bool = True) -> dict[BalanceKey, int]:
    """The balances after these postings, for the accounts they touch (`minor`).

    Raises Rejected(MALFORMED) for a posting between views or an account we do not know, and
    Rejected(AMOUNT_TOO_LARGE) when a balance would leave ±(2^53−1).
    """
    moved: dict[BalanceKey, int] = {}
    for posting in postings:
        unit, minor = posting.amount.unit, posting.amount.minor
        if bounded and not in_one_view(posting.source, posting.destination):
            raise Rejected(
                Reason.MALFORMED,
                "a posting stays in one view",
                source=posting.source,
                destination=posting.destination,
            )
        source, destination = (posting.source, unit), (posting.destination, unit)
        moved[source] = (moved[source] if source in moved else state.balance_of(source)) - minor
        moved[destination] = (moved[destination] if destination in moved else state.balance_of(destination)) + minor
    if bounded and max(map(abs, moved.values()), default=0) > MAX_MINOR:
        raise Rejected(Reason.AMOUNT_TOO_LARGE, "a balance would pass 2^53-1", field="amount")
    return moved


# Every posting asks, and a book moves money between few pairs of accounts at a time.
@lru_cache(maxsize=65_536)
def in_one_view(source: str, destination: str) -> bool:
    """Whether both accounts are known and stand in the same view."""
    return is_known(source) and is_known(destination) and view_of(source) is view_of(destination)


def refuse_overdraft(state: State, moved: Mapping[BalanceKey, int]) -> None:
    """No decision takes a held account below zero, nor further below where facts have brought it there."""
    for (account, unit), after in moved.items():
        if after < 0 and may_not_be_negative(account) and after < state.balance_of((account, unit)):
            raise Rejected(Reason.WOULD_BE_OVERDRAWN, account=account, unit=unit, short_by_minor=-after)


def may_not_be_negative(account: str) -> bool:
    """Accounts whose negative balance means that something is missing: all held ones but shortfall and
    money out in suspense, what a pledge still promises, and the pieces of a lot."""
    name = root(account)
    return name in ("pledge", "lot") or (is_held(account) and name not in ("shortfall", "suspense"))


def _check_days(view: _View, entry: EntryBase) -> None:
    """When it happened and when it is booked: neither tomorrow, the second not before the first nor in a closed
    period."""
    money_day, booked_on = entry.money_day(), entry.booked_on
    if money_day is not None and entry.day_field is not None:
        check_day(money_day, today=view.today, field=entry.day_field)
    if booked_on is not None:
        check_day(booked_on, today=view.today, field="booked_on")
        if money_day is not None and booked_on < money_day:
            raise Rejected(Reason.MALFORMED, "booked before it happened", field="booked_on", day=booked_on)
    day = booked_on or money_day
    # A fact of a closed period gets its booking day when it is completed.
    if day is not None and is_closed(view, day) and (booked_on is not None or not entry.fact):
        raise Rejected(Reason.PERIOD_CLOSED, field="booked_on", day=day)


def _approved(view: _View, entry: EntryBase, postings: tuple[Posting, ...]) -> tuple[Change, ...]:
    """What a decision changes under the four-eyes policy; raises Rejected when it is not approved as it stands."""
    changes = check_approved(view, entry, rules_for(view, entry, postings))
    if entry.proposal is not None:
        row = view.register("approved", entry.proposal)
        proposal: Any = None if row is None else view.earlier(row["proposal"]).entry
        said = msgspec.structs.replace(view.read(proposal.draft), proposal=entry.proposal)
        if completed(view, said) != entry:
            raise Rejected(Reason.NOT_WHAT_WAS_APPROVED, field="proposal", proposed=entry.proposal)
    return (*changes, *split_watch(view, entry, postings))


def _apply(
    state: State,
    record: Record | BareRecord,
    leaf: bytes,
    moved: Mapping[BalanceKey, int],
    changes: Iterable[Change],
) -> None:
    state.balances.update(moved)
    state.posted.update(dict.fromkeys(moved, record.index))
    for register, name, value in changes:
        key = Key(register, name)
        state.registers[key] = encode_value(value)
        state.touched[key] = record.index
    state.size = record.index + 1
    state.leaf = leaf.hex()
    state.at = record.at
    state.leaves.append(leaf)
    if len(state.leaves) >= MAX_LEAVES:
        state.tree()
