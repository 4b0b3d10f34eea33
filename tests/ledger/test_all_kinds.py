"""Every kind of entry, said at random by several people, to a book that knows all policies.

What the stories of the golden book say is said again and again with other codes, amounts, days and records. The book
takes it or refuses it by name. Whatever it took, from the records alone and with the formulas of docs/format.md instead
of the program's postings: both views hold the same at every index, no decision took anything below zero, shortfalls
are where facts forced them, vouchers have no gap, nothing was booked in a closed month, nobody approved their own, and
what is traced is what was used. SOVANG_ALL_KINDS=500000 runs longer; the seed is printed.
"""

import json
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, get_type_hints

from ledger.accounts import Code, Place
from ledger.approving import approve
from ledger.book import Recorded
from ledger.entries.base import Index
from ledger.entries.periods import CLOSED_TO, month_after, trial_balance
from ledger.entries.pledges import PledgeCode
from ledger.entries.union import KINDS
from ledger.money import GoodsUnit
from ledger.record import decode, leaf_of
from ledger.refusals import Reason, Rejected
from ledger.registers import decode_value
from ledger.requests import request_of
from ledger.store import read
from ledger.store.engine import reading
from ledger.tracing import Tracing, check_exact
from tests.ledger.replayed import check_book
from tests.ledger.saying import bodies, first_year, reversal, second_year, size
from tests.ledger.story3 import FAMILIES
from tests.test_docs import formulas_in_the_page, postings_of
from tests.worlds import TODAY, World

OPERATIONS = int(os.environ.get("SOVANG_ALL_KINDS", "5000"))
SEED = os.environ.get("SOVANG_SEED", "2026")
PEOPLE = ("ke-toan", "thu-quy", "thu-kho", "chu-tk")
MINORS = (1, 10, 500, 20_000, 1_000_001)
DONE_ONCE = {"book_opened", "book_closed", "clock_clamped", "key_replaced", "restored", "witnesses_set"}
"""What a command or the book itself says, or what ends the book or asks for others outside it."""
NEVER_BELOW = (
    "mistaken",
    "fund",
    "allocated",
    "ordered",
    "handed",
    "bank",
    "cash",
    "stock",
    "transit",
    "advance",
    "lot",
)
STORY_DAY = TODAY
PLEDGE = re.compile("[2-9A-HJ-NP-Z]{8}")
RENAMED = (Code, Code | None, PledgeCode, GoodsUnit, Place)
KEPT = ("currency", "format", "regime", "role", "report", "rule")
"""Fields whose codes every telling shares."""

Entry = dict[str, Any]


def test_a_random_book_of_all_kinds_keeps_its_promises(tmp_path: Path) -> None:
    """The seed is printed: SOVANG_SEED runs the same book again."""
    print(f"SOVANG_SEED={SEED} SOVANG_ALL_KINDS={OPERATIONS}")
    stories: list[Story] = []
    for year in (first_year, second_year):
        scratch = World.create(tmp_path / year.__name__, None)
        start = size(scratch)
        year(scratch)
        stories.append(Story.of(bodies(scratch), start))
        scratch.home.close()
    world = World.create(tmp_path / "home", None)
    for family in FAMILIES:
        start = size(world)
        family.tell(world)
        stories.append(Story.of(bodies(world), start))
    told = size(world)
    taken, refused = Teller(world, stories).tell(OPERATIONS)
    print(f"{sum(taken.values())} taken, {sum(refused.values())} refused: {dict(refused.most_common())}")
    never = sorted(set(KINDS) - DONE_ONCE - set(taken))
    # Every kind stands in the stories; a few can be said once a year, or once for a fund.
    assert len(never) < 14, f"hardly tried: {never}"
    assert len(refused) > 25, refused
    hold_to_promises(bodies(world), told)
    check_book(world)
    world.home.close()


@dataclass(frozen=True)
class Story:
    """What a family's story says, in order, each entry in its request form with its index and leaf hash there."""

    entries: tuple[tuple[int, str, Entry], ...]
    codes: frozenset[str]
    """The codes that it brings in: each telling has its own."""

    @classmethod
    def of(cls, story: list[bytes], start: int) -> "Story":
        said: list[tuple[int, str, Entry]] = []
        known = {text for body in story[:start] for text in re.findall(r'"([^"]+)"', body.decode())}
        for index, body in enumerate(story[start:], start):
            written = json.loads(body)["entry"]
            if written["kind"] in DONE_ONCE or "proposal" in written or written["kind"] == "approved":
                continue
            kept = {name: written[name] for name in ("line", "statement") if name in written}
            entry = request_of(index, body) | kept
            entry = entry["draft"] if entry["kind"] == "proposed" else entry
            said.append((index, leaf_of(body).hex(), entry))
        return cls(tuple(said), frozenset(code for *_, entry in said for code in codes_in(entry)) - known)


def codes_in(entry: Entry) -> Iterator[str]:
    """What stands in fields that hold codes of things."""
    hints = get_type_hints(KINDS[entry["kind"]], include_extras=True)
    for name, value in entry.items():
        if isinstance(value, str) and hints.get(name) in RENAMED and name not in KEPT:
            yield value
        for part in value if isinstance(value, list) else ():
            if isinstance(part, dict) and isinstance(part.get("lot"), str):
                yield part["lot"]


@dataclass
class Telling:
    """One story being told again, with codes of its own and the records that came of it."""

    story: Story
    number: int
    next: int = 0
    places: dict[int, int] = field(default_factory=dict)
    leaves: dict[str, str] = field(default_factory=dict)

    def own(self, value: Any, name: str = "") -> Any:
        """The value as this telling says it."""
        if isinstance(value, dict):
            if value.keys() == {"same_as"}:
                return {"private": {"name": "Nguyễn Văn An"}}
            return {key: self.own(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.own(item, name) for item in value]
        if isinstance(value, str):
            if value in self.leaves:
                return self.leaves[value]
            if value in self.story.codes:
                if PLEDGE.fullmatch(value):
                    digest = sha256(f"{value}/{self.number}".encode()).digest()
                    return "".join("23456789ABCDEFGHJKLMNPQRSTUVWXYZ"[byte % 32] for byte in digest[:8])
                return f"{value[:32]}-{self.number}"
            if name == "line" or (name == "sha256" and "line" not in name):
                digest = sha256(f"{value}/{self.number}".encode()).hexdigest()
                return digest if name == "sha256" else f"{digest[:32]}-0"
            return value
        if type(value) is int and name in INDEXES:
            return self.places.get(value, value)
        return value


INDEXES = {
    name
    for kind in KINDS.values()
    for name, hint in get_type_hints(kind, include_extras=True).items()
    if hint in (Index, Index | None)
} - {"part", "from_index"}


class Teller:
    """Tells stories again, several at once, now and then with a word changed."""

    def __init__(self, world: World, stories: list[Story]) -> None:
        self.world = world
        self.stories = stories
        self.dice = random.Random(f"all kinds/{SEED}")
        self.tellings: list[Telling] = []
        self.number = self.size = 0
        self.taken: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def tell(self, operations: int) -> tuple[Counter[str], Counter[str]]:
        """What was taken, by kind, and what was refused, by reason."""
        while self.number < operations:
            if self.dice.random() < 0.02:
                self.world.clock.moment += timedelta(hours=self.dice.randrange(30))
            if len(self.tellings) < 6:
                self.tellings.append(Telling(self.dice.choice(self.stories), self.number))
            telling = self.dice.choice(self.tellings)
            index, leaf, entry = telling.story.entries[telling.next]
            telling.next += 1
            if telling.next == len(telling.story.entries):
                self.tellings.remove(telling)
            try:
                recorded = self.one(self.said(telling, entry), self.dice.choice(PEOPLE))
            except Rejected as refused:
                self.refused[refused.reason] += 1
            else:
                telling.places[index] = recorded.index
                telling.leaves[leaf] = recorded.leaf_hash.hex()
        return self.taken, self.refused

    def one(self, entry: Entry, by: str) -> Recorded:
        """One entry; what needs approval is put to others at random."""
        self.number += 1
        try:
            return self.record(entry, by)
        except Rejected as refused:
            if refused.reason is not Reason.NEEDS_APPROVAL:
                raise
        day = self.world.clock.moment.date().isoformat()
        proposed = self.record({"kind": "proposed", "draft": entry, "proposed_on": day}, by)
        for approver in self.dice.sample(PEOPLE, 3):
            try:
                done = approve(self.world.open, proposed.index, approver)
            except Rejected as refused:
                self.refused[refused.reason] += 1
                continue
            self.taken["approved"] += 1
            if done.entry is not None:
                self.taken[entry["kind"]] += 1
                return done.entry
        return proposed

    def record(self, entry: Entry, by: str) -> Recorded:
        recorded = self.world.open.requests.submit([{"entry": entry, "reference": f"n{self.number}"}], by)[0]
        self.taken[entry["kind"]] += 1
        return recorded

    def said(self, telling: Telling, entry: Entry) -> Entry:
        """The entry as the telling has it, on today's day, sometimes with a word changed."""
        dice = self.dice
        if entry["kind"] == "reversed":
            return reversal(self.world, telling.own(entry["reversed"], "reversed"), reversed_on=self.day())
        changed: Entry = telling.own(entry)
        late = self.world.clock.moment.date() - STORY_DAY
        for name, value in changed.items():
            if name.endswith("_on") and isinstance(value, str):
                moved = date.fromisoformat(value) + late
                changed[name] = (
                    moved.replace(day=1) if value[-2:] == "01" and dice.random() < 0.4 else moved
                ).isoformat()
        if "bound" in changed:
            with reading(self.world.open.engine) as db:
                head = read.head(db, self.world.open.code)
                balances = read.all_balances(db, self.world.open.code)
            assert head is not None
            changed["bound"] = {"root": head.root.hex(), "size": head.size}
            if "trial_balance_sha256" in changed:
                changed["trial_balance_sha256"] = sha256(trial_balance(balances)).hexdigest()
        if "month" in changed:
            changed["month"] = self.month(after=entry["kind"] == "period_closed")
        if "counts" in changed:
            changed["counts"] = []
        if dice.random() < 0.2:
            name = dice.choice(sorted(changed.keys() - {"kind"}))
            changed[name] = self.other(name, changed[name])
        return changed

    def month(self, *, after: bool) -> str:
        """The last closed month, or the one after it."""
        with reading(self.world.open.engine) as db:
            row = read.registers(db, self.world.open.code, [CLOSED_TO])[CLOSED_TO]
        closed = str(decode_value(row)["to"])
        return month_after(closed) if after else closed

    def other(self, name: str, value: Any) -> Any:
        """Something else for a field."""
        if isinstance(value, dict) and value.keys() == {"minor", "unit"}:
            return {**value, "minor": self.dice.choice(MINORS)}
        if name.endswith("_on"):
            return self.day()
        if type(value) is int:
            return self.dice.choice((0, 1, 7, value + 1, value * 10))
        if isinstance(value, list):
            return value[:-1]
        return f"{value[:30]}x" if isinstance(value, str) else value

    def day(self) -> str:
        back = self.dice.choice((0, 0, 0, 1, 5, 40, -1))
        return (self.world.clock.moment.date() - timedelta(days=back)).isoformat()


def hold_to_promises(story: list[bytes], told: int) -> None:
    """Reads the records alone, with the formulas of the page."""
    formulas = formulas_in_the_page()
    balances: defaultdict[tuple[str, str], int] = defaultdict(int)
    held: defaultdict[str, int] = defaultdict(int)
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    proposers: dict[str, tuple[str, int]] = {}
    approvers: defaultdict[str, set[str]] = defaultdict(set)
    carried_out: set[str] = set()
    closed_to = ""
    tracing = Tracing()
    for index, body in enumerate(story):
        record = json.loads(body)
        entry, by = record["entry"], record["by"]
        kind = KINDS[entry["kind"]]
        before: dict[tuple[str, str], int] = {}
        for minor, unit, source, destination in postings_of(entry, formulas[entry["kind"]]):
            forced = kind.fact or entry["kind"] == "reversed"
            assert forced or not source.startswith("shortfall:"), f"{entry['kind']} at {index} overdraws by decision"
            for account, sign in ((source, -1), (destination, 1)):
                before.setdefault((account, unit), balances[account, unit])
                balances[account, unit] += sign * minor
                held[unit] += sign * minor * side(account)
        assert not any(held.values()), f"views differ at {index}: {entry['kind']}"
        for (account, unit), was in before.items():
            now, name = balances[account, unit], account.partition(":")[0]
            assert name != "shortfall" or now <= 0, f"{account} owes nothing and has something at {index}"
            if not kind.fact and name in NEVER_BELOW:
                assert now >= min(was, 0), f"{entry['kind']} at {index} took {account} to {now} {unit}"
        voucher = entry.get("voucher")
        if voucher is not None and voucher["series"] != "BL":
            numbers[f"{voucher['series']}/{voucher['voucher_on'][:4]}"].append(voucher["number"])
        day = entry.get("booked_on") or (kind.day_field and entry.get(kind.day_field)) or ""
        assert not closed_to or not day or day[:7] > closed_to, f"{entry['kind']} at {index} booked on {day}"
        if entry["kind"] in ("period_closed", "period_reopened"):
            closed_to = entry["month"] if entry["kind"] == "period_closed" else earlier_month(entry["month"])
        if entry["kind"] == "proposed":
            proposers[leaf_of(body).hex()] = (by, index)
        if entry["kind"] == "approved":
            approvers[entry["proposed_leaf"]].add(by.casefold())
        proposal = entry.get("proposal")
        if proposal is not None:
            assert proposal not in carried_out
            carried_out.add(proposal)
            assert approvers[proposal] - {proposers[proposal][0].casefold()}
            draft = json.loads(story[proposers[proposal][1]])["entry"]["draft"]
            assert {name: entry[name] for name in draft} == draft, f"not what was proposed at {index}"
        assert not kind.two_persons or proposal is not None
        decoded = decode(body)
        tracing.apply(index, decoded.entry, decoded.postings)
        # It walks all lots: in a long book a few dozen times, not at every five hundredth record.
        if index % max(500, len(story) // 50) == 0:
            assert check_exact(tracing, balances) == ()
    assert check_exact(tracing, balances) == ()
    assert numbers
    for year, run in numbers.items():
        assert run == list(range(1, len(run) + 1)), year
    assert len(story) > told


_HELD = {"suspense", "mistaken", "fund", "allocated", "ordered", "handed", "shortfall"}
_KEPT = {"bank", "cash", "stock", "transit", "advance"}


def side(account: str) -> int:
    """1 where an account is held in the purpose view, −1 in the place view."""
    name = account.partition(":")[0]
    return (name in _HELD) - (name in _KEPT)


def earlier_month(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02d}"
