"""What came with 0.3, family by family: the golden book of 0.3, never changed, only followed by another."""

from tests.ledger.story3 import aid, book, catalogue, clock, gifts, goods, reporting, trace
from tests.worlds import World

FAMILIES = (trace, aid, catalogue, gifts, goods, clock, reporting, book)
"""In this order: the policies of the last bind what comes after."""


def third_year(world: World) -> None:
    """Every family's story in one book."""
    for family in FAMILIES:
        family.tell(world)
