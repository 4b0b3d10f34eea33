"""Accounts and postings: where an amount moves from, where it moves to.

Two views stand in every record, each moving amounts between its own accounts only. **Purpose** (theo nguồn) says what
money is for; **place** (theo nơi giữ) says where it lies. At every index, for every unit, what the
purpose view holds equals what the place view holds. **Pledges** and **lots** are a memo beside them.

| account | view | held | means |
|---|---|---|---|
| `donors` | purpose | no | where gifts come from and refunds go to |
| `senders` | purpose | no | whoever sent or took money not yet explained, or sent it by mistake |
| `interest` | purpose | no | the bank, as a source of interest |
| `brought` | purpose | no | the books kept before this one |
| `found` | purpose | no | what a count found beyond the books |
| `suspense:<line>` | purpose | yes | one statement line not yet explained; negative for money that left |
| `mistaken:<line>` | purpose | yes | money sent by mistake, owed to its sender |
| `fund:<fund>` | purpose | yes | a restricted pool (nguồn) |
| `allocated:<allocation>` | purpose | yes | set aside by a decision |
| `ordered:<order>` | purpose | yes | reserved by a payment order, not yet paid |
| `handed:<order or issue>` | purpose | yes | paid or issued to a holder who has not accounted for it yet |
| `shortfall:<fund>` | purpose | yes | zero or negative: what facts took that the fund did not have |
| `used:<allocation>` | purpose | no | reached those it was for |
| `costs:<fund>` | purpose | no | fees and management |
| `lost:<fund or allocation>` | purpose | no | written off: expired, broken, stolen |
| `exchange-purpose` | purpose | no | through which money becomes goods |
| `outside` | place | no | everybody else |
| `bank:` `cash:` `stock:<code>` | place | yes | the organisation's own places |
| `transit:<code>` | place | yes | left one own account, not yet in the other |
| `advance:<holder>` | place | yes | in a commune's, officer's or supplier's hands, not yet settled |
| `exchange-place` | place | no | the other side of `exchange-purpose` |
| `promised` | memo | no | donors' promises |
| `pledge:<pledge>` | memo | no | what one pledge still promises |
| `lots` | memo | no | where lots of goods come from and go to |
| `lot:<lot>` | memo | no | pieces of one lot that lie in a store |
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

import msgspec

from ledger.money import Amount

CODE = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
Code = Annotated[str, msgspec.Meta(pattern=f"^{CODE}$(?!\n)")]
# Only the length is held here: `is_known` holds the form, once per account and not once per posting.
Account = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
# A place is named with its root: `bank:VCB-1`.
Place = Annotated[str, msgspec.Meta(pattern=f"^(?:bank|cash|stock):{CODE}$(?!\n)")]
MoneyPlace = Annotated[str, msgspec.Meta(pattern=f"^(?:bank|cash):{CODE}$(?!\n)")]
BankPlace = Annotated[str, msgspec.Meta(pattern=f"^bank:{CODE}$(?!\n)")]
CashPlace = Annotated[str, msgspec.Meta(pattern=f"^cash:{CODE}$(?!\n)")]
StockPlace = Annotated[str, msgspec.Meta(pattern=f"^stock:{CODE}$(?!\n)")]


class AccountView(StrEnum):
    """The three views; a posting never leaves its own."""

    PURPOSE = "purpose"
    PLACE = "place"
    MEMO = "memo"


_ROOTS: dict[str, tuple[AccountView, bool]] = {
    **dict.fromkeys(
        ("donors", "senders", "interest", "brought", "found", "used", "costs", "lost", "exchange-purpose"),
        (AccountView.PURPOSE, False),
    ),
    **dict.fromkeys(
        ("suspense", "mistaken", "fund", "allocated", "ordered", "handed", "shortfall"),
        (AccountView.PURPOSE, True),
    ),
    **dict.fromkeys(("outside", "exchange-place"), (AccountView.PLACE, False)),
    **dict.fromkeys(("bank", "cash", "stock", "transit", "advance"), (AccountView.PLACE, True)),
    **dict.fromkeys(("promised", "pledge", "lots", "lot"), (AccountView.MEMO, False)),
}


_WITHOUT_CODE = {
    "donors",
    "senders",
    "interest",
    "brought",
    "found",
    "exchange-purpose",
    "outside",
    "exchange-place",
    "promised",
    "lots",
}


class Posting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A positive amount moving from a source account to a destination account of the same view."""

    amount: Amount
    destination: Account
    source: Account

    def swapped(self) -> "Posting":
        """The same amount moving back."""
        return Posting(self.amount, destination=self.source, source=self.destination)


def move(amount: Amount, source: str, destination: str) -> Posting:
    """A posting, in the order people say it."""
    return Posting(amount, destination, source)


def root(account: str) -> str:
    """`fund` of `fund:milk-2026`."""
    return account.partition(":")[0]


def code(account: str) -> str:
    """`milk-2026` of `fund:milk-2026`."""
    return account.partition(":")[2]


# Every posting asks these three, and a book posts to few accounts at a time.
@lru_cache(maxsize=65_536)
def is_known(account: str) -> bool:
    """Whether the account is one of the table above: its root, and a code where the root has one."""
    name, colon, rest = account.partition(":")
    return name in _ROOTS and (re.fullmatch(CODE, rest) is not None if colon else name in _WITHOUT_CODE)


@lru_cache(maxsize=65_536)
def view_of(account: str) -> AccountView:
    """The view an account belongs to; KeyError for a root not in the table."""
    return _ROOTS[root(account)][0]


@lru_cache(maxsize=65_536)
def is_held(account: str) -> bool:
    """Whether the account's balance is something the organisation has in its hands."""
    return _ROOTS[root(account)][1]


def held_by_view(balances: "dict[tuple[str, str], int]") -> dict[str, tuple[int, int]]:
    """Per unit: what the purpose view holds and what the place view holds (`minor`). The two must be equal."""
    sums: dict[str, tuple[int, int]] = {}
    for (account, unit), minor in balances.items():
        if not is_known(account) or not is_held(account):
            continue
        purpose, place = sums.get(unit, (0, 0))
        if view_of(account) is AccountView.PURPOSE:
            purpose += minor
        else:
            place += minor
        sums[unit] = (purpose, place)
    return sums
