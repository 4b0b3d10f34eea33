"""Statement intake: a bank's file becomes records, wholly or not at all, and once only.

1. The file is opened, read once into a private spool, and everything about it is checked: account, currency,
   control figures, days, texts, funds named, which of its lines the book already has.
2. Only then `statement imported` is recorded: file hash, count, totals, how many lines are new.
3. The new lines follow in batches, each batch one transaction. A kill in between leaves a statement that says
   how many lines are missing (the audit's finding); the same file again records just those.

A credit whose memo holds the code of exactly one open pledge, and whose amount is what that pledge still
promises, is a gift. Everything else waits in suspense for a person; suggestions are computed when looked at.
Every reference is made from the content (`import/<line key>`), so nothing can be recorded twice. One import a
place at a time: the count of new lines stays true until the last of them is recorded.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from ledger.book import Draft
from ledger.days import day_of, to_instant
from ledger.entries.base import EntryBase
from ledger.entries.book import PlaceOpened
from ledger.entries.pledges import PledgeMade
from ledger.entries.receipts import (
    GiftReceived,
    PledgePart,
    StatementImported,
    SuspensePaid,
    SuspenseReceived,
)
from ledger.entries.restrictions import check_fund_place
from ledger.home import OpenBook
from ledger.money import MAX_MINOR, Amount
from ledger.record import decode, reread
from ledger.refusals import Reason, Rejected
from ledger.registers import Key, decode_value
from ledger.requests import IMPORTER, open_person
from ledger.spool import Day, Spool, Spooled, class_of
from ledger.statements import Control, Line, StatementHead, control, open_statement, partial_day
from ledger.statements.matching import Candidate, find_codes, suggest
from ledger.store import read
from ledger.store.append import SubjectRow
from ledger.store.engine import reading
from ledger.store.locks import exclusive
from ledger.store.read_lines import explained_lines, waiting_lines
from ledger.text import clean
from ledger.vault.seal import MAX_BANK_TEXT

BATCH = 1000
MOST_CANDIDATES = 500

Progress = Callable[[int, int], None]
Verdict = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did; in a dry run, what it would have done. Figures are in the currency's smallest unit."""

    lines: int
    recorded: int
    """New lines recorded by this run: `matched` gifts and `suspense`."""
    matched: int
    suspense: int
    duplicates: int
    """Lines the book had before."""
    equals: int
    """Lines with an equal before them on the same day of this file; each is kept as money of its own."""
    rejected: int
    """Always 0: one bad row refuses the whole file (Rejected)."""
    opening: int
    closing: int
    credit_total: int
    debit_total: int
    control: Literal["printed", "running", "declared"]
    statement: int | None
    """Index of `statement_imported`; None when the file added nothing, and in a dry run of a new file."""
    sha256: str
    format: str
    resumed: bool
    """This run finished an import that had been cut off."""


@dataclass(frozen=True, slots=True)
class _Place:
    code: str
    unit: str
    number: str | None


@dataclass(frozen=True, slots=True)
class _Pledge:
    """An open pledge as the book has it now."""

    code: str
    index: int
    fund: str
    unit: str
    left: int


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the file, whether the book lacks it, and the pledge it fulfils."""

    spooled: Spooled
    new: bool
    pledge: _Pledge | None = None


class Intake:
    """Imports bank statements into one book."""

    def __init__(self, open_book: OpenBook, *, batch: int = BATCH) -> None:
        self._open = open_book
        self._book = open_book.book
        self._batch = batch

    def run(
        self,
        path: Path,
        place: str,
        *,
        by: str,
        format: str | None = None,
        opening: int | None = None,
        closing: int | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
        verdict: Verdict | None = None,
        taken: Literal["file", "paper"] = "file",
    ) -> ImportResult:
        """Imports a file into a place (`bank:VCB`). Raises Rejected: then nothing was recorded.

        `progress` is told (lines done, lines in all; 0 while they are still counted), `verdict` each row with
        what becomes of it. StoreUnavailable and CommitUnknown may come in the middle; run it again.
        """
        tell = progress or (lambda done, of: None)
        known = self._place(place)
        statement = open_statement(Path(path), format=format, currency=known.unit)
        _check_head(statement.head, known)
        check = _LineCheck(self._open, self._today(), tell)
        folder = self._open.home.path
        with Spool.of(statement, folder, place, self._open.keys.line_mac, check) as spool:
            figures = control(spool, opening=opening, closing=closing)
            self._check_room(figures, known)
            job = _Import(self._open, known, spool, figures, by=by, batch=self._batch, tell=tell, verdict=verdict)
            if dry_run:
                return job.run(dry_run=True, taken=taken)
            with exclusive(self._open.engine, f"import-{self._open.code}-{place.replace(':', '-')}"):
                return job.run(dry_run=False, taken=taken)

    def _today(self) -> date:
        return day_of(to_instant(self._open.clock()), self._open.opened.zone)

    def _place(self, place: str) -> _Place:
        with reading(self._open.engine) as db:
            row = read.registers(db, self._open.code, [Key("place", place)]).get(Key("place", place))
            value = None if row is None else decode_value(row)
            if value is None or not place.startswith("bank:"):
                raise Rejected(Reason.NO_SUCH_PLACE, "no such bank account", field="place", place=place)
            opened = _entry(db, self._open.code, value["index"])
        number = opened.number if isinstance(opened, PlaceOpened) else None
        return _Place(place, value["unit"], number)

    def _check_room(self, figures: Control, place: _Place) -> None:
        """No balance of the book can pass 2^53−1 on the way: found now, not in the middle."""
        accounts = [(name, place.unit) for name in (place.code, "outside", "senders", "donors")]
        with reading(self._open.engine) as db:
            largest = max(map(abs, read.balances(db, self._open.code, accounts).values()), default=0)
        if largest + figures.credit_total + figures.debit_total > MAX_MINOR:
            raise Rejected(Reason.AMOUNT_TOO_LARGE, "a balance would pass 2^53-1", place=place.code)


class _LineCheck:
    """What must be true of every line before anything is recorded."""

    def __init__(self, open_book: OpenBook, today: date, tell: Progress) -> None:
        self._open = open_book
        self._today = today
        self._tell = tell
        self._funds: set[str] = set()

    def __call__(self, count: int, line: Line) -> None:
        if count % BATCH == 0:
            self._tell(count, 0)
        if line.booked_on > self._today:
            raise Rejected(Reason.DAY_IN_FUTURE, row=line.row, day=line.booked_on, today=self._today)
        for field, text in _private(line).items():
            try:
                clean(text, field=field, multiline=True, max_chars=MAX_BANK_TEXT)
            except Rejected as refused:
                raise Rejected(Reason.ROW_MALFORMED, refused.message, row=line.row, field=field) from refused
        if line.fund is not None and line.fund not in self._funds:
            key = Key("fund", line.fund)
            with reading(self._open.engine) as db:
                if key not in read.registers(db, self._open.code, [key]):
                    raise Rejected(Reason.NO_SUCH_FUND, row=line.row, field="fund", fund=line.fund)
            self._funds.add(line.fund)


class _Import:
    """One file on its way into the book."""

    def __init__(
        self,
        open_book: OpenBook,
        place: _Place,
        spool: Spool,
        figures: Control,
        *,
        by: str,
        batch: int,
        tell: Progress,
        verdict: Verdict | None,
    ) -> None:
        self._open = open_book
        self._book = open_book.book
        self._place = place
        self._spool = spool
        self._figures = figures
        self._by = by
        self._batch = batch
        self._tell = tell
        self._verdict = verdict
        self._spent: Counter[str] = Counter()  # of pledges, in a dry run
        self._matched = self._suspense = 0

    def run(self, *, dry_run: bool, taken: Literal["file", "paper"]) -> ImportResult:
        mine, unfinished = self._statement_so_far()
        index, missing = (None, 0) if mine is None else (mine["index"], mine["new_lines"] - mine["recorded"])
        if mine is not None and mine["opening"] != self._figures.opening:
            raise Rejected(
                Reason.CONTROL_DIFFERS,
                "this file is in the book with another opening balance",
                statement=index,
                declared_minor=self._figures.opening,
                recorded_minor=mine["opening"],
            )
        whole = mine is not None and missing == 0
        if unfinished is not None and not whole:
            other, sha256 = unfinished
            raise Rejected(
                Reason.IMPORT_UNFINISHED,
                "another file of this account is only partly imported: import it again first",
                statement=other,
                sha256=sha256,
            )
        new = bytearray(self._spool.count) if whole else self._find_new(resuming=index is not None)
        count = new.count(1)
        if index is not None and count != missing:
            raise Rejected(
                Reason.IMPORT_UNFINISHED,
                "the lines still missing from this statement are not those that the file has",
                statement=index,
                missing=missing,
                file=count,
            )
        if index is None:
            self._check_agreement(new)
        resumed = index is not None and missing > 0
        if not dry_run and index is None and (count or not self._covered()):
            index = self._record_statement(count, taken)
        for rows in self._batches(new):
            self._take(rows, index, dry_run=dry_run)
        recorded = self._matched + self._suspense
        return ImportResult(
            lines=self._figures.lines,
            recorded=recorded,
            matched=self._matched,
            suspense=self._suspense,
            duplicates=self._figures.lines - recorded,
            equals=self._spool.equals,
            rejected=0,
            opening=self._figures.opening,
            closing=self._figures.closing,
            credit_total=self._figures.credit_total,
            debit_total=self._figures.debit_total,
            control=self._figures.basis,
            statement=index,
            sha256=self._spool.sha256,
            format=self._spool.head.format,
            resumed=resumed,
        )

    # What the book has of this file and its place

    def _statement_so_far(self) -> tuple[dict[str, Any] | None, tuple[int, str] | None]:
        """What the book says of this file; index and hash of another file only partly imported."""
        prefix = f"{self._place.code}/"
        with reading(self._open.engine) as db:
            files = {
                decode_value(value)["index"]: key.removeprefix(prefix)
                for key, value in read.register_rows(db, self._open.code, "statement-file", prefix)
            }
            statements = sorted(self._statements(db), key=lambda row: int(row["index"]))
        mine = next((row for row in statements if files[row["index"]] == self._spool.sha256), None)
        others = (row for row in statements if row is not mine and row["recorded"] < row["new_lines"])
        return mine, next(((row["index"], files[row["index"]]) for row in others), None)

    def _check_agreement(self, new: bytearray) -> None:
        """Statements that share days must tell one story: together they reach from the first opening to the last
        closing by the lines the book would then hold.

        Without this, a line that two files print differently (another amount, another place in the order) would
        stand twice, and money would come out of nothing. Where two statements begin or end on one day, either
        balance may be the outer one.
        """
        first, last = self._period()
        with reading(self._open.engine) as db:
            rows = [
                (date.fromisoformat(row["from_on"]), date.fromisoformat(row["to_on"]), row["opening"], row["closing"])
                for row in self._statements(db)
            ]
        shared = [row for row in rows if row[0] <= last and row[1] >= first]
        if not shared:
            return
        moved = sum(one.line.amount_minor for one, is_new in zip(self._spool.spooled(), new, strict=True) if is_new)
        figures = self._figures
        both = [*shared, (first, last, figures.opening, figures.closing)]
        if any(after - before == moved for before in _reach(shared) for after in _reach(both)):
            return
        raise Rejected(
            Reason.CONTROL_DIFFERS,
            "this file and an earlier statement of the same days contradict each other",
            new_lines_minor=moved,
            closing_minor=figures.closing,
            earlier_closing_minor=max(shared, key=lambda row: row[1])[3],
        )

    def _statements(self, db: Connection) -> Iterator[dict[str, Any]]:
        for _, value in read.register_rows(db, self._open.code, "statement"):
            row = decode_value(value)
            if row["place"] == self._place.code:
                yield row

    def _covered(self) -> bool:
        """Every day of this file lies within statements already imported (they need not be one)."""
        first, last = self._period()
        with reading(self._open.engine) as db:
            periods = sorted((row["from_on"], row["to_on"]) for row in self._statements(db))
        for from_on, to_on in periods:
            if date.fromisoformat(from_on) <= first:
                first = max(first, date.fromisoformat(to_on) + timedelta(days=1))
        return first > last

    def _period(self) -> tuple[date, date]:
        """The days this file speaks for: those it prints, as far as they are past, and those of its lines."""
        head, figures = self._spool.head, self._figures
        today = day_of(to_instant(self._open.clock()), self._open.opened.zone)
        first = min(head.from_on or figures.first_on, figures.first_on)
        last = max(min(head.to_on or figures.last_on, today), figures.last_on)
        return first, last

    def _find_new(self, *, resuming: bool) -> bytearray:
        """For each line 1 if the book lacks it. Day by day, the book gets the multiset maximum."""
        new = bytearray(self._spool.count)
        with reading(self._open.engine) as db:
            for day in self._spool.days():
                rows = read.register_rows(db, self._open.code, "line", day.mark)
                recorded = {key for key, _ in rows}
                # A resumed import was judged when it began; since then the book holds a part of this very file.
                if recorded and not resuming:
                    self._check_partial(day, recorded)
                for number, key in day.keys:
                    new[number] = key not in recorded
        return new

    def _check_partial(self, day: Day, recorded: set[str]) -> None:
        at_edge = not self._spool.days_in_order
        first = day.keys[0][1] if at_edge or day.day == self._figures.first_on else None
        last = day.keys[-1][1] if at_edge or day.day == self._figures.last_on else None
        partial_day(
            day.day,
            Counter(map(class_of, recorded)),
            day.counts(),
            evidence=day.evidence,
            first=first and class_of(first),
            last=last and class_of(last),
        )

    # Recording

    def _record_statement(self, new_lines: int, taken: Literal["file", "paper"]) -> int:
        first, last = self._period()
        figures = self._figures
        entry = StatementImported(
            place=self._place.code,
            sha256=self._spool.sha256,
            taken=taken,
            format=self._spool.head.format.replace(":", "."),
            currency=self._place.unit,
            from_on=first,
            to_on=last,
            lines=figures.lines,
            new_lines=new_lines,
            in_minor=figures.credit_total,
            out_minor=figures.debit_total,
            opening_minor=figures.opening,
            closing_minor=figures.closing,
            control=figures.basis,
        )
        draft = self._draft(entry, f"{self._place.code}/{self._spool.sha256}")
        return self._book.record([draft], self._by)[0].index

    def _batches(self, new: bytearray) -> Iterator[list[_Row]]:
        rows: list[_Row] = []
        done = 0
        if any(new) or self._verdict:
            for number, spooled in enumerate(self._spool.spooled()):
                rows.append(_Row(spooled, bool(new[number])))
                if len(rows) == self._batch:
                    yield rows
                    done += len(rows)
                    self._tell(done, len(new))
                    rows = []
            if rows:
                yield rows
        self._tell(len(new), len(new))

    def _take(self, rows: list[_Row], statement: int | None, *, dry_run: bool) -> None:
        rows = self._match(rows, dry_run=dry_run)
        if dry_run or statement is None:
            taken = [row for row in rows if row.new]
        else:
            taken = self._record_lines([row for row in rows if row.new], statement)
        pledges = {row.spooled.key: row.pledge for row in taken}
        gifts = sum(pledge is not None for pledge in pledges.values())
        self._matched += gifts
        self._suspense += len(taken) - gifts
        for row in rows if self._verdict else ():
            assert self._verdict is not None
            self._verdict(_verdict(row.spooled, pledges))

    def _record_lines(self, rows: list[_Row], statement: int) -> list[_Row]:
        """One transaction; returns the rows it recorded. A line that another entry took meanwhile is left out,
        a pledge that was met meanwhile sends its line to suspense."""
        with reading(self._open.engine) as db:
            drafts = [self._line_draft(db, row, statement) for row in rows]
        while drafts:
            try:
                answers = self._book.record(drafts, self._by)
                return [row for row, answer in zip(rows, answers, strict=True) if not answer.repeated]
            except Rejected as refused:
                number = refused.details.get("number")
                if not isinstance(number, int):
                    raise
                if refused.reason is Reason.LINE_ALREADY_RECORDED:
                    del rows[number], drafts[number]
                elif rows[number].pledge is not None:
                    rows[number] = _Row(rows[number].spooled, True)
                    with reading(self._open.engine) as db:
                        drafts[number] = self._line_draft(db, rows[number], statement)
                else:
                    raise
        return []

    def _line_draft(self, db: Connection, row: _Row, statement: int) -> Draft:
        line = row.spooled.line
        values, subject = _private(line), None
        if row.pledge is not None:
            donor = self._donor(db, row.pledge)
            if donor is not None:
                subject, known = donor
                values = known | values
        person = self._open.vault.person(values, subject)
        amount = Amount(abs(line.amount_minor), self._place.unit)
        entry: EntryBase
        if row.pledge is not None:
            entry = GiftReceived(
                amount=amount,
                donor=person.person,
                fund=row.pledge.fund,
                line=row.spooled.key,
                parts=(),
                place=self._place.code,
                pledge=PledgePart(amount.minor, row.pledge.code),
                received_on=line.booked_on,
                statement=statement,
            )
        elif line.amount_minor > 0:
            entry = SuspenseReceived(
                amount=amount,
                line=row.spooled.key,
                place=self._place.code,
                received_on=line.booked_on,
                sender=person.person,
                statement=statement,
            )
        else:
            entry = SuspensePaid(
                amount=amount,
                line=row.spooled.key,
                paid_on=line.booked_on,
                payee=person.person,
                place=self._place.code,
                statement=statement,
            )
        draft = self._draft(entry, row.spooled.key)
        return Draft(draft.entry, draft.reference, draft.request, person.rows, (person.subject,))

    def _draft(self, entry: Any, key: str) -> Draft:
        reference = f"{IMPORTER}/{key}"
        request = self._open.keys.request_mac(self._open.code, reference.encode())
        return Draft(reread(entry), reference, request)

    # Matching

    def _match(self, rows: list[_Row], *, dry_run: bool) -> list[_Row]:
        """The rows, those that fulfil a pledge with that pledge."""
        codes = [
            find_codes(row.spooled.line.memo) if row.new and row.spooled.line.amount_minor > 0 else () for row in rows
        ]
        wanted = {code for found in codes for code in found}
        if not wanted:
            return rows
        with reading(self._open.engine) as db:
            pledges = {p.code: p for p in self._usable(db, open_pledges(db, self._open.code, wanted))}
        spent = self._spent if dry_run else Counter[str]()
        matched: list[_Row] = []
        for row, found in zip(rows, codes, strict=True):
            still = [pledges[code] for code in found if code in pledges and pledges[code].left > spent[code]]
            if len(still) == 1 and still[0].left - spent[still[0].code] == row.spooled.line.amount_minor:
                spent[still[0].code] += row.spooled.line.amount_minor
                row = _Row(row.spooled, row.new, still[0])
            matched.append(row)
        return matched

    def _usable(self, db: Connection, pledges: Sequence[_Pledge]) -> Iterator[_Pledge]:
        """Pledges in this currency, of funds that may keep money here, whose donor the vault still knows."""
        keys = {Key("fund", pledge.fund) for pledge in pledges}
        funds = read.registers(db, self._open.code, keys)
        for pledge in pledges:
            fund = funds.get(Key("fund", pledge.fund))
            if pledge.unit != self._place.unit or fund is None:
                continue
            try:
                check_fund_place(decode_value(fund), self._place.code)
            except Rejected:
                continue
            if self._donor(db, pledge) is not None:
                yield pledge

    def _donor(self, db: Connection, pledge: _Pledge) -> tuple[SubjectRow, dict[str, str]] | None:
        made = _entry(db, self._open.code, pledge.index)
        if not isinstance(made, PledgeMade):
            return None
        return open_person(db, self._open.code, self._open.vault, pledge.index, made.donor)


def _verdict(spooled: Spooled, taken: dict[str, _Pledge | None]) -> dict[str, Any]:
    line = spooled.line
    said = {"row": line.row, "day": line.booked_on.isoformat(), "minor": line.amount_minor, "memo": line.memo}
    if not spooled.key.endswith("-0"):
        said["equals_before"] = int(spooled.key.partition("-")[2])
    if spooled.key not in taken:
        return {**said, "verdict": "duplicate"}
    pledge = taken[spooled.key]
    return {**said, "verdict": "suspense"} if pledge is None else {**said, "verdict": "gift", "pledge": pledge.code}


def _private(line: Line) -> dict[str, str]:
    """What of a line goes into the vault."""
    said = {
        "memo": line.memo,
        "counterparty": line.counterparty,
        "reference": line.reference,
        "time": line.time,
        "fund": line.fund,
    }
    return {field: text for field, text in said.items() if text is not None}


def _reach(periods: list[tuple[date, date, int, int]]) -> set[int]:
    """How much money moved from the first opening to the last closing, as far as days tell first and last."""
    first, last = min(p[0] for p in periods), max(p[1] for p in periods)
    openings = {p[2] for p in periods if p[0] == first}
    closings = {p[3] for p in periods if p[1] == last}
    return {closing - opening for opening in openings for closing in closings}


def _check_head(head: StatementHead, place: _Place) -> None:
    if head.currency is not None and head.currency != place.unit:
        raise Rejected(Reason.CURRENCY_DIFFERS, file=head.currency, account=place.unit)
    printed = head.account_number
    if printed and place.number and not same_account(printed, place.number, place.unit):
        raise Rejected(
            Reason.ACCOUNT_DIFFERS,
            "the file is of another account than this place",
            place=place.code,
            file_ends_in=printed[-4:],
            account_ends_in=place.number[-4:],
        )


def same_account(printed: str, number: str, currency: str) -> bool:
    """Whether a statement's account number is this one.

    Banks print it with spaces or dots, behind a bank code and a slash or before the currency (MT940), at the
    end of an IBAN, or with its first digits hidden; spreadsheets drop its leading zeros.
    """
    last = "".join(char for char in printed.upper().rpartition("/")[2] if char == "*" or char.isalnum())
    for said in (last, last.removesuffix(currency)):
        if said.lstrip("0") == number.lstrip("0"):
            return True
        if (hidden := re.fullmatch(r"[0-9]*[*X]{3,}([0-9]{3,})", said)) and number.endswith(hidden[1]):
            return True
        if re.match(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11}", said) and len(number) >= 6 and said.endswith(number):
            return True
    return False


def _entry(db: Connection, book: str, index: int) -> EntryBase | None:
    body = read.body(db, book, index)
    return None if body is None else decode(body).entry


def open_pledges(db: Connection, book: str, codes: Iterable[str] | None = None) -> list[_Pledge]:
    """The pledges (of these codes) of which something is still promised."""
    if codes is None:
        rows = dict(read.register_rows(db, book, "pledge"))
    else:
        found = read.registers(db, book, [Key("pledge", code) for code in codes])
        rows = {key.key: value for key, value in found.items()}
    made = {code: decode_value(value) for code, value in rows.items()}
    accounts = {code: (f"pledge:{code}", value["amount"]["unit"]) for code, value in made.items()}
    left = read.balances(db, book, accounts.values())
    return [
        _Pledge(code, value["index"], value["fund"], value["amount"]["unit"], left[accounts[code]])
        for code, value in sorted(made.items())
        if left.get(accounts[code], 0) > 0
    ]


def waiting(open_book: OpenBook) -> list[dict[str, Any]]:
    """The lines not wholly explained: line, minor (what is left; negative for money out), unit, place, index."""
    names = ("line", "minor", "unit", "place", "index")
    with reading(open_book.engine) as db:
        return [dict(zip(names, row, strict=True)) for row in waiting_lines(db, open_book.code)]


def waiting_shown(open_book: OpenBook) -> list[dict[str, Any]]:
    """The same with what a person needs to recognise a line: its day, and memo and sender out of the vault."""
    rows = waiting(open_book)
    with reading(open_book.engine) as db:
        for row in rows:
            entry = _entry(db, open_book.code, row["index"])
            day = None if entry is None else entry.money_day()
            person = None if entry is None else next(entry.persons(), None)
            known = {} if person is None else _known(db, open_book, row["index"], person)
            row |= {
                "day": None if day is None else day.isoformat(),
                "memo": known.get("memo"),
                "sender": known.get("counterparty") or known.get("name"),
            }
    return rows


def suggestions(open_book: OpenBook, line: str | int) -> list[dict[str, Any]]:
    """What an incoming line in suspense (its key, or its record's index) may be, best first. Never a decision.

    Each is `{"what": "pledge", "pledge", …}` or `{"what": "donor", "line", …}` (an earlier line that was
    explained) with `score`, `by_code`, `fund`, `same_as` (the record to name as `same_as`), `name`, `minor`, `unit`.
    Raises Rejected(NO_SUCH_LINE).
    """
    code = open_book.code
    with reading(open_book.engine) as db:
        if isinstance(line, str):
            row = read.registers(db, code, [Key("line", line)]).get(Key("line", line))
            index = None if row is None else int(decode_value(row)["index"])
        else:
            index = line
        entry = None if index is None else _entry(db, code, index)
        if index is None or not isinstance(entry, SuspenseReceived):
            raise Rejected(Reason.NO_SUCH_LINE, "no incoming line in suspense", field="line")
        values = _known(db, open_book, index, entry.sender)
        left = read.balances(db, code, [(f"suspense:{entry.line}", entry.amount.unit)])
        minor = left.get((f"suspense:{entry.line}", entry.amount.unit), 0) or entry.amount.minor
        memo = " ".join(text for name, text in values.items() if name in ("counterparty", "memo"))
        offers = {
            offer["key"]: offer
            for offer in (
                *_pledge_offers(db, open_book, memo, minor, entry.amount.unit),
                *_donor_offers(db, open_book),
            )
        }
        candidates = [
            Candidate(key, offer["heard_as"], offer["minor"], offer.get("pledge")) for key, offer in offers.items()
        ]
        ranked = suggest(memo, minor, candidates)
        shown = ("what", "pledge", "line", "fund", "same_as", "name", "minor", "unit")
        return [
            {name: offers[each.key][name] for name in shown if name in offers[each.key]}
            | {"score": each.score, "by_code": each.by_code}
            for each in ranked
        ]


def _known(db: Connection, open_book: OpenBook, index: int, person: Any) -> dict[str, str]:
    opened = open_person(db, open_book.code, open_book.vault, index, person)
    return {} if opened is None else opened[1]


def _pledge_offers(db: Connection, open_book: OpenBook, memo: str, minor: int, unit: str) -> Iterator[dict[str, Any]]:
    """Open pledges: those whose code is in the memo first, then of the same amount, then the newest."""
    codes = set(find_codes(memo, bare=True))
    pledges = [pledge for pledge in open_pledges(db, open_book.code) if pledge.unit == unit]
    pledges.sort(key=lambda pledge: (pledge.code not in codes, pledge.left != minor, -pledge.index))
    for pledge in pledges[:MOST_CANDIDATES]:
        made = _entry(db, open_book.code, pledge.index)
        name = _known(db, open_book, pledge.index, made.donor).get("name", "") if isinstance(made, PledgeMade) else ""
        yield {
            "key": f"pledge:{pledge.code}",
            "what": "pledge",
            "pledge": pledge.code,
            "fund": pledge.fund,
            "same_as": pledge.index,
            "name": name,
            "heard_as": name,
            "minor": pledge.left,
            "unit": pledge.unit,
        }


def _donor_offers(db: Connection, open_book: OpenBook) -> Iterator[dict[str, Any]]:
    """Earlier lines that turned out to be gifts, newest first: the same sender may have sent again."""
    for index, line in explained_lines(db, open_book.code, MOST_CANDIDATES):
        gift = _entry(db, open_book.code, index)
        row = read.registers(db, open_book.code, [Key("line", line)]).get(Key("line", line))
        if not isinstance(gift, GiftReceived) or row is None:
            continue
        first = int(decode_value(row)["index"])
        received = _entry(db, open_book.code, first)
        sender = _known(db, open_book, first, received.sender) if isinstance(received, SuspenseReceived) else {}
        name = _known(db, open_book, index, gift.donor).get("name", "")
        yield {
            "key": f"line:{line}",
            "what": "donor",
            "line": line,
            "fund": gift.fund,
            "same_as": index,
            "name": name or sender.get("counterparty", ""),
            "heard_as": sender.get("counterparty") or name,
            "minor": gift.amount.minor,
            "unit": gift.amount.unit,
        }
