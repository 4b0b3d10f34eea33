"""Three witnesses for the audit's tests, of whom two are enough, and their signatures on a book's checkpoints."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection

from ledger.log.cosignature import CosigningKey
from ledger.log.note import split_note
from ledger.log.policy import Policy, parse_policy
from ledger.store import read, tables
from ledger.store.append import keep_cosignature
from ledger.store.engine import writing
from tests.worlds import World

WITNESSES = tuple(CosigningKey.from_seed(f"{name}.example.org", bytes([n] * 32)) for n, name in enumerate("abc", 1))
LINES = (
    *(f"witness {key.name.partition('.')[0]} {key.vkey}" for key in WITNESSES),
    "group enough 2 a b c",
    "quorum enough",
)


def policy_of(keys: Iterable[CosigningKey] = WITNESSES, needed: int = 2) -> Policy:
    """An auditor's own policy: so many of these keys."""
    named = {f"w{number}": key for number, key in enumerate(keys)}
    lines = [f"witness {name} {key.vkey}" for name, key in named.items()]
    return parse_policy("\n".join([*lines, f"group enough {needed} {' '.join(named)}", "quorum enough"]) + "\n")


POLICY = policy_of()


def cosigned(note: bytes, at: int, keys: Iterable[CosigningKey] = WITNESSES[:2]) -> str:
    """The lines of these witnesses on a checkpoint."""
    text = split_note(note)[0].encode()
    return "".join(key.cosign(text, at).line() for key in keys)


def seconds(moment: datetime) -> int:
    """POSIX seconds."""
    return int(moment.astimezone(UTC).timestamp())


def witness(
    world: World, db: Connection, *, keys: Iterable[CosigningKey] = WITNESSES[:2], at: int | None = None
) -> None:
    """These witnesses sign the newest checkpoint, now or at a time given."""
    note = read.newest_checkpoint(db, world.open.code)
    assert note is not None
    size = int(note.split("\n")[1])
    for key in keys:
        line = cosigned(note.encode(), seconds(world.clock.moment) if at is None else at, [key])
        keep_cosignature(db, world.open.code, size, key.name, line)


def checkpoint_and_witness(world: World) -> None:
    """A checkpoint, seen by two of the three witnesses at once."""
    world.open.checkpointer.run()
    with writing(world.open.engine) as db:
        witness(world, db)


def unwitnessed(db: Connection, size: int) -> None:
    """Takes the lines above a size out of the table."""
    db.execute(tables.cosignatures.delete().where(tables.cosignatures.c.size > size))
