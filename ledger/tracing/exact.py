"""Whether the fold adds up to the book, lot by lot."""

from collections.abc import Mapping

import msgspec

from ledger.accounts import root
from ledger.tracing.fold import ROLES, Role, Tracing
from ledger.tracing.lots import SHORTFALL, End


class Inexact(msgspec.Struct, frozen=True):
    """A place where what is traced is not what the book says."""

    account: str
    unit: str
    traced: int
    balance: int


def check_exact(tracing: Tracing, balances: Mapping[tuple[str, str], int]) -> tuple[Inexact, ...]:
    """Wherever what is traced differs from the balances, or a lot from the sum of its places.

    It walks over all lots: for tests, and once at the end of an audit.
    """
    traced: dict[tuple[str, str], int] = {key: pool.total() for key, pool in tracing.pools.items()}
    for uses in tracing.uses.values():
        for use in uses.values():
            key = (use.facts.account, use.facts.unit)
            traced[key] = traced.get(key, 0) + sum(place.minor for place in use.lots.values())
    held = (Role.POOL, Role.SINK)
    expected = {key: minor for key, minor in balances.items() if ROLES.get(root(key[0])) in held}
    found = [
        Inexact(*key, traced.get(key, 0), expected.get(key, 0))
        for key in sorted(traced.keys() | expected.keys())
        if traced.get(key, 0) != expected.get(key, 0)
    ]
    for lot in tracing.known.values():
        counted = sum(place.minor for place in lot.at.values() if place.holder.counted)
        gone = tracing.gone.amount(lot)
        owed = sum(place.minor for place in lot.at.values() if not place.holder.counted) - gone
        all_of_it = owed if lot.source == SHORTFALL else lot.minor
        if counted + gone != all_of_it:
            found.append(Inexact(f"lot:{lot.source}-{lot.index}", lot.unit, counted + gone, all_of_it))
        backing = lot.backing
        if backing is not None and not gone:
            free = sum(end - start for start, end in backing.free)
            pieces = sum(place.minor for place in lot.at.values() if not isinstance(place.holder, End))
            if free != pieces:
                found.append(Inexact(f"pieces:{lot.index}", lot.unit, free, pieces))
            seats = sum(minor for _, minor in backing.seats)
            backed = sum(place.minor for place in backing.lots.values())
            if seats != backed:
                found.append(Inexact(f"seats:{lot.index}", lot.unit, seats, backed))
    return tuple(found)
