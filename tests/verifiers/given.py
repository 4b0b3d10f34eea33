"""The table's book gone on: goods given and used, goods given straight, a surplus, money exchanged and varied.

Entries and postings are written here from docs/format.md, as those of tests/verifiers/making.py.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from tests.ledger.saying import DAY, MILK
from tests.verifiers.making import Log, Record, Story, following, leaf, posting

COAT = "ao-am-6-8t"
OPENING = {"r": "0e" * 32, "value": "Hội đồng hương"}
"""Of the name of who gave `goods` and `straight`."""


class Given:
    """The records, and where each stands: `at["goods"]` is the index of the gift of goods, and so on."""

    def __init__(self, story: Story) -> None:
        self.at: dict[str, int] = {}
        self._records = list(story.records)
        self._goods()
        self._straight("straight", "tt-1", _donor("0d" * 16, named=True), (30, COAT), (10, MILK))
        self._straight("another", "tt-2", _donor("0c" * 16), (30, COAT))
        self._undo("undone", "straight")
        self._undo("again", "undone")
        self._found()
        self._exchanged()
        self._varied(story.papers["whole"][1])
        self.log = Log(self._records, story.key)

    def _say(self, name: str, kind: str, *postings: Record, **fields: Any) -> None:
        self.at[name] = len(self._records)
        self._records = following(self._records, {"kind": kind, **fields}, postings)

    def _goods(self) -> None:
        """40 cartons and 30 coats; 30 cartons of them are issued and 25 delivered."""
        both = ((40, MILK), (30, COAT))
        came = [(posting(n, "donors", "fund:sua", of), posting(n, "outside", "stock:KHO", of)) for n, of in both]
        donor, items = _donor("0d" * 16, named=True), [{"goods": of, "quantity": n} for n, of in both]
        given = {"donor": donor, "fund": "sua", "items": items, "store": "stock:KHO"}
        self._say("goods", "goods_received", *(one for pair in came for one in pair), **given, received_on=DAY)
        whose = {"allocation": "pb-hv", "activity": "SUA", "communes": [], "decision_sha256": SHA, "fund": "sua"}
        aside = posting(40, "fund:sua", "allocated:pb-hv", MILK)
        self._say("allocated", "allocated", aside, **whose, amount=_of(40, MILK), allocated_on=DAY)
        out = (posting(30, "allocated:pb-hv", "handed:xk-hv", MILK), posting(30, "stock:KHO", "advance:xa", MILK))
        issue = {"allocation": "pb-hv", "holder": "xa", "issue": "xk-hv", "store": "stock:KHO"}
        self._say("issued", "goods_issued", *out, **issue, amount=_of(30, MILK), issued_on=DAY)
        used = (posting(25, "handed:xk-hv", "used:pb-hv", MILK), posting(25, "advance:xa", "outside", MILK))
        reached = {"allocation": "pb-hv", "fund": "sua", "handed": "xk-hv", "holder": "xa", "scope": SCOPE}
        self._say("delivered", "delivered", *used, **reached, amount=_of(25, MILK), delivered_on=DAY)

    def _straight(self, name: str, allocation: str, donor: Record, *items: tuple[int, str]) -> None:
        given = [posting(n, "donors", f"used:{allocation}", of) for n, of in items]
        said = {"allocation": allocation, "donor": donor, "evidence_sha256": SHA, "fund": "sua", "scope": SCOPE}
        listed = [{"goods": of, "quantity": n} for n, of in items]
        self._say(name, "goods_given_directly", *given, **said, given_on=DAY, items=listed)

    def _undo(self, name: str, what: str) -> None:
        body = self._records[self.at[what]]
        undone = json.loads(body)["postings"]
        back = [{**one, "source": one["destination"], "destination": one["source"]} for one in undone]
        said = {"leaf": leaf(body).hex(), "reversed": self.at[what], "undone_postings": undone}
        self._say(name, "reversed", *back, **said, reversed_on=DAY, why="Nhập nhầm")

    def _found(self) -> None:
        came = (posting(3, "found", "fund:chung", COAT), posting(3, "outside", "stock:KHO", COAT))
        said = {"fund": "chung", "minutes_sha256": SHA, "store": "stock:KHO"}
        self._say("found", "stock_found", *came, **said, amount=_of(3, COAT), found_on=DAY)

    def _exchanged(self) -> None:
        """300,000 đồng become 12 dollars, of which 5 are spent."""
        moved = (
            posting(300_000, "fund:sua", "exchange-purpose"),
            posting(300_000, "bank:VCB", "exchange-place"),
            posting(1_200, "exchange-purpose", "fund:sua", "USD"),
            posting(1_200, "exchange-place", "bank:USD", "USD"),
        )
        said = {"amount": _of(300_000, "VND"), "bought": _of(1_200, "USD"), "bought_parts": [], "parts": []}
        said |= {"fund": "sua", "place": "bank:VCB", "rate_source": "VCB", "to_place": "bank:USD"}
        self._say("exchanged", "currency_exchanged", *moved, **said, exchanged_on=DAY)
        self._spend("dollars", 500, "USD", "sua", "bank:USD")

    def _varied(self, gift: int) -> None:
        """100,000 of a gift for milk go to another fund, which spends 60,000."""
        said = {"consent_sha256": SHA, "fund": "sua", "gift": gift, "to_fund": "thieu"}
        moved = posting(100_000, "fund:sua", "fund:thieu")
        self._say("varied", "restriction_varied", moved, **said, amount=_of(100_000, "VND"), varied_on=DAY)
        self._spend("papers", 60_000, "VND", "thieu", "bank:VCB")

    def _spend(self, name: str, minor: int, unit: str, fund: str, place: str) -> None:
        paid = (posting(minor, f"fund:{fund}", f"costs:{fund}", unit), posting(minor, place, "outside", unit))
        said = {"amount": _of(minor, unit), "fund": fund, "parts": [], "place": place}
        self._say(name, "management_spent", *paid, **said, spent_on=DAY, what="Giấy")


SHA = "5e" * 32
SCOPE = {"activity": "DOAM", "commune": "11500@2019-01-01", "heads": 30}


def trace(minor: int, unit: str, fund: str, uses: Sequence[tuple[int, int]] = (), back: int = 0) -> Record:
    """What a bundle says: (record, how much) for each use; what is neither used nor given back lies in the fund."""
    left = minor - back - sum(n for _, n in uses)
    held = [{"account": f"fund:{fund}", "goods": {}, "minor": left, "unit": unit}]
    return {
        "amount": _of(minor, unit),
        "fund": fund,
        "held": held if left else [],
        "refunded_minor": back,
        "uses": [{"goods": {}, "index": index, "minor": n, "unit": unit} for index, n in uses],
    }


def _of(minor: int, unit: str) -> Record:
    return {"minor": minor, "unit": unit}


def _donor(tag: str, *, named: bool = False) -> Record:
    message = f"{tag}\0name\0{OPENING['value']}".encode()
    commitment = hmac.new(bytes.fromhex(OPENING["r"]), message, hashlib.sha256).hexdigest()
    return {"seals": [{"commitment": commitment, "field": "name"}] if named else [], "tag": tag}
