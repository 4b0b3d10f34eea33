"""One bank line, the statement it stands in, the control that proves a file whole, and identity.

Amounts are integers in the currency's smallest unit; + is money in ("Ghi có"), − is money out.
`Line.row` is where a person finds the line: the 1-based physical line of a text file at which the
record starts, the row of a sheet, the line of an XML file on which the entry opens.

Identity. Banks print no line number that survives a second export, and 1,412 lines of one real statement
share date, amount and memo and are all genuine. So a line belongs to a *class* (`class_key`: everything
the bank prints about it) and has an *ordinal* among the equals of its day. Two overlapping files are
merged day by day as multisets: what is recorded after both is, per class, the larger of the two counts.
"""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

from ledger.refusals import Reason, Rejected

MAX_MEMO: Final = 1900
"""Code points of one memo. The longest of 200,000 real ones has 248."""


@dataclass(frozen=True, slots=True)
class Line:
    """One booked line of a bank's file. `memo` and `counterparty` are personal data."""

    row: int
    booked_on: date
    amount_minor: int
    memo: str
    reference: str | None = None
    balance_minor: int | None = None
    counterparty: str | None = None
    time: str | None = None
    """ "HH:MM:SS" as the bank printed it (its own clock), seconds 00 where it prints none."""
    fund: str | None = None
    """The fund code a simple donation list prints beside the gift; no bank's own file has one."""


@dataclass(frozen=True, slots=True)
class StatementHead:
    """What the file says of itself. None = the file does not say."""

    format: str
    account_number: str | None = None
    currency: str | None = None
    opening_minor: int | None = None
    closing_minor: int | None = None
    from_on: date | None = None
    to_on: date | None = None
    newest_first: bool = False
    """The file runs backwards in time; `lines()` has turned it round."""


class Statement(ABC):
    """An opened file. `lines()` reads it again each time and always gives the same lines.

    Lines come oldest first: in the file's own order, or in exactly the opposite one where the file was
    found to run backwards (`head.newest_first`). Nothing is ever sorted.
    """

    path: Path
    head: StatementHead
    sha256: str
    days_in_order: bool
    """No line is of an earlier day than the one before it."""

    @abstractmethod
    def lines(self) -> Iterator[Line]: ...


Basis = Literal["printed", "running", "declared"]


@dataclass(frozen=True, slots=True)
class Control:
    """The figures of a file that tie: opening + credit_total − debit_total = closing."""

    opening: int
    closing: int
    lines: int
    credit_total: int
    debit_total: int
    basis: Basis
    first_on: date
    last_on: date


def control(statement: Statement, *, opening: int | None = None, closing: int | None = None) -> Control:
    """One pass over the file; raises unless its lines tie with balances that came from elsewhere.

    1. Opening and closing as the file prints them, if it prints both ("printed").
    2. Else a balance on every line: each must be the one before plus the amount; the first gives the
       opening ("running").
    3. Else what the caller declares, for the one or the two figures that the file lacks ("declared").
    Whatever is there beside the chosen basis must agree with it, including a balance on just some lines.
    """
    head = statement.head
    credit = debit = count = 0
    filled = 0
    first: Line | None = None
    last: Line | None = None
    known_opening = head.opening_minor if head.opening_minor is not None else opening
    known_closing = head.closing_minor if head.closing_minor is not None else closing
    start = running = known_opening
    for line in statement.lines():
        if first is None:
            first = line
            if running is None and line.balance_minor is not None:
                running = start = line.balance_minor - line.amount_minor
        last = line
        count += 1
        if line.amount_minor >= 0:
            credit += line.amount_minor
        else:
            debit -= line.amount_minor
        if running is not None:
            running += line.amount_minor
        if line.balance_minor is not None:
            filled += 1
            if running is not None and running != line.balance_minor:
                raise Rejected(
                    Reason.CONTROL_DIFFERS,
                    "the balance before this line and its amount do not make the balance printed on it",
                    row=line.row,
                    computed_minor=running,
                    printed_minor=line.balance_minor,
                )
    if first is None or last is None:
        if head.opening_minor is None or head.opening_minor != head.closing_minor:
            raise Rejected(Reason.NO_LINES, "the statement holds no line")
        raise Rejected(
            Reason.NO_LINES,
            "the statement says itself that nothing was booked",
            opening_minor=head.opening_minor,
            closing_minor=head.closing_minor,
        )
    net = credit - debit
    basis: Basis
    if head.opening_minor is not None and head.closing_minor is not None:
        basis, begin, end = "printed", head.opening_minor, head.closing_minor
    elif filled == count and start is not None and running is not None:
        basis, begin, end = "running", start, running
    elif known_opening is not None and known_closing is not None:
        basis, begin, end = "declared", known_opening, known_closing
    else:
        raise Rejected(
            Reason.CONTROL_MISSING,
            "the file prints no balances to check it by: state them with --opening and --closing",
            lines=count,
            credit_minor=credit,
            debit_minor=debit,
        )
    for name, said, figure in (
        ("closing", "the file's lines", begin + net),
        ("opening", "declared", opening if opening is not None else begin),
        ("closing", "declared", closing if closing is not None else end),
        ("opening", "printed", head.opening_minor if head.opening_minor is not None else begin),
        ("closing", "printed", head.closing_minor if head.closing_minor is not None else end),
    ):
        against = begin if name == "opening" else end
        if figure != against:
            raise Rejected(
                Reason.CONTROL_DIFFERS,
                f"{name} balance: {said} give one figure, the {basis} balance is another",
                computed_minor=figure,
                **{f"{basis}_minor": against},
            )
    days = (first.booked_on, last.booked_on)
    return Control(begin, end, count, credit, debit, basis, min(days), max(days))


def class_key(account: str, line: Line, mac: Callable[[bytes], bytes]) -> str:
    """Hex name of the line's class: all that the bank prints of it, and not where it stands in the file.

    Length-prefixed fields under SHA-256: account, day, reference, signed amount, balance, time, and the
    MAC of the personal part (memo, counterparty, fund). The MAC's key is not public, so the name of a
    class cannot be used to test a guess at a memo.
    """
    personal = _framed(line.memo, line.counterparty, line.fund)
    return hashlib.sha256(
        _framed(
            "sovang/line/1",
            account,
            line.booked_on.isoformat(),
            line.reference,
            str(line.amount_minor),
            None if line.balance_minor is None else str(line.balance_minor),
            line.time,
            mac(personal).hex(),
        )
    ).hexdigest()


def _framed(*parts: str | None) -> bytes:
    out = bytearray()
    for part in parts:
        if part is None:
            out += b"-"
        else:
            raw = part.encode()
            out += b"%d:" % len(raw) + raw
    return bytes(out)


def keyed_lines(statement: Statement, account: str, mac: Callable[[bytes], bytes]) -> Iterator[tuple[Line, str, int]]:
    """Each line with its class and its ordinal (from 0) among its equals of that day in this file."""
    seen: dict[date, Counter[str]] = {}
    for line in statement.lines():
        if line.booked_on not in seen:
            if statement.days_in_order:
                seen.clear()  # no earlier day comes again: memory stays that of one day
            seen[line.booked_on] = Counter()
        key = class_key(account, line, mac)
        ordinal = seen[line.booked_on][key]
        seen[line.booked_on][key] += 1
        yield line, key, ordinal


def new_ordinals(recorded: Mapping[str, int], file: Mapping[str, int]) -> dict[str, range]:
    """Which ordinals of a day's classes this file adds to what is recorded: the multiset maximum.

    A class counted 3 in the book and 5 in the file adds ordinals 3 and 4; one counted 5 and 3 adds none.
    """
    return {key: range(recorded.get(key, 0), count) for key, count in file.items() if count > recorded.get(key, 0)}


Evidence = Literal["strong", "time", "none"]


def day_evidence(lines: Iterator[Line] | tuple[Line, ...] | list[Line]) -> Evidence:
    """What tells the lines of one day apart: a balance or reference on each, a time on each, or nothing."""
    evidence: Evidence = "strong"
    for line in lines:
        if line.balance_minor is None and line.reference is None:
            if line.time is None:
                return "none"
            evidence = "time"
    return evidence


def partial_day(
    day: date,
    recorded: Mapping[str, int],
    file: Mapping[str, int],
    *,
    evidence: Evidence,
    first: str | None = None,
    last: str | None = None,
) -> None:
    """Raises `Rejected(PARTIAL_DAY)` where the multiset maximum could lose a line of this day.

    The maximum is right if one of the two files has the whole day: then its counts are the true ones and
    the other's are at most these. It is wrong when each file was cut inside the day: morning {A: 2}, evening
    {A: 1, B: 1}; the bank booked A three times if the cuts do not overlap, twice if they do, and the maximum
    says two. One multiset containing the other is the mark of a whole day, and of files that merely repeat
    one another. If neither contains the other, at least one was cut, and then it depends on the lines:

    * strong: a balance or a reference makes every line its own class (or its equals are adjacent in the
      bank's numbering), so a line is counted 1 in each file that has it and nothing is lost.
    * time: a class is one second of one day. A cut can split equals only within that second, so only the
      class at an edge of the file (`first`, `last`) can be wrong, and only when both sides hold it with
      different counts.
    * none: any class may have been split. Stop; a file with the whole day resolves it.
    """
    if evidence == "strong" or not recorded or _within(recorded, file) or _within(file, recorded):
        return
    if evidence == "time":
        edges = [edge for edge in (first, last) if edge is not None]
        if not any(0 < recorded.get(edge, 0) != file.get(edge, 0) > 0 for edge in edges):
            return
    raise Rejected(
        Reason.PARTIAL_DAY,
        "this file and the book each hold lines of the day that the other lacks, and nothing printed tells"
        " equal lines apart: import a file with the whole day",
        day=day.isoformat(),
        recorded=sum(recorded.values()),
        file=sum(file.values()),
    )


def _within(small: Mapping[str, int], large: Mapping[str, int]) -> bool:
    return all(count <= large.get(key, 0) for key, count in small.items())
