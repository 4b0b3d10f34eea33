"""A random year of a fund against a plain dictionary (tests/ledger/model.py), on both databases.

Whatever hypothesis thinks of, the book must accept and refuse what the model does, hold what the model holds,
and pass its full audit. A failure prints the steps that lead to it. SOVANG_LONG=1 runs a longer year.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from ledger.book import Recorded
from ledger.refusals import Reason, Rejected
from ledger.store import read
from ledger.store.engine import reading
from tests.conftest import fresh_database
from tests.ledger.model import MILK, VND, Model, Said
from tests.ledger.replayed import check_book
from tests.ledger.saying import (
    HOLDER,
    PLEDGE,
    SUPPLIER,
    cartons,
    leaf_at,
    line,
    parts,
    record_at,
    request,
    reversal,
    size,
)
from tests.worlds import World, vnd

LONG = bool(os.environ.get("SOVANG_LONG"))
FUNDS = st.sampled_from(["sua", "chung"])
MINOR = st.sampled_from([1, 10, 100, 250, 1_000])
PICK = st.integers(0, 10**6)


class FundYear(RuleBasedStateMachine):
    """One fund, one random year."""

    server: str | None = None
    audited = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        database = None if self.server is None else fresh_database(self.server)
        self.world = World.create(self.folder / "home", database)
        self.model = Model(size(self.world))
        self.lines: list[int] = []
        self.free = 0
        self.statement = 0
        self.codes: dict[str, list[dict[str, Any]]] = {"pb": [], "lc": [], "px": []}
        self.numbers = 0
        self.last: tuple[dict[str, Any], Recorded] | None = None

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def ask(self, fields: dict[str, Any], accepted: bool) -> Recorded | None:
        """Says it to the book; it must answer as the model did."""
        asked = {"entry": fields, "reference": f"r{self.number()}"}
        answer = self.world.open.requests.submit_each([[asked]], "ke-toan")[0]
        if isinstance(answer, Rejected):
            assert not accepted, f"the book refuses what the model accepts: {answer}"
            return None
        recorded = answer[0]
        assert accepted, f"the book accepts what the model refuses: {fields}"
        assert recorded.index == self.model.size - 1
        self.last = (asked, recorded)
        return recorded

    def pick(self, code: str, at: int) -> dict[str, Any]:
        return self.codes[code][at % len(self.codes[code])]

    # money in

    @rule(minor=MINOR, fund=FUNDS)
    def gift(self, minor: int, fund: str) -> None:
        moves = [(minor, VND, "donors", f"fund:{fund}"), (minor, VND, "outside", "bank:VCB")]
        self.ask(
            request("gift_received", fund=fund, amount=vnd(minor)),
            self.model.say(Said("gift", moves, minor), fact=True),
        )

    @rule(count=st.integers(1, 4))
    def import_statement(self, count: int) -> None:
        fields = request("statement_imported", lines=count, new_lines=count, sha256=f"{self.number():064x}")
        self.ask(fields, self.model.say(Said("statement", []), fact=True))
        self.free, self.statement = count, self.model.size - 1

    @precondition(lambda self: self.statement)
    @rule(minor=MINOR, incoming=st.booleans(), fund=FUNDS, explained=st.booleans())
    def book_line(self, minor: int, incoming: bool, fund: str, explained: bool) -> None:
        number = self.number()
        waits = f"suspense:{line(number)}"
        fields: dict[str, Any] = {"line": line(number), "statement": self.statement, "amount": vnd(minor)}
        if explained and incoming:
            asked = request("gift_received", fund=fund, **fields)
            moves = [(minor, VND, "donors", f"fund:{fund}"), (minor, VND, "outside", "bank:VCB")]
            said = Said("gift", moves, minor, line=waits)
        elif explained:
            asked = request("bank_fee_charged", fund=fund, **fields)
            moves = self.model.short(minor, VND, f"fund:{fund}", fund, f"costs:{fund}")
            said = Said("fee", [*moves, (minor, VND, "bank:VCB", "outside")], minor, line=waits)
        elif incoming:
            asked = request("suspense_received", **fields)
            said = Said("suspense", [(minor, VND, "senders", waits), (minor, VND, "outside", "bank:VCB")])
        else:
            asked = request("suspense_paid", **fields)
            said = Said("suspense", [(minor, VND, waits, "senders"), (minor, VND, "bank:VCB", "outside")])
        accepted = self.free > 0 and self.model.say(said, fact=True)
        if self.ask(asked, accepted):
            self.free -= 1
            self.lines.append(number)

    @precondition(lambda self: self.lines)
    @rule(at=PICK, other=PICK, minor=MINOR, fund=FUNDS, what=st.sampled_from(["gift", "mistaken", "fee"]))
    def explain(self, at: int, other: int, minor: int, fund: str, what: str) -> None:
        taken = sorted({self.lines[at % len(self.lines)], self.lines[other % len(self.lines)]})
        sign = -1 if what == "fee" else 1
        waiting = [f"suspense:{line(number)}" for number in taken]
        enough = all(sign * self.model.of(account) >= minor for account in waiting)
        total = minor * len(taken)
        fields: dict[str, Any] = {
            "amount": vnd(total),
            "parts": parts(*((number, minor) for number in taken)),
        }
        if what == "fee":
            asked = request("bank_fee_charged", fund=fund, **fields)
            moves = [(minor, VND, "senders", account) for account in waiting]
            moves += self.model.short(total, VND, f"fund:{fund}", fund, f"costs:{fund}")
        else:
            moves = [(minor, VND, account, "senders") for account in waiting]
            if what == "gift":
                asked = request("gift_received", fund=fund, **fields)
                moves += [(total, VND, "donors", f"fund:{fund}")]
            else:
                case = f"n-{self.number()}"
                asked = request("mistaken_money_held", case=case, **fields)
                moves += [(total, VND, "senders", f"mistaken:{case}")]
        self.ask(asked, enough and self.model.say(Said(what, moves, total), fact=True))

    @rule(minor=MINOR, fund=FUNDS)
    def fee(self, minor: int, fund: str) -> None:
        moves = self.model.short(minor, VND, f"fund:{fund}", fund, f"costs:{fund}")
        said = Said("fee", [*moves, (minor, VND, "bank:VCB", "outside")], minor)
        self.ask(request("bank_fee_charged", fund=fund, amount=vnd(minor)), self.model.say(said, fact=True))

    @rule(minor=MINOR, fund=FUNDS, payer=FUNDS)
    def cover(self, minor: int, fund: str, payer: str) -> None:
        allowed = payer in (fund, "chung") and (payer == fund or not self.model.owes(payer))
        allowed = allowed and minor <= -self.model.of(f"shortfall:{fund}")
        said = Said("cover", [(minor, VND, f"fund:{payer}", f"shortfall:{fund}")])
        asked = request("shortfall_covered", fund=fund, from_fund=payer, amount=vnd(minor))
        self.ask(asked, allowed and self.model.say(said))

    # aid

    @rule(minor=MINOR, fund=FUNDS)
    def allocate(self, minor: int, fund: str) -> None:
        code = f"pb-{self.number()}"
        said = Said("allocated", [(minor, VND, f"fund:{fund}", f"allocated:{code}")])
        asked = request("allocated", allocation=code, fund=fund, amount=vnd(minor))
        if self.ask(asked, not self.model.owes(fund) and self.model.say(said)):
            self.codes["pb"].append({"code": code, "fund": fund})

    @precondition(lambda self: self.codes["pb"])
    @rule(at=PICK, minor=MINOR, buyer=st.booleans())
    def order(self, at: int, minor: int, buyer: bool) -> None:
        allocation, code = self.pick("pb", at), f"lc-{self.number()}"
        holder = SUPPLIER if buyer else HOLDER
        said = Said("ordered", [(minor, VND, f"allocated:{allocation['code']}", f"ordered:{code}")])
        asked = request(
            "payment_ordered",
            allocation=allocation["code"],
            order=code,
            amount=vnd(minor),
            payee={"holder": holder, "payee_kind": "supplier" if buyer else "commune"},
        )
        if self.ask(asked, not self.model.owes(allocation["fund"]) and self.model.say(said)):
            self.codes["lc"].append({**allocation, "order": code, "holder": holder})

    @precondition(lambda self: self.codes["lc"])
    @rule(at=PICK, minor=MINOR, kind=st.sampled_from(["money_advanced", "payment_bounced", "money_returned"]))
    def pay(self, at: int, minor: int, kind: str) -> None:
        order = self.pick("lc", at)
        ordered, handed = f"ordered:{order['order']}", f"handed:{order['order']}"
        allocated, advance = f"allocated:{order['code']}", f"advance:{order['holder']}"
        moves = {
            "money_advanced": [(minor, VND, ordered, handed), (minor, VND, "bank:VCB", advance)],
            "payment_bounced": [(minor, VND, handed, ordered), (minor, VND, advance, "bank:VCB")],
            "money_returned": [(minor, VND, handed, allocated), (minor, VND, advance, "bank:VCB")],
        }[kind]
        extra = {"allocation": order["code"]} if kind == "money_returned" else {}
        asked = request(kind, order=order["order"], holder=order["holder"], amount=vnd(minor), **extra)
        self.ask(asked, self.model.say(Said(kind, moves)))

    @precondition(lambda self: self.codes["lc"])
    @rule(at=PICK, minor=MINOR, cartons_bought=st.integers(1, 40))
    def purchase(self, at: int, minor: int, cartons_bought: int) -> None:
        order = self.pick("lc", at)
        moves = [
            (minor, VND, f"handed:{order['order']}", "exchange-purpose"),
            (cartons_bought, MILK, "exchange-purpose", f"allocated:{order['code']}"),
            (minor, VND, f"advance:{order['holder']}", "exchange-place"),
            (cartons_bought, MILK, "exchange-place", "stock:KHO"),
        ]
        asked = request(
            "purchased",
            allocation=order["code"],
            order=order["order"],
            holder=order["holder"],
            items=[{"cost_minor": minor, "goods": MILK, "quantity": cartons_bought}],
        )
        self.ask(asked, self.model.say(Said("purchased", moves)))

    @precondition(lambda self: self.codes["pb"])
    @rule(at=PICK, count=st.integers(1, 20))
    def issue(self, at: int, count: int) -> None:
        allocation, code = self.pick("pb", at), f"px-{self.number()}"
        moves = [
            (count, MILK, f"allocated:{allocation['code']}", f"handed:{code}"),
            (count, MILK, "stock:KHO", f"advance:{HOLDER}"),
        ]
        asked = request("goods_issued", allocation=allocation["code"], issue=code, amount=cartons(count))
        if self.ask(asked, not self.model.owes(allocation["fund"], MILK) and self.model.say(Said("issued", moves))):
            self.codes["px"].append({**allocation, "order": code, "holder": HOLDER})

    @precondition(lambda self: self.codes["px"] or self.codes["lc"])
    @rule(at=PICK, minor=MINOR, goods=st.booleans())
    def deliver(self, at: int, minor: int, goods: bool) -> None:
        code, unit = ("px", MILK) if goods and self.codes["px"] else ("lc", VND)
        if not self.codes[code]:
            return
        handed = self.pick(code, at)
        source, used = f"handed:{handed['order']}", f"used:{handed['code']}"
        moves = self.model.short(minor, unit, source, handed["fund"], used)
        moves += [(minor, unit, f"advance:{handed['holder']}", "outside")]
        asked = request(
            "delivered",
            allocation=handed["code"],
            fund=handed["fund"],
            handed=handed["order"],
            holder=handed["holder"],
            amount={"minor": minor, "unit": unit},
        )
        self.ask(asked, self.model.say(Said("delivered", moves), fact=True))

    @precondition(lambda self: self.codes["px"])
    @rule(at=PICK, count=st.integers(1, 20))
    def bring_back(self, at: int, count: int) -> None:
        issued = self.pick("px", at)
        moves = [
            (count, MILK, f"handed:{issued['order']}", f"allocated:{issued['code']}"),
            (count, MILK, f"advance:{HOLDER}", "stock:KHO"),
        ]
        asked = request("goods_returned", allocation=issued["code"], issue=issued["order"], amount=cartons(count))
        self.ask(asked, self.model.say(Said("returned", moves)))

    # putting right

    @rule(at=PICK, minor=MINOR)
    def refund(self, at: int, minor: int) -> None:
        gifts = [index for index, said in self.model.records.items() if said.kind == "gift"]
        if not gifts:
            return
        index = gifts[at % len(gifts)]
        said = self.model.records[index]
        fund = record_at(self.world, index).entry.fund
        moves = [(minor, VND, f"fund:{fund}", "donors"), (minor, VND, "bank:VCB", "outside")]
        allowed = not said.reversed and not self.model.owes(fund) and said.refunded + minor <= said.minor
        accepted = allowed and self.model.say(Said("refund", moves, minor, of=index))
        said.refunded += minor if accepted else 0
        self.ask(request("gift_refunded", gift=index, fund=fund, amount=vnd(minor)), accepted)

    @precondition(lambda self: self.model.records)
    @rule(at=PICK)
    def reverse(self, at: int) -> None:
        index = list(self.model.records)[at % len(self.model.records)]
        asked = reversal(self.world, index)
        self.ask(asked, self.model.reverse(index))

    @precondition(lambda self: self.model.records)
    @rule(at=PICK, paper=st.sampled_from(["certificate", "receipt"]))
    def give_paper(self, at: int, paper: str) -> None:
        index = list(self.model.records)[at % len(self.model.records)]
        said = self.model.records[index]
        asked = request("certificate_issued", gift=index, gift_leaf=leaf_at(self.world, index), paper=paper)
        allowed = said.kind == "gift" and not said.reversed and not said.refunded and paper not in said.papers
        recorded = self.ask(asked, allowed and self.model.say(Said("paper", []), fact=True))
        if recorded is not None:
            said.papers.add(paper)
            self.model.last_number[paper] += 1
            assert record_at(self.world, recorded.index).entry.number == self.model.last_number[paper]

    # asking again

    @precondition(lambda self: self.last)
    @rule(same=st.booleans())
    def repeat(self, same: bool) -> None:
        assert self.last is not None
        asked, recorded = self.last
        if same:
            again = self.world.open.requests.submit([asked], "ke-toan")[0]
            assert (again.index, again.leaf_hash, again.repeated) == (recorded.index, recorded.leaf_hash, True)
            return
        other = {"reference": asked["reference"], "entry": request("pledge_made", pledge=PLEDGE)}
        with pytest.raises(Rejected) as caught:
            self.world.open.requests.submit([other], "ke-toan")
        assert caught.value.reason is Reason.REFERENCE_REUSED

    @rule()
    def sign(self) -> None:
        assert self.world.open.checkpointer.run()[0].size == self.model.size

    def teardown(self) -> None:
        try:
            with reading(self.world.open.engine) as db:
                stored = read.all_balances(db, "hp")
            assert {key: minor for key, minor in stored.items() if minor} == {
                key: minor for key, minor in self.model.balances.items() if minor
            }
            assert size(self.world) == self.model.size
            check_book(self.world)
            type(self).audited += 1
        finally:
            self.world.home.close()
            shutil.rmtree(self.folder)


def audited_years(examples: int, steps: int, server: str | None) -> int:
    """Runs random years; returns how many were lived to the end and audited."""
    machine = type("FundYear", (FundYear,), {"server": server})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    return machine.audited


def test_a_random_year_on_sqlite() -> None:
    """What the book accepts, refuses and holds is what the plain dictionary says."""
    assert audited_years(400 if LONG else 25, 100 if LONG else 40, None) >= 25


def test_a_random_year_on_postgresql(postgresql: str) -> None:
    """The same, where balances and locks are another database's."""
    assert audited_years(60 if LONG else 8, 100 if LONG else 25, postgresql) >= 8
