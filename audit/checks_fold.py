"""The rules: every record replayed by the same step the writer ran, from the bytes alone.

For every record: the bytes are canonical (decoding and encoding again gives them back); the postings written
are those of the entry; the entry may stand at its index (`ledger.replay.step`); what the purpose view and the
place view hold moves alike. A record that fails is a finding and its postings are folded all the same, so
that one fault does not hide what comes after it. Sequence and links are the business of checks_log.py.

The state is complete in memory: balances and registers, not records. Pure.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from audit.checks_complete import check_statements
from audit.checks_keys import KeyCheck
from audit.checks_open import REGISTERS, check_open
from audit.findings import FindingKind, Findings
from audit.saved import Kept, Rows, SavedAudit
from ledger.accounts import AccountView, Posting, is_held, is_known, root, view_of
from ledger.entries.base import EntryBase, Person, persons_in
from ledger.entries.book import CLOSED_KEY, BookOpened, KeyReplaced, WitnessesSet
from ledger.log.merkle import Frontier
from ledger.record import BareRecord, Record, RecordMalformed, decode, decode_bare, leaf_of
from ledger.refusals import Reason, Rejected
from ledger.registers import Key
from ledger.replay import BalanceKey, State, fold_only, may_not_be_negative, step

FetchBody = Callable[[int], bytes | None]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier record as the rules see it."""

    entry: EntryBase
    postings: tuple[Posting, ...]
    leaf_hash: bytes


class FoldCheck:
    """Takes the records in order; afterwards `state` is what the database must say."""

    def __init__(
        self,
        found: Findings,
        fetch_body: FetchBody,
        keys: KeyCheck,
        *,
        on_witnesses: Callable[[WitnessesSet], None] = lambda entry: None,
        table: str | None = None,
    ) -> None:
        """`keys` follows the book's keys and `on_witnesses` is told whom the book chooses, as the records are taken."""
        self.state = State(fetch_record=self.earlier)
        self.opened: BookOpened | None = None
        self.balance_index: dict[BalanceKey, int] = {}
        """For each balance, the last record that touched it."""
        self.unknown: set[int] = set()
        """Records of kinds that this version does not know."""
        self._found = found
        self._fetch_body = fetch_body
        self._unavailable: Exception | None = None
        self._keys = keys
        self._on_witnesses = on_witnesses
        self._table = table
        self._held: dict[str, int] = {}
        self._old_balances, self._old_registers = Rows(), Rows()

    def resume(self, kept: Kept, opened: BookOpened, frontier: Frontier) -> None:
        """Goes on where a saved audit stood, at this tree: rows come from there when they are asked for."""
        saved = kept.audit
        self.opened = opened
        self._old_balances, self._old_registers = kept.balances, kept.registers
        self.state.size, self.state.leaf, self.state.at = saved.size, saved.last_leaf, saved.last_at
        self.state.zone = saved.zone
        self.state.frontier = frontier
        self.state.fetch_balance, self.state.fetch_balances = self._saved_balance, self._saved_balances
        self.state.fetch_register = self._saved_register
        # What every audit looks through: balances below zero, the book's own rows, its keys, statements, open matters.
        self.state.balances = {(account, unit): minor for account, unit, minor in saved.negative}
        for register in ("book", CLOSED_KEY, "statement", *REGISTERS):
            for _, key, value, _ in kept.registers.under(register):
                self.state.registers[Key(register, key)] = _value(value)
        self.unknown = set(saved.unknown)

    def _saved_balance(self, key: BalanceKey) -> int:
        row = self._old_balances.find(key)
        return 0 if row is None else int(row[2])

    def _saved_balances(self) -> dict[BalanceKey, int]:
        return {(account, unit): int(minor) for account, unit, minor, _ in self._old_balances.all()}

    def _saved_register(self, key: Key) -> bytes | None:
        row = self._old_registers.find(key)
        return None if row is None else _value(row[2])

    def load_all(self) -> None:
        """Takes over every row of the saved audit that no record has changed since, for who compares them all."""
        for account, unit, minor, index in self._old_balances.all():
            if (account, unit) not in self.balance_index:
                self.state.balances[account, unit], self.balance_index[account, unit] = minor, index
        for register, key, value, index in self._old_registers.all():
            if Key(register, key) not in self.state.touched:
                self.state.registers[Key(register, key)] = _value(value)
                self.state.touched[Key(register, key)] = index
        # What was asked for and is not there is no row.
        self.state.balances = {key: self.state.balances[key] for key in self.balance_index}
        self.state.registers = {key: self.state.registers[key] for key in self.state.touched}

    def kept(self, make: Callable[..., SavedAudit]) -> Kept:
        """What the next audit goes on from; `make` is given what the rows say of themselves."""
        state = self.state
        balances = self._old_balances.with_rows(
            (*key, state.balances[key], index) for key, index in self.balance_index.items()
        )
        registers = self._old_registers.with_rows(
            (*key, None if (value := state.registers[key]) is None else value.decode(), index)
            for key, index in state.touched.items()
        )
        negative = tuple((*key, minor) for key, minor in sorted(state.balances.items()) if minor < 0)
        return Kept(make(balances_bytes=len(balances), negative=negative), Rows(balances), Rows(registers))

    def take(self, index: int, body: bytes, leaf: bytes) -> Record | BareRecord | None:
        """Replays one record; returns it, or None when it cannot be read."""
        try:
            record: Record | BareRecord = decode(body)
        except RecordMalformed as error:
            bare = self._unread(index, body, error)
            if bare is None:
                return None
            record = bare
        # Where it stands is judged by checks_log; here the state follows the records that are there.
        self.state.size, self.state.leaf, self.state.at = record.index, record.previous, ""
        if isinstance(record, BareRecord):
            self._fold(record, leaf)
        else:
            self._step(index, record, leaf)
        self._views(index, record.postings)
        for posting in record.postings:
            unit = posting.amount.unit
            self.balance_index[posting.source, unit] = record.index
            self.balance_index[posting.destination, unit] = record.index
        return record

    def _unread(self, index: int, body: bytes, error: RecordMalformed) -> BareRecord | None:
        try:
            bare = decode_bare(body)
        except RecordMalformed as worse:
            self._add(index, FindingKind(worse.reason), str(worse))
            return None
        if error.reason == "UNKNOWN_KIND":
            self.unknown.add(bare.index)
        self._add(index, FindingKind(error.reason), str(error))
        return bare

    def _step(self, index: int, record: Record, leaf: bytes) -> None:
        entry: EntryBase = record.entry
        if isinstance(entry, BookOpened) and self.opened is None:
            self.opened = entry
            self._keys.opened(entry.public_key, entry.origin)
        try:
            if entry.postings() != record.postings:
                self._add(index, FindingKind.POSTINGS_DIFFER, f"not the postings of this {entry.kind}")
                self._fold(record, leaf)
                return
            step(self.state, record, leaf)
        except Rejected as refused:
            self._add(index, FindingKind.REFUSED, f"{entry.kind}: {refused}", refused.reason)
            self._fold(record, leaf)
        except Exception as error:  # whatever a hostile record provokes is a finding
            if self._unavailable is not None:
                raise self._unavailable from None
            self._add(index, FindingKind.REFUSED, f"{entry.kind}: {type(error).__name__}", Reason.MALFORMED)
            self._fold(record, leaf)
        else:
            if isinstance(entry, KeyReplaced):
                self._keys.replaced(index, entry)
            elif isinstance(entry, WitnessesSet):
                self._on_witnesses(entry)

    def _fold(self, record: Record | BareRecord, leaf: bytes) -> None:
        fold_only(self.state, record, leaf)

    def _views(self, index: int, postings: Iterable[Posting]) -> None:
        held = self._held
        held.clear()
        for posting in postings:
            unit, minor = posting.amount.unit, posting.amount.minor
            moved = _sign(posting.destination) - _sign(posting.source)
            if moved:
                held[unit] = held.get(unit, 0) + moved * minor
        for unit, difference in held.items():
            if difference:
                detail = f"purpose minus place moves by {difference} {unit}"
                self._found.add(FindingKind.VIEWS_DIFFER, detail, index=index, table=self._table, account=unit)

    def earlier(self, index: int) -> Earlier:
        """A record before the one at hand; raises Rejected(NO_SUCH_RECORD), and what the log raises."""
        try:
            body = self._fetch_body(index)
        except Exception as error:  # the log could not be read: nothing can be said about the record
            self._unavailable = error
            raise
        if body is None:
            raise Rejected(Reason.NO_SUCH_RECORD, index=index)
        try:
            record = decode(body)
        except RecordMalformed as error:
            raise Rejected(Reason.NO_SUCH_RECORD, "it cannot be read", index=index) from error
        return Earlier(record.entry, record.postings, leaf_of(body))

    def _add(self, index: int, kind: FindingKind, detail: str, reason: Reason | None = None) -> None:
        self._found.add(kind, detail, index=index, table=self._table, reason=reason)

    def open_matters(self) -> None:
        """What the registers and balances leave open, after the last record."""
        _balances(self.state, self._found)
        check_open(self.state, self._found)
        check_statements(self.state, self._found)


def _value(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


_SIGNS: dict[str, int] = {}


def _sign(account: str) -> int:
    """+1 for an account held in the purpose view, −1 in the place view, 0 for all others."""
    name = root(account)
    sign = _SIGNS.get(name)
    if sign is None:
        sign = 0
        if is_known(account) and is_held(account):
            sign = 1 if view_of(account) is AccountView.PURPOSE else -1
        if is_known(account):
            _SIGNS[name] = sign
    return sign


def persons_of(record: Record | BareRecord) -> Iterator[Person]:
    """Everybody a record speaks of; in an entry of unknown kind, whatever has the form of a person."""
    if isinstance(record, Record):
        entry: EntryBase = record.entry
        yield from entry.persons()
    else:
        yield from persons_in(msgspec.json.decode(record.entry))


def _balances(state: State, found: Findings) -> None:
    for (account, unit), minor in sorted(state.balances.items()):
        if minor >= 0 or not is_known(account):
            continue
        name = root(account)
        detail = f"{minor} {unit}"
        if name == "shortfall":
            found.add(FindingKind.SHORTFALL_OPEN, detail, account=account)
        elif may_not_be_negative(account):
            place = view_of(account) is AccountView.PLACE
            kind = FindingKind.PLACE_NEGATIVE if place else FindingKind.ACCOUNT_NEGATIVE
            found.add(kind, detail, account=account)
