"""Four eyes: what one person proposes and another approves, and who may do what.

A proposal carries the whole entry and moves nothing. Approvals name its leaf hash, so nothing can be changed between.
Once there are enough, the entry itself is recorded with `proposal: <leaf hash>`, under the rules of that moment:
what it says is what was approved, but for what the book fills in.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar

import msgspec

from ledger.accounts import Code, Posting
from ledger.entries.base import (
    EntryBase,
    Index,
    Person,
    Sha256,
    Title,
    View,
    check_leaf,
    needed,
    persons_in,
)
from ledger.money import MAX_MINOR, Amount
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

FOUR_EYES = Key("policy", "four-eyes")
"""The register row of the four-eyes policy in force."""
APPROVER = "approver"
"""The role of those who approve where a rule names nobody."""
SPLIT_DAYS = 7
"""Payments to one holder within so many days are added up: a payment cut small to stay under a threshold shows."""
SPLIT_NAMED = 64
"""So many of the payments are named, the largest."""


class ApprovalRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a decision needs others, and whom."""

    approvals: Annotated[int, msgspec.Meta(ge=1, le=9)]
    """How many different people beside the proposer."""
    approvers: tuple[Code, ...]
    """Who may approve; none named: whoever has the role `approver`, and where nobody has it, anybody else."""
    kinds: tuple[Code, ...]
    """The kinds of entry it is about; none named: every decision."""
    above: Amount | None = None
    """Only decisions that move more than this; absent: all of them."""

    def fits(self, entry: EntryBase, kinds: tuple[str, ...], postings: tuple[Posting, ...]) -> bool:
        """Whether an entry that counts as these kinds needs these approvals."""
        if self.kinds and not set(kinds) & set(self.kinds):
            return False
        if self.above is None:
            return True
        amount = getattr(entry, "amount", None)
        # A contract moves nothing; a rule that names it is about its amount.
        if self.kinds and not postings and isinstance(amount, Amount):
            return amount.unit == self.above.unit and amount.minor > self.above.minor
        return largest(postings, self.above.unit) > self.above.minor


def largest(postings: tuple[Posting, ...], unit: str) -> int:
    """The largest amount of a unit that one posting moves (`minor`)."""
    return max((p.amount.minor for p in postings if p.amount.unit == unit), default=0)


class FourEyesSet(EntryBase, frozen=True, kw_only=True):
    """Which decisions need how many approvals from now on. The first policy of a book replaces that of its opening."""

    title: ClassVar = ("Quy định duyệt hai người", "Four-eyes policy set")
    day_field: ClassVar = "set_on"

    rules: tuple[ApprovalRule, ...]
    decision_sha256: Sha256
    """Of the signed decision."""
    set_on: date

    def reads(self) -> tuple[Key, ...]:
        return (FOUR_EYES,)

    def changes(self, view: View) -> tuple[Change, ...]:
        for rule in self.rules:
            if rule.approvers and len({code.casefold() for code in rule.approvers}) < rule.approvals:
                raise Rejected(Reason.MALFORMED, "fewer approvers than approvals", field="rules")
            for kind in rule.kinds:
                known = view.kind(kind)
                # A rule that can never ask would look like one that guards.
                if known is None or known.fact or not known.asks_approval:
                    raise Rejected(Reason.MALFORMED, "nobody is asked about this kind", field="rules", kind=kind)
        return (Change(*FOUR_EYES, {"index": view.index, "rules": msgspec.to_builtins(self.rules)}),)


class RoleGranted(EntryBase, frozen=True, kw_only=True):
    """Somebody may act in a role from now on."""

    title: ClassVar = ("Giao vai trò", "Role granted")
    day_field: ClassVar = "granted_on"

    actor: Code
    granted_on: date
    role: Code

    def reads(self) -> tuple[Key, ...]:
        return (Key("role", self.actor), Key("role-holders", self.role))

    def changes(self, view: View) -> tuple[Change, ...]:
        roles = _roles(view, self.actor)
        if self.role in roles:
            raise Rejected(Reason.ALREADY_EXISTS, field="role", actor=self.actor, role=self.role)
        return (
            Change("role", self.actor, {"by": {**roles, self.role: view.by}}),
            Change("role-holders", self.role, {"count": _holders(view, self.role) + 1}),
        )


class RoleWithdrawn(EntryBase, frozen=True, kw_only=True):
    """Somebody no longer acts in a role."""

    title: ClassVar = ("Thu hồi vai trò", "Role withdrawn")
    day_field: ClassVar = "withdrawn_on"

    actor: Code
    role: Code
    withdrawn_on: date

    def reads(self) -> tuple[Key, ...]:
        return (Key("role", self.actor), Key("role-holders", self.role))

    def changes(self, view: View) -> tuple[Change, ...]:
        roles = _roles(view, self.actor)
        if self.role not in roles:
            raise Rejected(Reason.NO_SUCH_RECORD, field="role", actor=self.actor, role=self.role)
        left = {role: by for role, by in roles.items() if role != self.role}
        return (
            Change("role", self.actor, {"by": left}),
            Change("role-holders", self.role, {"count": _holders(view, self.role) - 1}),
        )


def _roles(view: View, actor: str) -> dict[str, str]:
    """role → who granted it."""
    row = view.register("role", actor)
    return {} if row is None else dict(row["by"])


def _holders(view: View, role: str) -> int:
    row = view.register("role-holders", role)
    return 0 if row is None else int(row["count"])


class Proposed(EntryBase, frozen=True, kw_only=True):
    """A decision put to others for approval. It embeds the whole entry and moves nothing.

    The entry could stand now, but for the money: what it says stands open from here on.
    """

    title: ClassVar = ("Đề xuất", "Proposed")
    day_field: ClassVar = "proposed_on"
    # A policy about every decision must not ask about the asking: nothing could be approved again.
    asks_approval: ClassVar = False

    draft: dict[str, Any]
    """The entry as it is to be recorded."""
    proposed_on: date

    def reads(self) -> tuple[Key, ...]:
        return ()

    def persons(self) -> Iterator[Person]:
        return persons_in(self.draft)

    def changes(self, view: View) -> tuple[Change, ...]:
        entry = view.read(self.draft)
        if isinstance(entry, Proposed | Approved | Declined) or entry.fact or entry.proposal is not None:
            raise Rejected(Reason.MALFORMED, "not a decision that is approved", field="draft", kind=entry.kind)
        if hasattr(entry, "bound"):
            raise Rejected(Reason.MALFORMED, "bound to the book of this moment", field="draft", kind=entry.kind)
        entry.completed(view).changes(view)
        return (Change("proposal", str(view.index), {"by": view.by, "settled": False}),)


class Approved(EntryBase, frozen=True, kw_only=True):
    """One person approves one proposal, once; who proposed it or is paid by it cannot."""

    title: ClassVar = ("Duyệt", "Approved")
    day_field: ClassVar = "approved_on"
    asks_approval: ClassVar = False

    approved_on: date
    proposed: Index
    """Index of the proposal's record."""
    proposed_leaf: Sha256
    """Leaf hash of the proposal's record."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("proposal", str(self.proposed)), Key("approved", self.proposed_leaf))

    def changes(self, view: View) -> tuple[Change, ...]:
        proposer = open_proposal(view, self.proposed, self.proposed_leaf)
        proposal = view.earlier(self.proposed).entry
        if not isinstance(proposal, Proposed):
            raise Rejected(Reason.NO_SUCH_PROPOSAL, field="proposed", index=self.proposed)
        row = view.register("approved", self.proposed_leaf) or {"approvers": [], "proposal": self.proposed}
        me = view.by.casefold()
        if me in (name.casefold() for name in row["approvers"]):
            raise Rejected(Reason.ALREADY_APPROVED, field="proposed", by=view.by)
        if me == str(proposer["by"]).casefold():
            raise Rejected(Reason.NOT_AN_APPROVER, "they proposed it", field="by", by=view.by)
        if me in (name.casefold() for name in paid_by(view.read(proposal.draft))):
            raise Rejected(Reason.NOT_AN_APPROVER, "they are paid by it", field="by", by=view.by)
        if str(proposer["by"]).casefold() in (name.casefold() for name in _roles(view, view.by).values()):
            raise Rejected(Reason.NOT_AN_APPROVER, "the proposer gave them their role", field="by", by=view.by)
        return (Change("approved", self.proposed_leaf, {**row, "approvers": [*row["approvers"], view.by]}),)


class Declined(EntryBase, frozen=True, kw_only=True):
    """A proposal is turned down, or taken back by who made it; it can no longer be carried out."""

    title: ClassVar = ("Từ chối đề xuất", "Proposal declined")
    day_field: ClassVar = "declined_on"
    asks_approval: ClassVar = False

    declined_on: date
    proposed: Index
    proposed_leaf: Sha256
    why: Title

    def reads(self) -> tuple[Key, ...]:
        return (Key("proposal", str(self.proposed)),)

    def changes(self, view: View) -> tuple[Change, ...]:
        row = open_proposal(view, self.proposed, self.proposed_leaf)
        return (Change("proposal", str(self.proposed), {**row, "settled": True}),)


def open_proposal(view: View, proposed: int, leaf: str) -> dict[str, Any]:
    """The row of a proposal that waits; raises Rejected(NO_SUCH_PROPOSAL, NOT_THE_RECORD, PROPOSAL_SETTLED)."""
    row = needed(view, "proposal", str(proposed), Reason.NO_SUCH_PROPOSAL, field="proposed")
    check_leaf(view, proposed, leaf, field="proposed_leaf")
    if row["settled"]:
        raise Rejected(Reason.PROPOSAL_SETTLED, field="proposed", index=proposed)
    return row


def paid_by(entry: EntryBase) -> tuple[str, ...]:
    """Into whose hands an entry gives money or goods."""
    payee = getattr(entry, "payee", None)
    holder = getattr(entry, "holder", None) if payee is None else payee.holder
    return () if holder is None else (str(holder),)


def rules_for(view: View, entry: EntryBase, postings: tuple[Posting, ...]) -> tuple[ApprovalRule, ...]:
    """The approvals that an entry needs under the policy in force."""
    if not entry.asks_approval and not entry.two_persons:
        return ()
    row = view.register(*FOUR_EYES)
    rules: tuple[ApprovalRule, ...] = ()
    if row is not None:
        rules = msgspec.convert(row["rules"], tuple[ApprovalRule, ...])
    else:
        opened = view.register("book", "opened")
        above = None if opened is None else opened.get("four_eyes_above")
        if above is not None:
            rules = (ApprovalRule(approvals=1, approvers=(), kinds=(), above=Amount(above["minor"], above["unit"])),)
    undone = _undone(view, entry)
    if _is_about_approvals(view, entry):
        return rules
    found = tuple(rule for rule in rules if rule.fits(entry, (entry.kind, undone.kind), postings))
    if not found and undone.two_persons:
        found = (ApprovalRule(approvals=1, approvers=(), kinds=()),)
    return found


def _undone(view: View, entry: EntryBase) -> EntryBase:
    """What a reversal undoes or restores; every other entry is itself. What two decide, one does not undo."""
    while (index := getattr(entry, "reversed", None)) is not None:
        entry = view.earlier(index).entry
    return entry


def _is_about_approvals(view: View, entry: EntryBase) -> bool:
    """Whether it changes the rules of approval, or who may approve: all the rules must agree to that.

    The first approver may be named by anybody: until then anybody approves.
    """
    if isinstance(entry, RoleGranted):
        return entry.role == APPROVER and _holders(view, APPROVER) > 0
    return isinstance(entry, FourEyesSet) or (isinstance(entry, RoleWithdrawn) and entry.role == APPROVER)


def check_approved(view: View, entry: EntryBase, rules: tuple[ApprovalRule, ...]) -> tuple[Change, ...]:
    """The entry carries out a proposal that was approved enough, once; the register rows that say so.

    That it says what was proposed is for who completes entries to compare. Raises Rejected(NEEDS_APPROVAL,
    NO_SUCH_PROPOSAL, PROPOSAL_SETTLED, NOT_AN_APPROVER).
    """
    if entry.proposal is None:
        if not rules:
            return ()
        above = min((rule.above.minor for rule in rules if rule.above is not None), default=0)
        raise Rejected(Reason.NEEDS_APPROVAL, kind=entry.kind, above_minor=above)
    row = needed(view, "approved", entry.proposal, Reason.NO_SUCH_PROPOSAL, field="proposal")
    proposal = str(row["proposal"])
    state = needed(view, "proposal", proposal, Reason.NO_SUCH_PROPOSAL, field="proposal")
    if state["settled"]:
        raise Rejected(Reason.PROPOSAL_SETTLED, field="proposal", index=row["proposal"])
    for rule in rules:
        able = [name for name in row["approvers"] if _may_approve(view, rule, name)]
        if len(able) < rule.approvals:
            raise Rejected(Reason.NEEDS_APPROVAL, kind=entry.kind, approvals=len(able), needed=rule.approvals)
    return (Change("proposal", proposal, {**state, "settled": True}),)


def _may_approve(view: View, rule: ApprovalRule, name: str) -> bool:
    if rule.approvers:
        return name.casefold() in {code.casefold() for code in rule.approvers}
    return _holders(view, APPROVER) == 0 or APPROVER in _roles(view, name)


def split_watch(view: View, entry: EntryBase, postings: tuple[Posting, ...]) -> tuple[Change, ...]:
    """Adds up decisions that stayed under a threshold, by kind and by who is paid, over a week.

    Together above it they are marked: register `split`, one row for the record that took them over. Only a policy
    set by `four_eyes_set` is watched.
    """
    row = view.register(*FOUR_EYES)
    if row is None or entry.proposal is not None or not entry.asks_approval or not postings:
        return ()
    changes: list[Change] = []
    whom = (paid_by(entry) or (str(getattr(entry, "allocation", None) or getattr(entry, "fund", "")),))[0].casefold()
    for rule in msgspec.convert(row["rules"], tuple[ApprovalRule, ...]):
        if rule.above is None or (rule.kinds and entry.kind not in rule.kinds):
            continue
        unit, limit = rule.above.unit, rule.above.minor
        minor = largest(postings, unit)
        if not minor:
            continue
        key = f"{entry.kind}/{whom}/{unit}"
        before = view.register("under-threshold", key) or {"days": {}, "recent": []}
        since = (view.today - timedelta(days=SPLIT_DAYS - 1)).isoformat()
        # The day's sum is exact; of the records only the largest are named.
        days = {day: sum_of for day, sum_of in before["days"].items() if day >= since}
        days[view.today.isoformat()] = min(days.get(view.today.isoformat(), 0) + minor, MAX_MINOR)
        recent = sorted((r for r in before["recent"] if r[0] >= since), key=lambda r: -r[1])[: SPLIT_NAMED - 1]
        recent = sorted([*recent, [view.today.isoformat(), minor, view.index]], key=lambda r: r[2])
        changes.append(Change("under-threshold", key, {"days": days, "recent": recent}))
        if len(recent) > 1 and sum(days.values()) > limit:
            records = [r[2] for r in recent]
            changes.append(Change("split", str(view.index), {"above": limit, "records": records, "unit": unit}))
        break
    return tuple(changes)
