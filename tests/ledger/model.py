"""A fund's year in a plain dictionary: what the book must come to, said in the shortest way there is.

It shares nothing with the program: moves are tuples, balances a dictionary, every rule one line of Python.
A method returns whether the book must accept.
"""

from collections import defaultdict
from dataclasses import dataclass, field

Move = tuple[int, str, str, str]  # minor, unit, source, destination
VND, MILK = "VND", "sua-hop-180ml"
NEVER_BELOW_ZERO = ("mistaken", "fund", "allocated", "ordered", "handed", "bank", "cash", "stock", "advance")


@dataclass
class Said:
    """One record, as far as later ones depend on it."""

    kind: str
    moves: list[Move]
    minor: int = 0
    line: str | None = None
    of: int | None = None
    reversed: bool = False
    refunded: int = 0
    papers: set[str] = field(default_factory=set)


class Model:
    """Balances and records; `say` adds one if no rule forbids it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.balances: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.records: dict[int, Said] = {}
        self.last_number: defaultdict[str, int] = defaultdict(int)

    def of(self, account: str, unit: str = VND) -> int:
        return self.balances[account, unit]

    def net(self, moves: list[Move]) -> dict[tuple[str, str], int]:
        net: defaultdict[tuple[str, str], int] = defaultdict(int)
        for minor, unit, source, destination in moves:
            net[source, unit] -= minor
            net[destination, unit] += minor
        return net

    def say(self, said: Said, *, fact: bool = False) -> bool:
        after = {key: self.balances[key] + minor for key, minor in self.net(said.moves).items()}
        for key, minor in after.items():
            if not fact and key[0].split(":")[0] in NEVER_BELOW_ZERO and minor < min(0, self.balances[key]):
                return False
        self.balances.update(after)
        self.records[self.size] = said
        self.size += 1
        return True

    def owes(self, fund: str, unit: str = VND) -> bool:
        return self.of(f"shortfall:{fund}", unit) != 0

    def short(self, minor: int, unit: str, source: str, fund: str, destination: str) -> list[Move]:
        """A fact takes what is there from `source`, the rest from the fund's shortfall."""
        there = min(minor, max(self.of(source, unit), 0))
        both = [(there, unit, source, destination), (minor - there, unit, f"shortfall:{fund}", destination)]
        return [move for move in both if move[0]]

    def reverse(self, index: int) -> bool:
        said = self.records.get(index)
        if said is None or not said.moves or said.kind == "suspense" or said.reversed or said.refunded:
            return False
        original = self.records.get(said.of) if said.kind == "reversed" and said.of is not None else None
        if original is not None and original.kind == "reversed":
            return False
        moves = [(minor, unit, to, source) for minor, unit, source, to in said.moves]
        if said.line is not None and any(to.startswith("bank:") for *_, to in said.moves):
            moves += [(said.minor, VND, "senders", said.line), (said.minor, VND, "outside", "bank:VCB")]
        elif said.line is not None:
            moves += [(said.minor, VND, said.line, "senders"), (said.minor, VND, "bank:VCB", "outside")]
        for (account, unit), minor in self.net(moves).items():
            before = self.of(account, unit)
            if account.startswith("shortfall:") and before + minor > 0:
                return False
            within = min(before, 0) <= before + minor <= max(before, 0)
            if original is not None and account.startswith("suspense:") and not within:
                return False
        gift = None
        if said.kind == "refund":
            gift, change = self.records[said.of or 0], -said.minor
        elif original is not None and original.kind == "refund":
            gift, change = self.records[original.of or 0], original.minor
            if gift.reversed or gift.refunded + change > gift.minor:
                return False
        if not self.say(Said("reversed", moves, of=index)):
            return False
        said.reversed = True
        if original is not None:
            original.reversed = False
        if gift is not None:
            gift.refunded += change
        return True
