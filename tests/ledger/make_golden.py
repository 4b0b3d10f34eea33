"""Writes the golden files that are missing: `python -m tests.ledger.make_golden`. Never overwrites one.

A golden file is a promise to whoever kept a book with that release. When one no longer fits, the program
is wrong, not the file.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.book import Recorded
from ledger.entries.book import KEY
from ledger.log import canonical
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import Frontier, leaf_hash
from ledger.record import decode
from ledger.registers import decode_value
from tests.ledger.replayed import balances_of, registers_digest, replayed
from tests.ledger.saying import bodies, first_year, next_key, second_year
from tests.ledger.story3 import third_year
from tests.worlds import World

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
RECORDS = GOLDEN / "records"
BOOKS: dict[str, Callable[[World], None]] = {"book-0.1": first_year, "book-0.2": second_year, "book-0.3": third_year}


class Teller(World):
    """Gives every request its reference and its own randomness, so that what one kind draws moves no other."""

    def say(self, kind: str, **fields: Any) -> Recorded:
        self.numbers += 1
        dice = self.home._random
        dice.seed, dice.drawn = f"story/{self.numbers}", 0
        asked = {"entry": {"kind": kind, **fields}, "reference": f"{self.numbers}"}
        return self.open.requests.submit([asked], "ke-toan")[0]


def told(path: Path, database: str | None, book: str) -> tuple[list[bytes], bytes]:
    """A story's records and the checkpoint signed over them by the key then in force, told anew."""
    world = Teller.create(path / "home", database)
    try:
        BOOKS[book](world)
        story = bodies(world)
        keys = {key.vkey: key for key in (world.open.signer.key(), next_key(world), next_key(world, 2))}
        key = keys[key_in_force(story)]
        root = Frontier().extend([leaf_hash(body) for body in story]).root()
        return story, sign_checkpoint(Checkpoint(key.name, len(story), root), key)
    finally:
        world.home.close()


def key_in_force(story: list[bytes]) -> str:
    """The verifier key that signs the book after its last record."""
    replaced = replayed(story).registers.get(KEY)
    return str(decode(story[0]).entry.public_key if replaced is None else decode_value(replaced)["vkey"])


def sums(story: list[bytes]) -> dict[str, object]:
    """What the records add up to."""
    state = replayed(story)
    root = Frontier().extend([leaf_hash(body) for body in story]).root()
    return {
        "size": state.size,
        "root": root.hex(),
        "balances": balances_of(state),
        "registers_sha256": registers_digest(state),
    }


def main() -> None:
    """Writes what is missing and names it."""
    files: dict[Path, bytes] = {}
    for book in BOOKS:
        with tempfile.TemporaryDirectory() as folder:
            story, checkpoint = told(Path(folder), None, book)
        assert all(b"\n" not in body and canonical.decode(body) for body in story)
        for body in story:
            files.setdefault(RECORDS / f"{decode(body).entry.kind}.json", body)
        files[GOLDEN / book / "bodies.jsonl"] = b"".join(body + b"\n" for body in story)
        files[GOLDEN / book / "checkpoint"] = checkpoint
        files[GOLDEN / book / "sums.json"] = json.dumps(sums(story), ensure_ascii=False, indent=1).encode() + b"\n"
    for path, data in files.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(path.relative_to(GOLDEN))


if __name__ == "__main__":
    main()
