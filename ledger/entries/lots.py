"""Lots: goods that expire, or that must be inspected first, are kept and issued lot by lot (R07).

Goods are kept by lot when `goods_listed` said `expires` or `inspected`; all other goods are not, and name no lots.
A lot lies in one store. How much of it is on hand is the balance of `lot:<lot>` in the goods' unit; what it is stands
in the register `lot`, and the lots of one kind of goods in one store, first expired first, in the register `lots`.

A lot is **fit** when it was not found bad, was inspected if it had to be, and has not expired on the day. Only what is
fit leaves a store for somebody's hands, and what expires first leaves first (FEFO).
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from ledger.accounts import Code, Posting, move
from ledger.entries.base import View, needed
from ledger.money import Amount, PositiveMinor
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

LotState = Literal["good", "waiting", "failed"]
"""`waiting`: must be inspected first. `failed`: an inspection found it bad."""
_NEVER = date.max.isoformat()


class LotPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A quantity of one lot."""

    lot: Code
    minor: PositiveMinor


class Incoming(Protocol):
    """An item that enters a store; `lot` and `expires_on` only where its goods are kept by lot."""

    @property
    def goods(self) -> str: ...
    @property
    def quantity(self) -> int: ...
    @property
    def lot(self) -> str | None: ...
    @property
    def expires_on(self) -> date | None: ...


class Brought(NamedTuple):
    """An item by itself, where an entry is about one."""

    goods: str
    quantity: int
    lot: str | None
    expires_on: date | None


def lots_in(items: Iterable[Incoming]) -> tuple[Posting, ...]:
    """The memo of items that enter a store: what is on hand of their lots."""
    return tuple(
        move(Amount(item.quantity, item.goods), "lots", f"lot:{item.lot}") for item in items if item.lot is not None
    )


def lots_back(unit: str, parts: Sequence[LotPart] | None) -> tuple[Posting, ...]:
    """The memo of parts of lots that come back into their store."""
    return tuple(move(Amount(part.minor, unit), "lots", f"lot:{part.lot}") for part in parts or ())


def lots_out(unit: str, parts: Sequence[LotPart] | None) -> tuple[Posting, ...]:
    """The memo of parts of lots that leave their store."""
    return tuple(move(Amount(part.minor, unit), f"lot:{part.lot}", "lots") for part in parts or ())


def lot_keys(store: str, items: Iterable[Incoming]) -> tuple[Key, ...]:
    """The register rows `open_lots` looks at."""
    keys: list[Key] = []
    for item in items:
        if item.lot is not None:
            keys += [Key("lot", item.lot), Key("lots", f"{store}/{item.goods}")]
    return tuple(keys)


def is_tracked(view: View, goods: str) -> bool:
    """Whether these goods are kept by lot."""
    row = view.register("goods", goods)
    return row is not None and bool(row.get("tracked"))


def open_lots(view: View, store: str, items: Sequence[Incoming], *, field: str | None) -> tuple[Change, ...]:
    """New lots of goods that enter a store, one for each item of goods that are kept by lot.

    `field` is the list that the items stand in; None where the entry is itself the one item.

    Raises Rejected: MALFORMED (a lot where none belongs, none where one does), ALREADY_EXISTS.
    """
    rows: list[Change] = []
    listed: dict[str, list[str]] = {}
    opened: dict[str, str] = {}
    for number, item in enumerate(items):
        where = "" if field is None else f"{field}[{number}]."
        goods = needed(view, "goods", item.goods, Reason.NO_SUCH_GOODS, field=field or "amount")
        if not goods.get("tracked"):
            if item.lot is not None or item.expires_on is not None:
                raise Rejected(Reason.MALFORMED, "these goods are not kept by lot", field=f"{where}lot")
            continue
        if item.lot is None:
            raise Rejected(Reason.MALFORMED, "these goods are kept by lot", field=f"{where}lot")
        if goods.get("expires") and item.expires_on is None:
            raise Rejected(Reason.MALFORMED, "these goods expire: say when", field=f"{where}expires_on")
        if item.lot in opened or view.register("lot", item.lot) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field=f"{where}lot", code=item.lot)
        value: dict[str, Any] = {
            "goods": item.goods,
            "index": view.index,
            "state": "waiting" if goods.get("inspected") else "good",
            "store": store,
        }
        if item.expires_on is not None:
            value["expires_on"] = item.expires_on.isoformat()
        opened[item.lot] = value.get("expires_on", _NEVER)
        rows.append(Change("lot", item.lot, value))
        here = f"{store}/{item.goods}"
        listed.setdefault(here, _on_hand(view, store, item.goods)).append(item.lot)
    for here, lots in listed.items():
        rows.append(Change("lots", here, {"open": sorted(lots, key=lambda lot: (_expiry(view, lot, opened), lot))}))
    return tuple(rows)


def relisted(view: View, store: str, goods: str, lots: Iterable[str]) -> tuple[Change, ...]:
    """Puts lots that have goods again among the open ones of their store."""
    here = {*_on_hand(view, store, goods), *lots}
    return (Change("lots", f"{store}/{goods}", {"open": sorted(here, key=lambda lot: (_expiry(view, lot, {}), lot))}),)


def _on_hand(view: View, store: str, goods: str) -> list[str]:
    row = view.register("lots", f"{store}/{goods}")
    return [lot for lot in ([] if row is None else row["open"]) if view.balance(f"lot:{lot}", goods) > 0]


def _expiry(view: View, lot: str, opened: dict[str, str]) -> str:
    if lot in opened:
        return opened[lot]
    row = view.register("lot", lot)
    return _NEVER if row is None else str(row.get("expires_on", _NEVER))


def is_fit(lot: dict[str, Any], on: date) -> bool:
    """Whether a lot's row says that its goods may be handed out on this day; the day it expires is the last."""
    return lot["state"] == "good" and str(lot.get("expires_on", _NEVER)) >= on.isoformat()


def first_expired(view: View, store: str, amount: Amount, *, on: date) -> tuple[LotPart, ...]:
    """Parts of fit lots of a store, first expired first; together less than the amount when there is no more."""
    parts: list[LotPart] = []
    missing = amount.minor
    for lot in _on_hand(view, store, amount.unit):
        row = view.register("lot", lot)
        if missing and row is not None and is_fit(row, on):
            taken = min(missing, view.balance(f"lot:{lot}", amount.unit))
            parts.append(LotPart(lot, taken))
            missing -= taken
    return tuple(parts)


def check_parts(view: View, store: str, amount: Amount, parts: Sequence[LotPart] | None, *, field: str) -> None:
    """The parts are of lots of these goods in this store and add up to the amount; none for goods without lots."""
    if not is_tracked(view, amount.unit):
        if parts is not None:
            raise Rejected(Reason.MALFORMED, "these goods are not kept by lot", field=field)
        return
    if not parts:
        raise Rejected(Reason.MALFORMED, "these goods are kept by lot", field=field)
    if len({part.lot for part in parts}) != len(parts):
        raise Rejected(Reason.MALFORMED, "a lot is named twice", field=field)
    if sum(part.minor for part in parts) != amount.minor:
        raise Rejected(Reason.PARTS_DIFFER, "the lots do not add up to the amount", field=field)
    for number, part in enumerate(parts):
        check_lot(view, part.lot, store=store, goods=amount.unit, field=f"{field}[{number}].lot")


def check_lot(view: View, lot: str, *, store: str, goods: str, field: str) -> dict[str, Any]:
    """The lot is of these goods and lies in this store."""
    row = needed(view, "lot", lot, Reason.NO_SUCH_LOT, field=field)
    if row["goods"] != goods or row["store"] != store:
        raise Rejected(Reason.NO_SUCH_LOT, "of other goods, or in another store", field=field, lot=lot)
    return row


def whole(items: Iterable[Incoming]) -> dict[str, tuple[LotPart, ...]]:
    """goods → the lots that items opened, each whole: what a reversal of them takes out again."""
    parts: dict[str, tuple[LotPart, ...]] = {}
    for item in items:
        if item.lot is not None:
            parts[item.goods] = (*parts.get(item.goods, ()), LotPart(item.lot, item.quantity))
    return parts


def check_issue(
    view: View, store: str, amount: Amount, parts: Sequence[LotPart] | None, *, on: date, why: str | None
) -> None:
    """What leaves for somebody's hands: fit lots, first expired first unless it is said why others (R07).

    Raises Rejected: LOT_NOT_FIT, NOT_FIRST_EXPIRED, WOULD_BE_OVERDRAWN, and what `check_parts` raises.
    """
    if is_tracked(view, amount.unit) and parts is None:
        on_hand = sum(view.balance(f"lot:{lot}", amount.unit) for lot in _on_hand(view, store, amount.unit))
        if on_hand < amount.minor:
            short = amount.minor - on_hand
            raise Rejected(Reason.WOULD_BE_OVERDRAWN, account=store, unit=amount.unit, short_by_minor=short)
        raise Rejected(
            Reason.LOT_NOT_FIT, "the rest is expired, not inspected or failed", field="amount", on_hand_minor=on_hand
        )
    check_parts(view, store, amount, parts, field="lots")
    if why is not None and parts is None:
        raise Rejected(Reason.MALFORMED, "a reason belongs to lots", field="lots_why")
    for number, part in enumerate(parts or ()):
        row = needed(view, "lot", part.lot, Reason.NO_SUCH_LOT, field=f"lots[{number}].lot")
        if not is_fit(row, on):
            raise Rejected(Reason.LOT_NOT_FIT, field=f"lots[{number}].lot", lot=part.lot, state=row["state"])
    if parts is not None and why is None:
        first = first_expired(view, store, amount, on=on)
        if sorted(first, key=_by_lot) != sorted(parts, key=_by_lot):
            raise Rejected(
                Reason.NOT_FIRST_EXPIRED, field="lots", first=",".join(f"{part.lot}:{part.minor}" for part in first)
            )


def _by_lot(part: LotPart) -> str:
    return part.lot
