"""Programmes, communes and goods: the words later entries use."""

from datetime import date
from typing import ClassVar

import msgspec

from ledger.accounts import Code
from ledger.entries.base import EntryBase, Title, View, needed
from ledger.money import GoodsUnit
from ledger.places import CommuneCode, ProvinceCode
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class Activity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something a programme does."""

    activity: Code
    name: Title


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


class Commune(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One commune-level unit as it was on a day."""

    commune: CommuneCode
    name: Title
    province: ProvinceCode


class CommunesListed(EntryBase, frozen=True, kw_only=True):
    """Communes that a programme serves, each named with the day its code is valid from."""

    title: ClassVar = ("Danh sách xã", "Commune list")

    programme: Code
    communes: tuple[Commune, ...]

    def reads(self) -> tuple[Key, ...]:
        return (Key("programme", self.programme), *(Key("commune", c.commune) for c in self.communes))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "programme", self.programme, Reason.NO_SUCH_PROGRAMME, field="programme")
        if len({c.commune for c in self.communes}) != len(self.communes):
            raise Rejected(Reason.MALFORMED, "a commune is named twice", field="communes")
        return tuple(
            Change("commune", c.commune, {"index": view.index, "name": c.name, "province": c.province})
            for c in self.communes
            if view.register("commune", c.commune) is None
        )


class GoodsListed(EntryBase, frozen=True, kw_only=True):
    """A kind of goods that can be bought, kept and delivered by the piece."""

    title: ClassVar = ("Danh mục hiện vật", "Goods listed")

    goods: GoodsUnit
    name: Title
    counted_in: Title
    """The word for one piece: hộp, chiếc, bộ."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("goods", self.goods),)

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("goods", self.goods) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="goods", code=self.goods)
        return (Change("goods", self.goods, {"index": view.index}),)
