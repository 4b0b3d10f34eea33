"""Programmes, activities, classes, communes, goods and packages: the words later entries use.

What changes with time is kept in versions, each holding from its day on: register rows `class`, `package` and
`programme-communes` are `{"versions": [{"from_on", "index", …}, …]}` in order of their days. What was in force on a day
is asked by `class_on`, `package_on`, `commune_listed`, `commune_has_flag`; nothing recorded earlier changes.
"""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.accounts import Code
from ledger.entries.base import EntryBase, Index, Sha256, Title, View, needed
from ledger.money import Amount, GoodsUnit, PositiveMinor, is_currency
from ledger.places import CommuneCode, ProvinceCode
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class Activity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something a programme does."""

    activity: Code
    name: Title


Age = Annotated[int, msgspec.Meta(ge=0, le=18)]
"""Whole years."""


def with_version(row: dict[str, Any] | None, version: dict[str, Any], *, field: str) -> list[dict[str, Any]]:
    """The versions of a register row with one more; one of the same `from_on` replaces it.

    Raises Rejected(MALFORMED) for a version that would begin before the last one.
    """
    versions: list[dict[str, Any]] = [] if row is None else list(row["versions"])
    if versions and version["from_on"] < versions[-1]["from_on"]:
        raise Rejected(
            Reason.MALFORMED, "begins before the version in force", field=field, in_force_from=versions[-1]["from_on"]
        )
    if versions and version["from_on"] == versions[-1]["from_on"]:
        versions.pop()
    return [*versions, version]


def version_on(row: dict[str, Any] | None, on: date) -> dict[str, Any] | None:
    """The version of a register row that holds on a day, or None."""
    day = on.isoformat()
    return next((v for v in reversed(row["versions"]) if v["from_on"] <= day), None) if row is not None else None


class ProgrammeOpened(EntryBase, frozen=True, kw_only=True):
    """A plan with its activities and its years."""

    title: ClassVar = ("Mở chương trình", "Programme opened")

    programme: Code
    name: Title
    activities: tuple[Activity, ...]
    from_on: date
    to_on: date

    def reads(self) -> tuple[Key, ...]:
        return (Key("programme", self.programme), *(Key("activity", a.activity) for a in self.activities))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("programme", self.programme) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="programme", code=self.programme)
        if self.from_on > self.to_on:
            raise Rejected(Reason.MALFORMED, "the programme ends before it begins", field="to_on")
        new = {a.activity for a in self.activities if view.register("activity", a.activity) is None}
        return (
            Change("programme", self.programme, {"index": view.index}),
            *(Change("activity", code, {"index": view.index}) for code in sorted(new)),
        )


class DetailedActivity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An activity, and how it may be spoken of."""

    activity: Code
    general: Code
    """What stands open in its place when a group is small: the activity itself, or a wider one."""
    name: Title
    sensitive: bool
    """Its own name would say too much of a child: only `general` ever stands open."""


class ActivitiesListed(EntryBase, frozen=True, kw_only=True):
    """Activities with how openly they may be named; a later list replaces what an earlier one said of the same code."""

    title: ClassVar = ("Danh mục hoạt động", "Activities listed")

    activities: tuple[DetailedActivity, ...]

    def reads(self) -> tuple[Key, ...]:
        codes = {code for a in self.activities for code in (a.activity, a.general)}
        return tuple(Key("activity", code) for code in sorted(codes))

    def changes(self, view: View) -> tuple[Change, ...]:
        said = {a.activity for a in self.activities}
        if not said or len(said) != len(self.activities):
            raise Rejected(Reason.MALFORMED, "none, or one named twice", field="activities")
        for a in self.activities:
            if a.general not in said:
                needed(view, "activity", a.general, Reason.NO_SUCH_ACTIVITY, field="activities")
        return tuple(
            Change(
                "activity",
                a.activity,
                {
                    "general": a.general,
                    "index": (view.register("activity", a.activity) or {"index": view.index})["index"],
                    "name": a.name,
                    "sensitive": a.sensitive,
                },
            )
            for a in self.activities
        )


class BeneficiaryClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A group of children that aid is for."""

    code: Code
    """Code of the class."""
    name: Title
    name_en: Title
    """Its name in English."""
    legal_basis: Title
    """The law or plan that says so."""
    sensitive: bool
    """No record names it in the open: abuse, HIV, offences, drugs, trafficking."""
    valid_from: date
    """Day from which this version holds."""
    from_age: Age | None = None
    """The first year of age that belongs to it."""
    to_age: Age | None = None
    """The last year of age that belongs to it."""


class ClassesListed(EntryBase, frozen=True, kw_only=True):
    """Beneficiary classes; of a class that is there already, a version that holds from its `valid_from`."""

    title: ClassVar = ("Danh mục nhóm trẻ em", "Beneficiary classes listed")

    classes: tuple[BeneficiaryClass, ...]

    def reads(self) -> tuple[Key, ...]:
        return tuple(Key("class", one.code) for one in self.classes)

    def changes(self, view: View) -> tuple[Change, ...]:
        if not self.classes or len({one.code for one in self.classes}) != len(self.classes):
            raise Rejected(Reason.MALFORMED, "none, or one named twice", field="classes")
        changes = []
        for one in self.classes:
            if one.from_age is not None and one.to_age is not None and one.from_age > one.to_age:
                raise Rejected(Reason.MALFORMED, "the ages run backwards", field="classes", code=one.code)
            version = {
                "from_age": one.from_age,
                "from_on": one.valid_from.isoformat(),
                "index": view.index,
                "legal_basis": one.legal_basis,
                "name": one.name,
                "name_en": one.name_en,
                "sensitive": one.sensitive,
                "to_age": one.to_age,
            }
            versions = with_version(view.register("class", one.code), version, field="classes")
            # Once sensitive, for ever: what older records hide stays hidden.
            value = {"sensitive": any(v["sensitive"] for v in versions), "versions": versions}
            changes.append(Change("class", one.code, value))
        return tuple(changes)


def class_on(view: View, code: str, on: date, *, field: str) -> dict[str, Any]:
    """The version of a class that holds on a day; raises Rejected(NO_SUCH_CLASS).

    `sensitive` is the class's, over all its versions.
    """
    row = needed(view, "class", code, Reason.NO_SUCH_CLASS, field=field)
    version = version_on(row, on)
    if version is None:
        raise Rejected(Reason.NO_SUCH_CLASS, "not yet on that day", field=field, code=code)
    return {**version, "sensitive": row["sensitive"]}


class Commune(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One commune-level unit as it was on a day."""

    commune: CommuneCode
    name: Title
    province: ProvinceCode


class CommunesListed(EntryBase, frozen=True, kw_only=True):
    """Communes that a programme serves, each named with the day its code is valid from.

    With `listed_on` the entry is the whole list from that day on, and aid outside it is refused.
    """

    title: ClassVar = ("Danh sách xã", "Commune list")

    programme: Code
    communes: tuple[Commune, ...]
    listed_on: date | None = None
    """Day from which this is the whole list."""

    def reads(self) -> tuple[Key, ...]:
        keys = (Key("programme", self.programme), *(Key("commune", c.commune) for c in self.communes))
        return keys if self.listed_on is None else (*keys, Key("programme-communes", self.programme))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "programme", self.programme, Reason.NO_SUCH_PROGRAMME, field="programme")
        if len({c.commune for c in self.communes}) != len(self.communes):
            raise Rejected(Reason.MALFORMED, "a commune is named twice", field="communes")
        new = tuple(
            Change("commune", c.commune, {"index": view.index, "name": c.name, "province": c.province})
            for c in self.communes
            if view.register("commune", c.commune) is None
        )
        if self.listed_on is None:
            return new
        version = {
            "communes": [c.commune for c in self.communes],
            "from_on": self.listed_on.isoformat(),
            "index": view.index,
        }
        versions = with_version(view.register("programme-communes", self.programme), version, field="listed_on")
        return (*new, Change("programme-communes", self.programme, {"versions": versions}))


def commune_listed(view: View, programme: str, commune: str, on: date) -> bool:
    """Whether a programme served a commune on a day; True where the programme has no list by days."""
    row = view.register("programme-communes", programme)
    if row is None:
        return True
    version = version_on(row, on)
    return version is not None and commune in version["communes"]


class CommuneFlagged(EntryBase, frozen=True, kw_only=True):
    """A decision classes a commune for a time: khu vực II, miền núi, biên giới, hải đảo.

    The same flag from the same day again replaces what was said, so its end can be told later.
    """

    title: ClassVar = ("Phân loại xã", "Commune flagged")

    commune: CommuneCode
    decision: Title
    """Number of the decision or plan that says so."""
    flag: Code
    """`khu-vuc-2`, `mien-nui`, `dtts-mn`, …"""
    from_on: date
    to_on: date | None = None
    decision_sha256: Sha256 | None = None
    """Of that decision or plan."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("commune", self.commune), Key("commune-flag", f"{self.flag}/{self.commune}"))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "commune", self.commune, Reason.NO_SUCH_COMMUNE, field="commune")
        if self.to_on is not None and self.to_on < self.from_on:
            raise Rejected(Reason.MALFORMED, "it ends before it begins", field="to_on")
        key = f"{self.flag}/{self.commune}"
        to_on = None if self.to_on is None else self.to_on.isoformat()
        version = {"decision": self.decision, "from_on": self.from_on.isoformat(), "index": view.index, "to_on": to_on}
        versions = with_version(view.register("commune-flag", key), version, field="from_on")
        return (Change("commune-flag", key, {"versions": versions}),)


def flag_holds(row: dict[str, Any] | None, on: date) -> bool:
    """Whether a row of `commune-flag` holds on a day."""
    version = version_on(row, on)
    return version is not None and (version["to_on"] is None or on.isoformat() <= version["to_on"])


def commune_has_flag(view: View, flag: str, commune: str, on: date) -> bool:
    """Whether a commune bore a flag on a day."""
    return flag_holds(view.register("commune-flag", f"{flag}/{commune}"), on)


class CommuneMapped(EntryBase, frozen=True, kw_only=True):
    """A person decided in which unit a commune's aid is counted, where a unit was split or joined.

    For every record that names `commune`, or for the one record `of_record`.
    """

    title: ClassVar = ("Quyết định xã tính vào", "Commune mapped")
    day_field: ClassVar = "decided_on"

    commune: CommuneCode
    counted_in: CommuneCode
    """The unit it is counted in."""
    decided_on: date
    decision_sha256: Sha256
    """Of the signed decision."""
    of_record: Index | None = None
    """The one record it is decided for; absent: every record that names the commune."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("commune", self.commune), Key("commune", self.counted_in))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "commune", self.commune, Reason.NO_SUCH_COMMUNE, field="commune")
        needed(view, "commune", self.counted_in, Reason.NO_SUCH_COMMUNE, field="counted_in")
        if self.commune == self.counted_in:
            raise Rejected(Reason.MALFORMED, "the same unit", field="counted_in")
        if self.of_record is not None and self.of_record >= view.index:
            raise Rejected(Reason.NO_SUCH_RECORD, field="of_record", index=self.of_record)
        value = {"counted_in": self.counted_in, "index": view.index}
        return (Change("commune-map", map_key(self.commune, self.of_record), value),)


def map_key(commune: str, record: int | None) -> str:
    """The key of a row of `commune-map`: a decision for one record, or for all of a commune."""
    return commune if record is None else f"{commune}/{record}"


class Fits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom a piece of clothing fits; what is not said fits all."""

    from_age: Age | None = None
    gender: Literal["boy", "girl"] | None = None
    size: Code | None = None
    to_age: Age | None = None
    """The last year of age that it fits."""


class GoodsListed(EntryBase, frozen=True, kw_only=True):
    """A kind of goods that can be given, bought, kept and delivered by the piece.

    Goods that expire or must be inspected are kept by lot (ledger/entries/lots.py).
    """

    title: ClassVar = ("Danh mục hiện vật", "Goods listed")

    goods: GoodsUnit
    name: Title
    counted_in: Title
    """The word for one piece: hộp, chiếc, bộ."""
    expires: bool | None = None
    """Each lot has a last day on which it may be handed out."""
    fits: Fits | None = None
    """Whom it fits, for clothes and shoes."""
    inspected: bool | None = None
    """Nothing of a lot is handed out before it was inspected and passed."""
    norm: Title | None = None
    """The standard it must meet (tiêu chuẩn)."""
    unit_price_minor: PositiveMinor | None = None
    """The usual price of one piece in đồng."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("goods", self.goods),)

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("goods", self.goods) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="goods", code=self.goods)
        fits = self.fits
        if fits is not None and (fits.from_age or 0) > (18 if fits.to_age is None else fits.to_age):
            raise Rejected(Reason.MALFORMED, "the ages run backwards", field="fits")
        said = {
            "expires": self.expires or None,
            "fits": None if fits is None else msgspec.to_builtins(fits),
            "inspected": self.inspected or None,
            "norm": self.norm,
            "tracked": self.expires or self.inspected or None,
            "unit_price_minor": self.unit_price_minor,
        }
        more = {name: value for name, value in said.items() if value is not None}
        return (Change("goods", self.goods, {"index": view.index, **more}),)


class PackageItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Goods in one package."""

    goods: GoodsUnit
    quantity: PositiveMinor


class PackageListed(EntryBase, frozen=True, kw_only=True):
    """A support package (gói hỗ trợ): what is in one, its standard and its price from a day on.

    Without items it is money: the unit price is what one child or class gets. The same code again is a new version.
    """

    title: ClassVar = ("Danh mục gói hỗ trợ", "Support package listed")

    activity: Code
    items: tuple[PackageItem, ...]
    name: Title
    package: Code
    """Code of the package."""
    programme: Code
    standard: Title
    """Tiêu chuẩn: the quality it must have."""
    unit_price: Amount
    """Đơn giá of one package."""
    valid_from: date
    """Day from which this version holds."""

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("activity", self.activity),
            Key("package", self.package),
            Key("programme", self.programme),
            *(Key("goods", item.goods) for item in self.items),
        )

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "programme", self.programme, Reason.NO_SUCH_PROGRAMME, field="programme")
        needed(view, "activity", self.activity, Reason.NO_SUCH_ACTIVITY, field="activity")
        if not is_currency(self.unit_price.unit):
            raise Rejected(Reason.UNIT_DIFFERS, "a price is money", field="unit_price")
        if len({item.goods for item in self.items}) != len(self.items):
            raise Rejected(Reason.MALFORMED, "goods named twice", field="items")
        for item in self.items:
            needed(view, "goods", item.goods, Reason.NO_SUCH_GOODS, field="items")
        version = {
            "activity": self.activity,
            "from_on": self.valid_from.isoformat(),
            "index": view.index,
            "items": {item.goods: item.quantity for item in self.items},
            "name": self.name,
            "programme": self.programme,
            "standard": self.standard,
            "unit_price": {"minor": self.unit_price.minor, "unit": self.unit_price.unit},
        }
        versions = with_version(view.register("package", self.package), version, field="valid_from")
        return (Change("package", self.package, {"versions": versions}),)


def package_on(view: View, package: str, on: date, *, field: str = "package") -> dict[str, Any]:
    """The version of a package that holds on a day; raises Rejected(NO_SUCH_PACKAGE)."""
    version = version_on(needed(view, "package", package, Reason.NO_SUCH_PACKAGE, field=field), on)
    if version is None:
        raise Rejected(Reason.NO_SUCH_PACKAGE, "not yet on that day", field=field, package=package)
    return version


def check_package(view: View, package: str, *, activity: str, amount: Amount, count: int, on: date) -> None:
    """A decision on `count` packages keeps to the catalogue of its day.

    Money: at most count × unit price, else Rejected(ABOVE_CATALOGUE). Goods: the package holds them, and at most
    count × quantity is asked. Raises Rejected(NO_SUCH_PACKAGE, OUTSIDE_RESTRICTION for another activity).
    """
    version = package_on(view, package, on)
    if version["activity"] != activity:
        raise Rejected(Reason.OUTSIDE_RESTRICTION, "the package is for another activity", field="package")
    if is_currency(amount.unit):
        price = version["unit_price"]
        if price["unit"] != amount.unit:
            raise Rejected(Reason.UNIT_DIFFERS, "the package is priced in another currency", field="amount")
        most = count * price["minor"]
    else:
        most = count * version["items"].get(amount.unit, 0)
    if amount.minor > most:
        raise Rejected(Reason.ABOVE_CATALOGUE, field="amount", package=package, most_minor=most, unit=amount.unit)
