"""The catalogues as a folder of CSV files that the accountant may edit → entries of what the book does not have yet.

The ready set is `ledger/data` itself (its README says where each file is from): `write_ready` copies the files out,
`load_catalogue` reads them, or the ready ones where no folder is given. A file that is not in the folder says nothing.

What is there already is compared with the files: equal is nothing new; a changed class, package, list, flag, activity
or target is recorded as the next version; a programme or goods once opened stay as they are, and are named as `kept`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ledger.days import day_of, to_instant
from ledger.home import OpenBook
from ledger.load.columns import Column, Fault, Line, read_lines
from ledger.load.lists import Asked, Loaded, record_all
from ledger.refusals import Reason, Rejected
from ledger.registers import decode_value
from ledger.statements.sheet import sheet_rows
from ledger.store import read
from ledger.store.engine import reading

Registers = Mapping[str, Mapping[str, dict[str, Any]]]


def _code(name: str, *, needed: bool = True) -> Column:
    return Column(name, name, name, "code", needed=needed)


def _text(name: str, *, needed: bool = True) -> Column:
    return Column(name, name, name, needed=needed)


def _day(name: str, *, needed: bool = True) -> Column:
    return Column(name, name, name, "day", needed=needed)


def _count(name: str) -> Column:
    return Column(name, name, name, "count")


def _yes(name: str) -> Column:
    return Column(name, name, name, "yes", needed=True)


def _words(name: str, *words: str) -> Column:
    return Column(name, name, name, "choice", needed=True, words={word: word for word in words})


FILES: Final[dict[str, tuple[Column, ...]]] = {
    "programmes": (
        *(_code("programme"), _text("name"), _day("from_on"), _day("to_on")),
        *(_code("plan", needed=False), _code("commune_list", needed=False)),
    ),
    "activities": (
        *(_code("code"), _text("name_vi"), _text("name_en", needed=False), _text("delivery", needed=False)),
        *(_text("unit", needed=False), _text("plans", needed=False), _code("general"), _yes("sensitive")),
    ),
    "classes": (
        *(_code("code"), _text("name_vi"), _text("name_en"), _text("legal_basis"), _count("from_age")),
        *(_count("to_age"), _yes("sensitive"), _day("valid_from")),
    ),
    "communes": (*(_code("code"), _day("valid_from"), _text("kind"), _text("name"), _code("province")),),
    "commune_lists": (_code("list"), _day("listed_on"), _code("code"), _day("valid_from")),
    "commune_flags": (
        *(_code("flag"), _code("code"), _day("valid_from"), _text("decision"), _day("from_on")),
        _day("to_on", needed=False),
    ),
    "goods": (
        *(_code("goods"), _text("name"), _text("counted_in"), _text("norm", needed=False)),
        *(Column("unit_price", "unit_price", "unit_price", "amount"),),
        *(Column("expires", "expires", "expires", "yes"), Column("inspected", "inspected", "inspected", "yes")),
    ),
    "packages": (
        *(_code("package"), _text("name"), _code("programme"), _code("activity"), _text("standard")),
        *(_text("items", needed=False), Column("unit_price", "unit_price", "unit_price", "amount", needed=True)),
        *(Column("unit", "unit", "unit", "unit"), _day("valid_from")),
    ),
    "targets": (
        *(_code("target"), _code("programme"), _text("what"), _words("sense", "at_least", "at_most", "falls")),
        *(_count("value"), _words("unit", "percent", "per_100000", "count"), _day("by_on")),
        *(_text("denominator", needed=False), _day("denominator_as_of", needed=False), _yes("sensitive")),
    ),
    "vouchers": (_code("series"), _code("kind"), _text("moves", needed=False), _yes("typed"), _count("leaves")),
}
"""File → its columns. Headings are the columns' names."""


@dataclass(slots=True)
class CatalogueLoaded(Loaded):
    """What became of the folder; `faults` name the file in front of the column."""

    kept: list[str] = field(default_factory=list)
    """Programmes and goods that were there already: they stay as they are, whatever the files say."""


def write_ready(folder: Path) -> list[str]:
    """Copies the ready set into a folder for editing; files that are there already are left alone and not named."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in FILES:
        target = folder / f"{name}.csv"
        if not target.exists():
            target.write_bytes(files("ledger").joinpath("data", f"{name}.csv").read_bytes())
            written.append(target.name)
    return written


def load_catalogue(book: OpenBook, folder: Path | None, *, by: str, check: bool = False) -> CatalogueLoaded:
    """Records what the files say and the book does not, in one transaction or not at all.

    Raises Rejected for a folder without any of the files, and for a file that cannot be read as what it is named.
    """
    ready = Path(str(files("ledger").joinpath("data")))
    chosen = ready if folder is None else folder
    loaded = CatalogueLoaded()
    tables: dict[str, list[Line]] = {}
    for name, columns in FILES.items():
        path = chosen / f"{name}.csv"
        if not path.is_file():
            continue
        try:
            tables[name], faults = read_lines(sheet_rows(path), columns)
        except Rejected as refused:
            if refused.reason is Reason.NO_LINES:
                continue
            refused.details.setdefault("file", path.name)
            raise
        loaded.lines += len(tables[name])
        loaded.faults += [Fault(f.row, f"{name}.csv: {f.column}", f.reason, f.message) for f in faults]
    if not tables and not loaded.faults:
        raise Rejected(Reason.FILE_UNREADABLE, "the folder has none of the catalogue's files", files=", ".join(FILES))
    if loaded.faults:
        return loaded
    today = day_of(to_instant(book.clock()), book.opened.zone).isoformat()
    made = _Maker(_registers(book), {name: _values(lines) for name, lines in tables.items()}, today)
    recorded = record_all(book, "catalogue", made.all(), by=by, check=check)
    loaded.faults, loaded.kept = recorded.faults, made.kept
    loaded.recorded, loaded.repeated, loaded.indices = recorded.recorded, recorded.repeated, recorded.indices
    return loaded


def _registers(book: OpenBook) -> Registers:
    names = ("programme", "activity", "class", "commune", "commune-flag", "goods", "package", "programme-communes")
    with reading(book.engine) as db:
        return {
            name: {key: decode_value(value) for key, value in read.register_rows(db, book.code, name)}
            for name in (*names, "target", "policy")
        }


def _values(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """The lines' values, each with its `row`."""
    return [{**line.values, "row": line.row} for line in lines]


Made = tuple[dict[str, Any], Iterable[Mapping[str, Any]]]
"""An entry and the rows it was made from."""


class _Maker:
    """Entries for what the registers do not say yet, in the order in which they build on each other."""

    def __init__(self, known: Registers, tables: Mapping[str, list[dict[str, Any]]], today: str) -> None:
        self.known = known
        self.today = today
        self.tables = tables
        self.kept: list[str] = []

    def all(self) -> list[Asked]:
        steps: dict[str, Callable[[], Iterable[Made]]] = {
            "activities": self._activities,
            "programmes": self._programmes,
            "classes": self._classes,
            "commune_lists": self._lists,
            "commune_flags": self._flags,
            "goods": self._goods,
            "packages": self._packages,
            "targets": self._targets,
            "vouchers": self._vouchers,
        }
        # The same words said again, after others were said in between, are a new entry.
        after = max((_newest(row) for rows in self.known.values() for row in rows.values()), default=0)
        return [
            Asked(entry, tuple(row["row"] for row in rows), f"{name}.csv", f"after {after}")
            for name, step in steps.items()
            for entry, rows in step()
        ]

    def _rows(self, name: str) -> list[dict[str, Any]]:
        return self.tables.get(name, [])

    def _activities(self) -> Iterable[Made]:
        new: list[dict[str, Any]] = []
        of = []
        for row in self._rows("activities"):
            said = {"general": row["general"], "name": row["name_vi"], "sensitive": row["sensitive"]}
            known = self.known["activity"].get(row["code"], {})
            if any(known.get(name) != value for name, value in said.items()):
                new.append({"activity": row["code"], **said})
                of.append(row)
        if new:
            yield {"kind": "activities_listed", "activities": new}, of

    def _programmes(self) -> Iterable[Made]:
        for row in self._rows("programmes"):
            if row["programme"] in self.known["programme"]:
                self.kept.append(row["programme"])
                continue
            activities = [
                {"activity": a["code"], "name": a["name_vi"]}
                for a in self._rows("activities")
                if "plan" in row and row["plan"] in a.get("plans", "").split(";")
            ]
            entry = {
                "kind": "programme_opened",
                "activities": activities,
                **{name: row[name] for name in ("from_on", "name", "programme", "to_on")},
            }
            yield entry, [row]

    def _classes(self) -> Iterable[Made]:
        new: list[dict[str, Any]] = []
        of = []
        for row in self._rows("classes"):
            said: dict[str, Any] = {
                "legal_basis": row["legal_basis"],
                "name": row["name_vi"],
                "name_en": row["name_en"],
                "sensitive": row["sensitive"],
            }
            said |= {age: row[age] for age in ("from_age", "to_age") if age in row}
            if self._differs("class", row["code"], row["valid_from"], said):
                new.append({"code": row["code"], "valid_from": row["valid_from"], **said})
                of.append(row)
        if new:
            yield {"kind": "classes_listed", "classes": new}, of

    def _lists(self) -> Iterable[Made]:
        units = {f"{row['code']}@{row['valid_from']}": row for row in self._rows("communes")}
        lists: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in self._rows("commune_lists"):
            lists.setdefault((row["list"], row["listed_on"]), []).append(row)
        for programme in self._rows("programmes"):
            for (name, listed_on), of in sorted(lists.items(), key=lambda item: item[0]):
                if name != programme.get("commune_list"):
                    continue
                communes = [f"{row['code']}@{row['valid_from']}" for row in of]
                if not self._differs("programme-communes", programme["programme"], listed_on, {"communes": communes}):
                    continue
                if missing := [commune for commune in communes if commune not in units]:
                    raise Rejected(Reason.NO_SUCH_COMMUNE, "not in communes.csv", field="commune", commune=missing[0])
                named = [{"commune": c, "name": units[c]["name"], "province": units[c]["province"]} for c in communes]
                entry = {"kind": "communes_listed", "communes": named, "listed_on": listed_on}
                yield {**entry, "programme": programme["programme"]}, of

    def _flags(self) -> Iterable[Made]:
        for row in self._rows("commune_flags"):
            commune = f"{row['code']}@{row['valid_from']}"
            said = {"decision": row["decision"], "to_on": row.get("to_on")}
            if self._differs("commune-flag", f"{row['flag']}/{commune}", row["from_on"], said):
                entry = {
                    "kind": "commune_flagged",
                    "commune": commune,
                    "decision": row["decision"],
                    "flag": row["flag"],
                    "from_on": row["from_on"],
                }
                yield (entry if "to_on" not in row else {**entry, "to_on": row["to_on"]}), [row]

    def _goods(self) -> Iterable[Made]:
        for row in self._rows("goods"):
            if row["goods"] in self.known["goods"]:
                self.kept.append(row["goods"])
                continue
            entry = {
                "kind": "goods_listed",
                "counted_in": row["counted_in"],
                "goods": row["goods"],
                "name": row["name"],
            }
            entry |= {name: row[name] for name in ("norm", "expires", "inspected") if name in row}
            yield (entry if "unit_price" not in row else {**entry, "unit_price_minor": row["unit_price"]}), [row]

    def _packages(self) -> Iterable[Made]:
        for row in self._rows("packages"):
            items = [_item(text) for text in row.get("items", "").split(";") if text.strip()]
            said = {
                "activity": row["activity"],
                "name": row["name"],
                "programme": row["programme"],
                "standard": row["standard"],
                "unit_price": {"minor": row["unit_price"], "unit": row.get("unit", "VND")},
            }
            held = {**said, "items": {item["goods"]: item["quantity"] for item in items}}
            if self._differs("package", row["package"], row["valid_from"], held):
                entry = {"kind": "package_listed", "package": row["package"], "valid_from": row["valid_from"]}
                yield {**entry, **said, "items": items}, [row]

    def _targets(self) -> Iterable[Made]:
        for row in self._rows("targets"):
            names = ("by_on", "programme", "sense", "sensitive", "unit", "what", "value")
            said = {name: row[name] for name in names if name in row}
            if "denominator" in row:
                said["denominator"] = {"as_of": row.get("denominator_as_of", ""), "name": row["denominator"]}
            known = self.known["target"].get(row["target"])
            held = {**dict.fromkeys(("denominator", "value")), **said}
            if known is None or any(known[name] != value for name, value in held.items()):
                yield {"kind": "target_set", "target": row["target"], **said}, [row]

    def _vouchers(self) -> Iterable[Made]:
        """The series are one entry: a changed file says all of them anew."""
        rows = self._rows("vouchers")
        series = []
        for row in rows:
            moves = [move.strip() for move in row.get("moves", "").split(";") if move.strip()]
            one = {"kind": row["kind"], "moves": moves, "series": row["series"], "typed": row["typed"]}
            series.append(one if "leaves" not in row else {**one, "leaves": row["leaves"]})
        known = self.known["policy"].get("vouchers", {}).get("series", {})
        if series and {one["series"]: one for one in series} != known:
            yield {"kind": "vouchers_set", "series": series, "set_on": self.today}, rows

    def _differs(self, register: str, key: str, from_on: str, said: Mapping[str, Any]) -> bool:
        """Whether the version of that day is not there, or says something else."""
        versions = self.known[register].get(key, {}).get("versions", [])
        held = next((v for v in versions if v["from_on"] == from_on), None)
        return held is None or any(held[name] != value for name, value in said.items())


def _newest(row: Mapping[str, Any]) -> int:
    """The greatest index that a register row names."""
    return max(int(one["index"]) for one in row.get("versions", [row]))


def _item(text: str) -> dict[str, Any]:
    """`sua-hop-180ml:20` → an item of a package."""
    goods, _, quantity = text.strip().partition(":")
    if not quantity.strip().isascii() or not quantity.strip().isdecimal():
        raise Rejected(Reason.ROW_MALFORMED, "goods:quantity; goods:quantity", field="packages.csv: items")
    return {"goods": goods.strip(), "quantity": int(quantity)}


__all__ = ["FILES", "CatalogueLoaded", "load_catalogue", "write_ready"]
