"""The rule by which next year's money of one fund is followed."""

from tests.worlds import TODAY, World


def tell(world: World) -> None:
    """Said once, for the year to come."""
    world.say("tracing_set", fund="chung", rule="pro_rata", year=TODAY.year + 1)
