"""Another system's export as a source: the Nonprofit Success Pack (NPSP), one CSV file per object.

What is taken, in the currency of the place it is loaded into:

| object | becomes |
|---|---|
| `General_Accounting_Unit__c` | a fund `npsp-gau-<id>`; what no unit names is of `npsp-chung` |
| `Contact`, `Account` that is no household | `donor_registered` |
| `Opportunity`, closed won | `gift_received` on its close date, one for each fund its allocations name |
| `Opportunity`, pledged; its unpaid payments | `pledge_made`, in instalments where several payments are planned |
| `npe03__Recurring_Donation__c`, active | `pledge_made` for the coming year, in equal parts |
| `Partial_Soft_Credit__c` of a gift taken | `credits_listed`: never money |

Nothing is left out silently: `refused` counts every row that was not taken, by object and reason. NPSP's payments of a
gift that is closed are not money beside it; where their sum differs from the gift, that is counted too.

Three transactions, each whole or not at all, for each names records of the one before: funds and donors; gifts and
pledges; credits.
Rows are known again by their NPSP ids: a second load records what is new.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ledger.home import OpenBook
from ledger.load.columns import Fault
from ledger.load.lists import Asked, index_of, record_all
from ledger.money import minor_digits
from ledger.refusals import Reason, Rejected
from ledger.registers import Key, decode_value
from ledger.statements import csv_banks
from ledger.store import read
from ledger.store.engine import reading

GENERAL: Final = "npsp-chung"
_ID: Final = re.compile("[A-Za-z0-9]{1,18}")
"""What rows are known by."""
_ROW: Final = "#"
"""Beside a row's columns: its number in the file."""
_EVERY: Final = {"Monthly": ("month", 12), "Quarterly": ("quarter", 4), "Yearly": ("year", 2)}
_OBJECTS: Final = {
    "Account": {"id", "Name", "npe01__SYSTEM_AccountType__c"},
    "Contact": {"id", "Salutation", "FirstName", "LastName", "AccountId"},
    "General_Accounting_Unit__c": {"id", "name"},
    "Opportunity": {"id", "amount", "stage_name", "close_date", "AccountId", "Primary_Contact__c"},
    "Allocation__c": {"Amount__c", "Opportunity__c", "General_Accounting_Unit__c"},
    "npe01__OppPayment__c": {
        *("id", "npe01__Payment_Amount__c", "npe01__Scheduled_Date__c", "npe01__Paid__c"),
        *("npe01__Written_Off__c", "npe01__Opportunity__c"),
    },
    "npe03__Recurring_Donation__c": {
        *("id", "npe03__Amount__c", "npe03__Date_Established__c", "npe03__Next_Payment_Date__c"),
        *("npe03__Installment_Period__c", "Status__c", "npe03__Contact__c"),
    },
    "Partial_Soft_Credit__c": {"id", "Amount__c", "Contact__c", "Opportunity__c"},
}
"""File → the columns it must have."""


@dataclass(slots=True)
class NpspLoaded:
    """What was taken, what was there already, and why the rest was not taken."""

    taken: Counter[str] = field(default_factory=Counter)
    """Kind of entry → how many were recorded."""
    repeated: int = 0
    gifts_minor: int = 0
    """Sum of all gifts that the files hold, taken now or before."""
    pledged_minor: int = 0
    credits_minor: int = 0
    unit: str = ""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(object, why) → rows."""
    faults: list[Fault] = field(default_factory=list)


def load_npsp(book: OpenBook, folder: Path, place: str, *, by: str, check: bool = False) -> NpspLoaded:
    """Records an export into a place that is open.

    Raises Rejected(NO_SUCH_PLACE, FILE_UNREADABLE, HEADER_UNKNOWN).
    """
    with reading(book.engine) as db:
        row = read.registers(db, book.code, [Key("place", place)]).get(Key("place", place))
    unit = None if row is None else decode_value(row).get("unit")
    if unit is None:
        raise Rejected(Reason.NO_SUCH_PLACE, "a bank account or cash box that is open", field="place", place=place)
    export = _Export({name: _table(folder, name, columns) for name, columns in _OBJECTS.items()}, unit, place)
    loaded = NpspLoaded(unit=unit, refused=export.refused)
    first = [*export.funds(), *(one for _, one in export.donors)]
    if not _record(book, "npsp-donors", first, loaded, by, check=check):
        return loaded
    places = index_of(book, "npsp-donors", [one for _, one in export.donors])
    donors = {who: index for (who, _), index in zip(export.donors, places, strict=True)}
    given = [*export.gifts(donors), *export.pledges(donors), *export.recurring(donors)]
    loaded.gifts_minor, loaded.pledged_minor = export.gifts_minor, export.pledged_minor
    if not check and not _record(book, "npsp", [one for _, one in given], loaded, by):
        return loaded
    stand = dict(zip((of for of, _ in given), index_of(book, "npsp", [one for _, one in given]), strict=True))
    credits = list(export.credits(stand, donors))
    loaded.credits_minor = export.credits_minor
    if check:  # what builds on donors that are not there yet cannot be rehearsed: it is counted
        loaded.taken.update(one.entry["kind"] for one in (*(one for _, one in given), *credits))
    else:
        _record(book, "npsp", credits, loaded, by)
    return loaded


def _record(
    book: OpenBook, what: str, asked: Sequence[Asked], loaded: NpspLoaded, by: str, *, check: bool = False
) -> bool:
    there = index_of(book, what, asked)
    done = record_all(book, what, asked, by=by, check=check)
    loaded.faults += done.faults
    loaded.repeated += done.repeated
    if not done.faults:
        loaded.taken.update(one.entry["kind"] for one, index in zip(asked, there, strict=True) if index is None)
    return not done.faults


def _table(folder: Path, name: str, columns: set[str]) -> list[dict[str, str]]:
    """The rows of one object, read as carefully as a bank's file."""
    path = folder / f"{name}.csv"
    if not path.is_file():
        raise Rejected(Reason.FILE_UNREADABLE, "the export lacks an object", file=path.name)
    rows = iter(csv_banks.rows_of(path, csv_banks.encoding_of(path), ","))
    header = next(rows, None)
    heads = [] if header is None else [header.text(at) for at in range(len(header.cells))]
    if missing := columns - set(heads):
        raise Rejected(Reason.HEADER_UNKNOWN, "columns are missing", file=path.name, columns=", ".join(sorted(missing)))
    found: dict[str, dict[str, str]] = {}
    for row in (row for row in rows if row.filled):
        said = {head: row.text(at) for at, head in enumerate(heads)}
        key = said.get("id", str(row.number))
        wrong = "is no id" if _ID.fullmatch(key) is None else "stands in a row above already" if key in found else None
        if wrong is not None:
            raise Rejected(Reason.ROW_MALFORMED, wrong, file=path.name, row=row.number, column="id")
        found[key] = {**said, _ROW: str(row.number)}
    return list(found.values())


class _Export:
    """The export's tables, and what becomes of them."""

    def __init__(self, tables: Mapping[str, list[dict[str, str]]], unit: str, place: str) -> None:
        self.tables = tables
        self.unit, self.place, self.digits = unit, place, minor_digits(unit)
        self.refused: Counter[tuple[str, str]] = Counter()
        self.gifts_minor = self.pledged_minor = self.credits_minor = 0
        self.opportunities = {row["id"]: row for row in tables["Opportunity"]}
        self.payments = _grouped(tables["npe01__OppPayment__c"], "npe01__Opportunity__c")
        self.allocations = _grouped(tables["Allocation__c"], "Opportunity__c")
        self.won = {key: row for key, row in self.opportunities.items() if row["stage_name"] == "Closed Won"}
        self.donors = list(self._donors())

    def _no(self, of: str, why: str, rows: int = 1) -> None:
        self.refused[of, why] += rows

    def _minor(self, text: str) -> int | None:
        """An amount as the export writes it (`4965.0`); None for anything else, or a fraction of the smallest part."""
        try:
            scaled = Decimal(text).scaleb(self.digits)
        except ArithmeticError:
            return None
        if not scaled.is_finite() or scaled != scaled.to_integral_value() or not 0 < scaled < 2**53:
            return None
        return int(scaled)

    def funds(self) -> Iterable[Asked]:
        """The funds that gifts and pledges name."""
        used = {row["General_Accounting_Unit__c"] for row in self.tables["Allocation__c"]}
        names = {row["id"]: row["name"] for row in self.tables["General_Accounting_Unit__c"]}
        if unused := len(set(names) - used):
            self._no("General_Accounting_Unit__c", "no allocation names it", unused)
        yield _fund(GENERAL, "NPSP: không chỉ định")
        for unit in sorted(used & set(names), key=lambda unit: (len(unit), unit)):
            yield _fund(f"npsp-gau-{unit}", names[unit])

    def _donors(self) -> Iterable[tuple[tuple[str, str], Asked]]:
        for row in self.tables["Contact"]:
            name = " ".join(row[part] for part in ("Salutation", "FirstName", "LastName") if row[part])
            yield ("Contact", row["id"]), _donor({"name": name, "npsp": f"Contact {row['id']}"}, "person", row[_ROW])
        for row in self.tables["Account"]:
            if row["npe01__SYSTEM_AccountType__c"]:
                self._no("Account", "a household: its members are donors themselves")
                continue
            private = {"name": row["Name"], "npsp": f"Account {row['id']}"}
            yield ("Account", row["id"]), _donor(private, "organisation", row[_ROW])

    def _giver(self, row: Mapping[str, str], donors: Mapping[tuple[str, str], int | None]) -> tuple[bool, int | None]:
        """Whether the giver is known, and where they stand in the book."""
        for of, column in (("Contact", "Primary_Contact__c"), ("Account", "AccountId")):
            if row[column] and (of, row[column]) in donors:
                return True, donors[of, row[column]]
        return False, None

    def gifts(self, donors: Mapping[tuple[str, str], int | None]) -> Iterable[tuple[str, Asked]]:
        """(opportunity and part, entry) of everything that is closed and won."""
        for key, row in self.opportunities.items():
            if key not in self.won:
                if row["stage_name"] != "Pledged":
                    self._no("Opportunity", "neither closed won nor pledged")
                continue
            minor = self._minor(row["amount"])
            known, donor = self._giver(row, donors)
            if minor is None or not known:
                self._no("Opportunity", "no amount" if minor is None else "nobody gave it")
                continue
            paid = [p for p in self.payments.get(key, []) if p["npe01__Paid__c"] == "True"]
            if sum(self._minor(p["npe01__Payment_Amount__c"]) or 0 for p in paid) != minor:
                self._no("npe01__OppPayment__c", "paid parts differ from the gift they belong to", len(paid))
            self.gifts_minor += minor
            for number, (fund, part) in enumerate(self._parts(key, minor)):
                entry = {
                    "kind": "gift_received",
                    "amount": {"minor": part, "unit": self.unit},
                    "donor": {"same_as": donor, "private": {"npsp": f"Opportunity {key}"}},
                    "fund": fund,
                    "parts": [],
                    "place": self.place,
                    "received_on": row["close_date"],
                }
                yield f"{key}/{number}", Asked(entry, (int(row[_ROW]),), "Opportunity")

    def _parts(self, key: str, minor: int) -> list[tuple[str, int]]:
        """The funds of a gift; what its allocations leave is general."""
        parts: dict[str, int] = {}
        units = {row["id"] for row in self.tables["General_Accounting_Unit__c"]}
        for row in self.allocations.get(key, []):
            part, unit = self._minor(row["Amount__c"]), row["General_Accounting_Unit__c"]
            if part is None or unit not in units or sum(parts.values()) + part > minor:
                self._no("Allocation__c", "no amount, no unit, or more than the gift")
                continue
            parts[f"npsp-gau-{unit}"] = parts.get(f"npsp-gau-{unit}", 0) + part
        if rest := minor - sum(parts.values()):
            parts[GENERAL] = rest
        return list(parts.items())

    def pledges(self, donors: Mapping[tuple[str, str], int | None]) -> Iterable[tuple[str, Asked]]:
        """What is promised: pledged opportunities by their planned payments."""
        for key, row in self.opportunities.items():
            if row["stage_name"] != "Pledged":
                continue
            minor = self._minor(row["amount"])
            known, donor = self._giver(row, donors)
            if minor is None or not known:
                self._no("Opportunity", "no amount" if minor is None else "nobody promised it")
                continue
            planned = [
                (p["npe01__Scheduled_Date__c"], self._minor(p["npe01__Payment_Amount__c"]) or 0)
                for p in self.payments.get(key, [])
                if p["npe01__Paid__c"] != "True" and p["npe01__Written_Off__c"] != "True"
            ]
            entry = self._pledge(row["close_date"], minor, donor, f"Opportunity {key}")
            days = sorted(planned)
            if len(days) > 1 and sum(part for _, part in days) == minor and len({d for d, _ in days}) == len(days):
                entry["instalments"] = [{"due_on": day, "minor": part} for day, part in days]
                entry["pledged_on"] = min(row["close_date"], days[0][0])
            else:
                entry["due_on"] = days[-1][0] if days and days[-1][0] else row["close_date"]
                entry["pledged_on"] = min(row["close_date"], entry["due_on"])
            self.pledged_minor += minor
            yield f"pledge/{key}", Asked(entry, (int(row[_ROW]),), "Opportunity")

    def recurring(self, donors: Mapping[tuple[str, str], int | None]) -> Iterable[tuple[str, Asked]]:
        """Active recurring donations: one year of equal parts from the next payment on."""
        for row in self.tables["npe03__Recurring_Donation__c"]:
            every, times = _EVERY.get(row["npe03__Installment_Period__c"], ("", 0))
            minor, who = self._minor(row["npe03__Amount__c"]), ("Contact", row["npe03__Contact__c"])
            if row["Status__c"] != "Active" or not every or minor is None or who not in donors:
                self._no("npe03__Recurring_Donation__c", "not active, or its period, amount or giver is not known")
                continue
            said = f"Recurring_Donation {row['id']}"
            entry = self._pledge(row["npe03__Date_Established__c"], minor * times, donors[who], said)
            entry |= {"due_on": row["npe03__Next_Payment_Date__c"], "recurring": {"every": every, "times": times}}
            self.pledged_minor += minor * times
            yield f"recurring/{row['id']}", Asked(entry, (int(row[_ROW]),), "npe03__Recurring_Donation__c")

    def _pledge(self, day: str, minor: int, donor: int | None, npsp: str) -> dict[str, Any]:
        return {
            "kind": "pledge_made",
            "amount": {"minor": minor, "unit": self.unit},
            "donor": {"same_as": donor, "private": {"npsp": npsp}},
            "firm": False,
            "fund": GENERAL,
            "pledged_on": day,
        }

    def credits(self, stand: Mapping[str, int | None], donors: Mapping[tuple[str, str], int | None]) -> Iterable[Asked]:
        """Who stood behind a gift; on its first part, and at most that part."""
        for key, rows in _grouped(self.tables["Partial_Soft_Credit__c"], "Opportunity__c").items():
            row = self.won.get(key)
            gift = None if row is None else self._minor(row["amount"])
            if row is None or gift is None:
                self._no("Partial_Soft_Credit__c", "its gift was not taken", len(rows))
                continue
            limit, credits = self._parts_quietly(key, gift), []
            for credit in rows:
                minor, who = self._minor(credit["Amount__c"]), ("Contact", credit["Contact__c"])
                if minor is None or minor > limit:
                    self._no("Partial_Soft_Credit__c", "no amount, or more than is left of the gift's first part")
                    continue
                limit -= minor
                self.credits_minor += minor
                person = {"same_as": donors.get(who), "private": {"npsp": f"Partial_Soft_Credit {credit['id']}"}}
                credits.append({"minor": minor, "person": person})
            if credits:
                index = stand.get(f"{key}/0")
                entry = {"kind": "credits_listed", "credits": credits, "gift": index, "listed_on": row["close_date"]}
                yield Asked(entry, (int(rows[0][_ROW]),), "Partial_Soft_Credit__c")

    def _parts_quietly(self, key: str, minor: int) -> int:
        before = Counter(self.refused)
        first = self._parts(key, minor)[0][1]
        self.refused.clear()
        self.refused.update(before)
        return first


def _grouped(rows: Iterable[dict[str, str]], column: str) -> dict[str, list[dict[str, str]]]:
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def _fund(code: str, name: str) -> Asked:
    restriction: dict[str, list[str]] = {"activities": [], "classes": [], "communes": []}
    entry = {"kind": "fund_opened", "fund": code, "name": name, "places": [], "source": "gift"}
    return Asked({**entry, "restriction": restriction}, (0,), "General_Accounting_Unit__c")


def _donor(private: dict[str, str], kind: str, row: str) -> Asked:
    entry = {"kind": "donor_registered", "donor": {"private": private}, "donor_kind": kind, "may_publish_name": False}
    return Asked(entry, (int(row),), private["npsp"].split()[0])
