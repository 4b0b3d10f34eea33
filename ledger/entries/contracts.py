"""Contracts with suppliers: goods, works and services paid in stages, no further than what was accepted (R34).

The supplier is paid by payment orders that name the contract: the advance first, then each accepted stage. Works
(công trình) are handed over by `delivered` and checked again later.
"""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.accounts import Code
from ledger.entries.base import EntryBase, Sha256, View, needed
from ledger.entries.restrictions import refuse_shortfall
from ledger.money import Amount, Minor, PositiveMinor, is_currency
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

StageNumber = Annotated[int, msgspec.Meta(ge=1, le=99)]
ADVANCE = "0"
"""The key of what is paid before any stage."""


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A part of the work that is accepted and paid by itself."""

    minor: PositiveMinor
    """What is agreed for it."""
    stage: StageNumber
    """Its number, from 1 on."""


def contract_of(allocation: str, supplier: str) -> Key:
    """The row that says a supplier works for an allocation under contract, so that its orders must name it."""
    # Two spellings of one code are one supplier.
    return Key("supplier", f"{allocation}/{supplier.casefold()}")


class ContractSigned(EntryBase, frozen=True, kw_only=True):
    """A contract with one supplier, paid out of one allocation; its stages add up to the amount."""

    title: ClassVar = ("Ký hợp đồng", "Contract signed")
    day_field: ClassVar = "signed_on"

    advance_minor: Minor
    """What may be paid before anything is accepted; it is part of the amount."""
    allocation: Code
    amount: Amount
    contract: Code
    """Code of the contract."""
    contract_kind: Literal["goods", "service", "works"]
    """What it is about."""
    contract_sha256: Sha256
    """Of the signed contract."""
    quotations: tuple[Sha256, ...]
    """Of the quotations it was chosen from (báo giá)."""
    signed_on: date
    stages: tuple[Stage, ...]
    """The stages in order; they add up to the amount."""
    supplier: Code
    """The holder that is paid."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("allocation", self.allocation), Key("contract", self.contract))

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("contract", self.contract) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="contract", code=self.contract)
        allocation = needed(view, "allocation", self.allocation, Reason.NO_SUCH_ALLOCATION, field="allocation")
        refuse_shortfall(view, allocation["fund"], self.amount.unit)
        if not is_currency(self.amount.unit):
            raise Rejected(Reason.UNIT_DIFFERS, "a contract is about money", field="amount")
        if [stage.stage for stage in self.stages] != list(range(1, len(self.stages) + 1)):
            raise Rejected(Reason.MALFORMED, "stages are numbered 1, 2, 3 in order", field="stages")
        if sum(stage.minor for stage in self.stages) != self.amount.minor:
            raise Rejected(Reason.PARTS_DIFFER, "the stages do not add up to the amount", field="stages")
        if self.advance_minor > self.amount.minor:
            raise Rejected(Reason.PARTS_DIFFER, "the advance is more than the contract", field="advance_minor")
        value = {
            "accepted": {},
            "advance": self.advance_minor,
            "allocation": self.allocation,
            "amount": {"minor": self.amount.minor, "unit": self.amount.unit},
            "contract_kind": self.contract_kind,
            "index": view.index,
            "ordered": {},
            "stages": [stage.minor for stage in self.stages],
            "supplier": self.supplier,
        }
        return (
            Change("contract", self.contract, value),
            Change(*contract_of(self.allocation, self.supplier), {"index": view.index}),
        )


class StageAccepted(EntryBase, frozen=True, kw_only=True):
    """A stage was accepted, wholly or for less than was agreed, once; only now may it be paid."""

    title: ClassVar = ("Nghiệm thu giai đoạn", "Stage accepted")
    day_field: ClassVar = "accepted_on"

    accepted_on: date
    amount: Amount
    """What is to be paid for it."""
    contract: Code
    """The contract it belongs to."""
    minutes_sha256: Sha256
    """Of the acceptance minutes (biên bản nghiệm thu)."""
    stage: StageNumber
    """Which of its stages."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("contract", self.contract),)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "contract", self.contract, Reason.NO_SUCH_CONTRACT, field="contract")
        if self.stage > len(row["stages"]):
            raise Rejected(Reason.MALFORMED, "the contract has no such stage", field="stage")
        if str(self.stage) in row["accepted"]:
            raise Rejected(Reason.ALREADY_EXISTS, "accepted already", field="stage", code=self.stage)
        if self.amount.unit != row["amount"]["unit"]:
            raise Rejected(Reason.UNIT_DIFFERS, field="amount", unit=self.amount.unit)
        if self.amount.minor > row["stages"][self.stage - 1]:
            raise Rejected(Reason.PARTS_DIFFER, "more than was agreed for the stage", field="amount")
        accepted = {**row["accepted"], str(self.stage): self.amount.minor}
        return (Change("contract", self.contract, {**row, "accepted": accepted}),)


class WorksChecked(EntryBase, frozen=True, kw_only=True):
    """Works were looked at again after they were handed over."""

    title: ClassVar = ("Kiểm tra công trình sau bàn giao", "Works checked after hand-over")
    day_field: ClassVar = "checked_on"

    checked_on: date
    contract: Code
    """The contract of the works."""
    report_sha256: Sha256
    """Of the report of the check."""
    result: Literal["defects", "good", "unused"]
    """In good use, with defects, or not in use."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("contract", self.contract),)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = needed(view, "contract", self.contract, Reason.NO_SUCH_CONTRACT, field="contract")
        if row["contract_kind"] != "works":
            raise Rejected(Reason.NO_SUCH_CONTRACT, "not a contract of works", field="contract")
        if len(row["accepted"]) < len(row["stages"]):
            raise Rejected(Reason.STAGE_NOT_ACCEPTED, "not all of it is accepted yet", field="contract")
        return ()


def check_order(
    view: View, *, contract: str | None, stage: int | None, allocation: str, supplier: str, amount: Amount
) -> tuple[Change, ...]:
    """A payment order keeps to its contract: the advance, or an accepted stage, and no more in all (R34).

    A supplier under contract for an allocation is paid out of it under that contract only. Raises Rejected:
    NO_SUCH_CONTRACT, HOLDER_DIFFERS, OUTSIDE_RESTRICTION, UNIT_DIFFERS, STAGE_NOT_ACCEPTED.
    """
    if contract is None:
        if stage is not None:
            raise Rejected(Reason.MALFORMED, "a stage belongs to a contract", field="stage")
        if view.register(*contract_of(allocation, supplier)) is not None:
            raise Rejected(Reason.NO_SUCH_CONTRACT, "this supplier is paid under a contract", field="contract")
        return ()
    row = needed(view, "contract", contract, Reason.NO_SUCH_CONTRACT, field="contract")
    if row["supplier"] != supplier:
        raise Rejected(Reason.HOLDER_DIFFERS, field="payee", holder=supplier)
    if row["allocation"] != allocation:
        raise Rejected(Reason.OUTSIDE_RESTRICTION, "of another allocation", field="allocation", allocation=allocation)
    if row["amount"]["unit"] != amount.unit:
        raise Rejected(Reason.UNIT_DIFFERS, field="amount", unit=amount.unit)
    key = ADVANCE if stage is None else str(stage)
    allowed = row["advance"] if stage is None else row["accepted"].get(key, 0)
    ordered: dict[str, int] = row["ordered"]
    room = min(allowed - ordered.get(key, 0), row["amount"]["minor"] - sum(ordered.values()))
    if amount.minor > room:
        raise Rejected(
            Reason.STAGE_NOT_ACCEPTED, "beyond the advance and the accepted stages", field="amount", may_pay_minor=room
        )
    return order_changed(view, contract, stage, amount.minor)


def order_changed(view: View, contract: str | None, stage: int | None, minor: int) -> tuple[Change, ...]:
    """What is ordered under a contract, by the advance or a stage, becomes more (or less) by `minor`."""
    if contract is None:
        return ()
    row = needed(view, "contract", contract, Reason.NO_SUCH_CONTRACT, field="contract")
    key = ADVANCE if stage is None else str(stage)
    ordered = {**row["ordered"], key: row["ordered"].get(key, 0) + minor}
    return (Change("contract", contract, {**row, "ordered": ordered}),)


def check_bought(view: View, order: dict[str, Any], contract: str | None) -> None:
    """What was bought under a contract of goods was paid by an order of that contract."""
    if order.get("contract") != contract:
        raise Rejected(Reason.NO_SUCH_CONTRACT, "not the contract of the order", field="contract")
    if contract is not None:
        row = needed(view, "contract", contract, Reason.NO_SUCH_CONTRACT, field="contract")
        if row["contract_kind"] != "goods":
            raise Rejected(Reason.NO_SUCH_CONTRACT, "not a contract of goods", field="contract")
